"""Every frame that real clients and brokers exchange must be read by our tables and come out again byte for byte."""

import os

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic

from kafka_cluster import KafkaCluster
from relay import Relay
from test_codec import ROOT, Codec

pytestmark = [pytest.mark.real, pytest.mark.slow]

GROUPS = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"
TOOLS = [
    ("org.apache.kafka.tools.TopicCommand", "--create", "--topic", "orders", "--partitions", "2"),
    ("org.apache.kafka.tools.VerifiableProducer", "--topic", "orders", "--max-messages", "20"),
    ("org.apache.kafka.tools.VerifiableConsumer", "--topic", "orders", "--group-id", "readers", "--max-messages", "10"),
    ("org.apache.kafka.tools.TopicCommand", "--describe"),
    ("org.apache.kafka.tools.GetOffsetShell", "--topic", "orders"),
    (GROUPS, "--describe", "--all-groups"),
    (GROUPS, "--group", "readers", "--reset-offsets", "--to-earliest", "--topic", "orders", "--execute"),
    ("kafka.admin.ConfigCommand", "--alter", "--entity-type", "users", "--entity-name", "bob", "--add-config",
     "producer_byte_rate=1000000"),
    ("kafka.admin.ConfigCommand", "--alter", "--entity-type", "users", "--entity-name", "bob", "--add-config",
     "SCRAM-SHA-256=[password=nobody-s]"),
    ("kafka.admin.ConfigCommand", "--describe", "--entity-type", "users"),
    ("org.apache.kafka.tools.LogDirsCommand", "--describe"),
    ("org.apache.kafka.tools.TransactionsCommand", "list"),
    ("org.apache.kafka.tools.TransactionsCommand", "describe-producers", "--topic", "orders", "--partition", "0"),
    ("org.apache.kafka.tools.MetadataQuorumCommand", "describe", "--status"),
    ("org.apache.kafka.tools.FeatureCommand", "describe"),
    ("org.apache.kafka.tools.TopicCommand", "--delete", "--topic", "orders"),
]
NEWER_TOOLS = [
    ("org.apache.kafka.tools.VerifiableConsumer", "--topic", "orders", "--group-id", "newer", "--group-protocol",
     "consumer", "--max-messages", "10"),
    (GROUPS, "--describe", "--group", "newer"),
]


def use_librdkafka(address):
    """Another hand wrote this client: a transaction, a group, an administrator."""
    admin = AdminClient({"bootstrap.servers": address})
    admin.create_topics([NewTopic("payments", 1, 1)])["payments"].result(30)
    producer = Producer({"bootstrap.servers": address, "transactional.id": "tx", "compression.type": "lz4"})
    producer.init_transactions(30)
    producer.begin_transaction()
    for number in range(5):
        producer.produce("payments", key=b"k", value=b"v%d" % number, headers={"id": b"%d" % number})
    producer.commit_transaction(30)
    consumer = Consumer({"bootstrap.servers": address, "group.id": "g", "auto.offset.reset": "earliest",
                         "isolation.level": "read_committed"})
    consumer.subscribe(["payments"])
    assert len(consumer.consume(5, 30)) == 5
    consumer.commit(asynchronous=False)
    consumer.close()
    admin.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, "payments")])
    admin.list_consumer_groups().result(30)
    admin.describe_consumer_groups(["g"])["g"].result(30)
    admin.delete_records([TopicPartition("payments", 0, 2)])
    admin.delete_topics(["payments"])["payments"].result(30)


def check(codec, frame, seen, **response):
    """Returns what the codec made of the frame."""
    answer = codec.ask(frame=frame.hex(), **response)
    assert "error" not in answer, f"{answer}: {frame.hex()}"
    if answer["hex"] != answer["body"]:
        # A sender may spell out a tag that holds its default; then ours is shorter, and stays as it is.
        again = codec.ask(message=answer["name"], version=answer["version"], hex=answer["hex"])
        assert again["hex"] == answer["hex"] and len(answer["hex"]) < len(answer["body"]), answer
    seen.setdefault((answer["name"], answer["version"]), []).append(answer["body"])
    return answer


@pytest.mark.parametrize("version", ["3.9.1", "4.3.1"])
def test_what_goes_over_the_wire_comes_out_again(version, run_folder):
    cluster = KafkaCluster(version, run_folder / f"captured-{version}")
    seen = {}
    with Relay(cluster) as relay, cluster, Codec() as codec:
        use_librdkafka(relay.address)
        tools = TOOLS[:3] + (NEWER_TOOLS if version.startswith("4") else []) + TOOLS[3:]
        for main, *words in tools:
            cluster.jars.run(main, "--bootstrap-server", relay.address, *words, heap="96m")
        for request, response in relay.frames():
            asked = check(codec, request, seen)
            if response:
                answer = check(codec, response, seen, key=asked["key"], version=asked["version"])
                assert answer["correlation_id"] == asked["correlation_id"]
    assert len(seen) > 60, sorted(seen)
    if "KEEP_VECTORS" in os.environ:
        keep(version, seen)


def keep(version, seen):
    """One small example of each, for test/wire/test_message_vectors.c; nothing that names a secret."""
    lines = [f"# Seen between clients (Java {version}, librdkafka) and a broker of {version}: name, version, bytes."]
    for (name, number), bodies in sorted(seen.items()):
        body = max((b for b in bodies if len(b) <= 500), key=len, default=None)
        if body is not None and "Scram" not in name and "Sasl" not in name:
            lines.append(f"{name} {number} {body or '-'}")
    (ROOT / "test" / "wire" / "vectors" / f"captured-{version}.txt").write_text("\n".join(lines) + "\n")
