"""The load that crossings are judged by, judged itself: the applications on real clusters, with authority moved by hand,
while they and the brokers are killed and paused.  Whatever Interlock does to them later, they lose and double nothing."""

import random
import re
import subprocess
import time

import pytest

from apps import Refused
from crossing import ARRIVED, RETURNED, ByHand, deny, logins, remove
from faults import Accidents, of_app, of_node
from patience import until
from records import end_offsets

pytestmark = pytest.mark.real

KINDS = {
    "idempotent": [{"rate": 300}],
    "plain": [{"rate": 300, "idempotent": False}],
    "transactional": [{"rate": 300, "transactional": True}],
    "several": [{"rate": 150}, {"rate": 100, "transactional": True}, {"rate": 80, "idempotent": False}],
}


@pytest.mark.parametrize("kind", KINDS)
def test_forward_back_and_forward(pair, interlock, scene, kind):
    one = scene(*pair, shops=KINDS[kind])
    mover = ByHand(one, interlock)
    for to in ("target", "source", "target"):
        one.load(300)
        assert mover.cross(to) == ARRIVED
    one.load(300)
    report = one.end("target", load_min=20)
    assert not report.findings and len(report.crossings) == 3 * len(KINDS[kind]), report


def test_killed_at_any_moment_a_shop_forgets_nothing(pair, interlock, scene):
    """Kill -9 in the middle of writing, while it holds, and right after the word: with every kind of producer."""
    one = scene(*pair, shops=KINDS["several"])
    mover = ByHand(one, interlock, deadline=30)
    chance = random.Random(4)
    for to in ("target", "source", "target"):
        one.load(200)
        with Accidents(chance.random(), [of_app(shop) for shop in one.shops], every=(0.1, 0.8), kills=0.8):
            one.load(200)
            mover.cross(to)
        for shop in one.shops:
            assert shop.get() == one.flag.get()
    one.load(100)
    report = one.end(one.flag.get())
    assert not report.findings, report


def word_of(flag):
    """None: one of those who are asked has just been killed."""
    try:
        return flag.get()
    except OSError:
        return None


def test_brokers_that_go_away_and_come_back(new_cluster, interlock, scene):
    """With the accidents of brokers a crossing may have to return; nothing is lost by that either."""
    source, target = new_cluster("3.9.1", name="source"), new_cluster("4.3.1", name="target")
    one = scene(source, target, shops=KINDS["several"], groups=())
    mover = ByHand(one, interlock, deadline=20)
    outcomes, at = [], "source"
    with Accidents(7, [of_node(source), of_node(target), *(of_app(shop) for shop in one.shops)]) as accidents:
        for _ in range(4):
            one.load(200)
            outcomes.append(mover.cross("target" if at == "source" else "source"))
            at = until(lambda: word_of(one.flag))
    one.load(200)
    report = one.end(at)
    assert not report.findings, f"{report}\n{accidents}"
    assert set(outcomes) <= {ARRIVED, RETURNED} and ARRIVED in outcomes, (outcomes, accidents)


def test_stop_and_switch_with_mirror_maker(new_cluster, interlock, scene, mirror):
    """The other pattern: a copier fills the target, and the application is sent there once, whole."""
    source, target = new_cluster("3.9.1", name="source"), new_cluster("4.3.1", name="target")
    one = scene(source, target, pattern="stop-and-switch", shops=[{"rate": 200}])
    mirror(source, target, topics=re.escape(one.topic))
    one.load(400)
    until(lambda: sum(end_offsets(target, one.topic).values()) >= 300)
    assert ByHand(one, interlock, deadline=30).cross("target") == ARRIVED
    one.load(300)
    report = one.end("target", load_min=100)
    assert not report.findings and len(report.crossings) == 1, report
    assert report.counts["on the target"] > report.counts["on the source"] > 0, report


def test_where_clusters_ask_who_writes(new_cluster, certificates, interlock, scene):
    """With logins and ACLs: a write that is refused is written once it is allowed, and neither lost nor doubled."""
    clusters = {side: new_cluster(version, name=side, secure=True, certificates=certificates)
                for side, version in (("source", "3.9.1"), ("target", "4.3.1"))}
    one = scene(*clusters.values(), logins=logins(clusters), shops=KINDS["several"])
    mover = ByHand(one, interlock)
    one.load(200)
    for to in ("target", "source"):
        assert mover.cross(to) == ARRIVED
        for side, cluster in clusters.items():
            refused = deny(cluster, one.topic)
            time.sleep(1)
            remove(cluster, refused)
        one.load(200)
    report = one.end("source", load_min=20)
    assert not report.findings, report
    assert any(shop.count(b'"e":"fail"') for shop in one.shops), "nobody was refused anything"


def test_the_flag_keeps_its_word(pair, scene):
    """As HTTP and as a command: words, epochs, what is refused and what waits."""
    one = scene(*pair, groups=())
    shop = one.flag
    one.load(100)

    def command(*words, epoch=None):
        done = subprocess.run(shop.command(*words), capture_output=True, text=True, timeout=20, check=False,
                              env={"PATH": "/usr/bin:/bin", **({} if epoch is None else {"INTERLOCK_EPOCH": str(epoch)})})
        return done.returncode, done.stdout.strip()

    assert command("get") == (0, "source")
    assert shop.drained(0) is False and command("drained", epoch=0) == (75, "waits")
    assert command("set", "hold", epoch=5) == (0, "hold")
    with pytest.raises(Refused):
        shop.set("target", 4)
    with pytest.raises(Refused):
        shop.set("target", 5)       # another word under the same epoch
    assert shop.set("hold", 5) == "hold"
    assert command("set", "source", epoch=4)[0] == 76 and command("drained", epoch=4)[0] == 76
    assert shop.drained(6) is False
    ByHand(one, None).wait_drained(5, 20)
    assert command("drained", epoch=5) == (0, "drained")
    before = shop.count(b'"e":"ok"')
    shop.kill()
    shop.start()
    assert shop.get() == "hold"
    ByHand(one, None).wait_drained(5, 20)
    assert shop.count(b'"e":"ok"') == before      # held through a crash
    assert command("set", "nowhere", epoch=6)[0] == 1 and shop.get() == "hold"
    assert command("set", "target", epoch=6) == (0, "target")
    one.load(50)
    assert not one.end("target").findings


def test_a_group_goes_on_where_it_was(pair, interlock, scene):
    """Stopped, killed and moved: it skips nothing, and says when it has lost its place."""
    one = scene(*pair, groups=("billing", "search"))
    billing, search = one.groups
    one.load(200)
    billing.kill()
    billing.start()
    billing.wait("running source")
    assert billing.set("stop") == "stopped" and search.get() == "running source"
    one.load(100)
    mover = ByHand(one, interlock)
    mover.insist(one.flag, "hold", 1, 20)
    mover.wait_drained(1, 20)
    mover.move_group(billing, "source", "target")
    assert billing.get() == "running target"
    assert search.set("start target") == "running target"     # nobody carried its position
    mover.insist(one.flag, "source", 2, 20)
    one.load(100)
    report = one.end("source", load_min=0, reading=5)
    assert set(report.kinds) <= {"lost-position", "unread"} and report.kinds["lost-position"] > 0, report
    assert all("search" in finding.text for finding in report.findings), report
