"""Brokers that are killed, paused and restarted, leaders that move, logs that lose their ends and their beginnings, topics
that go, all while some hundred megabytes are read: the right answer, or unknown and why, and never open by mistake."""

import signal
import time

import pytest

from expect import QUICK, expect_open, expect_shut, expect_unknown
from kafka_cluster import KafkaCluster
from patience import until
from records import create_topic, delete_records, delete_topic, end_offsets, produce, stream, write_both

pytestmark = pytest.mark.real
MANY = 60_000
UNREACHED = 69


@pytest.fixture(scope="module")
def frail(run_folder):
    """Two nodes that the tests of this file hurt and leave running: 3.9.1 and 4.3.1."""
    with KafkaCluster("3.9.1", run_folder / "frail-source", name="frail source") as source, \
            KafkaCluster("4.3.1", run_folder / "frail-target", name="frail target") as target:
        yield source, target


@pytest.fixture(scope="module")
def trio(run_folder):
    """Three nodes of 4.3.1 that the tests of this file hurt and leave running."""
    with KafkaCluster("4.3.1", run_folder / "trio", nodes=3, name="trio") as cluster:
        yield cluster


@pytest.fixture(scope="module")
def hundred():
    """Some fifty-five megabytes; both sides together make a hundred and ten."""
    return stream(MANY, keys=1000, size=900)


@pytest.fixture(scope="module")
def large(frail, hundred):
    """The large topic, on both nodes, faultless."""
    write_both(*frail, "large", hundred, target_how={"linger_ms": 50})
    return "large"


@pytest.fixture(scope="module")
def large_on_three(frail, trio, large, hundred):
    """The same on three nodes, where each leads two partitions of six."""
    create_topic(trio, large, 6)
    produce(trio, large, hundred)
    return large


@pytest.fixture
def begin(interlock, tmp_path):
    """A function: starts a comparison, and gives it back once it has written down how far it has read."""
    def start(source, target, topic, *options, rate="8MB/s", timeout="60s"):
        kept = tmp_path / "checkpoint"
        process = interlock.start("parity", "--source", source.bootstrap, "--target", target.bootstrap, "--topic", topic,
                                  "--json", "--rate", rate, "--timeout", timeout, "--settle", "1s", "--checkpoint", kept,
                                  *options)
        written = set()         # anew each time: the first one is there before anything is read
        until(lambda: (kept.exists() and written.add(kept.stat().st_ino)) or len(written) > 1 or process.poll() is not None)
        assert process.poll() is None, f"ended before it was hurt:\n{process.communicate()}"
        return process

    return start


def hurt(process, *accidents):
    """One accident after the other while the comparison lasts; on a slow machine it may not last for all of them."""
    for i, accident in enumerate(accidents):
        if process.poll() is not None:
            assert i >= 2, f"ended before it was hurt:\n{process.communicate()}"
            return
        accident()


def silence(cluster, index=1, seconds=15):
    cluster.pause(index)
    time.sleep(seconds)
    cluster.resume(index)


def crash(cluster, index=1, seconds=0):
    cluster.kill(index)
    time.sleep(seconds)
    cluster.start_node(index)


def matched(result, count=MANY):
    assert result.topic()["records"] == {"source": count, "target": count, "matched": count}, result


# ---- it comes back

def test_nodes_killed_paused_and_restarted_in_turn(frail, large, interlock, begin):
    """One comparison, four accidents: kill -9 and back, fifteen seconds of silence, an orderly restart, a kill again."""
    source, target = frail
    process = begin(*frail, large, rate="3MB/s")
    hurt(process, lambda: crash(source), lambda: silence(target), lambda: target.restart(), lambda: crash(target))
    matched(expect_open(interlock.finish(process, timeout=150)))


def test_leaders_move_while_we_read(frail, trio, large_on_three, interlock, begin):
    """Three nodes: one killed and back, another silent for fifteen seconds, the third restarted; all leaders move."""
    process = begin(frail[0], trio, large_on_three, rate="3MB/s")
    hurt(process, lambda: crash(trio, 1, seconds=4), lambda: silence(trio, 2), lambda: trio.restart(3))
    matched(expect_open(interlock.finish(process, timeout=150)))


def test_a_fault_is_found_through_an_accident(frail, interlock, begin, topic):
    """What is lost is named, and nothing else, although the target was killed between."""
    write_both(*frail, topic, stream(200))
    process = begin(*frail, topic, "--follow")
    frail[1].kill()
    more = stream(100, start=200)
    produce(frail[0], topic, more)
    frail[1].start_node()
    produce(frail[1], topic, more[:50] + more[52:])
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    expect_shut(interlock.finish(process, timeout=60), {"LOST": 2})


# ---- it does not come back in time

@pytest.mark.parametrize("side, how", [(0, "paused"), (1, "killed")], ids=["source paused", "target killed"])
def test_gone_for_longer_than_the_deadline(frail, large, interlock, begin, side, how):
    """Lost on the way: unknown. Whoever begins now never reaches it."""
    process = begin(*frail, large, timeout="4s")
    frail[side].pause() if how == "paused" else frail[side].kill()
    try:
        expect_unknown(interlock.finish(process, timeout=60), "UNREACHABLE")
        result = interlock.parity(*frail, large, options=["--timeout", "3s"], timeout=40)
    finally:
        frail[side].resume() if how == "paused" else frail[side].start_node()
        end_offsets(frail[side], large, timeout=60)  # the next test finds it as this one did
    assert result.status == UNREACHED and result.json["verdict"] == "unknown", result
    assert ("source", "target")[side] in result.err and frail[side].bootstrap in result.err, result


def test_one_partition_has_no_leader(frail, trio, interlock, topic):
    """The node with the only copy is gone: the rest is compared, and the answer is unknown."""
    made = stream(300, partitions=6)
    create_topic(frail[0], topic, 6)
    create_topic(trio, topic, 6, replicas=1)
    produce(frail[0], topic, made)
    produce(trio, topic, made)
    expect_open(interlock.parity(frail[0], trio, topic, options=QUICK))
    trio.kill(3)
    try:
        time.sleep(4)
        result = interlock.parity(frail[0], trio, topic, options=[*QUICK, "--timeout", "6s"], timeout=60)
        assert result.verdict == "unknown" and result.status in (2, UNREACHED), result
        process = interlock.start("parity", "--source", frail[0].bootstrap, "--target", trio.bootstrap, "--topic", topic,
                                  "--json", "--settle", "1s", "--timeout", "60s")
        time.sleep(2)
    finally:
        trio.start_node(3)
    matched(expect_open(interlock.finish(process, timeout=90)), 300)


# ---- the log changes under the reader

def test_a_log_that_loses_its_end(frail, trio, interlock, begin, topic):
    """An unclean election: the copy that was behind leads, and records that were read and matched are gone."""
    create_topic(frail[0], topic, 1)
    create_topic(trio, topic, 1, replicas=2, unclean_leader_election_enable="true", min_insync_replicas=1)
    made = stream(50, partitions=1)
    produce(frail[0], topic, made)
    produce(trio, topic, made)
    state = trio.admin().list_topics(topic, timeout=10).topics[topic].partitions[0]
    leader, follower = state.leader, next(one for one in state.replicas if one != state.leader)
    trio.kill(follower)
    more = stream(50, partitions=1, start=50)
    produce(frail[0], topic, more)
    produce(trio, topic, more)
    process = begin(frail[0], trio, topic, "--follow")
    try:
        trio.kill(leader)
        trio.start_node(follower, wait=False)
        until(lambda: end_or_none(trio, topic) == 50, said="no unclean election")
        time.sleep(4)
    finally:
        process.terminate()
        trio.start_node(leader)
    result = interlock.finish(process, timeout=60)
    assert result.verdict != "open", result
    assert "TRUNCATED" in result.reasons or result.findings == {"LOST": 50}, result
    assert end_offsets(trio, topic) == {0: 50}
    expect_shut(interlock.parity(frail[0], trio, topic, options=QUICK), {"LOST": 50})


def end_or_none(cluster, topic):
    from confluent_kafka import KafkaException
    try:
        return end_offsets(cluster, topic)[0]
    except (KafkaException, KeyError):
        return None


@pytest.mark.parametrize("side", [0, 1], ids=["source", "target"])
def test_a_log_that_loses_its_beginning(frail, interlock, begin, topic, side):
    """DeleteRecords passes the reader by: what it had not read is gone on one side."""
    made = stream(10_000, size=900)
    write_both(*frail, topic, made)
    process = begin(*frail, topic, rate="1MB/s")
    delete_records(frail[side], topic, {p: 2400 for p in range(4)})
    expect_unknown(interlock.finish(process, timeout=60), "COVERAGE_HOLE")


def test_a_beginning_that_was_read_already_may_go(frail, interlock, begin, topic):
    """Retention behind the reader takes nothing from the proof.  The first checkpoint says that it has read so far."""
    write_both(*frail, topic, stream(400))
    process = begin(*frail, topic, "--follow")
    delete_records(frail[1], topic, {p: 50 for p in range(4)})
    for cluster in frail:
        produce(cluster, topic, stream(100, start=400))
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    matched(expect_open(interlock.finish(process, timeout=60)), 500)


@pytest.mark.parametrize("again", [False, True], ids=["deleted", "created again"])
@pytest.mark.parametrize("side", [0, 1], ids=["source", "target"])
def test_a_topic_that_goes(frail, interlock, begin, topic, side, again):
    made = stream(10_000, size=900)
    write_both(*frail, topic, made)
    process = begin(*frail, topic, rate="1MB/s", timeout="10s")
    delete_topic(frail[side], topic)
    if again:
        time.sleep(0.5)
        create_topic(frail[side], topic, 4)
        produce(frail[side], topic, made)
    result = interlock.finish(process, timeout=90)
    assert result.verdict == "unknown" and result.status == 2, result
    assert result.reasons & ({"TOPIC_RECREATED"} if again else {"TOPIC_DELETED", "UNREACHABLE"}), result
    assert not result.findings, result


# ---- versions side by side

# Not here, since the rest of the tests is full of them: 3.9.1 to 4.3.1, and 2.8 to 4.3.1.
@pytest.mark.parametrize("source_is, target_is", [("3.9.1", "4.0.0"), ("4.0.0", "4.3.1"), ("4.3.1", "3.9.1"), ("2.8", "3.9.1"),
                                                  ("2.8", "4.0.0"), ("4.0.0", "2.8"), ("4.3.1", "2.8")])
def test_versions_side_by_side(source, target, secure, old_cluster, interlock, topic, source_is, target_is):
    kinds = {"3.9.1": source, "4.0.0": secure, "4.3.1": target, "2.8": old_cluster}
    made = stream(60, partitions=3)
    sides = kinds[source_is], kinds[target_is]
    names = [f"{topic}-{side}".replace("[", "-").replace("]", "") for side in ("s", "t")]
    for name, cluster, records in zip(names, sides, (made, made[:-1])):
        create_topic(cluster, name, 3, replicas=1)
        produce(cluster, name, records)
    expect_shut(interlock.parity(*sides, f"{names[0]}={names[1]}", options=QUICK), {"LOST": 1})
    produce(sides[1], names[1], made[-1:])
    result = expect_open(interlock.parity(*sides, f"{names[0]}={names[1]}", options=QUICK))
    matched(result, 60)


@pytest.mark.parametrize("speaks", ["2.1", "2.3", "2.6"])
def test_a_cluster_that_is_older_still(target, interlock, topic, speaks):
    from others import OldCluster
    made = stream(60, partitions=3)
    with OldCluster(speaks=speaks) as old:
        for cluster in (old, target):
            create_topic(cluster, topic, 3, replicas=1)
            produce(cluster, topic, made)
        matched(expect_open(interlock.parity(old, target, topic, options=QUICK)), 60)
        matched(expect_open(interlock.parity(target, old, topic, options=QUICK)), 60)
