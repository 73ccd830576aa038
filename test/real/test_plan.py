"""init discovers, check measures: on two real clusters, with a plan as an operator would have it."""

import pytest
import yaml

from expect import STATUS
from records import commit_group, create_topic, produce, record, stream, write_both

pytestmark = pytest.mark.real
GATES = {"compatibility", "parity", "progress", "rollback", "capacity", "operations"}


@pytest.fixture
def plan(pair, tmp_path, topic):
    """A function: writes exit.yaml with one family and more of what the test says."""
    for name, cluster in zip(("source", "target"), pair):
        (tmp_path / f"{name}.properties").write_text(f"bootstrap.servers={cluster.bootstrap}\n")

    def write(**family):
        fields = {"name": "orders", "class": "rehearsal", "pattern": "dual-write", "topics": [topic],
                  "owners": {"decision": "lead@example.org"}, **family}
        text = yaml.safe_dump({"exit": "test-exit", "source": "source.properties", "target": "target.properties",
                               "families": [fields]}, sort_keys=False)
        (tmp_path / "exit.yaml").write_text(text)
        return tmp_path

    return write


def check(interlock, folder, *more, **how):
    result = interlock.run("check", "--json", *more, folder=folder, **how)
    assert result.status in (0, 1, 2), result
    return result


def family(result):
    one, = result.json["families"]
    return one


def test_a_family_that_is_level(pair, topic, interlock, plan):
    write_both(*pair, topic, stream(400))
    commit_group(pair.source, f"{topic}-g", topic, {0: 10})
    commit_group(pair.target, f"{topic}-g", topic, {0: 10})
    result = check(interlock, plan(groups=[f"{topic}-g"]))
    gates = family(result)["gates"]
    assert set(gates) == GATES
    assert gates["parity"] == "open" and gates["progress"] == "open", result
    assert result.status == STATUS[result.verdict]


@pytest.mark.parametrize("missing, gate, code", [(200, "shut", "PARITY_LOST"), (399, "unknown", "PARITY_BEHIND")])
def test_a_family_with_a_missing_record(pair, topic, interlock, plan, missing, gate, code):
    """One that later records have overtaken is lost; the newest may still come."""
    create_topic(pair.source, topic, 4)
    create_topic(pair.target, topic, 4)
    produce(pair.source, topic, stream(400))
    produce(pair.target, topic, stream(missing) + stream(399 - missing, start=missing + 1))
    result = check(interlock, plan())
    assert family(result)["gates"]["parity"] == gate, result
    assert code in str(family(result)["reasons"]), result


def test_configs_that_differ_in_what_matters(pair, topic, interlock, plan):
    create_topic(pair.source, topic, 4, cleanup_policy="compact")
    create_topic(pair.target, topic, 4, cleanup_policy="delete", retention_ms=60000)
    for cluster in pair:
        produce(cluster, topic, stream(40))
    result = check(interlock, plan())
    assert family(result)["gates"]["compatibility"] == "shut", result


def test_people_get_a_table(pair, topic, interlock, plan):
    write_both(*pair, topic, stream(40))
    result = interlock.run("check", folder=plan())
    assert result.status in (0, 1, 2), result
    for gate in GATES:
        assert gate in result.out.lower(), result
    assert "\x1b" not in result.out


@pytest.mark.parametrize("fields, word", [
    ({"topcis": ["x"]}, "topics"), ({"owners": {}}, "owner"), ({"pattern": "dual"}, "dual-write"),
    ({"class": "leger"}, "leger")])
def test_a_plan_that_is_wrong(pair, topic, interlock, plan, fields, word):
    write_both(*pair, topic, stream(4))
    result = interlock.run("check", folder=plan(**fields))
    assert result.status == 78, result
    assert "exit.yaml:" in result.err and word in result.err, result


def test_a_topic_that_nobody_has(pair, topic, interlock, plan):
    result = interlock.run("check", folder=plan(topics=[f"{topic}-nobody"]))
    assert result.status in (1, 2, 78), result


def test_what_init_writes_check_accepts(pair, topic, interlock, tmp_path):
    write_both(*pair, topic, stream(100))
    commit_group(pair.source, f"{topic}-g", topic, {0: 10})
    interlock.run("init", "--source", pair.source.bootstrap, "--target", pair.target.bootstrap, "--topic", topic,
                  folder=tmp_path, status=0)
    text = (tmp_path / "exit.yaml").read_text()
    assert "#" in text and yaml.safe_load(text)["families"][0]["topics"] == [topic], text
    result = check(interlock, tmp_path)
    assert f"{topic}-g" in text and family(result)["gates"]["parity"] == "open", result


def test_schemas_that_both_registries_know(pair, topic, interlock, plan, registry):
    """Schema 1 here is schema 2 there: the same schema, so the ids may be mapped; an id that nobody knows may not."""
    ours, theirs = registry(), registry()
    schema = '{"type":"record","name":"Order","fields":[{"name":"id","type":"long"}]}'
    theirs.register("other-value", '"string"')
    here, there = ours.register(f"{topic}-value", schema), theirs.register(f"{topic}-value", schema)
    assert here != there
    for cluster, number in zip(pair, (here, there)):
        create_topic(cluster, topic, 4)
        produce(cluster, topic, [record(f"k{i}", b"\0" + number.to_bytes(4, "big") + b"%d" % i) for i in range(20)])
    folder = plan()
    for name, one in (("source", ours), ("target", theirs)):
        with (folder / f"{name}.properties").open("a") as file:
            file.write(f"schema.registry.url={one.url}\n")
    result = check(interlock, folder)
    assert family(result)["gates"]["compatibility"] in ("open", "shut", "unknown"), result
