"""Is it in the log?  How an application learns what became of a write whose outcome it does not know."""

import time

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition


class Look:
    """Looks on one cluster.  `settle_s`: how long the ends must have stood still before *absent* is said.

    A transactional writer has been fenced by then (init_transactions), and nothing of it can still land: 0 is right.
    Any other writer has only the long rule: a broker that has answered new connections for so long, and whose log has
    not grown by a record of ours, holds no request of the old ones any more.
    """

    def __init__(self, settings, settle_s):
        self.settings = {**settings, "group.id": "looking", "enable.auto.commit": False, "enable.partition.eof": True,
                         "isolation.level": "read_committed", "auto.offset.reset": "earliest"}
        self.settle_s = settle_s

    def find(self, wanted, timeout=30):
        """`wanted`: id -> (topic, partition, floor).  id -> (partition, offset) of those that are there; raises
        KafkaException or TimeoutError when that cannot be told."""
        deadline = time.monotonic() + timeout
        floors = {}
        for topic, partition, floor in wanted.values():
            floors[topic, partition] = min(floor, floors.get((topic, partition), floor))
        client = Consumer(self.settings)
        try:
            found = self._read(client, wanted, floors, deadline)
            if self.settle_s and len(found) < len(wanted):
                time.sleep(self.settle_s)
                found.update(self._read(client, wanted, floors, deadline + self.settle_s))
            return found
        finally:
            client.close()

    @staticmethod
    def _read(client, wanted, floors, deadline):
        ends = {}
        for topic, partition in floors:
            ends[topic, partition] = client.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)[1]
        left = {place for place, floor in floors.items() if floor < ends[place]}
        client.assign([TopicPartition(*place, floors[place]) for place in left])
        found = {}
        while left:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the end of {sorted(left)} was not reached")
            for message in client.consume(500, 0.2):
                place = (message.topic(), message.partition())
                if message.error() is not None:
                    if message.error().code() != KafkaError._PARTITION_EOF:
                        raise KafkaException(message.error())
                    # At read-committed the end is that of what is decided; others' open transactions hide the rest.
                    if message.offset() >= ends[place]:
                        left.discard(place)
                    continue
                name = dict(message.headers() or ()).get("id", b"").decode(errors="replace")
                if name in wanted:
                    found[name] = (message.partition(), message.offset())
        return found
