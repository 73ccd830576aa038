"""The gates while an application writes to both sides without pause: what is under way is nobody's fault."""

import collections
import threading
import time

import pytest
import yaml
from confluent_kafka import Producer

from records import commit_group, create_topic, end_offsets

pytestmark = pytest.mark.real


class Shop(threading.Thread):
    """Writes each order of its own customers to both clusters, to the target so much later, until told to stop."""

    def __init__(self, pair, topic, name, lag):
        super().__init__(daemon=True)
        self.producers = [Producer({"bootstrap.servers": cluster.bootstrap, "linger.ms": 5}) for cluster in pair]
        self.topic, self.name, self.lag, self.over = topic, name, lag, threading.Event()

    def run(self):
        i, under_way = 0, collections.deque()
        while not self.over.wait(0.02):
            for i in range(i, i + 10):
                order = {"key": f"{self.name}-{i % 20}", "value": f"{self.name}-{i}", "partition": i % 20 % 4,
                         "timestamp": 1_700_000_000_000 + i}
                self.producers[0].produce(self.topic, **order)
                under_way.append((time.monotonic() + self.lag, order))
            i += 1
            self.mirror(under_way, time.monotonic())
        self.mirror(under_way, float("inf"))
        for producer in self.producers:
            producer.flush(30)
        self.producers.clear()      # or they outlive the brokers, and say so

    def mirror(self, under_way, now):
        while under_way and under_way[0][0] <= now:
            self.producers[1].produce(self.topic, **under_way.popleft()[1])
        for producer in self.producers:
            producer.poll(0)


def test_gates_stay_open_under_load(pair, topic, interlock, tmp_path):
    """Of three that overtake each other: what a group would read again is then not none, and what it would skip is."""
    for cluster in pair:
        create_topic(cluster, topic, 4)
    shops = [Shop(pair, topic, name, lag) for name, lag in (("anna", 0), ("ben", 0.1), ("cleo", 0.3))]
    for shop in shops:
        shop.start()
    try:
        (tmp_path / "exit.yaml").write_text(yaml.safe_dump({
            "exit": "live", "source": pair.source.bootstrap, "target": pair.target.bootstrap,
            "classes": {"overtaking": {"like": "rehearsal", "progress": {"reread": 1000}}},
            "families": [{"name": "orders", "class": "overtaking", "pattern": "dual-write", "topics": [topic],
                          "groups": [f"{topic}-g"], "owners": {"decision": "lead@example.org"}}]}))
        for number in range(5):
            commit_group(pair.source, f"{topic}-g", topic,
                         {p: end if number else 0 for p, end in end_offsets(pair.source, topic).items()})
            result = interlock.run("check", "--json", "--gate", "parity", "--gate", "progress", folder=tmp_path, status=0)
            assert result.verdict == "open", result
    finally:
        for shop in shops:
            shop.over.set()
        for shop in shops:
            shop.join(60)
