"""A consumer group's application, as a process of its own: python group_app.py FOLDER, where FOLDER holds config.json
and keeps the diary of everything read.

Its lever is called `group` (door.py): `running source`, `running target` or `stopped`; it takes `start source`, `start
target` and `stop`.  A stop is answered once positions are committed and the member has left the group.  It commits what
it has processed every so often and at a stop; killed in between it reads some again, and skips none.

Only in its very first life may a partition without a position be read from its beginning.  Later that is a fault, for a
position was lost: it says so in its diary (`lost-position`) and reads nothing from there.
"""

import faulthandler
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

from confluent_kafka import Consumer, KafkaError, KafkaException

from diary import Diary, now
from door import Door, Older, Unknown

WORDS = {"start source": "running source", "start target": "running target", "stop": "stopped"}


class Group:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.config = {"word": "running source", "commit_every": 0.2, "rate": 0,
                       **json.loads((self.folder / "config.json").read_text())}
        self.name = self.config["group"]
        self.diary = Diary(self.folder / "diary")
        progress = self.diary.progress
        self.first_life = progress.word is None
        self.wanted, self.epoch = progress.word or self.config["word"], progress.epoch
        self.lock = threading.Lock()
        self.standing = "stopped"       # what is so; `wanted` is what was asked for
        self.moved = threading.Condition(self.lock)
        self.ending = False
        self.diary.write({"e": "start", "pid": os.getpid(), "group": self.name, "word": self.wanted, "ep": self.epoch,
                          "w": now()})

    # ---- the lever

    def get(self):
        with self.lock:
            return self.standing

    def set(self, word, epoch):
        if word not in WORDS:
            raise Unknown(f"the words are {', '.join(sorted(WORDS))}")
        with self.lock:
            if epoch is not None and epoch < self.epoch:
                raise Older(f"epoch {self.epoch} was seen")
            self.epoch = self.epoch if epoch is None else epoch
            self.wanted = WORDS[word]
            self.diary.write({"e": "set", "word": self.wanted, "ep": self.epoch, "w": now()})
            self.moved.notify_all()
            if not self.moved.wait_for(lambda: self.standing == self.wanted, timeout=self.config.get("patience", 8)):
                raise TimeoutError("it has not come about yet")

    # ---- life

    def run(self):
        door = Door(self.config["port"], {"group": self})
        while not self.ending:
            with self.lock:
                wanted = self.wanted
                if wanted == "stopped":
                    self.moved.wait(0.1)
                    continue
            self.work(wanted)
        door.close()

    def stands(self, word):
        with self.lock:
            self.standing = word
            self.moved.notify_all()

    def work(self, wanted):
        side = wanted.split()[1]
        client = Consumer({"log_level": 0, "reconnect.backoff.max.ms": 200, "group.id": self.name,
                           "enable.auto.commit": False, "isolation.level": "read_committed",
                           "auto.offset.reset": "error", "session.timeout.ms": 6000, "heartbeat.interval.ms": 500,
                           **self.config["sides"][side]})
        assigned = threading.Event()
        begin = self.first_life

        def on_assign(client, places):
            if begin:
                for place, known in zip(places, client.committed(places, timeout=20)):
                    place.offset = known.offset if known.offset >= 0 else 0
                client.assign(places)
                client.commit(offsets=places, asynchronous=False)
            assigned.set()

        client.subscribe(self.config["topics"], on_assign=on_assign)
        committed_at, since = time.monotonic(), 0
        try:
            while self.wanted == wanted and not self.ending:
                read = client.consume(200, 0.05)
                if assigned.is_set() and self.standing != wanted:
                    self.first_life = False
                    self.diary.write({"e": "joined", "g": self.name, "c": side, "w": now()})
                    self.stands(wanted)
                since += self.note(side, read)
                if since and time.monotonic() - committed_at >= self.config["commit_every"]:
                    committed_at, since = time.monotonic(), 0
                    self.commit(client)
        finally:
            if since:
                self.commit(client)
            client.close()
            self.diary.write({"e": "left", "g": self.name, "c": side, "w": now()})
            self.stands("stopped")

    def note(self, side, messages):
        lines = []
        for message in messages:
            error = message.error()
            if error is None:
                name = dict(message.headers() or ()).get("id", b"").decode(errors="replace")
                lines.append({"e": "read", "g": self.name, "c": side, "t": message.topic(), "p": message.partition(),
                              "o": message.offset(), "id": name, "w": now()})
            elif error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError._NO_OFFSET, KafkaError.OFFSET_OUT_OF_RANGE):
                lines.append({"e": "lost-position", "g": self.name, "c": side, "t": message.topic(),
                              "p": message.partition(), "w": now()})
        if lines:
            self.diary.write(*lines)
        if self.config["rate"]:
            time.sleep(len(lines) / self.config["rate"])
        return len(lines)

    def commit(self, client):
        """A commit that fails is no fault: it will be read again."""
        try:
            client.commit(asynchronous=False)
        except KafkaException as failed:
            print(f"{time.strftime('%H:%M:%S')} commit: {failed}", file=sys.stderr, flush=True)

    def end(self, *_):
        self.ending = True


def main(folder):
    sys.setswitchinterval(0.0005)
    faulthandler.register(signal.SIGUSR1)
    group = Group(folder)
    signal.signal(signal.SIGTERM, group.end)
    signal.signal(signal.SIGINT, group.end)
    group.run()


if __name__ == "__main__":
    main(sys.argv[1])
