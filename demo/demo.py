"""The demo: two real Kafka nodes, a shop that writes its orders to both, and three faults, found and named."""

import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path[:0] = [str(HERE), str(ROOT / "test" / "peer")]

from kafka_cluster import KafkaCluster  # noqa: E402
from records import commit_group, create_topic, end_offsets  # noqa: E402
from shop import TOPIC, Shop  # noqa: E402

INTERLOCK = ROOT / "build" / "interlock"
ORDERS = 30_000
COLOUR = sys.stdout.isatty()
# Kafka 4 refuses times an hour ahead, 3.9 takes any: `check` would say so, and be right.
SETTINGS = {"message.timestamp.after.max.ms": 3_600_000}
PLAN = f"""\
exit: shop-to-new-kafka
source: source.properties
target: target.properties
families:
  - name: {TOPIC}
    class: rehearsal
    pattern: dual-write
    topics: [ {TOPIC} ]
    groups: [ billing ]
    owners: {{ decision: shop-lead@example.org }}
    match: {{ identity: header:id }}
"""


def paint(code, text):
    return f"\033[{code}m{text}\033[0m" if COLOUR else text


def scene(text):
    print(f"\n{paint('1;36', '==')} {paint('1', text)}", flush=True)


def say(text):
    print(f"   {text}", flush=True)


@contextlib.contextmanager
def start_clusters(folder):
    """The two clusters, ended with the block.  The only place that knows what they are."""
    source = KafkaCluster("3.9.1", folder / "source", name="source")
    target = KafkaCluster("4.3.1", folder / "target", name="target")
    try:
        with ThreadPoolExecutor() as both:
            list(both.map(lambda cluster: cluster.start(), (source, target)))
        yield source, target
    finally:
        source.close()
        target.close()


def interlock(folder, *words, right):
    """The program, as typed; its output goes straight to the reader.  `right`: the exit status that we expect."""
    print(f"\n{paint('32', '$')} interlock {' '.join(words)}", flush=True)
    began = time.monotonic()
    status = subprocess.run([INTERLOCK, *words], cwd=folder, check=False, timeout=90).returncode
    say(paint("2", f"(exit status {status}, {time.monotonic() - began:.1f} s)"))
    if status != right:
        raise SystemExit(f"the demo expected exit status {right}, not {status}")


def compare(folder, right):
    interlock(folder, "parity", "--source", "source.properties", "--target", "target.properties", "--topic", TOPIC,
              "--identity", "header:id", "--settle", "1s", right=right)


def findings(folder):
    done = subprocess.run(
        [INTERLOCK, "parity", "--source", "source.properties", "--target", "target.properties", "--topic", TOPIC,
         "--identity", "header:id", "--settle", "1s", "--json"],
        cwd=folder, check=False, timeout=90, capture_output=True, text=True)
    return json.loads(done.stdout)["topics"][0]["findings"]


def play(folder):
    scene("Two clusters: Apache Kafka 3.9.1, which we want to leave, and 4.3.1, where we want to go")
    with start_clusters(folder) as (source, target):
        for name, cluster in (("source", source), ("target", target)):
            (folder / f"{name}.properties").write_text(f"bootstrap.servers={cluster.bootstrap}\n")
            create_topic(cluster, TOPIC, 4, **SETTINGS)
            say(f"{name}: Kafka {cluster.version} at {cluster.bootstrap}")
        (folder / "exit.yaml").write_text(PLAN)

        scene(f"A shop writes {ORDERS:,} orders to both: zstd there, lz4 here, each with its own batches")
        shop = Shop(source.bootstrap, target.bootstrap)
        shop.work(ORDERS)

        scene("Do both carry the same facts?")
        compare(folder, right=0)
        scene("The billing group has read two thirds on the source.  Where does it go on, on the target?")
        commit_group(source, "billing", TOPIC, {p: end * 2 // 3 for p, end in end_offsets(source, TOPIC).items()})
        interlock(folder, "offsets", "--source", "source.properties", "--target", "target.properties", "--group",
                  "billing", "--apply", "--yes", right=0)

        scene("Six gates stand before the move")
        interlock(folder, "check", right=0)

        scene("Now the dual write goes wrong in three ways, and goes on")
        say("the target is slow for a moment: two orders time out, and nobody tries again")
        shop.lose(2)
        shop.work(500)
        say("one instance of the shop runs an old release that drops the cents of a total")
        shop.round_totals()
        shop.work(500)
        say("a retry overtakes: a customer's order is cancelled before it was placed")
        shop.overtake()
        shop.work(500)

        scene("Would anybody notice?  The counts differ by 2 in 31,505")
        compare(folder, right=1)
        scene("And the gate is shut")
        interlock(folder, "check", right=1)

        planted = {"LOST": 2, "ALTERED": 1, "REORDERED_KEY": 1}
        found = findings(folder)
        scene("Planted, and found")
        for name in sorted(planted.keys() | found.keys()):
            ok = planted.get(name) == found.get(name)
            say(f"{paint('32' if ok else '31', 'ok ' if ok else 'NO ')} {name:14} planted {planted.get(name, 0)}, "
                f"found {found.get(name, 0)}")
        if planted != found:
            raise SystemExit("the demo did not find what it planted")
    say("")
    say("Both clusters are stopped, and their data is gone.")


def main():
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
