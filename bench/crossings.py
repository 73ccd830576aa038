"""Crossings under load, forward and back, on two real Kafka nodes: how long nobody could write.

  writers     from the last acknowledged write on one side to the first on the other, as each shop saw it
  interlock   from `set hold` sent to the new word confirmed, as the journal has it
  rest        the limit beside them: the flag's own answer over HTTP, in this run

    crossings.py [--crossings N] [--lever flag|acl]...
"""

import argparse
import contextlib
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT / "test" / "peer"))

from certificates import Certificates  # noqa: E402
from crossing import ARRIVED, FAMILY, OTHER, ByVerbs, Scene, logins, may_move  # noqa: E402
from kafka_cluster import USERS, KafkaCluster  # noqa: E402
from program import Program  # noqa: E402

LIMITS = {"like": "rehearsal", "pause": "5s", "rollback": {"drill": "none"}}
# Pause at p50 and p99, in ms, by lever.
AIMS = {"flag": (100, 500), "acl": (300, 1500)}
SHOPS = [{"rate": 200}, {"rate": 100, "transactional": True}]


@contextlib.contextmanager
def clusters(folder, secure):
    more = {"secure": True, "certificates": Certificates(folder / "certificates")} if secure else {}
    with KafkaCluster("3.9.1", folder / "source", name="source", **more) as source, \
            KafkaCluster("4.3.1", folder / "target", name="target", **more) as target:
        yield {"source": source, "target": target}


def connect(folder, pair):
    """Interlock's own logins: the property files of both sides, and the rights that it needs there."""
    files = {}
    for side, cluster in pair.items():
        may_move(cluster, FAMILY)
        files[side] = folder / f"{side}.properties"
        files[side].write_text(
            f"bootstrap.servers={cluster.addresses('SASL')}\nsecurity.protocol=SASL_PLAINTEXT\n"
            f"sasl.mechanism=SCRAM-SHA-256\nsasl.username=bob\nsasl.password={USERS['bob']}\n")
        files[side].chmod(0o600)
    return files


def at(ordered, part):
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def row(what, values, aims=None):
    ordered = sorted(values)
    p50, p99 = at(ordered, 0.5), at(ordered, 0.99)
    verdict = ""
    if aims:
        verdict = "reached" if p50 <= aims[0] and p99 <= aims[1] else "missed"
        verdict = f"   aim {aims[0]} / {aims[1]}: {verdict}"
    print(f"  {what:<28} p50 {p50:8.1f} ms   p99 {p99:8.1f} ms   most {ordered[-1]:8.1f} ms   of {len(ordered)}{verdict}",
          flush=True)


def asked_ms(scene, count=100):
    """What no crossing with a flag can be faster than, three times over: one question to it."""
    took = []
    for _ in range(count):
        began = time.perf_counter()
        scene.flag.get()
        took.append((time.perf_counter() - began) * 1000)
    return took


def tell_return(mover):
    """A crossing that was given up is no figure, and nothing to keep quiet about."""
    crossing = next(one for one in reversed(mover.results) if one.json["act"] in ("promote", "rollback"))
    print(f"  {crossing.json['act']} {crossing.json['result']}: {crossing.json['text']}", flush=True)


def measure(lever, count, folder, program):
    secure = lever == "acl"
    with clusters(folder, secure) as pair:
        how = {"logins": logins(pair), "files": connect(folder, pair)} if secure else {}
        with Scene(folder / "scene", pair["source"], pair["target"], shops=SHOPS, groups=(), **how) as scene:
            more = {"levers_more": {"acl": True}, "producers": ["User:alice"]} if secure else {}
            mover = ByVerbs(scene, program, scene.plan("quick", limits=LIMITS, **more))
            side, held = "source", []
            # An application that has just come up still works off what it wrote meanwhile: its own time, not the crossing's.
            scene.load(1500)
            while len(held) < count:
                scene.load(100)
                if mover.cross(OTHER[side]) == ARRIVED:
                    side = OTHER[side]
                    held.append(mover.status()["pause_ms"])
                else:
                    tell_return(mover)
            scene.load(100)
            asked = asked_ms(scene)
            report = scene.end(side)
    if report.findings:
        raise SystemExit(f"the crossings lost, doubled or reordered something:\n{report}")
    print(f"\n{lever}: {count} crossings, {len(SHOPS)} shops that never stop; nothing lost, doubled, reordered")
    row("writers", [one.pause * 1000 for one in report.crossings], AIMS[lever])
    row("interlock", held)
    row("rest: the flag asked", asked)


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--crossings", type=int, default=40)
    words.add_argument("--lever", action="append", choices=sorted(AIMS))
    given = words.parse_args()
    program = Program(ROOT / "build" / "interlock")
    for lever in given.lever or ["flag", "acl"]:
        with tempfile.TemporaryDirectory(prefix="interlock-bench-") as folder:
            measure(lever, given.crossings, Path(folder), program)


if __name__ == "__main__":
    main()
