"""Authority moved by Interlock itself, forward, back and forward again, on real clusters under a load that never rests;
with the controller, a broker or an application killed or stopped at random moments.  CROSSINGS=1000 makes it a soak; with
MINUTES as well it ends when they are over, and what was crossed by then is checked."""

import os
import random
import time

import pytest

from crossing import ARRIVED, OTHER, RETURNED, ByVerbs
from faults import Accidents, of_app, of_node, of_process
from test_applications import KINDS

pytestmark = pytest.mark.real
CROSSINGS = int(os.environ.get("CROSSINGS", "20"))
MINUTES = float(os.environ.get("MINUTES", "inf"))
SEED = int(os.environ.get("SEED", "1"))


@pytest.mark.parametrize("levers", ["http", "exec"])
@pytest.mark.parametrize("kind", KINDS)
def test_forward_back_and_forward(pair, interlock, scene, kind, levers):
    # Writers that overtake each other make a group read some again, wherever it goes on; it never skips.
    one = scene(*pair, shops=KINDS[kind], groups=("billing", "search") if kind == "several" else ())
    mover = ByVerbs(one, interlock, one.plan("overtaking", {"like": "rehearsal", "progress": {"reread": 1000}}, levers))
    for number, to in enumerate(("target", "source", "target"), 1):
        one.load(200)
        assert mover.cross(to) == ARRIVED, mover.results[-1]
        family = mover.status()
        assert (family["authority"], family["epoch"]) == (to, 1 + 2 * number), family
        assert family["stage"] == {"target": "TARGET", "source": "OBSERVING"}[to], family
        assert one.flag.get() == to
        assert all(group.get() == f"running {to}" for group in one.groups)
    one.load(200)
    report = one.end("target", load_min=20)
    assert not report.findings and len(report.crossings) == 3 * len(one.shops), report


def test_groups_go_along(pair, interlock, scene):
    one = scene(*pair, groups=("billing", "search"))
    mover = ByVerbs(one, interlock)
    for to in ("target", "source", "target"):
        one.load(200)
        assert mover.cross(to) == ARRIVED, mover.results[-1]
        assert {group.get() for group in one.groups} == {f"running {to}"}
    one.load(200)
    report = one.end("target", load_min=20)
    assert not report.findings, report


def whatever_dies(source, target, interlock, scene):
    """Many crossings; each may arrive or return, none may lose, double, reorder, or let two sides be the authority."""
    one = scene(source, target, shops=KINDS["several"], groups=())
    mover = ByVerbs(one, interlock)
    victims = [of_process("interlock", lambda: mover.process, weight=4), of_node(source), of_node(target),
               *(of_app(shop) for shop in one.shops)]
    outcomes, chance = [], random.Random(SEED)
    at, until = "source", time.monotonic() + 60 * MINUTES
    while len(outcomes) < CROSSINGS and time.monotonic() < until:
        one.load(100)
        with Accidents(chance.random(), victims, every=(0.1, 2.5)) as accidents:
            # Before the fence a verb waits for evidence for as long as nodes go on dying.
            outcomes.append(mover.cross(OTHER[at], timeout=300))
        stands = mover.status()
        assert stands["overlay"] is None and stands["moving"] is None, f"{stands}\n{mover.results[-1]}\n{accidents}"
        at = stands["authority"]
        assert one.flag.get() == at, f"{stands}\n{accidents}"
        if len(outcomes) % 20 == 0:
            print(f"{len(outcomes)} crossings, {outcomes.count(ARRIVED)} arrived", flush=True)      # a long one shows that it lives
    print(f"{len(outcomes)} crossings, {outcomes.count(ARRIVED)} arrived; all is read now", flush=True)
    one.load(100)
    report = one.end(at)
    assert not report.findings, f"seed {SEED}\n{report}"
    # How many arrive is a question of how fast the machine starts again what was killed.
    assert set(outcomes) <= {ARRIVED, RETURNED} and ARRIVED in outcomes, outcomes


@pytest.mark.slow
@pytest.mark.timeout(600 if CROSSINGS <= 20 else 0)
def test_whatever_dies_meanwhile(new_cluster, interlock, scene):
    whatever_dies(new_cluster("3.9.1", name="source"), new_cluster("4.3.1", name="target"), interlock, scene)
