"""The levers on real clusters with an authoriser: what a deny does at each broker and what a canary says about it, logs at
rest and not at rest, a transactional id taken over, configs and quotas set and set back."""

import subprocess
import time

import pytest
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import (AclBinding, AclOperation, AclPermissionType, AdminClient, ResourcePatternType,
                                   ResourceType)

from broker import GuardedBroker
from kafka_cluster import KafkaCluster, ROOT, USERS
from patience import until
from records import commit_group, create_topic, end_offsets, produce, record, stream, transaction

pytestmark = pytest.mark.real
PROBE = ROOT / "build" / "test" / "unit" / "lever_probe"


def ask(where, *words, status=0, timeout=60):
    """The probe's answer, as lines; `status` None: however it ended."""
    done = subprocess.run([PROBE, str(where), *map(str, words)], capture_output=True, text=True, timeout=timeout)
    assert done.returncode == status or status is None, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout.splitlines()


def nodes_listed(cluster, asked):
    """How many nodes these nodes name.  A client that knew the one that hangs would go on asking that for a minute."""
    where = ",".join(f"127.0.0.1:{cluster.nodes[index].ports['INTERNAL']}" for index in asked)
    try:
        return len(AdminClient({"bootstrap.servers": where, "log_level": 0}).list_topics(timeout=10).brokers)
    except KafkaException:
        return 0


def allow(cluster, user, kind, name, operation, pattern=ResourcePatternType.LITERAL):
    binding = AclBinding(kind, name, pattern, f"User:{user}", "*", operation, AclPermissionType.ALLOW)
    for future in cluster.admin().create_acls([binding]).values():
        future.result(20)


def guard(cluster):
    """alice is the operator, no super user; bob is the writer."""
    for kind, name in ((ResourceType.BROKER, "kafka-cluster"), (ResourceType.TOPIC, "*"), (ResourceType.GROUP, "*"),
                       (ResourceType.TRANSACTIONAL_ID, "*")):
        allow(cluster, "alice", kind, name, AclOperation.ALL)
    allow(cluster, "bob", ResourceType.TOPIC, "*", AclOperation.ALL)
    allow(cluster, "bob", ResourceType.TRANSACTIONAL_ID, "*", AclOperation.WRITE)
    # The last of them is at each broker, and with it all before.
    until(lambda: ask(cluster.internal, "bound", "User:bob").count("  User:bob may write transactional-id *")
          == len(cluster.nodes))
    return cluster


@pytest.fixture(scope="module")
def guarded_old(run_folder, certificates):
    with KafkaCluster("3.9.1", run_folder / "guarded-old", secure=True, certificates=certificates,
                      name="guarded-old") as cluster:
        yield guard(cluster)


@pytest.fixture(scope="module")
def guarded_middle(run_folder, certificates):
    with KafkaCluster("4.0.0", run_folder / "guarded-middle", secure=True, certificates=certificates,
                      name="guarded-middle") as cluster:
        yield guard(cluster)


@pytest.fixture(scope="module")
def guarded_three(run_folder, certificates):
    with KafkaCluster("4.3.1", run_folder / "guarded-three", nodes=3, secure=True, certificates=certificates,
                      name="guarded-three") as cluster:
        yield guard(cluster)


@pytest.fixture(scope="module")
def guarded_own(run_folder):
    """Interlock's own broker."""
    with GuardedBroker(run_folder / "guarded-own") as broker:
        yield guard(broker)


@pytest.fixture(params=["3.9.1", "4.0.0", "4.3.1 on three nodes", "interlock"])
def guarded(request):
    """A cluster with an authoriser."""
    return request.getfixturevalue({"3.9.1": "guarded_old", "4.0.0": "guarded_middle", "interlock": "guarded_own"}.get(
        request.param, "guarded_three"))


@pytest.fixture
def alice(guarded, login):
    return login(guarded, "SASL", "alice")


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


# ---- the levers themselves

def lever(where, kind, *words):
    """A function: lever(...)("observe") is the line that the lever answers with; `status` 1 gives the error's."""
    def then(*more, status=0):
        lines = ask(where, kind, *words, *more, status=status)
        return lines[-1] if lines else ""
    return then


def agreed(then, value, timeout=30):
    """Once all brokers show the value.  ERR_STALE on the way there is what a lagging broker looks like."""
    deadline = time.monotonic() + timeout
    while True:
        done = subprocess.run([PROBE, *map(str, then)], capture_output=True, text=True, timeout=60)
        if done.returncode == 0 and done.stdout.strip() == value:
            return
        assert done.returncode in (0, 1) and time.monotonic() < deadline, done.stdout + done.stderr
        assert done.returncode == 0 or "error -19: " in done.stdout, done.stdout
        time.sleep(0.05)


def deny(cluster, user, kind, name):
    binding = AclBinding(kind, name, ResourcePatternType.LITERAL, f"User:{user}", "*", AclOperation.WRITE,
                         AclPermissionType.DENY)
    for future in cluster.admin().create_acls([binding]).values():
        future.result(20)


def test_the_acl_lever_fences_and_gives_back_what_it_took(guarded, alice, topic):
    other = f"{topic}-dlq"
    for name in (topic, other):
        create_topic(guarded, name, 4)
    until(lambda: write(guarded, topic, 0) is None)
    deny(guarded, "bob", ResourceType.TOPIC, other)  # the operator's own, from before
    words = ("acl", "User:bob", f"{topic},{other}", "-", "User:alice")
    acl = lever(alice, *words)
    mine = f'["User:bob","topic","{other}"]'
    agreed([alice, *words, "observe"], f"[{mine}]")
    before = acl("observe")
    aimed = acl("aim", "deny", before)
    assert aimed == "[" + ",".join(f'["User:{who}","topic","{name}"]' for name in sorted((topic, other))
                                   for who in ("alice", "bob")) + "]"
    assert acl("set", aimed) == ""
    until(lambda: ask(alice, *words, "felt", "denied", status=None)[-1].startswith("canaries: "))
    # Whoever denies the witness denies the writer: the canary's word is enough, at each broker.
    assert acl("observe") == aimed
    assert write(guarded, topic, 1) == write(guarded, other, 2) == "TOPIC_AUTHORIZATION_FAILED"
    assert acl("set", aimed) == ""  # again, and nothing changes
    assert acl("observe") == aimed
    assert acl("set", before) == ""
    until(lambda: not ask(alice, *words[:2], topic, "-", "User:alice", "felt", "allowed", status=None)[-1]
          .startswith("error"))
    agreed([alice, *words, "observe"], before)
    assert write(guarded, topic, 1) is None
    assert write(guarded, other, 2) == "TOPIC_AUTHORIZATION_FAILED"


def test_the_fence_is_rehearsed_without_stopping_anybody(guarded, alice, topic):
    create_topic(guarded, topic, 2)
    until(lambda: write(guarded, topic, 0) is None)
    words = ("acl", "User:bob", topic, f"{topic}-tx", "User:alice")
    acl = lever(alice, *words)
    agreed([alice, *words, "observe"], "[]")
    assert acl("set", acl("aim", "canary", "[]")) == ""
    until(lambda: ask(alice, *words, "felt", "denied", status=None)[-1].startswith("canaries: "))
    assert write(guarded, topic, 0) is None
    assert "ACL_WITNESS_THERE" in "\n".join(ask(alice, *words, "bounds"))
    assert acl("set", "[]") == ""
    until(lambda: ask(alice, *words, "felt", "allowed", status=None)[-1].startswith("canaries: "))
    assert acl("aim", "deny", "[]").count("transactional-id") == 1  # the writer's; not the witness's


def test_an_acl_lever_touches_nothing_but_its_candidates(guarded, alice, topic):
    create_topic(guarded, topic, 1)
    acl = lever(alice, "acl", "User:bob", topic, "-", "User:alice")
    for value in ('[["User:carol","topic","%s"]]' % topic, '[["User:bob","group","%s"]]' % topic, "[3]", "none"):
        assert acl("set", value, status=1).startswith("error -14: ")
    assert acl("aim", "stop", "[]", status=1).startswith("error -14: ")
    assert "--deny-principal User:bob" in acl("describe", "deny")


def test_what_acls_cannot_bind_is_said_before(guarded, alice, login, target, topic):
    create_topic(guarded, topic, 1)
    until(lambda: write(guarded, topic, 0) is None)
    lines = ask(alice, "acl", "User:bob", topic, "-", "User:alice", "bounds")
    assert lines[0] == "blocked no"
    # Apache Kafka hides its super users; our broker tells them to whoever may describe its configs.
    told = isinstance(guarded, GuardedBroker)
    assert [line.split()[0] for line in lines[1:]] == ([] if told else ["ACL_SUPER_UNKNOWN"])
    codes = [line.split()[0] for line in ask(alice, "acl", "User:admin", topic, "-", "-", "bounds")[1:]]
    assert codes == (["ACL_SUPER_USER"] if told else ["ACL_SUPER_UNKNOWN", "ACL_NOT_ALLOWED"]) + ["ACL_NO_WITNESS"]
    lines = ask(login(guarded, "SASL", "bob"), "acl", "User:bob", topic, "-", "User:bob", "bounds")
    assert lines[0] == "blocked yes" and any(line.startswith("ACL_MAY_NOT_READ ") for line in lines)
    lines = ask(target.bootstrap, "acl", "User:bob", "anything", "-", "-", "bounds")
    assert lines[0] == "blocked yes" and lines[1].startswith("ACL_NO_AUTHORIZER ")
    assert "no authorizer" in ask(target.bootstrap, "acl", "User:bob", "anything", "-", "-", "observe", status=1)[0]


def test_a_topic_that_no_acl_guards_is_not_to_be_denied(new_cluster, certificates, topic):
    """With allow.everyone.if.no.acl.found the first deny of a topic shuts everybody out."""
    cluster = new_cluster("4.0.0", secure=True, certificates=certificates,
                          overrides={"allow.everyone.if.no.acl.found": "true"})
    create_topic(cluster, topic, 1)
    lines = ask(cluster.internal, "acl", "User:bob", topic, "-", "-", "bounds")
    assert lines[0] == "blocked yes" and any(line.startswith("ACL_UNGUARDED ") for line in lines)
    assert until(lambda: write(cluster, topic, 0) is None)
    acl = lever(cluster.internal, "acl", "User:carol", topic, "-", "-")
    assert acl("set", acl("aim", "deny", "[]")) == ""
    until(lambda: write(cluster, topic, 0) == "TOPIC_AUTHORIZATION_FAILED")  # bob, of whom nobody spoke


def test_a_broker_that_hangs_is_no_denial(guarded_three, login, topic):
    cluster, file = guarded_three, login(guarded_three, "SASL", "alice")
    create_topic(cluster, topic, 3)
    words = ("acl", "User:bob", topic, "-", "User:alice")
    acl = lever(file, *words)
    agreed([file, *words, "observe"], "[]")
    assert acl("set", acl("aim", "deny", "[]")) == ""
    until(lambda: ask(file, *words, "felt", "denied", status=None)[-1].startswith("canaries: "))
    cluster.pause(3)
    try:  # it is listed until its session is over
        lines = ask(file, "canary", topic)
        assert lines[0].endswith(" allowed 0 unknown 1")
        assert any(f"{topic} " in line and " at 3 leader: unknown " in line for line in lines)
        # Then it leads nothing any more, and who leads in its stead is asked.
        until(lambda: nodes_listed(cluster, (1, 2)) == 2, timeout=60)
        assert until(lambda: ask(file, "canary", topic)[0] == "denied 3 allowed 0 unknown 0")
    finally:
        cluster.resume(3)
    until(lambda: nodes_listed(cluster, (1, 2)) == 3, timeout=60)
    until(lambda: ask(file, *words, "felt", "denied", status=None)[-1].startswith("canaries: "))
    assert acl("set", "[]") == ""


def test_the_transaction_lever_takes_an_id_over_and_lets_go(guarded, alice, topic):
    create_topic(guarded, topic, 1)
    identity = f"{topic}-tx"
    ids = lever(alice, "transactions", f"{identity},{topic}-never")
    with transaction(guarded, identity) as t:
        t.produce(topic, record(b"k", b"v"))
        before = ids("observe")
        assert before == f'[["{topic}-never","none"],["{identity}",120000]]'
        fenced = ids("aim", "fence", before)
        assert fenced == f'[["{topic}-never","none"],["{identity}","fenced"]]'
        assert ids("set", fenced) == ""
        assert ids("observe") == fenced
        t.over = True
        with pytest.raises(KafkaException):
            t.client.commit_transaction(20)
    with transaction(guarded, identity) as t:  # the application starts again: the id is its own, and that shows
        assert ids("observe") == before
        assert ids("set", before) == ""  # not ours any more: left alone
        t.produce(topic, record(b"k", b"v"))
        t.commit()
    assert ids("set", fenced) == ""
    assert ids("set", before) == ""
    assert ids("observe") == before


def test_the_config_lever_sets_and_leaves_no_trace(guarded, alice, topic):
    other = f"{topic}-dlq"
    create_topic(guarded, topic, 1)
    create_topic(guarded, other, 1, retention_ms=1000000)
    words = ("configs", f"{topic},{other}", "retention.ms", "86400000")
    retention = lever(alice, *words)
    before = f'[["{topic}",null],["{other}","1000000"]]'
    agreed([alice, *words, "observe"], before)
    aimed = retention("aim", "raise", before)
    assert aimed == f'[["{topic}",null],["{other}","86400000"]]'    # the broker's, without a limit, is not lowered
    assert retention("set", aimed) == ""
    agreed([alice, *words, "observe"], aimed)
    assert retention("set", before) == ""
    agreed([alice, *words, "observe"], before)
    assert retention("set", '[["%s","1"]]' % topic, status=1).startswith("error -14: ")


def test_the_quota_lever_sets_and_leaves_no_trace(guarded, alice, topic):
    assert ask(alice, "quota", f"{topic}-b", "producer_byte_rate", 2048) == ["set"]
    words = ("quotas", f"{topic}-a,{topic}-b", "producer_byte_rate", "1048576")
    quota = lever(alice, *words)
    before = f'[["{topic}-a",null],["{topic}-b","2048"]]'
    agreed([alice, *words, "observe"], before)
    aimed = quota("aim", "limit", before)
    assert aimed == f'[["{topic}-a","1048576"],["{topic}-b","2048"]]'     # whose own is tighter keeps it
    assert quota("set", aimed) == ""
    agreed([alice, *words, "observe"], aimed)
    assert quota("set", before) == ""
    agreed([alice, *words, "observe"], before)
    none = f'[["{topic}-a",null],["{topic}-b",null]]'
    assert quota("set", none) == ""
    agreed([alice, *words, "observe"], none)
