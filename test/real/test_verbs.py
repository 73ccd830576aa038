"""The verbs around one crossing on real clusters: what they say before it, after it, and when somebody meddles."""
import json
import sqlite3

import pytest

from crossing import ARRIVED, FAMILY, OWNER, ByVerbs, Scene

pytestmark = pytest.mark.real


def test_verbs_around_a_crossing(pair, topic, interlock, tmp_path):
    with Scene(tmp_path / "scene", pair.source, pair.target, shops=[{"rate": 100}], topic=topic) as scene:
        mover = ByVerbs(scene, interlock)

        def run(*words, status=0):
            return interlock.run(*words, "--plan", str(mover.file), "--json", folder=scene.folder, status=status).json

        scene.load(200)
        assert mover.cross("target") == ARRIVED
        count_down(run)
        read_and_confirm(run)
        follow_the_runbook(run)
        tell(run)
        find_what_was_meddled_with(run, scene)
        read_as_far_as_it_holds(run, scene)


def count_down(run):
    made = run("countdown", FAMILY, status=None)
    assert [one["when"] for one in made["times"]] == ["a week before", "a day before", "an hour before"]
    items = [item for one in made["times"] for item in one["items"]]
    assert items and all(item["owner"] == OWNER for item in items)
    assert made["judged"] and (made["fresh"] or made["state"] != "open")


def read_and_confirm(run):
    who = ["--as", OWNER, "--reason", "a test", "--yes"]
    assert run("runbook", FAMILY, "--acknowledge", *who)["result"] == "done"
    assert run("runbook", FAMILY, "--confirm-on-call", "--until", "1h", *who)["result"] == "done"
    run("runbook", FAMILY, "--acknowledge", "--as", "nobody@example.org", "--reason", "x", "--yes", status=1)


def follow_the_runbook(run):
    book = run("runbook", FAMILY, "--back")
    assert book["kind"] == "crossing" and book["to"] == "source"
    assert book["acknowledged"]["by"] == OWNER and book["acknowledged"]["current"]
    names = [step["step"] for step in book["steps"]]
    order = [names.index(name) for name in ("gates", "silence", "level", "decision", "receipt")]
    assert order == sorted(order)
    fence = next(step for step in book["steps"] if step["step"] == "fence flag hold")
    assert fence["before"] == "target" and fence["desired"] == "hold" and "target" in fence["undo"]
    assert fence["expected_ms"] is not None and names.index("fence flag hold") < names.index("silence")


def tell(run):
    told = run("report", FAMILY)
    family = told["families"][0]
    crossing = family["crossings"][0]
    assert crossing["result"] == "arrived" and crossing["to"] == "target" and crossing["pause_ms"] > 0
    assert crossing["quiet"] < crossing["level"] < crossing["decision"] and len(crossing["verdict"]) == 64
    assert [act["act"] for act in family["acts"]][-2:] == ["acknowledge", "confirm"]
    assert all(act["by"] == OWNER and act["result"] for act in family["acts"])
    assert told["audit"]["frames"] > 20 and told["audit"]["checkpoints"][-1]["holders"]
    assert not family["complete"]


def find_what_was_meddled_with(run, scene):
    epoch = run("status")["families"][0]["epoch"]
    fine = run("diagnose")
    assert fine["answer"] == "agree" and fine["families"][0]["authority"] == {"journal": "target", "observed": "target"}
    scene.flag.set("source", epoch + 1)
    found = run("diagnose", FAMILY, status=1)["families"][0]
    flag = next(lever for lever in found["levers"] if lever["lever"] == "flag")
    assert (flag["observed"], flag["expected"], flag["agrees"]) == ("source", "target", False)
    assert "flag" in found["next"] and found["stuck"]
    scene.flag.set("target", epoch + 2)
    run("diagnose", FAMILY)


def read_as_far_as_it_holds(run, scene):
    """A frame is taken out of the middle: what was observed is said all the same, and it is never `agree`."""
    base = sqlite3.connect(scene.folder / "interlock.db")
    table = next(name for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'") if "frame" in name)
    key = [column[1] for column in base.execute(f"PRAGMA table_info({table})")][0]
    base.execute(f"DELETE FROM {table} WHERE {key} = 12")
    base.commit()
    base.close()
    found = run("diagnose", status=2)
    assert found["answer"] == "unknown"
    assert found["journal"]["frames"] == 11 and not found["journal"]["whole"] and found["journal"]["why"]
    assert found["families"][0]["authority"]["observed"] == "target"
    assert "touch nothing" in json.dumps(found["families"][0]["next"])
