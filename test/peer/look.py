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

    def _ends(self, places):
        """Where the logs end, whatever is decided of them: to a client at read-committed an open transaction of
        somebody else would hide what was committed after it began."""
        client = Consumer({**self.settings, "isolation.level": "read_uncommitted"})
        try:
            return {place: client.get_watermark_offsets(TopicPartition(*place), timeout=10)[1] for place in places}
        finally:
            client.close()

    def _read(self, client, wanted, floors, deadline):
        ends = self._ends(floors)
        left = {place for place, floor in floors.items() if floor < ends[place]}
        client.assign([TopicPartition(*place, floors[place]) for place in left])
        found = {}
        while left:
            if time.monotonic() > deadline:
                raise TimeoutError("the end was not reached: " + ", ".join(
                    f"{place} from {floors[place]} to {ends[place]}" for place in sorted(left)))
            for message in client.consume(500, 0.2):
                place = (message.topic(), message.partition())
                if message.error() is None:
                    name = dict(message.headers() or ()).get("id", b"").decode(errors="replace")
                    if name in wanted:
                        found[name] = (message.partition(), message.offset())
                elif message.error().code() != KafkaError._PARTITION_EOF:
                    raise KafkaException(message.error())
                # An end is told only where nobody else goes on writing; where somebody does, a record beyond it tells.
                if message.offset() >= ends[place] - (message.error() is None):
                    left.discard(place)
        return found
