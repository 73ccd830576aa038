"""The diary of one application instance: an append-only file, a JSON object a line, written before and after each send.

It is three things at once: the intents that a restart needs (nothing is sent that was not written down first), what has
been acknowledged (the restart sends that never again), and the history that a checker reads at the end.  A line is one
write() to a file, so it outlives the process, whatever ends it.  Times are of the monotonic clock in nanoseconds, which
all processes of a machine share.

	start    an instance came up: pid, word, epoch
	set      the flag was given a word under an epoch
	drained  it said for the first time under an epoch that nothing is in flight
	take     event n of lane l is about to be written, `first` on that side, under epoch ep; t is its timestamp, b
	         names the events of one transaction
	ok       acknowledged on side c as r (first or mirror) at partition p, offset o; sent at s, known at k;
	         found: not acknowledged, but read in the log after its outcome had been unknown
	fail     certainly not written: refused, or aborted
	info     not known whether it was written
	torn     of the `of` events of a transaction only `there` were found in the log of c
	absent   it was looked for after `info`, and is not there
	back     it is on neither side and waits for the next word again
	read     a group read an event: g, c, p, o, id

A snapshot beside it, replaced now and then, saves a restart from reading all of it.
"""

import json
import os
import threading
import time
from pathlib import Path

SNAPSHOT_EVERY = 20_000


def now():
    return time.monotonic_ns()


class Progress:
    """What the lines so far add up to.  Fed by the running instance and by the replay alike."""

    def __init__(self, state=None):
        state = state or {}
        self.word, self.epoch = state.get("word"), state.get("epoch", 0)
        self.next = {int(lane): n for lane, n in state.get("next", {}).items()}     # lane -> first number never taken
        # lane -> {number: {"t": timestamp, "first": side, "ep": epoch, "on": sides, "floor": {side: offset}}}
        self.open = {int(lane): {int(n): one for n, one in events.items()}
                     for lane, events in state.get("open", {}).items()}
        self.last = state.get("last", {})       # "side topic-partition" -> highest offset acknowledged

    def state(self):
        return {"word": self.word, "epoch": self.epoch, "next": self.next, "open": self.open, "last": self.last}

    def apply(self, line, place):
        """`place(lane, number)` is the topic and partition of an event."""
        kind = line["e"]
        if kind == "take":
            lane, number = line["l"], line["n"]
            self.next[lane] = max(self.next.get(lane, 0), number + 1)
            topic, partition = place(lane, number)
            floors = {side: self.last.get(f"{side} {topic}-{partition}", -1) + 1 for side in ("source", "target")}
            known = self.open.setdefault(lane, {}).setdefault(number, {"on": [], "floor": floors})
            known.update(t=line["t"], first=line["first"], ep=line["ep"], sides=line["sides"], batch=line.get("b"))
        elif kind == "ok":
            lane, number, side = line["l"], line["n"], line["c"]
            topic, partition = place(lane, number)
            where = f"{side} {topic}-{partition}"
            self.last[where] = max(self.last.get(where, -1), line["o"])
            one = self.open.get(lane, {}).get(number)
            if one is not None:
                one["on"].append(side)
                if len(set(one["on"])) >= one["sides"]:
                    del self.open[lane][number]
        elif kind == "set":
            self.word, self.epoch = line["word"], line["ep"]


class Diary:
    def __init__(self, file, place=None):
        self.file, self.place = Path(file), place or (lambda lane, number: ("", 0))
        self.kept = self.file.with_suffix(".snapshot")
        self.lock = threading.Lock()
        self.progress, self.size = Progress(), 0
        self._resume()
        self.out = os.open(self.file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        self.lines_since = 0

    def _resume(self):
        if not self.file.exists():
            return
        if self.kept.exists():
            snapshot = json.loads(self.kept.read_text())
            self.progress, self.size = Progress(snapshot["progress"]), snapshot["size"]
        with self.file.open("rb") as file:
            file.seek(self.size)
            for raw in file:
                if not raw.endswith(b"\n"):     # the machine, not the process, went down in the middle of it
                    break
                self.progress.apply(json.loads(raw), self.place)
                self.size += len(raw)
        os.truncate(self.file, self.size)

    def write(self, *lines):
        """All of them in one write; on disk as far as the process is concerned when this returns."""
        raw = b"".join(json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in lines)
        with self.lock:
            os.write(self.out, raw)
            self.size += len(raw)
            for line in lines:
                self.progress.apply(line, self.place)
            self.lines_since += len(lines)
            if self.lines_since >= SNAPSHOT_EVERY:
                self._snapshot()

    def _snapshot(self):
        self.lines_since = 0
        part = self.kept.with_suffix(".part")
        part.write_text(json.dumps({"size": self.size, "progress": self.progress.state()}))
        part.replace(self.kept)


def read_diary(file):
    """Every whole line of a diary that may still be written to."""
    with open(file, "rb") as lines:
        for raw in lines:
            if raw.endswith(b"\n"):
                yield json.loads(raw)
