"""The comparison that a user would script, well tuned: confluent-kafka, a process a side, a SHA-256 a record, summed by
partition.  It knows no transactions, no order, and cannot say which record differs; so it is flattered here.

    scripted.py SOURCE TARGET TOPIC
"""

import hashlib
import json
import multiprocessing
import sys
import time

from confluent_kafka import Consumer, KafkaError, TopicPartition

TUNED = {
    "group.id": "scripted", "enable.auto.commit": False, "enable.partition.eof": True, "check.crcs": False,
    "fetch.min.bytes": 1, "fetch.wait.max.ms": 50, "fetch.message.max.bytes": 8_388_608, "fetch.max.bytes": 67_108_864,
    "queued.min.messages": 1_000_000, "queued.max.messages.kbytes": 262_144, "fetch.queue.backoff.ms": 0,
    "fetch.error.backoff.ms": 0, "socket.receive.buffer.bytes": 4_194_304, "statistics.interval.ms": 0,
}


def side(bootstrap, topic):
    consumer = Consumer({**TUNED, "bootstrap.servers": bootstrap})
    partitions = list(consumer.list_topics(topic, timeout=10).topics[topic].partitions)
    consumer.assign([TopicPartition(topic, p, 0) for p in partitions])
    sums, count, at_end = dict.fromkeys(partitions, 0), 0, 0
    sha256, from_bytes = hashlib.sha256, int.from_bytes
    while at_end < len(partitions):
        for message in consumer.consume(10_000, 1):
            if message.error() is not None:
                at_end += message.error().code() == KafkaError._PARTITION_EOF
                continue
            digest = sha256(message.key() or b"")
            digest.update(message.value() or b"")
            digest.update(b"%d" % message.timestamp()[1])
            sums[message.partition()] += from_bytes(digest.digest()[:8], "little")
            count += 1
    consumer.close()
    return count, sums


def main():
    _, source, target, topic = sys.argv
    began = time.monotonic()
    with multiprocessing.Pool(2) as pool:
        ours, theirs = pool.starmap(side, [(source, topic), (target, topic)])
    print(json.dumps({"seconds": time.monotonic() - began, "records": ours[0] + theirs[0], "equal": ours == theirs}))


if __name__ == "__main__":
    main()
