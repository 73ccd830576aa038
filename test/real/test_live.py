"""A follower beside two clusters under a dual write: how soon it says level, and that nothing makes it say so wrongly.
Latencies are printed, never judged: run with -s to see them."""

import json
import os
import subprocess
import threading
import time
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition

from records import (create_topic, delete_records, delete_topic, end_offsets, produce, producer, record, settings, stream,
                     transaction, write_both)

pytestmark = pytest.mark.real
ROOT = Path(__file__).resolve().parents[2]
PROBE = Path(os.environ.get("INTERLOCK_LIVE_PROBE", ROOT / "build" / "test" / "unit" / "live_probe"))
SETTLE_MS = 1000


class Follower:
    """The probe, asked line by line."""

    def __init__(self, source, target, *topics, claim="key-order", settle_ms=SETTLE_MS, checkpoint="-"):
        self.process = subprocess.Popen(
            [PROBE, source.bootstrap, target.bootstrap, claim, str(settle_ms), str(checkpoint), *topics],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def ask(self, words):
        self.process.stdin.write(words + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        return json.loads(line)

    def glance(self):
        return self.ask("glance")

    def level(self, timeout_ms=5000, kept=False):
        return self.ask(f"level {timeout_ms}" + (" kept" if kept else ""))

    def until(self, what, timeout=60):
        deadline = time.monotonic() + timeout
        while True:
            seen = self.glance()
            if what(seen):
                return seen
            assert time.monotonic() < deadline, seen
            time.sleep(0.05)

    def following(self):
        return self.until(lambda seen: seen["state"] == "following")

    def stop(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            assert self.process.wait(60) == 0, self.process.stderr.read()
        errors = self.process.stderr.read()
        assert not errors, errors


class DualWriter:
    """Writes each record to both clusters until it is held; `hold` returns when all of them are acknowledged."""

    def __init__(self, source, target, topic, first=0, pause=0.0005, keys=20, partitions=4):
        self.producers = [producer(source, linger_ms=1), producer(target, linger_ms=1)]
        self.topic, self.count, self.pause = topic, first, pause
        self.keys, self.partitions = keys, partitions
        self.held = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.held.is_set():
            [r] = stream(1, keys=self.keys, partitions=self.partitions, start=self.count)
            for client in self.producers:
                client.produce(self.topic, value=r.value, key=r.key, partition=r.partition, timestamp=r.timestamp,
                               headers=list(r.headers))
                client.poll(0)
            self.count += 1
            time.sleep(self.pause)

    def hold(self):
        self.held.set()
        self.thread.join(20)
        for client in self.producers:
            assert client.flush(20) == 0
        return self.count


def note(what, answers):
    took = sorted(answer["took_us"] for answer in answers)
    asked = sorted(answer["asked_us"] for answer in answers)
    print(f"\n{what}: level in {took[0] / 1000:.1f} / {took[len(took) // 2] / 1000:.1f} / {took[-1] / 1000:.1f} ms "
          f"(least, median, most of {len(took)}), of which the target's ends {asked[len(asked) // 2] / 1000:.1f} ms")


def both(pair, topic, partitions=4):
    for cluster in pair:
        create_topic(cluster, topic, partitions)


@pytest.mark.parametrize("claim", ["content", "key-order", "partition-order", "counts"])
def test_level_soon_after_a_hold(pair, topic, claim):
    both(pair, topic)
    count, answers = 0, []
    with Follower(*pair, topic, claim=claim) as follower:
        for _ in range(8):
            writer = DualWriter(*pair, topic, first=count, pause=0.0002)
            time.sleep(0.4)
            count = writer.hold()
            answers.append(follower.level())
            assert answers[-1]["verdict"] == "level", answers[-1]
            assert answers[-1]["matched"] == count or claim == "counts"
            assert sum(end for *_, end in (r for r in answers[-1]["reached"] if r[1] == 0)) == count
    note(claim, answers[1:])


def test_reverse_and_renamed(pair, topic):
    create_topic(pair.source, topic)
    create_topic(pair.target, topic + ".v2")
    for cluster, name in ((pair.source, topic), (pair.target, topic + ".v2")):
        produce(cluster, name, stream(2000))
    with Follower(pair.target, pair.source, f"{topic}.v2={topic}") as follower:
        answer = follower.level()
        assert answer["verdict"] == "level" and answer["matched"] == 2000
        produce(pair.target, topic + ".v2", stream(1, start=2000))
        answer = follower.level(300)
        assert (answer["verdict"], answer["code"]) == ("not level", "TARGET_BEHIND")


def test_other_partition_counts(pair, topic):
    create_topic(pair.source, topic, 4)
    create_topic(pair.target, topic, 6)
    records = stream(3000, keys=60, partitions=4)
    produce(pair.source, topic, records)
    produce(pair.target, topic, [r._replace(partition=int(r.key[4:]) % 6) for r in records])
    with Follower(*pair, topic) as follower:
        answer = follower.level()
        assert answer["verdict"] == "level" and answer["matched"] == 3000
        # One key in two partitions of the target is one that moved away from its home.
        last = stream(1, keys=60, partitions=4, start=3000)
        produce(pair.source, topic, last)
        produce(pair.target, topic, [last[0]._replace(partition=(int(last[0].key[4:]) + 1) % 6)])
        answer = follower.level(1000)
        assert (answer["verdict"], answer["code"]) == ("not level", "PARITY_MISROUTED")


def test_target_behind_then_level(pair, topic):
    write_both(*pair, topic, stream(1000))
    with Follower(*pair, topic) as follower:
        assert follower.level()["verdict"] == "level"
        missing = stream(50, start=1000)
        produce(pair.source, topic, missing)
        answer = follower.level(300)
        assert (answer["verdict"], answer["code"]) == ("not level", "TARGET_BEHIND")
        assert answer["pending"] == [50, 0]
        assert sum(lag["pending"][0] for lag in answer["lags"]) == 50
        assert all(lag["position"] == lag["end"] for lag in answer["lags"])
        late = threading.Timer(0.3, produce, (pair.target, topic, missing))
        late.start()
        answer = follower.level(10000)
        late.join()
        assert answer["verdict"] == "level" and answer["matched"] == 1050


def tail_of(kind, tail):
    """What the target gets of the same tail."""
    if kind == "LOST":
        return tail[:5] + tail[6:]
    if kind == "LOST_LAST":
        return tail[:-1]
    if kind == "ALTERED":
        return tail[:5] + [tail[5]._replace(value=b"altered")] + tail[6:]
    if kind == "DUPLICATE":
        return tail[:6] + tail[5:]
    if kind == "PHANTOM":
        return tail + [record("key-0", "phantom", partition=0)]
    if kind == "MISROUTED":
        return tail[:5] + [tail[5]._replace(partition=(tail[5].partition + 1) % 4)] + tail[6:]
    if kind == "REORDERED":
        same = [i for i, r in enumerate(tail) if r.key == tail[5].key]
        swapped = list(tail)
        swapped[same[0]], swapped[same[1]] = swapped[same[1]], swapped[same[0]]
        return swapped
    return tail


@pytest.mark.parametrize("kind, code", [
    ("LOST", "PARITY_LOST"), ("LOST_LAST", "TARGET_BEHIND"), ("ALTERED", "PARITY_ALTERED"),
    ("DUPLICATE", "TARGET_EXTRA"), ("PHANTOM", "TARGET_EXTRA"), ("MISROUTED", "PARITY_MISROUTED"),
    ("REORDERED", "PARITY_REORDERED_KEY"), ("NOTHING", "")])
def test_a_fault_in_the_tail(pair, topic, kind, code):
    both(pair, topic)
    writer = DualWriter(*pair, topic)
    with Follower(*pair, topic) as follower:
        time.sleep(1)
        count = writer.hold()
        assert follower.level()["verdict"] == "level"
        tail = stream(100, start=count)
        produce(pair.source, topic, tail)
        produce(pair.target, topic, tail_of(kind, tail))
        answer = follower.level(1500)
        print(f"\n{kind}: {answer['verdict']} {answer['code']} after {answer['took_us'] / 1000:.1f} ms")
        assert answer["verdict"] == ("not level" if code else "level"), answer
        assert answer["code"] == code
        assert not code or answer["examples"]
        # It is no less so at the next question.
        assert follower.level(1500)["code"] == code
        if kind.startswith("LOST"):
            seen = follower.until(lambda seen: seen["overdue"][0])
            assert seen["overdue"] == [1, 0] and len(seen["suspects"]) == 1
            lost = (tail[5] if kind == "LOST" else tail[-1])
            assert seen["suspects"][0]["place"][0] == lost.partition


@pytest.mark.parametrize("kind, found", [
    ("LOST", {"LOST": 1}), ("LOST_LAST", {"LOST": 1}), ("ALTERED", {"ALTERED": 1}), ("DUPLICATE", {"DUPLICATE": 1}),
    ("PHANTOM", {"PHANTOM": 1}),
    ("MISROUTED", {"MISROUTED": 1}), ("REORDERED", {"REORDERED_KEY": 1}), ("NOTHING", {})])
def test_judged_while_written_to(pair, topic, kind, found):
    both(pair, topic)
    planted = stream(100)
    with Follower(*pair, topic, settle_ms=1000) as follower:
        produce(pair.source, topic, planted)
        produce(pair.target, topic, tail_of(kind, planted))
        writer = DualWriter(*pair, topic, first=100)
        # Until everything planted has been overtaken, on both sides: a writer may come to one of them much later.
        while min(min(end_offsets(side, topic).values()) for side in pair) < 60:
            time.sleep(0.1)
        for _ in range(2):  # it goes on from where it is, and finds the same again
            answer = follower.ask("judge 20000")
            assert answer["findings"] == found, answer
            assert answer["verdict"] == ("shut" if found else "open"), answer
            assert answer["matched"] > 90
        count = writer.hold()
        answer = follower.level(1500)
        assert answer["verdict"] == ("not level" if found else "level"), answer
        assert found or answer["matched"] == count


def test_an_open_transaction(pair, topic):
    write_both(*pair, topic, stream(500))
    with Follower(*pair, topic) as follower:
        assert follower.level()["verdict"] == "level"
        with transaction(pair.source, topic) as t:
            t.produce(topic, *stream(3, start=500))
            answer = follower.level(400)
            assert (answer["verdict"], answer["code"]) == ("cannot tell", "OPEN_TRANSACTION")
        # It was aborted: what is behind the records now is markers alone.
        answer = follower.level()
        assert answer["verdict"] == "level" and answer["matched"] == 500


def test_ends_of_another_time(pair, topic):
    write_both(*pair, topic, stream(500))
    with Follower(*pair, topic) as follower:
        follower.following()
        follower.ask("ends source")
        more = stream(10, start=500)
        for cluster in pair:
            produce(cluster, topic, more)
        follower.until(lambda seen: seen["records"] == [510, 510])
        answer = follower.level(300, kept=True)
        assert (answer["verdict"], answer["code"]) == ("not level", "SOURCE_GREW")


def test_restart_from_a_checkpoint(pair, topic, tmp_path):
    write_both(*pair, topic, stream(20000))
    file = tmp_path / "live.chk"
    with Follower(*pair, topic, checkpoint=file) as follower:
        assert follower.level()["verdict"] == "level"
    more = stream(100, start=20000)
    for cluster in pair:
        produce(cluster, topic, more)
    with Follower(*pair, topic, checkpoint=file) as follower:
        answer = follower.level()
        assert answer["verdict"] == "level" and answer["matched"] == 20100
        produce(pair.target, topic, [record("key-0", "phantom", partition=0)])
        assert follower.level()["code"] == "TARGET_EXTRA"
    with Follower(*pair, topic, checkpoint=file) as follower:
        assert follower.level()["code"] == "TARGET_EXTRA"


def test_history_cut_on_one_side(pair, topic):
    write_both(*pair, topic, stream(500))
    delete_records(pair.target, topic, {0: 10})
    with Follower(*pair, topic) as follower:
        follower.until(lambda seen: seen["state"] != "starting")
        answer = follower.level(2000)
        assert (answer["verdict"], answer["code"]) == ("cannot tell", "COVERAGE_HOLE")


def test_a_topic_made_anew(pair, topic):
    write_both(*pair, topic, stream(500))
    with Follower(*pair, topic) as follower:
        assert follower.level()["verdict"] == "level"
        delete_topic(pair.source, topic)
        create_topic(pair.source, topic)
        produce(pair.source, topic, stream(500))
        follower.until(lambda seen: seen["reasons"])
        answer = follower.level(1000)
        assert answer["verdict"] == "cannot tell" and answer["code"].startswith("TOPIC_")


@pytest.mark.slow
def test_a_broker_that_is_paused(pair, new_cluster, topic):
    target = new_cluster("4.3.1", name="paused target")
    write_both(pair.source, target, topic, stream(500))
    with Follower(pair.source, target, topic) as follower:
        assert follower.level()["verdict"] == "level"
        target.pause()
        answer = follower.level(700)
        assert (answer["verdict"], answer["code"]) == ("cannot tell", "UNREACHABLE")
        target.resume()
        deadline = time.monotonic() + 30
        while (answer := follower.level(3000))["verdict"] != "level":
            assert time.monotonic() < deadline, answer


def test_nothing_to_follow_yet(pair, topic):
    with Follower(*pair, topic) as follower:
        answer = follower.level(200)
        assert (answer["verdict"], answer["code"]) == ("cannot tell", "NOT_FOLLOWING")


def test_a_leak_behind_the_ends(pair, topic):
    write_both(*pair, topic, stream(100))
    with Follower(*pair, topic) as follower:
        follower.ask("ends source")
        assert follower.ask("leak source")["found"] == 0
        with transaction(pair.source, topic) as t:  # nothing but markers in the end: a transaction without records here
            follower.ask("ends source")
            t.produce(topic, record("key-0", "late", partition=2))
            answer = follower.ask("leak source")
            assert answer["found"] == 1 and answer["leaks"][0][0] == 2 and answer["leaks"][0][5] is True
            end = answer["leaks"][0][1]
            follower.ask("ends source")
        answer = follower.ask("leak source")  # the marker of its abort
        print(f"\nleak watch: {answer['took_us'] / 1000:.1f} ms")
        assert answer["found"] == 0
        follower.ask("ends source")
        produce(pair.source, topic, [record("key-0", "leak", partition=1, timestamp=1_800_000_000_000)])
        answer = follower.ask("leak source")
        assert answer["found"] == 1
        [[partition, offset, timestamp, producer_id, epoch, transactional]] = answer["leaks"]
        assert (partition, timestamp, transactional) == (1, 1_800_000_000_000, False)
        assert producer_id >= 0 and epoch >= 0 and end > 0
        assert offset == end_offsets(pair.source, topic)[1] - 1


def test_gathering_goes_onward(pair, topic, tmp_path):
    write_both(*pair, topic, stream(20000))
    file = tmp_path / "gather.chk"
    with Follower(*pair, topic) as follower:
        def compare():
            return follower.ask(f"compare {file}")

        first = compare()
        assert (first["verdict"], first["matched"]) == ("open", 20000)
        again = compare()  # nothing new: nothing is read
        assert (again["verdict"], again["matched"], again["bytes_read"]) == ("open", 20000, 0)
        # The target ahead, then the source: what is read early is not forgotten.
        ahead = stream(200, start=20000)
        produce(pair.target, topic, ahead)
        assert compare()["findings"] == {"PHANTOM": 200}
        produce(pair.source, topic, ahead)
        third = compare()
        assert (third["verdict"], third["matched"]) == ("open", 20200)
        assert third["bytes_read"] < first["bytes_read"] / 10
        # The target behind, for longer than it is given: not lost while nothing has overtaken it, and then there.
        late = stream(100, start=20200)
        produce(pair.source, topic, late)
        for there in (0, 60):
            produce(pair.target, topic, late[:there])
            answer = compare()
            assert (answer["verdict"], answer["findings"], answer["reasons"]) == ("unknown", {}, ["PARITY_BEHIND"])
        produce(pair.target, topic, late[60:])
        assert compare()["verdict"] == "open"
        # A finding stays found, and is found by name in each run.
        lost = stream(50, start=20300)
        produce(pair.source, topic, lost)
        produce(pair.target, topic, lost[:20] + lost[21:] + [lost[30]])
        for more in range(3):
            answer = compare()
            assert (answer["verdict"], answer["findings"]) == ("shut", {"LOST": 1, "DUPLICATE": 1})
            for cluster in pair:
                produce(cluster, topic, stream(10, start=20350 + more * 10))
    # A follower takes up what a gathering has read.
    with Follower(*pair, topic, checkpoint=file) as follower:
        answer = follower.level(3000)
        assert answer["verdict"] == "not level" and answer["matched"] == 20300 + 49 + 30


def test_gathering_goes_onward_over_an_open_transaction(pair, topic, tmp_path):
    write_both(*pair, topic, stream(500))
    file = tmp_path / "gather.chk"
    with Follower(*pair, topic) as follower:
        with transaction(pair.source, topic) as t:
            t.produce(topic, *stream(5, start=500))
            answer = follower.ask(f"compare {file}")
            assert (answer["verdict"], answer["reasons"]) == ("unknown", ["OPEN_TRANSACTION"])
            t.commit()
        produce(pair.target, topic, stream(5, start=500))
        answer = follower.ask(f"compare {file}")
        assert (answer["verdict"], answer["matched"]) == ("open", 505)


def commit(cluster, group, topic, positions):
    client = Consumer(settings(cluster, group_id=group, enable_auto_commit=False))
    try:
        client.commit(offsets=[TopicPartition(topic, p, at) for p, at in positions.items()], asynchronous=False)
    finally:
        client.close()


@pytest.mark.parametrize("behind", [0, 5])
def test_a_group_near_the_end(pair, topic, behind):
    write_both(*pair, topic, stream(4000))
    ends = end_offsets(pair.source, topic)
    commit(pair.source, topic, topic, {p: end - behind for p, end in ends.items()})
    with Follower(*pair, topic) as follower:
        answers = [follower.ask(f"group {topic}") for _ in range(8)]
        for answer in answers:
            assert answer["verdict"] == "open", answer
            assert [place[2] for place in answer["places"]] == [ends[p] - behind for p in range(4)]
    took = sorted(answer["took_us"] for answer in answers[1:])
    print(f"\ngroup {behind} records before the end: {took[0] / 1000:.1f} / {took[len(took) // 2] / 1000:.1f} / "
          f"{took[-1] / 1000:.1f} ms (least, median, most), the first time {answers[0]['took_us'] / 1000:.1f} ms")
