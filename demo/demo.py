"""The demo: a whole exit on two real Kafka nodes; `interlock demo` plays it on brokers of its own.  A shop writes each order twice and never stops; a fault shuts a gate; authority
crosses, a stop condition brings it back, it crosses again; the way back is closed, the scaffold goes, the journal is audited."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path[:0] = [str(HERE), str(ROOT / "test" / "peer")]

import yaml  # noqa: E402
from confluent_kafka import Producer  # noqa: E402
from crossing import OWNER, Scene  # noqa: E402
from kafka_cluster import KafkaCluster  # noqa: E402

INTERLOCK = Path(os.environ.get("INTERLOCK", ROOT / "build" / "interlock"))
SECOND = "ops@example.org"
COLOUR = sys.stdout.isatty()
# Kafka 4 refuses times an hour ahead, 3.9 takes any: `check` would say so, and be right.
SETTINGS = {"message.timestamp.after.max.ms": 3_600_000}
# `rehearsal` asks for no prices, no on-call and no alerts; everything about the records is as strict as ever.
CLASS = {"like": "rehearsal", "parity": {"settle": "1s", "late": "1s", "age": "20s"}, "observe": "5s", "stop": {"parity": "revert"},
         "rollback": {"drill": "1d", "return": "none", "keep": "1h"}}


def paint(code, text):
    return f"\033[{code}m{text}\033[0m" if COLOUR else text


def scene(text):
    print(f"\n{paint('1;36', '==')} {paint('1', text)}", flush=True)


def say(text):
    print(f"   {text}", flush=True)


@contextlib.contextmanager
def start_clusters(folder):
    """The two clusters, ended with the block."""
    source = KafkaCluster("3.9.1", folder / "source", name="source")
    target = KafkaCluster("4.3.1", folder / "target", name="target")
    try:
        with ThreadPoolExecutor() as both:
            list(both.map(lambda cluster: cluster.start(), (source, target)))
        yield source, target
    finally:
        source.close()
        target.close()


def interlock(folder, *words, right=0, lines=None):
    """The program, as typed; its output goes to the reader, or the first `lines` of it.  `right`: the exit status we expect."""
    print(f"\n{paint('32', '$')} interlock {' '.join(f'{w!r}' if ' ' in w else w for w in words)}", flush=True)
    began = time.monotonic()
    ended = subprocess.run([INTERLOCK, *words], cwd=folder, check=False, timeout=90, text=True,
                           stdout=subprocess.PIPE if lines else None)
    if lines:
        said = ended.stdout.splitlines()
        print("\n".join(said[:lines] + ([f"... and {len(said) - lines} lines more"] if len(said) > lines else [])))
    say(paint("2", f"(exit status {ended.returncode}, {time.monotonic() - began:.1f} s)"))
    if ended.returncode != right:
        raise SystemExit(f"the demo expected exit status {right}, not {ended.returncode}")


def act(folder, verb, reason, *more, right=0):
    interlock(folder, verb, "orders", "--as", OWNER, "--reason", reason, "--yes", *more, right=right)


def standing(folder):
    done = subprocess.run([INTERLOCK, "status", "--json"], cwd=folder, check=True, timeout=30, capture_output=True, text=True)
    return json.loads(done.stdout)["families"][0]


def wait_until(folder, what, timeout=60):
    deadline = time.monotonic() + timeout
    while not what(standing(folder)):
        if time.monotonic() > deadline:
            raise SystemExit(f"the demo waited {timeout} s in vain: {standing(folder)}")
        time.sleep(0.2)


def write_plan(shop):
    """exit.yaml: one family, its levers, a business counter, one temporary thing."""
    folder = shop.folder
    for side in ("source", "target"):
        (folder / f"revenue.{side}").write_text("1204.50\n")
    (folder / "mirror-dashboard").write_text("for the time of the move\n")
    (folder / "there").write_text("#!/bin/sh\nif [ -e mirror-dashboard ]; then echo yes; else echo no; fi\n")
    (folder / "there").chmod(0o755)
    file = shop.plan(klass="shop", limits=CLASS,
                     counters=[{"name": "revenue", "source": "exec cat revenue.source",
                                "target": "exec cat revenue.target"}],
                     drill={"rate": "500/s", "size": "1KiB", "for": "4s"},
                     scaffold=[{"what": "the dashboard of the mirror writes", "probe": "exec ./there",
                                "remove": "exec rm mirror-dashboard", "restore": "exec touch mirror-dashboard"}])
    plan = yaml.safe_load(file.read_text())
    plan["checkpoints"] = {"topic": "__interlock", "file": "checkpoints.txt"}
    plan["reading"] = {"every": "2s"}
    plan["families"][0]["owners"]["target"] = SECOND
    file.write_text(yaml.safe_dump(plan, sort_keys=False))


@contextlib.contextmanager
def controller(folder):
    """`interlock run`, in the background, as it would be in production."""
    print(f"\n{paint('32', '$')} interlock run &", flush=True)
    with open(folder / "run.log", "w") as log:
        run = subprocess.Popen([INTERLOCK, "run"], cwd=folder, stdout=log, stderr=log)
    try:
        yield run
    finally:
        run.send_signal(signal.SIGTERM)
        run.wait(30)


def stray_order(cluster, created_ms):
    """A write around the shop: to one side only."""
    client = Producer({"bootstrap.servers": cluster.bootstrap, "log_level": 0})
    client.produce("orders", key=b"stray", value=b'{"total": "12.00"}', partition=0, timestamp=created_ms,
                   headers=[("id", b"stray")])
    client.flush(10)


def cross(folder, target):
    scene("The steps, before anybody takes them")
    interlock(folder, "plan", "orders", right=0)

    scene("A rehearsal first: a shadow of the family crosses and comes back, on topics of its own")
    act(folder, "drill", "weekly")

    with controller(folder):
        wait_until(folder, lambda family: family["stage"] == "ARMED")
        scene("Authority crosses, while the shop goes on writing")
        act(folder, "promote", "CHG-4711")
        wait_until(folder, lambda family: family["verdict"] == "open")
        interlock(folder, "status")

        scene("A business counter drifts apart: the class says `stop: { parity: revert }`")
        (folder / "revenue.target").write_text("1190.00\n")
        wait_until(folder, lambda family: family["stage"] == "OBSERVING" and family["overlay"] == "HELD")
        interlock(folder, "status")
        say("the counter was a report that ran twice; it is mended, and the owner says so")
        (folder / "revenue.target").write_text("1204.50\n")
        act(folder, "resume", "the report ran twice")
        wait_until(folder, lambda family: family["stage"] == "ARMED")

        scene("The second crossing; and after the time that the class wants to watch, the way back is closed")
        act(folder, "promote", "CHG-4711, again")
        time.sleep(5)
        wait_until(folder, lambda family: family["verdict"] == "open")
        act(folder, "seal", "five quiet seconds", "--second", SECOND)

        scene("What was temporary goes, one thing at a time, and is proved gone")
        act(folder, "retire", "done", "--second", SECOND)
    interlock(folder, "runbook", "orders", lines=28)


def tell_history(report):
    """The shop knows what it wrote: the stray order must be found, as none of its own, and nothing else."""
    planted = [one for one in report.findings if "stray" in one.text]
    report.findings = [one for one in report.findings if one not in planted]
    for line in str(report).splitlines():
        say(line)
    if report.findings or not planted:
        raise SystemExit("the demo lost, doubled or reordered something, or its checker is blind")
    say("the one order that is not the shop's is the one we planted")


def play(folder):
    scene("Two clusters: Apache Kafka 3.9.1, which we want to leave, and 4.3.1, where we want to go")
    with start_clusters(folder) as (source, target):
        for cluster in (source, target):
            say(f"{cluster.name}: {cluster.what} at {cluster.bootstrap}")
        scene("A shop writes each order to both, two hundred a second; the group `billing` reads")
        with Scene(folder / "shop", source, target, shops=[{"rate": 200}], groups=["billing"], **SETTINGS) as shop:
            write_plan(shop)
            shop.load(400)
            scene("Six gates stand before the move")
            interlock(shop.folder, "check", right=2)
            say("all but one thing: nobody has rehearsed it yet")

            scene("An old job writes one order around the shop, to one side only.  Would anybody notice?")
            created_ms = int(time.time() * 1000)
            stray_order(source, created_ms)
            act(shop.folder, "promote", "CHG-4711", right=1)
            say("the order is written to the other side too; an owner has seen it, and lets the family go on")
            stray_order(target, created_ms)
            act(shop.folder, "hold", "mending")
            act(shop.folder, "resume", "the stray order is on both sides")
            cross(shop.folder, target)

            scene("The audit: the journal, held against what left the house")
            interlock(shop.folder, "verify", "interlock.db", "--checkpoint", "checkpoints.txt")
            scene("And what the shop itself saw, all the time")
            tell_history(shop.end())
    say("")
    say("Both clusters are stopped, and their data is gone.")


def main():
    signal.signal(signal.SIGTERM, signal.default_int_handler)     # as Ctrl-C: everything that was started is ended
    folder = Path(tempfile.mkdtemp(prefix="interlock-demo-"))
    try:
        play(folder)
    except KeyboardInterrupt:
        print("\ninterrupted; the clusters are stopped", file=sys.stderr)
        return 130
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
