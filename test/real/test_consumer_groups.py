"""Groups of the newer protocol (KIP-848) on Interlock's own broker: librdkafka and the Java client, unmodified."""

import subprocess
import time

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import NewTopic

from broker import Broker
from kafka_cluster import CACHE, Jars

FAST = {"group.consumer.min.session.timeout.ms": 1000, "group.consumer.session.timeout.ms": 3000,
        "group.consumer.min.heartbeat.interval.ms": 100, "group.consumer.heartbeat.interval.ms": 200}


@pytest.fixture(scope="module")
def broker(run_folder):
    with Broker(run_folder / "newer-groups", **FAST) as one:
        yield one


def create(broker, name, partitions):
    broker.admin().create_topics([NewTopic(name, partitions, 1)])[name].result(20)


def fill(broker, topic, partitions, count):
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    for i in range(count):
        producer.produce(topic, b"%d" % i, partition=i % partitions)
    assert producer.flush(20) == 0


def member(broker, group, topics, **how):
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": group, "group.protocol": "consumer",
                         "auto.offset.reset": "earliest", "enable.auto.commit": False, "log_level": 0, **how})
    consumer.subscribe(topics)
    return consumer


def until(members, good, seconds=20):
    """Polls all until `good` of what each owns, and gives that."""
    end = time.monotonic() + seconds
    while True:
        for one in members:
            one.poll(0.05)
        owned = [sorted((p.topic, p.partition) for p in one.assignment()) for one in members]
        if good(owned):
            return owned
        assert time.monotonic() < end, owned


def all_of(topic, count):
    def good(owned):
        return sorted(p for each in owned for p in each) == [(topic, p) for p in range(count)]
    return good


def even(topic, count):
    def good(owned):
        sizes = [len(each) for each in owned]
        return all_of(topic, count)(owned) and max(sizes) - min(sizes) <= 1
    return good


def test_members_share_and_hand_over(broker, topic):
    create(broker, topic, 6)
    fill(broker, topic, 6, 60)
    first = member(broker, topic, [topic])
    until([first], all_of(topic, 6))
    second = member(broker, topic, [topic])
    before = until([first, second], even(topic, 6))
    described = broker.admin().describe_consumer_groups([topic])[topic].result(20)
    assert (described.state.name, len(described.members)) == ("STABLE", 2)
    assert described.partition_assignor == "uniform" and described.type.name == "CONSUMER"
    third = member(broker, topic, [topic], **{"group.remote.assignor": "uniform"})
    after = until([first, second, third], even(topic, 6))
    assert set(after[0]) <= set(before[0]) and set(after[1]) <= set(before[1])      # what stays does not move
    third.close()
    until([first, second], even(topic, 6))
    first.close()
    until([second], all_of(topic, 6))
    second.close()
    listed = broker.admin().list_consumer_groups().result(20).valid
    assert [(g.group_id, g.type.name, g.state.name) for g in listed if g.group_id == topic] == [
        (topic, "CONSUMER", "EMPTY")]


def test_nothing_is_missed_while_members_come_and_go(broker, topic):
    """A partition may go between a read and its commit: then a value is read twice, and never not at all."""
    create(broker, topic, 4)
    fill(broker, topic, 4, 4000)
    read, members, rounds = set(), [member(broker, topic, [topic])], 0
    end = time.monotonic() + 40
    while len(read) < 4000 and time.monotonic() < end:
        for one in list(members):
            for message in one.consume(50, 0.05):
                assert not message.error(), message.error()
                read.add(message.value())
            try:
                one.commit(asynchronous=False)
            except KafkaException as error:
                assert error.args[0].code() in (KafkaError._NO_OFFSET, KafkaError.STALE_MEMBER_EPOCH)
        rounds += 1
        if rounds % 10 == 0 and len(members) < 3:
            members.append(member(broker, topic, [topic]))
        elif rounds % 10 == 5 and len(members) > 2:
            members.pop(0).close()
    for one in members:
        one.close()
    assert read == {b"%d" % i for i in range(4000)}


def test_a_member_that_dies_is_replaced(broker, topic):
    create(broker, topic, 2)
    dying = member(broker, topic, [topic])
    staying = member(broker, topic, [topic])
    until([dying, staying], even(topic, 2))
    del dying       # without a close: it does not say that it leaves, and its session ends
    until([staying], all_of(topic, 2), 30)
    staying.close()


def test_new_partitions_and_topics_by_pattern(broker, topic):
    create(broker, f"{topic}-a", 1)
    create(broker, f"{topic}-other", 1)
    one = member(broker, topic, [f"^{topic}-[a-c]$"], **{"topic.metadata.refresh.interval.ms": 500})
    until([one], lambda owned: owned[0] == [(f"{topic}-a", 0)])
    create(broker, f"{topic}-b", 2)
    until([one], lambda owned: owned[0] == [(f"{topic}-a", 0), (f"{topic}-b", 0), (f"{topic}-b", 1)])
    one.close()


def test_a_static_member_comes_back_to_its_place(broker, topic):
    create(broker, topic, 4)
    first = member(broker, topic, [topic], **{"group.instance.id": "one"})
    second = member(broker, topic, [topic], **{"group.instance.id": "two"})
    before = until([first, second], even(topic, 4))
    epoch = broker.admin().describe_consumer_groups([topic])[topic].result(20)
    with pytest.raises(KafkaException) as refused:
        thief = member(broker, topic, [topic], **{"group.instance.id": "one"})
        for _ in range(50):
            message = thief.poll(0.1)
            if message is not None and message.error():
                raise KafkaException(message.error())
    assert "instance ID is still used by another member" in refused.value.args[0].str()
    thief.close()
    first.close()
    again = member(broker, topic, [topic], **{"group.instance.id": "one"})
    after = until([again, second], even(topic, 4))
    assert after == before and len(epoch.members) == 2
    again.close()
    second.close()


def test_positions_and_members_survive_a_kill(run_folder, topic):
    with Broker(run_folder / topic, **FAST) as broker:
        create(broker, topic, 2)
        fill(broker, topic, 2, 10)
        first, second = member(broker, topic, [topic]), member(broker, topic, [topic])
        before = until([first, second], even(topic, 2))
        first.commit(offsets=[TopicPartition(topic, before[0][0][1], 3)], asynchronous=False)
        broker.kill()
        broker.start()
        assert until([first, second], even(topic, 2)) == before
        assert first.committed([TopicPartition(topic, before[0][0][1])], 10)[0].offset == 3
        first.close()
        until([second], all_of(topic, 2))
        second.close()


def classic(broker, group, topics, assignor="cooperative-sticky", **how):
    return member(broker, group, topics, **{"group.protocol": "classic", "partition.assignment.strategy": assignor,
                                            "session.timeout.ms": 6000, "heartbeat.interval.ms": 200, **how})


def test_an_empty_group_may_change(broker, topic):
    create(broker, topic, 2)
    newer = member(broker, topic, [topic])
    until([newer], all_of(topic, 2))
    newer.commit(offsets=[TopicPartition(topic, 1, 7)], asynchronous=False)
    newer.close()
    older = classic(broker, topic, [topic])
    until([older], all_of(topic, 2))
    assert older.committed([TopicPartition(topic, 1)], 10)[0].offset == 7
    older.close()
    newer = member(broker, topic, [topic])
    until([newer], all_of(topic, 2))
    assert newer.committed([TopicPartition(topic, 1)], 10)[0].offset == 7
    newer.close()
    broker.admin().delete_consumer_groups([topic])[topic].result(20)
    assert topic not in [g.group_id for g in broker.admin().list_consumer_groups().result(20).valid]


def type_of(broker, group):
    return next(g.type.name for g in broker.admin().list_consumer_groups().result(20).valid if g.group_id == group)


class Reading:
    """Members that read and commit, and of each partition how far they were acknowledged."""

    def __init__(self, topic, partitions):
        self.topic, self.read, self.kept = topic, set(), dict.fromkeys(range(partitions), 0)

    def turn(self, members):
        for one in members:
            for message in one.consume(20, 0.05):
                assert not message.error(), message.error()
                self.read.add(message.value())
            try:
                for place in one.commit(asynchronous=False):
                    if not place.error:
                        self.kept[place.partition] = max(self.kept[place.partition], place.offset)
            except KafkaException as error:
                assert error.args[0].code() in (
                    KafkaError._NO_OFFSET, KafkaError.STALE_MEMBER_EPOCH, KafkaError.ILLEGAL_GENERATION,
                    KafkaError.REBALANCE_IN_PROGRESS, KafkaError.UNKNOWN_MEMBER_ID), error

    def until(self, members, good, seconds=40):
        end = time.monotonic() + seconds
        while True:
            self.turn(members)
            owned = [sorted((p.topic, p.partition) for p in one.assignment()) for one in members]
            if good(owned):
                return
            assert time.monotonic() < end, owned

    def stands(self, one):
        for place in one.committed([TopicPartition(self.topic, p) for p in self.kept], 10):
            assert max(place.offset, 0) >= self.kept[place.partition], (place, self.kept)


@pytest.mark.parametrize("assignor", ["range", "cooperative-sticky"])
def test_a_group_rolls_from_one_protocol_to_the_other_and_back(broker, topic, assignor):
    """One member after the other is replaced, while all read and commit; no value is missed, no position moves back."""
    create(broker, topic, 4)
    fill(broker, topic, 4, 2000)
    reading = Reading(topic, 4)
    older = [classic(broker, topic, [topic], assignor) for _ in range(2)]
    reading.until(older, even(topic, 4))
    assert type_of(broker, topic) == "CLASSIC"
    newer = [member(broker, topic, [topic])]
    reading.until(older + newer, even(topic, 4))
    assert type_of(broker, topic) == "CONSUMER"
    described = broker.admin().describe_consumer_groups([topic])[topic].result(20)
    assert len(described.members) == 3
    fill(broker, topic, 4, 2000)
    older.pop(0).close()
    newer.append(member(broker, topic, [topic]))
    reading.until(older + newer, even(topic, 4))
    older.pop(0).close()
    reading.until(newer, even(topic, 4))
    reading.stands(newer[0])
    # and back again: the last one of the newer protocol to leave makes it a classic group
    older = [classic(broker, topic, [topic], assignor)]
    reading.until(older + newer, even(topic, 4))
    newer.pop(0).close()
    older.append(classic(broker, topic, [topic], assignor))
    reading.until(older + newer, even(topic, 4))
    assert type_of(broker, topic) == "CONSUMER"
    newer.pop(0).close()
    reading.until(older, even(topic, 4))
    assert type_of(broker, topic) == "CLASSIC"
    reading.until(older, lambda _: reading.read == {b"%d" % i for i in range(2000)})
    reading.stands(older[0])
    for one in older:
        one.close()


def test_the_java_client(broker, topic):
    """Pattern of RE2, both assignors, a commit, and a second member: test/peer/java/NewerGroup.java says what it checks."""
    create(broker, f"{topic}-a", 3)
    create(broker, f"{topic}-b", 3)
    fill(broker, f"{topic}-a", 3, 30)
    jars = Jars("4.3.1")
    done = subprocess.run(["java", "-Xmx256m", "-XX:+UseSerialGC", "-cp", f"{CACHE}/java:{jars.folder}/*", "NewerGroup",
                           broker.bootstrap, topic], capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "all is well"


def test_the_java_client_rolls_from_one_protocol_to_the_other_and_back(broker, topic):
    """test/peer/java/RollingGroup.java says what it checks."""
    create(broker, topic, 4)
    fill(broker, topic, 4, 4000)
    jars = Jars("4.3.1")
    done = subprocess.run(["java", "-Xmx256m", "-XX:+UseSerialGC", "-cp", f"{CACHE}/java:{jars.folder}/*", "RollingGroup",
                           broker.bootstrap, topic, "4", "4000"], capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "all is well"
