"""A random workload with faults planted so far apart that each has one right name, from a seed."""

import random
from collections import Counter
from typing import NamedTuple

from records import EPOCH_MS, Record

APART = 40  # records between two faults: neighbours stay witnesses


class Plant(NamedTuple):
    source: list
    target: list
    findings: dict
    partitions: int
    source_how: dict
    target_how: dict
    identity: bool


def workload(chance, count, partitions, keys):
    out, clock = [], EPOCH_MS
    for i in range(count):
        clock += chance.randrange(0, 20)
        key = int(chance.paretovariate(1.0)) % keys
        size = int(min(chance.lognormvariate(4, 1.2), 20000))
        headers = [("id", b"id-%d" % i)] + [(f"h{n}", chance.randbytes(chance.randrange(9)))
                                           for n in range(chance.randrange(4))]
        keyed = chance.random() > 0.05
        partition = key % partitions if keyed else chance.randrange(partitions)
        value = None if chance.random() < 0.02 else b"%d-" % i + chance.randbytes(size // 2).hex().encode()
        out.append(Record(b"key-%d" % key if keyed else None, value, tuple(headers), clock, partition))
    return out


def plant(seed, count=3000):
    chance = random.Random(seed)
    partitions, keys = chance.choice([1, 3, 8]), chance.choice([5, 100, 5000])
    ours = workload(chance, count, partitions, keys)
    identity = chance.random() < 0.5
    edits, found = {}, Counter()
    at = APART
    kinds = ["LOST", "DUPLICATE", "PHANTOM", "ALTERED", "META", "MISROUTED"]
    while at < count - APART:
        kind = chance.choice(kinds)
        one = ours[at]
        if chance.random() < 0.5 or (kind == "MISROUTED" and (partitions == 1 or one.key is None)):
            pass
        elif kind in ("ALTERED", "META") and not identity and one.value is None:
            pass  # a tombstone that changed has too little left to be known by
        else:
            edits[at] = kind
            found[kind] += 1
        at += APART + chance.randrange(APART)
    theirs = []
    for i, one in enumerate(ours):
        kind = edits.get(i)
        if kind == "LOST":
            continue
        if kind == "ALTERED":
            one = one._replace(value=b"altered-%d" % i)
        elif kind == "META":
            one = one._replace(headers=(*one.headers, ("new", b"1")))
        elif kind == "MISROUTED":
            one = one._replace(partition=(one.partition + 1) % partitions)
        theirs.append(one)
        if kind == "DUPLICATE":
            theirs.append(one)
        elif kind == "PHANTOM":
            theirs.append(Record(b"key-0", b"phantom-%d" % i, (("id", b"phantom-%d" % i),), one.timestamp, 0))

    def how():
        return {"codec": chance.choice([None, "gzip", "snappy", "lz4", "zstd"]), "batch": chance.choice([1, 9, 100, 10000]),
                "linger_ms": chance.choice([1, 10, 40])}

    return Plant(ours, theirs, dict(found), partitions, how(), how(), identity)
