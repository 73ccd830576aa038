"""`offsets`: where groups go on at the target, on real clusters, with the positions read back by another client."""

import pytest

from program import where
from records import (commit_group, committed, create_topic, delete_records, end_offsets, produce, record, stream, transaction,
                     write_both)


def offsets(interlock, pair, *groups, options=(), **how):
    words = ["offsets", "--source", where(pair.source), "--target", where(pair.target), "--json", "--settle", "1s"]
    for group in groups:
        words += ["--group", group]
    return interlock.run(*words, *options, **how)


def rows(result):
    return {(row["group"], row["topic"]["source"], row["partition"]): row for row in result.json["positions"]}


def test_equal_logs(interlock, pair, topic):
    write_both(pair.source, pair.target, topic, stream(400))
    commit_group(pair.source, topic, topic, {0: 10, 1: 0, 2: 100, 3: 50})
    ends = end_offsets(pair.source, topic)
    result = offsets(interlock, pair, topic, status=0)
    found = rows(result)
    for partition, position in {0: 10, 1: 0, 3: 50}.items():
        row = found[(topic, topic, partition)]
        assert (row["source"], row["target"], row["proof"]) == (position, position, "next")
        assert (row["skipped"], row["reread"], row["awaited"]) == (0, 0, 0)
        assert row["tail"] == ends[partition] - position
        assert row["auto_offset_reset"]["earliest"] == {"position": 0, "reread": position}
        assert row["auto_offset_reset"]["latest"] == {"position": ends[partition], "skipped": ends[partition] - position}
        assert row["applied"] is None
    row = found[(topic, topic, 2)]
    assert ends[2] == 100 and (row["target"], row["proof"], row["tail"]) == (100, "end", 0)


def test_shifted_and_interleaved(interlock, pair, topic):
    """The target begins elsewhere, and holds its records in another order across keys."""
    records = [record(f"k{i % 2}", f"v{i}", timestamp=1_700_000_000_000 + i) for i in range(100)]
    create_topic(pair.source, topic, 1)
    create_topic(pair.target, topic, 1)
    produce(pair.source, topic, records)
    produce(pair.target, topic, [record("old", "old")] * 7)
    delete_records(pair.target, topic, {0: 7})
    swapped = [r for i in range(0, 100, 4) for r in (records[i], records[i + 2], records[i + 1], records[i + 3])]
    produce(pair.target, topic, swapped)
    commit_group(pair.source, topic, topic, {0: 41})
    row = rows(offsets(interlock, pair, topic, status=0))[(topic, topic, 0)]
    # 41 and 42 have changed places: 42 stands first on the target
    assert (row["target"], row["proof"], row["skipped"], row["reread"]) == (7 + 41, "covers", 0, 0)
    commit_group(pair.source, topic, topic, {0: 42})
    row = rows(offsets(interlock, pair, topic, status=0))[(topic, topic, 0)]
    assert (row["target"], row["proof"], row["skipped"], row["reread"]) == (7 + 41, "next", 0, 1)


def test_transactions_in_either_log(interlock, pair, topic):
    create_topic(pair.source, topic, 1)
    create_topic(pair.target, topic, 1)
    records = [record(f"k{i}", f"v{i}", timestamp=1_700_000_000_000 + i) for i in range(30)]
    for start in range(0, 30, 10):
        with transaction(pair.source, f"{topic}-{start}") as t:
            t.produce(topic, *records[start:start + 10])
            t.commit()
        with transaction(pair.source, f"{topic}-aborted-{start}") as t:
            t.produce(topic, record("x", "aborted"))
            t.abort()
    produce(pair.target, topic, records)
    commit_group(pair.source, topic, topic, {0: 13})  # behind the first two transactions' markers
    row = rows(offsets(interlock, pair, topic, status=0))[(topic, topic, 0)]
    assert (row["target"], row["proof"], row["tail"]) == (10, "next", 20)


def test_equal_records_are_counted(interlock, pair, topic):
    """Heartbeats without a difference: only their number says which is which."""
    beats = [record("beat", "beat")] * 50
    write_both(pair.source, pair.target, topic, beats, partitions=1)
    commit_group(pair.source, topic, topic, {0: 33})
    row = rows(offsets(interlock, pair, topic, status=0))[(topic, topic, 0)]
    assert (row["target"], row["skipped"], row["reread"]) == (33, 0, 0)


def test_what_would_be_skipped(interlock, pair, topic):
    records = stream(100, keys=1, partitions=1)
    create_topic(pair.source, topic, 1)
    create_topic(pair.target, topic, 1)
    produce(pair.source, topic, records)
    produce(pair.target, topic, records[:60] + records[63:])
    commit_group(pair.source, topic, topic, {0: 50})
    result = offsets(interlock, pair, topic, status=1)
    row = rows(result)[(topic, topic, 0)]
    assert (row["target"], row["skipped"]) == (50, 3)
    assert row["reason"]["code"] == "POSITION_SKIPS"


def test_a_copier_that_lags(interlock, pair, topic):
    records = stream(100, keys=1, partitions=1)
    create_topic(pair.source, topic, 1)
    create_topic(pair.target, topic, 1)
    produce(pair.source, topic, records)
    produce(pair.target, topic, records[:80])
    commit_group(pair.source, topic, topic, {0: 50})
    row = rows(offsets(interlock, pair, topic, status=2))[(topic, topic, 0)]
    assert (row["target"], row["proof"], row["awaited"], row["skipped"]) == (50, "next", 20, 0)
    assert row["reason"]["code"] == "TARGET_BEHIND"


def test_timestamps_that_differ(interlock, pair, topic):
    """Two writers that each took the time: the records are found by their content."""
    create_topic(pair.source, topic, 1)
    create_topic(pair.target, topic, 1)
    produce(pair.source, topic, [record("k", f"v{i}", timestamp=1_700_000_000_000 + i) for i in range(40)])
    produce(pair.target, topic, [record("k", f"v{i}", timestamp=1_700_000_000_500 + i) for i in range(40)])
    commit_group(pair.source, topic, topic, {0: 17})
    row = rows(offsets(interlock, pair, topic, status=0))[(topic, topic, 0)]
    assert (row["target"], row["proof"]) == (17, "next")


def test_time_set_by_the_target(interlock, pair, topic):
    create_topic(pair.source, topic, 1)
    create_topic(pair.target, topic, 1, message_timestamp_type="LogAppendTime")
    records = stream(40, keys=1, partitions=1)
    produce(pair.source, topic, records)
    produce(pair.target, topic, records)
    commit_group(pair.source, topic, topic, {0: 17})
    row = rows(offsets(interlock, pair, topic, status=0))[(topic, topic, 0)]
    assert (row["target"], row["proof"]) == (17, "next")


def test_renamed_unequal_and_empty(interlock, pair, topic):
    renamed, empty = f"{topic}-new", f"{topic}-empty"
    create_topic(pair.source, topic, 1)
    create_topic(pair.target, renamed, 2)
    for cluster in pair:
        create_topic(cluster, empty, 1)
    records = [record(f"k{i % 2}", f"v{i}", timestamp=1_700_000_000_000 + i) for i in range(40)]
    produce(pair.source, topic, records)
    produce(pair.target, renamed, [r._replace(partition=i % 2) for i, r in enumerate(records)])
    commit_group(pair.source, topic, topic, {0: 20})
    commit_group(pair.source, topic, empty, {0: 0})
    found = rows(offsets(interlock, pair, topic, options=["--topic", f"{topic}={renamed}", "--topic", empty], status=0))
    assert [found[(topic, topic, p)]["target"] for p in (0, 1)] == [10, 10]
    assert found[(topic, topic, 0)]["topic"] == {"source": topic, "target": renamed}
    assert (found[(topic, empty, 0)]["proof"], found[(topic, empty, 0)]["target"]) == ("empty", 0)


def test_apply_and_read_back(interlock, pair, topic):
    write_both(pair.source, pair.target, topic, stream(200))
    commit_group(pair.source, topic, topic, {0: 5, 1: 6, 2: 7, 3: 8})
    result = offsets(interlock, pair, topic, options=["--apply", "--yes"], status=0)
    assert {row["applied"] for row in result.json["positions"]} == {"done"}
    assert committed(pair.target, topic, topic, range(4)) == {0: 5, 1: 6, 2: 7, 3: 8}
    again = offsets(interlock, pair, topic, options=["--apply", "--yes"], status=0)
    assert {row["applied"] for row in again.json["positions"]} == {"already"}


def test_active_members_are_left_alone(interlock, pair, topic):
    from confluent_kafka import Consumer
    from records import settings

    write_both(pair.source, pair.target, topic, stream(100))
    commit_group(pair.source, topic, topic, {0: 5})
    member = Consumer(settings(pair.target, group_id=topic, enable_auto_commit=False, auto_offset_reset="earliest"))
    try:
        member.subscribe([topic])
        for _ in range(100):
            if member.assignment():
                break
            member.poll(0.2)
        assert member.assignment()
        result = offsets(interlock, pair, topic, options=["--apply", "--yes"], status=1)
        row = rows(result)[(topic, topic, 0)]
        assert (row["applied"], row["reason"]["code"]) == ("refused", "GROUP_ACTIVE"), row
    finally:
        member.close()
    assert committed(pair.target, topic, topic, [0]) == {}


def test_nothing_to_look_at(interlock, pair, topic):
    write_both(pair.source, pair.target, topic, stream(10))
    result = offsets(interlock, pair, f"{topic}-nobody", status=64)
    assert "has a position" in result.err
    result = offsets(interlock, pair, f"{topic}-no*", status=64)
    assert "matches no group" in result.err


@pytest.mark.parametrize("side", ["source", "target"])
def test_a_closed_port(interlock, pair, side):
    ends = {"source": where(pair.source), "target": where(pair.target), side: "localhost:1"}
    result = interlock.run("offsets", "--source", ends["source"], "--target", ends["target"], "--group", "g", "--timeout", "2s",
                           status={64, 69} if side == "target" else 69)
    assert result.err.startswith("interlock: offsets: ")
