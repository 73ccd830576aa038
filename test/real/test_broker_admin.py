"""What administrators do to Interlock's own broker, with Kafka's own tools: transactions that hang, configs of groups and of the broker,
elections and reassignments."""

import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import NewTopic

from broker import Broker
from java_tools import JavaTools


@pytest.fixture(scope="module")
def broker(run_folder):
    with Broker(run_folder / "administered") as one:
        yield one


@pytest.fixture(scope="module")
def tools(broker):
    with JavaTools(broker.bootstrap) as one:
        yield one


def create(broker, name, partitions=1):
    broker.admin().create_topics([NewTopic(name, partitions, 1)])[name].result(20)


def stable_end(broker, topic):
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "ends", "isolation.level": "read_committed",
                         "enable.partition.eof": True, "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, 0, 0)])
    values = []
    while (message := consumer.poll(10)) is not None:
        if message.error():
            assert message.error().code() == KafkaError._PARTITION_EOF
            break
        values.append(message.value())
    position = consumer.position([TopicPartition(topic, 0)])[0].offset
    consumer.close()
    return values, position


def test_a_transaction_that_hangs_is_aborted(broker, tools, topic):
    create(broker, topic)
    producer = Producer({"bootstrap.servers": broker.bootstrap, "transactional.id": topic})
    producer.init_transactions(20)
    producer.begin_transaction()
    producer.produce(topic, b"hangs")
    producer.flush(20)
    other = Producer({"bootstrap.servers": broker.bootstrap})
    other.produce(topic, b"waits")
    other.flush(20)
    assert stable_end(broker, topic)[0] == []
    tools.run("transactions", "abort", "--topic", topic, "--partition", 0, "--start-offset", 0)
    values, position = stable_end(broker, topic)
    assert values == [b"waits"] and position == 3       # the marker stands behind it


def test_configs_of_groups(broker, tools, topic):
    group = ["--entity-type", "groups", "--entity-name", topic]
    shown = tools.run("configs", "--describe", "--all", *group)
    assert "consumer.session.timeout.ms=45000" in shown and "consumer.heartbeat.interval.ms=5000" in shown
    tools.run("configs", "--alter", *group, "--add-config", "consumer.session.timeout.ms=50000,consumer.heartbeat.interval.ms=6000")
    shown = tools.run("configs", "--describe", *group)
    assert "DYNAMIC_GROUP_CONFIG:consumer.session.timeout.ms=50000" in shown and "consumer.heartbeat.interval.ms=6000" in shown
    assert f"for group {topic}" in tools.run("configs", "--describe", "--entity-type", "groups")      # they are listed
    for bad, why in [("consumer.session.timeout.ms=44999", "greater than or equal to"),
                     ("consumer.session.timeout.ms=60001", "less than or equal to"),
                     ("consumer.session.timeout.ms=soon", "Invalid value"), ("nobody.knows=1", "Unknown group config")]:
        status, out, err = tools.ask("configs", "--alter", *group, "--add-config", bad)
        assert status == 1 and why in out + err, (bad, out, err)
    tools.run("configs", "--alter", *group, "--delete-config", "consumer.session.timeout.ms")
    shown = tools.run("configs", "--describe", *group)
    assert "consumer.session.timeout.ms=50000" not in shown and "consumer.heartbeat.interval.ms=6000" in shown
    status, out, err = tools.ask("configs", "--alter", "--entity-type", "brokers", "--entity-name", 1, "--add-config",
                                 "num.partitions=2")
    assert status == 1 and "Cannot update these configs dynamically: [num.partitions]" in out + err


def test_replicas_are_where_they_are(broker, tools, topic, tmp_path):
    create(broker, topic, 2)
    out = tools.run("leader-election", "--election-type", "preferred", "--topic", topic, "--partition", 0)
    assert f"Valid replica already elected for partitions {topic}-0" in out
    plan = tmp_path / "plan.json"
    plan.write_text('{"version": 1, "partitions": [{"topic": "%s", "partition": 0, "replicas": [1]}]}' % topic)
    out = tools.run("reassign-partitions", "--reassignment-json-file", plan, "--execute")
    assert "Successfully started partition reassignment" in out
    assert "No partition reassignments found." in tools.run("reassign-partitions", "--list")
    plan.write_text('{"version": 1, "partitions": [{"topic": "%s", "partition": 0, "replicas": [1, 2]}]}' % topic)
    status, out, err = tools.ask("reassign-partitions", "--reassignment-json-file", plan, "--execute")
    assert status == 1, (out, err)
