"""What docs/broker.md tells an operator: starting and ending, backups, a full disk, and what it says when it does not start."""

import os
import re
import shutil
import signal
import subprocess
import time

import pytest
from confluent_kafka import KafkaError, Producer
from confluent_kafka.admin import NewTopic

from broker import Broker
from kafka_cluster import ROOT
from records import read_all

VALUES = [b"%06d" % number for number in range(2000)]


def fill(broker, topic="orders", values=VALUES):
    if topic not in broker.admin().list_topics(timeout=10).topics:
        broker.admin().create_topics([NewTopic(topic, 3, 1)])[topic].result(20)
    producer = Producer({"bootstrap.servers": broker.bootstrap, "linger.ms": 5, "enable.idempotence": True})
    told = []
    for value in values:
        producer.produce(topic, value, on_delivery=lambda error, message: told.append(error))
        producer.poll(0)
    assert producer.flush(30) == 0 and len(told) == len(values) and not any(told)


def values_of(broker, topic="orders"):
    return sorted(one.value() for part in read_all(broker, topic).values() for one in part)


@pytest.fixture(scope="module")
def closed(run_folder):
    """The folder of a broker that was ended in good order."""
    with Broker(run_folder / "operated") as broker:
        fill(broker)
        broker.stop()
        return broker.data


def copy_of(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "copy")


def refused(interlock, folder, status, *says):
    before = {path.relative_to(folder): path.stat().st_mtime_ns for path in (folder / "wal").glob("*")}
    ended = interlock.run("broker", "--data", folder, "--listen", "127.0.0.1:0", timeout=30, status=status)
    for words in says:
        assert words in ended.err, ended
    assert before == {path.relative_to(folder): path.stat().st_mtime_ns for path in (folder / "wal").glob("*")}


def test_a_cold_copy_is_a_backup(closed, tmp_path):
    with Broker(tmp_path, data=copy_of(closed, tmp_path)) as restored:
        assert values_of(restored) == VALUES
        fill(restored, values=[b"later"])       # and it goes on
        restored.stop()


def test_a_copy_of_one_instant_is_a_backup(run_folder, tmp_path):
    """As a snapshot takes it: everything that was acknowledged before is in it."""
    with Broker(run_folder / "snapped") as broker:
        fill(broker)
        broker.process.send_signal(signal.SIGSTOP)
        try:
            copy = copy_of(broker.data, tmp_path)
        finally:
            broker.process.send_signal(signal.SIGCONT)
        fill(broker, values=[b"after"])
    with Broker(tmp_path, data=copy) as restored:
        assert values_of(restored) == VALUES


def test_it_says_why_it_does_not_start(closed, interlock, tmp_path):
    def changed(change):
        copy = copy_of(closed, tmp_path)
        change(copy)
        return copy

    def rot(copy):
        log = sorted((copy / "wal").glob("0*.wal"))[0]
        with open(log, "r+b") as file:
            file.seek(4096 + 100)
            file.write(b"rotten")

    for change, status, says in (
            (rot, 2, ["damage at byte", "Nothing was changed"]),
            (lambda copy: shutil.rmtree(copy / "wal"), 2, ["wal: is not there", "Nothing was changed"]),
            (lambda copy: shutil.rmtree(copy / "objects"), 2, ["objects: is not there"]),
            (lambda copy: (copy / "metadata.db").unlink(), 78, ["belongs to another store"]),
            (lambda copy: (copy / "metadata.db").write_bytes(b"not a database" * 1000), 2, ["metadata.db"])):
        copy = changed(change)
        refused(interlock, copy, status, *says)
        shutil.rmtree(copy)
    with Broker(tmp_path / "running", data=copy_of(closed, tmp_path)) as broker:
        refused(interlock, broker.data, 75, "lock: another process holds it")
    refused(interlock, type(tmp_path)("/proc/nowhere"), 64, "cannot make the folder")


def test_what_was_given_up_by_advice(closed, interlock, tmp_path):
    """A damaged log moved away, as the message says: the broker starts, with what was before the damage."""
    copy = copy_of(closed, tmp_path)
    for log in (copy / "wal").glob("0*.wal"):
        log.unlink()
    with Broker(tmp_path, data=copy) as broker:
        assert set(values_of(broker)) < set(VALUES)
        fill(broker, "orders", [b"new"])
        assert b"new" in values_of(broker)
        broker.stop()


def test_words_that_it_does_not_know(interlock, tmp_path):
    (tmp_path / "broker.properties").write_text("num.partitons=3\nlog.retention.hour=2\nzookeeper.connect=none:2181\n")
    process = interlock.start("broker", "--data", tmp_path / "data", "--listen", "127.0.0.1:0", "--config",
                              tmp_path / "broker.properties", "--report", "10ms")
    line = process.stdout.readline()
    assert re.fullmatch(r"listening on 127\.0\.0\.1:[1-9]\d*, cluster [\w-]{22}\n", line), line
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    ended = interlock.finish(process, status=0, timeout=30)
    assert ended.out == ""
    assert "broker.properties:1: property 'num.partitons' has no effect in this version; the nearest one that has is " \
           "'num.partitions'" in ended.err
    assert "broker.properties:2" in ended.err and "'log.retention.hours'" in ended.err
    assert "broker.properties:3: property 'zookeeper.connect' has no effect in this version\n" in ended.err
    assert re.search(r"connections=0 .* wal_bytes_on_disk=\d+ .* disk_free_bytes=[1-9]\d* throttled=0\n", ended.err)


def test_every_property_has_its_sentence(interlock):
    page = interlock.run("manual", "broker-properties.md", status=0).out
    assert page == (ROOT / "docs" / "broker-properties.md").read_text(), \
        "write it anew: interlock manual broker-properties.md > docs/broker-properties.md"
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    bare = [row for row in rows if row.endswith("|  |")]
    assert len(rows) > 60 and not bare, f"a sentence for each in src/broker/property_help.c: {bare}"


def test_a_full_disk_stops_writes_and_nothing_else(run_folder, interlock, tmp_path):
    """A small disk of its own, filled by somebody else, and made room on."""
    disk = tmp_path / "disk"
    disk.mkdir()
    unshare = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    mount = f"mount -t tmpfs -o size=100m tmpfs '{disk}'"
    if not shutil.which("unshare") or subprocess.run([*unshare, "sh", "-c", mount], capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a small disk")
    broker = Broker(run_folder / "full", data=disk / "data")
    begin = broker.program.start
    broker.program.start = lambda *words, **how: begin(*words, before=[*unshare, "sh", "-c", f"{mount}; exec \"$@\"", "sh"], **how)
    with broker:
        inside = f"/proc/{broker.process.pid}/root{disk}"
        fill(broker, values=VALUES[:100])
        with open(f"{inside}/filler", "wb") as filler:
            try:
                while True:
                    filler.write(bytes(1 << 20))
                    filler.flush()
            except OSError:
                pass
        producer = Producer({"bootstrap.servers": broker.bootstrap, "message.timeout.ms": 4000, "log_level": 0})
        told, sent = [], 0
        while not any(told) and sent < 120:         # the segment at hand has room of its own
            for _ in range(4):
                producer.produce("orders", bytes(900_000), partition=0, on_delivery=lambda error, message: told.append(error))
            sent += 4
            producer.flush(10)
        assert any(error and error.code() in (KafkaError._MSG_TIMED_OUT, KafkaError.KAFKA_STORAGE_ERROR) for error in told), told
        assert set(values_of(broker)) >= set(VALUES[:100])
        os.unlink(f"{inside}/filler")
        fill(broker, values=[b"room again"])
        assert b"room again" in values_of(broker)
        acknowledged = sum(error is None for error in told) + 101
        assert len(values_of(broker)) >= acknowledged
        broker.stop()
    said = "".join(broker.said)
    assert "the disk is full: writes are refused" in said and "there is room on the disk again" in said
