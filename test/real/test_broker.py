"""Interlock's own broker under other people's clients, unmodified; and beside Apache Kafka, compared by parity."""

import socket
import struct
import threading
import uuid

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic, OffsetSpec,
                                   ResourceType)

from broker import Broker
from records import stream, write_both


@pytest.fixture(scope="module")
def broker(run_folder):
    with Broker(run_folder / "own-broker") as one:
        yield one


def create(broker, name, partitions=1, **config):
    made = broker.admin().create_topics([NewTopic(name, partitions, 3, config={k.replace("_", "."): str(v) for k, v in
                                                                              config.items()})])
    made[name].result(20)


def produce(broker, topic, values, partition=None, **how):
    """Sends all; returns partition and offset of each, in order."""
    where = [None] * len(values)
    producer = Producer({"bootstrap.servers": broker.bootstrap, "linger.ms": 2, **how})

    def told(index):
        def on_delivery(error, message):
            assert error is None, error
            where[index] = (message.partition(), message.offset())
        return on_delivery

    for index, value in enumerate(values):
        place = {} if partition is None else {"partition": partition}
        producer.produce(topic, value, key=b"k%d" % (index % 17), on_delivery=told(index), **place)
        producer.poll(0)
    assert producer.flush(30) == 0
    return where


def read(broker, topic, partitions=1, count=None, **how):
    """Values by partition, from the beginning to the end that was there at first."""
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": f"reader-{uuid.uuid4()}",
                         "enable.auto.commit": False, "enable.partition.eof": True, **how})
    consumer.assign([TopicPartition(topic, p, 0) for p in range(partitions)])
    out, ended = {p: [] for p in range(partitions)}, set()
    while len(ended) < partitions:
        for message in consumer.consume(1000, 20):
            if message.error() and message.error().code() == KafkaError._PARTITION_EOF:
                ended.add(message.partition())
            else:
                assert not message.error(), message.error()
                out[message.partition()].append((message.offset(), message.value()))
    consumer.close()
    return out


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_what_was_produced_is_consumed(broker, topic, codec):
    create(broker, topic, 3)
    values = [b"%d" % i for i in range(3000)]
    where = produce(broker, topic, values, **{"compression.type": codec, "enable.idempotence": codec != "none"})
    found = read(broker, topic, 3)
    assert sorted(v for p in found.values() for _, v in p) == sorted(values)
    for value, (partition, offset) in zip(values, where):
        assert found[partition][offset] == (offset, value)


def codecs(broker, topic):
    """The codec of each batch as it lies there, by a Fetch of version 4."""
    name = topic.encode()
    body = struct.pack(">hhih", 1, 4, 7, -1) + struct.pack(">iiiib", -1, 500, 1, 2**30, 0)
    body += struct.pack(">ih", 1, len(name)) + name + struct.pack(">iiqi", 1, 0, 0, 2**30)
    with socket.create_connection(("127.0.0.1", broker.port)) as one, one.makefile("rb") as answer:
        one.sendall(struct.pack(">i", len(body)) + body)
        frame = answer.read(struct.unpack(">i", answer.read(4))[0])
    at = 4 + 4 + 4 + 2 + len(name) + 4
    _, error, _, _, _, size = struct.unpack_from(">ihqqii", frame, at)
    assert error == 0
    at, found = at + 30, set()
    assert at + size == len(frame) and size > 0
    while at < len(frame):
        found.add(struct.unpack_from(">h", frame, at + 21)[0] & 7)
        at += 12 + struct.unpack_from(">i", frame, at + 8)[0]
    return found


@pytest.mark.parametrize("wanted", ["gzip", "snappy", "lz4", "zstd", "uncompressed"])
def test_a_topic_has_its_own_compression(broker, topic, wanted):
    create(broker, topic, 1, compression_type=wanted)
    values = [b"the same words again and again %d" % i for i in range(2000)]
    for sent in ("none", "gzip", "zstd"):
        produce(broker, topic, values, **{"compression.type": sent, "enable.idempotence": sent == "gzip"})
    assert [v for _, v in read(broker, topic)[0]] == 3 * values
    number = ["uncompressed", "gzip", "snappy", "lz4", "zstd"].index(wanted)
    assert codecs(broker, topic) == {number}


def test_topics_are_made_changed_and_deleted(broker, topic):
    admin = broker.admin()
    create(broker, topic, 2, retention_ms=12345, cleanup_policy="compact")
    with pytest.raises(KafkaException) as refused:
        create(broker, topic)
    assert refused.value.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS
    resource = ConfigResource(ResourceType.TOPIC, topic)
    shown = admin.describe_configs([resource])[resource].result(20)
    assert (shown["retention.ms"].value, shown["cleanup.policy"].value) == ("12345", "compact")
    assert shown["segment.bytes"].value == "1073741824" and shown["segment.bytes"].is_default
    change = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[
        ConfigEntry("cleanup.policy", "delete", incremental_operation=AlterConfigOpType.APPEND),
        ConfigEntry("retention.ms", None, incremental_operation=AlterConfigOpType.DELETE)])
    admin.incremental_alter_configs([change])[change].result(20)
    shown = admin.describe_configs([resource])[resource].result(20)
    assert (shown["retention.ms"].value, shown["cleanup.policy"].value) == ("604800000", "compact,delete")
    admin.create_partitions([NewPartitions(topic, 5)])[topic].result(20)
    assert len(admin.list_topics(topic, timeout=20).topics[topic].partitions) == 5
    admin.delete_topics([topic])[topic].result(20)
    assert topic not in admin.list_topics(timeout=20).topics


@pytest.mark.parametrize("name", ["", ".", "a b", "x" * 250, "ü"])
def test_names_that_kafka_refuses(broker, name):
    with pytest.raises(KafkaException) as refused:
        create(broker, name)
    assert refused.value.args[0].code() in (KafkaError.TOPIC_EXCEPTION, KafkaError._INVALID_ARG)


def test_what_no_administrator_may_do(broker, topic):
    with pytest.raises(KafkaException) as refused:
        create(broker, topic, 10001)
    assert refused.value.args[0].code() == KafkaError.POLICY_VIOLATION
    client = consumer(broker, topic)
    create(broker, topic)
    client.commit(offsets=[TopicPartition(topic, 0, 0)], asynchronous=False)
    client.close()
    with pytest.raises(KafkaException) as refused:
        broker.admin().delete_topics(["__consumer_offsets"])["__consumer_offsets"].result(20)
    assert refused.value.args[0].code() == KafkaError.INVALID_REQUEST
    errors = []
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    producer.produce("__consumer_offsets", b"v", key=b"k", on_delivery=lambda error, _: errors.append(error))
    producer.flush(20)
    assert [e.code() for e in errors] == [KafkaError.TOPIC_EXCEPTION]


def test_offsets_by_time_and_records_deleted(broker, topic):
    create(broker, topic)
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    now = 1_700_000_000_000
    for i in range(100):
        producer.produce(topic, b"%d" % i, timestamp=now + i * 1000)
        if i % 7 == 0:
            producer.flush(10)
    producer.flush(10)
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "times"})
    found = consumer.offsets_for_times([TopicPartition(topic, 0, now + 41_500)], timeout=20)
    assert found[0].offset == 42
    assert consumer.offsets_for_times([TopicPartition(topic, 0, now + 10**9)], timeout=20)[0].offset in (-1, 100)
    admin = broker.admin()
    place = TopicPartition(topic, 0)
    latest = admin.list_offsets({place: OffsetSpec.max_timestamp()})[place].result(20)
    assert (latest.offset, latest.timestamp) == (99, now + 99_000)
    done = admin.delete_records([TopicPartition(topic, 0, 60)])
    assert list(done.values())[0].result(20).low_watermark == 60
    assert consumer.get_watermark_offsets(place, timeout=20) == (60, 100)
    with pytest.raises(KafkaException) as refused:
        list(admin.delete_records([TopicPartition(topic, 0, 101)]).values())[0].result(20)
    assert refused.value.args[0].code() == KafkaError.OFFSET_OUT_OF_RANGE
    consumer.close()


def test_a_keyless_record_has_no_place_in_a_compacted_topic(broker, topic):
    create(broker, topic, cleanup_policy="compact")
    errors = []
    producer = Producer({"bootstrap.servers": broker.bootstrap, "retries": 0})
    producer.produce(topic, b"v", on_delivery=lambda error, _: errors.append(error))
    producer.flush(20)
    assert [e.code() for e in errors] == [KafkaError.INVALID_RECORD]


def test_a_batch_past_the_limit_is_refused(broker, topic):
    create(broker, topic, max_message_bytes=5000)
    errors = []
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    producer.produce(topic, b"v" * 6000, on_delivery=lambda error, _: errors.append(error))
    producer.flush(20)
    assert [e.code() for e in errors] == [KafkaError.MSG_SIZE_TOO_LARGE]


def test_topics_are_made_by_looking_only_if_configured(run_folder, broker, topic):
    produce(broker, topic, [b"a"])
    assert read(broker, topic)[0] == [(0, b"a")]
    with Broker(run_folder / topic, auto_create_topics_enable="false") as strict:
        errors = []
        producer = Producer({"bootstrap.servers": strict.bootstrap, "message.timeout.ms": 3000,
                             "topic.metadata.propagation.max.ms": 100})
        producer.produce(topic, b"a", on_delivery=lambda error, _: errors.append(error))
        producer.flush(20)
        assert errors and errors[0].code() in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC,
                                                      KafkaError._MSG_TIMED_OUT)
        assert topic not in strict.admin().list_topics(timeout=20).topics


def test_acknowledged_means_readable_after_a_kill(run_folder, topic):
    """Killed again and again under a writer; every value it was told of is there, once, in its place."""
    with Broker(run_folder / topic) as broker:
        create(broker, topic, 2)
        told, failed, stop = [], [], threading.Event()
        producer = Producer({"bootstrap.servers": broker.bootstrap, "enable.idempotence": True, "linger.ms": 1,
                             "log_level": 0, "reconnect.backoff.ms": 20,
                             "reconnect.backoff.max.ms": 50, "retry.backoff.ms": 20})

        def on_delivery(error, message):
            if error:
                failed.append(error)
            else:
                told.append((message.partition(), message.offset(), message.value()))

        def write():
            i = 0
            while not stop.is_set():
                producer.produce(topic, b"%d" % i, key=b"%d" % (i % 10), on_delivery=on_delivery)
                producer.poll(0.001)
                i += 1

        writer = threading.Thread(target=write)
        writer.start()
        for _ in range(4):
            before = len(told)
            stop.wait(0.3)
            broker.kill()
            broker.start()
            for _ in range(200):
                if len(told) > before:
                    break
                stop.wait(0.05)
        stop.set()
        writer.join()
        assert producer.flush(30) == 0 and not failed
        found = read(broker, topic, 2)
        for partition, offset, value in told:
            assert (offset, value) in found[partition][offset:offset + 1]
        values = [v for p in found.values() for _, v in p]
        assert len(values) == len(set(values)) == len(told) > 0
        broker.stop()


def test_parity_with_apache_kafka(target, broker, interlock, topic):
    """The same records on both: open, at the strongest claim that a dual write can have."""
    write_both(target, broker, topic, stream(2000))
    result = interlock.parity(target, broker, topic, options=["--claim", "partition-order"], status=0)
    assert result.verdict == "open" and result.json["claim"]["proved"] in ("partition-order", "offsets")


def frame(key, version, body, correlation=7):
    head = struct.pack(">hhih", key, version, correlation, -1)
    return struct.pack(">i", len(head + body)) + head + body


def exchange(broker, *frames):
    """Raw frames in one write; the answers, until the broker closes or all are there."""
    with socket.create_connection(("127.0.0.1", broker.port), timeout=10) as door:
        door.sendall(b"".join(frames))
        answers, data = [], b""
        while len(answers) < len(frames):
            got = door.recv(65536)
            if not got:
                return answers, True
            data += got
            while len(data) >= 4 and len(data) >= 4 + struct.unpack(">i", data[:4])[0]:
                size = struct.unpack(">i", data[:4])[0]
                answers.append(data[4:4 + size])
                data = data[4 + size:]
        return answers, False


def test_an_unknown_version_of_api_versions_is_answered_in_version_zero(broker):
    answers, closed = exchange(broker, frame(18, 99, b""), frame(18, 0, b""))
    assert not closed and len(answers) == 2
    assert struct.unpack(">ihihhh", answers[0][:16]) == (7, 35, 1, 18, 0, 4)
    assert struct.unpack(">ih", answers[1][:6]) == (7, 0)


@pytest.mark.parametrize("bytes_sent", [
    struct.pack(">i", -1), struct.pack(">i", 2**31 - 1), struct.pack(">i", 3) + b"abc",
    frame(999, 0, b""), frame(3, 99, b""), frame(3, 12, b"\xff\xff\xff\xff\xff")], ids=range(6))
def test_what_cannot_be_read_ends_its_connection_only(broker, bytes_sent):
    answers, closed = exchange(broker, bytes_sent)
    assert closed and not answers
    assert broker.admin().list_topics(timeout=20).brokers


# ---- groups


def consumer(broker, group, **how):
    return Consumer({"bootstrap.servers": broker.bootstrap, "group.id": group, "auto.offset.reset": "earliest",
                     "session.timeout.ms": 6000, "heartbeat.interval.ms": 500, "log_level": 0,
                     **{k.replace("_", "."): v for k, v in how.items()}})


def take(client, count, seconds=30):
    out = []
    for _ in range(int(seconds * 10)):
        for message in client.consume(count - len(out), 0.1):
            assert not message.error(), message.error()
            out.append(message.value())
        if len(out) >= count:
            return out
    raise TimeoutError(f"{len(out)} of {count}")


def settle(clients, partitions, seconds=30):
    """Polls all until the partitions are shared out; a message that comes along the way is an error here."""
    for _ in range(int(seconds * 20)):
        for client in clients:
            assert client.poll(0.02) is None
        owned = [len(c.assignment()) for c in clients]
        if sum(owned) == partitions and all(owned):
            return owned
    raise TimeoutError(owned)


def test_a_group_goes_on_where_it_stood(run_folder, topic):
    with Broker(run_folder / topic) as broker:
        create(broker, topic, 3)
        produce(broker, topic, [b"%d" % i for i in range(300)])
        first = consumer(broker, "billing")
        first.subscribe([topic])
        seen = take(first, 300)
        assert sorted(seen) == sorted(b"%d" % i for i in range(300))
        first.commit(asynchronous=False)
        first.close()
        produce(broker, topic, [b"x%d" % i for i in range(30)])
        broker.kill()
        broker.start()
        again = consumer(broker, "billing")
        again.subscribe([topic])
        assert sorted(take(again, 30)) == sorted(b"x%d" % i for i in range(30))
        stands = again.committed([TopicPartition(topic, p) for p in range(3)], timeout=20)
        assert sum(p.offset for p in stands) == 300
        again.close()


@pytest.mark.parametrize("strategy", ["range", "cooperative-sticky"])
def test_members_share_and_hand_over(broker, topic, strategy):
    create(broker, topic, 6)
    clients = [consumer(broker, topic, partition_assignment_strategy=strategy) for _ in range(3)]
    for client in clients:
        client.subscribe([topic])
    assert sorted(settle(clients, 6)) == [2, 2, 2]
    shown = broker.admin().describe_consumer_groups([topic])[topic].result(20)
    assert shown.state.name == "STABLE" and len(shown.members) == 3
    assert sum(len(m.assignment.topic_partitions) for m in shown.members) == 6
    clients.pop().close()
    assert sorted(settle(clients, 6)) == [3, 3]
    for client in clients:
        client.close()
    assert broker.admin().describe_consumer_groups([topic])[topic].result(20).state.name == "EMPTY"
    broker.admin().delete_consumer_groups([topic])[topic].result(20)
    assert topic not in {g.group_id for g in broker.admin().list_consumer_groups().result(20).valid}


def test_a_static_member_comes_back_without_a_rebalance(broker, topic):
    create(broker, topic, 4)
    clients = [consumer(broker, topic, group_instance_id=f"i{i}", session_timeout_ms=20000) for i in range(2)]
    for client in clients:
        client.subscribe([topic])
    settle(clients, 4)
    before = sorted((p.topic, p.partition) for p in clients[1].assignment())
    clients[1].close()
    clients[1] = consumer(broker, topic, group_instance_id="i1", session_timeout_ms=20000)
    clients[1].subscribe([topic])
    settle(clients, 4)
    assert sorted((p.topic, p.partition) for p in clients[1].assignment()) == before
    for client in clients:
        client.close()


def test_positions_are_kept_with_what_was_said_of_them(broker, topic):
    create(broker, topic, 2)
    client = consumer(broker, topic)
    client.commit(offsets=[TopicPartition(topic, 0, 42, "note"), TopicPartition(topic, 1, 7)], asynchronous=False)
    stands = client.committed([TopicPartition(topic, 0), TopicPartition(topic, 1)], timeout=20)
    assert [(p.offset, p.metadata) for p in stands] == [(42, "note"), (7, None)] or stands[0].metadata == "note"
    with pytest.raises(KafkaException) as refused:
        client.commit(offsets=[TopicPartition(topic, 0, 1, "n" * 5000)], asynchronous=False)
    assert refused.value.args[0].code() == KafkaError.OFFSET_METADATA_TOO_LARGE
    with pytest.raises(KafkaException) as refused:
        client.commit(offsets=[TopicPartition(f"{topic}-none", 0, 1)], asynchronous=False)
    assert refused.value.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART
    client.close()
    with pytest.raises(KafkaException) as refused:
        broker.admin().delete_consumer_groups([f"{topic}-none"])[f"{topic}-none"].result(20)
    assert refused.value.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND


# ---- transactions


def transactional(broker, name, **how):
    client = Producer({"bootstrap.servers": broker.bootstrap, "transactional.id": name, "linger.ms": 1, "log_level": 0,
                       **{k.replace("_", "."): v for k, v in how.items()}})
    client.init_transactions(20)
    return client


def values_of(broker, topic, isolation):
    return [v for _, v in read(broker, topic, **{"isolation.level": isolation})[0]]


def test_transactions_are_all_or_nothing(broker, topic):
    create(broker, topic)
    client = transactional(broker, topic)
    for round_, commits in enumerate([True, False, True, False]):
        client.begin_transaction()
        for i in range(20):
            client.produce(topic, b"%d-%d" % (round_, i))
        if commits:
            client.commit_transaction(20)
        else:
            client.abort_transaction(20)
    expected = [b"%d-%d" % (r, i) for r in (0, 2) for i in range(20)]
    assert values_of(broker, topic, "read_committed") == expected
    assert set(values_of(broker, topic, "read_uncommitted")) >= set(expected)
    client.begin_transaction()
    client.produce(topic, b"open")
    client.flush(20)
    assert values_of(broker, topic, "read_committed") == expected
    assert values_of(broker, topic, "read_uncommitted")[-1] == b"open"
    client.commit_transaction(20)
    assert values_of(broker, topic, "read_committed") == [*expected, b"open"]


def test_a_second_producer_of_the_name_fences_the_first(broker, topic):
    create(broker, topic)
    first = transactional(broker, topic)
    first.begin_transaction()
    first.produce(topic, b"lost")
    first.flush(20)
    second = transactional(broker, topic)
    second.begin_transaction()
    second.produce(topic, b"kept")
    second.commit_transaction(20)
    with pytest.raises(KafkaException) as fenced:
        first.produce(topic, b"late")
        first.commit_transaction(20)
    assert fenced.value.args[0].fatal() or fenced.value.args[0].code() in (KafkaError._FENCED, KafkaError.PRODUCER_FENCED)
    assert values_of(broker, topic, "read_committed") == [b"kept"]


def test_a_silent_transaction_is_aborted(broker, topic):
    create(broker, topic)
    client = transactional(broker, topic, transaction_timeout_ms=1000)
    client.begin_transaction()
    client.produce(topic, b"forgotten")
    client.flush(20)
    done = produce(broker, topic, [b"plain"])
    assert done == [(0, 1)]
    for _ in range(100):
        if values_of(broker, topic, "read_committed") == [b"plain"]:
            break
        threading.Event().wait(0.1)
    assert values_of(broker, topic, "read_committed") == [b"plain"]


def test_positions_within_a_transaction(run_folder, topic):
    """Read, write and commit the position as one; killed between; nothing is read twice in what was committed."""
    with Broker(run_folder / topic) as broker:
        create(broker, f"{topic}-in")
        create(broker, f"{topic}-out")
        produce(broker, f"{topic}-in", [b"%d" % i for i in range(60)])
        for end in (20, 40, 60):
            client = transactional(broker, topic, transaction_timeout_ms=10000)
            reader = consumer(broker, topic, isolation_level="read_committed", enable_auto_commit=False)
            reader.subscribe([f"{topic}-in"])
            take(reader, 20)
            for commits in (False, True):
                client.begin_transaction()
                start = reader.committed([TopicPartition(f"{topic}-in", 0)], 20)[0].offset
                assert max(start, 0) == end - 20
                for value in range(end - 20, end):
                    client.produce(f"{topic}-out", b"%d" % value)
                client.send_offsets_to_transaction([TopicPartition(f"{topic}-in", 0, end)],
                                                   reader.consumer_group_metadata(), 20)
                if commits:
                    client.commit_transaction(20)
                else:
                    client.abort_transaction(20)
            reader.close()
            broker.kill()
            broker.start()
        assert values_of(broker, f"{topic}-out", "read_committed") == [b"%d" % i for i in range(60)]
        broker.stop()


def test_a_decision_survives_a_kill(run_folder, topic):
    """Killed again and again around commits: each transaction is there whole or not at all, and each that was told is."""
    with Broker(run_folder / topic) as broker:
        create(broker, topic)
        told = []
        for round_ in range(6):
            client = transactional(broker, topic, transaction_timeout_ms=20000, reconnect_backoff_ms=20,
                                   reconnect_backoff_max_ms=100)
            client.begin_transaction()
            for i in range(10):
                client.produce(topic, b"%d-%d" % (round_, i))
            client.flush(20)
            killer = threading.Timer(0.002 * round_, broker.kill)
            killer.start()
            try:
                client.commit_transaction(0.5)
                told.append(round_)
            except KafkaException:
                pass
            killer.join()
            broker.start()
        transactional(broker, topic)  # ends what was open
        seen = values_of(broker, topic, "read_committed")
        for round_ in range(6):
            of_it = [v for v in seen if v.startswith(b"%d-" % round_)]
            assert of_it in ([], [b"%d-%d" % (round_, i) for i in range(10)])
            assert of_it or round_ not in told


# ---- another client


def test_kafka_python_works_unmodified(broker, topic):
    kafka = pytest.importorskip("kafka")
    create(broker, topic, 2)
    writer = kafka.KafkaProducer(bootstrap_servers=broker.bootstrap, acks="all", compression_type="gzip")
    for i in range(200):
        writer.send(topic, b"%d" % i, key=b"k%d" % (i % 5))
    writer.flush(20)
    writer.close()
    reader = kafka.KafkaConsumer(topic, bootstrap_servers=broker.bootstrap, group_id=topic, auto_offset_reset="earliest",
                                 consumer_timeout_ms=20000, isolation_level="read_committed")
    seen = [message.value for _, message in zip(range(200), reader)]
    reader.commit()
    assert sorted(seen) == sorted(b"%d" % i for i in range(200))
    assert sum(reader.committed(place) for place in reader.assignment()) == 200
    reader.close()


# ---- what is not there, and a whole exit


def test_nobody_has_a_password(broker):
    assert broker.admin().describe_user_scram_credentials().result(10) == {}
