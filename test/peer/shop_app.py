"""A shop that writes its events to two clusters, as a process of its own: python shop_app.py FOLDER, where FOLDER holds
config.json and keeps the diary (diary.py).  Started, killed and paused by tests through apps.py.

It obeys a flag (door.py) that says which side is authoritative, `source` or `target`, or `hold`:

- Under `source` an event is written to the source, and once acknowledged there, to the target; under `target` the other
  way round.  A mirror write that fails is tried again, in order, for as long as it takes, also after a restart.
- Under `hold` nothing is begun.  What is under way is finished on both sides; new events wait in a queue, and when that
  is full their customers do.
- `drained` under an epoch is true once nothing is under way on either side, mirror writes and lookups after a restart
  included; and then nothing is written before the next word.
- A word under an older epoch than one seen before is refused, and so is another word under the same epoch.

The word, its epoch and each intent are in the diary before they count, so that a crash forgets nothing.  With "mirror":
false it writes to one side alone, and its lever is called `bootstrap`: an application for stop-and-switch; with "hold":
false it does not know that word, and a new word counts for each lane once the lane has finished what it had begun.
"""

import faulthandler
import fcntl
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

from diary import Diary, now
from door import Door, Older, Unknown
from events import Catalogue
from shop_lane import OTHER, PlainLane, TransactionLane

DEFAULTS = {"rate": 200, "lanes": 2, "keys": 60, "queue": 5000, "backlog": 20_000, "idempotent": True,
            "transactional": False, "transaction_events": 20, "mirror": True, "hold": True, "word": "source",
            "size": [20, 300]}


class Shop:
    def __init__(self, folder):
        self.folder = Path(folder)
        config = {**DEFAULTS, **json.loads((self.folder / "config.json").read_text())}
        self.config, self.instance = config, config["instance"]
        self.catalogue = Catalogue(self.instance, config["topics"], config["partitions"], config["keys"],
                                   config["size"])
        self.diary = Diary(self.folder / "diary", self._place)
        self.rate, self.queue_max, self.backlog_max = config["rate"], config["queue"], config["backlog"]
        self.idempotent, self.transaction_events = config["idempotent"], config["transaction_events"]
        self.sides_each = 2 if config["mirror"] else 1
        self.words = {"source", "target"} | ({"hold"} if config["hold"] else set())
        self.lock = threading.Lock()
        self.ending, self.said_drained = False, None
        progress = self.diary.progress
        self.word, self.epoch = progress.word or config["word"], progress.epoch
        self.diary.write({"e": "start", "pid": os.getpid(), "instance": self.instance, "word": self.word,
                          "ep": self.epoch, "w": now()})
        kind = TransactionLane if config["transactional"] else PlainLane
        self.lanes = [kind(self, index) for index in range(config["lanes"])]

    def _place(self, lane, number):
        event = self.catalogue.event(lane, number)
        return event.topic, event.partition

    def settings(self, side):
        return {"log_level": 0, "reconnect.backoff.max.ms": 200, **self.config["sides"][side]}

    def floors(self, event):
        """Nothing of an event that is taken now can lie below these offsets."""
        last = self.diary.progress.last
        return {side: last.get(f"{side} {event.topic}-{event.partition}", -1) + 1 for side in OTHER}

    @staticmethod
    def log(text):
        print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)

    # ---- the lever

    def get(self):
        with self.lock:
            return self.word

    def set(self, word, epoch):
        if word not in self.words:
            raise Unknown(f"the words are {', '.join(sorted(self.words))}")
        with self.lock:
            if epoch is not None and (epoch < self.epoch or (epoch == self.epoch and word != self.word)):
                raise Older(f"epoch {self.epoch} was seen, with the word {self.word}")
            epoch = self.epoch if epoch is None else epoch
            self.diary.write({"e": "set", "word": word, "ep": epoch, "w": now()})
            self.word, self.epoch = word, epoch

    def drained(self, epoch):
        with self.lock:
            if epoch is not None and epoch < self.epoch:
                raise Older(f"epoch {self.epoch} was seen, with the word {self.word}")
            still = all(lane.open == 0 and not lane.recovering for lane in self.lanes)
            if self.word != "hold" or not still or (epoch is not None and epoch != self.epoch):
                return False
            first, self.said_drained = self.said_drained != self.epoch, self.epoch
        if first:
            self.diary.write({"e": "drained", "ep": self.epoch, "w": now()})
        return True

    # ---- life

    def run(self):
        door = Door(self.config["port"], {"flag" if self.sides_each == 2 else "bootstrap": self})
        for lane in self.lanes:
            lane.start()
        for lane in self.lanes:
            while lane.is_alive():
                lane.join(0.2)
        door.close()

    def end(self, *_):
        self.ending = True


def main(folder):
    # Lanes and door share an interpreter; the door must not wait five milliseconds for each of them.
    sys.setswitchinterval(0.0005)
    alone = open(Path(folder) / "lock", "w")
    try:
        fcntl.flock(alone, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        sys.exit(f"another process works in {folder}")
    faulthandler.register(signal.SIGUSR1)       # where does it hang?
    shop = Shop(folder)
    signal.signal(signal.SIGTERM, shop.end)
    signal.signal(signal.SIGINT, shop.end)
    shop.run()


if __name__ == "__main__":
    main(sys.argv[1])
