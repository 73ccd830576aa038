"""Our broker under writers, transactions and readers that never stop, killed, stopped and paused at random: what was
acknowledged is there once and in order, transactions are whole or absent, nobody reads what was aborted, and positions of
groups never move back.  ROUNDS=100 makes it a soak.  The checker is tested first: it must find what is planted."""

import os
import random
import signal
import threading
import time

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import NewTopic

from broker import Broker
from log_history import Copier, Op, Poll, Send, Transactor, Writer, check, committed_log
from patience import until

ROUNDS = int(os.environ.get("ROUNDS", "6"))
PARTITIONS = 3


# ---- the checker

def sent(worker, *values, result="ok", whole=True, polls=(), partition=0):
    """An operation whose values stand where their number says."""
    return Op(worker, result, whole, [Send(partition, v, v) for v in values],
              [Poll(partition, v, v) for v in polls], worker)


def log_of(*values):
    return {0: [(v, v) for v in values]}


GOOD = [sent(1, 1, 2), sent(2, 3, polls=(1, 2)), sent(1, 4, result="fail"), sent(2, 5, polls=(3,), result="info")]


@pytest.mark.parametrize(("ops", "log", "finding"), [
    (GOOD, log_of(1, 2, 3, 5), None),
    (GOOD, log_of(1, 2, 3), None),
    (GOOD, log_of(1, 2, 5), "lost-write"),
    (GOOD, log_of(1, 2, 5), "unseen"),
    (GOOD, log_of(1, 2, 3, 4, 5), "G1a"),
    (GOOD, log_of(1, 2, 3, 9), "phantom"),
    ([*GOOD, sent(3, 6, 7, result="info")], log_of(1, 2, 3, 6), "torn"),
    (GOOD, {0: [(1, 1), (2, 2), (3, 3), (8, 3)]}, "duplicate"),
    (GOOD, {0: [(1, 1), (2, 3), (3, 2)]}, "inconsistent-offsets"),
    ([sent(1, 1, 2)], {0: [(1, 2), (2, 1)]}, "nonmonotonic-send"),
    ([sent(1, 1, polls=(1,))], log_of(1), "precommitted-read"),
    ([sent(1, 1, 2, 3), sent(2, polls=(1, 3))], log_of(1, 2, 3), "poll-skip"),
    ([sent(1, 1, 2, 3), sent(2, polls=(1, 2, 1))], log_of(1, 2, 3), "nonmonotonic-poll"),
    ([sent(1, 1, polls=(2,)), sent(2, 2, polls=(1,))], log_of(1, 2), "G1c"),
], ids=lambda v: v if isinstance(v, str) else None)
def test_the_checker_finds_what_is_planted(ops, log, finding):
    found = check(ops, log)
    assert (not found) if finding is None else finding in found, str(found)


# ---- the broker

def nemesis(broker, rounds, chance):
    """Kills, orderly ends and pauses, with a moment of work between them."""
    done = []
    for _ in range(rounds):
        time.sleep(chance.uniform(0.3, 1.2))
        how = chance.choice(["kill", "kill", "stop", "pause"])
        done.append(how)
        if how == "pause":
            broker.process.send_signal(signal.SIGSTOP)
            time.sleep(chance.uniform(0.05, 1))
            broker.process.send_signal(signal.SIGCONT)
            continue
        broker.kill() if how == "kill" else broker.stop()
        time.sleep(chance.uniform(0, 0.3))
        broker.start()
    return done


class Positions:
    """Watches where a group stands, and remembers each time that it moved back."""

    def __init__(self, broker, group, topic):
        self.broker, self.over, self.back, self.seen = broker, threading.Event(), [], []
        self.asked = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, 0)])
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def _watch(self):
        while not self.over.wait(0.1):
            try:
                answer = self.broker.admin().list_consumer_group_offsets([self.asked], request_timeout=5)
                stands = next(iter(answer.values())).result(6).topic_partitions[0]
            except (KafkaException, TimeoutError):
                continue
            if stands.error or stands.offset < 0:
                if self.seen and not stands.error:
                    self.back.append((self.seen[-1], "none"))
                continue
            if self.seen and stands.offset < self.seen[-1]:
                self.back.append((self.seen[-1], stands.offset))
            self.seen.append(stands.offset)

    def finish(self):
        self.over.set()
        self.thread.join(30)


def feed(broker, topic):
    producer = Producer({"bootstrap.servers": broker.bootstrap, "enable.idempotence": True, "log_level": 0})
    for value in range(1, 20001):
        producer.produce(topic, b"%d" % value, partition=0)
        producer.poll(0)
    assert producer.flush(60) == 0
    return list(range(1, 20001))


@pytest.mark.timeout(120 + ROUNDS * 6)
def test_nothing_is_lost_doubled_or_torn_when_it_is_killed(run_folder, topic):
    chance = random.Random(int(os.environ.get("SEED", "7")))
    with Broker(run_folder / topic) as broker:
        settings = {"bootstrap.servers": broker.bootstrap}
        for name, partitions in ((topic, PARTITIONS), (f"{topic}-in", 1), (f"{topic}-out", 1)):
            broker.admin().create_topics([NewTopic(name, partitions, 1)])[name].result(20)
        given = feed(broker, f"{topic}-in")
        workers = [Transactor(settings, topic, PARTITIONS, 1), Transactor(settings, topic, PARTITIONS, 2),
                   Writer(settings, topic, PARTITIONS, 3)]
        copier = Copier(settings, f"{topic}-in", f"{topic}-out", 4)
        positions = Positions(broker, f"{topic}-out-group", f"{topic}-in")
        for worker in [*workers, copier]:
            worker.start()
        done = nemesis(broker, ROUNDS, chance)
        # A history in which nothing happened proves nothing: however slow the machine, some of it is waited for.
        until(lambda: copier.done and positions.seen and sum(len(worker.ops) for worker in workers) > 40 * ROUNDS, 90)
        time.sleep(1)
        for worker in [*workers, copier]:
            worker.finish(90)
        positions.finish()
        ops = [op for worker in workers for op in worker.ops]
        found = check(ops, committed_log(settings, topic, PARTITIONS))
        copied = [value for _, value in committed_log(settings, f"{topic}-out", 1)[0]]
        broker.stop()
    results = {result: sum(op.result == result for op in ops) for result in ("ok", "fail", "info")}
    print(done, results, "polled", sum(len(op.polls) for op in ops), "copied", len(copied), "of", copier.done, "stood",
          len(positions.seen))
    assert not found, str(found)
    assert copied == given[:len(copied)] and len(copied) >= copier.done, copied[:20]
    assert not positions.back
    assert results["ok"] > 20 * ROUNDS and results["fail"] and any(op.polls for op in ops) and copied and positions.seen
