"""Crossings in less usual company: ACLs as the fence, stop-and-switch behind a copier, levers that are silent, refuse or
lie, groups that do not stop, transactions.  Nothing is lost or doubled by any of them, and whoever gives up puts everything
back where it was."""

import re
import signal
import threading
import time

import pytest
import yaml
from confluent_kafka import Producer
from confluent_kafka.admin import (AclBindingFilter, AclOperation, AclPermissionType, ConfigResource, ConfigSource,
                                   ResourcePatternType, ResourceType)

from crossing import ARRIVED, FAMILY, OWNER, RETURNED, ByVerbs, binding, logins, may_move
from journal_frames import of_kind, return_ms
from kafka_cluster import USERS
from patience import until
from records import end_offsets, stream, write_both
from test_levers import ask

pytestmark = pytest.mark.real

QUICK = {"like": "rehearsal", "deadline": "6s"}


# ---- ACLs

def denies(cluster):
    every = AclBindingFilter(ResourceType.ANY, None, ResourcePatternType.ANY, None, None, AclOperation.ANY,
                             AclPermissionType.DENY)
    return {(acl.principal, acl.name) for acl in cluster.admin().describe_acls(every).result(30)}


@pytest.fixture
def guarded(new_cluster, certificates, scene, properties, topic):
    """A function: two clusters that ask, a scene on them, and Interlock logged in as `user`."""

    def make(user="bob", writer="alice", **how):
        clusters = {side: new_cluster(version, name=side, secure=True, certificates=certificates)
                    for side, version in (("source", "3.9.1"), ("target", "4.3.1"))}
        files = {side: properties(cluster.addresses("SASL"), {
            "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "SCRAM-SHA-256", "sasl.username": user,
            "sasl.password": USERS[user]}) for side, cluster in clusters.items()}
        one = scene(*clusters.values(), logins=logins(clusters, writer), files=files, **how)
        if user != "admin":
            for cluster in clusters.values():
                may_move(cluster, topic, user)
        return one

    return make


def acl_plan(one, writer="alice", **more):
    levers = {"acl": True, **more.pop("levers_more", {})}
    return one.plan(klass="quick", limits=QUICK, levers_more=levers, producers=[f"User:{writer}"], **more)


def test_a_deny_beside_the_flag(guarded, interlock):
    one = guarded(shops=[{"rate": 200}])
    for cluster in one.clusters.values():
        binding(cluster, "TOPIC", one.topic, "mallory", "WRITE", "DENY")
        binding(cluster, "BROKER", "kafka-cluster", "bob", "ALTER_CONFIGS")
    foreign = {("User:mallory", one.topic)}
    # And what fences nobody: writers that may be slowed down before.
    mover = ByVerbs(one, interlock, acl_plan(one, levers_more={"quota": "20MB/s"}))
    pauses = []
    for to in ("target", "source", "target"):
        one.load(300)
        assert mover.cross(to) == ARRIVED, mover.results[-1]
        pauses.append(mover.status()["pause_ms"])
        assert [denies(cluster) for cluster in one.clusters.values()] == [foreign, foreign]
        for file in one.files.values():
            assert all(line.endswith("absent 0") for line in ask(file, "quota-seen", "alice", "producer_byte_rate"))
    one.load(200)
    print("pauses with a deny, ms:", pauses)
    report = one.end("target", load_min=20)
    assert not report.findings, report
    steps = [body["step"] for _, body in of_kind(one.folder, "INTENT")]
    assert steps.count("fence acl:source deny") == 2 and steps.count("fence acl:target deny") == 1
    limits = [body for _, body in of_kind(one.folder, "INTENT") if body["lever"] == "quota:source"]
    assert [body["desired"] for body in limits] == 2 * ['[["alice","20000000"]]', '[["alice",null]]'], limits


def test_a_deny_is_lifted_when_the_crossing_is_given_up(guarded, interlock):
    """At the deadline, by itself: nobody says that all is drained, and the canaries alone are not enough."""
    one = guarded(shops=[{"rate": 100}], groups=())
    binding(one.clusters["source"], "TOPIC", one.topic, "mallory", "WRITE", "DENY")
    bad = Bad(one.folder / "bad", one.flag)
    mover = ByVerbs(one, interlock, acl_plan(one, levers_more={"flag": bad.plan()}))
    one.load(100)
    bad.goes("fail", "drained")
    assert mover.act("promote", FAMILY).status == 1
    status = mover.status()
    print(status["cause"], "return, ms:", return_ms(one.folder))
    assert (status["stage"], status["overlay"], status["authority"]) == ("OBSERVING", "HELD", "source")
    assert "fence acl:source deny" in [body["step"] for _, body in of_kind(one.folder, "INTENT")]
    assert denies(one.clusters["source"]) == {("User:mallory", one.topic)} and not denies(one.clusters["target"])
    assert one.flag.get() == "source"
    bad.heals()
    one.load(50)
    assert not one.end("source", load_min=10).findings


def test_a_deny_alone_moves_nobody(guarded, interlock):
    """An application that writes both and is told nothing would go on as before: refused, and nothing touched."""
    one = guarded(shops=[{"rate": 100}], groups=())
    file = acl_plan(one)
    plan = yaml.safe_load(file.read_text())
    del plan["families"][0]["levers"]["flag"]
    file.write_text(yaml.safe_dump(plan))
    mover = ByVerbs(one, interlock, file)
    one.load(100)
    result = mover.act("promote", FAMILY)
    assert result.status == 1 and "only fence" in result.out + result.err, result
    assert mover.status()["authority"] == "source" and not of_kind(one.folder, "MOVE")
    assert not any(denies(cluster) for cluster in one.clusters.values())
    assert not one.end("source", load_min=10).findings


@pytest.mark.parametrize("who", ["writer", "interlock", "nobody-asks"])
def test_a_deny_that_would_bind_nobody_is_refused_before(guarded, pair, scene, interlock, who):
    one = scene(*pair, groups=(), shops=[{"rate": 100}]) if who == "nobody-asks" else guarded(
        user="admin" if who == "interlock" else "bob", groups=(), shops=[{"rate": 100}])
    # A super user is known by writing though no ACL allows it.
    mover = ByVerbs(one, interlock, acl_plan(one, writer="admin" if who == "writer" else "alice"))
    one.load(100)
    result = mover.act("promote", FAMILY)
    print(result)
    assert result.status not in (0, 99)
    assert mover.status()["authority"] == "source" and not of_kind(one.folder, "MOVE")
    said = {"writer": "rights", "interlock": "no ACL lets us, User:admin,",
            "nobody-asks": "no authorizer"}[who]
    assert said in result.out + result.err
    assert not one.end("source", load_min=10).findings


# ---- levers that do not do as they are told

BAD = """#!/bin/bash
# FOLDER and a lever's command: does as the file FOLDER/VERB-WORD or FOLDER/VERB says, and else is that lever.
folder=$1 verb=$5 word=${6:-}
read -r mode who 2> /dev/null < "$folder/$verb-${word// /_}" || read -r mode 2> /dev/null < "$folder/$verb" || mode=
case $mode in
kill) kill -9 "$who"; rm "$folder/$verb-$word" ;;
silent) exec sleep 60 ;;
refuse) exit 76 ;;
fail) exit 1 ;;
lie) echo "$word"; exit 0 ;;
vanish) for each in get set drained; do echo silent > "$folder/$each"; done ;;
esac
shift
exec "$@"
"""


class Bad:
    """A lever in front of an application's own, that goes wrong when a test says so."""

    def __init__(self, folder, app):
        self.folder, self.app = folder, app
        folder.mkdir()
        self.script = folder / "lever.sh"
        self.script.write_text(BAD)
        self.script.chmod(0o755)

    def plan(self):
        return {verb: f"exec {self.script} {self.folder} {' '.join(self.app.command(verb))}"
                for verb in ("get", "set", *(["drained"] if self.app.lever != "group" else []))}

    def goes(self, how, *verbs):
        for verb in verbs:
            (self.folder / verb).write_text(f"{how}\n")

    def heals(self):
        for verb in self.folder.iterdir():
            if verb != self.script:
                verb.unlink()


def with_bad_flag(one, limits=None, **more):
    bad = Bad(one.folder / "bad", one.flag)
    levers = {"flag": bad.plan(), **more.pop("levers_more", {})}
    return bad, one.plan(klass="quick", limits={**QUICK, **(limits or {})}, levers_more=levers, **more)


@pytest.mark.parametrize("how", ["refuse", "fail", "lie", "silent"])
def test_a_flag_that_does_not_hold(pair, interlock, scene, how):
    """What answers that it failed, or contradicts itself, is given up at once; only silence is waited for, to the deadline."""
    one = scene(*pair, groups=(), shops=[{"rate": 100}])
    bad, plan = with_bad_flag(one, {} if how == "silent" else {"deadline": "10m"})
    mover = ByVerbs(one, interlock, plan)
    one.load(100)
    bad.goes(how, "set-hold")
    result = mover.act("promote", FAMILY)
    status = mover.status()
    print(how, result.status, status["stage"], status["overlay"], status["cause"], "return, ms:", return_ms(one.folder))
    assert result.status == 1 and (status["stage"], status["overlay"], status["authority"]) == \
        ("OBSERVING", "HELD", "source")
    assert one.flag.get() == "source"
    bad.heals()
    assert mover.act("resume", FAMILY).status == 0
    one.load(50)
    assert mover.cross("target") == ARRIVED, mover.results[-1]
    one.load(50)
    assert not one.end("target", load_min=10).findings


def test_a_flag_that_falls_silent_is_unknown_until_it_speaks(pair, interlock, scene):
    one = scene(*pair, groups=(), shops=[{"rate": 100}])
    bad, plan = with_bad_flag(one)
    mover = ByVerbs(one, interlock, plan)
    one.load(100)
    bad.goes("vanish", "set-hold")
    assert mover.act("promote", FAMILY).status not in (0, 99)
    status = mover.status()
    print(status["stage"], status["overlay"], status["cause"])
    assert status["overlay"] == "UNKNOWN" and "flag" in status["cause"]
    assert mover.act("resume", FAMILY).status != 0 and mover.status()["overlay"] == "UNKNOWN"
    bad.heals()
    mover.act("resume", FAMILY)
    status = mover.status()
    assert (status["stage"], status["authority"], status["overlay"]) == ("OBSERVING", "source", "HELD"), status
    assert one.flag.get() == "source"
    mover.act("resume", FAMILY)
    one.load(50)
    assert mover.cross("target") == ARRIVED, mover.results[-1]
    one.load(50)
    assert not one.end("target", load_min=10).findings


@pytest.mark.parametrize("how", ["refuse", "fail", "lie", "silent"])
def test_after_the_decision_there_is_only_forward(pair, interlock, scene, how):
    one = scene(*pair, groups=(), shops=[{"rate": 100}])
    bad, plan = with_bad_flag(one)
    mover = ByVerbs(one, interlock, plan)
    one.load(100)
    bad.goes(how, "set-target")
    came = []
    crossing = threading.Thread(target=lambda: came.append(mover.cross("target")))
    crossing.start()
    looker = ByVerbs(one, interlock, plan)
    until(lambda: (one.folder / "interlock.db").exists() and
               "OPENING" in [body["stage"] for _, body in of_kind(one.folder, "STAGE")])
    time.sleep(12 if how == "lie" else 3)      # longer than one try
    status = looker.status()
    assert status["stage"] == "OPENING" and status["overlay"] is None and one.flag.get() == "hold", status
    bad.heals()
    crossing.join(90)
    assert came == [ARRIVED], mover.results
    assert not of_kind(one.folder, "RETURN")
    one.load(50)
    assert not one.end("target", load_min=10).findings


def test_a_flag_that_refuses_in_the_silence_is_given_up_at_once(pair, interlock, scene):
    one = scene(*pair, groups=(), shops=[{"rate": 100}])
    bad, plan = with_bad_flag(one)
    mover = ByVerbs(one, interlock, plan)
    one.load(100)
    bad.goes("refuse", "drained")
    assert mover.act("promote", FAMILY).status == 1
    status = mover.status()
    quiet = next(wall for wall, body in of_kind(one.folder, "STAGE") if body["stage"] == "QUIET")
    print("from its cause to the return, ms:", of_kind(one.folder, "RETURN")[-1][0] - quiet + return_ms(one.folder))
    assert status["overlay"] == "HELD" and one.flag.get() == "source" and "newer" in status["cause"], status
    assert not one.end("source", load_min=10).findings


@pytest.mark.parametrize("word, down, comes_to", [("hold", 1, ARRIVED), ("hold", 9, RETURNED), ("target", 1, ARRIVED)],
                         ids=["briefly", "for longer than there is time", "after the decision"])
def test_an_instance_that_is_down_hears_the_word_once_it_is_back(own_pair, interlock, scene, word, down, comes_to):
    """The other one stands where it was sent by then, and the flag can only say that the two disagree."""
    one = scene(*own_pair, groups=(), shops=[{"rate": 60}, {"rate": 60}])
    bad, plan = with_bad_flag(one)
    mover, came = ByVerbs(one, interlock, plan), []
    one.load(100)
    bad.goes(f"kill {one.shops[1].pid}", f"set-{word}")
    crossing = threading.Thread(target=lambda: came.append(mover.cross("target")))
    crossing.start()
    until(lambda: not one.shops[1].alive())
    time.sleep(down)
    one.shops[1].start()
    crossing.join(60)
    assert came == [comes_to], mover.results
    stands = mover.status()
    assert stands["overlay"] is None and stands["authority"] == one.flag.get(), stands
    assert {shop.get() for shop in one.shops} == {"target" if comes_to == ARRIVED else "source"}
    one.load(50)
    assert not one.end(one.flag.get(), load_min=10).findings


def test_of_a_flag_that_nobody_saw_a_person_is_told_where_it_was_sent(own_pair, interlock, scene):
    """On the way back it could not say where it stood: there is no place that it could be put back to."""
    one = scene(*own_pair, groups=(), shops=[{"rate": 60}])
    bad, plan = with_bad_flag(one)
    mover, came = ByVerbs(one, interlock, plan), []
    one.load(100)
    crossing = threading.Thread(target=lambda: came.append(mover.act("promote", FAMILY)))
    bad.goes("fail", "drained")
    crossing.start()
    until(lambda: one.flag.get() == "hold")
    bad.goes("fail", "get", "set-source")
    crossing.join(90)
    assert came[0].status == 2 and mover.status()["overlay"] == "UNKNOWN", came
    (bad.folder / "get").unlink()
    told = interlock.run("diagnose", FAMILY, "--plan", plan, "--json", folder=one.folder, status=None).json["families"][0]
    print(told)
    assert "flag stands at 'hold'" in told["next"] and "was sent to 'source'" in told["next"], told["next"]
    assert "nothing" not in told["next"], told["next"]
    bad.heals()
    assert mover.act("resume", FAMILY).status in (0, 1)
    assert one.flag.get() == "source"
    one.load(20)
    assert not one.end("source", load_min=10).findings


# ---- what makes room, and fences nobody

def own_retention(cluster, topic):
    """The topic's own; None where the broker's holds."""
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    entry = cluster.admin().describe_configs([resource])[resource].result(30)["retention.ms"]
    return entry.value if ConfigSource(entry.source) == ConfigSource.DYNAMIC_TOPIC_CONFIG else None


def test_the_side_that_is_left_keeps_its_records_for_longer(own_pair, interlock, scene):
    one = scene(*own_pair, groups=(), shops=[{"rate": 100}])
    bad, file = with_bad_flag(one, levers_more={"topic-config": {"retention.ms": "1209600000"}})
    mover = ByVerbs(one, interlock, file)

    def stand():
        return [own_retention(cluster, one.topic) for cluster in own_pair]

    one.load(50)
    assert stand() == [None, None]
    seen = interlock.run("plan", FAMILY, "--plan", file, "--json", folder=one.folder, status={0, 1, 2}).json
    step = next(step for step in seen["steps"] if step["step"] == "before config:retention.ms@source raise")
    assert "--add-config retention.ms=1209600000" in step["does"] and "--delete-config retention.ms" in step["undo"], step
    assert seen["steps"].index(step) == 0 and not (one.folder / "interlock.db").exists()

    bad.goes("refuse", "set-hold")                      # given up: nothing of it stays
    assert mover.act("promote", FAMILY).status == 1 and stand() == [None, None]
    bad.heals()
    assert mover.act("resume", FAMILY).status == 0
    for to, after in (("target", ["1209600000", None]), ("source", [None, "1209600000"]), ("target", ["1209600000", None])):
        one.load(50)
        assert mover.cross(to) == ARRIVED, mover.results[-1]
        assert stand() == after
    one.load(50)
    assert not one.end("target", load_min=10).findings


# ---- a controller that stays

def test_what_a_controller_knows_of_a_family_does_not_grow_old(own_pair, interlock, scene):
    """Every look finds all that it rests on young enough, the groups of the clusters as well, and so does the time between."""
    one = scene(*own_pair, shops=[{"rate": 50}])
    file = one.plan("watchful", {"like": "rehearsal", "progress": {"age": "6s"}, "compatibility": {"age": "60s"}})
    mover = ByVerbs(one, interlock, file)
    controller = interlock.start("run", "--plan", file, folder=one.folder)
    try:
        until(lambda: (one.folder / "interlock.db").exists() and mover.status()["stage"] == "ARMED")
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            stands = mover.status()
            assert (stands["stage"], stands["verdict"]) == ("ARMED", "open"), stands
            time.sleep(0.3)
    finally:
        controller.send_signal(signal.SIGTERM)
        assert interlock.finish(controller, ["run"]).status == 0
    assert not one.end("source", load_min=5).findings


def test_each_of_many_families_has_its_turn(own_pair, interlock, run_folder, topic):
    """There are more than can be looked at in the time between two looks: the last ones wait, and not for ever."""
    folder, families = run_folder / topic, [f"{topic}-{number}" for number in range(12)]
    folder.mkdir()
    for one in families:
        write_both(*own_pair, one, stream(20, first_timestamp=int(time.time() * 1000)))
    hasty = {"like": "rehearsal", "progress": {"age": "300ms"}}
    (folder / "exit.yaml").write_text(yaml.safe_dump({
        "exit": "many", "source": own_pair.source.bootstrap, "target": own_pair.target.bootstrap, "classes": {"hasty": hasty},
        "families": [{"name": f"f{number}", "class": "hasty", "pattern": "dual-write", "topics": [one], "groups": "none",
                      "owners": {"decision": OWNER}} for number, one in enumerate(families)]}))
    controller = interlock.start("run", folder=folder)
    try:
        until(lambda: (folder / "interlock.db").exists() and
                      {body["family"] for _, body in of_kind(folder, "VERDICT")} == {f"f{number}" for number in range(12)})
    finally:
        controller.send_signal(signal.SIGTERM)
        assert interlock.finish(controller, ["run"]).status == 0


# ---- a plan that was edited meanwhile

def test_what_was_shown_by_another_plan_is_not_carried_out(own_pair, interlock, scene):
    """The controller reads the plan when it begins; its owner reads the file as it is now."""
    one = scene(*own_pair, groups=(), shops=[{"rate": 50}])
    file = one.plan()
    mover = ByVerbs(one, interlock, file)

    def changed():
        return interlock.run("status", "--plan", file, "--json", folder=one.folder, status=0).json["plan_changed"]

    def kept():
        until(lambda: (one.folder / "interlock.db").exists() and mover.status()["stage"] != "PLANNED")

    controller = interlock.start("run", "--plan", file, folder=one.folder)
    try:
        kept()
        one.load(20)
        assert not changed()
        file.write_text(file.read_text().replace("name: orders", "name: orders\n  after: []"))
        assert changed()
        refused = mover.act("promote", FAMILY)
        assert refused.status == 1 and "another text of the plan" in refused.json["text"], refused
        assert not of_kind(one.folder, "MOVE") and one.flag.get() == "source"
        assert mover.act("hold", FAMILY).status == 0 and mover.act("resume", FAMILY).status == 0
        controller.send_signal(signal.SIGTERM)
        assert interlock.finish(controller, ["run"]).status == 0
        controller = interlock.start("run", "--plan", file, folder=one.folder)
        until(lambda: not changed())
        assert mover.cross("target") == ARRIVED, mover.results[-1]
    finally:
        controller.send_signal(signal.SIGTERM)
        assert interlock.finish(controller, ["run"]).status == 0
    one.load(20)
    assert not one.end("target", load_min=5).findings


def stuck_at_its_group(one, interlock, first, how=signal.SIGKILL):
    """Ended while the group's application does not start, which it does from then on; the mover, and its plan."""
    group = one.groups[0].config["group"]
    bad = Bad(one.folder / "bad", one.groups[0])
    file = one.plan(klass="quick", limits=QUICK, levers_more={"groups": {group: bad.plan()}}, first=first)
    mover = ByVerbs(one, interlock, file)
    one.load(50)
    bad.goes("silent", "set-start")
    process = interlock.start(*mover.words("promote", FAMILY), folder=one.folder)
    until(lambda: (one.folder / "interlock.db").exists() and of_kind(one.folder, "MOVE"))
    until(lambda: any(body["word"] == "start target" for _, body in of_kind(one.folder, "INTENT")))
    process.send_signal(how)
    interlock.finish(process, timeout=40, killed=True)
    bad.heals()
    return mover, file.read_text()


@pytest.mark.parametrize("changed, first", [("group", "consumers"), ("family", "producers"), ("topics", "producers")])
def test_a_plan_that_cuts_a_crossing_off_is_not_taken(own_pair, interlock, scene, changed, first):
    one = scene(*own_pair, shops=[{"rate": 50}])
    mover, whole = stuck_at_its_group(one, interlock, first)
    less = yaml.safe_load(whole)
    if changed == "group":
        del less["families"][0]["levers"]["groups"]
    elif changed == "topics":
        less["families"][0]["topics"].append(one.topic + "-too")
    else:
        less["families"][0]["name"] = "others"
    mover.file.write_text(yaml.safe_dump(less))
    refused = mover.act("promote", less["families"][0]["name"])
    print(refused)
    assert refused.status not in (0, 1, 99) and re.search("put (it|them) back until the crossing has ended", refused.err), refused
    # What was asked for by a verb that ended with an error is not left for somebody to carry out later.
    asked = [body for _, body in of_kind(one.folder, "ACT") if body["family"] == "others"]
    taken_back = [body for _, body in of_kind(one.folder, "ANSWER") if "put it back" in body["text"]]
    assert len(asked) == len(taken_back) == (changed == "family")
    mover.file.write_text(whole)
    assert mover.cross("target") == ARRIVED, mover.results[-1]
    assert one.groups[0].get() == "running target" and one.flag.get() == "target"
    one.load(50)
    assert not one.end("target", load_min=5).findings


def test_past_the_decision_a_group_may_be_taken_out_of_the_plan(own_pair, interlock, scene):
    """Its application does not start over there, and nothing else would end the crossing."""
    one = scene(*own_pair, shops=[{"rate": 50}])
    mover, whole = stuck_at_its_group(one, interlock, "producers")
    less = yaml.safe_load(whole)
    del less["families"][0]["levers"]["groups"]
    mover.file.write_text(yaml.safe_dump(less))
    assert mover.cross("target") == ARRIVED, mover.results[-1]
    stands = mover.status()
    assert (stands["stage"], stands["overlay"]) == ("TARGET", None) and one.flag.get() == "target", stands
    interlock.run("verify", one.folder / "interlock.db", "--plan", mover.file, folder=one.folder, status=0)
    one.groups[0].set("start target")
    one.load(50)
    assert not one.end("target", load_min=5).findings


def test_whoever_is_asked_to_end_does_not_wait_for_groups(own_pair, interlock, scene):
    """Writers write where they belong by then; who comes next starts the group."""
    one = scene(*own_pair, shops=[{"rate": 50}])
    mover, _ = stuck_at_its_group(one, interlock, "producers", how=signal.SIGTERM)
    assert one.flag.get() == "target" and mover.status()["moving"], mover.status()
    assert not of_kind(one.folder, "ANSWER")
    assert mover.cross("target") == ARRIVED, mover.results[-1]
    assert one.groups[0].get() == "running target"
    one.load(50)
    assert not one.end("target", load_min=5).findings


# ---- groups

def test_a_group_that_does_not_stop_stops_the_crossing_before_the_fence(pair, interlock, scene):
    one = scene(*pair, shops=[{"rate": 100}])
    bad = Bad(one.folder / "bad", one.groups[0])
    plan = one.plan(klass="quick", limits=QUICK, levers_more={"groups": {one.groups[0].config["group"]: bad.plan()}},
                    first="consumers")
    mover = ByVerbs(one, interlock, plan)
    one.load(100)
    bad.goes("lie", "set-stop")
    assert mover.act("promote", FAMILY).status == 1
    status = mover.status()
    assert (status["stage"], status["overlay"]) == ("OBSERVING", "HELD") and "group" in status["cause"], status
    assert "FENCING" not in [body["stage"] for _, body in of_kind(one.folder, "STAGE")]
    assert one.groups[0].get() == "running source" and one.flag.get() == "source"
    bad.heals()
    mover.act("resume", FAMILY)
    one.load(100)
    assert mover.cross("target") == ARRIVED, mover.results[-1]
    one.load(100)
    assert not one.end("target", load_min=10).findings


def test_a_group_that_reads_where_it_must_not_yet(pair, interlock, scene):
    """Nobody can stop it for us, so its position on the target has to be set, and it is busy there."""
    one = scene(*pair, shops=[{"rate": 100}])
    plan = one.plan(klass="quick", limits=QUICK, levers_more={"groups": {}})
    whole = yaml.safe_load(plan.read_text())
    del whole["families"][0]["levers"]["groups"]
    plan.write_text(yaml.safe_dump(whole))
    mover = ByVerbs(one, interlock, plan)
    one.load(100)
    one.groups[0].set("stop")
    one.groups[0].set("start target")
    one.load(50)
    result = mover.act("promote", FAMILY)
    status = mover.status()
    print(result, status["stage"], status["overlay"], status["cause"])
    assert result.status == 1 and status["authority"] == "source" and one.flag.get() == "source"
    assert not one.end("source", load_min=10, reading=3).kinds.keys() - {"lost-position", "unread"}


# ---- transactions

def test_transactional_ids_that_are_taken_over(pair, interlock, scene):
    one = scene(*pair, shops=[{"rate": 200, "transactional": True}], groups=())
    one.load(100)
    ids = sorted({listing.transactional_id for listing in pair.source.admin().list_transactions().result(30)
                  if listing.transactional_id.startswith("shop-")}) if hasattr(
        pair.source.admin(), "list_transactions") else ["shop-1-0", "shop-1-1"]
    plan = one.plan(klass="quick", limits=QUICK, levers_more={"transactional-ids": ids})
    mover = ByVerbs(one, interlock, plan)
    for to in ("target", "source"):
        one.load(200)
        assert mover.cross(to) == ARRIVED, mover.results[-1]
    one.load(200)
    report = one.end("source", load_min=20)
    assert not report.findings, report


def test_a_transaction_that_is_open_makes_silence_wait(pair, interlock, scene):
    one = scene(*pair, shops=[{"rate": 100}], groups=())
    mover = ByVerbs(one, interlock, one.plan(klass="quick", limits=QUICK))
    one.load(100)
    producer = Producer({"bootstrap.servers": pair.source.bootstrap, "transactional.id": f"{one.topic}-stranger"})
    producer.init_transactions(20)
    producer.begin_transaction()
    producer.produce(one.topic, b"of a stranger", key=b"k", partition=0, headers={"id": "stranger"})
    producer.flush(20)
    result = mover.act("promote", FAMILY)
    status = mover.status()
    print(result.out, result.err, status["stage"], status["overlay"], status["cause"])
    assert result.status == 1 and status["authority"] == "source" and one.flag.get() == "source"
    producer.abort_transaction(20)
    assert one.flag.get() == "source"
    one.load(50)
    assert not one.end("source", load_min=10).findings


# ---- stop and switch

def test_stop_and_switch_waits_for_its_copier(new_cluster, interlock, scene, mirror):
    """A copier that stands still: no crossing begins, and nothing is touched."""
    source, target = new_cluster("3.9.1", name="source"), new_cluster("4.3.1", name="target")
    one = scene(source, target, pattern="stop-and-switch", shops=[{"rate": 100}])
    copier = mirror(source, target, topics=re.escape(one.topic))
    mover = ByVerbs(one, interlock, one.plan(klass="quick", limits=QUICK))
    one.load(300)
    until(lambda: sum(end_offsets(target, one.topic).values()) >= 200)
    copier.process.send_signal(signal.SIGSTOP)
    one.load(100)
    lagging = mover.act("promote", FAMILY, timeout=180)
    copier.process.send_signal(signal.SIGCONT)
    assert lagging.status == 1 and mover.status()["authority"] == "source" and one.flag.get() == "source", lagging
    assert not of_kind(one.folder, "MOVE")
