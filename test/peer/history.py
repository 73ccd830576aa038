"""Did the crossings keep what they promised?  The checker over all that applications saw acknowledged, all that groups
read, and all that both clusters hold at the end; two logs taken as one, in the manner of Jepsen.

    logs = {"source": read_log(source, ["orders"], read_all), "target": read_log(target, ["orders"], read_all)}
    report = check([instance_of(shop)], logs, end="target", reads=[read_diary(group.diary)])
    assert not report.findings, report
    report.pauses           how long each change of authority kept writers waiting, in seconds

| finding | what it says |
| --- | --- |
| lost-write | acknowledged by the authority of its time, and not on the side that has authority at the end |
| unseen | acknowledged by a cluster, and not in that cluster's log |
| inconsistent-offsets | one offset with two events: by an acknowledgement, a group's read, or the log |
| duplicate | one event at two offsets of a cluster |
| phantom | in a log, and nobody ever set out to write it |
| G1a | in a log, though every attempt to write it certainly failed |
| altered | in a log with another key, value, partition or sequence than it was given |
| nonmonotonic-send | the events of a key not in the order of their sequence |
| sides-differ | on one side only, though every writer had finished what it had begun |
| torn | a transaction of which a log held a part, as its writer saw when it looked for it |
| split-authority | two sides acknowledged as authority at overlapping times, or under one epoch |
| drained-lied | something was begun or acknowledged between a "drained" and the next word |
| no-load | a change of authority with too few acknowledged writes before or after it: it proves nothing |
| poll-skip | a group never got an event that lies before one that it did get |
| unread | a group that had the time to read everything did not get an event of the end |
| lost-position | a group found no position where it was to go on |
| precommitted-read | a group read an event that no log holds at the end |
"""

import bisect
import collections
import itertools
from typing import NamedTuple

from diary import read_diary
from events import Catalogue

SIDES = ("source", "target")
EXAMPLES_MAX = 5


class Finding(NamedTuple):
    kind: str
    text: str


class Acknowledged(NamedTuple):
    id: str
    side: str
    role: str           # first or mirror
    epoch: int
    partition: int
    offset: int
    sent: int
    acked: int
    found: bool         # read in the log after an unknown outcome: when it was written is not known


class Entry(NamedTuple):
    """A record as a cluster holds it at the end."""
    offset: int
    id: str
    sequence: int
    key: str
    value: bytes


class Crossing(NamedTuple):
    instance: str
    epoch: int
    side: str
    pause: float        # from the last acknowledged write on one side to the first on the other, in seconds
    before: int         # acknowledged writes in the stretch that it ended, and in the one it began
    after: int


class Report:
    def __init__(self):
        self.findings, self.crossings, self.reread, self.counts = [], [], 0, collections.Counter()

    @property
    def kinds(self):
        return collections.Counter(one.kind for one in self.findings)

    @property
    def pauses(self):
        return sorted(one.pause for one in self.crossings)

    def say(self, kind, text):
        self.findings.append(Finding(kind, text))

    def __repr__(self):
        lines = [f"{count} x {kind}" for kind, count in self.kinds.items()] or ["nothing lost, doubled or reordered"]
        shown = collections.Counter()
        for one in self.findings:
            shown[one.kind] += 1
            if shown[one.kind] <= EXAMPLES_MAX:
                lines.append(f"  {one.kind}: {one.text}")
        lines.append(", ".join(f"{name} {count}" for name, count in sorted(self.counts.items())))
        if self.crossings:
            middle = self.pauses[len(self.pauses) // 2]
            lines.append(f"{len(self.crossings)} crossings, pause p50 {middle * 1000:.0f} ms, most "
                         f"{self.pauses[-1] * 1000:.0f} ms")
        return "\n".join(lines)


def read_log(cluster, topics, read_all):
    """What a cluster holds, in the checker's words: (topic, partition) -> [Entry], read-committed.  `read_all` is that
    of records.py, handed in so that the checker itself needs no Kafka."""
    log = {}
    for topic in topics:
        for partition, messages in read_all(cluster, topic).items():
            entries = []
            for message in messages:
                headers = dict(message.headers() or ())
                sequence = headers.get("sequence", b"")
                entries.append(Entry(message.offset(), headers.get("id", b"").decode(errors="replace"),
                                     int(sequence) if sequence.isdigit() else -1,
                                     (message.key() or b"").decode(errors="replace"), message.value() or b""))
            log[topic, partition] = entries
    return log


class Instance:
    """One application's diary, taken apart."""

    def __init__(self, lines, config):
        self.config = config
        self.name = config["instance"]
        self.catalogue = Catalogue(self.name, config["topics"], config["partitions"], config["keys"], config["size"])
        self.acknowledged, self.words, self.drained, self.took = [], [], [], []
        self.attempts = collections.defaultdict(set)        # id -> outcomes other than ok
        self.taken, self.torn = set(), []
        for line in lines:
            kind = line["e"]
            if kind == "take":
                name = self.id(line)
                self.taken.add(name)
                self.took.append((line["w"], name))
            elif kind == "ok":
                self.acknowledged.append(Acknowledged(self.id(line), line["c"], line["r"], line["ep"], line["p"],
                                                      line["o"], line["s"], line["k"], line.get("found", False)))
            elif kind in ("fail", "info", "absent"):
                self.attempts[self.id(line)].add(kind)
            elif kind == "torn":
                self.torn.append((line["c"], line["l"], line["there"], line["of"]))
            elif kind == "set":
                self.words.append((line["w"], line["word"], line["ep"]))
            elif kind == "drained":
                self.drained.append((line["w"], line["ep"]))

    def id(self, line):
        return f"{self.name}/{line['l']}/{line['n']}"


def instance_of(app):
    """An instance by the ShopApp that ran it."""
    return Instance(read_diary(app.diary), app.config)


def check(instances, logs, end, reads=(), level=True, load_min=1, mirrored=True, read_to_end=False):
    """`end`: the side that has authority at the end.  `level`: every writer had finished, so both sides must hold the
    same; with `mirrored` false (stop-and-switch) only the authority of the end must hold everything.  `reads`: lines of
    groups' diaries, a list for each group; with `read_to_end` they had the time to get everything."""
    report = Report()
    by_name = {one.name: one for one in instances}
    places = {side: collections.defaultdict(list) for side in SIDES}     # id -> [(topic, partition, offset)]
    at = {side: {} for side in SIDES}                                    # (topic, partition, offset) -> id
    for side in SIDES:
        look_through_log(report, side, logs[side], by_name, places[side], at[side])
    for one in instances:
        look_through_acknowledged(report, one, places, at, end)
        look_through_failed(report, one, places)
        look_through_words(report, one)
        report.crossings += crossings(report, one, load_min)
    split_authority(report, instances)
    if level and mirrored:
        sides_differ(report, places)
    for lines in reads:
        look_through_reads(report, list(lines), logs, at, end if read_to_end else None)
    return report


def look_through_log(report, side, log, by_name, places, at):
    for (topic, partition), entries in log.items():
        sequences = {}
        for entry in entries:
            report.counts[f"on the {side}"] += 1
            where = f"{side} {topic}-{partition} at {entry.offset}"
            writer = by_name.get(entry.id.split("/")[0])
            if writer is None or entry.id not in writer.taken:
                report.say("phantom", f"{entry.id!r} on {where}")
                continue
            places[entry.id].append((topic, partition, entry.offset))
            at[topic, partition, entry.offset] = entry.id
            event = writer.catalogue.named(entry.id)
            if (event.key, event.value, event.topic, event.partition, event.sequence) != \
                    (entry.key, entry.value, topic, partition, entry.sequence):
                report.say("altered", f"{entry.id} on {where}")
            before = sequences.get(entry.key)
            if before is not None and entry.sequence < before:
                report.say("nonmonotonic-send", f"{entry.id} on {where}: {entry.sequence} of its key after {before}")
            sequences[entry.key] = max(entry.sequence, before if before is not None else -1)
    for name, found in places.items():
        if len(found) > 1:
            report.say("duplicate", f"{name} on the {side} at {found}")


def look_through_acknowledged(report, one, places, at, end):
    claimed = {}
    for ack in one.acknowledged:
        report.counts["acknowledged"] += 1
        event = one.catalogue.named(ack.id)
        where = (event.topic, ack.partition, ack.offset)
        text = f"{ack.id} on {ack.side} {event.topic}-{ack.partition} at {ack.offset}"
        if claimed.setdefault((ack.side, *where), ack.id) != ack.id:
            report.say("inconsistent-offsets", f"{text}: acknowledged there for {claimed[(ack.side, *where)]} as well")
        if where not in at[ack.side]:
            report.say("unseen", text)
        elif at[ack.side][where] != ack.id:
            report.say("inconsistent-offsets", f"{text}: the log has {at[ack.side][where]} there")
        if ack.role == "first" and ack.id not in places[end]:
            report.say("lost-write", f"{text} is not on the {end}")


def look_through_failed(report, one, places):
    for side, lane, there, count in one.torn:
        report.say("torn", f"a transaction of {one.name}/{lane}: {there} of its {count} events on the {side}")
    good = {ack.id for ack in one.acknowledged}
    for name, outcomes in one.attempts.items():
        if outcomes == {"fail"} and name not in good:
            for side in SIDES:
                if name in places[side]:
                    report.say("G1a", f"{name} is on the {side}, and every attempt failed")


def look_through_words(report, one):
    """Between "drained" and the next word nothing may be begun, and nothing may be under way."""
    took = sorted(one.took)
    acks = sorted((ack for ack in one.acknowledged if not ack.found), key=lambda ack: ack.sent)
    sent = [ack.sent for ack in acks]
    latest = list(itertools.accumulate((ack.acked for ack in acks), max))
    for said, epoch in one.drained:
        until = min((at for at, _, later in one.words if at > said and later > epoch), default=1 << 63)
        for _, name in took[bisect.bisect_right(took, (said, "~")):bisect.bisect_left(took, (until, ""))]:
            report.say("drained-lied", f"{name} was begun after \"drained\" of epoch {epoch}")
        index = bisect.bisect_left(sent, until) - 1
        while index >= 0 and latest[index] > said:
            if acks[index].acked > said:
                report.say("drained-lied", f"{acks[index].id} was under way to the {acks[index].side} at \"drained\" "
                                           f"of epoch {epoch}")
            index -= 1


def stretches(one):
    """The authoritative acknowledgements, cut where the side changes: [(side, epoch, [acks])], by epoch and time."""
    first = sorted((ack for ack in one.acknowledged if ack.role == "first" and not ack.found),
                   key=lambda ack: (ack.epoch, ack.acked))
    out = []
    for ack in first:
        if not out or out[-1][0] != ack.side:
            out.append((ack.side, ack.epoch, []))
        out[-1][2].append(ack)
    return out


def crossings(report, one, load_min):
    made, parts = [], stretches(one)
    for (_, _, before), (side, epoch, after) in zip(parts, parts[1:]):
        pause = (min(ack.acked for ack in after) - max(ack.acked for ack in before)) / 1e9
        made.append(Crossing(one.name, epoch, side, pause, len(before), len(after)))
        if min(len(before), len(after)) < load_min:
            report.say("no-load", f"{one.name}, epoch {epoch}: {len(before)} writes before, {len(after)} after")
    switched = [word for _, word, _ in one.words if word in SIDES]
    wanted = sum(a != b for a, b in zip([one.config.get("word", "source"), *switched], switched))
    if load_min and wanted > len(made):
        report.say("no-load", f"{one.name}: told {wanted} times that authority moved, wrote across {len(made)} of them")
    return made


def split_authority(report, instances):
    """Over all instances: the times of authority of two sides, first send to last acknowledgement, are apart."""
    sides, spans = {}, {}
    for one in instances:
        for ack in one.acknowledged:
            if ack.role != "first" or ack.found:
                continue
            sides.setdefault(ack.epoch, set()).add(ack.side)
            begin, last = spans.get((ack.epoch, ack.side), (ack.sent, ack.acked))
            spans[ack.epoch, ack.side] = (min(begin, ack.sent), max(last, ack.acked))
    for epoch, both in sides.items():
        if len(both) > 1:
            report.say("split-authority", f"both sides acknowledged as authority under epoch {epoch}")
    ordered = sorted(spans.items())
    for index, ((epoch, side), (_, last)) in enumerate(ordered):
        for (later, other), (begin, _) in ordered[index + 1:]:
            if other != side and begin < last:
                report.say("split-authority", f"{other} of epoch {later} began {(last - begin) / 1e6:.1f} ms before "
                                              f"{side} of epoch {epoch} had acknowledged its last")


def sides_differ(report, places):
    for here, there in (SIDES, SIDES[::-1]):
        for name in places[here]:
            if name not in places[there]:
                report.say("sides-differ", f"{name} is on the {here} alone")


def look_through_reads(report, lines, logs, at, whole):
    """A group's reads of both clusters as reads of one log: each event at least once, none passed over.  What lies
    beyond the last that it read of a partition, on the side where it read last, it may not have got yet."""
    seen = collections.Counter()
    reach, last_side, group = {}, None, "?"
    for line in lines:
        if line["e"] == "lost-position":
            report.say("lost-position", f"{line['g']} on the {line['c']}, {line['t']}-{line['p']}")
        if line["e"] != "read":
            continue
        group, last_side = line["g"], line["c"]
        where = (line["t"], line["p"], line["o"])
        known = at[last_side].get(where)
        if known is None:
            report.say("precommitted-read", f"{group} read {line['id']} on {last_side} {where}, which no log holds")
        elif known != line["id"]:
            report.say("inconsistent-offsets", f"{group} read {line['id']} on {last_side} {where}: the log has {known}")
        seen[line["id"]] += 1
        reach[last_side, line["t"], line["p"]] = max(line["o"], reach.get((last_side, line["t"], line["p"]), -1))
    report.counts[f"read by {group}"] += sum(seen.values())
    report.reread += sum(count - 1 for count in seen.values())
    for side in SIDES:
        for (topic, partition), entries in logs[side].items():
            end = reach.get((side, topic, partition), -1)
            for entry in entries:
                if entry.id not in seen and (entry.offset <= end or side == whole):
                    report.say("poll-skip" if entry.offset <= end else "unread",
                               f"{group} never got {entry.id}: {side} {topic}-{partition} at {entry.offset}")
