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
