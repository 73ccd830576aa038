"""Access rules of our broker: the same questions by the same people to Apache Kafka, and what tools and clients see."""


import pytest
from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import (AclBinding, AclBindingFilter, AclOperation, AclPermissionType, AdminClient, NewTopic,
                                   ResourcePatternType, ResourceType)

from kafka.admin import (ACL, ACLFilter, ACLOperation, ACLPermissionType, ACLResourcePatternType as PythonPattern, KafkaAdminClient,
                         ResourcePattern, ResourcePatternFilter, ResourceType as PythonType)
from kafka.errors import ClusterAuthorizationFailedError

from broker import Broker
from java_tools import JavaTools
from kafka_cluster import Jars, KafkaCluster, free_ports
from kafka_schema import read_jar
from patience import until
from speak import Speaker

AUTHORIZER = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
TOPIC, GROUP, CLUSTER, TRANSACTION = 2, 3, 4, 5
LITERAL, PREFIXED = 3, 4
ALL, READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE, CLUSTER_ACTION, DESCRIBE_CONFIGS, ALTER_CONFIGS, IDEMPOTENT_WRITE = range(2, 13)
DENY, ALLOW = 2, 3
NAME = "kafka-cluster"

# Each of them, and what rules say of him: type, name, pattern, operation, permission, host.
PEOPLE = {
    "nobody": [],
    "describer": [(TOPIC, "*", LITERAL, DESCRIBE), (GROUP, "*", LITERAL, DESCRIBE), (TRANSACTION, "*", LITERAL, DESCRIBE),
                  (CLUSTER, NAME, LITERAL, DESCRIBE)],
    "reader": [(TOPIC, "there", LITERAL, READ), (GROUP, "g", LITERAL, READ)],
    "grouper": [(GROUP, "g", PREFIXED, ALL), (TRANSACTION, "t", PREFIXED, ALL)],
    "writer": [(TOPIC, "th", PREFIXED, WRITE), (TRANSACTION, "tx", LITERAL, WRITE)],
    "creator": [(TOPIC, "new", PREFIXED, CREATE), (TOPIC, "new", PREFIXED, DESCRIBE)],
    "maker": [(CLUSTER, NAME, LITERAL, CREATE), (TOPIC, "new", PREFIXED, DESCRIBE)],
    "deleter": [(TOPIC, "doomed", LITERAL, DELETE), (TOPIC, "there", LITERAL, DESCRIBE), (GROUP, "g", LITERAL, DELETE)],
    "configurer": [(TOPIC, "there", LITERAL, ALTER_CONFIGS), (GROUP, "g", LITERAL, ALTER_CONFIGS), (CLUSTER, NAME, LITERAL, ALTER_CONFIGS)],
    "alterer": [(CLUSTER, NAME, LITERAL, ALTER), (TOPIC, "there", LITERAL, ALTER)],
    "actor": [(CLUSTER, NAME, LITERAL, CLUSTER_ACTION)],
    "idempotent": [(CLUSTER, NAME, LITERAL, IDEMPOTENT_WRITE)],
    "elsewhere": [(TOPIC, "*", LITERAL, ALL, ALLOW, "10.9.9.9"), (GROUP, "*", LITERAL, ALL, ALLOW, "10.9.9.9")],
    "barred": [(TOPIC, "*", LITERAL, ALL), (GROUP, "*", LITERAL, ALL), (TRANSACTION, "*", LITERAL, ALL), (CLUSTER, NAME, LITERAL, ALL),
               (TOPIC, "th", PREFIXED, READ, DENY), (TOPIC, "there", LITERAL, WRITE, DENY), (GROUP, "g", LITERAL, ALL, DENY),
               (TRANSACTION, "tx", LITERAL, WRITE, DENY)],
}
SECRETS = {name: f"{name}-secret" for name in ("root", *PEOPLE)}
JAAS = "org.apache.kafka.common.security.plain.PlainLoginModule required " + " ".join(
    f'user_{name}="{secret}"' for name, secret in SECRETS.items()) + ";"


class Guarded(Broker):
    """Our broker with a door for everybody, and one that asks for a name; whoever comes by the first is a super user."""

    def __init__(self, folder, name="guarded", **more):
        self.places = dict(zip(["PLAINTEXT", "SASL_PLAINTEXT"], free_ports(2)))
        super().__init__(folder, name, **{
            "listeners": ",".join(f"{listener}://127.0.0.1:{port}" for listener, port in self.places.items()),
            "sasl.enabled.mechanisms": "PLAIN", "listener.name.sasl_plaintext.plain.sasl.jaas.config": JAAS,
            "authorizer.class.name": AUTHORIZER, "super.users": "User:root;User:ANONYMOUS", "num.partitions": 4, **more})
        self.port = self.places["PLAINTEXT"]

    @property
    def door(self):
        return self.places["SASL_PLAINTEXT"]

    def client(self, user, **more):
        return {"bootstrap.servers": f"127.0.0.1:{self.door}", "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN",
                "sasl.username": user, "sasl.password": SECRETS[user], "log_level": 0, "socket.timeout.ms": 10000, **more}


def in_it(tree, *, error=("error_code", "authorized_operations")):
    """What matters: errors, what is allowed, and of whom they speak; in one order."""
    if isinstance(tree, list):
        return sorted((in_it(one) for one in tree), key=repr)
    if not isinstance(tree, dict):
        return tree
    kept = {}
    for name, value in tree.items():
        if isinstance(value, (dict, list)):
            if name not in ("brokers", "coordinators_nodes", "node_endpoints", "replica_nodes", "isr_nodes", "offline_replicas", "configs", "aborted_transactions"):
                kept[name] = in_it(value)
        elif any(word in name for word in error) or name in NAMES:
            kept[name] = value
    return kept


NAMES = {"name", "topic", "topic_name", "group_id", "partition_index", "partition_id", "resource_name", "resource_type", "pattern_type",
         "principal", "host", "operation", "permission_type", "transactional_id", "key", "user", "index", "resource"}


@pytest.fixture(scope="module")
def messages():
    return read_jar(Jars("4.3.1").folder / "kafka-clients-4.3.1.jar")


def bindings():
    for name, rules in PEOPLE.items():
        for kind, resource, pattern, operation, *more in rules:
            permission, host = (*more, ALLOW, "*")[:2] if more and len(more) == 2 else ((more or [ALLOW])[0], "*")
            yield {"resource_type": kind, "resource_name": resource, "resource_pattern_type": pattern, "principal": f"User:{name}",
                   "host": host, "operation": operation, "permission_type": permission}


TOPICS = ["there", "other", "doomed", "hidden"]


class Side:
    """One broker with its people."""

    def __init__(self, port, messages):
        self.people = {name: Speaker(port, messages, name, secret) for name, secret in SECRETS.items()}
        self.root = self.people["root"]
        self.ids = {}

    def close(self):
        for one in self.people.values():
            one.close()

    def prepare(self):
        """Topics, a group that has a position, a transactional id, the rules."""
        made = self.root.ask("CreateTopics", 7, timeout_ms=20000, topics=[
            {"name": name, "num_partitions": 1, "replication_factor": 1} for name in TOPICS])
        assert {one["error_code"] for one in made["topics"]} == {0}
        made = self.root.ask("CreateAcls", 3, creations=list(bindings()))
        assert {one["error_code"] for one in made["results"]} == {0}

        def known():
            told = self.root.ask("Metadata", 12, topics=[{"name": name, "topic_id": bytes(16)} for name in TOPICS])["topics"]
            self.ids = {one["name"]: one["topic_id"] for one in told}
            return all(one["error_code"] == 0 and one["partitions"][0]["leader_id"] >= 0 for one in told)

        until(known)
        for kind, key in ((0, "g"), (1, "tx")):
            until(lambda: self.root.ask("FindCoordinator", 3, key=key, key_type=kind)["error_code"] == 0)
        until(lambda: self.root.ask("OffsetCommit", 8, group_id="g", generation_id_or_member_epoch=-1, topics=[
            {"name": name, "partitions": [{"partition_index": 0, "committed_offset": 0}]} for name in ("there", "other")]
        )["topics"][0]["partitions"][0]["error_code"] == 0)
        until(lambda: self.root.ask("InitProducerId", 4, transactional_id="tx", transaction_timeout_ms=60000)["error_code"] == 0)
        until(lambda: self.people["barred"].ask("DescribeCluster", 1, include_cluster_authorized_operations=True)
              ["cluster_authorized_operations"] > 0)


def topic_places(name, **more):
    return [{"name": name, "partitions": [{"partition_index": 0, **more}]}]


def questions(ids, person):
    """Name of the question, the API, its version, the body."""
    nothing = bytes(16)
    for name in ("there", "absent"):
        ident = ids.get(name, b"\1" * 16)
        produce = [{"index": 0, "records": b""}]
        yield f"produce {name}", "Produce", 11, {"acks": 1, "timeout_ms": 1000, "topic_data": [{"name": name, "partition_data": produce}]}
        yield f"produce {name} by id", "Produce", 13, {"acks": 1, "timeout_ms": 1000, "topic_data": [
            {"topic_id": ident, "partition_data": produce}]}
        fetch = [{"partition": 0, "current_leader_epoch": -1, "fetch_offset": 0, "last_fetched_epoch": -1, "partition_max_bytes": 1000}]
        yield f"fetch {name}", "Fetch", 12, {"max_wait_ms": 0, "min_bytes": 0, "session_epoch": -1, "topics": [
            {"topic": name, "partitions": fetch}]}
        yield f"fetch {name} by id", "Fetch", 16, {"max_wait_ms": 0, "min_bytes": 0, "session_epoch": -1, "topics": [
            {"topic_id": ident, "partitions": fetch}]}
        yield f"offsets of {name}", "ListOffsets", 7, {"replica_id": -1, "topics": topic_places(name, timestamp=-1)}
        yield f"epoch of {name}", "OffsetForLeaderEpoch", 4, {"topics": [{"topic": name, "partitions": [
            {"partition": 0, "current_leader_epoch": -1, "leader_epoch": 0}]}]}
        yield f"metadata of {name}", "Metadata", 12, {"topics": [{"name": name, "topic_id": nothing}], "allow_auto_topic_creation": False,
                                                      "include_topic_authorized_operations": True}
        yield f"metadata of {name} by id", "Metadata", 12, {"topics": [{"name": None, "topic_id": ident}]}
        yield f"old metadata of {name}", "Metadata", 9, {"topics": [{"name": name}], "allow_auto_topic_creation": False,
                                                         "include_cluster_authorized_operations": True}
        yield f"partitions of {name}", "DescribeTopicPartitions", 0, {"topics": [{"name": name}]}
        yield f"delete records of {name}", "DeleteRecords", 2, {"timeout_ms": 1000, "topics": topic_places(name, offset=0)}
        yield f"producers of {name}", "DescribeProducers", 0, {"topics": [{"name": name, "partition_indexes": [0]}]}
        yield f"configs of {name}", "DescribeConfigs", 4, {"resources": [{"resource_type": 2, "resource_name": name}]}
        yield f"alter configs of {name}", "IncrementalAlterConfigs", 1, {"validate_only": True, "resources": [
            {"resource_type": 2, "resource_name": name, "configs": [{"name": "retention.ms", "config_operation": 0, "value": "5000"}]}]}
        yield f"old alter configs of {name}", "AlterConfigs", 2, {"validate_only": True, "resources": [
            {"resource_type": 2, "resource_name": name, "configs": [{"name": "retention.ms", "value": "5000"}]}]}
        yield f"partitions for {name}", "CreatePartitions", 3, {"timeout_ms": 1000, "validate_only": True, "topics": [
            {"name": name, "count": 2}]}
        yield f"create {name}", "CreateTopics", 7, {"validate_only": True, "timeout_ms": 1000, "topics": [
            {"name": name, "num_partitions": 1, "replication_factor": 1}]}
        yield f"add {name} to a transaction", "AddPartitionsToTxn", 3, {
            "v3_and_below_transactional_id": "tx", "v3_and_below_producer_id": 999, "v3_and_below_producer_epoch": 0,
            "v3_and_below_topics": [{"name": name, "partitions": [0]}]}
        yield f"commit {name}", "OffsetCommit", 8, {"group_id": "g", "generation_id_or_member_epoch": 7, "member_id": "m",
                                                    "topics": topic_places(name, committed_offset=0)}
        yield f"commit {name} in a transaction", "TxnOffsetCommit", 3, {
            "transactional_id": "tx", "group_id": "g", "producer_id": 999, "producer_epoch": 0, "generation_id": 7, "member_id": "m",
            "topics": topic_places(name, committed_offset=0)}
        yield f"position at {name}", "OffsetFetch", 8, {"groups": [{"group_id": "g", "topics": [{"name": name, "partition_indexes": [0]}]}]}
        yield f"commit {name} by id", "OffsetCommit", 10, {
            "group_id": "g", "generation_id_or_member_epoch": 7, "member_id": "m", "topics": [
                {"topic_id": ident, "partitions": [{"partition_index": 0, "committed_offset": 0}]}]}
        yield f"position at {name} by id", "OffsetFetch", 10, {"groups": [{"group_id": "g", "topics": [
            {"topic_id": ident, "partition_indexes": [0]}]}]}
        yield f"heartbeat for {name}", "ConsumerGroupHeartbeat", 0, {
            "group_id": "g-new", "member_id": "m", "member_epoch": 3, "subscribed_topic_names": [name]}
    yield "doomed by name", "DeleteTopics", 6, {"timeout_ms": 10000, "topics": [{"name": "doomed", "topic_id": nothing}]} \
        if person not in ("barred",) else {"timeout_ms": 10000, "topics": [{"name": "absent", "topic_id": nothing}]}
    for name in ("hidden", "there", "absent"):
        if person != "barred":
            yield f"delete {name} by id", "DeleteTopics", 6, {"timeout_ms": 10000, "topics": [
                {"name": None, "topic_id": ids.get(name, b"\1" * 16)}]}
            yield f"delete {name}", "DeleteTopics", 5, {"timeout_ms": 10000, "topic_names": [name]}
    yield "old commit", "OffsetCommit", 2, {"group_id": "h", "generation_id_or_member_epoch": 7, "member_id": "m",
                                            "topics": topic_places("there", committed_offset=0)}
    yield "old position", "OffsetFetch", 1, {"group_id": "g", "topics": [{"name": "there", "partition_indexes": [0]}]}
    yield "old coordinator", "FindCoordinator", 2, {"key": "g", "key_type": 0}
    yield "old leave", "LeaveGroup", 1, {"group_id": "g", "member_id": "m"}
    yield "old rules", "DescribeAcls", 1, {"resource_type_filter": 1, "resource_name_filter": "there", "pattern_type_filter": 2,
                                           "principal_filter": None, "host_filter": "*", "operation": 1, "permission_type": 1}
    yield "rules on a prefix", "DescribeAcls", 2, {"resource_type_filter": 2, "resource_name_filter": "th", "pattern_type_filter": 4,
                                                   "principal_filter": None, "host_filter": None, "operation": 1, "permission_type": 3}
    yield "old groups", "DescribeGroups", 6, {"groups": ["g", "nowhere"], "include_authorized_operations": True}
    yield "old offsets", "ListOffsets", 1, {"replica_id": -1, "topics": topic_places("there", timestamp=-1)}
    yield "old write", "Produce", 3, {"acks": -1, "timeout_ms": 1000, "topic_data": [
        {"name": name, "partition_data": [{"index": 0, "records": b""}]} for name in ("there", "other", "absent")]}
    yield "old topics", "CreateTopics", 2, {"validate_only": True, "timeout_ms": 1000, "topics": [
        {"name": name, "num_partitions": 1, "replication_factor": 1} for name in ("new-two", "there", "bad name")]}
    yield "all partitions", "DescribeTopicPartitions", 0, {"topics": []}
    yield "all metadata", "Metadata", 12, {"topics": None}
    yield "autocreate", "Metadata", 12, {"topics": [{"name": f"new-{person}", "topic_id": nothing}], "allow_auto_topic_creation": True}
    yield "create new", "CreateTopics", 7, {"validate_only": True, "timeout_ms": 1000, "topics": [
        {"name": "new-one", "num_partitions": 1, "replication_factor": 1}]}
    yield "all positions", "OffsetFetch", 8, {"groups": [{"group_id": "g", "topics": None}, {"group_id": "h", "topics": None}]}
    yield "old positions", "OffsetFetch", 5, {"group_id": "g", "topics": None}
    for key, kind in (("g", 0), ("h", 0), ("tx", 1), ("ty", 1)):
        yield f"coordinator of {key}", "FindCoordinator", 4, {"key_type": kind, "coordinator_keys": [key]}
    for group in ("g", "h"):
        yield f"join {group}", "JoinGroup", 5, {"group_id": group, "session_timeout_ms": 1, "rebalance_timeout_ms": 10000, "member_id": "",
                                                "protocol_type": "consumer", "protocols": [{"name": "range", "metadata": b""}]}
        yield f"sync {group}", "SyncGroup", 3, {"group_id": group, "generation_id": 1, "member_id": "m"}
        yield f"beat {group}", "Heartbeat", 4, {"group_id": group, "generation_id": 1, "member_id": "m"}
        yield f"leave {group}", "LeaveGroup", 4, {"group_id": group, "members": [{"member_id": "m"}]}
        yield f"describe {group}", "DescribeGroups", 5, {"groups": [group], "include_authorized_operations": True}
        yield f"describe newer {group}", "ConsumerGroupDescribe", 0, {"group_ids": [group], "include_authorized_operations": True}
        yield f"configs of {group}", "DescribeConfigs", 4, {"resources": [{"resource_type": 32, "resource_name": group}]}
        yield f"forget of {group}", "OffsetDelete", 0, {"group_id": group, "topics": [{"name": "other", "partitions": [
            {"partition_index": 0}]}]}
    yield "delete groups", "DeleteGroups", 2, {"groups_names": ["h", "i"]}
    yield "groups", "ListGroups", 4, {}
    for name in (None, "tx", "ty"):
        yield f"producer id {name}", "InitProducerId", 4, {"transactional_id": name, "transaction_timeout_ms": 60000}
    yield "offsets in a transaction", "AddOffsetsToTxn", 3, {"transactional_id": "tx", "producer_id": 999, "producer_epoch": 0, "group_id": "g"}
    yield "end", "EndTxn", 3, {"transactional_id": "tx", "producer_id": 999, "producer_epoch": 0, "committed": True}
    yield "of another broker", "AddPartitionsToTxn", 4, {"transactions": [
        {"transactional_id": "tx", "producer_id": 999, "producer_epoch": 0, "verify_only": True, "topics": [
            {"name": "there", "partitions": [0]}]}]}
    yield "markers", "WriteTxnMarkers", 1, {"markers": [
        {"producer_id": 999, "producer_epoch": 0, "transaction_result": False, "coordinator_epoch": 0, "topics": [
            {"name": "absent", "partition_indexes": [0]}]}]}
    yield "transactions", "ListTransactions", 1, {}
    yield "transaction", "DescribeTransactions", 0, {"transactional_ids": ["tx", "ty"]}
    yield "rules of reader", "DescribeAcls", 3, {"resource_type_filter": 1, "resource_name_filter": None, "pattern_type_filter": 1,
                                                 "principal_filter": "User:reader", "host_filter": None, "operation": 1, "permission_type": 1}
    for number, (kind, name, pattern, who, operation, permission) in enumerate((
            (1, "x", 3, "User:x", 3, 3), (4, "x", 3, "User:x", 3, 3), (2, "", 3, "User:x", 3, 3), (2, "x", 2, "User:x", 3, 3),
            (2, "x", 3, "User:x", 1, 3), (2, "x", 3, "User:x", 3, 1), (2, "x", 3, "x", 3, 3), (2, "x", 3, "User:x", 0, 3))):
        yield f"make no rule {number}", "CreateAcls", 3, {"creations": [
            {"resource_type": kind, "resource_name": name, "resource_pattern_type": pattern, "principal": who, "host": "*",
             "operation": operation, "permission_type": permission}]}
    yield "remove no rule", "DeleteAcls", 3, {"filters": [
        {"resource_type_filter": 2, "resource_name_filter": "x", "pattern_type_filter": 3, "principal_filter": None, "host_filter": None,
         "operation": operation, "permission_type": 1} for operation in (1, 99)]}
    yield "broker configs", "DescribeConfigs", 4, {"resources": [{"resource_type": 4, "resource_name": "1",
                                                                  "configuration_keys": ["num.partitions"]}]}
    yield "alter broker configs", "IncrementalAlterConfigs", 1, {"validate_only": True, "resources": [
        {"resource_type": 32, "resource_name": "g", "configs": [
            {"name": "consumer.session.timeout.ms", "config_operation": 0, "value": "50000"}]}]}
    yield "what has configs", "ListConfigResources", 1, {"resource_types": [32]}
    yield "log dirs", "DescribeLogDirs", 4, {"topics": [{"topic": "absent", "partitions": [0]}]}
    yield "elect", "ElectLeaders", 2, {"election_type": 0, "timeout_ms": 1000, "topic_partitions": [{"topic": "there", "partitions": [0]}]}
    yield "reassign", "AlterPartitionReassignments", 0, {"timeout_ms": 1000, "topics": [
        {"name": "there", "partitions": [{"partition_index": 0, "replicas": None}]}]}
    yield "reassignments", "ListPartitionReassignments", 0, {"timeout_ms": 1000, "topics": None}
    yield "quotas", "DescribeClientQuotas", 1, {"components": [], "strict": False}
    yield "alter quotas", "AlterClientQuotas", 1, {"validate_only": True, "entries": [
        {"entity": [{"entity_type": "user", "entity_name": "x"}], "ops": [{"key": "producer_byte_rate", "value": 1000.0, "remove": False}]}]}
    yield "users", "DescribeUserScramCredentials", 0, {"users": [{"name": "x"}]}
    yield "remove a user", "AlterUserScramCredentials", 0, {"deletions": [{"name": "x", "mechanism": 1}], "upsertions": []}
    yield "cluster", "DescribeCluster", 1, {"include_cluster_authorized_operations": True}


# What differs for reasons of its own, said in the handlers: how the two answer who may.
def told(question, answer):
    if answer is None:
        return None
    answer = in_it(answer)
    if question == "autocreate":
        # Ours makes it at once, and Kafka says that it is not there yet.
        for topic in answer["topics"]:
            topic["partitions"] = []
            topic["error_code"] = 0 if topic["error_code"] in (3, 5) else topic["error_code"]
    if question == "users":         # Kafka adds a user without a name to its refusal
        answer["results"] = [one for one in answer["results"] if one["user"]]
    if question in ("make no rule 0", "make no rule 3", "make no rule 4", "make no rule 5"):
        for one in answer["results"]:   # acls.c says why
            one["error_code"] = 42 if one["error_code"] == -1 else one["error_code"]
    if question in ("all metadata", "all partitions", "transactions"):
        for one in answer.get("topics", []):
            one.pop("partitions")
        answer["topics"] = [one for one in answer.get("topics", []) if one["name"] in ("there", "other")]
    return answer


def test_as_apache_kafka_answers(run_folder, certificates, messages):
    """Fourteen people ask everything that is served, of both, in one order."""
    overrides = {"listener.name.sasl.plain.sasl.jaas.config": JAAS, "super.users": "User:root;User:ANONYMOUS"}
    with KafkaCluster("4.3.1", run_folder / "access-kafka", secure=True, certificates=certificates, overrides=overrides,
                      name="access-kafka") as kafka, Guarded(run_folder / "access-ours") as ours:
        sides = [Side(kafka.nodes[1].ports["SASL"], messages), Side(ours.door, messages)]
        try:
            for side in sides:
                side.prepare()
            differ, asked, said = [], 0, {}
            for person in PEOPLE:
                for (question, api, version, theirs), (_, _, _, own) in zip(*(questions(side.ids, person) for side in sides)):
                    answers = [told(question, side.people[person].ask(api, version, **body)) for side, body in zip(sides, (theirs, own))]
                    asked += 1
                    said[person, question] = answers[1]
                    if answers[0] != answers[1]:
                        differ.append(f"{person}: {question}:\n  Kafka {answers[0]}\n  ours  {answers[1]}")
            assert not differ, f"{len(differ)} of {asked}:\n" + "\n".join(differ)
            assert asked > 1500
            # What a canary of ours tells a deny by: an empty write.
            for person, error in (("nobody", 29), ("writer", 87), ("barred", 29), ("elsewhere", 29)):
                assert said[person, "produce there"]["responses"][0]["partition_responses"][0]["error_code"] == error
        finally:
            for side in sides:
                side.close()


# ---- tools and clients ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def guarded(run_folder):
    with Guarded(run_folder / "access") as broker:
        yield broker


def rule(user, kind, name, operation, pattern=ResourcePatternType.LITERAL, permission=AclPermissionType.ALLOW):
    return AclBinding(kind, name, pattern, f"User:{user}", "*", operation, permission)


def make(broker, *rules):
    for future in broker.admin().create_acls(list(rules)).values():
        future.result(20)


def write(broker, user, topic):
    """The name of the error of one record, or None."""
    told = []
    client = Producer(broker.client(user, **{"message.timeout.ms": 15000}))
    client.produce(topic, b"v", callback=lambda error, _: told.append(error))
    assert client.flush(20) == 0
    return told[0] and told[0].name()


def rules_of(admin, user, pattern=ResourcePatternType.ANY, name=None):
    some = AclBindingFilter(ResourceType.ANY, name, pattern, f"User:{user}", None, AclOperation.ANY, AclPermissionType.ANY)
    return {(one.restype.name, one.name, one.resource_pattern_type.name, one.operation.name, one.permission_type.name)
            for one in admin.describe_acls(some).result(20)}


def test_rules_hold_at_once_are_found_and_outlive_a_crash(run_folder):
    with Guarded(run_folder / "access-again") as broker:
        admin = broker.admin()
        admin.create_topics([NewTopic(name, 1, 1) for name in ("orders", "orders-old", "other")])["other"].result(20)
        assert write(broker, "writer", "orders") == "TOPIC_AUTHORIZATION_FAILED"
        make(broker, rule("writer", ResourceType.TOPIC, "orders", AclOperation.WRITE, ResourcePatternType.PREFIXED),
             rule("writer", ResourceType.TOPIC, "orders-old", AclOperation.WRITE, permission=AclPermissionType.DENY),
             rule("writer", ResourceType.TOPIC, "*", AclOperation.DESCRIBE))
        all_of_them = {("TOPIC", "orders", "PREFIXED", "WRITE", "ALLOW"), ("TOPIC", "orders-old", "LITERAL", "WRITE", "DENY"),
                       ("TOPIC", "*", "LITERAL", "DESCRIBE", "ALLOW")}
        for again in (False, True):
            assert write(broker, "writer", "orders") is None
            assert write(broker, "writer", "orders-old") == "TOPIC_AUTHORIZATION_FAILED"
            assert write(broker, "writer", "other") == "TOPIC_AUTHORIZATION_FAILED"
            assert rules_of(admin, "writer") == all_of_them
            assert rules_of(admin, "writer", ResourcePatternType.MATCH, "orders-old") == all_of_them
            assert rules_of(admin, "writer", ResourcePatternType.MATCH, "order") == {("TOPIC", "*", "LITERAL", "DESCRIBE", "ALLOW")}
            assert rules_of(admin, "writer", ResourcePatternType.LITERAL, "orders") == set()
            assert rules_of(admin, "writer", ResourcePatternType.PREFIXED, "orders") == {("TOPIC", "orders", "PREFIXED", "WRITE", "ALLOW")}
            if not again:
                broker.kill()
                broker.start()
        told = admin.delete_acls([AclBindingFilter(ResourceType.TOPIC, None, ResourcePatternType.ANY, "User:writer", None,
                                                   AclOperation.WRITE, AclPermissionType.ANY)])
        assert sum(len(future.result(20)) for future in told.values()) == 2
        assert rules_of(admin, "writer") == {("TOPIC", "*", "LITERAL", "DESCRIBE", "ALLOW")}
        assert write(broker, "writer", "orders") == "TOPIC_AUTHORIZATION_FAILED"
        broker.stop()
        said = [line for line in broker.said if "broker: access:" in line]
        assert any("User:writer is denied operation write from host 127.0.0.1 on resource topic:orders for request Produce" in line
                   for line in said), said


def test_kafka_python_makes_finds_and_removes_rules(guarded):
    def admin(user):
        return KafkaAdminClient(bootstrap_servers=f"127.0.0.1:{guarded.door}", security_protocol="SASL_PLAINTEXT",
                                sasl_mechanism="PLAIN", sasl_plain_username=user, sasl_plain_password=SECRETS[user])

    root, nobody = admin("root"), admin("nobody")
    one = ACL("User:grouper", "*", ACLOperation.READ, ACLPermissionType.ALLOW, ResourcePattern(PythonType.GROUP, "by-python"))
    some = ACLFilter("User:grouper", "*", ACLOperation.ANY, ACLPermissionType.ANY, ResourcePatternFilter(
        PythonType.GROUP, "by-python", PythonPattern.LITERAL))
    assert not root.create_acls([one])["failed"]
    acls, error = root.describe_acls(some)
    assert [(acl.principal, acl.operation) for acl in acls] == [("User:grouper", ACLOperation.READ)] and error.errno == 0
    with pytest.raises(ClusterAuthorizationFailedError):
        nobody.describe_acls(some)
    assert nobody.create_acls([one])["failed"]
    (_, removed, error), = root.delete_acls([some])
    assert len(removed) == 1 and error.errno == 0
    root.close()
    nobody.close()


def test_what_is_refused_does_not_fill_the_log(run_folder, messages):
    with Guarded(run_folder / "access-log") as broker, Speaker(broker.door, messages, "nobody", SECRETS["nobody"]) as one:
        for _ in range(500):
            assert one.ask("Heartbeat", 4, group_id="g\n\x1b[31m", generation_id=1, member_id="m")["error_code"] == 30
        broker.stop()
        said = [line for line in broker.said if "broker: access:" in line]
        left = sum(int(line.split("access: ")[1].split()[0]) for line in said if "more answers" in line)
        told = [line for line in said if "denied" in line]
        assert len(told) + left == 500 and left > 0
        assert not any("\x1b" in line for line in said)


def test_what_is_allowed_is_told_when_it_is_asked_for(run_folder):
    with Guarded(run_folder / "access-debug", **{"log4j.logger.kafka.authorizer.logger": "DEBUG"}) as broker:
        make(broker, rule("describer", ResourceType.TOPIC, "absent", AclOperation.DESCRIBE))
        admin = AdminClient(broker.client("describer"))
        assert "absent" in admin.list_topics("absent", timeout=10).topics
        broker.stop()
    said = "".join(broker.said)
    assert "User:describer is allowed operation describe from host 127.0.0.1 on resource topic:absent for request Metadata" in said


def test_as_many_as_there_is_room_for(guarded, messages):
    """Kafka's controller takes ten thousand changes in one request, and no more."""
    with Speaker(guarded.door, messages, "root", SECRETS["root"]) as one:
        told = one.ask("CreateAcls", 3, creations=[
            {"resource_type": TOPIC, "resource_name": f"t{number}", "resource_pattern_type": LITERAL, "principal": "User:x", "host": "*",
             "operation": READ, "permission_type": ALLOW} for number in range(10001)])
        assert {result["error_code"] for result in told["results"]} == {44}
    assert rules_of(guarded.admin(), "x") == set()


def test_a_certificate_has_a_name(run_folder, certificates):
    """One rule makes a user of the client's subject, and another nobody."""
    port = free_ports(1)[0]
    for rules, wanted in (("RULE:^.*CN=([a-z]*).*$/made-of-$1/U,DEFAULT", "User:MADE-OF-ALICE"), ("RULE:^CN=nobody$/x/", None)):
        with Broker(run_folder / f"access-names-{wanted is None}", **{
                "listeners": f"SSL://127.0.0.1:{port}", "ssl.client.auth": "required", "ssl.keystore.type": "PEM",
                "ssl.keystore.location": certificates.server, "ssl.truststore.type": "PEM", "ssl.truststore.location": certificates.authority,
                "ssl.principal.mapping.rules": rules, "authorizer.class.name": AUTHORIZER}) as broker:
            admin = AdminClient({"bootstrap.servers": f"127.0.0.1:{port}", "security.protocol": "SSL", "log_level": 0,
                                 "ssl.ca.location": str(certificates.authority),
                                 "ssl.certificate.location": str(certificates.client_certificate),
                                 "ssl.key.location": str(certificates.client_key)})
            if wanted:
                with pytest.raises(KafkaException):
                    admin.create_topics([NewTopic("named", 1, 1)])["named"].result(20)
                broker.stop()
                assert any(f"{wanted} is denied operation create" in line for line in broker.said), broker.said
            else:
                with pytest.raises(KafkaException):
                    admin.list_topics(timeout=2)
                broker.stop()
                assert any("names its certificate" in line for line in broker.said), broker.said


def test_a_pattern_finds_what_its_member_may_see(run_folder):
    """KIP-848: the broker looks for topics, and who subscribes learns of no other; not behind a crash either."""
    with Guarded(run_folder / "access-pattern", **{"group.consumer.min.heartbeat.interval.ms": 100,
                                                   "group.consumer.heartbeat.interval.ms": 100}) as broker:
        broker.admin().create_topics([NewTopic(name, 1, 1) for name in ("seen-1", "seen-2")])["seen-2"].result(20)
        make(broker, rule("grouper", ResourceType.GROUP, "g", AclOperation.READ), rule("grouper", ResourceType.TOPIC, "seen-1", AclOperation.READ))
        consumer = Consumer(broker.client("grouper", **{"group.id": "g", "group.protocol": "consumer", "auto.offset.reset": "earliest",
                                                        "reconnect.backoff.max.ms": 100}))
        consumer.subscribe(["^seen-.*"])

        def assigned(name):
            consumer.poll(0.05)
            assert {place.topic for place in consumer.assignment()} <= {name}
            return consumer.assignment()

        until(lambda: assigned("seen-1"))
        make(broker, rule("writer", ResourceType.TOPIC, "seen", AclOperation.WRITE, ResourcePatternType.PREFIXED))
        broker.kill()
        broker.start()
        assert write(broker, "writer", "seen-2") is None and write(broker, "writer", "seen-1") is None
        got = until(lambda: (message := consumer.poll(0.05)) and not message.error() and message)
        assert got.topic() == "seen-1"
        assert {place.topic for place in consumer.assignment()} == {"seen-1"}
        consumer.close()


def test_kafka_acls(guarded, topic):
    """Kafka's own tool: conveniences for producers and consumers, prefixes, lists by principal, removal."""
    with JavaTools(guarded.bootstrap) as tools:
        tools.run("acls", "--add", "--allow-principal", "User:reader", "--consumer", "--topic", topic, "--group", "g")
        tools.run("acls", "--add", "--allow-principal", "User:writer", "--producer", "--transactional-id", "tx", "--idempotent",
                  "--topic", topic, "--resource-pattern-type", "prefixed")
        tools.run("acls", "--add", "--deny-principal", "User:writer", "--deny-host", "10.0.0.1", "--operation", "Write", "--topic", topic)
        told = tools.run("acls", "--list", "--topic", topic, "--resource-pattern-type", "match")
        assert "principal=User:reader, host=*, operation=READ, permissionType=ALLOW" in told
        assert "principal=User:writer, host=10.0.0.1, operation=WRITE, permissionType=DENY" in told
        assert "patternType=PREFIXED" in told
        told = tools.run("acls", "--list", "--principal", "User:writer")
        assert "IDEMPOTENT_WRITE" in told and "User:reader" not in told
        assert write(guarded, "reader", topic) == "TOPIC_AUTHORIZATION_FAILED"
        assert write(guarded, "writer", topic) is None          # and made it: a producer may create
        tools.run("acls", "--remove", "--force", "--allow-principal", "User:writer", "--operation", "Write", "--topic", topic,
                  "--resource-pattern-type", "prefixed")
        assert write(guarded, "writer", topic) == "TOPIC_AUTHORIZATION_FAILED"
        tools.run("acls", "--remove", "--force", "--topic", topic, "--resource-pattern-type", "match")
        assert topic not in tools.run("acls", "--list")
