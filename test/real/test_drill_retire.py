"""A rehearsal on a shadow family, under load, whole and cut short; and the end of an exit: sealed, cleared up, complete."""

import shutil
import signal
import time

import pytest

from crossing import OWNER, Scene

pytestmark = pytest.mark.real

CLASS = {"like": "rehearsal", "pause": "20s", "deadline": "60s", "observe": "1ms", "observe-records": 50,
         "rollback": {"drill": "7d"}}
LOAD = {"rate": "200/s", "size": "512", "for": "3s"}
SHADOW = "__interlock-drill-"

# Temporary things: files.  `stuck` says that it removed something and has not.
THING = """#!/bin/sh
cd "$(dirname "$0")" || exit 1
case $1 in
there) if [ -e "thing-$2" ]; then echo yes; else echo no; fi ;;
used) if [ -e "used-$2" ]; then echo yes; else echo no; fi ;;
remove) [ -e "stuck-$2" ] || rm -f "thing-$2" ;;
restore) : > "thing-$2" ;;
esac
"""


def item(name, *keys):
    return {"what": name, "probe": f"exec ./thing there {name}", "remove": f"exec ./thing remove {name}",
            **{key: f"exec ./thing {key} {name}" for key in keys}}


@pytest.fixture
def one(pair, run_folder, topic):
    folder = run_folder / topic
    shutil.rmtree(folder, ignore_errors=True)       # of a first try
    with Scene(folder, *pair, shops=[{"rate": 100}], topic=topic) as scene:
        script = folder / "thing"
        script.write_text(THING)
        script.chmod(0o755)
        yield scene
    for cluster in pair:        # what a drill that failed has left would stand in the way of the next test
        left = [name for name in cluster.admin().list_topics(timeout=20).topics if name.startswith(SHADOW)]
        for gone in cluster.admin().delete_topics(left).values() if left else ():
            gone.result(30)


@pytest.fixture
def verb(one, interlock):
    """A function: an owner's act, and what came of it."""
    def act(*words, status=0, timeout=180):
        try:
            return interlock.run(*acting(*words), folder=one.folder, status=status, timeout=timeout)
        except AssertionError as failed:
            raise AssertionError(f"{failed}\n{interlock.run('status', folder=one.folder).out}") from failed
    return act


def acting(*words):
    return [*words, "--as", OWNER, "--reason", "a test", "--yes", "--json"]


def shadows(pair):
    return [name for cluster in pair for name in cluster.admin().list_topics(timeout=20).topics
            if name.startswith(SHADOW)]


def family(interlock, scene):
    status = interlock.run("status", "--json", folder=scene.folder, status=0).json
    assert [each["family"] for each in status["families"]] == ["orders"]
    return status, status["families"][0]


def verified(interlock, scene, acts):
    """The auditor makes every verdict again, and finds an act behind everything that was carried out."""
    found = interlock.run("verify", "interlock.db", "--json", folder=scene.folder, status=0).json
    assert (found["answer"], found["fault"], found["acts"]) == ("intact", None, acts), found
    assert found["verdicts"] and found["checkpoints"], found
    assert any("__interlock" in holder for holder in found["outside"]["not_held_against"]), found


def test_a_drill_opens_the_way_to_a_crossing(pair, one, verb, interlock):
    one.plan("drilled", limits=CLASS, drill=LOAD)
    one.load(200)
    refused = verb("promote", "orders", status=1).json["text"]
    assert "rollback.drill" in refused and "rollback.tested" in refused
    said = verb("drill", "orders").json["text"]
    assert "none lost and none doubled" in said
    assert not shadows(pair) and not list(one.folder.glob("*~drill*"))
    assert family(interlock, one)[1]["scaffold"] == []
    assert one.flag.get() == "source"
    # `check` reads the journal too: the drill, and which side has authority.
    [checked] = interlock.run("check", "--json", folder=one.folder, status=(0, 2)).json["families"]
    assert checked["gates"]["rollback"] == "open" and (checked["stage"], checked["epoch"]) == ("OBSERVING", 1), checked
    one.load(100)
    verb("promote", "orders")
    one.load(100)
    [checked] = interlock.run("check", "--probe-levers", "--json", folder=one.folder, status=(0, 2)).json["families"]
    assert (checked["authority"], checked["epoch"], checked["gates"]["parity"]) == ("target", 3, "open"), checked
    report = one.end("target")
    assert not report.findings, report


def test_a_drill_that_is_killed_leaves_nothing_and_is_repeated(pair, one, verb, interlock):
    one.plan("drilled", limits=CLASS, drill={**LOAD, "for": "6s"})
    for wait in (0.2, 4):
        process = interlock.start(*acting("drill", "orders"), folder=one.folder)
        deadline = time.monotonic() + 60
        while len(shadows(pair)) < 2:
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.05)
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        interlock.finish(process, killed=True)
        assert shadows(pair)
        # Another verb finds what was left, and the act that still waits is carried out before its own.
        verb("hold", "orders")
        assert not shadows(pair)
        verb("resume", "orders")
    assert "none lost" in verb("drill", "orders").json["text"]
    assert not shadows(pair) and family(interlock, one)[1]["scaffold"] == []


def test_no_drill_without_a_load_and_none_on_the_target(one, verb):
    one.plan()
    assert "declares no load" in verb("drill", "orders", status=1).json["text"]


def test_retire_takes_the_scaffold_down_and_the_exit_ends(one, verb, interlock):
    folder = one.folder
    for name in ("retention", "stuck", "busy"):
        (folder / f"thing-{name}").touch()
    (folder / "stuck-stuck").touch()
    (folder / "used-busy").touch()
    one.plan("brief", limits={**CLASS, "rollback": {"drill": "none"}}, scaffold=[
        item("never"), item("retention"), item("busy", "used", "restore"), item("stuck", "restore")],
        regimes=[{"name": "nightly batch", "probe": "exec ./thing there batch"}])
    one.load(200)
    assert "sealed" in verb("retire", "orders", status=1).json["text"]
    verb("promote", "orders")
    one.load(100)
    # A regime that the plan names must have been lived through; one look at which it was on is enough.
    assert "not seen yet: nightly batch" in verb("seal", "orders", status=1).json["text"]
    window = family(interlock, one)[1]["window"]
    assert not window["over"] and "not seen yet: nightly batch" in window["text"], window
    (folder / "thing-batch").touch()
    verb("seal", "orders")
    shown = interlock.run("status", folder=folder, status=0).out
    assert "not complete" in shown and "retire orders" in shown

    assert "busy is still in use" in verb("retire", "orders", status=1).json["text"]
    assert not (folder / "thing-retention").exists() and (folder / "thing-busy").exists()
    (folder / "used-busy").unlink()
    assert "stuck does not go" in verb("retire", "orders", status=1).json["text"]
    status, now = family(interlock, one)
    assert now["stage"] == "SEALED" and not status["complete"]
    events = {each["item"]: each["event"] for each in now["scaffold"]}
    assert events == {"never": "absent", "retention": "absent", "busy": "absent", "stuck": "present"}
    assert "scaffold: stuck (present)" in interlock.run("status", folder=folder, status=0).out

    (folder / "stuck-stuck").unlink()
    said = verb("retire", "orders").json["text"]
    assert "1 of them without a way to put it back" in said and "__interlock" in said
    status, now = family(interlock, one)
    assert now["stage"] == "RETIRED" and status["complete"]
    assert all(each["event"] == "absent" and each["proof"] for each in now["scaffold"])
    assert not list(folder.glob("*.parity"))
    # Nothing is left to keep, and a second time changes nothing.
    interlock.run("run", folder=folder, status=0, timeout=60)
    assert "already" in verb("retire", "orders").json["text"]
    verified(interlock, one, acts=4)    # promote, seal, and retire twice
    report = one.end("target")
    assert not report.findings, report


def test_retire_can_be_killed(one, verb, interlock):
    folder = one.folder
    slow = [item(f"slow-{number}", "restore") for number in range(6)]
    for number in range(6):
        (folder / f"thing-slow-{number}").touch()
    script = folder / "thing"
    script.write_text(THING.replace("remove)", "remove) sleep 0.2;"))
    one.plan("brief", limits={**CLASS, "rollback": {"drill": "none"}}, scaffold=slow)
    one.load(200)
    verb("promote", "orders")
    one.load(50)
    verb("seal", "orders")
    process = interlock.start(*acting("retire", "orders"), folder=folder)
    deadline = time.monotonic() + 60
    while (folder / "thing-slow-1").exists():
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    interlock.finish(process, killed=True)
    # Whoever comes next carries it to its end.
    verb("retire", "orders")
    status, now = family(interlock, one)
    assert now["stage"] == "RETIRED" and status["complete"]
    assert len(now["scaffold"]) >= 6 and not list(folder.glob("thing-slow-*"))


def test_two_owners_where_the_plan_wants_two(one, verb):
    file = one.plan("brief", limits={**CLASS, "rollback": {"drill": "none"}})
    file.write_text(file.read_text().replace("owners:\n    decision:", "owners:\n    on-call: second@example.org\n"
                                             "    decision:") + "signing: {seal-owners: 2}\n")
    assert "second owner" in verb("retire", "orders", status=1).json["text"]
    assert "sealed" in verb("retire", "orders", "--second", "second@example.org", status=1).json["text"]
