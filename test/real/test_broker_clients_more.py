"""Interlock's own broker under clients that are not the Java client: kafkajs, @platformatic/kafka, kcat, franz-go, kafka-go.

CLIENTS_ON=kafka runs the same tests on Apache Kafka 4.3.1: what passes there passes here."""

import json
import shutil
import subprocess

from kafka_cluster import CACHE


def node():
    """Node.js as script/peers found it: the machine's own, or pip's."""
    return (CACHE / "js" / ".node").read_text().strip()


def play(*command, folder=None, text=None, timeout=90):
    """A program to its end; what it printed."""
    done = subprocess.run(list(map(str, command)), cwd=folder, input=text, capture_output=True, text=True, timeout=timeout,
                          check=False)
    assert done.returncode == 0, (command, done.returncode, done.stdout[-4000:], done.stderr[-4000:])
    return done.stdout


def ordered(read, expected):
    """All of them, once, at growing offsets of their partition, and each key in the order of its values."""
    places = [(partition, int(offset)) for partition, offset, _, _ in read]
    assert len(set(places)) == len(places) and sorted((k, v) for _, _, k, v in read) == sorted(expected)
    for partition in {p for p, _ in places}:
        offsets = [offset for p, offset in places if p == partition]
        assert offsets == sorted(offsets)
    for key in {k for k, _ in expected}:
        assert [v for _, _, k, v in read if k == key] == [v for k, v in expected if k == key]


def written(count, text):
    return [(f"k{i % 7}", f"{text}{i}") for i in range(count)]


def test_kafkajs(own_broker, topic):
    saw = json.loads(play(node(), "kafkajs_play.mjs", own_broker.bootstrap, topic, folder=CACHE / "js"))
    assert (saw["created"], saw["again"], saw["retention"]) == (True, False, "100000")
    ordered(saw["read"], [*written(200, "plain"), *written(100, "gzip"), *written(10, "first"), *written(10, "last")])
    assert saw["groups"] == {"while": "Stable", "after": "Empty", "listed": saw["groups"]["listed"]}
    assert sorted(saw["groups"]["listed"]) == [topic, f"{topic}-moved"]
    assert saw["moved"] == str(len("last"))         # that of "lost" went with its transaction
    ends = dict(saw["ends"])
    assert sum(map(int, ends.values())) >= 320 and all(ends[p] >= o or o == "-1" for p, o in saw["positions"])
    assert {o for _, o in saw["byTime"]} == {"0"} and dict(saw["starts"])[0] == "5"
    assert saw["partitions"] == 5 and saw["left"] is False


def test_platformatic(own_broker, topic):
    saw = json.loads(play(node(), "platformatic_play.mjs", own_broker.bootstrap, topic, folder=CACHE / "js"))
    assert saw["created"] == 3 and "already exists" in saw["again"]
    assert (saw["retention"], saw["changed"]) == ("100000", "200000")
    codecs = ["none", "gzip", "snappy", "lz4", "zstd"][:saw["sent"] // 60]
    assert len(codecs) >= 4
    ordered(saw["read"], [pair for codec in codecs for pair in written(60, codec)])
    assert saw["groups"] == {"while": "STABLE", "after": "EMPTY", "listed": True}
    assert sorted(saw["positions"]) == sorted(saw["ends"])
    assert (saw["logs"], saw["deleted"], saw["partitions"], saw["left"]) == (3, ["1"], 5, False)


def test_kcat(own_broker, topic):
    name = shutil.which("kcat") or shutil.which("kafkacat")
    assert name, "no kcat: run script/setup"

    def kcat(*words, **how):
        return play(name, "-b", own_broker.bootstrap, *words, **how)

    lines = [f"k{i % 7}:v{i}" for i in range(500)]
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        kcat("-P", "-t", topic, "-K", ":", "-z", codec, "-X", "enable.idempotence=true", text="\n".join(lines) + "\n")
    shown = json.loads(kcat("-L", "-J", "-t", topic))
    assert shown["topics"][0]["topic"] == topic and shown["brokers"][0]["name"] == own_broker.bootstrap
    read = kcat("-C", "-t", topic, "-o", "beginning", "-e", "-q", "-f", "%p %o %k:%s\n").splitlines()
    assert sorted(line.split()[2] for line in read) == sorted(lines * 5)
    grouped = kcat("-G", topic, "-o", "beginning", "-X", "auto.offset.reset=earliest", "-c", "2500", "-q", topic)
    assert len(grouped.splitlines()) == 2500
    at = kcat("-Q", "-t", f"{topic}:0:-2")
    assert "offset 0" in at, at


def test_franz_go(own_broker, topic):
    """Every codec, groups under two balancers, exactly once from topic to topic; its own tests are for a soak."""
    play(CACHE / "bin" / "kgoplay", own_broker.bootstrap, topic)


def test_segmentio_kafka_go(own_broker, topic):
    play(CACHE / "bin" / "segmentio", own_broker.bootstrap, topic)
