"""The levers on real clusters with an authoriser: what a deny does at each broker and what a canary says about it, logs at
rest and not at rest, a transactional id taken over, configs and quotas set and set back."""

import os
import subprocess
import time

import pytest
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import (AclBinding, AclOperation, AclPermissionType, ResourcePatternType, ResourceType)

from kafka_cluster import KafkaCluster, ROOT, USERS
from records import commit_group, create_topic, end_offsets, produce, record, stream, transaction

pytestmark = pytest.mark.real
PROBE = ROOT / "build" / "test" / "unit" / "lever_probe"


def ask(where, *words, status=0, timeout=60):
    """The probe's answer, as lines."""
    done = subprocess.run([PROBE, str(where), *map(str, words)], capture_output=True, text=True, timeout=timeout)
    assert done.returncode == status, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout.splitlines()


def until(look, timeout=30):
    """What `look` gives once it is not false."""
    deadline = time.monotonic() + timeout
    while not (seen := look()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return seen


def allow(cluster, user, kind, name, operation, pattern=ResourcePatternType.LITERAL):
    binding = AclBinding(kind, name, pattern, f"User:{user}", "*", operation, AclPermissionType.ALLOW)
    for future in cluster.admin().create_acls([binding]).values():
        future.result(20)


@pytest.fixture(scope="module")
def guarded_old(run_folder, certificates):
    with KafkaCluster("3.9.1", run_folder / "guarded-old", secure=True, certificates=certificates,
                      name="guarded-old") as cluster:
        yield cluster


@pytest.fixture(scope="module")
def guarded_three(run_folder, certificates):
    with KafkaCluster("4.3.1", run_folder / "guarded-three", nodes=3, secure=True, certificates=certificates,
                      name="guarded-three") as cluster:
        yield cluster


@pytest.fixture(params=["3.9.1", "4.0.0", "4.3.1 on three nodes"])
def guarded(request):
    """A cluster with an authoriser.  alice is the operator, no super user; bob is the writer."""
    cluster = request.getfixturevalue({"3.9.1": "guarded_old", "4.0.0": "secure"}.get(request.param, "guarded_three"))
    for kind, name in ((ResourceType.BROKER, "kafka-cluster"), (ResourceType.TOPIC, "*"), (ResourceType.GROUP, "*"),
                       (ResourceType.TRANSACTIONAL_ID, "*")):
        allow(cluster, "alice", kind, name, AclOperation.ALL)
    allow(cluster, "bob", ResourceType.TOPIC, "*", AclOperation.ALL)
    allow(cluster, "bob", ResourceType.TRANSACTIONAL_ID, "*", AclOperation.ALL)
    return cluster


@pytest.fixture
def alice(guarded, login):
    file = login(guarded, "SASL", "alice")
    until(lambda: " allowed 0 " not in ask(file, "canary", "__consumer_offsets")[0]
          if "__consumer_offsets" in guarded.admin().list_topics(timeout=10).topics else True)
    return file


def writer(cluster, **more):
    return Producer({"bootstrap.servers": cluster.addresses("SASL"), "security.protocol": "SASL_PLAINTEXT",
                     "sasl.mechanism": "SCRAM-SHA-256", "sasl.username": "bob", "sasl.password": USERS["bob"],
                     "message.timeout.ms": 15000, "linger.ms": 0, "log_level": 0, **more})


def write(cluster, topic, partition, **more):
    """The name of the error of one record that bob writes, or None.  A new client each: librdkafka remembers a no."""
    told = []
    client = writer(cluster, **more)
    client.produce(topic, b"v", partition=partition, callback=lambda error, _: told.append(error))
    assert client.flush(20) == 0
    return told[0] and told[0].name()


def brokers(cluster):
    return len(cluster.nodes)


def test_a_canary_says_denied_or_allowed_and_writes_nothing(guarded, alice, topic):
    create_topic(guarded, topic, 4)
    until(lambda: " denied 0 " in " " + ask(alice, "canary", topic)[0])
    before = ask(alice, "canary", topic)
    assert before[0].startswith("denied 0 ") and before[0].endswith(" unknown 0")
    assert all("INVALID_RECORD" in line for line in before[1:])
    assert sum(" leader: allowed" in line for line in before) == 4
    assert {line.split(" at ")[1].split()[0].rstrip(":") for line in before[1:]} == \
        {str(index) for index in guarded.nodes}
    assert ask(alice, "deny", "User:alice", topic) == ["created"]
    denied = until(lambda: (lines := ask(alice, "canary", topic))[0].endswith(" allowed 0 unknown 0") and lines)
    assert all("TOPIC_AUTHORIZATION_FAILED" in line for line in denied[1:])
    assert len(denied) == len(before)
    assert ask(alice, "undeny", "User:alice", topic) == ["removed 1"]
    until(lambda: ask(alice, "canary", topic)[0].startswith("denied 0 "))
    assert set(end_offsets(guarded, topic).values()) == {0}


def test_a_canary_of_a_super_user_shows_nothing(guarded, topic):
    create_topic(guarded, topic, 1)
    assert ask(guarded.internal, "whoami") == ["User:ANONYMOUS"]
    assert ask(guarded.internal, "deny", "User:ANONYMOUS", topic) == ["created"]
    until(lambda: all("bindings 1" in line or line.startswith("  ")
                      for line in ask(guarded.internal, "seen", "User:ANONYMOUS", topic)))
    assert ask(guarded.internal, "canary", topic)[0].startswith("denied 0 ")
    assert ask(guarded.internal, "undeny", "User:ANONYMOUS", topic) == ["removed 1"]


def test_a_canary_for_a_transactional_id(guarded, alice, topic):
    identity = f"{topic}-tx"
    create_topic(guarded, topic, 1)
    with transaction(guarded, identity) as t:  # so that somebody coordinates it
        t.produce(topic, record(b"k", b"v"))
        lines = ask(alice, "canary-id", identity)
        assert lines[0] == f"denied 0 allowed {brokers(guarded)} unknown 0"
        t.commit()  # the canary has ended nothing
    binding = AclBinding(ResourceType.TRANSACTIONAL_ID, identity, ResourcePatternType.LITERAL, "User:alice", "*",
                         AclOperation.WRITE, AclPermissionType.DENY)
    for future in guarded.admin().create_acls([binding]).values():
        future.result(20)
    until(lambda: ask(alice, "canary-id", identity)[0] == f"denied {brokers(guarded)} allowed 0 unknown 0")


def test_a_deny_is_seen_at_each_broker_and_stops_the_writer(guarded, alice, topic):
    create_topic(guarded, topic, 4)
    until(lambda: write(guarded, topic, 0) is None)
    # The writer's first, the witness last: who obeys the last has the first.
    assert ask(alice, "deny", "User:bob", topic) == ["created"]
    assert ask(alice, "deny", "User:alice", topic) == ["created"]
    until(lambda: ask(alice, "canary", topic)[0].endswith(" allowed 0 unknown 0"))
    seen = ask(alice, "seen", "User:bob", topic)
    assert seen == [line for index in guarded.nodes
                    for line in (f"broker {index} err 0 bindings 1", f"  User:bob {topic} from *")]
    for partition in range(4):
        assert write(guarded, topic, partition) == "TOPIC_AUTHORIZATION_FAILED"
    assert ask(alice, "undeny", "User:bob", topic) == ["removed 1"]
    assert ask(alice, "undeny", "User:alice", topic) == ["removed 1"]
    until(lambda: ask(alice, "canary", topic)[0].startswith("denied 0 "))
    for partition in range(4):
        assert write(guarded, topic, partition) is None


def test_who_may_not_change_acls_is_told_so(guarded, login, topic):
    refused = ask(login(guarded, "SASL", "bob"), "deny", "User:bob", topic, status=1)
    assert refused[0].startswith("error -13: ") and "CLUSTER_AUTHORIZATION_FAILED" in refused[0]


def test_a_cluster_without_an_authorizer_says_so(target, topic):
    assert ask(target.bootstrap, "seen", "User:bob", topic) == ["broker 1 err 0 bindings 0 no authorizer"]
    assert "SECURITY_DISABLED" in ask(target.bootstrap, "deny", "User:bob", topic, status=1)[0]


def test_quiet_and_an_open_transaction(guarded, alice, topic):
    create_topic(guarded, topic, 4)
    produce(guarded, topic, stream(40, partitions=4))
    lines = ask(alice, "quiet", topic)
    assert lines[0].startswith("level yes same yes producers 4 err 0 transactions 0 err 0 ")
    assert len([line for line in lines if line.endswith(" level err 0")]) == 4
    identity = f"{topic}-tx"
    with transaction(guarded, identity) as t:
        t.produce(topic, record(b"k", b"v", partition=1))
        lines = ask(alice, "quiet", topic)
        assert lines[0].startswith("level no same yes ") and " transactions 1 err 0 " in lines[0]
        assert f"  transaction {identity} Ongoing partitions 1" in lines
        open_one = next(line for line in lines if line.startswith(f"  {topic}-1 ")).split()
        assert int(open_one[open_one.index("end") + 1]) == int(open_one[open_one.index("stable") + 1]) + 1
        assert open_one[open_one.index("end") + 1] == open_one[open_one.index("high") + 1]
        producer_id = next(line.split()[1] for line in lines
                           if line.startswith("  producer ") and line.endswith(f"{topic}-1")
                           and ask(alice, "name", line.split()[1]) == [f"name {identity}"])
        assert int(producer_id) >= 0
        t.abort()
    until(lambda: ask(alice, "quiet", topic)[0].startswith("level yes "))


def test_records_that_are_not_committed_are_not_level(guarded_three, login, topic):
    """Two of three replicas are stopped: the leader's log grows, its high watermark does not."""
    cluster = guarded_three
    cluster.tool("org.apache.kafka.tools.TopicCommand", "--create", "--topic", topic, "--replica-assignment", "1:2:3",
                 "--config", "min.insync.replicas=1")
    until(lambda: topic in cluster.admin().list_topics(timeout=10).topics)
    produce(cluster, topic, [record(b"k", b"v", partition=0)])
    cluster.pause(2)
    try:
        client = Producer({"bootstrap.servers": cluster.nodes and f"127.0.0.1:{cluster.nodes[1].ports['INTERNAL']}",
                           "acks": "1", "linger.ms": 0, "log_level": 0})
        client.produce(topic, b"v", partition=0)
        assert client.flush(20) == 0
        where = f"127.0.0.1:{cluster.nodes[1].ports['INTERNAL']}"
        lines = ask(where, "ends-only", topic)
        assert " stable 1 high 1 end 2 open err 0" in lines[1]
    finally:
        cluster.resume(2)
    until(lambda: ask(cluster.internal, "ends-only", topic)[0].startswith("level yes "))


def test_a_fenced_transactional_producer_goes_no_further(guarded, alice, topic):
    create_topic(guarded, topic, 1)
    identity = f"{topic}-tx"
    assert ask(alice, "look", f"{identity}-never", status=1)[0].startswith("error -16: ")
    with transaction(guarded, identity) as t:
        t.produce(topic, record(b"k", b"v"))
        assert " timeout 7919 " not in ask(alice, "look", identity)[0]
        assert ask(alice, "fence", identity, 7919)[0].startswith("fenced producer ")
        assert " timeout 7919 " in ask(alice, "look", identity)[0]
        with pytest.raises(KafkaException) as refused:
            t.client.commit_transaction(20)
        t.over = True  # not for this client to abort any more
        assert refused.value.args[0].name() in ("_FENCED", "INVALID_PRODUCER_EPOCH", "PRODUCER_FENCED")
    until(lambda: ask(alice, "quiet", topic)[0].startswith("level yes "))
    assert ask(alice, "fence", identity, 2_000_000_000, status=1)[0].startswith("error -14: ")


def test_a_config_is_set_seen_and_taken_away(guarded, alice, topic):
    create_topic(guarded, topic, 1)
    before = ask(alice, "config-seen", topic, "retention.ms")
    assert all(" from topic" not in line for line in before) and len(before) == brokers(guarded)
    assert ask(alice, "config", topic, "retention.ms", 86400000) == ["set"]
    until(lambda: all(line.endswith(" value 86400000 from topic")
                      for line in ask(alice, "config-seen", topic, "retention.ms")))
    assert ask(alice, "config", topic, "retention.ms") == ["set"]
    until(lambda: ask(alice, "config-seen", topic, "retention.ms") == before)
    assert ask(alice, "config", topic, "retention.ms", "soon", status=1)[0].startswith("error -14: ")
    assert ask(alice, "config", f"{topic}-none", "retention.ms", 1, status=1)[0].startswith("error -16: ")


def test_a_quota_is_set_seen_and_taken_away(guarded, alice, topic):
    assert ask(alice, "quota-seen", topic, "producer_byte_rate")[0].endswith(" err 0 absent 0")
    assert ask(alice, "quota", topic, "producer_byte_rate", 12345) == ["set"]
    until(lambda: all(line.endswith(" err 0 there 12345")
                      for line in ask(alice, "quota-seen", topic, "producer_byte_rate")))
    assert ask(alice, "quota", topic, "producer_byte_rate") == ["set"]
    until(lambda: all(line.endswith(" err 0 absent 0")
                      for line in ask(alice, "quota-seen", topic, "producer_byte_rate")))


def test_groups_and_topics_of_our_own_are_removed(guarded, alice, topic):
    create_topic(guarded, topic, 1)
    commit_group(guarded, f"{topic}-group", topic, {0: 0})
    assert ask(alice, "group-delete", f"{topic}-group", f"{topic}-never") == ["deleted"]
    assert ask(alice, "topic-delete", topic) == ["deleted"]
    until(lambda: topic not in guarded.admin().list_topics(timeout=10).topics)
