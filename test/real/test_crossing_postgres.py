"""Crossings whose journal is in a PostgreSQL server that dies meanwhile, and whose controllers die too: what is decided goes
on once the server is back, what is not goes on or returns, and nobody hangs."""

import signal
import threading
import time

import pytest
import yaml

from crossing import ARRIVED, FAMILY, ByVerbs, Scene
from patience import until
from postgres import Postgres
from test_crossing_edges import Bad

pytestmark = pytest.mark.real

LIMITS = {"like": "rehearsal", "deadline": "15s", "pause": "10s"}


@pytest.fixture
def server(run_folder, topic):
    with Postgres(run_folder / f"{topic}-postgres") as one:
        yield one


@pytest.fixture
def own(own_pair, run_folder, topic):
    """The same on our own brokers: what is hurt here is the journal's server."""
    with Scene(run_folder / topic, *own_pair, topic=topic, shops=[{"rate": 100}], groups=()) as scene:
        yield scene


@pytest.fixture
def one(pair, run_folder, topic):
    with Scene(run_folder / topic, *pair, topic=topic, shops=[{"rate": 150}], groups=()) as scene:
        yield scene


class Play:
    def __init__(self, one, server, interlock, limits=None):
        self.one, self.server, self.interlock = one, server, interlock
        self.bad = Bad(one.folder / "bad", one.flag)
        file = one.plan("quick", limits=limits or LIMITS, levers_more={"flag": self.bad.plan()})
        whole = yaml.safe_load(file.read_text())
        whole["state"] = server.address("exit_one")
        file.write_text(yaml.safe_dump(whole, sort_keys=False))
        self.mover, self.looker = ByVerbs(one, interlock, file), ByVerbs(one, interlock, file)

    def begin(self, verb):
        """The verb under way; its result once it is asked for."""
        came = []
        act = threading.Thread(target=lambda: came.append(self.mover.act(verb, FAMILY)))
        act.start()

        def result():
            act.join(90)
            assert came, self.one.shops[0].tail()
            return came[0]
        return result

    def restart(self, seconds):
        self.server.kill()
        time.sleep(seconds)
        self.server.start()

    def controller(self):
        return self.interlock.run("status", "--plan", str(self.mover.file), "--json", status=0).json["controller"]

    def at_rest(self):
        """Where it stands, and the application with it."""
        stands = self.looker.status()
        assert stands["moving"] is None and stands["overlay"] in (None, "HELD"), stands
        assert self.one.flag.get() == stands["authority"], stands
        return stands


def test_a_server_and_controllers_that_die(one, server, interlock):
    play = Play(one, server, interlock)
    one.load(100)
    assert play.mover.cross("target") == ARRIVED, play.mover.results[-1]

    # Before the decision: while the application is not drained.
    one.load(50)
    play.bad.goes("fail", "drained")
    result = play.begin("rollback")
    until(lambda: one.flag.get() == "hold")
    play.bad.heals()
    play.restart(1)
    came = result()
    assert came.status in (0, 1), came
    stands = play.at_rest()
    assert (stands["authority"] == "source") == (came.status == 0), stands
    if stands["overlay"] == "HELD":
        play.mover.act("resume", FAMILY)
    if stands["authority"] == "target":
        assert play.mover.cross("source") == ARRIVED, play.mover.results[-1]

    # After it: only forward, for as long as the server is away, and by the same verb.
    one.load(50)
    play.bad.goes("fail", "set-target")
    result = play.begin("promote")
    until(lambda: one.flag.get() == "hold" and play.looker.status()["stage"] == "OPENING")
    server.kill()
    time.sleep(3)
    play.bad.heals()
    assert one.flag.get() == "hold"
    server.start()
    came = result()
    assert came.status == 0, came
    assert play.at_rest()["authority"] == "target"

    # The controller that holds the lease dies in the middle, and another host's takes over.
    one.load(50)
    first, second = None, None
    try:
        first = interlock.start("run", "--plan", play.mover.file, folder=one.folder)
        until(lambda: play.controller()["alive"])
        second = interlock.start("run", "--plan", play.mover.file, folder=one.folder)
        play.bad.goes("fail", "drained")
        result = play.begin("rollback")
        until(lambda: one.flag.get() == "hold")
        first.kill()
        play.bad.heals()
        came = result()
        assert came.status == 0, came
        assert play.at_rest()["authority"] == "source"
        one.load(50)

        # The server goes for good.  Whoever rests ends when it is told to, as if it were there.
        server.kill()
        time.sleep(1)
        second.send_signal(signal.SIGTERM)
        assert interlock.finish(second, ["run"], timeout=30).status == 0
        server.start()

        # And a verb in the middle of a crossing ends too, and says that it left one; whoever comes next brings it to an end.
        play.bad.goes("fail", "drained")
        verb = interlock.start(*play.mover.words("promote", FAMILY), folder=one.folder)
        until(lambda: one.flag.get() == "hold")
        server.kill()
        time.sleep(1)
        verb.send_signal(signal.SIGTERM)
        told = interlock.finish(verb, timeout=30)
        assert told.status in (2, 69) and "a crossing is under way" in told.err, told
        play.bad.heals()
        server.start()
        assert one.flag.get() == "hold"
        came = play.mover.act("promote", FAMILY)
        assert came.status in (0, 1), came
        stands = play.at_rest()
    finally:
        for process in (first, second):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()
    one.load(50)
    report = one.end(stands["authority"], load_min=10)
    assert not report.findings, report


def leases(server):
    """(frames of the journal, number of the lease now), as the server's tables have it."""
    return tuple(int(server.sql(f"SELECT {what} FROM exit_one.interlock_head")) for what in ("sequence", "lease"))


def test_a_server_that_falls_silent(own, server, interlock):
    """Stopped, not dead: connections stay open and nothing answers, as behind a firewall that drops all.  Nobody acts on what it
    cannot write down; what is not decided returns once it speaks again, for its time is over, and what is decided goes on."""
    play = Play(own, server, interlock, {"like": "rehearsal", "deadline": "4s", "pause": "4s"})
    first = second = None
    try:
        own.load(50)
        play.bad.goes("fail", "drained")
        result = play.begin("promote")
        until(lambda: own.flag.get() == "hold")
        server.pause()
        play.bad.heals()
        # Whoever only asks is answered within a bound.
        asked = interlock.run("status", "--plan", play.mover.file, "--json", status={2, 69, 70, 75, 78}, timeout=60)
        assert "within" in asked.err or "answer" in asked.err, asked
        assert own.flag.get() == "hold"
        time.sleep(1.5)                                 # longer than the deadline, with what was asked
        server.go_on()
        came = result()
        stands = play.at_rest()
        assert (came.status, stands["authority"], stands["overlay"]) == (1, "source", "HELD"), (came, stands)
        assert play.mover.act("resume", FAMILY).status == 0

        # Decided, with two controllers and a verb: whoever has the lease by then goes on, alone.
        own.load(50)
        first = interlock.start("run", "--plan", play.mover.file, folder=own.folder)
        until(lambda: play.controller()["alive"])
        second = interlock.start("run", "--plan", play.mover.file, folder=own.folder)
        play.bad.goes("fail", "set-target")
        result = play.begin("promote")
        until(lambda: own.flag.get() == "hold" and play.looker.status()["stage"] == "OPENING")
        before = leases(server)
        server.pause()
        play.bad.heals()
        time.sleep(4)                                   # longer than a lease lives that nobody beats
        assert own.flag.get() == "hold"
        server.go_on()
        came = result()
        assert came.status == 0 and play.at_rest()["authority"] == "target", came
        after = leases(server)
        assert after[0] > before[0] and after[1] >= before[1], (before, after)
    finally:
        server.go_on()
        for process in (first, second):
            if process is not None:
                process.send_signal(signal.SIGTERM)
                assert interlock.finish(process, ["run"], timeout=60).status == 0
    held = interlock.run("verify", server.address("exit_one"), "--plan", play.mover.file, timeout=60)
    assert held.status in (0, 2) and "tampered" not in held.out, held     # 2: no holder of checkpoints was asked
    own.load(50)
    report = own.end("target", load_min=10)
    assert not report.findings, report
