"""The client floor against real Kafka, through its probe: what it is told, and what it makes of brokers that die, stop,
forget, and logs that are cut."""

import subprocess
import threading
import time

import pytest

from kafka_cluster import ROOT
from records import (commit_group, create_topic, delete_records, delete_topic, produce, record, settings, stream,
                     transaction)

pytestmark = pytest.mark.real
PROBE = ROOT / "build" / "test" / "unit" / "client_probe"


def ask(cluster, *words, status=0, timeout=60):
    """The probe's answer, as lines."""
    where = str(getattr(cluster, "bootstrap", cluster))
    done = subprocess.run([PROBE, where, *map(str, words)], capture_output=True, text=True, timeout=timeout)
    assert done.returncode == status, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout.splitlines()


class Tail:
    """The probe following a topic, for `seconds`; events and counts as they come."""

    def __init__(self, cluster, topic, seconds, committed=False):
        words = [PROBE, cluster.bootstrap, "tail", topic, str(seconds), *(["committed"] if committed else [])]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.lines = []
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip())

    def until(self, condition, timeout=60):
        deadline = time.monotonic() + timeout
        while not condition(self):
            assert time.monotonic() < deadline and self.process.poll() is None, "\n".join(self.lines[-30:])
            time.sleep(0.1)

    @property
    def records(self):
        counts = [int(line.split()[1]) for line in self.lines if line.startswith("records ")]
        return counts[-1] if counts else 0

    def events(self, kind):
        return [line for line in self.lines if line.startswith(f"event {kind} ")]

    def end(self):
        self.process.terminate()
        self.process.wait(30)
        self.reader.join()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


@pytest.fixture(params=["3.9.1", "4.3.1"])
def either(request, source, target):
    return source if request.param == "3.9.1" else target


def test_what_a_cluster_tells(either, topic):
    create_topic(either, topic, 3, retention_ms=7200000)
    produce(either, topic, stream(100, partitions=3))
    assert any(line.startswith("feature metadata.version ") for line in ask(either, "cluster"))
    lines = ask(either, "topics", topic)
    assert f"topic {topic} id known partitions 3 NONE" in lines
    configs = ask(either, "configs", topic)
    assert "  retention.ms=7200000 (topic)" in configs
    assert any(line.endswith("(default)") for line in configs)
    assert any(f"  {topic}-2 on 1: " in line for line in ask(either, "dirs", topic))
    assert ask(either, "quorum")[0].startswith("quorum leader 1 ")
    assert ask(either, "acls") == ["0 acls, no authoriser"]
    ends = ask(either, "ends", topic)
    assert len(ends) == 3 and all(" err 0" in line for line in ends)


def test_a_topic_that_is_not_there_is_not_made(either, topic):
    lines = ask(either, "topics", topic)
    assert lines == [f"topic {topic} id none partitions 0 UNKNOWN_TOPIC_OR_PARTITION"]
    assert lines == ask(either, "topics", topic)


def test_old_protocol(old_cluster):
    assert "created with id" in ask(old_cluster, "create", "old-topic", 2)
    assert ask(old_cluster, "put", "old-topic", 0, "a", "b") == ["offset 0", "offset 1"]
    assert any("Apache Kafka 3.0 and later do" in line for line in ask(old_cluster, "transactions", status=1))


def test_groups_with_and_without_members(either, topic):
    from confluent_kafka import Consumer
    create_topic(either, topic, 2)
    produce(either, topic, [record(b"k", b"v", partition=p) for p in (0, 1, 1)])
    commit_group(either, f"{topic}-idle", topic, {0: 1, 1: 2})
    lines = ask(either, "group", f"{topic}-idle")
    assert "state Empty" in lines[0]
    assert any(line.startswith(f"  {topic}-1 2 ") for line in lines)
    assert ask(either, "commit", f"{topic}-idle", topic, 1, 1) == ["committed"]
    assert any(line.startswith(f"  {topic}-1 1 ") for line in ask(either, "group", f"{topic}-idle"))
    assert "err -16" in ask(either, "group", f"{topic}-none")[0]
    kinds = ["classic"] if either.version.startswith("3") else ["classic", "consumer"]
    for kind in kinds:
        more = {"group.protocol": "consumer"} if kind == "consumer" else {}
        group = f"{topic}-{kind}"
        consumer = Consumer(settings(either, **{"group.id": group, "auto.offset.reset": "earliest",
                                                "client.id": "a-client", **more}))
        try:
            consumer.subscribe([topic])
            deadline = time.monotonic() + 30
            while len(consumer.assignment()) < 2 and time.monotonic() < deadline:
                consumer.poll(0.2)
            lines = ask(either, "group", group)
            assert f"state Stable type {kind}" in lines[0]
            member = next(line for line in lines if line.startswith("  member "))
            assert f"client a-client host /127.0.0.1 topics {topic} assigned" in member
            assert f"{topic}-0" in member and f"{topic}-1" in member
            assert any(line.startswith(f"group {group} consumer state Stable") for line in ask(either, "groups"))
            refused = ask(either, "commit", group, topic, 0, 0, status=1)
            assert "active members" in refused[0]
        finally:
            consumer.close()


def test_transactions_are_seen_open_and_decided(either, topic):
    create_topic(either, topic, 1)
    produce(either, topic, [record(b"k", b"v", partition=0)])
    with transaction(either, f"{topic}-tx") as t:
        t.produce(topic, record(b"k", b"v1"), record(b"k", b"v2"))
        assert any(f"  {topic}-tx Ongoing" in line for line in ask(either, "transactions"))
        assert any("open since 1" in line for line in ask(either, "producers", topic))
        assert ask(either, "ends", topic)[0].split()[2] == "1"  # the last stable offset
        with Tail(either, topic, 60, committed=True) as tail:
            tail.until(lambda t: t.records == 1)
            t.abort()
            tail.until(lambda t: t.records == 3)  # the aborted ones come too, and are named
            tail.until(lambda t: any(" aborted " in line and " aborted 0 " not in line for line in t.lines))


def test_what_is_denied_says_so(secure, login, topic):
    create_topic(secure, topic, 1)
    file = login(secure, "SASL", mechanism="SCRAM-SHA-512")
    assert ask(file, "topics", topic)[0].endswith("TOPIC_AUTHORIZATION_FAILED")
    for words in (["acls"], ["scram"], ["quotas"]):
        assert "CLUSTER_AUTHORIZATION_FAILED" in ask(file, *words, status=1)[0]
    assert "  alice mechanism 1 iterations 4096" in ask(secure, "scram") or \
        any(line.startswith("  alice mechanism 1") for line in ask(secure, "scram"))


def test_a_topic_made_again_is_another_topic(either, topic):
    create_topic(either, topic, 1)
    produce(either, topic, stream(50, partitions=1))
    with Tail(either, topic, 90) as tail:
        tail.until(lambda t: t.records == 50)
        delete_topic(either, topic)
        create_topic(either, topic, 1)
        tail.until(lambda t: t.events("RECREATED") or t.events("MISSING"), 60)
        assert not tail.events("MISSING")


def test_a_log_start_that_moves_is_told(either, topic):
    create_topic(either, topic, 1)
    produce(either, topic, stream(50, partitions=1), batch=10)
    delete_records(either, topic, {0: 20})
    with Tail(either, topic, 60) as tail:
        tail.until(lambda t: t.records == 30)
        assert "offset 20 " in tail.events("LOG_START_MOVED")[0]


class Load:
    """Acknowledged records, one after the other, whatever happens to the brokers."""

    def __init__(self, cluster, topic, partitions):
        from confluent_kafka import Producer
        self.client = Producer(settings(cluster, **{"acks": "all", "enable.idempotence": True,
                                                    "message.timeout.ms": 60000}))
        self.topic, self.partitions, self.acknowledged, self.refused = topic, partitions, 0, 0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _delivered(self, error, _message):
        self.acknowledged += error is None
        self.refused += error is not None

    def _run(self):
        index = 0
        while not self.stopping.is_set():
            self.client.produce(self.topic, b"%d" % index, partition=index % self.partitions, callback=self._delivered)
            index += 1
            self.client.poll(0.005)

    def end(self):
        self.stopping.set()
        self.thread.join()
        assert self.client.flush(60) == 0
        assert self.refused == 0
        return self.acknowledged


@pytest.mark.parametrize("version", ["4.0.0", "4.3.1"])
def test_reading_while_brokers_are_killed_paused_and_restarted(new_cluster, topic, version):
    cluster = new_cluster(version, nodes=3)
    create_topic(cluster, topic, 3)
    load = Load(cluster, topic, 3)
    with Tail(cluster, topic, 170) as tail:
        tail.until(lambda t: t.records > 50)
        cluster.kill(2)
        seen = tail.records
        tail.until(lambda t: t.records > seen + 200)
        cluster.start_node(2)
        cluster.pause(1)
        time.sleep(6)
        cluster.resume(1)
        seen = tail.records
        tail.until(lambda t: t.records > seen + 200)
        cluster.restart(3)
        seen = tail.records
        tail.until(lambda t: t.records > seen + 100)
        total = load.end()
        tail.until(lambda t: t.records >= total)
        time.sleep(1)
        assert tail.records == total  # none lost, none twice
        for kind in ("TRUNCATED", "LOG_START_MOVED", "RECREATED", "MISSING", "REFUSED"):
            assert not tail.events(kind)


def test_a_truncated_log_is_told(new_cluster, topic):
    """A leader that lacks the last records: they were read, and then they were gone."""
    cluster = new_cluster("4.3.1", nodes=3, overrides={"replica.lag.time.max.ms": 2000,
                                                       "unclean.leader.election.enable": "true",
                                                       "min.insync.replicas": 1})
    cluster.tool("org.apache.kafka.tools.TopicCommand", "--create", "--topic", topic, "--replica-assignment", "1:2",
                 "--config", "min.insync.replicas=1", "--config", "unclean.leader.election.enable=true")
    produce(cluster, topic, stream(100, partitions=1))
    with Tail(cluster, topic, 150) as tail:
        tail.until(lambda t: t.records == 100)
        cluster.kill(2)
        produce(cluster, topic, stream(60, partitions=1, start=100))
        tail.until(lambda t: t.records == 160)
        cluster.kill(1)
        cluster.start_node(2, wait=False)
        tail.until(lambda t: t.events("TRUNCATED"), 90)
        assert "offset 100 " in tail.events("TRUNCATED")[0]
