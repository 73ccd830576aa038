"""The checker is checked: a clean history passes, and each fault planted into it is found, under its own name."""

import copy

import pytest

from events import Catalogue
from history import Entry, Instance, check

CONFIG = {"instance": "shop-1", "topics": ["orders"], "partitions": 2, "keys": 5, "size": [5, 9], "word": "source"}
CATALOGUE = Catalogue("shop-1", ["orders"], 2, 5, [5, 9])
MS = 1_000_000


class World:
    """A clean history: 40 events to the source first, a crossing, 40 to the target first, a return, 40 more."""

    def __init__(self):
        self.lines, self.reads = [], []
        self.logs = {side: {("orders", p): [] for p in (0, 1)} for side in ("source", "target")}
        self.at, self.number, self.epoch = 0, 0, 0
        self.write("source", 40)
        self.cross("target")
        self.write("target", 40)
        self.cross("source")
        self.write("source", 40)
        self.read("source", 0, 30)
        self.read("target", 25, 60)         # after a crossing some are read again
        self.read("source", 60, 110)

    def append(self, side, event, **changed):
        log = self.logs[side]["orders", event.partition]
        entry = Entry(log[-1].offset + 1 if log else 0, event.id, event.sequence, event.key, event.value)
        log.append(entry._replace(**changed))
        return log[-1].offset

    def note(self, kind, **more):
        self.at += MS
        self.lines.append({"e": kind, "w": self.at, **more})
        return self.lines[-1]

    def take(self, side):
        event = CATALOGUE.event(0, self.number)
        self.note("take", l=0, n=self.number, first=side, ep=self.epoch, t=0, sides=2)
        self.number += 1
        return event

    def ok(self, event, side, role, offset):
        self.at += MS
        return self.note("ok", l=0, n=event.number, c=side, r=role, ep=self.epoch, p=event.partition, o=offset,
                         s=self.at - MS, k=self.at)

    def write(self, first, count):
        second = {"source": "target", "target": "source"}[first]
        for _ in range(count):
            event = self.take(first)
            self.ok(event, first, "first", self.append(first, event))
            self.ok(event, second, "mirror", self.append(second, event))

    def cross(self, to):
        self.note("set", word="hold", ep=self.epoch + 1)
        self.note("drained", ep=self.epoch + 1)
        self.epoch += 2
        self.note("set", word=to, ep=self.epoch)

    def read(self, side, begin, end):
        for number in range(begin, end):
            event = CATALOGUE.event(0, number)
            entry = next(e for e in self.logs[side]["orders", event.partition] if e.id == event.id)
            self.reads.append({"e": "read", "g": "billing", "c": side, "t": "orders", "p": event.partition,
                               "o": entry.offset, "id": event.id, "w": self.at})

    # ---- for faults

    def ack(self, number, role="first"):
        return next(line for line in self.lines if line["e"] == "ok" and line["n"] == number and line["r"] == role)

    def drop(self, side, number):
        event = CATALOGUE.event(0, number)
        log = self.logs[side]["orders", event.partition]
        log[:] = [entry for entry in log if entry.id != event.id]

    def check(self, **how):
        return check([Instance(copy.deepcopy(self.lines), CONFIG)], self.logs, "source", reads=[self.reads], **how)


@pytest.fixture
def world():
    return World()


def test_a_clean_history(world):
    report = world.check(load_min=20)
    assert not report.findings, report
    assert [(c.side, c.before, c.after) for c in report.crossings] == [("target", 40, 40), ("source", 40, 40)]
    # The mirror write of the last event, hold, drained and the word lie between: some milliseconds.
    assert all(0 < pause < 0.02 for pause in report.pauses), report
    assert report.reread == 5 and report.counts["acknowledged"] == 240, report


def lost_on_both(world):
    world.drop("source", 50)
    world.drop("target", 50)


def lost_on_the_old_side(world):
    world.drop("target", 7)


def lost_where_authority_ends(world):
    world.drop("source", 45)


def doubled(world):
    world.append("target", CATALOGUE.event(0, 3), sequence=10_000)      # late, so the order is hurt as well


def doubled_at_once(world):
    event = CATALOGUE.event(0, 119)
    world.append("target", event)


def reordered(world):
    log = world.logs["target"]["orders", CATALOGUE.event(0, 0).partition]
    key = CATALOGUE.event(0, 0).key
    first, second = [i for i, entry in enumerate(log) if entry.key == key][:2]
    a, b = log[first], log[second]
    log[first], log[second] = b._replace(offset=a.offset), a._replace(offset=b.offset)


def altered(world):
    log = world.logs["target"]["orders", 0]
    log[4] = log[4]._replace(value=b"{}")


def from_nowhere(world):
    world.append("source", CATALOGUE.event(0, 500))


def from_a_stranger(world):
    world.logs["source"]["orders", 0].append(Entry(999, "somebody/0/1", 0, "k", b""))


def written_though_it_failed(world):
    event = world.take("source")
    world.note("fail", l=0, n=event.number, c="source", r="first", ep=world.epoch)
    world.append("source", event)
    world.append("target", event)


def acknowledged_elsewhere(world):
    world.ack(12)["o"] = 9999


def acknowledged_at_a_place_of_another(world):
    world.ack(12)["o"] = world.ack(12)["o"] - 1


def half_mirrored(world):
    event = world.take("source")
    world.ok(event, "source", "first", world.append("source", event))


def two_authorities_at_once(world):
    late = world.ack(39)        # the last on the source is acknowledged after the target's first
    late["k"] = world.ack(41)["k"]


def two_authorities_under_one_epoch(world):
    line = world.ack(60)
    line["c"], line["o"] = "source", world.ack(60, "mirror")["o"]


def begun_after_drained(world):
    drained = next(i for i, line in enumerate(world.lines) if line["e"] == "drained")
    late = next(line for line in world.lines if line["e"] == "take" and line["n"] == 39)
    world.lines.insert(drained + 1, {**late, "w": world.lines[drained]["w"] + 1})


def under_way_at_drained(world):
    drained = next(line for line in world.lines if line["e"] == "drained")
    world.ack(39, "mirror").update(k=drained["w"] + 10)


def torn(world):
    world.note("torn", l=0, c="target", there=3, of=20)


def skipped_by_the_group(world):
    world.reads[:] = [line for line in world.reads if line["id"] != CATALOGUE.event(0, 70).id]


def without_a_position(world):
    world.reads.append({"e": "lost-position", "g": "billing", "c": "target", "t": "orders", "p": 1})


def read_and_gone(world):
    world.reads.append({**world.reads[-1], "o": 7777})


def read_something_else(world):
    world.reads[5]["id"] = CATALOGUE.event(0, 90).id


@pytest.mark.parametrize("fault, kinds", [
    (lost_on_both, {"lost-write", "unseen", "precommitted-read"}),
    (lost_on_the_old_side, {"unseen", "sides-differ"}),
    (lost_where_authority_ends, {"lost-write", "unseen", "sides-differ"}),
    (doubled, {"duplicate", "altered"}),
    (doubled_at_once, {"duplicate"}),
    (reordered, {"nonmonotonic-send", "inconsistent-offsets"}),
    (altered, {"altered"}),
    (from_nowhere, {"phantom"}),
    (from_a_stranger, {"phantom"}),
    (written_though_it_failed, {"G1a"}),
    (acknowledged_elsewhere, {"unseen"}),
    (acknowledged_at_a_place_of_another, {"inconsistent-offsets"}),
    (half_mirrored, {"sides-differ"}),
    (two_authorities_at_once, {"split-authority", "drained-lied"}),
    (two_authorities_under_one_epoch, {"split-authority"}),
    (begun_after_drained, {"drained-lied"}),
    (under_way_at_drained, {"drained-lied"}),
    (torn, {"torn"}),
    (skipped_by_the_group, {"poll-skip"}),
    (without_a_position, {"lost-position"}),
    (read_and_gone, {"precommitted-read", "poll-skip"}),
    (read_something_else, {"inconsistent-offsets", "poll-skip"}),
])
def test_a_planted_fault_is_found(world, fault, kinds):
    fault(world)
    report = world.check()
    assert kinds <= set(report.kinds), report
    # One fault may show in several ways; it must not look like everything at once.
    assert len(set(report.kinds) - kinds) <= 1, report


def test_a_crossing_without_load_proves_nothing():
    world = World()
    world.cross("target")
    world.cross("source")
    assert world.check().kinds == {"no-load": 1}
    assert World().check(load_min=41).kinds == {"no-load": 2}


def test_a_group_that_had_the_time_has_read_everything(world):
    assert world.check(read_to_end=True).kinds == {"unread": 10}
    world.read("source", 110, 120)
    assert not world.check(read_to_end=True).findings


def test_no_more_is_asked_than_can_be_known(world):
    """An unknown outcome may have gone either way; a found one has no time of its own."""
    for side in ((), ("source", "target")):
        event = world.take("source")
        world.note("info", l=0, n=event.number, c="source", r="first", ep=world.epoch)
        for one in side:
            world.append(one, event)
    found = world.take("source")
    for role, side in (("first", "source"), ("mirror", "target")):
        world.ok(found, side, role, world.append(side, found)).update(found=True, s=0, k=world.at + 10**12)
    assert not world.check().findings, world.check()
