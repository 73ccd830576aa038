"""Every API at every version that the broker advertises: asked with the Java client's encoder about things that are there,
and the answer read with its decoder to the last byte.  A handler that fills a field which a version lacks, or leaves null one
that may not be, closes the connection of the one client that speaks that version; here it is found for all of them."""

import base64
import socket
import struct
import uuid

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import NewTopic

import kafka_schema as schema
from kafka_cluster import Jars
from others import JavaCodec

# What a field says, by its name; the rest holds its default, and each array one element.
SAID = {
    "timeoutMs": 500, "maxWaitMs": 1, "maxBytes": 1 << 20, "partitionMaxBytes": 1 << 20, "minBytes": 0, "acks": -1,
    "numPartitions": -1, "replicationFactor": -1, "count": 9, "timestamp": -1, "sessionTimeoutMs": 10000,
    "rebalanceTimeoutMs": 1000, "protocolType": "consumer", "coordinatorType": 0, "keyType": 0, "transactionTimeoutMs": 10000,
    "producerId": -1, "producerEpoch": -1, "configNames": ["retention.ms"], "leaderEpoch": -1, "currentLeaderEpoch": -1,
    "committedLeaderEpoch": -1, "generationIdOrMemberEpoch": -1, "generationId": -1, "replicaId": -1, "sessionEpoch": -1,
    "lastFetchedEpoch": -1, "resourceTypeFilter": 2, "resourcePatternType": 3, "patternTypeFilter": 3, "operation": 2,
    "permissionType": 3, "resourceType": 2, "clientSoftwareName": "sweep", "clientSoftwareVersion": "1",
    "stateFilters": [], "typesFilter": [], "statesFilter": [], "producerIdFilters": [], "assignments": [], "durationFilter": -1,
    "responsePartitionLimit": 10, "cursor": None, "currentEpoch": -1, "committedOffset": 1, "assignment": b"", "users": [],
    "components": [], "endpointType": 1, "transactionalIdPattern": None, "electionType": 0,
    "partition": 0, "partitionIndex": 0, "forgottenTopicsData": [], "configs": [], "partitionIndexes": [0],
    "subscribedTopicRegex": None, "fetchOffset": 0, "offset": 0, "allowAutoTopicCreation": True,
}
TOPIC_FIELDS = {"name", "topic", "topicName", "topicNames", "topics", "resourceName"}
# These want a first exchange with the broker, or more than one request: they have plays of their own in test_broker.py.
ELSEWHERE = {17, 36}  # SaslHandshake and SaslAuthenticate: their listeners are in the tests of logins


class Wire:
    """A connection that speaks any version."""

    def __init__(self, bootstrap, codec, messages):
        self.codec, self.messages, self.port = codec, messages, int(bootstrap.rsplit(":")[-1])

    def ask(self, name, version, tree):
        message = self.messages[f"{name}Request"]
        body = self.codec.encode(f"{name}Request", version, schema.to_java(tree, message.fields))
        flexible = schema.inside(version, message.flexible)
        head = struct.pack(">hhih", message.key, version, 7, 5) + b"sweep" + (b"\0" if flexible else b"")
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as door:
            door.sendall(struct.pack(">i", len(head) + len(body)) + head + body)
            answer = b""
            while len(answer) < 4 or len(answer) < 4 + struct.unpack(">i", answer[:4])[0]:
                got = door.recv(1 << 20)
                assert got, f"{name} v{version}: the connection was closed"
                answer += got
        skip = 9 if flexible and name != "ApiVersions" else 8
        decoded = self.codec.decode(f"{name}Response", version, answer[skip:])
        assert decoded.get("left") == 0 and "error" not in decoded, (name, version, decoded)
        return decoded["json"]


def ours(broker, topic, codec, messages):
    """Things to ask about: a topic with a record, a group with a position, a transactional id."""
    admin = broker.admin()
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(20)
    producer = Producer({"bootstrap.servers": broker.bootstrap, "transactional.id": topic})
    producer.init_transactions(20)
    producer.begin_transaction()
    producer.produce(topic, b"value", key=b"key", timestamp=1_700_000_000_000)
    producer.commit_transaction(20)
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": topic})
    consumer.commit(offsets=[TopicPartition(topic, 0, 1)], asynchronous=False)
    consumer.close()
    wire = Wire(broker.bootstrap, codec, messages)
    shown = wire.ask("Metadata", 12, {"topics": [{"topic_id": bytes(16), "name": topic}], "allow_auto_topic_creation": False,
                                      "include_topic_authorized_operations": False})
    return wire, base64.urlsafe_b64decode(shown["topics"][0]["topicId"] + "==")


def request_tree(message, version, topic, topic_id):
    def value(field):
        name = field.kafka_name
        if message.key == 19 and name == "name":
            return f"{topic}-{uuid.uuid4().hex[:8]}"  # CreateTopics
        if message.key == 19 and name == "assignments" or message.key == 37 and name == "assignments":
            return [] if message.key == 19 else None
        if message.key == 11 and name == "groupId":
            return f"{topic}-{version}"  # JoinGroup: nobody to wait for
        if message.key == 20 and name in ("name", "topicNames"):
            return f"{topic}-none" if name == "name" else [f"{topic}-none"]
        if message.key == 32 and name == "configurationKeys":
            return None
        if message.key in (33, 44) and name == "configs":
            return [struct_of(field.fields, {"name": "retention.ms", "value": "100000", "config_operation": 0})]
        if message.key in (29, 48) and name in ("resourceNameFilter", "principalFilter", "hostFilter"):
            return None
        if message.key == 48 and name == "components":
            return []
        if message.key == 0 and name == "records":
            return None
        if name in ("topicId", "topicIds") and field.type == "uuid":
            return [topic_id] if field.array else topic_id
        if name in ("groupId", "groups", "groupsNames", "groupIds", "key", "coordinatorKeys", "transactionalId",
                    "transactionalIds", "v3AndBelowTransactionalId") and field.type == "string":
            if message.key == 0:
                return None
            return [topic] if field.array else topic
        if name in TOPIC_FIELDS and field.type == "string":
            return [topic] if field.array else topic
        if name in SAID:
            said = SAID[name]
            if field.array and said is not None and not isinstance(said, list):
                said = [said]
            if isinstance(said, list) and not field.array:
                said = field.default
            return said if said is not None or field.may_be_null(version) else ""
        if field.type == "struct":
            if not field.array:
                return None if field.may_be_null(version) else struct_of(field.fields)
            return [struct_of(field.fields)]
        if field.array:
            return {"i32": [0]}.get(field.type, [])
        if field.may_be_null(version) and field.default is None:
            return None
        return b"" if field.default is None and field.type in ("bytes", "records") else field.default

    def struct_of(fields, given=None):
        tree = {}
        for field in fields:
            if schema.inside(version, field.versions):
                tree[field.name] = given[field.name] if given and field.name in given else value(field)
        return tree

    return struct_of(message.fields)


@pytest.fixture(scope="module")
def asking():
    with JavaCodec() as codec:
        yield codec, schema.read_jar(Jars("4.3.1").folder / "kafka-clients-4.3.1.jar")


def test_each_api_at_each_version(own_broker, asking, topic):
    wire, topic_id = ours(own_broker, topic, *asking)
    messages = wire.messages
    names = {m.key: m.name.removesuffix("Request") for m in messages.values() if m.kind == "request"}
    errors, asked = [], 0
    said = wire.ask("ApiVersions", 3, {"client_software_name": "sweep", "client_software_version": "1"})
    assert len(said["apiKeys"]) > 35
    for line in said["apiKeys"]:
        if line["apiKey"] in ELSEWHERE:
            continue
        message = messages[f"{names[line['apiKey']]}Request"]
        # Produce is told from 0 on, for old librdkafka, but there are no such versions any more.
        for version in range(max(line["minVersion"], message.versions[0]), line["maxVersion"] + 1):
            try:
                wire.ask(names[line["apiKey"]], version, request_tree(message, version, topic, topic_id))
            except (AssertionError, OSError, ValueError) as failure:
                errors.append(f"{names[line['apiKey']]} v{version}: {failure}")
            asked += 1
    assert not errors, "\n".join(errors)
    assert asked > 150


@pytest.mark.parametrize("timestamp, since, offset", [
    (-1, 1, 2), (-2, 1, 0), (-3, 7, 1), (-4, 8, 0), (-5, 9, -1), (-7, 99, -1), (1_600_000_000_000, 1, 0),
    (1_700_000_000_001, 1, 1), (9_000_000_000_000, 1, -1)])
def test_each_question_of_list_offsets_at_each_version(own_broker, asking, topic, timestamp, since, offset):
    """There is a record, and after it the marker of its transaction, which has a time as well."""
    wire, _ = ours(own_broker, topic, *asking)
    for version in range(1, 11):
        tree = request_tree(wire.messages["ListOffsetsRequest"], version, topic, None)
        tree["topics"][0]["partitions"][0]["timestamp"] = timestamp
        part = wire.ask("ListOffsets", version, tree)["topics"][0]["partitions"][0]
        assert (part["errorCode"], part["offset"]) == ((0, offset) if version >= since else (35, -1)), version
