"""How fast a crossing that goes wrong is given up, and how fast a controller that was killed goes on, under load on two
real Kafka nodes.

  return    a lever says no, in the silence or while it is set: from that answer until writers are where they were
  restart   the controller is killed somewhere in a crossing and started again: from its start to its first new effect

    returns.py [--times N]
"""

import argparse
import random
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT / "test" / "peer"))
sys.path.insert(0, str(HERE))

from apps import Refused  # noqa: E402
from crossing import FAMILY, ByVerbs, Scene  # noqa: E402
from crossings import LIMITS, clusters, row  # noqa: E402
from door import Door, Older  # noqa: E402
from journal_frames import frames, of_kind  # noqa: E402
from program import Program  # noqa: E402

AIM_RETURN_MS, AIM_RESTART_MS = 800, 1000
SHOPS = [{"rate": 200}]
ACTING = {"INTENT", "OBSERVATION", "OUTCOME", "STAGE", "QUIET", "LEVEL", "DECISION", "RETURN", "CHECKPOINT"}


class Moody:
    """The shop's flag, behind a door of ours; at a word from us it refuses one question, and remembers when."""

    def __init__(self, flag):
        self.flag, self.refuses, self.refused_ms = flag, None, None

    def mood(self, question):
        if self.refuses == question:
            self.refuses, self.refused_ms = None, time.time() * 1000
            raise Older("not now")

    def get(self):
        return self.flag.get()

    def set(self, word, epoch=None):
        self.mood(word)
        try:
            return self.flag.set(word, epoch)
        except Refused as refused:
            raise Older(str(refused)) from None

    def drained(self, epoch=None):
        self.mood("drained")
        return self.flag.drained(epoch)


def given_up(scene, mover, moody, question):
    """Milliseconds from the refusal to the stage in which the family was at rest again."""
    moody.refuses = question
    result = mover.act("promote", FAMILY)
    if result.status != 1 or moody.refuses:
        raise SystemExit(f"the crossing was not given up:\n{result}")
    took = next(wall for wall, body in of_kind(scene.folder, "STAGE")
                if wall >= moody.refused_ms - 1 and body["stage"] == "OBSERVING") - moody.refused_ms
    if mover.act("resume", FAMILY).status != 0:
        raise SystemExit(f"the family was not resumed:\n{mover.results[-1]}")
    return took


def taken_up(scene, program, mover, side, after):
    """Milliseconds from a controller's start to its first effect, when the one before was killed in the middle."""
    controller = program.start("run", "--plan", str(mover.file), folder=scene.folder)
    crossing = threading.Thread(target=mover.act, args=("promote" if side == "source" else "rollback", FAMILY))
    frames_before = sum(1 for _ in frames(scene.folder))
    crossing.start()
    deadline = time.monotonic() + 60
    while not any(kind == "STAGE" and body["stage"] == "FENCING"
                  for kind, _, body in list(frames(scene.folder))[frames_before:]):
        if time.monotonic() > deadline:
            raise SystemExit("the crossing did not begin")
        time.sleep(0.005)
    time.sleep(after)
    controller.kill()
    controller.communicate()
    known = sum(1 for _ in frames(scene.folder))
    began = time.time() * 1000
    again = program.start("run", "--plan", str(mover.file), folder=scene.folder)
    crossing.join(120)
    again.terminate()
    again.communicate(timeout=30)
    new = list(frames(scene.folder))[known:]
    acted = next((wall for kind, wall, _ in new if kind in ACTING), None)
    if acted is None:
        return None         # it had arrived before it was killed
    return acted - began


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--times", type=int, default=20)
    given = words.parse_args()
    program = Program(ROOT / "build" / "interlock")
    chance = random.Random(1)
    with tempfile.TemporaryDirectory(prefix="interlock-bench-") as folder, clusters(Path(folder), False) as pair, \
            Scene(Path(folder) / "scene", pair["source"], pair["target"], shops=SHOPS, groups=()) as scene:
        moody = Moody(scene.flag)
        door = Door(0, {"flag": moody})
        url = f"http://127.0.0.1:{door.port}/flag"
        plan = scene.plan("quick", limits=LIMITS,
                          levers_more={"flag": {"get": url, "set": url, "drained": f"{url}/drained"}})
        mover = ByVerbs(scene, program, plan)
        scene.load(300)
        for question in ("drained", "hold"):
            row(f"return: {question} refused",
                [given_up(scene, mover, moody, question) for _ in range(given.times)], (AIM_RETURN_MS, AIM_RETURN_MS))
        side, took = "source", []
        while len(took) < given.times:
            one = taken_up(scene, program, mover, side, chance.uniform(0, 0.06))
            side = scene.flag.get()
            if mover.status()["overlay"]:
                mover.act("resume", FAMILY)
            if one is not None:
                took.append(one)
        row("restart: first effect", took, (AIM_RESTART_MS, AIM_RESTART_MS))
        report = scene.end(side)
        door.close()
    if report.findings:
        raise SystemExit(f"something was lost, doubled or reordered:\n{report}")
    print("nothing lost, doubled, reordered")


if __name__ == "__main__":
    main()
