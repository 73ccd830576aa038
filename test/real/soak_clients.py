"""Longer plays of other people's programs on Interlock's own broker: Kafka Streams killed in the middle, Kafka Connect, MirrorMaker 2
into it and out of it.  `make soak` runs them; CLIENTS_ON=kafka puts Streams and Connect on Apache Kafka 4.3.1."""

import collections
import functools
import json
import os
import random
import shutil
import subprocess
import time
import urllib.error
import urllib.request

import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import NewTopic

import patience
from broker import Broker
from kafka_cluster import CACHE, Jars, free_ports
from records import create_topic, produce, stream, write_both

STREAMS = CACHE / "lib-streams"
until = functools.partial(patience.until, timeout=180)


def java(log, main, *words):
    command = Jars("4.3.1").command(main, *map(str, words), heap="256m")
    command[command.index("-cp") + 1] += f":{STREAMS}:{STREAMS}/*"
    with log.open("ab") as out:
        return subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL)


def end(process):
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def committed(broker, topic, partitions):
    """Key -> values in order, as a reader of committed records sees them."""
    reader = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": f"{topic}-judge", "isolation.level": "read_committed",
                       "enable.partition.eof": True, "enable.auto.commit": False})
    reader.assign([TopicPartition(topic, p, 0) for p in range(partitions)])
    found, ended = collections.defaultdict(list), 0
    while ended < partitions:
        message = reader.poll(20)
        assert message is not None
        if message.error():
            assert message.error().code() == KafkaError._PARTITION_EOF
            ended += 1
        else:
            found[(message.key() or b"").decode()].append(message.value().decode())
    reader.close()
    return found


def create(broker, *topics):
    for name, made in broker.admin().create_topics([NewTopic(t, 3, 1) for t in topics]).items():
        made.result(30)
        assert name


def test_streams_counts_exactly_once_through_a_kill(own_broker, topic, tmp_path):
    lines, counts = f"{topic}-lines", f"{topic}-counts"
    create(own_broker, lines, counts)
    chance, wanted = random.Random(1), collections.Counter()
    producer = Producer({"bootstrap.servers": own_broker.bootstrap})

    def write(count):
        for i in range(count):
            words = chance.choices([f"w{k}" for k in range(20)], k=5)
            wanted.update(words)
            producer.produce(lines, " ".join(words), key=str(i))
        assert producer.flush(30) == 0

    def counted():
        return {word: int(values[-1]) for word, values in committed(own_broker, counts, 3).items()}

    def start():
        return java(tmp_path / "log", "WordCount", own_broker.bootstrap, lines, counts, tmp_path / "state")

    write(2000)
    process = start()
    try:
        for _ in range(2):
            before = sum(counted().values())
            write(1000)
            until(lambda b=before: sum(counted().values()) > b)
            process.kill()          # in the middle of whatever it does
            process.wait()
            write(1000)
            process = start()
        until(lambda: sum(counted().values()) >= sum(wanted.values()))
    finally:
        end(process)
    assert counted() == dict(wanted)
    for values in committed(own_broker, counts, 3).values():
        numbers = [int(v) for v in values]
        assert numbers == sorted(set(numbers))      # no count is told twice, none goes back


@pytest.mark.parametrize("once", ["enabled", "disabled"])
def test_connect_copies_a_file_through_a_topic(own_broker, topic, tmp_path, once):
    """Distributed: configs, positions and status in topics of three copies, compacted; source and sink; kills in the middle.
    With exactly-once sources (KIP-618) a line and the place behind it are one transaction, and the topic holds each once."""
    port, = free_ports(1)
    create(own_broker, topic)
    string = "org.apache.kafka.connect.storage.StringConverter"
    settings = {"bootstrap.servers": own_broker.bootstrap, "group.id": topic, "key.converter": string, "value.converter": string,
                "listeners": f"http://127.0.0.1:{port}", "offset.flush.interval.ms": 500, "scheduled.rebalance.max.delay.ms": 0, "plugin.discovery": "only_scan",
                "consumer.auto.offset.reset": "earliest", "consumer.isolation.level": "read_committed",
                "exactly.once.source.support": once}
    for kind in ("config", "offset", "status"):
        settings[f"{kind}.storage.topic"] = f"{topic}-{kind}"
        settings[f"{kind}.storage.replication.factor"] = 3 if isinstance(own_broker, Broker) else 1
    file = tmp_path / "connect.properties"
    file.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
    source, sink = tmp_path / "in", tmp_path / "out"
    source.write_text("".join(f"line {i}\n" for i in range(500)))

    said = []

    def lines(count):
        return {f"line {i}" for i in range(count)}

    def post(name, **config):
        body = json.dumps({"name": name, "config": {key.replace("_", "."): str(value) for key, value in config.items()}})
        asked = urllib.request.Request(f"http://127.0.0.1:{port}/connectors", data=body.encode(),
                                       headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(asked, timeout=60) as answer:
                return answer.status == 201
        except urllib.error.HTTPError as refused:
            said.append(refused.read().decode())
        except OSError as failure:          # it does not listen yet
            said.append(str(failure))
        return False

    process = java(tmp_path / "log", "org.apache.kafka.connect.cli.ConnectDistributed", file)
    try:
        until(lambda: post("source", connector_class="org.apache.kafka.connect.file.FileStreamSourceConnector", topic=topic,
                           file=source, tasks_max=1), said=said)
        until(lambda: post("sink", connector_class="org.apache.kafka.connect.file.FileStreamSinkConnector", topics=topic, file=sink,
                           tasks_max=1), said=said)
        for last in (500, 800, 1100):
            until(lambda: sink.exists() and set(sink.read_text().splitlines()) == lines(last), said=said)
            with source.open("a") as more:
                more.write("".join(f"line {i}\n" for i in range(last, last + 300)))
            if last < 1100:
                time.sleep(random.uniform(0, 1.5))      # perhaps in the middle of those
                process.kill()
                process.wait()
                process = java(tmp_path / "log", "org.apache.kafka.connect.cli.ConnectDistributed", file)
        until(lambda: set(sink.read_text().splitlines()) == lines(1400), said=said)
    finally:
        end(process)
    if once == "enabled":
        assert sorted(v for some in committed(own_broker, topic, 3).values() for v in some) == sorted(lines(1400))


def test_a_topic_copied_into_our_broker_compares_open(source, own_broker, mirror, interlock, topic):
    copied_and_compared(source, own_broker, mirror, interlock, topic)


def test_a_topic_copied_out_of_our_broker_compares_open(own_broker, target, mirror, interlock, topic):
    copied_and_compared(own_broker, target, mirror, interlock, topic)


def copied_and_compared(origin, copy, mirror, interlock, topic):
    create_topic(origin, topic, replicas=1)
    produce(origin, topic, stream(2000))
    mirror(origin, copy, topics=topic)

    def there():
        if topic not in copy.admin().list_topics(timeout=20).topics:
            return False
        result = interlock.parity(origin, copy, topic, options=["--claim", "partition-order"])
        return result.status == 0 and result.verdict == "open"

    until(there)


def test_a_topic_written_twice_compares_open(own_broker, target, interlock, topic):
    write_both(own_broker, target, topic, stream(5000))
    result = interlock.parity(own_broker, target, topic, options=["--claim", "partition-order"], status=0)
    assert result.verdict == "open"


@pytest.mark.skipif(not (CACHE / "rust" / ".stamp").exists(), reason="there is no cargo, or no librdkafka-dev: script/peers rust")
def test_rdkafka_for_rust(own_broker, topic):
    """Every codec, a group's second member, exactly once from topic to topic with every second attempt aborted."""
    create(own_broker, topic, f"{topic}-copy")
    done = subprocess.run([CACHE / "rust" / "target" / "debug" / "rustplay", own_broker.bootstrap, topic], capture_output=True,
                          text=True, timeout=1800, check=False)
    assert done.returncode == 0 and "is content" in done.stdout, (done.stdout, done.stderr[-4000:])


def test_the_tests_of_franz_go_itself(own_broker, root):
    """Groups under each balancer, static, cooperative and of the newer protocol, chained exactly once, members coming and going."""
    settings = {"KGO_SEEDS": own_broker.bootstrap, "KGO_TEST_RF": "1", "KGO_TEST_RECORDS": "20000", "KGO_TEST_MAX_TOPIC_PARTS": "7",
                "KGO_LOG_LEVEL": "none"}
    go = shutil.which("go") or str(next((CACHE / "venv").rglob("bin/go")))
    done = subprocess.run([go, "test", "-count=1", "-p", "1", "-timeout", "15m", "github.com/twmb/franz-go/pkg/kgo"],
                          cwd=root / "test" / "peer" / "go", env={**os.environ, **settings}, capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
