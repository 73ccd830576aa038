"""Commands of the operator's beside real clusters: counters and outside positions at the gates, levers that are asked."""

import json

import pytest
import yaml

from records import commit_group, stream, write_both

pytestmark = pytest.mark.real

FLAG = """#!/bin/sh
seen=$(cat epoch 2>/dev/null || echo 0)
echo "$1 $2 $INTERLOCK_FAMILY $INTERLOCK_EPOCH" >> flag.log
case $1 in
get) cat word ;;
set) [ "$INTERLOCK_EPOCH" -ge "$seen" ] || exit 76; echo "$INTERLOCK_EPOCH" > epoch; echo "$2" > word ;;
drained) [ "$INTERLOCK_EPOCH" -ge "$seen" ] || exit 76; exit 75 ;;
esac
"""

# One that looks at no epoch.
GROUP = """#!/bin/sh
case $1 in get) echo running source ;; set) exit 0 ;; esac
"""

# 40 booked on each side, unless somebody says otherwise; nothing in the year 2000.
REVENUE = """#!/bin/sh
[ "$2" = 2000-01-01 ] && { echo 0; exit; }
cat "revenue-$1" 2>/dev/null || echo 40 EUR
"""


@pytest.fixture
def shop(pair, topic, tmp_path):
    """A folder with a plan whose commands lie beside it, and two clusters that are level."""
    group = f"{topic}-g"
    write_both(*pair, topic, stream(200))
    commit_group(pair.source, group, topic, {0: 10})
    for name, text in {"flag": FLAG, "group": GROUP, "revenue": REVENUE,
                       "where": '#!/bin/sh\n[ "$1" ] && echo 0 || cat where.json\n'}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o700)
    (tmp_path / "word").write_text("source\n")
    (tmp_path / "where.json").write_text('{"value": 17, "target": "savepoint-17"}\n')
    plan = {"exit": "test-exit", "source": pair.source.bootstrap, "target": pair.target.bootstrap,
            "env": {"TOKEN": "${file:token}"},
            "classes": {"quick": {"like": "rehearsal", "parity": {"settle": "300ms"}}},
            "families": [{
                "name": "orders", "class": "quick", "pattern": "dual-write", "topics": [topic], "groups": [group],
                "owners": {"decision": "lead@example.org"},
                "levers": {"flag": {"get": "exec ./flag get", "set": "exec ./flag set", "drained": "exec ./flag drained"},
                           "groups": {group: {"get": f"exec ./group get {group}", "set": f"exec ./group set {group}"}}},
                "counters": [{"name": "revenue", "source": "exec ./revenue source", "target": "exec ./revenue target",
                              "control": "2000-01-01"}],
                "outside": [{"flink": "billing-job", "checkpoint": "exec ./where", "control": "elsewhere"}]}]}
    (tmp_path / "exit.yaml").write_text(yaml.safe_dump(plan, sort_keys=False))
    (tmp_path / "token").write_text("a-secret-token\n")
    return tmp_path


def check(interlock, shop, *more):
    result = interlock.run("check", "--json", "--gate", "parity", "--gate", "progress", *more, folder=shop)
    assert result.status in (0, 1, 2), result
    assert "a-secret-token" not in result.out + result.err
    family, = result.json["families"]
    return result, family["gates"], {reason["code"]: json.dumps(reason) for reason in family["reasons"]}


def test_what_commands_answer_opens_and_shuts_the_gates(shop, interlock):
    result, gates, _ = check(interlock, shop)
    assert gates == {"parity": "open", "progress": "open"} and result.status == 0, result

    (shop / "revenue-target").write_text("39.99 EUR\n")
    (shop / "where.json").write_text('{"value": 17}\n')
    result, gates, reasons = check(interlock, shop)
    assert gates == {"parity": "shut", "progress": "shut"} and result.status == 1, result
    assert "0.01 apart" in reasons["COUNTER_DIFFERS"] and "flink:billing-job" in reasons["OUTSIDE_POSITION"], reasons

    # One that says the same whatever is asked, and one that says nothing.
    (shop / "revenue").write_text("#!/bin/sh\necho 40\n")
    (shop / "where").write_text('#!/bin/sh\necho "cannot log in with $TOKEN" >&2; exit 1\n')
    result, gates, reasons = check(interlock, shop)
    assert gates == {"parity": "unknown", "progress": "unknown"} and result.status == 2, result
    assert "proves nothing" in result.out and "cannot log in with [hidden]" in result.out, result


def test_levers_are_asked_and_told_nothing_new(shop, interlock):
    result, gates, _ = check(interlock, shop, "--probe-levers")
    assert result.status == 0, result
    flag, group = result.json["levers"]
    assert (flag["lever"], flag["value"], flag["older_epoch"], flag["drained"]) == ("flag", "source", "refuses", "waits")
    assert (group["value"], group["older_epoch"], group["drained"]) == ("running source", "accepts", None)
    assert "older" in group["text"]
    told = [line for line in (shop / "flag.log").read_text().splitlines() if line.startswith("set")]
    assert told == ["set source orders 1", "set source orders 0"] and (shop / "word").read_text() == "source\n"

    # Nobody who only checks asks them anything but where they stand, or tells them anything.
    (shop / "flag.log").unlink()
    result, gates, _ = check(interlock, shop)
    assert "levers" not in result.json
    assert not (shop / "flag.log").exists() or "set" not in (shop / "flag.log").read_text()

    (shop / "flag").write_text("#!/bin/sh\nexit 1\n")
    result, gates, _ = check(interlock, shop, "--probe-levers")
    assert result.status == 2 and result.json["levers"][0]["value"] is None, result
    assert "status 1" in result.json["levers"][0]["text"]
