"""Exact records into exact partitions, with other people's client, in every way that a producer can write them.

    produce(cluster, "orders", [record(b"k", b"v", partition=0)], codec="zstd", batch=7)

    with transaction(cluster, "tx-1") as t:
        t.produce("orders", record(b"k", b"v"))
        t.commit()                                # or t.abort(); neither leaves it open until the block ends
"""

import contextlib
import time
from typing import NamedTuple, Optional

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import ConfigResource, NewTopic

EPOCH_MS = 1_700_000_000_000


class Record(NamedTuple):
    key: Optional[bytes] = None
    value: Optional[bytes] = None
    headers: tuple = ()
    timestamp: int = EPOCH_MS
    partition: int = 0


def record(key=None, value=None, headers=(), timestamp=EPOCH_MS, partition=0):
    as_bytes = [part.encode() if isinstance(part, str) else part for part in (key, value)]
    return Record(as_bytes[0], as_bytes[1], tuple(headers), timestamp, partition)


def stream(count, keys=20, partitions=4, size=40, headers=True, start=0, first_timestamp=EPOCH_MS):
    """A plain workload: each record its own value, `keys` keys, each key in one partition, a millisecond apart."""
    made = []
    for i in range(start, start + count):
        key = (i * 7919) % keys
        value = f"value-{i}-".encode().ljust(size, b".")
        made.append(Record(f"key-{key}".encode(), value, (("id", f"id-{i}".encode()),) if headers else (),
                           first_timestamp + i, key % partitions))
    return made


def create_topic(cluster, name, partitions=4, replicas=None, **config):
    """Config keys with underscores for dots: cleanup_policy="compact"."""
    settings = {key.replace("_", "."): str(value) for key, value in config.items()}
    replicas = replicas or min(len(cluster.nodes), 3)
    wanted = NewTopic(name, partitions, replicas, config=settings)
    for attempt in range(3):
        [made] = cluster.admin().create_topics([wanted], operation_timeout=20).values()
        try:
            made.result(30)
            break
        except KafkaException as failed:
            # A client that is replacing a connection loses its question; the broker may have heard it all the same.
            if attempt and failed.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
                break
            if attempt == 2 or failed.args[0].code() not in (KafkaError._DESTROY_BROKER, KafkaError._TRANSPORT):
                raise
    # The controller has it; a broker may learn of it a moment later.
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        seen = cluster.admin().list_topics(name, timeout=10).topics[name]
        if len(seen.partitions) == partitions and all(p.leader >= 0 for p in seen.partitions.values()):
            return name
        time.sleep(0.05)
    raise TimeoutError(f"topic {name} has no leaders")


def delete_topic(cluster, name):
    for future in cluster.admin().delete_topics([name], operation_timeout=20).values():
        future.result(30)


def alter_topic(cluster, name, **config):
    resource = ConfigResource(ConfigResource.Type.TOPIC, name)
    from confluent_kafka.admin import AlterConfigOpType, ConfigEntry
    for key, value in config.items():
        resource.add_incremental_config(
            ConfigEntry(key.replace("_", "."), str(value), incremental_operation=AlterConfigOpType.SET))
    for future in cluster.admin().incremental_alter_configs([resource]).values():
        future.result(30)


def delete_records(cluster, topic, before):
    """`before`: partition -> the offset that the log shall begin at."""
    asked = [TopicPartition(topic, partition, offset) for partition, offset in before.items()]
    for future in cluster.admin().delete_records(asked).values():
        future.result(30)


def settings(cluster, **more):
    return {"bootstrap.servers": cluster.bootstrap, "log_level": 0, "reconnect.backoff.max.ms": 200,
            **{key.replace("_", "."): value for key, value in more.items()}}


def producer(cluster, codec=None, batch=None, idempotent=True, linger_ms=20, **more):
    """`batch` is the most records a batch may hold; codec one of gzip, snappy, lz4, zstd."""
    chosen = settings(cluster, **more)
    chosen.update({
        "enable.idempotence": idempotent, "acks": "all", "linger.ms": linger_ms, "queue.buffering.max.messages": 500000,
        "queue.buffering.max.kbytes": 1048576, "message.max.bytes": 16000000, "compression.type": codec or "none",
    })
    if batch:
        chosen["batch.num.messages"] = batch
    return Producer(chosen)


class Delivery:
    """Counts what came back; the first refusal is raised where the caller waits."""

    def __init__(self, count):
        self.offsets = [None] * count
        self.error = None

    def callback(self, index):
        def delivered(error, message):
            if error is not None:
                self.error = self.error or error
            else:
                self.offsets[index] = message.offset()
        return delivered


def send(client, topic, records, timeout=120):
    """All of them, acknowledged; their offsets in the same order."""
    delivery = Delivery(len(records))
    for index, r in enumerate(records):
        while True:
            try:
                client.produce(topic, value=r.value, key=r.key, partition=r.partition, timestamp=r.timestamp,
                               headers=list(r.headers), on_delivery=delivery.callback(index))
                break
            except BufferError:
                client.poll(0.05)
        if index % 1000 == 0:
            client.poll(0)
    left = client.flush(timeout)
    if delivery.error is not None:
        raise KafkaException(delivery.error)
    if left:
        raise TimeoutError(f"{left} records of {topic} were not acknowledged in {timeout} s")
    return delivery.offsets


def produce(cluster, topic, records, **how):
    return send(producer(cluster, **how), topic, list(records))


class Transaction:
    def __init__(self, client):
        self.client, self.over = client, False

    def produce(self, topic, *records):
        return send(self.client, topic, records)

    def commit(self):
        self.client.commit_transaction(30)
        self.over = True

    def abort(self):
        self.client.abort_transaction(30)
        self.over = True

    def begin(self):
        self.client.begin_transaction()
        self.over = False


@contextlib.contextmanager
def transaction(cluster, name, **how):
    """One transaction, begun.  Still open at the end of the block: aborted then, so that nothing hangs behind it."""
    client = producer(cluster, transactional_id=name, transaction_timeout_ms=120000, **how)
    client.init_transactions(60)
    client.begin_transaction()
    t = Transaction(client)
    try:
        yield t
    finally:
        if not t.over:
            t.abort()


def write_both(source, target, topic, records, source_how=None, target_how=None, **config):
    """The topic on both sides with the same records: what a faultless dual write leaves behind."""
    partitions = config.pop("partitions", 4)
    for cluster, how in ((source, source_how), (target, target_how)):
        create_topic(cluster, topic, partitions, **config)
        produce(cluster, topic, records, **(how or {}))


def end_offsets(cluster, topic, timeout=20):
    """A topic that has just come to be has brokers that do not know of it yet: asked again, for so long."""
    client = Consumer(settings(cluster, group_id="looking", enable_auto_commit=False))
    deadline = time.monotonic() + timeout
    try:
        while True:
            try:
                partitions = client.list_topics(topic, timeout=10).topics[topic].partitions
                return {p: client.get_watermark_offsets(TopicPartition(topic, p), timeout=10)[1] for p in partitions}
            except KafkaException:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
    finally:
        client.close()


def read_all(cluster, topic, isolation="read_committed", timeout=60):
    """Every record of the topic, by partition, as another client sees it."""
    client = Consumer(settings(cluster, group_id="reading", enable_auto_commit=False, isolation_level=isolation,
                               enable_partition_eof=True, auto_offset_reset="earliest"))
    partitions = client.list_topics(topic, timeout=10).topics[topic].partitions
    client.assign([TopicPartition(topic, p, 0) for p in partitions])
    out, at_end, deadline = {p: [] for p in partitions}, set(), time.monotonic() + timeout
    try:
        while len(at_end) < len(partitions):
            if time.monotonic() > deadline:
                raise TimeoutError(f"reading {topic}")
            for message in client.consume(1000, 1):
                if message.error() is None:
                    out[message.partition()].append(message)
                elif message.error().code() == KafkaError._PARTITION_EOF:
                    at_end.add(message.partition())
    finally:
        client.close()
    return out


def commit_group(cluster, group, topic, offsets):
    """`offsets`: partition -> position, committed for a group that nobody is a member of."""
    client = Consumer(settings(cluster, group_id=group, enable_auto_commit=False))
    try:
        client.commit(offsets=[TopicPartition(topic, p, o) for p, o in offsets.items()], asynchronous=False)
    finally:
        client.close()


def committed(cluster, group, topic, partitions):
    client = Consumer(settings(cluster, group_id=group, enable_auto_commit=False))
    try:
        found = client.committed([TopicPartition(topic, p) for p in partitions], timeout=20)
        return {one.partition: one.offset for one in found if one.offset >= 0}
    finally:
        client.close()
