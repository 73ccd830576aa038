"""Plays that take long: our own brokers dying all the time, a freeze whose lever fails, journals without room, ACLs from the drill to the end,
three nodes."""

import os
import signal
import subprocess
import threading
import time
from types import SimpleNamespace

import pytest
import yaml
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AclBinding, AclOperation, AclPermissionType, ResourcePatternType, ResourceType

import test_crossing_edges
from broker import GuardedBroker
from crossing import ARRIVED, FAMILY, ByVerbs, Scene, binding
from journal_frames import of_kind
from patience import until
from records import EPOCH_MS, Record, end_offsets, produce, producer, settings
from test_crossing import whatever_dies
from test_crossing_edges import denies, guarded, own_retention, with_bad_flag     # noqa: F401
from test_drill_retire import CLASS, LOAD, shadows

pytestmark = pytest.mark.real


@pytest.mark.timeout(0)
def test_whatever_dies_on_our_own_brokers(own_pair, interlock, scene):
    """They are back in milliseconds, so that far more accidents fall into crossings.  CROSSINGS says how many."""
    whatever_dies(*own_pair, interlock, scene)


def test_a_freeze_insists_and_a_resume_that_cannot_tell_says_so(own_pair, interlock, scene):
    """A record that only the target has asks for a freeze.  The flag fails: it is tried again by itself until it holds."""
    one = scene(*own_pair, groups=(), shops=[{"rate": 100}])
    bad, file = with_bad_flag(one, {"stop": {"parity": "freeze"}, "parity": {"late": "5s"}})
    whole = yaml.safe_load(file.read_text())
    whole["reading"] = {"every": "300ms"}
    whole["families"][0]["levers"]["flag"]["timeout"] = "1s"
    file.write_text(yaml.safe_dump(whole, sort_keys=False))
    mover = ByVerbs(one, interlock, file)
    stray = Record(b"stray", b"on one side alone", (("id", b"stray"), ("sequence", b"0")), EPOCH_MS, 0)
    one.load(100)
    assert mover.cross("target") == ARRIVED, mover.results[-1]
    bad.goes("fail", "set-hold")
    controller = interlock.start("run", "--plan", file, folder=one.folder)
    try:
        produce(own_pair.target, one.topic, [stray])
        until(lambda: "does not stand yet: lever flag" in (mover.status()["cause"] or ""))
        stands = mover.status()
        assert (stands["stage"], stands["overlay"]) == ("FENCING", "HELD") and one.flag.get() == "target", stands
        bad.heals()
        until(lambda: "the fence stands" in mover.status()["cause"])
        assert one.flag.get() == "hold" and mover.status()["overlay"] == "HELD"
        assert len([body for _, body in of_kind(one.folder, "INTENT") if body["step"] == "fence flag hold"]) >= 2

        # Set back by somebody who falls silent: nobody says that it is done.
        produce(own_pair.source, one.topic, [stray])
        bad.goes("vanish", "set-target")
        assert mover.act("resume", FAMILY).status == 2, mover.results[-1]
        assert mover.status()["overlay"] == "UNKNOWN"
        bad.heals()
        assert mover.act("resume", FAMILY).status in (0, 1), mover.results[-1]
        until(lambda: mover.status()["overlay"] is None)
        stands = mover.status()
        assert (stands["stage"], stands["moving"], one.flag.get()) == ("TARGET", None, "target"), stands
    finally:
        controller.send_signal(signal.SIGTERM)
        assert interlock.finish(controller, ["run"]).status == 0
    one.load(50)
    report = one.end("target", load_min=0)
    assert all("stray" in found.text for found in report.findings), report


# ---- a copier that cannot keep up

class Slow(threading.Thread):
    """Copies the source's log to the target, so many records a second and not one more."""

    def __init__(self, source, target, topic, rate):
        super().__init__(daemon=True)
        self.source, self.target, self.topic, self.rate, self.ending = source, target, topic, rate, False

    def behind(self):
        return sum(end_offsets(self.source, self.topic).values()) - sum(end_offsets(self.target, self.topic).values())

    def run(self):
        reader = Consumer(settings(self.source, group_id="slow", enable_auto_commit=False))
        writer = producer(self.target, linger_ms=1)
        reader.assign([TopicPartition(self.topic, partition, 0) for partition in end_offsets(self.source, self.topic)])
        while not self.ending:
            for message in reader.consume(max(1, self.rate // 10), 0.1):
                if message.error() is None:
                    writer.produce(self.topic, message.value(), message.key(), message.partition(),
                                   headers=message.headers(), timestamp=message.timestamp()[1])
            assert writer.flush(20) == 0
            time.sleep(0.1)
        reader.close()

    def end(self):
        self.ending = True
        self.join(60)
        assert not self.is_alive()


@pytest.mark.parametrize("quota", [None, "5kB/s"], ids=["without a quota", "with one"])
def test_a_quota_lets_a_slow_copier_catch_up(own_pair, interlock, run_folder, topic, quota):
    """The shop writes faster than is copied: that is refused, or slows the shop down until the copier is there.  It takes
    longer than the verdict lives where the copier is far behind; then the crossing is given up before anybody was fenced."""
    limits = {"like": "rehearsal", "pause": "1s", "deadline": "30s", "parity": {"settle": "60s"}}
    with Scene(run_folder / topic, *own_pair, topic=topic, pattern="stop-and-switch", shops=[{"rate": 160}], groups=()) as one:
        copier = Slow(own_pair.source, own_pair.target, topic, rate=120)
        copier.start()
        mover = ByVerbs(one, interlock, one.plan("brisk", limits=limits, producers=["User:ANONYMOUS"],
                                                 levers_more={"quota": quota} if quota else {}))
        one.load(100)
        until(lambda: copier.behind() > 200)
        result = mover.act("promote", FAMILY, timeout=180)
        print(result, copier.behind())
        told = [(body["word"], body["desired"]) for _, body in of_kind(one.folder, "INTENT") if body["lever"] == "quota:source"]
        if not quota:
            assert result.status != 0 and one.flag.get() == "source" and not told, result
            copier.end()
            return
        assert result.status == 0 and one.flag.get() == "target", result
        assert told == [("limit", '[["ANONYMOUS","5000"]]'), ("as it was", '[["ANONYMOUS",null]]')], told
        one.load(100)
        copier.end()
        report = one.end("target", load_min=10)
        assert not report.findings, report


# ---- a journal that has no room

def limit_files(process, size):
    """From now on the process may write no file beyond so many bytes: what it has reserved is of no use either."""
    subprocess.run(["prlimit", "--pid", str(process.pid), f"--fsize={size}:"], check=True, timeout=20)


def test_a_journal_without_room_holds_back_and_goes_on(own_pair, interlock, scene):
    """Before the decision it returns once it can write that down, after it it goes on; nobody is let through meanwhile."""
    one = scene(*own_pair, groups=(), shops=[{"rate": 100}])
    bad, file = with_bad_flag(one, {"deadline": "4s", "pause": "4s"})
    mover, came = ByVerbs(one, interlock, file), []

    def crossing_that_stops_at(verb, *where):
        bad.goes("fail", *where)
        act = threading.Thread(target=lambda: came.append(mover.act(verb, FAMILY)))
        act.start()
        until(lambda: one.flag.get() == "hold")
        if where == ("set-target",):
            until(lambda: "OPENING" in [body["stage"] for _, body in of_kind(one.folder, "STAGE")])
        return act

    one.load(50)
    act = crossing_that_stops_at("promote", "drained")
    limit_files(mover.process, 4096)
    bad.heals()
    time.sleep(5)                                       # longer than the deadline
    assert one.flag.get() == "hold" and act.is_alive()
    limit_files(mover.process, "unlimited")
    act.join(60)
    stands = mover.status()
    assert came[0].status == 1 and (stands["authority"], stands["overlay"]) == ("source", "HELD"), (came, stands)
    assert one.flag.get() == "source" and not of_kind(one.folder, "DECISION")
    assert mover.act("resume", FAMILY).status == 0

    one.load(50)
    act = crossing_that_stops_at("promote", "set-target")
    limit_files(mover.process, 4096)
    bad.heals()
    time.sleep(2)
    assert one.flag.get() == "hold" and act.is_alive()
    limit_files(mover.process, "unlimited")
    act.join(60)
    assert came[1].status == 0 and mover.status()["authority"] == one.flag.get() == "target", came[1]
    assert interlock.run("verify", "interlock.db", "--plan", file, folder=one.folder).status in (0, 2)
    one.load(50)
    assert not one.end("target", load_min=10).findings


class SmallDisk:
    """A file system of so many MiB that only programs started by `before` see at `path`; None where nobody may have one."""

    def __init__(self, path, size):
        self.path = path
        path.mkdir()
        unshare = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
        self.keeper = subprocess.Popen(
            [*unshare, "sh", "-c", f"mount -t tmpfs -o size={size}m tmpfs '{path}' && echo mounted && exec sleep 600"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.there = self.keeper.stdout.readline() == "mounted\n"
        self.before = ["nsenter", "-t", str(self.keeper.pid), "-m",
                       *([] if os.geteuid() == 0 else ["-U", "--preserve-credentials"])]

    def fill(self):
        ballast = self.path / "ballast"
        subprocess.run([*self.before, "sh", "-c", f"cat /dev/zero > '{ballast}'"], timeout=60, stderr=subprocess.DEVNULL)

    def empty(self):
        subprocess.run([*self.before, "rm", "-f", str(self.path / "ballast")], check=True, timeout=60)

    def close(self):
        self.keeper.kill()
        self.keeper.wait(20)


class On(ByVerbs):
    """The verbs, with the journal on a small disk."""

    def __init__(self, one, interlock, file, disk):
        super().__init__(one, SimpleNamespace(
            start=lambda *words, **how: interlock.start(*words, before=disk.before, **how), finish=interlock.finish,
            run=lambda *words, **how: interlock.run(*words, before=disk.before, **how)), file)


def test_a_disk_that_fills_up_in_the_middle_stops_nobody(own_pair, interlock, scene):
    one = scene(*own_pair, groups=(), shops=[{"rate": 100}])
    disk = SmallDisk(one.folder / "disk", 40)
    try:
        if not disk.there:
            pytest.skip("this machine lets nobody mount a small disk")
        bad, file = with_bad_flag(one, {"deadline": "30s"})
        whole = yaml.safe_load(file.read_text())
        whole["state"] = str(disk.path / "interlock.db")
        file.write_text(yaml.safe_dump(whole, sort_keys=False))
        mover, came = On(one, interlock, file, disk), []
        one.load(50)
        assert mover.act("hold", FAMILY).status == 0 and mover.act("resume", FAMILY).status == 0
        disk.fill()
        refused = mover.act("promote", FAMILY)
        assert refused.status != 0 and "room" in refused.out + refused.err and one.flag.get() == "source", refused
        disk.empty()
        for verb, where, to in (("promote", "drained", "target"), ("rollback", "set-source", "source")):
            one.load(50)
            bad.goes("fail", where)
            act = threading.Thread(target=lambda verb=verb: came.append(mover.act(verb, FAMILY)))
            act.start()
            until(lambda: one.flag.get() == "hold")
            disk.fill()
            bad.heals()
            act.join(60)
            assert came[-1].status == 0 and one.flag.get() == to, came[-1]
            disk.empty()
        one.load(50)
        assert not one.end("source", load_min=10).findings
    finally:
        disk.close()


# ---- real clusters

def may_rehearse(cluster, topic, user="bob"):
    """What a drill needs where ACLs are the fence: topics and groups of its own."""
    for operation in ("ALTER", "ALTER_CONFIGS", "DESCRIBE", "DESCRIBE_CONFIGS", "CREATE"):
        binding(cluster, "BROKER", "kafka-cluster", user, operation)
    for operation in ("ALTER_CONFIGS", "DESCRIBE_CONFIGS", "ALTER"):
        binding(cluster, "TOPIC", topic, user, operation)
    own = [AclBinding(kind, "__interlock", ResourcePatternType.PREFIXED, f"User:{user}", "*", AclOperation[operation],
                      AclPermissionType.ALLOW)
           for kind, operations in ((ResourceType.TOPIC, "CREATE DELETE READ WRITE DESCRIBE DESCRIBE_CONFIGS ALTER"),
                                    (ResourceType.GROUP, "READ DESCRIBE DELETE"))
           for operation in operations.split()]
    for future in cluster.admin().create_acls(own).values():
        future.result(30)


def test_acls_from_the_drill_to_the_end(guarded, interlock):
    """A deny is a part of the rehearsal, the crossing and the clearing-up; none of ours is left, and nobody else's is touched."""
    one = guarded(shops=[{"rate": 100}], retention_ms=864000000)
    for cluster in one.clusters.values():
        may_rehearse(cluster, one.topic)
        binding(cluster, "TOPIC", one.topic, "mallory", "WRITE", "DENY")
    foreign = [{("User:mallory", one.topic)}] * 2
    file = one.plan("drilled", limits=CLASS, drill=LOAD, producers=["User:alice"],
                    levers_more={"acl": True, "topic-config": {"retention.ms": "1209600000"}})
    mover = ByVerbs(one, interlock, file)

    def denied():
        return [denies(cluster) for cluster in one.clusters.values()]

    one.load(200)
    drilled = mover.act("drill", FAMILY, timeout=180)
    assert drilled.status == 0 and "none lost and none doubled" in drilled.json["text"], drilled
    assert denied() == foreign and not shadows(one.clusters.values())
    one.load(100)
    for verb in ("promote", "seal", "retire"):
        done = mover.act(verb, FAMILY)
        assert done.status == 0, done
        assert denied() == foreign, verb
        if verb == "promote":
            one.load(100)
            assert own_retention(one.clusters["source"], one.topic) == "1209600000"
    assert [own_retention(cluster, one.topic) for cluster in one.clusters.values()] == 2 * ["864000000"]
    assert mover.status()["stage"] == "RETIRED"
    assert not one.end("target").findings


class TestOurOwnBrokers:
    """A deny as the fence where both clusters are brokers of Interlock's own."""

    @pytest.fixture
    def new_cluster(self, run_folder, topic):
        made = []

        def new(_version, name, **_how):
            made.append(GuardedBroker(run_folder / topic / name, name))
            return made[-1].start()

        yield new
        for one in made:
            one.__exit__()

    def test_a_deny_beside_the_flag(self, guarded, interlock):
        test_crossing_edges.test_a_deny_beside_the_flag(guarded, interlock)

    def test_a_deny_is_lifted_when_the_crossing_is_given_up(self, guarded, interlock):
        test_crossing_edges.test_a_deny_is_lifted_when_the_crossing_is_given_up(guarded, interlock)


def test_three_nodes_by_the_verbs(source, three_nodes, interlock, scene):
    one = scene(source, three_nodes, shops=[{"rate": 50}, {"rate": 50, "transactional": True}])
    # Three nodes on a busy machine take their time for a mirror write.
    patient = {"like": "rehearsal", "pause": "20s", "deadline": "60s", "parity": {"settle": "20s", "age": "2m"},
               "progress": {"reread": 1000}}       # writers that overtake each other make a group read some again
    mover = ByVerbs(one, interlock, one.plan("patient", limits=patient))
    for to in ("target", "source", "target"):
        one.load(200)
        assert mover.cross(to) == ARRIVED, mover.results[-1]
    one.load(100)
    print("pauses, ms:", mover.pauses_ms())
    report = one.end("target", load_min=20)
    assert not report.findings, report
