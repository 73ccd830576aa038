"""The gates while an application writes to both sides without pause: what is under way is nobody's fault."""

import threading

import pytest
import yaml
from confluent_kafka import Producer

from records import commit_group, create_topic

pytestmark = pytest.mark.real


class Shop(threading.Thread):
    """Writes each order to both clusters, until told to stop."""

    def __init__(self, pair, topic):
        super().__init__(daemon=True)
        self.producers = [Producer({"bootstrap.servers": cluster.bootstrap, "linger.ms": 5}) for cluster in pair]
        self.topic, self.over = topic, threading.Event()

    def run(self):
        i = 0
        while not self.over.wait(0.02):
            for i in range(i, i + 30):
                for producer in self.producers:
                    producer.produce(self.topic, key=f"key-{i % 20}", value=f"order-{i}", partition=i % 20 % 4,
                                     timestamp=1_700_000_000_000 + i)
            i += 1
            for producer in self.producers:
                producer.poll(0)
        for producer in self.producers:
            producer.flush(30)
        self.producers.clear()      # or they outlive the brokers, and say so


def test_gates_stay_open_under_load(pair, topic, interlock, tmp_path):
    for cluster in pair:
        create_topic(cluster, topic, 4)
    shop = Shop(pair, topic)
    shop.start()
    try:
        commit_group(pair.source, f"{topic}-g", topic, {0: 5, 1: 5, 2: 0, 3: 0})
        (tmp_path / "exit.yaml").write_text(yaml.safe_dump({
            "exit": "live", "source": pair.source.bootstrap, "target": pair.target.bootstrap,
            "families": [{"name": "orders", "class": "rehearsal", "pattern": "dual-write", "topics": [topic],
                          "groups": [f"{topic}-g"], "owners": {"decision": "lead@example.org"}}]}))
        for _ in range(5):
            result = interlock.run("check", "--json", "--gate", "parity", "--gate", "progress", folder=tmp_path, status=0)
            assert result.verdict == "open", result
    finally:
        shop.over.set()
        shop.join(60)
