"""The gates around the logs, on real clusters: the way back, room and cost, and the people."""

import json
import os
import time

import pytest
import yaml

from records import commit_group, create_topic, produce, record, stream, write_both

pytestmark = pytest.mark.real

NOT_ASKED = {"rollback": {"drill": "none", "return": "none"},
             "capacity": {"headroom": "none", "replay": "none", "dual-run": "none", "cost-per-day": "none"},
             "operations": {"on-call": "none", "runbook": "none", "dashboards": "none", "alerts": "none"}}


@pytest.fixture
def check(tmp_path, topic, interlock, pair):
    """A function: judges one gate of one family, whose class asks for what the test says; verdict, reasons, result."""

    def run(name, *more, asks=None, exit=None, **family):
        limits = {gate: {**keys} for gate, keys in NOT_ASKED.items()}
        for gate, keys in (asks or {}).items():
            limits[gate].update(keys)
        plan = {"exit": "around", "source": pair.source.bootstrap, "target": pair.target.bootstrap, **(exit or {}),
                "classes": {"asked": limits},
                "families": [{"name": "orders", "class": "asked", "pattern": "dual-write", "topics": [topic],
                              "groups": "none", "owners": {"decision": "lead@example.org", "on-call": "duty@example.org"},
                              **family}]}
        (tmp_path / "exit.yaml").write_text(yaml.safe_dump(plan, sort_keys=False))
        result = interlock.run("check", "--json", "--gate", name, *more, folder=tmp_path)
        assert result.status in (0, 1, 2), result
        found, = result.json["families"]
        return found["gates"][name], {reason["code"]: json.dumps(reason) for reason in found["reasons"]}, result

    return run


@pytest.fixture
def command(tmp_path):
    """A function: command("name", "body") is a command of the operator's, as the plan names it."""

    def write(name, body):
        file = tmp_path / name
        file.write_text(f"#!/bin/sh\n{body}\n")
        file.chmod(0o755)
        return f"exec ./{name}"

    return write


def flag(command, get="cat flag 2>/dev/null || echo source"):
    return {"flag": {"get": command("get", get), "set": command("set", 'echo "$1" >flag')}}


def test_six_gates_of_a_rehearsal(pair, topic, interlock, tmp_path):
    """A rehearsal asks for little, is measured all the same, and says what it did not ask for."""
    write_both(*pair, topic, stream(400))
    (tmp_path / "exit.yaml").write_text(yaml.safe_dump({
        "exit": "rehearsal", "source": pair.source.bootstrap, "target": pair.target.bootstrap,
        "families": [{"name": "orders", "class": "rehearsal", "pattern": "dual-write", "topics": [topic],
                      "groups": "none", "owners": {"decision": "lead@example.org"}}]}))
    result = interlock.run("check", "--json", folder=tmp_path, status=0)
    family, = result.json["families"]
    assert set(family["gates"].values()) == {"open"}, result
    declined = family["details"]["rollback"]["not_asked"] + family["details"]["operations"]["not_asked"]
    assert any("drill" in text for text in declined) and any("on-call" in text for text in declined), result


# ---- rollback ----


def test_a_dual_write_needs_a_flag_to_go_back(pair, topic, check, command):
    write_both(*pair, topic, stream(40))
    asks = {"rollback": {"return": "required"}}
    verdict, reasons, result = check("rollback", asks=asks)
    assert verdict == "shut" and "flag" in reasons["WAY_BACK_MISSING"], result
    verdict, reasons, result = check("rollback", asks=asks, levers=flag(command))
    assert verdict == "open", result
    verdict, reasons, result = check("rollback", asks=asks, levers=flag(command, get="echo maybe"))
    assert verdict == "shut" and "flag" in reasons["LEVER_SILENT"], result


@pytest.mark.parametrize("word", ["target", "hold"])
def test_a_flag_that_somebody_else_has_moved(pair, topic, check, command, word):
    """No journal knows of it: where writers are sent, or that they are held, is not what is judged here."""
    write_both(*pair, topic, stream(40))
    verdict, reasons, result = check("rollback", asks={}, levers=flag(command, get=f"echo {word}"))
    assert verdict == "shut" and f"flag stands at {word}" in reasons["LEVER_ELSEWHERE"], result


def test_a_side_that_was_never_written(pair, topic, check, command):
    for cluster in pair:
        create_topic(cluster, topic, 2)
    produce(pair.source, topic, [record("k", b"v", partition=0)])
    verdict, reasons, result = check("rollback", asks={"rollback": {"return": "required"}}, levers=flag(command))
    assert verdict == "shut" and "source only" in reasons["WAY_BACK_MISSING"], result


def test_what_only_a_journal_can_tell(pair, topic, check, command):
    write_both(*pair, topic, stream(40))
    verdict, reasons, result = check("rollback", asks={"rollback": {"drill": "7d"}}, levers=flag(command))
    assert verdict == "unknown" and {"DRILL_MISSING", "LEVER_UNTESTED"} <= set(reasons), result


def test_retention_ends_the_way_back(pair, topic, check):
    create_topic(pair.source, topic, 1)
    create_topic(pair.target, topic, 1, retention_ms=3600000)
    for cluster in pair:
        produce(cluster, topic, stream(10, partitions=1, first_timestamp=int(time.time() * 1000)))
    verdict, reasons, result = check("rollback")
    assert verdict == "shut" and "of the target" in reasons["CLEAN_TOO_SHORT"], result
    verdict, reasons, result = check("rollback", asks={"rollback": {"keep": "30m"}})
    assert verdict == "open", result


def test_a_group_whose_next_record_is_about_to_go(pair, topic, check):
    """The group is as slow as retention: what it has still to read is older than the class lets it be."""
    hour, now = 3600000, int(time.time() * 1000)
    for cluster in pair:
        create_topic(cluster, topic, 1, retention_ms=48 * hour)
        produce(cluster, topic, [record("k", b"old", partition=0, timestamp=now - 47 * hour),
                                 record("k", b"new", partition=0, timestamp=now)])
    commit_group(pair.source, f"{topic}-g", topic, {0: 0})
    verdict, reasons, result = check("rollback", groups=[f"{topic}-g"])
    assert verdict == "shut" and "CLEAN_TOO_SHORT" in reasons, result
    commit_group(pair.source, f"{topic}-g", topic, {0: 1})
    verdict, reasons, result = check("rollback", groups=[f"{topic}-g"])
    assert verdict == "open", result


@pytest.mark.parametrize("answer, verdict, code", [("echo 0", "open", None), ("echo 3 records", "open", None),
                                                   ("echo 1000000", "shut", "RETURN_BEHIND"),
                                                   ("exit 1", "unknown", "RETURN_UNKNOWN"),
                                                   ("echo soon", "unknown", "RETURN_UNKNOWN")])
def test_a_copier_feeds_the_way_back(pair, topic, check, command, answer, verdict, code):
    write_both(*pair, topic, stream(40))
    found, reasons, result = check("rollback", pattern="stop-and-switch", asks={"rollback": {"return": "required"}},
                                   **{"return": {"filled-by": "mirror-back", "probe": command("behind", answer)}})
    assert found == verdict and (code is None or code in reasons), result


def test_a_probe_that_always_says_yes(pair, topic, check, command):
    write_both(*pair, topic, stream(40))
    back = {"filled-by": "mirror-back", "probe": command("behind", "echo 0"), "control": "no-such-copier"}
    found, reasons, result = check("rollback", pattern="stop-and-switch", asks={"rollback": {"return": "required"}},
                                   **{"return": back})
    assert found == "unknown" and "RETURN_UNKNOWN" in reasons, result


def test_stop_and_switch_without_a_way_back(pair, topic, check):
    write_both(*pair, topic, stream(40))
    found, reasons, result = check("rollback", pattern="stop-and-switch", asks={"rollback": {"return": "required"}})
    assert found == "shut" and "WAY_BACK_MISSING" in reasons, result
    found, reasons, result = check("rollback", pattern="stop-and-switch")
    assert found == "open", result


# ---- capacity ----


def busy(pair, topic, size=1000, count=3600):
    """As many records as make a byte a second and a record, had they been written in the last hour; and they were."""
    now = int(time.time() * 1000)
    for cluster in pair:
        create_topic(cluster, topic, 1)
        produce(cluster, topic, [record(f"k{i}", os.urandom(size), partition=0, timestamp=now - 60000)
                                 for i in range(count)])


def test_headroom_with_one_broker_out(pair, topic, check):
    busy(pair, topic)
    asks = {"capacity": {"headroom": "30%"}}
    room = lambda **limits: {"limits": {"target": limits}}
    found, reasons, result = check("capacity", asks=asks)
    assert found == "unknown" and "limits: { target: { write" in reasons["LIMIT_MISSING"], result
    found, reasons, result = check("capacity", asks=asks, exit=room(write="200MB/s", brokers=3))
    assert found == "open", result
    found, reasons, result = check("capacity", asks=asks, exit=room(write="900B/s", brokers=3))
    assert found == "shut" and "HEADROOM_LOW" in reasons, result
    found, reasons, result = check("capacity", asks=asks, exit=room(write="200MB/s"))
    assert found == "shut" and "one broker" in reasons["HEADROOM_LOW"], result


def test_groups_that_catch_up(pair, topic, check):
    """A group of two has read all, the other nothing: 3.6 MB before it, and 2 kB/s to follow for both."""
    busy(pair, topic)
    commit_group(pair.source, f"{topic}-a", topic, {0: 3600})
    commit_group(pair.source, f"{topic}-b", topic, {0: 0})
    asks = {"capacity": {"replay": "1h"}}
    room = lambda read, brokers=3: {"limits": {"target": {"read": read, "brokers": brokers}}}
    groups = {"groups": [f"{topic}-a", f"{topic}-b"]}
    found, reasons, result = check("capacity", asks=asks, **groups)
    assert found == "unknown" and "limits: { target: { read" in reasons["LIMIT_MISSING"], result
    found, reasons, result = check("capacity", asks=asks, exit=room("8KB/s"), **groups)    # 5.3, of which 3.2 are left
    assert found == "open", result
    for little, brokers in (("4500B/s", 3), ("3000B/s", 3), ("8KB/s", 1)):      # 3.0; less than is written; nobody left
        found, reasons, result = check("capacity", asks=asks, exit=room(little, brokers), **groups)
        assert found == "shut" and "REPLAY_TOO_LONG" in reasons, result


def test_disks_and_days(pair, topic, check):
    busy(pair, topic)
    asks = {"capacity": {"dual-run": "14d"}}
    found, reasons, result = check("capacity", asks=asks, exit={"limits": {"target": {"disk": "1KiB"}}})
    assert found == "shut" and "DISK_FILLS" in reasons and "DUAL_RUN_UNKNOWN" in reasons, result
    found, reasons, result = check("capacity", asks=asks)
    assert found == "unknown" and "DISK_FILLS" not in reasons and "DUAL_RUN_UNKNOWN" in reasons, result


def test_what_a_day_costs(pair, topic, check):
    busy(pair, topic, count=10)
    price = {"broker-day": "12 EUR", "gb-month": "0.08 EUR", "transfer-gb": "0.02 EUR"}
    asks = lambda amount: {"capacity": {"cost-per-day": amount}}
    both = {"prices": {"source": price, "target": price}}
    found, reasons, result = check("capacity", asks=asks("120 EUR"), exit=both)
    assert found == "open", result
    found, reasons, result = check("capacity", asks=asks("20 EUR"), exit=both)
    assert found == "shut" and "COST_OVER" in reasons, result
    found, reasons, result = check("capacity", asks=asks("120 USD"), exit=both)
    assert found == "unknown" and "USD" in reasons["PRICE_MISSING"], result
    found, reasons, result = check("capacity", asks=asks("120 EUR"), exit={"prices": {"source": price}})
    assert found == "unknown" and "prices: { target: { broker-day" in reasons["PRICE_MISSING"], result


def test_a_class_that_names_no_price_limit(pair, topic, check, tmp_path, interlock):
    write_both(*pair, topic, stream(40))
    (tmp_path / "exit.yaml").write_text(yaml.safe_dump({
        "exit": "a", "source": pair.source.bootstrap, "target": pair.target.bootstrap,
        "classes": {"c": {"capacity": {"headroom": "none", "dual-run": "none"}, "operations": {"on-call": "none"}}},
        "families": [{"name": "orders", "class": "c", "pattern": "dual-write", "topics": [topic], "groups": "none",
                      "owners": {"decision": "lead@example.org"}}]}))
    result = interlock.run("check", "--json", "--gate", "capacity", folder=tmp_path, status=2)
    assert "LIMIT_MISSING" in result.out, result


# ---- operations ----


def test_people_are_named_and_have_said_so(pair, topic, check):
    write_both(*pair, topic, stream(40))
    found, reasons, result = check("operations", asks={"operations": {"on-call": "required", "runbook": "required"}})
    assert found == "unknown" and {"ON_CALL_UNCONFIRMED", "RUNBOOK_UNACKNOWLEDGED"} <= set(reasons), result
    found, reasons, result = check("operations")
    assert found == "open", result


def test_dashboards_answer_for_themselves(pair, topic, check, command):
    write_both(*pair, topic, stream(40))
    asks = {"operations": {"dashboards": "required"}}
    there = command("there", '[ "$1" = no-such ] && echo no || echo yes')
    named = lambda probe, **more: [{"name": "lag", "probe": probe, **more}]
    for dashboards, verdict, code in (
            (None, "unknown", "NOT_DECLARED"),
            (named(there, control="no-such"), "open", None),
            (named(command("gone", "echo no")), "shut", "DASHBOARD_MISSING"),
            (named(command("broken", "exit 3")), "unknown", "PROBE_SILENT"),
            (named(command("always", "echo yes"), control="no-such"), "unknown", "PROBE_SILENT")):
        family = {"dashboards": dashboards} if dashboards else {}
        found, reasons, result = check("operations", asks=asks, **family)
        assert found == verdict and (code is None or code in reasons), (dashboards, result)


def test_alerts_are_made_to_fire(pair, topic, check, command):
    write_both(*pair, topic, stream(40))
    asks = {"operations": {"alerts": "30d"}}
    alert = {"name": "lag-high", "probe": command("firing", "test -e fired && echo yes || echo no"),
             "fire": command("fire", "touch fired")}
    found, reasons, result = check("operations", asks=asks, alerts=[alert])
    assert found == "unknown" and "--fire" in reasons["ALERT_UNTESTED"], result
    found, reasons, result = check("operations", "--fire", asks=asks, alerts=[alert])
    assert found == "open", result
    found, reasons, result = check("operations", "--fire", asks=asks, alerts=[{"name": "lag-high", "probe": alert["probe"]}])
    assert found == "unknown" and "no way to make it" in reasons["ALERT_UNTESTED"], result


@pytest.mark.parametrize("freeze, verdict", [("mon 00:00 .. mon 00:00 Europe/Berlin", "shut"),
                                             ("2020-12-24 .. 2021-01-02 Europe/Berlin", "open"),
                                             ("2020-01-01 .. 2999-01-01 UTC", "shut"),
                                             ("2020-01-01 .. 2999-01-01 Europe/Nowhere", "unknown")])
def test_change_freezes(pair, topic, check, freeze, verdict):
    write_both(*pair, topic, stream(40))
    found, reasons, result = check("operations", asks={"operations": {"freeze": [freeze]}})
    assert found == verdict and (verdict != "shut" or "CHANGE_FREEZE" in reasons), result
