"""Several virtual nodes in one broker: clients see a cluster, spread over it, and are sent on where they ask the wrong node."""

import socket
import struct
import uuid

import pytest
from confluent_kafka import Consumer, ConsumerGroupState, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from broker import Broker

PARTITIONS = 6
NOT_LEADER_OR_FOLLOWER, NOT_COORDINATOR = 6, 16
UNKNOWN_MEMBER_ID, INVALID_PRODUCER_ID_MAPPING, INVALID_RECORD = 25, 49, 87


@pytest.fixture(scope="module")
def three(run_folder):
    with Broker(run_folder / "nodes", nodes=3) as one:
        one.admin().create_topics([NewTopic("spread", PARTITIONS, 3)])["spread"].result(20)
        yield one


def text(word):
    return struct.pack(">h", len(word)) + word.encode()


def ask(port, key, version, body):
    """The answer behind its head, from exactly that node."""
    frame = struct.pack(">hhih", key, version, 1, -1) + body
    with socket.create_connection(("127.0.0.1", port), timeout=10) as door:
        door.sendall(struct.pack(">i", len(frame)) + frame)
        stream = door.makefile("rb")
        return stream.read(struct.unpack(">i", stream.read(4))[0])[4:]


def leaders(three):
    parts = three.admin().list_topics("spread", timeout=10).topics["spread"].partitions
    return {number: part.leader for number, part in parts.items()}


def test_leaders_are_spread(three):
    told = three.admin().list_topics(timeout=10)
    assert {number: one.port for number, one in told.brokers.items()} == dict(zip((1, 2, 3), three.ports))
    by_node = list(leaders(three).values())
    assert sorted(by_node) == [1, 1, 2, 2, 3, 3]
    for port in three.ports:        # each node says the same
        other = AdminClient({"bootstrap.servers": f"127.0.0.1:{port}"}).list_topics("spread", timeout=10)
        assert [part.leader for _, part in sorted(other.topics["spread"].partitions.items())] == by_node


def produce(partition):
    return 0, 3, struct.pack(">hhii", -1, -1, 5000, 1) + text("spread") + struct.pack(">iii", 1, partition, 0)


def fetch(partition):
    return 1, 4, struct.pack(">iiiibi", -1, 0, 0, 1 << 20, 0, 1) + text("spread") + struct.pack(">iiqi", 1, partition, 0, 1 << 20)


def list_offsets(partition):
    return 2, 1, struct.pack(">ii", -1, 1) + text("spread") + struct.pack(">iiq", 1, partition, -1)


# What is asked, where the error stands in the answer, and what the leader itself says.
@pytest.mark.parametrize("question, at, well", [
    (produce, 4 + 8 + 4 + 4, INVALID_RECORD), (fetch, 4 + 4 + 8 + 4 + 4, 0), (list_offsets, 4 + 8 + 4 + 4, 0)],
    ids=["produce", "fetch", "list_offsets"])
def test_the_wrong_node_is_no_leader(three, question, at, well):
    led = leaders(three)
    for partition in range(PARTITIONS):
        for node, port in zip((1, 2, 3), three.ports):
            error = struct.unpack_from(">h", ask(port, *question(partition)), at)[0]
            assert error == (well if led[partition] == node else NOT_LEADER_OR_FOLLOWER), (partition, node)


def coordinator(three, name, kind):
    """Each node gives the same answer."""
    said = set()
    for port in three.ports:
        while True:
            answer = ask(port, 10, 1, text(name) + struct.pack(">b", kind))
            error, size = struct.unpack_from(">hh", answer, 4)
            if error != 15:         # COORDINATOR_NOT_AVAILABLE: the topic of its state is being made
                break
        assert error == 0
        said.add(struct.unpack_from(">i", answer, 8 + max(size, 0))[0])
    assert len(said) == 1
    return said.pop()


def heartbeat(name):
    return 12, 0, text(name) + struct.pack(">i", 1) + text("nobody")


def end_txn(name):
    return 26, 0, text(name) + struct.pack(">qhb", 1, 0, 1)


@pytest.mark.parametrize("kind, question, at, well", [
    (0, heartbeat, 0, UNKNOWN_MEMBER_ID), (1, end_txn, 4, INVALID_PRODUCER_ID_MAPPING)], ids=["group", "transaction"])
def test_the_wrong_node_is_no_coordinator(three, kind, question, at, well):
    seen = set()
    for name in (f"name-{number}" for number in range(12)):
        found = coordinator(three, name, kind)
        seen.add(found)
        for node, port in zip((1, 2, 3), three.ports):
            error = struct.unpack_from(">h", ask(port, *question(name)), at)[0]
            assert error == (well if node == found else NOT_COORDINATOR), (name, node)
    assert seen == {1, 2, 3}


def test_a_client_works_over_all_of_them(three):
    """librdkafka: transactions that commit a group's positions, with coordinators on any node; groups are listed once."""
    groups = [f"over-{number}" for number in range(5)]
    written = 0
    for turn, group in enumerate(groups, 1):
        producer = Producer({"bootstrap.servers": three.bootstrap, "transactional.id": group, "linger.ms": 1})
        producer.init_transactions(20)
        reader = Consumer({"bootstrap.servers": three.bootstrap, "group.id": group, "auto.offset.reset": "earliest",
                           "enable.auto.commit": False, "isolation.level": "read_committed"})
        producer.begin_transaction()
        for number in range(60):
            producer.produce("spread", b"%d" % number, partition=number % PARTITIONS)
        written += 60
        producer.send_offsets_to_transaction([TopicPartition("spread", 0, 11 * turn - 1)],      # each transaction has a marker
                                             reader.consumer_group_metadata(), 20)
        producer.commit_transaction(20)
        reader.subscribe(["spread"])
        places = {}
        while sum(places.values()) < written - written // PARTITIONS:       # partition 0 begins at its end
            for message in reader.consume(100, 1):
                assert not message.error(), message.error()
                places[message.partition()] = places.get(message.partition(), 0) + 1
        assert set(places) == set(range(1, PARTITIONS))
        reader.close()
    listed = [one.group_id for one in three.admin().list_consumer_groups(request_timeout=20).result().valid]
    assert sorted(set(groups) & set(listed)) == groups and len(listed) == len(set(listed))
    told = three.admin().describe_consumer_groups(groups, request_timeout=20)
    assert {one.result().state for one in told.values()} == {ConsumerGroupState.EMPTY}


def test_kafka_python_works_over_all_of_them(three):
    kafka = pytest.importorskip("kafka")
    topic = f"python-{uuid.uuid4()}"
    three.admin().create_topics([NewTopic(topic, PARTITIONS, 3)])[topic].result(20)
    writer = kafka.KafkaProducer(bootstrap_servers=three.bootstrap, acks="all")
    for number in range(120):
        writer.send(topic, b"%d" % number, partition=number % PARTITIONS)
    writer.flush(20)
    writer.close()
    reader = kafka.KafkaConsumer(topic, bootstrap_servers=three.bootstrap, group_id=topic, auto_offset_reset="earliest",
                                 consumer_timeout_ms=20000)
    seen = [message.value for _, message in zip(range(120), reader)]
    reader.commit()
    assert sorted(seen) == sorted(b"%d" % number for number in range(120))
    assert sum(reader.committed(place) for place in reader.assignment()) == 120
    reader.close()


def test_they_are_refused_where_they_cannot_be(run_folder, interlock):
    for words, says in ((["--nodes", "17"], "from 1 to 16 nodes"), (["--nodes", "3", "--listen", "127.0.0.1:65534"], "end at 65535")):
        ended = interlock.run("broker", "--data", run_folder / "refused", "--listen", "127.0.0.1:0", *words) \
            if "--listen" not in words else interlock.run("broker", "--data", run_folder / "refused", *words)
        assert ended.status == 78 and says in ended.err, ended
