"""The gates on real clusters: what each principal may do, what a cluster does not tell, schema ids, undeclared readers."""

import json

import pytest
import yaml
from confluent_kafka.admin import (AclBinding, AclOperation, AclPermissionType, ResourcePatternType, ResourceType)

from records import commit_group, create_topic, produce, record, stream, write_both

pytestmark = pytest.mark.real


@pytest.fixture
def plan(tmp_path, topic):
    """A function: writes exit.yaml for two property files or addresses, with one family and what the test says."""

    def write(source, target, exit=None, **family):
        fields = {"name": "orders", "class": "rehearsal", "pattern": "dual-write", "topics": [topic], "groups": "none",
                  "owners": {"decision": "lead@example.org"}, **family}
        fields = {key: value for key, value in fields.items() if value is not None}
        text = {"exit": "test-exit", "source": str(source), "target": str(target), **(exit or {}), "families": [fields]}
        (tmp_path / "exit.yaml").write_text(yaml.safe_dump(text, sort_keys=False))
        return tmp_path

    return write


def allow(cluster, principal, name, operation, kind=ResourceType.TOPIC, pattern=ResourcePatternType.LITERAL,
          permission=AclPermissionType.ALLOW):
    binding = AclBinding(kind, name, pattern, principal, "*", operation, permission)
    for future in cluster.admin().create_acls([binding]).values():
        future.result(20)


def gate(interlock, folder, name, *more, **how):
    """One gate of the one family: its verdict, and its reasons by code."""
    result = interlock.run("check", "--json", "--gate", name, *more, folder=folder, **how)
    assert result.status in (0, 1, 2), result
    family, = result.json["families"]
    return family["gates"][name], {reason["code"]: json.dumps(reason) for reason in family["reasons"]}, result


def test_rights_that_the_target_lacks(source, secure, topic, interlock, plan, login):
    """The source lets everybody in; the target lets nobody, until an ACL says so; and a deny beats it."""
    write_both(source, secure, topic, stream(40))
    folder = plan(source.bootstrap, login(secure, "SASL", "admin"), producers=["User:alice"])
    verdict, reasons, result = gate(interlock, folder, "compatibility")
    assert verdict == "shut" and "may write" in reasons["RIGHTS_MISSING"], result
    allow(secure, "User:alice", topic[:4], AclOperation.WRITE, pattern=ResourcePatternType.PREFIXED)
    verdict, reasons, result = gate(interlock, folder, "compatibility")
    assert verdict == "open", result
    allow(secure, "User:alice", topic, AclOperation.ALL, permission=AclPermissionType.DENY)
    verdict, reasons, result = gate(interlock, folder, "compatibility")
    assert verdict == "shut" and "denied" in reasons["RIGHTS_MISSING"], result


def test_a_super_user_is_nothing_that_a_broker_tells(source, secure, topic, interlock, plan, login):
    """super.users is no config that Kafka shows: that it may be one is said, and not believed."""
    write_both(source, secure, topic, stream(40))
    folder = plan(source.bootstrap, login(secure, "SASL", "admin"), producers=["User:admin"])
    verdict, reasons, result = gate(interlock, folder, "compatibility")
    assert verdict == "shut" and "super user" in reasons["RIGHTS_MISSING"], result
    folder = plan(login(secure, "SASL", "admin"), source.bootstrap, producers=["User:admin"])
    verdict, reasons, result = gate(interlock, folder, "compatibility")
    assert not {"RIGHTS_UNKNOWN", "RIGHTS_MISSING"} & set(reasons), result    # nobody is asked for a right there


def test_nobody_says_whose_rights_matter(source, secure, topic, interlock, plan, login):
    write_both(source, secure, topic, stream(40))
    folder = plan(source.bootstrap, login(secure, "SASL", "admin"))
    verdict, reasons, result = gate(interlock, folder, "compatibility")
    assert verdict == "unknown" and "producers" in reasons["NOT_DECLARED"], result


def test_what_is_not_told_is_unknown(source, secure, topic, interlock, plan, login):
    """Bob may read the topic and nothing else: no ACLs, no users, no configs."""
    write_both(source, secure, topic, stream(40))
    allow(secure, "User:bob", topic, AclOperation.READ)
    folder = plan(source.bootstrap, login(secure, "SASL", "bob"), producers=["User:alice"])
    verdict, reasons, result = gate(interlock, folder, "compatibility")
    assert verdict == "unknown", result
    assert "bob-secret" not in result.out + result.err


def test_users_whose_passwords_cannot_be_copied(secure, target, topic, interlock, plan, login):
    """Alice logs in by SCRAM on the source; the target has no such user."""
    write_both(secure, target, topic, stream(40))
    allow(secure, "User:alice", topic, AclOperation.READ)
    folder = plan(login(secure, "SASL", "admin"), target.bootstrap)
    verdict, reasons, result = gate(interlock, folder, "compatibility")
    assert verdict == "shut" and "alice" in reasons["CREDENTIALS_MISSING"], result


def test_a_batch_that_the_target_would_refuse(pair, topic, interlock, plan):
    create_topic(pair.source, topic, 4)
    create_topic(pair.target, topic, 4, max_message_bytes=2000000)
    for cluster in pair:
        produce(cluster, topic, [record("k", b"x" * 900000)])
    verdict, reasons, result = gate(interlock, plan(pair.source.bootstrap, pair.target.bootstrap), "compatibility")
    assert "RECORDS_REFUSED" not in reasons, result


def test_a_group_that_the_plan_forgot(pair, topic, interlock, plan):
    write_both(*pair, topic, stream(400))
    commit_group(pair.source, f"{topic}-g", topic, {0: 10})
    folder = plan(pair.source.bootstrap, pair.target.bootstrap)
    verdict, reasons, result = gate(interlock, folder, "progress")
    assert verdict == "shut" and f"{topic}-g" in reasons["READER_UNDECLARED"], result
    folder = plan(pair.source.bootstrap, pair.target.bootstrap, groups=[f"{topic}-g"])
    verdict, reasons, result = gate(interlock, folder, "progress")
    assert verdict == "open", result
    folder = plan(pair.source.bootstrap, pair.target.bootstrap, groups=None)
    verdict, reasons, result = gate(interlock, folder, "progress")
    assert verdict == "shut" and "READER_UNDECLARED" in reasons, result


def test_records_that_a_group_would_miss(pair, topic, interlock, plan):
    """The group has still to read a record that the target never got."""
    create_topic(pair.source, topic, 1)
    create_topic(pair.target, topic, 1)
    records = stream(100, partitions=1)
    produce(pair.source, topic, records)
    produce(pair.target, topic, records[:60] + records[61:])
    commit_group(pair.source, f"{topic}-g", topic, {0: 50})
    folder = plan(pair.source.bootstrap, pair.target.bootstrap, groups=[f"{topic}-g"])
    verdict, reasons, result = gate(interlock, folder, "progress")
    assert verdict != "open", result


def test_an_empty_family_is_too_thin(pair, topic, interlock, plan):
    for cluster in pair:
        create_topic(cluster, topic, 2)
    verdict, reasons, result = gate(interlock, plan(pair.source.bootstrap, pair.target.bootstrap), "parity")
    assert verdict == "unknown" and "SAMPLES_LOW" in reasons, result


def test_a_hole_is_told_by_its_own_code(pair, topic, interlock, plan):
    from records import delete_records
    write_both(*pair, topic, stream(400))
    delete_records(pair.target, topic, {0: 10})
    verdict, reasons, result = gate(interlock, plan(pair.source.bootstrap, pair.target.bootstrap), "parity")
    assert verdict == "unknown" and "COVERAGE_HOLE" in reasons, result


ORDER = '{"type":"record","name":"Order","fields":[{"name":"id","type":"long"}]}'


@pytest.mark.parametrize("here, there, verdict", [(1, 2, "open"), (1, 1, "shut"), (7, 7, "unknown")],
                         ids=["registered on each side", "one id, two schemas", "an id that nobody knows"])
def test_schemas_in_both_registries(pair, topic, interlock, plan, registry, here, there, verdict):
    """An order is schema 1 here and schema 2 there, where 1 is a text."""
    ours, theirs = registry(), registry()
    ours.register(f"{topic}-value", ORDER)
    theirs.register("other-value", '"string"')
    theirs.register(f"{topic}-value", ORDER)
    for cluster, number in zip(pair, (here, there)):
        create_topic(cluster, topic, 4)
        produce(cluster, topic, [record(f"k{i}", b"\0" + number.to_bytes(4, "big") + b"%d" % i) for i in range(20)])
    folder = plan(pair.source.bootstrap, pair.target.bootstrap,
                  exit={"registries": {"source": ours.url, "target": theirs.url}})
    found, reasons, result = gate(interlock, folder, "compatibility")
    code = {"open": None, "shut": "SCHEMA_DIFFERS", "unknown": "SCHEMA_UNRESOLVED"}[verdict]
    assert found == verdict and (code is None or code in reasons), result


def test_schema_ids_without_a_registry(pair, topic, interlock, plan):
    for cluster in pair:
        create_topic(cluster, topic, 4)
        produce(cluster, topic, [record(f"k{i}", b"\0\0\0\0\x07payload%d" % i) for i in range(20)])
    folder = plan(pair.source.bootstrap, pair.target.bootstrap)
    verdict, reasons, result = gate(interlock, folder, "compatibility")
    assert verdict == "unknown" and "REGISTRY_NOT_NAMED" in reasons, result
    folder = plan(pair.source.bootstrap, pair.target.bootstrap, exit={"registries": "none"})
    verdict, reasons, result = gate(interlock, folder, "compatibility")
    assert verdict == "open", result


def test_a_registry_that_does_not_answer(pair, topic, interlock, plan):
    for cluster in pair:
        create_topic(cluster, topic, 4)
        produce(cluster, topic, [record(f"k{i}", b"\0\0\0\0\x07payload%d" % i) for i in range(20)])
    folder = plan(pair.source.bootstrap, pair.target.bootstrap,
                  exit={"registries": {"source": "http://u:hidden@127.0.0.1:1", "target": "http://127.0.0.1:1/x"}})
    verdict, reasons, result = gate(interlock, folder, "compatibility")
    assert verdict == "unknown" and "REGISTRY_UNREACHABLE" in reasons, result
    assert "hidden" not in result.out + result.err
