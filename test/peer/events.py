"""What the shop's applications write.  An event follows from who wrote it and its number alone, so that the application
can write it again after a crash, and a checker can tell an event that was altered from one that was not."""

import json
import zlib
from typing import NamedTuple


class Event(NamedTuple):
    id: str             # "shop-1/0/17": instance, lane, number; no other event has it
    lane: int
    number: int
    topic: str
    partition: int
    key: str
    sequence: int       # of its key: 0, 1, 2, ...
    value: bytes

    @property
    def headers(self):
        return [("id", self.id.encode()), ("sequence", b"%d" % self.sequence)]


class Catalogue:
    """The events of one instance: `keys` keys a lane, each of them in one partition of one topic."""

    def __init__(self, instance, topics, partitions, keys, size=(20, 300)):
        self.instance, self.topics, self.partitions, self.keys, self.size = instance, topics, partitions, keys, size

    def event(self, lane, number):
        name = f"{self.instance}/{lane}/{number}"
        key_index, sequence = number % self.keys, number // self.keys
        key = f"{self.instance}/{lane}/{key_index}"
        topic = self.topics[key_index % len(self.topics)]
        small, large = self.size
        length = small + zlib.crc32(name.encode()) % (large - small + 1)
        value = json.dumps({"id": name, "key": key, "sequence": sequence, "note": "." * length}).encode()
        return Event(name, lane, number, topic, zlib.crc32(key.encode()) % self.partitions, key, sequence, value)

    def named(self, name):
        """The event of that name, or None when this instance has none of it."""
        instance, _, rest = name.rpartition("/")[0].rpartition("/")
        lane, number = rest, name.rpartition("/")[2]
        if instance != self.instance or not (lane.isdigit() and number.isdigit()):
            return None
        return self.event(int(lane), int(number))
