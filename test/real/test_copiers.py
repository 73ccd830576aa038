"""Targets filled as they are in the world: by an application that writes twice and fails now and then, and by
MirrorMaker 2."""

import random

import pytest

from expect import QUICK, expect_open, expect_shut
from patience import until
from records import (EPOCH_MS, Record, commit_group, committed, create_topic, end_offsets, produce, record, stream,
                     transaction)

pytestmark = pytest.mark.real


def copied(cluster, topic, count):
    def there():
        known = cluster.admin().list_topics(timeout=10).topics
        return topic in known and known[topic].error is None and sum(end_offsets(cluster, topic).values()) >= count
    return there


def dual_write(pair, topic, count, seed):
    """An application with two producers.  Its writes to the target fail now and then: it tries again, sometimes after
    the first write had got through, and sometimes it gives up.  It writes its own diary of what it did."""
    from records import producer
    chance = random.Random(seed)
    clients = [producer(cluster, linger_ms=chance.randrange(1, 15)) for cluster in pair]
    lost = doubled = 0
    for i in range(count):
        customer = int(chance.paretovariate(1.1)) % 50
        one = Record(b"customer-%d" % customer, b'{"order":%d,"total":%d}' % (i, chance.randrange(1, 90000)),
                     (("id", b"order-%d" % i),), EPOCH_MS + i, customer % 4)
        fate = chance.random()
        times = 0 if fate < 0.01 else 2 if fate < 0.02 else 1
        lost += times == 0
        doubled += times == 2
        for client, often in zip(clients, (1, times)):
            for _ in range(often):
                while True:
                    try:
                        client.produce(topic, one.value, one.key, one.partition, headers=list(one.headers),
                                       timestamp=one.timestamp)
                        break
                    except BufferError:
                        client.poll(0.05)
    assert [client.flush(60) for client in clients] == [0, 0]
    return lost, doubled


@pytest.mark.parametrize("identity", ["content", "header:id", "key+header:id"])
def test_a_dual_writing_application(pair, topic, interlock, identity):
    for cluster in pair:
        create_topic(cluster, topic, 4)
    lost, doubled = dual_write(pair, topic, 5000, seed=identity)
    assert lost and doubled
    expect_shut(interlock.parity(*pair, topic, options=[*QUICK, "--identity", identity]),
                {"LOST": lost, "DUPLICATE": doubled})


def test_two_writers_that_race(pair, topic, interlock):
    """Two instances of an application, each in order, arrive interleaved differently: keys are level, partitions not."""
    for cluster in pair:
        create_topic(cluster, topic, 2)
    chance = random.Random(7)
    streams = [[Record(b"key-%d" % (n * 10 + i % 10), b"%d-%d" % (n, i), (("id", b"%d-%d" % (n, i)),), EPOCH_MS + i, i % 2)
                for i in range(600)] for n in range(2)]
    for cluster in pair:
        heads, merged = [0, 0], []
        while heads != [600, 600]:
            n = chance.randrange(2)
            step = min(chance.randrange(1, 9), 600 - heads[n])
            merged += streams[n][heads[n]:heads[n] + step]
            heads[n] += step
        produce(cluster, topic, merged)
    expect_open(interlock.parity(*pair, topic, options=QUICK), proved="key-order")
    expect_open(interlock.parity(*pair, topic, options=[*QUICK, "--identity", "header:id"]), proved="key-order")


def test_mirror_maker(pair, topic, interlock, mirror):
    """MirrorMaker 2 copies a topic with an aborted transaction in it; the positions of its groups are translated."""
    create_topic(pair.source, topic, 4)
    made = stream(2000)
    produce(pair.source, topic, made[:1000], codec="zstd")
    with transaction(pair.source, topic) as t:
        t.produce(topic, *stream(50, start=90_000))
        t.abort()
        t.begin()
        t.produce(topic, *made[1000:1200])
        t.commit()
    produce(pair.source, topic, made[1200:], codec="lz4")
    commit_group(pair.source, f"{topic}-billing", topic, {0: 100, 1: 300, 2: 0})
    mirror(pair.source, pair.target, topics=topic, **{"source.consumer.isolation.level": "read_committed",
                                                      "source->target.groups": f"{topic}-.*"})
    until(copied(pair.target, topic, 2000))
    expect_open(interlock.parity(*pair, topic, options=["--settle", "3s"]))

    result = interlock.run("offsets", "--source", pair.source.bootstrap, "--target", pair.target.bootstrap, "--group",
                           f"{topic}-billing", "--json")
    assert result.status == 0, result
    exact = {p["partition"]: p for p in result.json["positions"]}
    assert {n: p["source"] for n, p in exact.items()} == {0: 100, 1: 300, 2: 0}
    assert all(p["skipped"] == 0 for p in exact.values())
    # Where MirrorMaker itself commits is never ahead of the exact place.
    for partition, offset in committed(pair.target, f"{topic}-billing", topic, range(4)).items():
        assert offset <= exact[partition]["target"]


def test_offsets_are_exact_and_applied(pair, topic, interlock):
    """Gaps on the source, other gaps on the target: the position is the place of the same next record."""
    for cluster, size in zip(pair, (30, 70)):
        create_topic(cluster, topic, 2)
        with transaction(cluster, topic) as t:
            for start in range(0, 420, size):
                t.produce(topic, *stream(min(size, 420 - start), partitions=2, start=start))
                t.commit()
                t.begin()
                t.produce(topic, record("x", "aborted", partition=start % 2))
                t.abort()
                t.begin()
            t.produce(topic, record("key-0", "the last one", partition=0))
            t.commit()
    from records import read_all
    ours, theirs = (read_all(cluster, topic) for cluster in pair)
    group = f"{topic}-group"
    commit_group(pair.source, group, topic, {0: ours[0][57].offset(), 1: ours[1][101].offset()})
    words = ["offsets", "--source", pair.source.bootstrap, "--target", pair.target.bootstrap, "--group", group, "--json"]
    result = interlock.run(*words, status=0)
    found = {p["partition"]: p["target"] for p in result.json["positions"]}
    assert found == {0: theirs[0][57].offset(), 1: theirs[1][101].offset()}, result
    assert committed(pair.target, group, topic, [0, 1]) == {}, "looking must not commit"
    interlock.run(*words, "--apply", "--yes", status=0)
    assert committed(pair.target, group, topic, [0, 1]) == found


def test_offsets_leave_a_group_with_members_alone(pair, topic, interlock):
    from confluent_kafka import Consumer
    from records import settings, write_both
    write_both(*pair, topic, stream(100))
    group = f"{topic}-group"
    commit_group(pair.source, group, topic, {0: 3})
    member = Consumer(settings(pair.target, group_id=group, enable_auto_commit=False))
    member.subscribe([topic])
    try:
        until(lambda: member.poll(0.2) is not None or bool(member.assignment()), 30)
        result = interlock.run("offsets", "--source", pair.source.bootstrap, "--target", pair.target.bootstrap, "--group",
                               group, "--apply", "--yes", "--json")
        assert result.status == 1, result
        assert committed(pair.target, group, topic, range(4)) == {}
    finally:
        member.close()
