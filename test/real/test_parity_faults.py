"""Each finding class, planted between two real clusters: found, at its place, and nothing else found."""

import pytest

from expect import QUICK, expect_open, expect_shut, places, shows
from records import EPOCH_MS, create_topic, produce, record, stream, transaction

pytestmark = pytest.mark.real
BASE = stream(400)
AT = places(BASE)


def compare(pair, topic, interlock, ours, theirs, *options, **how):
    """`ours` on the source, `theirs` on the target; compared."""
    for cluster, records in zip(pair, (ours, theirs)):
        create_topic(cluster, topic, 4)
        produce(cluster, topic, records)
    return interlock.parity(*pair, topic, options=[*QUICK, *options], **how)


def without(records, *gone):
    return [r for i, r in enumerate(records) if i not in gone]


def with_at(records, index, *more):
    return [*records[:index], *more, *records[index:]]


def changed(records, index, **fields):
    return [r._replace(**fields) if i == index else r for i, r in enumerate(records)]


def swapped(records, one, other):
    out = list(records)
    out[one], out[other] = out[other], out[one]
    return out


def next_of(records, index, same_key, distance=1):
    """A later record of the same partition, with the same key or with another."""
    found = [i for i in range(index + 1, len(records)) if records[i].partition == records[index].partition
             and (records[i].key == records[index].key) == same_key]
    return found[distance - 1]


def test_equal(pair, topic, interlock):
    result = expect_open(compare(pair, topic, interlock, BASE, BASE), proved="offsets")
    assert result.topic()["records"] == {"source": 400, "target": 400, "matched": 400}
    assert result.topic()["partitions"] == {"source": 4, "target": 4}


def test_lost(pair, topic, interlock):
    result = expect_shut(compare(pair, topic, interlock, BASE, without(BASE, 17, 230)), {"LOST": 2}, proved=None)
    assert shows(result, "LOST") == sorted([(AT[17], None), (AT[230], None)])
    assert result.topic()["records"] == {"source": 400, "target": 398, "matched": 398}
    example = result.examples("LOST")[0]["source"]
    assert example["timestamp"] in (BASE[17].timestamp, BASE[230].timestamp) and example["key"]


@pytest.mark.parametrize("index", [0, 399], ids=["first", "last"])
def test_lost_at_the_edge(pair, topic, interlock, index):
    result = expect_shut(compare(pair, topic, interlock, BASE, without(BASE, index)), {"LOST": 1})
    assert shows(result, "LOST") == [(AT[index], None)]


def test_a_whole_tail_lost(pair, topic, interlock):
    expect_shut(compare(pair, topic, interlock, BASE, BASE[:350]), {"LOST": 50})


def test_duplicate(pair, topic, interlock):
    later = next_of(BASE, 50, same_key=False, distance=3)
    theirs = with_at(BASE, later, BASE[50])
    result = expect_shut(compare(pair, topic, interlock, BASE, theirs), {"DUPLICATE": 1})
    (ours, copy), = shows(result, "DUPLICATE")
    assert copy in (places(theirs)[later], AT[50])
    assert ours in (None, AT[50])


def test_phantom(pair, topic, interlock):
    ghost = record("key-3", "never sent", timestamp=EPOCH_MS + 77, partition=3)
    theirs = with_at(BASE, 200, ghost)
    result = expect_shut(compare(pair, topic, interlock, BASE, theirs), {"PHANTOM": 1})
    assert shows(result, "PHANTOM") == [(None, places(theirs)[200])]


def test_aborted_leak(pair, topic, interlock):
    create_topic(pair.source, topic, 4)
    create_topic(pair.target, topic, 4)
    secret = record("key-1", "taken back", timestamp=EPOCH_MS + 500, partition=1)
    for cluster in pair:
        produce(cluster, topic, BASE[:200])
    with transaction(pair.source, topic) as t:
        t.produce(topic, secret)
        t.abort()
    produce(pair.target, topic, [secret])
    for cluster in pair:
        produce(cluster, topic, BASE[200:])
    result = expect_shut(interlock.parity(*pair, topic, options=QUICK), {"ABORTED_LEAK": 1})
    lies = sum(r.partition == 1 for r in BASE[:200])
    assert shows(result, "ABORTED_LEAK") == [((1, lies), (1, lies))]


@pytest.mark.parametrize("what, fields", [
    ("value", {"value": b"forty dollars, not fourteen"}), ("key", {"key": b"key-other"}),
    ("value, by identity", {"value": b"forty dollars", "timestamp": EPOCH_MS + 9999})])
def test_altered(pair, topic, interlock, what, fields):
    options = ["--identity", "header:id"] if "identity" in what else []
    result = compare(pair, topic, interlock, BASE, changed(BASE, 120, **fields), *options)
    expect_shut(result, {"ALTERED": 1})
    assert shows(result, "ALTERED") == [(AT[120], AT[120])]


@pytest.mark.parametrize("fields", [
    {"headers": (("id", b"id-120"), ("hop", b"2"))}, {"timestamp": EPOCH_MS + 121}, {"headers": ()}],
    ids=["header added", "timestamp moved", "headers gone"])
def test_meta(pair, topic, interlock, fields):
    result = compare(pair, topic, interlock, BASE, changed(BASE, 120, **fields))
    expect_shut(result, {"META": 1})
    assert shows(result, "META") == [(AT[120], AT[120])]


@pytest.mark.parametrize("field", ["key", "value"])
def test_null_is_not_empty(pair, topic, interlock, field):
    ours, theirs = changed(BASE, 120, **{field: None}), changed(BASE, 120, **{field: b""})
    result = expect_shut(compare(pair, topic, interlock, ours, theirs), {"META": 1})
    assert shows(result, "META") == [(AT[120], AT[120])]


def test_reordered_within_a_key(pair, topic, interlock):
    other = next_of(BASE, 100, same_key=True)
    result = compare(pair, topic, interlock, BASE, swapped(BASE, 100, other))
    expect_shut(result, {"REORDERED_KEY": 1}, proved="content")
    (ours, _), = shows(result, "REORDERED_KEY")
    assert ours in (AT[100], AT[other])


def test_a_reordered_key_is_level_in_content(pair, topic, interlock):
    other = next_of(BASE, 100, same_key=True)
    expect_open(compare(pair, topic, interlock, BASE, swapped(BASE, 100, other), "--claim", "content"), proved="content")


def test_one_record_moved_far_is_one_fault(pair, topic, interlock):
    """Fewest records that would have to move: one that comes ten places late is one, not ten."""
    key = [i for i, r in enumerate(BASE) if r.key == BASE[100].key]
    late = without(BASE, key[2])
    theirs = with_at(late, late.index(BASE[key[12]]) + 1, BASE[key[2]])
    expect_shut(compare(pair, topic, interlock, BASE, theirs), {"REORDERED_KEY": 1})


def test_reordered_within_a_partition(pair, topic, interlock):
    other = next_of(BASE, 100, same_key=False)
    between = [i for i in range(101, other) if BASE[i].partition == BASE[100].partition]
    assert not between
    theirs = swapped(BASE, 100, other)
    result = compare(pair, topic, interlock, BASE, theirs, "--claim", "partition-order")
    expect_shut(result, {"REORDERED_PARTITION": 1}, proved="key-order")
    expect_open(interlock.parity(*pair, topic, options=QUICK), proved="key-order")


def test_misrouted(pair, topic, interlock):
    wrong = (BASE[100].partition + 1) % 4
    result = compare(pair, topic, interlock, BASE, changed(BASE, 100, partition=wrong))
    expect_shut(result, {"MISROUTED": 1})
    (ours, theirs), = shows(result, "MISROUTED")
    assert ours == AT[100] and theirs[0] == wrong
    expect_open(interlock.parity(*pair, topic, options=[*QUICK, "--claim", "content"]))


def test_misrouted_without_a_key(pair, topic, interlock):
    """At home anywhere below partition-order: the weaker level holds, whatever was asked."""
    ours = [record(None, f"value-{i}", (), EPOCH_MS + i, i % 4) for i in range(40)]
    result = compare(pair, topic, interlock, ours, changed(ours, 10, partition=3), "--claim", "partition-order")
    expect_shut(result, {"MISROUTED": 1}, proved="key-order")


@pytest.mark.parametrize("fields, name", [({"headers": (("h", b"1"),)}, "META"), ({"value": b"other"}, "ALTERED")],
                         ids=["meta", "altered"])
def test_lost_right_beside_a_changed_record(pair, topic, interlock, fields, name):
    """One key and one timestamp for all: what is left of the changed record still says which one it is."""
    ours = [record("key", f"value-{i}") for i in range(30)]
    theirs = without(changed(ours, 11, **fields), 10)
    result = compare(pair, topic, interlock, ours, theirs)
    expect_shut(result, {"LOST": 1, name: 1})
    if name == "META":
        assert shows(result, "LOST") == [((0, 10), None)]
        assert shows(result, "META") == [((0, 11), (0, 10))]


def test_altered_where_timestamps_are_ignored(pair, topic, interlock):
    """They are not compared, but two that are equal are a sign of the same event all the same."""
    result = compare(pair, topic, interlock, BASE, changed(BASE, 17, value=b"other"), "--ignore-timestamp")
    expect_shut(result, {"ALTERED": 1})
    assert shows(result, "ALTERED") == [(AT[17], AT[17])]


def test_torn_transaction(pair, topic, interlock):
    whole = stream(6, start=1000)
    create_topic(pair.source, topic, 4)
    create_topic(pair.target, topic, 4)
    for cluster in pair:
        produce(cluster, topic, BASE[:200])
    with transaction(pair.source, topic) as t:
        # one partition, so that the torn transaction is one whatever the brokers' transaction version
        t.produce(topic, *[r._replace(partition=2) for r in whole])
        t.commit()
    produce(pair.target, topic, [r._replace(partition=2) for r in without(whole, 1, 4)])
    for cluster in pair:
        produce(cluster, topic, BASE[200:])
    expect_shut(interlock.parity(*pair, topic, options=QUICK), {"TORN_TXN": 1})


def test_a_transaction_missing_whole_is_lost(pair, topic, interlock):
    create_topic(pair.source, topic, 4)
    create_topic(pair.target, topic, 4)
    with transaction(pair.source, topic) as t:
        t.produce(topic, *stream(6, start=1000))
        t.commit()
    for cluster in pair:
        produce(cluster, topic, BASE)
    expect_shut(interlock.parity(*pair, topic, options=QUICK), {"LOST": 6})


def test_the_last_value_of_a_key_differs(pair, topic, interlock):
    last = max(i for i, r in enumerate(BASE) if r.key == b"key-7")
    result = compare(pair, topic, interlock, BASE, changed(BASE, last, value=b"stale"), "--claim", "latest")
    expect_shut(result, {"COMPACTED": 1})


def test_a_tombstone_came_back_to_life(pair, topic, interlock):
    tombstone = record("key-7", None, timestamp=EPOCH_MS + 5000, partition=3)
    result = compare(pair, topic, interlock, [*BASE, tombstone], BASE, "--claim", "latest")
    expect_shut(result, {"COMPACTED": 1})


def test_a_tombstone_is_equal_to_nothing(pair, topic, interlock):
    key7 = [r for r in BASE if r.key != b"key-7"]
    tombstone = record("key-7", None, timestamp=EPOCH_MS + 5000, partition=3)
    expect_open(compare(pair, topic, interlock, [*BASE, tombstone], key7, "--claim", "latest"))


def test_counts_alone(pair, topic, interlock):
    theirs = changed(without(BASE, 3), 70, value=b"other")
    result = compare(pair, topic, interlock, BASE, theirs, "--claim", "counts")
    expect_shut(result, {}, codes=["COUNT_DIFFERS"])


def test_shifted_offsets(pair, topic, interlock):
    """The same records behind an aborted one: equal in all but offsets."""
    create_topic(pair.source, topic, 4)
    create_topic(pair.target, topic, 4)
    with transaction(pair.source, topic) as t:
        t.produce(topic, record("key-0", "aborted", partition=0))
        t.abort()
    for cluster in pair:
        produce(cluster, topic, BASE)
    expect_shut(interlock.parity(*pair, topic, options=[*QUICK, "--claim", "offsets"]), {}, codes=["OFFSETS_SHIFTED"])
    expect_open(interlock.parity(*pair, topic, options=QUICK), proved="partition-order")


def test_many_faults_at_once(pair, topic, interlock):
    """Faults far from each other do not hide or feed each other."""
    ghost = record("key-5", "never sent", timestamp=EPOCH_MS + 7, partition=1)
    theirs = changed(BASE, 40, value=b"altered")
    theirs = changed(theirs, 90, headers=())
    theirs = swapped(theirs, 140, next_of(BASE, 140, same_key=True))
    theirs = [r for r in theirs if r not in (BASE[250], BASE[280])]
    theirs = with_at(theirs, 200, ghost)
    theirs = [*theirs, BASE[330]]
    expect_shut(compare(pair, topic, interlock, BASE, theirs),
                {"ALTERED": 1, "META": 1, "REORDERED_KEY": 1, "LOST": 2, "PHANTOM": 1, "DUPLICATE": 1})


def test_examples_are_cut_and_counts_are_not(pair, topic, interlock):
    result = compare(pair, topic, interlock, BASE, BASE[::2], "--findings", "5")
    expect_shut(result, {"LOST": 200})
    assert len(result.examples("LOST")) == 5
