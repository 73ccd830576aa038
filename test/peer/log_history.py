"""Did one cluster keep what it promised?  A workload of transactions and plain writes against it, and the checker over all
that was told and all that the logs hold at the end; in the manner of Jepsen's test of Kafka.

    workers = [Transactor(settings, topic, partitions, n) for n in range(3)] + [Writer(settings, topic, partitions, 9)]
    ... start() each, hurt the cluster, finish() each ...
    findings = check([op for worker in workers for op in worker.ops], final)

Every value is written once.  An operation is `ok` when it was acknowledged or committed, `fail` when it certainly was not, and
`info` when nobody told.  What was read counts whatever became of the transaction that read it.

| finding | what it says |
| --- | --- |
| unseen | acknowledged or committed, and not in the log at the end |
| lost-write | the same, and something behind it was read by somebody |
| duplicate | one value at two places of the log |
| inconsistent-offsets | one offset with two values: by an acknowledgement, a poll, or the log |
| G1a | a value that certainly failed or was aborted was read, or is in the log |
| phantom | a value that nobody wrote |
| torn | a part of a transaction is in the log and a part is not |
| precommitted-read | a transaction polled what it had itself sent |
| poll-skip, nonmonotonic-poll | a reader that was given its place jumped over a value of the log, or came back to one |
| nonmonotonic-send | the values of one writer in one partition stand in another order than they were sent |
| G1c | transactions that read each other in a circle |
"""

import collections
import random
import threading
import time
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

EXAMPLES_MAX = 5


class Send(NamedTuple):
    partition: int
    value: int
    offset: int | None


class Poll(NamedTuple):
    partition: int
    value: int
    offset: int


class Op(NamedTuple):
    worker: int
    result: str         # ok, fail or info
    whole: bool         # a transaction: all of its sends or none
    sends: list
    polls: list
    reader: int         # polls of one reader, which stays at its place, follow each other


QUICK = {"log_level": 0, "reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 200, "socket.timeout.ms": 10000}


class Worker:
    def __init__(self, settings, topic, partitions, number):
        self.settings, self.topic, self.partitions, self.number = {**QUICK, **settings}, topic, partitions, number
        self.chance, self.ops, self.next, self.wrong = random.Random(number), [], 0, None
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self.thread.start()
        return self

    def finish(self, timeout=60):
        self.over.set()
        self.thread.join(timeout)
        assert not self.thread.is_alive(), f"worker {self.number} does not end"
        assert self.wrong is None, self.wrong

    def _run(self):
        try:
            self.work()
        except Exception as error:  # noqa: BLE001  a worker that died would make a quiet, worthless history
            self.wrong = f"worker {self.number}: {error!r}"

    def value(self):
        """Never given before: the worker's number, and a number of its own."""
        self.next += 1
        return self.number * 1_000_000 + self.next

    def some_partition(self):
        return self.chance.randrange(self.partitions)


class Writer(Worker):
    """Plain idempotent writes, several under way."""

    def work(self):
        producer = Producer({**self.settings, "enable.idempotence": True, "linger.ms": 1, "message.timeout.ms": 30000})
        results = []            # in the order of sending: [partition, value, offset or None, result]

        def told(entry):
            def on_delivery(error, message):
                entry[2:] = [None, "info"] if error else [message.offset(), "ok"]
            return on_delivery

        while not self.over.is_set():
            for _ in range(self.chance.randrange(1, 8)):
                entry = [self.some_partition(), self.value(), None, "info"]
                producer.produce(self.topic, b"%d" % entry[1], partition=entry[0], on_delivery=told(entry))
                results.append(entry)
            producer.poll(self.chance.random() * 0.02)
            if len(producer) > 500:
                producer.flush(30)
        producer.flush(40)
        self.ops += [Op(self.number, result, False, [Send(partition, value, offset)], [], -1)
                     for partition, value, offset, result in results]


class Transactor(Worker):
    """Transactions of sends and polls; a few are aborted on purpose."""

    readers = 0

    def producer(self):
        while True:
            producer = Producer({**self.settings, "transactional.id": f"{self.topic}-{self.number}", "linger.ms": 1,
                                 "transaction.timeout.ms": 20000})
            try:
                producer.init_transactions(20)
                return producer
            except KafkaException as error:
                if self.over.is_set() and not error.args[0].retriable():
                    raise

    def reader(self):
        """A consumer that was given its place, so that it must see everything from there on."""
        consumer = Consumer({**self.settings, "group.id": f"{self.topic}-{self.number}", "enable.auto.commit": False,
                             "isolation.level": "read_committed", "auto.offset.reset": "error"})
        consumer.assign([TopicPartition(self.topic, p, 0) for p in range(self.partitions)])
        return consumer

    def work(self):
        producer, reader, number = self.producer(), self.reader(), self.number * 1000
        while not self.over.is_set():
            sends, polls, told = [], [], {}
            producer.begin_transaction()
            for _ in range(self.chance.randrange(1, 5)):
                if self.chance.random() < 0.4:
                    for message in reader.consume(50, 0.02):
                        if not message.error():
                            polls.append(Poll(message.partition(), int(message.value()), message.offset()))
                else:
                    send = (self.some_partition(), self.value())
                    sends.append(send)
                    producer.produce(self.topic, b"%d" % send[1], partition=send[0],
                                     on_delivery=lambda e, m, v=send[1]: told.update({v: None if e else m.offset()}))
            result = self.end(producer, self.chance.random() < 0.15)
            self.ops.append(Op(self.number, result, True, [Send(p, v, told.get(v)) for p, v in sends], polls, number))
            if result == "info":
                producer = self.producer()     # a new one of the name ends what the old one left open
        reader.close()

    def end(self, producer, aborts):
        for _ in range(6):
            try:
                if aborts:
                    producer.abort_transaction(10)
                    return "fail"
                producer.commit_transaction(10)
                return "ok"
            except KafkaException as error:
                reason = error.args[0]
                if reason.txn_requires_abort():
                    aborts = True       # and then it certainly was not committed
                elif not reason.retriable():
                    return "info"
        return "info"


class Copier(Worker):
    """Reads a topic and writes each value to another, positions and values in one transaction: exactly once."""

    def __init__(self, settings, topic, output, number):
        super().__init__(settings, topic, 1, number)
        self.output, self.done = output, 0

    def open(self):
        producer = Producer({**self.settings, "transactional.id": f"{self.output}-copier", "linger.ms": 1,
                             "transaction.timeout.ms": 20000})
        while True:
            try:
                producer.init_transactions(20)
                break
            except KafkaException as error:
                if not error.args[0].retriable():
                    raise
        consumer = Consumer({**self.settings, "group.id": f"{self.output}-group", "enable.auto.commit": False,
                             "isolation.level": "read_committed", "auto.offset.reset": "earliest",
                             "session.timeout.ms": 6000})
        consumer.subscribe([self.topic])
        return producer, consumer

    def work(self):
        producer, consumer = self.open()
        while not self.over.is_set():
            messages = [m for m in consumer.consume(20, 0.2) if not m.error()]
            if not messages:
                continue
            try:
                producer.begin_transaction()
                for message in messages:
                    producer.produce(self.output, message.value(), partition=0)
                producer.send_offsets_to_transaction(consumer.position(consumer.assignment()),
                                                     consumer.consumer_group_metadata(), 10)
                producer.commit_transaction(10)
                self.done += len(messages)
            except KafkaException:
                consumer.close()        # as an application would: begin again where the group stands
                producer, consumer = self.open()
        consumer.close()


# ---- the end

def committed_log(settings, topic, partitions, timeout=60):
    """partition -> [(offset, value)] as a fresh reader of committed records finds it."""
    consumer = Consumer({**QUICK, **settings, "group.id": f"{topic}-end", "enable.auto.commit": False,
                         "isolation.level": "read_committed", "enable.partition.eof": True})
    consumer.assign([TopicPartition(topic, p, 0) for p in range(partitions)])
    log, ended, deadline = {p: [] for p in range(partitions)}, set(), time.monotonic() + timeout
    while len(ended) < partitions:
        assert time.monotonic() < deadline, f"the end of {topic} was not reached: {sorted(ended)}"
        for message in consumer.consume(1000, 0.5):
            if message.error():
                ended.add(message.partition())
            else:
                log[message.partition()].append((message.offset(), int(message.value())))
    consumer.close()
    return log


class Findings(collections.Counter):
    def __init__(self):
        super().__init__()
        self.examples = collections.defaultdict(list)

    def add(self, kind, text):
        self[kind] += 1
        if len(self.examples[kind]) < EXAMPLES_MAX:
            self.examples[kind].append(text)

    def __str__(self):
        return "\n".join(f"{kind}: {count}\n  " + "\n  ".join(self.examples[kind]) for kind, count in self.items())


def check(ops, log):
    found = Findings()
    place = {}                                      # value -> (partition, index among what is readable)
    values_at = collections.defaultdict(set)        # (partition, offset) -> values
    for partition, entries in log.items():
        for index, (offset, value) in enumerate(entries):
            if value in place:
                found.add("duplicate", f"{value} at {partition}[{index}] and at {place[value]}")
            place[value] = (partition, index)
            values_at[partition, offset].add(value)
    writer = {send.value: op for op in ops for send in op.sends}
    read = {poll.value for op in ops for poll in op.polls}
    read_to = collections.defaultdict(lambda: -1)   # partition -> the last index that anybody read
    for op in ops:
        for one in [*op.polls, *(send for send in op.sends if send.offset is not None and op.result == "ok")]:
            values_at[one.partition, one.offset].add(one.value)
        for poll in op.polls:
            if poll.value in place:
                read_to[poll.partition] = max(read_to[poll.partition], place[poll.value][1])
    for (partition, offset), values in values_at.items():
        if len(values) > 1:
            found.add("inconsistent-offsets", f"{partition} at {offset}: {sorted(values)}")
    for value in set(place) | read:
        if value not in writer:
            found.add("phantom", f"{value}")
        elif writer[value].result == "fail":
            found.add("G1a", f"{value} of {writer[value].worker} was aborted")
    check_writes(ops, log, place, read, read_to, found)
    check_reads(ops, log, place, found)
    check_circles(ops, writer, found)
    return found


def check_writes(ops, log, place, read, read_to, found):
    for op in ops:
        there = [send for send in op.sends if send.value in place or send.value in read]
        missing = [send for send in op.sends if send.value not in place]
        if op.result == "ok" or (op.whole and there and op.result == "info"):
            for send in missing:
                found.add("unseen" if op.result == "ok" else "torn", f"{send.value} of {op.worker}")
                if any(later > send.offset for later, _ in log[send.partition][:read_to[send.partition] + 1]) \
                        if send.offset is not None else False:
                    found.add("lost-write", f"{send.value} of {op.worker}")
    last = {}
    for op in ops:
        for send in op.sends:
            if send.value in place:
                partition, index = place[send.value]
                before = last.get((op.worker, partition), -1)
                if index < before:
                    found.add("nonmonotonic-send", f"{send.value} of {op.worker} in {partition}")
                last[op.worker, partition] = max(before, index)


def check_reads(ops, log, place, found):
    at = {}
    for op in ops:
        own = {send.value for send in op.sends}
        for poll in op.polls:
            if poll.value in own:
                found.add("precommitted-read", f"{poll.value} of {op.worker}")
            if poll.value not in place:
                found.add("lost-write", f"{poll.value} was read by {op.worker} and is gone")
                continue
            index, expected = place[poll.value][1], at.get((op.reader, poll.partition), -1) + 1
            if index > expected:
                found.add("poll-skip", f"{op.worker} from {expected} to {index} of {poll.partition}")
            elif index < expected:
                found.add("nonmonotonic-poll", f"{op.worker} from {expected} to {index} of {poll.partition}")
            at[op.reader, poll.partition] = index


def check_circles(ops, writer, found):
    """Whoever reads comes after who wrote: an order in which all transactions fit, or there is a circle."""
    number = {id(op): index for index, op in enumerate(ops)}
    after, waits = collections.defaultdict(set), collections.Counter()
    for op in ops:
        for poll in op.polls:
            wrote = writer.get(poll.value)
            if wrote is not None and wrote is not op and number[id(op)] not in after[number[id(wrote)]]:
                after[number[id(wrote)]].add(number[id(op)])
                waits[number[id(op)]] += 1
    free = [index for index in range(len(ops)) if not waits[index]]
    for index in free:
        for later in after[index]:
            waits[later] -= 1
            if not waits[later]:
                free.append(later)
    if len(free) < len(ops):
        found.add("G1c", f"{len(ops) - len(free)} transactions are in circles or behind them")
