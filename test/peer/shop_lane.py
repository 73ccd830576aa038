"""One lane of the shop: a thread that writes the events of its own keys, in their order, to one cluster and then to
the other.

A key has at most one write under way on each cluster: so its order holds whatever client library, retry or refusal does
to the writes of other keys.  What was not acknowledged is looked for in the log (look.py) before it is sent again.
"""

import bisect
import collections
import threading
import time

from confluent_kafka import KafkaError, KafkaException, Producer

from diary import now
from look import Look

OTHER = {"source": "target", "target": "source"}
BACKOFF_S = 0.2
# Said by a broker that has not written: nobody needs to look.
REFUSED = {KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED,
           KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.POLICY_VIOLATION}


class Writing:
    """An event under way: taken, and not yet on every side where it belongs."""

    def __init__(self, event, timestamp, floor):
        self.event, self.timestamp, self.floor = event, timestamp, floor
        self.first, self.epoch, self.on, self.sent, self.batch = None, 0, set(), 0, None

    @property
    def missing(self):
        """The side where it is not known to be yet; the first one first."""
        return self.first if self.first not in self.on else OTHER[self.first]

    def __lt__(self, other):
        return self.event.number < other.event.number


class Lane(threading.Thread):
    """What both kinds of lanes share: the queue, the taking, the diary, the looking."""

    settle_s = 1.0

    def __init__(self, shop, index):
        super().__init__(name=f"lane-{index}", daemon=True)
        self.shop, self.index = shop, index
        self.side = None            # which side comes first; changes only while nothing is open
        self.open = 0               # under shop.lock; nothing is in flight when 0
        self.recovering = True
        self.producers = {}
        progress = shop.diary.progress
        self.next_number = progress.next.get(index, 0)
        self.left_open = progress.open.get(index, {})
        self.waiting = []           # taken once, found on neither side, in order
        self.born, self.born_at = float(self.next_number), time.monotonic()

    # ---- what there is to write

    def _bear(self):
        """Events come to be at the rate of the plan, until the queue is full: then the customers wait."""
        at = time.monotonic()
        born = self.born + (at - self.born_at) * self.shop.rate / self.shop.config["lanes"]
        self.born, self.born_at = min(born, self.next_number + self.shop.queue_max), at

    def next_writings(self, count):
        """What comes next, at most so many; nothing while it could not be taken anyway."""
        word, turning = self.shop.word, self.shop.word != self.side
        if word not in OTHER or (self.open and turning) or self.open >= self.shop.backlog_max:
            return []
        self._bear()
        chosen, number = self.waiting[:count], self.next_number
        while len(chosen) < count and number < int(self.born):
            event = self.shop.catalogue.event(self.index, number)
            chosen.append(Writing(event, int(time.time() * 1000), self.shop.floors(event)))
            number += 1
        return chosen

    def take(self, writings):
        """True when they may be written now.  From here on they are in flight, until `done` or `back`."""
        with self.shop.lock:
            word, epoch = self.shop.word, self.shop.epoch
            if word not in OTHER or self.shop.ending:
                return False
            if word != self.side:
                if self.open:
                    return False
                self.side = word
            self.open += len(writings)
        for one in writings:
            one.first, one.epoch, one.batch = word, epoch, self.batch_name(writings)
            if self.waiting and self.waiting[0] is one:
                self.waiting.pop(0)
            else:
                self.next_number = one.event.number + 1
        self.shop.diary.write(*({"e": "take", "l": self.index, "n": one.event.number, "t": one.timestamp, "first": word,
                                 "ep": epoch, "sides": self.shop.sides_each, "b": one.batch, "w": now()}
                                for one in writings))
        return True

    @staticmethod
    def batch_name(_writings):
        """What all of a transaction's events have in common."""
        return None

    def line(self, kind, one, side, **more):
        return {"e": kind, "l": self.index, "n": one.event.number, "c": side,
                "r": "first" if side == one.first else "mirror", "ep": one.epoch, **more}

    def done(self, one):
        with self.shop.lock:
            self.open -= 1

    def back(self, one):
        """It is on neither side, and the word has changed: it waits for the next one."""
        self.shop.diary.write({"e": "back", "l": self.index, "n": one.event.number})
        bisect.insort(self.waiting, one)
        with self.shop.lock:
            self.open -= 1

    def may_go_on(self, one):
        """Whether an event that is nowhere yet may still be written where it was to be written first."""
        with self.shop.lock:
            return self.shop.word == one.first and self.shop.epoch == one.epoch

    # ---- what became of it

    def look(self, side, writings):
        """Those that are there, as (writing, partition, offset); asks until somebody answers."""
        names = {one.event.id: one for one in writings}
        wanted = {name: (one.event.topic, one.event.partition, one.floor[side]) for name, one in names.items()}
        while True:
            try:
                found = Look(self.shop.settings(side), self.settle_s).find(wanted)
                break
            except (KafkaException, TimeoutError) as failed:
                self.shop.log(f"{self.name} looks on {side}: {failed}")
                time.sleep(BACKOFF_S)
        at = now()
        lines = [self.line("ok", names[name], side, p=p, o=o, s=names[name].sent, k=at, found=True)
                 for name, (p, o) in found.items()]
        lines += [self.line("absent", one, side) for name, one in names.items() if name not in found]
        self.shop.diary.write(*lines)
        for name in found:
            names[name].on.add(side)
        return [names[name] for name in found]

    def left_writings(self):
        """What a former life of this instance had under way, in order."""
        out = []
        for number, known in sorted(self.left_open.items()):
            one = Writing(self.shop.catalogue.event(self.index, number), known["t"], known["floor"])
            one.first, one.epoch, one.on, one.batch = known["first"], known["ep"], set(known["on"]), known["batch"]
            out.append(one)
        self.left_open = {}
        return out

    def recover(self):
        """Before anything new is written: where is what was under way?  Gives what is on one side only."""
        left = self.left_writings()
        with self.shop.lock:
            self.open = len(left)
        sides = [side for side in OTHER if self.shop.sides_each == 2 or any(one.first == side for one in left)]
        for side in sides:
            unsure = [one for one in left if side not in one.on and (self.shop.sides_each == 2 or side == one.first)]
            if unsure:
                self.shop.diary.write(*(self.line("info", one, side, why="restart") for one in unsure))
                self.look(side, unsure)
        half = []
        for one in left:
            if len(one.on) >= self.shop.sides_each:
                self.done(one)
            elif one.on:
                half.append(one)
            else:
                self.back(one)
        self.side = half[0].first if half else self.side
        return half


class PlainLane(Lane):
    """Idempotent or not: writes follow each other without waiting, one at a time for a key."""

    def __init__(self, shop, index):
        super().__init__(shop, index)
        self.busy = {side: set() for side in OTHER}     # keys with a write under way there
        self.mirrors = collections.deque()              # on the first side, and still to go to the other
        self.unsure = {side: [] for side in OTHER}      # came back with an error that does not say "not written"
        self.again = {side: [] for side in OTHER}       # certainly not there: to be sent again
        self.again_at = 0

    def producer(self, side):
        if side not in self.producers:
            chosen = {**self.shop.settings(side), "acks": "all", "linger.ms": 2, "request.timeout.ms": 5000,
                      "socket.timeout.ms": 10000, "enable.idempotence": self.shop.idempotent}
            if self.shop.idempotent:
                chosen["message.timeout.ms"] = 900_000          # the library tries until it knows
            else:
                chosen.update({"retries": 0, "message.timeout.ms": 15_000, "max.in.flight.requests.per.connection": 1})
            self.producers[side] = Producer(chosen)
        return self.producers[side]

    def run(self):
        for one in self.recover():
            self.mirrors.append(one)
        self.recovering = False
        while not (self.shop.ending and self.open == 0):
            moved = self.take_some() + self.mirror_some() + self.send_again()
            for side, client in list(self.producers.items()):
                client.poll(0)
                self.settle(side)
            if not moved:
                time.sleep(0.002)

    def take_some(self, most=50):
        count = 0
        while count < most:
            chosen = self.next_writings(1)
            if not chosen or chosen[0].event.key in self.busy.get(self.side, ()) or not self.take(chosen):
                break
            self.send(self.side, chosen[0])
            count += 1
        return count

    def mirror_some(self):
        count = 0
        while self.mirrors:
            one = self.mirrors[0]
            side = one.missing
            if one.event.key in self.busy[side]:
                break
            self.mirrors.popleft()
            self.send(side, one)
            count += 1
        return count

    def send_again(self):
        if time.monotonic() < self.again_at:
            return 0
        count = 0
        for side, writings in self.again.items():
            self.again[side] = []
            for one in sorted(writings):
                count += 1
                if not one.on and not self.may_go_on(one):
                    self.busy[side].discard(one.event.key)
                    self.back(one)
                else:
                    self.send(side, one)
        return count

    def send(self, side, one):
        self.busy[side].add(one.event.key)
        event = one.event
        one.sent = now()
        try:
            self.producer(side).produce(
                event.topic, value=event.value, key=event.key.encode(), partition=event.partition,
                timestamp=one.timestamp, headers=event.headers,
                on_delivery=lambda error, message: self.delivered(side, one, error, message))
        except (BufferError, KafkaException) as failed:     # not handed over: it has certainly not been written
            self.shop.diary.write(self.line("fail", one, side, why=str(failed)[:100]))
            self.retry(side, one)
            if isinstance(failed, KafkaException) and failed.args[0].fatal():
                self.renew(side)

    def retry(self, side, one):
        self.again[side].append(one)
        self.again_at = time.monotonic() + BACKOFF_S

    def delivered(self, side, one, error, message):
        if error is None and message.offset() is None:
            # The leader had it from a try whose answer was lost, and does not say where: it is looked for.
            self.shop.diary.write(self.line("info", one, side, why="written before"))
            self.unsure[side].append(one)
        elif error is None:
            self.shop.diary.write(self.line("ok", one, side, p=message.partition(), o=message.offset(), s=one.sent,
                                            k=now()))
            one.on.add(side)
            self.arrived(side, one)
        elif error.code() in REFUSED:
            self.shop.diary.write(self.line("fail", one, side, why=error.name()))
            self.retry(side, one)
        else:
            self.shop.diary.write(self.line("info", one, side, why=error.name()))
            self.unsure[side].append(one)

    def arrived(self, side, one):
        self.busy[side].discard(one.event.key)
        if len(one.on) >= self.shop.sides_each:
            self.done(one)
        else:
            self.mirrors.append(one)

    def settle(self, side):
        if not self.unsure[side]:
            return
        unsure, self.unsure[side] = sorted(self.unsure[side]), []
        found = self.look(side, unsure)
        for one in unsure:
            if one in found:
                self.arrived(side, one)
            else:
                self.retry(side, one)

    def renew(self, side):
        """After a fatal error the client is of no use any more; what it still had comes back as not known."""
        client = self.producers.pop(side)
        client.purge()
        client.flush(5)


class TransactionLane(Lane):
    """Some events a transaction, first on one side, then, by a second thread, on the other."""

    settle_s = 0

    def __init__(self, shop, index):
        super().__init__(shop, index)
        self.batches = collections.deque()
        self.more = threading.Condition()

    def producer(self, side):
        """Initialised: what an earlier one of this id had begun is decided now, and nothing of it lands any more."""
        while side not in self.producers:
            client = Producer({**self.shop.settings(side), "transactional.id": f"{self.shop.instance}.{self.index}",
                               "acks": "all", "linger.ms": 1, "transaction.timeout.ms": 20_000})
            try:
                client.init_transactions(30)
                self.producers[side] = client
            except KafkaException as failed:
                self.shop.log(f"{self.name} init_transactions on {side}: {failed}")
                time.sleep(BACKOFF_S)
        return self.producers[side]

    @staticmethod
    def batch_name(writings):
        return f"{writings[0].event.number}-{now()}"

    def look(self, side, writings):
        """Of each transaction all or nothing must be there."""
        self.producer(side)
        found = super().look(side, writings)
        for name in {one.batch for one in found}:
            there, of = (sum(one.batch == name for one in some) for some in (found, writings))
            if there < of:
                self.shop.diary.write({"e": "torn", "l": self.index, "c": side, "there": there, "of": of})
        return found

    def run(self):
        mirror = threading.Thread(target=self.mirror, name=f"{self.name}-mirror", daemon=True)
        half = self.recover()
        if half:
            self.pass_on(half)
        self.recovering = False
        mirror.start()
        while not (self.shop.ending and self.open == 0):
            batch = self.next_writings(self.shop.transaction_events)
            if not batch or not self.take(batch):
                time.sleep(0.004)
                continue
            self.write(self.side, batch)
        with self.more:
            self.more.notify()

    def pass_on(self, written):
        with self.more:
            self.batches.append(written)
            self.more.notify()

    def mirror(self):
        while True:
            with self.more:
                while not self.batches:
                    if self.shop.ending and self.open == 0:
                        return
                    self.more.wait(0.2)
                batch = self.batches.popleft()
            for side in OTHER:
                self.write(side, [one for one in batch if one.missing == side])

    def write(self, side, batch):
        """Until all of it is there, or, where it was to be first and the word has changed, certainly is not."""
        while batch:
            known, written = self.attempt(side, batch)
            if not known:
                self.producers.pop(side, None)
                self.shop.diary.write(*(self.line("info", one, side, why="transaction") for one in batch))
                written = self.look(side, batch)
            if written:
                self.arrived(side, written)
            batch = [one for one in batch if one not in written]
            if batch and not batch[0].on and not self.may_go_on(batch[0]):
                for one in batch:
                    self.back(one)
                return
            if batch:
                time.sleep(BACKOFF_S)

    def arrived(self, side, written):
        half = [one for one in written if len(one.on) < self.shop.sides_each]
        for one in written:
            if one not in half:
                self.done(one)
        if half:
            self.pass_on(half)

    def attempt(self, side, batch):
        """(whether the outcome is known, what was written)."""
        client, places = self.producer(side), {}

        def delivered(one):
            def callback(error, message):
                if error is None and message.offset() is not None:      # else it is looked for
                    places[one] = (message.partition(), message.offset())
            return callback

        try:
            client.begin_transaction()
            for one in batch:
                one.sent = now()
                client.produce(one.event.topic, value=one.event.value, key=one.event.key.encode(),
                               partition=one.event.partition, timestamp=one.timestamp, headers=one.event.headers,
                               on_delivery=delivered(one))
            client.flush(30)
            client.commit_transaction(30)
        except (KafkaException, BufferError) as failed:
            self.shop.log(f"{self.name} on {side}: {failed}")
            return self.abort(side, client, batch, failed), []
        if len(places) != len(batch):
            return False, []
        at = now()
        self.shop.diary.write(*(self.line("ok", one, side, p=places[one][0], o=places[one][1], s=one.sent, k=at)
                                for one in batch))
        for one in batch:
            one.on.add(side)
        return True, batch

    def abort(self, side, client, batch, failed):
        """True when it is certain that nothing was written."""
        error = failed.args[0]
        if not isinstance(failed, KafkaException) or not error.txn_requires_abort():
            return False
        try:
            client.abort_transaction(30)
        except KafkaException:
            return False
        self.shop.diary.write(*(self.line("fail", one, side, why=error.name()) for one in batch))
        return True
