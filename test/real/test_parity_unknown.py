"""What cannot be decided is not called open: holes, open transactions, logs that change while they are read, brokers
that die; and a fault that is proved beats all of these."""

import os
import shutil
import signal
import struct
import subprocess
import time

import pytest

from expect import QUICK, expect_open, expect_shut, expect_unknown
from records import (create_topic, delete_records, delete_topic, end_offsets, produce, record, stream, transaction,
                     write_both)

pytestmark = pytest.mark.real
BASE = stream(400)


def follow(interlock, pair, topic, *options, **how):
    return interlock.start("parity", "--source", pair[0].bootstrap, "--target", pair[1].bootstrap, "--topic", topic,
                           "--json", "--follow", "--settle", "1s", *options, **how)


def test_a_topic_on_one_side_only(pair, topic, interlock):
    create_topic(pair.source, topic, 4)
    produce(pair.source, topic, BASE)
    result = expect_shut(interlock.parity(*pair, topic, options=QUICK), {}, codes=["TOPIC_MISSING"])
    assert result.topic()["records"]["source"] == 400
    assert topic not in pair.target.admin().list_topics(timeout=10).topics, "looking must not create"


def test_a_topic_that_nobody_has(pair, topic, interlock):
    for name in (topic, f"{topic}-*"):
        assert interlock.parity(*pair, name, options=QUICK).status == 64
    for cluster in pair:
        assert topic not in cluster.admin().list_topics(timeout=10).topics, "looking must not create"


def test_history_removed_on_one_side(pair, topic, interlock):
    write_both(*pair, topic, BASE)
    delete_records(pair.target, topic, {0: 30})
    expect_unknown(interlock.parity(*pair, topic, options=QUICK), "COVERAGE_HOLE")


def test_a_proved_fault_beats_a_hole(pair, topic, interlock):
    create_topic(pair.source, topic, 4)
    create_topic(pair.target, topic, 4)
    produce(pair.source, topic, BASE)
    gone = next(i for i, r in enumerate(BASE) if i > 300 and r.partition == 1)
    produce(pair.target, topic, [r for i, r in enumerate(BASE) if i != gone])
    delete_records(pair.target, topic, {0: 30})
    expect_shut(interlock.parity(*pair, topic, options=QUICK), {"LOST": 1}, codes=["COVERAGE_HOLE"])


def test_older_history_is_not_wanted(pair, topic, interlock):
    """--since says so, and then the hole is none."""
    from datetime import datetime, timezone
    write_both(*pair, topic, BASE)
    delete_records(pair.target, topic, {0: 30, 3: 10})
    since = datetime.fromtimestamp((BASE[0].timestamp + 200) / 1000, timezone.utc).isoformat(timespec="milliseconds")
    result = expect_open(interlock.parity(*pair, topic, options=[*QUICK, "--since", since.replace("+00:00", "Z")]))
    assert result.topic()["records"]["matched"] == 200


@pytest.mark.parametrize("claim", ["counts", "latest"])
def test_a_hole_is_no_fault_of_the_tables_and_counts(pair, topic, interlock, claim):
    """A key that was written once, and that the target has no longer, is hidden by the hole; so is the count."""
    write_both(*pair, topic, [record("once", "a"), *[record("often", f"b{i}") for i in range(5)]], partitions=1)
    delete_records(pair.target, topic, {0: 2})
    expect_unknown(interlock.parity(*pair, topic, options=[*QUICK, "--claim", claim]), "COVERAGE_HOLE")


def test_more_than_a_hole_can_hide(pair, topic, interlock):
    """The target lacks its beginning and has more records than the source all the same."""
    write_both(*pair, topic, BASE)
    delete_records(pair.target, topic, {0: 2})
    produce(pair.target, topic, stream(10, start=900))
    expect_shut(interlock.parity(*pair, topic, options=[*QUICK, "--claim", "counts"]), {},
                codes=["COUNT_DIFFERS", "COVERAGE_HOLE"])


@pytest.mark.parametrize("claim", ["counts", "key-order", "latest"])
def test_an_open_transaction_hides_what_follows(pair, topic, interlock, claim):
    write_both(*pair, topic, BASE)
    with transaction(pair.target, topic) as t:
        t.produce(topic, record("key-1", "not yet", partition=1))
        for cluster in pair:
            produce(cluster, topic, [record("behind", "it", partition=1)])
        expect_unknown(interlock.parity(*pair, topic, options=[*QUICK, "--claim", claim]), "OPEN_TRANSACTION")


@pytest.mark.parametrize("claim", ["counts", "key-order", "offsets", "latest"])
def test_missing_is_the_only_reason(pair, topic, interlock, claim):
    create_topic(pair.source, topic, 4)
    produce(pair.source, topic, BASE)
    result = interlock.parity(*pair, topic, options=[*QUICK, "--claim", claim])
    assert (result.status, result.verdict, result.reasons) == (1, "shut", {"TOPIC_MISSING"}), result
    assert result.topic()["records"] == {"source": 400, "target": 0, "matched": 0}
    assert result.json["claim"]["proved"] is None and not result.findings


@pytest.mark.parametrize("side", [0, 1], ids=["source", "target"])
def test_an_open_transaction(pair, topic, interlock, side):
    write_both(*pair, topic, BASE)
    with transaction(pair[side], topic) as t:
        t.produce(topic, record("key-1", "not yet", partition=1))
        expect_unknown(interlock.parity(*pair, topic, options=QUICK), "OPEN_TRANSACTION")
    expect_open(interlock.parity(*pair, topic, options=QUICK))


def test_the_target_catches_up_while_we_wait(pair, topic, interlock):
    create_topic(pair.source, topic, 4)
    create_topic(pair.target, topic, 4)
    produce(pair.source, topic, BASE)
    produce(pair.target, topic, BASE[:300])
    process = interlock.start("parity", "--source", pair.source.bootstrap, "--target", pair.target.bootstrap,
                              "--topic", topic, "--json", "--settle", "8s")
    time.sleep(1.5)
    produce(pair.target, topic, BASE[300:])
    expect_open(interlock.finish(process))


def test_a_target_far_behind(pair, topic, interlock):
    """What the source has more than may be held back is taken in all the same."""
    ours = stream(16000, size=1000)
    for cluster, records in zip(pair, (ours, ours[:4000])):
        create_topic(cluster, topic, 4)
        produce(cluster, topic, records)
    result = interlock.parity(*pair, topic, options=[*QUICK, "--memory", "64MiB", "--findings", "1"])
    expect_shut(result, {"LOST": 12000}, proved=None)
    assert len(result.examples("LOST")) == 1
    if "test" not in interlock.binary.parts:  # sanitizers take memory of their own
        assert result.json["speed"]["peak_rss_bytes"] < 64 << 20


@pytest.mark.parametrize("side", [0, 1], ids=["source", "target"])
def test_much_behind_an_open_transaction(pair, topic, interlock, side):
    for cluster in pair:
        create_topic(cluster, topic, 4)
    with transaction(pair[side], topic) as t:
        for partition in range(4):
            t.produce(topic, record("key-1", "not yet", partition=partition))
        for cluster in pair:
            produce(cluster, topic, stream(16000, size=1000))
        expect_unknown(interlock.parity(*pair, topic, options=[*QUICK, "--memory", "64MiB"]), "OPEN_TRANSACTION")


def test_follow_until_a_signal(pair, topic, interlock):
    write_both(*pair, topic, BASE[:100])
    process = follow(interlock, pair, topic)
    for start in range(100, 400, 100):
        for cluster in pair:
            produce(cluster, topic, BASE[start:start + 100])
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    result = expect_open(interlock.finish(process))
    assert result.topic()["records"] == {"source": 400, "target": 400, "matched": 400}


def test_follow_finds_what_goes_wrong_meanwhile(pair, topic, interlock):
    write_both(*pair, topic, BASE[:100])
    process = follow(interlock, pair, topic)
    time.sleep(1)
    produce(pair.source, topic, BASE[100:200])
    produce(pair.target, topic, BASE[100:150] + BASE[152:200])
    time.sleep(1)
    process.send_signal(signal.SIGTERM)
    expect_shut(interlock.finish(process), {"LOST": 2})


def test_a_signal_without_follow(pair, topic, interlock):
    write_both(*pair, topic, stream(4000, size=2000))
    process = interlock.start("parity", "--source", pair.source.bootstrap, "--target", pair.target.bootstrap,
                              "--topic", topic, "--json", "--rate", "500KB/s")
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    expect_unknown(interlock.finish(process, timeout=30), "INTERRUPTED")


def test_a_topic_created_again_under_its_name(pair, topic, interlock):
    write_both(*pair, topic, BASE)
    process = follow(interlock, pair, topic)
    time.sleep(2)
    delete_topic(pair.target, topic)
    time.sleep(1)
    create_topic(pair.target, topic, 4)
    produce(pair.target, topic, BASE)
    time.sleep(4)
    process.send_signal(signal.SIGINT)
    result = interlock.finish(process)
    assert result.verdict != "open", result
    assert result.verdict == "shut" or "TOPIC_RECREATED" in result.reasons, result


@pytest.fixture(scope="module")
def breakable(run_folder):
    """Two nodes of 4.3.1 that the tests of this file stop, kill and edit, and leave running."""
    from kafka_cluster import KafkaCluster
    with KafkaCluster("4.3.1", run_folder / "breakable-source") as source, \
            KafkaCluster("4.3.1", run_folder / "breakable-target") as target:
        yield source, target


def batches(data):
    """(where, size) of each batch in a segment."""
    at = 0
    while at + 12 <= len(data):
        size = 12 + struct.unpack_from(">i", data, at + 8)[0]
        yield at, size
        at += size


@pytest.mark.parametrize("side, verdict", [(1, "shut"), (0, "unknown")], ids=["target", "source"])
def test_a_batch_that_cannot_be_read(breakable, topic, interlock, side, verdict):
    write_both(*breakable, topic, BASE, partitions=4, source_how={"batch": 10}, target_how={"batch": 10})
    cluster = breakable[side]
    cluster.stop()
    segment, = cluster.nodes[1].segments(topic, 2)
    data = bytearray(segment.read_bytes())
    where, size = list(batches(data))[3]
    data[where + size - 5] ^= 0x10
    segment.write_bytes(data)
    cluster.start_node()
    result = interlock.parity(*breakable, topic, options=QUICK)
    if verdict == "shut":
        expect_shut(result, {"UNREADABLE": 1})
        assert result.examples("UNREADABLE")[0]["target"]["partition"] == 2
    else:
        assert result.verdict == "unknown" and result.status == 2, result
        assert result.findings in ({}, {"UNREADABLE": 1}), result


def test_a_log_cut_short_between_two_runs(breakable, topic, interlock, tmp_path):
    """The target loses acknowledged records in a crash; what was verified before the crash is not believed after."""
    checkpoint = tmp_path / "checkpoint"
    write_both(*breakable, topic, BASE, partitions=1 + 3, source_how={"batch": 10}, target_how={"batch": 10})
    expect_open(interlock.parity(*breakable, topic, options=[*QUICK, "--checkpoint", checkpoint]))
    source, target = breakable
    target.kill()
    segment, = target.nodes[1].segments(topic, 1)
    data = segment.read_bytes()
    where, _ = list(batches(data))[4]
    segment.write_bytes(data[:where])
    for index in segment.parent.glob("*index"):
        index.unlink()
    for clean in segment.parent.glob("*.snapshot"):
        clean.unlink()
    for name in ("recovery-point-offset-checkpoint", "replication-offset-checkpoint"):
        (target.nodes[1].data / name).unlink(missing_ok=True)
    target.start_node()
    assert end_offsets(target, topic)[1] < 100
    result = interlock.parity(*breakable, topic, options=[*QUICK, "--checkpoint", checkpoint])
    assert result.verdict in ("shut", "unknown"), result
    fresh = interlock.parity(*breakable, topic, options=QUICK)
    expect_shut(fresh, {"LOST": 100 - end_offsets(target, topic)[1]})


def test_a_broker_killed_and_back_while_we_read(breakable, topic, interlock):
    made = stream(6000, size=1000)
    write_both(*breakable, topic, made)
    process = interlock.start("parity", "--source", breakable[0].bootstrap, "--target", breakable[1].bootstrap,
                              "--topic", topic, "--json", "--rate", "2MB/s", "--timeout", "60s")
    time.sleep(2)
    breakable[1].kill()
    breakable[1].start_node()
    result = expect_open(interlock.finish(process, timeout=120))
    assert result.topic()["records"]["matched"] == 6000


def test_a_broker_paused_while_we_read(breakable, topic, interlock):
    write_both(*breakable, topic, stream(4000, size=1000))
    process = interlock.start("parity", "--source", breakable[0].bootstrap, "--target", breakable[1].bootstrap,
                              "--topic", topic, "--json", "--rate", "2MB/s", "--timeout", "30s")
    time.sleep(1.5)
    breakable[0].pause()
    time.sleep(2)
    breakable[0].resume()
    expect_open(interlock.finish(process, timeout=120))


def test_a_broker_that_does_not_come_back(breakable, topic, interlock):
    write_both(*breakable, topic, stream(4000, size=1000))
    process = interlock.start("parity", "--source", breakable[0].bootstrap, "--target", breakable[1].bootstrap,
                              "--topic", topic, "--json", "--rate", "1MB/s", "--timeout", "3s")
    time.sleep(2)
    breakable[1].kill()
    try:
        expect_unknown(interlock.finish(process, timeout=60), "UNREACHABLE")
    finally:
        breakable[1].start_node()


def test_a_leader_moves_while_we_read(new_cluster, pair, topic, interlock):
    cluster = new_cluster("4.3.1", nodes=3)
    made = stream(6000, size=1000)
    write_both(pair.source, cluster, topic, made, partitions=6)
    process = interlock.start("parity", "--source", pair.source.bootstrap, "--target", cluster.bootstrap, "--topic", topic,
                              "--json", "--rate", "2MB/s", "--timeout", "60s")
    time.sleep(2)
    cluster.kill(2)
    result = expect_open(interlock.finish(process, timeout=120))
    assert result.topic()["records"]["matched"] == 6000


# ---- the checkpoint

def parity_words(pair, topic, checkpoint, *more):
    return ["parity", "--source", pair[0].bootstrap, "--target", pair[1].bootstrap, "--topic", topic, "--json", *QUICK,
            "--checkpoint", str(checkpoint), *more]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["kill", "term"])
def test_killed_and_gone_on(pair, topic, interlock, tmp_path, how):
    """Ended at five moments, the comparison comes to the answer of one that was left alone."""
    made = stream(8000, size=500)
    create_topic(pair.source, topic, 4)
    create_topic(pair.target, topic, 4)
    produce(pair.source, topic, made)
    produce(pair.target, topic, [r for i, r in enumerate(made) if i not in (5, 3000, 7999)] + [made[4000]])
    checkpoint = tmp_path / "checkpoint"
    for pause in (0.4, 1.0, 1.7, 2.3, 6.0):
        process = interlock.start(*parity_words(pair, topic, checkpoint, "--rate", "1MB/s"))
        try:
            process.wait(pause)
        except subprocess.TimeoutExpired:
            process.send_signal(how)
        process.communicate()
        if process.returncode in (0, 1):
            break
    result = interlock.run(*parity_words(pair, topic, checkpoint))
    expect_shut(result, {"LOST": 3, "DUPLICATE": 1})
    assert result.topic()["records"] == {"source": 8000, "target": 7998, "matched": 7997}


def test_a_checkpoint_of_another_comparison(pair, topic, interlock, tmp_path):
    write_both(*pair, topic, BASE)
    checkpoint = tmp_path / "checkpoint"
    interlock.run(*parity_words(pair, topic, checkpoint), status=0)
    result = interlock.run(*parity_words(pair, topic, checkpoint, "--ignore-timestamp"))
    assert result.status in (64, 78), result
    assert str(checkpoint) in result.err


@pytest.mark.parametrize("damage", [b"", b"not a checkpoint", None], ids=["empty", "foreign", "torn"])
def test_a_damaged_checkpoint(pair, topic, interlock, tmp_path, damage):
    write_both(*pair, topic, BASE[:40])
    checkpoint = tmp_path / "checkpoint"
    interlock.run(*parity_words(pair, topic, checkpoint), status=0)
    whole = checkpoint.read_bytes()
    checkpoint.write_bytes(whole[:len(whole) // 2] if damage is None else damage)
    result = interlock.run(*parity_words(pair, topic, checkpoint))
    assert result.status in (2, 64, 78), result


def test_a_checkpoint_where_nobody_may_write(pair, topic, interlock, tmp_path):
    write_both(*pair, topic, BASE[:40])
    result = interlock.run(*parity_words(pair, topic, tmp_path / "no such folder" / "checkpoint"))
    assert result.status in (2, 64, 78), result
    assert "no such folder" in result.err


def test_a_full_disk_under_the_checkpoint(pair, topic, interlock, tmp_path):
    """It is said, the verdict is not open by mistake, and the checkpoint of before is still whole."""
    write_both(*pair, topic, BASE)
    disk = tmp_path / "disk"
    disk.mkdir()
    unshare = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    mount = f"mount -t tmpfs -o size=4k tmpfs '{disk}' && head -c 4096 /dev/zero > '{disk}/filler'"
    if not shutil.which("unshare") or subprocess.run([*unshare, "sh", "-c", mount], capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a small disk")
    result = interlock.run(*parity_words(pair, topic, disk / "checkpoint"),
                           before=[*unshare, "sh", "-c", f"{mount}; exec \"$@\"", "sh"])
    assert result.status in (0, 2, 70, 78), result
    assert "checkpoint" in result.err and ("space" in result.err or "full" in result.err), result
