"""Equal facts in unequal dress: two clusters that differ in all that does not matter come out open."""

import pytest

from expect import QUICK, expect, expect_open, expect_shut
from records import (EPOCH_MS, Record, create_topic, delete_records, end_offsets, produce, read_all, record,
                     stream, transaction, write_both)

pytestmark = pytest.mark.real
BASE = stream(400)


@pytest.mark.parametrize("ours, theirs", [
    (("none", 1), ("zstd", 10000)), (("gzip", 7), ("snappy", 50)), (("lz4", 100), ("none", 3)),
    (("zstd", 33), ("gzip", 10000)), (("snappy", 2), ("lz4", 5))], ids=lambda side: f"{side[0]}-{side[1]}")
def test_codecs_and_batches(pair, topic, interlock, ours, theirs):
    write_both(*pair, topic, stream(2000, size=120), source_how={"codec": ours[0], "batch": ours[1]},
               target_how={"codec": theirs[0], "batch": theirs[1], "idempotent": False, "max_in_flight": 1})
    expect_open(interlock.parity(*pair, topic, options=QUICK), proved="offsets")


def test_many_codecs_in_one_topic(pair, topic, interlock):
    for cluster in pair:
        create_topic(cluster, topic, 4)
    for start, codec in enumerate(("none", "gzip", "snappy", "lz4", "zstd")):
        part = stream(200, start=start * 200)
        produce(pair.source, topic, part, codec=codec, batch=13)
        produce(pair.target, topic, part[:100], codec="lz4")
        produce(pair.target, topic, part[100:], codec=codec, batch=1)
    expect_open(interlock.parity(*pair, topic, options=QUICK))


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_the_broker_compresses_again(pair, topic, interlock, codec):
    """The broker's own dialect of each codec: written by Java, not by the client."""
    create_topic(pair.source, topic, 2, compression_type=codec)
    create_topic(pair.target, topic, 2)
    for cluster in pair:
        produce(cluster, topic, stream(3000, partitions=2, size=300), codec="none", batch=500)
    expect_open(interlock.parity(*pair, topic, options=QUICK))


def test_gaps_of_aborted_transactions(pair, topic, interlock):
    for cluster in pair:
        create_topic(cluster, topic, 4)
    with transaction(pair.source, topic) as t:
        for start in range(0, 400, 100):
            t.produce(topic, *BASE[start:start + 100])
            t.commit()
            t.begin()
            t.produce(topic, *stream(20, start=5000 + start))
            t.abort()
            if start < 300:
                t.begin()
    produce(pair.target, topic, BASE)
    expect_open(interlock.parity(*pair, topic, options=QUICK), proved="partition-order")


def test_transactions_on_both_sides_of_other_shapes(pair, topic, interlock):
    for cluster, size in zip(pair, (40, 100)):
        create_topic(cluster, topic, 4)
        with transaction(cluster, topic) as t:
            for start in range(0, 400, size):
                t.produce(topic, *BASE[start:start + size])
                t.commit()
                if start + size < 400:
                    t.begin()
    expect_open(interlock.parity(*pair, topic, options=QUICK))


def test_interleaved_transactions(pair, topic, interlock):
    """Two transactions side by side in one partition, one committed, one not: the committed view is the same."""
    for cluster in pair:
        create_topic(cluster, topic, 1)
    made = [r._replace(partition=0) for r in BASE[:60]]
    with transaction(pair.source, f"{topic}-a") as a, transaction(pair.source, f"{topic}-b") as b:
        for i in range(0, 60, 10):
            a.produce(topic, *made[i:i + 10])
            b.produce(topic, *[r._replace(value=b"not this") for r in made[i:i + 10]])
        b.abort()
        a.commit()
    produce(pair.target, topic, made)
    expect_open(interlock.parity(*pair, topic, options=QUICK))


def test_null_and_empty(pair, topic, interlock):
    odd = [record(key, value, headers, partition=p, timestamp=EPOCH_MS + n)
           for n, (key, value) in enumerate([(None, None), (None, b""), (b"", None), (b"", b""), (b"k", None), (None, b"v")])
           for p in range(2) for headers in ((), (("h", None),), (("h", b""), ("h", b"2"), ("", b"")))]
    write_both(*pair, topic, odd, partitions=2)
    result = expect_open(interlock.parity(*pair, topic, options=QUICK))
    assert result.topic()["records"]["matched"] == len(odd)


def test_identical_heartbeats(pair, topic, interlock):
    """Records that nobody can tell apart are counted, not paired by name."""
    beat = [record(None, "alive", timestamp=EPOCH_MS)] * 500
    write_both(*pair, topic, beat, partitions=1)
    expect_open(interlock.parity(*pair, topic, options=QUICK))
    produce(pair.target, topic, beat[:2])
    expect_shut(interlock.parity(*pair, topic, options=QUICK), {"DUPLICATE": 2})


def test_empty_topics(pair, topic, interlock):
    write_both(*pair, topic, [])
    expect_open(interlock.parity(*pair, topic, options=QUICK))


def test_unequal_partition_counts(pair, topic, interlock):
    create_topic(pair.source, topic, 4)
    create_topic(pair.target, topic, 7)
    produce(pair.source, topic, BASE)
    produce(pair.target, topic, [r._replace(partition=int(r.key[4:]) % 7) for r in BASE])
    result = expect_open(interlock.parity(*pair, topic, options=QUICK), proved="key-order")
    assert result.topic()["partitions"] == {"source": 4, "target": 7}
    impossible = interlock.parity(*pair, topic, options=[*QUICK, "--claim", "partition-order"])
    expect(impossible, "shut", {}, ["CLAIM_IMPOSSIBLE"], proved=None)


def test_a_key_in_two_partitions_of_many(pair, topic, interlock):
    create_topic(pair.source, topic, 4)
    create_topic(pair.target, topic, 7)
    produce(pair.source, topic, BASE)
    theirs = [r._replace(partition=int(r.key[4:]) % 7) for r in BASE]
    theirs[100] = theirs[100]._replace(partition=(theirs[100].partition + 1) % 7)
    produce(pair.target, topic, theirs)
    expect_shut(interlock.parity(*pair, topic, options=QUICK), {"MISROUTED": 1})


def test_renamed(pair, topic, interlock):
    create_topic(pair.source, topic, 4)
    create_topic(pair.target, f"{topic}.v2", 4)
    produce(pair.source, topic, BASE)
    produce(pair.target, f"{topic}.v2", BASE)
    result = expect_open(interlock.parity(*pair, f"{topic}={topic}.v2", options=QUICK))
    assert (result.topic()["source"], result.topic()["target"]) == (topic, f"{topic}.v2")


def test_a_glob(pair, topic, interlock):
    for name in ("a", "b"):
        write_both(*pair, f"{topic}-{name}", BASE[:50])
    result = expect_open(interlock.parity(*pair, f"{topic}-*", options=QUICK))
    assert [t["source"] for t in result.json["topics"]] == [f"{topic}-a", f"{topic}-b"]


def test_log_append_time_on_one_side(pair, topic, interlock):
    create_topic(pair.source, topic, 4)
    create_topic(pair.target, topic, 4, message_timestamp_type="LogAppendTime")
    for cluster in pair:
        produce(cluster, topic, BASE)
    result = expect_open(interlock.parity(*pair, topic, options=QUICK))
    assert result.json["normalisers"], result


def test_a_header_that_the_copier_adds(pair, topic, interlock):
    create_topic(pair.source, topic, 4)
    create_topic(pair.target, topic, 4)
    produce(pair.source, topic, BASE)
    produce(pair.target, topic, [r._replace(headers=(*r.headers, ("hop", b"1"))) for r in BASE])
    result = expect_open(interlock.parity(*pair, topic, options=[*QUICK, "--ignore-header", "hop"]))
    assert result.json["normalisers"] == [{"name": "ignore-header:hop", "records": 400}]
    expect_shut(interlock.parity(*pair, topic, options=[*QUICK, "--identity", "header:id"]), {"META": 400})


def test_timestamps_that_nobody_claims(pair, topic, interlock):
    write_both(*pair, topic, [])
    produce(pair.source, topic, BASE)
    produce(pair.target, topic, [r._replace(timestamp=r.timestamp + 3) for r in BASE])
    expect_open(interlock.parity(*pair, topic, options=[*QUICK, "--ignore-timestamp"]))
    expect_shut(interlock.parity(*pair, topic, options=QUICK), {"META": 400})


def test_ten_megabytes_a_record(pair, topic, interlock):
    big = [Record(f"key-{i}".encode(), bytes([i]) * 10_000_000, (), EPOCH_MS + i, i % 2) for i in range(4)]
    write_both(*pair, topic, big, partitions=2, max_message_bytes=12_000_000, source_how={"codec": "none"},
               target_how={"codec": "zstd"})
    result = expect_open(interlock.parity(*pair, topic, options=QUICK))
    assert result.topic()["records"]["matched"] == 4


@pytest.mark.slow
def test_a_million_distinct_keys(pair, topic, interlock):
    count = 1_000_000
    made = [Record(b"customer-%d" % i, b"v", (), EPOCH_MS + i // 100, i % 4) for i in range(count)]
    gone = {123_456, 999_999}
    create_topic(pair.source, topic, 4)
    create_topic(pair.target, topic, 4)
    produce(pair.source, topic, made, codec="lz4", linger_ms=5)
    produce(pair.target, topic, [r for i, r in enumerate(made) if i not in gone], codec="lz4", linger_ms=5)
    result = expect_shut(interlock.parity(*pair, topic, options=[*QUICK, "--memory", "128MiB"], timeout=200), {"LOST": 2})
    assert sorted(e["source"]["offset"] for e in result.examples("LOST")) == [123_456 // 4, 999_999 // 4]


def test_history_removed_on_both_sides(pair, topic, interlock):
    write_both(*pair, topic, BASE, partitions=4)
    for cluster in pair:
        delete_records(cluster, topic, {p: 30 for p in range(4)})
    result = expect_open(interlock.parity(*pair, topic, options=QUICK))
    assert result.topic()["records"]["matched"] == 400 - 4 * 30


def test_compacted_on_one_side(pair, topic, interlock):
    """The source has been compacted, the target not yet: the table views are the same."""
    create_topic(pair.source, topic, 1, cleanup_policy="compact", segment_ms=100, min_cleanable_dirty_ratio=0.01,
                 delete_retention_ms=100)
    create_topic(pair.target, topic, 1, cleanup_policy="compact")
    made = [r._replace(partition=0) for r in stream(300, keys=10, partitions=1)]
    last = record("key-closing", "the active segment is not compacted", timestamp=EPOCH_MS + 10_000)
    for cluster in pair:
        produce(cluster, topic, made, batch=10)
        produce(cluster, topic, [last])
    import time
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline and len(read_all(pair.source, topic)[0]) > 100:
        produce(pair.source, topic, [last])
        produce(pair.target, topic, [last])
        time.sleep(1)
    assert len(read_all(pair.source, topic)[0]) < end_offsets(pair.source, topic)[0] - 100
    expect_open(interlock.parity(*pair, topic, options=[*QUICK, "--claim", "latest"]))


@pytest.mark.parametrize("version", ["3.9.1", "4.0.0"])
def test_against_other_versions(new_cluster, target, topic, interlock, version):
    other = new_cluster(version)
    write_both(other, target, topic, BASE)
    expect_open(interlock.parity(other, target, topic, options=QUICK), proved="offsets")


def test_three_nodes_against_one(pair, three_nodes, topic, interlock):
    write_both(pair.source, three_nodes, topic, BASE, partitions=6)
    expect_open(interlock.parity(pair.source, three_nodes, topic, options=QUICK))


def test_a_cluster_that_speaks_2_8(old_cluster, target, topic, interlock):
    for cluster in (old_cluster, target):
        create_topic(cluster, topic, 4, replicas=1)
        produce(cluster, topic, BASE, codec="snappy")
    expect_open(interlock.parity(old_cluster, target, topic, options=QUICK))
    produce(old_cluster, topic, stream(3, start=1000))
    expect_shut(interlock.parity(old_cluster, target, topic, options=QUICK), {"LOST": 3})
