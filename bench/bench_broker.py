"""Interlock's broker beside Apache Kafka 4.3.1 in one run: with a sync at each append (flush.messages=1), and without.

    bench_broker.py [--quick] [--alone] [--cold-gb GB] [--only produce,load,latency,partitions,consume,both,memory,start,cold]

Ours is durable in every line: it acknowledges after fdatasync.  Each line is measured in turn on every broker, so that what else the
machine does touches all of them; the ratio is what counts.  First what the disk and the loopback give in the same minutes.
--quick takes less than six minutes and one round; otherwise each line is the median of three rounds.  --alone leaves Kafka
out: figures without ratios, to see what a change did.  --cold-gb says how much the cold reader has to read (10, with --quick 2).
"""

import argparse
import json
import os
import re
import resource
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT / "test" / "peer"))

from confluent_kafka.admin import NewTopic  # noqa: E402

from broker import Broker  # noqa: E402
from kafka_cluster import Jars, KafkaCluster  # noqa: E402

INTERLOCK = ROOT / "build" / "interlock"
LOAD = ROOT / "build" / "release" / "bench" / "bench_load"
STORE = ROOT / "build" / "release" / "bench" / "bench_store"
PARTS = ["produce", "load", "latency", "partitions", "consume", "both", "memory", "start", "cold"]
OURS, SYNCED, PLAIN = "interlock", "kafka, fsync", "kafka, no fsync"


def mark(reached):
    return "reached" if reached else "MISSED"


def say(*words):
    print(*words, flush=True)


# ---- the machine --------------------------------------------------------------------------------------------------------------

def disk(folder, size, seconds):
    """Written and synced one after the other, over room that was written before."""
    path, piece, times = folder / "alone", os.urandom(size), []
    with path.open("wb") as file:
        for _ in range(64 * 2**20 // size):
            file.write(piece)
        file.flush()
        os.fdatasync(file.fileno())
        end, at = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            began = time.monotonic()
            os.pwrite(file.fileno(), piece, at)
            os.fdatasync(file.fileno())
            times.append(time.monotonic() - began)
            at = (at + size) % (64 * 2**20)
    path.unlink()
    times.sort()
    p50, p99 = times[len(times) // 2] * 1e3, times[int(len(times) * 0.99)] * 1e3
    say(f"disk, {size >> 10:5} KiB and fdatasync     {size * len(times) / sum(times) / 1e6:8.0f} MB/s   p50 {p50:.2f}  p99 {p99:.2f} ms")
    return p99


def loopback(seconds):
    """One stream, a process at each end."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        child = os.fork()
        if child == 0:
            piece = bytes(1 << 20)
            with socket.create_connection(door.getsockname()) as out:
                end = time.monotonic() + seconds
                while time.monotonic() < end:
                    out.sendall(piece)
            os._exit(0)
        taken, _ = door.accept()
        with taken:
            room, size, began = bytearray(1 << 20), 0, time.monotonic()
            while got := taken.recv_into(room):
                size += got
        os.waitpid(child, 0)
    say(f"loopback, one stream             {size / (time.monotonic() - began) / 1e6:8.0f} MB/s")


# ---- the brokers --------------------------------------------------------------------------------------------------------------

def pid_of(broker):
    return broker.process.pid if isinstance(broker, Broker) else broker.nodes[1].process.pid


def cpu_of(broker):
    fields = Path(f"/proc/{pid_of(broker)}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_of(broker):
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid_of(broker)}/status").read_text()).group(1)) / 1e3


_made = 0


def topic_on(broker, partitions):
    """A new one, and until the broker itself leads it."""
    global _made
    _made += 1
    name = f"bench-{_made}"
    broker.admin().create_topics([NewTopic(name, partitions, 1)], operation_timeout=60)[name].result(120)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = broker.admin().list_topics(name, timeout=20).topics[name].partitions
        if len(found) == partitions and all(one.leader >= 0 for one in found.values()):
            break
        time.sleep(0.1)
    return name


def drop(broker, topic):
    broker.admin().delete_topics([topic])[topic].result(60)


def load(broker, topic, **how):
    words = [str(LOAD), "--server", broker.bootstrap, "--topic", topic]
    for key, value in how.items():
        words += [f"--{key}", str(value)]
    before = cpu_of(broker)
    done = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=600)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)}\nended with {done.returncode}\n{done.stdout}{done.stderr}")
    answer = json.loads(done.stdout)
    answer["broker_cpu"] = cpu_of(broker) - before
    return answer


def java(*words, heap="512m"):
    command = [word for word in Jars("4.3.1").command(*words, heap=heap) if word != "-XX:TieredStopAtLevel=1"]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=600)
    if done.returncode:
        raise SystemExit(f"{words}\nended with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


class Bench:
    def __init__(self, folder, quick, alone, cold_gb):
        self.cold_gb = cold_gb or (2 if quick else 10)
        self.folder, self.quick, self.alone = folder, quick, alone
        self.rounds = 1 if quick else 3
        self.seconds = 3 if quick else 6
        self.brokers = {}
        self.disk_p99 = 0

    def start(self):
        self.brokers[OURS] = Broker(self.folder / "ours", binary=INTERLOCK)
        for name, overrides in () if self.alone else ((SYNCED, {"log.flush.interval.messages": 1}), (PLAIN, {})):
            self.brokers[name] = KafkaCluster("4.3.1", self.folder / name.replace(", ", "-").replace(" ", "-"), heap="512m",
                                              tuned=True, overrides=overrides)
        for broker in self.brokers.values():
            broker.start()
        for broker in self.brokers.values():  # a virtual machine of Java's is slow until its compiler has seen the work
            self.one_load(broker, seconds=self.seconds, record=1000, batch=16384, producers=4, consumers=1, window=16)

    def close(self):
        for broker in self.brokers.values():
            broker.__exit__(None, None, None)

    def each(self, measure, names=(OURS, SYNCED, PLAIN)):
        """Rounds over the brokers in turn: a list of answers for each."""
        found = {name: [] for name in names if name in self.brokers}
        for _ in range(self.rounds):
            for name in found:
                found[name].append(measure(self.brokers[name]))
        return found

    @staticmethod
    def middle(answers, key):
        return statistics.median(one[key] for one in answers)

    # ---- produce

    def java_producer(self, broker, size, count):
        topic = topic_on(broker, 4)
        out = java("org.apache.kafka.tools.ProducerPerformance", "--bootstrap-server", broker.bootstrap, "--topic", topic,
                   "--num-records", str(count), "--record-size", str(size), "--throughput", "-1",
                   "--command-property", "acks=all", "batch.size=131072", "linger.ms=5", "buffer.memory=67108864")
        last = [line for line in out.splitlines() if "records/sec" in line][-1]
        drop(broker, topic)
        per_second = float(re.search(r"([\d.]+) records/sec", last).group(1))
        return {"mb": per_second * size / 1e6, "k": per_second / 1e3, "p50": float(re.search(r"([\d.]+) ms 50th", last).group(1)),
                "p99": float(re.search(r"([\d.]+) ms 99th", last).group(1))}

    def produce(self):
        say("\n== Java ProducerPerformance, acks=all, 4 partitions")
        for size, count in ((1000, 300_000 if self.quick else 1_500_000), (100, 2_000_000 if self.quick else 10_000_000)):
            self.java_producer(self.brokers[OURS], size, count // 10)  # the page cache of the jars
            self.judge(f"{size} B", self.each(lambda b: self.java_producer(b, size, count)))

    def judge(self, what, found, throughput_aim=3, p99_aim=1 / 3):
        for name, answers in found.items():
            rounds = ", ".join(f"{one['mb']:.0f}" for one in answers)
            cpu = f"   {statistics.median(one['cpu'] for one in answers):.2f} s of CPU a GB" if "cpu" in answers[0] else ""
            errors = sum(one.get("errors", 0) for one in answers)
            cpu += f"   {errors} REFUSED" if errors else ""
            say(f"  {what:24} {name:16} {self.middle(answers, 'mb'):7.0f} MB/s {self.middle(answers, 'k'):8.0f} k/s   p50 "
                f"{self.middle(answers, 'p50'):8.2f}  p99 {self.middle(answers, 'p99'):8.2f} ms{cpu}   rounds {rounds}")
        ours = found[OURS]
        if SYNCED in found:
            faster = self.middle(ours, "mb") / max(self.middle(found[SYNCED], "mb"), 1e-9)
            later = self.middle(ours, "p99") / max(self.middle(found[SYNCED], "p99"), 1e-9)
            say(f"  {'':24} against fsync: {faster:.2f} x the throughput (aim {throughput_aim}): {mark(faster >= throughput_aim)};  "
                f"{later:.2f} x its p99 (aim {p99_aim:.2f}): {mark(later <= p99_aim)}")
        if PLAIN in found:
            faster = self.middle(ours, "mb") / max(self.middle(found[PLAIN], "mb"), 1e-9)
            say(f"  {'':24} against no fsync: {faster:.2f} x the throughput (aim 1): {mark(faster >= 1)}")

    def one_load(self, broker, partitions=4, **how):
        topic = topic_on(broker, partitions)
        answer = load(broker, topic, partitions=partitions, **how)
        drop(broker, topic)
        size = (answer["in_mb"] + answer["out_mb"]) * answer["seconds"] / 1e3
        return {"mb": answer["in_mb"], "k": answer["records_in"] / 1e3, "cpu": answer["broker_cpu"] / max(size, 1e-3), **{
            key: answer[key] for key in ("p50", "p99", "p999", "out_mb", "delivery_p50", "delivery_p99", "acks", "errors")}}

    def load(self):
        say("\n== our generator, acks=all, 4 partitions, as fast as they go")
        for what, how in (("1000 B, 64 KiB batches", {"record": 1000, "batch": 65536, "producers": 4, "window": 8}),
                          ("1000 B, 512 KiB batches", {"record": 1000, "batch": 524288, "producers": 4, "window": 4}),
                          ("100 B, 64 KiB batches", {"record": 100, "batch": 65536, "producers": 4, "window": 8})):
            self.judge(what, self.each(lambda b: self.one_load(b, seconds=self.seconds, **how)))

    def latency(self):
        say("\n== our generator at 10 MB/s in batches of 4 KiB: the time of an acknowledgement")
        found = self.each(lambda b: self.one_load(b, seconds=self.seconds, record=1000, batch=4096, producers=4, window=64, rate=10))
        self.judge("10 MB/s", found, throughput_aim=1)

    def partitions(self):
        say("\n== our generator, batches of 16 KiB, over more and more partitions")
        for partitions in (1, 10, 100, 1000):
            names = (OURS, SYNCED) if partitions in (1, 1000) else (OURS,)
            found = self.each(lambda b: self.one_load(b, partitions, seconds=self.seconds, record=1000, batch=16384,
                                                      producers=4, window=16), names)
            self.judge(f"{partitions} partitions", found)

    # ---- consume

    def java_consumer(self, broker, topic, count):
        out = java("org.apache.kafka.tools.ConsumerPerformance", "--bootstrap-server", broker.bootstrap, "--topic", topic,
                   "--num-records", str(count), "--hide-header", "--timeout", "30000")
        fields = [field.strip() for field in out.strip().splitlines()[-1].split(",")]
        return {"mb": float(fields[8]) * 1.048576, "k": float(fields[9]) / 1e3}  # the fetch's own time

    def consume(self):
        say("\n== consumers of what was just written, 4 partitions: Kafka from its page cache, ours from memory")
        size = 200_000_000 if self.quick else 400_000_000
        names = [name for name in (OURS, PLAIN) if name in self.brokers]
        for record in (1000, 100):
            topics = {}
            for name in names:
                topics[name] = topic_on(self.brokers[name], 4)
                load(self.brokers[name], topics[name], partitions=4, producers=1, consumers=1, window=8, batch=65536, record=record,
                     until=size, seconds=60, warm=0)
            count = size * 9 // 10 // (record + 10)
            for what, measure in (
                    ("Java", lambda b, t: self.java_consumer(b, t, count)),
                    ("sockets", lambda b, t: {"mb": load(b, t, partitions=4, producers=0, consumers=2, batch=65536, record=record,
                                                         until=size * 9 // 10, seconds=60, warm=0)["out_mb"]})):
                found = {name: [] for name in names}
                for turn in range(self.rounds + 1):
                    for name in names:
                        one = measure(self.brokers[name], topics[name])
                        if turn:  # the first is for nothing
                            found[name].append(one)
                ours, theirs = self.middle(found[OURS], "mb"), self.middle(found.get(PLAIN, [{"mb": 0}]), "mb")
                say(f"  {record:4} B, {what:8} ours {ours:7.0f} MB/s   kafka {theirs:7.0f} MB/s"
                    + (f"   {ours / theirs:.2f} x (aim 1.5): {mark(ours / theirs >= 1.5)}" if theirs else ""))
            for name in names:
                drop(self.brokers[name], topics[name])

    def both(self):
        say("\n== in and out at once, our generator, 4 partitions, one consumer at the tail")
        for what, how in (("at 500 MB/s", {"rate": 500, "batch": 131072, "producers": 2, "window": 64}),
                          ("as fast as it goes", {"batch": 524288, "producers": 2, "window": 4})):
            names = (OURS,) if "rate" in how else (OURS, PLAIN)
            found = self.each(lambda b: self.one_load(b, seconds=self.seconds, consumers=1, record=1000, **how), names)
            for name, answers in found.items():
                into, out, p99 = (self.middle(answers, key) for key in ("mb", "out_mb", "p99"))
                say(f"  {what:20} {name:16} in {into:6.0f} MB/s  out {out:6.0f} MB/s   p99 {p99:.2f} ms, delivered p99 "
                    f"{self.middle(answers, 'delivery_p99'):.2f} ms   {self.middle(answers, 'cpu'):.2f} s of CPU a GB")
            if "rate" in how:
                into, out, p99 = (self.middle(found[OURS], key) for key in ("mb", "out_mb", "p99"))
                say(f"  {'':20} 500 in and out: {mark(into >= 490 and out >= 490)};  p99 at most 5 ms over the disk's "
                    f"{self.disk_p99:.2f}: {mark(p99 <= self.disk_p99 + 5)}")

    # ---- what it costs to be there

    def memory(self):
        say("\n== memory and start, ours")
        broker = Broker(self.folder / "idle", binary=INTERLOCK)
        broker.start()
        try:
            empty = rss_of(broker)
            made = broker.admin().create_topics([NewTopic(f"idle-{i}", 1000, 1) for i in range(10)], operation_timeout=60)
            for future in made.values():
                future.result(120)
            full = rss_of(broker)
            broker.stop()
            broker.start()
            again = rss_of(broker)
            say(f"  10,000 idle partitions: {full:.1f} MB, started again {again:.1f} MB (empty {empty:.1f} MB; aim 40): "
                f"{mark(max(full, again) < 40)}")
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            wanted = min(5000, hard - 200)
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 6000), hard))
            before, held = rss_of(broker), []
            hello = struct.pack(">ihhih4s", 14, 18, 0, 1, 4, b"idle")
            for _ in range(wanted):
                one = socket.create_connection(("127.0.0.1", broker.port))
                one.sendall(hello)
                held.append(one)
            for one in held:
                one.settimeout(20)
                one.recv(65536)
            during = rss_of(broker)
            for one in held:
                one.close()
            say(f"  {wanted} idle connections: {during:.1f} MB (before {before:.1f} MB; aim 100): {mark(during < 100)}")
        finally:
            broker.__exit__(None, None, None)

    def time_start(self, data):
        began = time.monotonic()
        process = subprocess.Popen([str(INTERLOCK), "broker", "--data", str(data), "--listen", "127.0.0.1:0"],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True)
        line = process.stdout.readline()
        took = time.monotonic() - began
        process.terminate()
        process.wait(60)
        if not line.startswith("listening on"):
            raise SystemExit(f"the broker did not start in {data}: {line}")
        return took

    def start_times(self):
        say("\n== ready to serve, ours")
        data = self.folder / "started"
        times = [self.time_start(data) for _ in range(6)]
        again = statistics.median(times[1:])
        say(f"  a new store {times[0] * 1e3:.0f} ms, again {again * 1e3:.0f} ms (aim 50): {mark(again <= 0.05)}")
        subprocess.run([str(STORE), "--leave", str(self.folder / "crashed")], check=True, stdin=subprocess.DEVNULL)
        took = self.time_start(self.folder / "crashed" / "store")
        say(f"  after a crash with 1 GiB of log: {took:.2f} s (aim 1.5): {mark(took <= 1.5)}")
        shutil.rmtree(self.folder / "crashed")

    def cold(self):
        size = int(self.cold_gb * 10**9)
        say(f"\n== a cold reader of {size / 1e9:.0f} GB beside a producer and a tail reader of 20 MB/s")
        for name in [name for name in (OURS, PLAIN) if name in self.brokers]:
            broker = self.brokers[name]
            old = topic_on(broker, 4)
            load(broker, old, partitions=4, producers=2, consumers=1, window=8, batch=131072, record=1000, until=size, seconds=600,
                 warm=0)
            if name == OURS:
                broker.stop()
                broker.start()
            tail = {"partitions": 4, "producers": 2, "consumers": 1, "window": 64, "batch": 16384, "record": 1000, "rate": 20}
            seconds = max(self.seconds, 5)
            alone, beside = [], []
            topic = topic_on(broker, 4)
            load(broker, topic, seconds=seconds, **tail)  # for nothing: it has just begun, and its log with it
            drop(broker, topic)
            for _ in range(self.rounds):
                topic = topic_on(broker, 4)
                alone.append(load(broker, topic, seconds=seconds, **tail))
                drop(broker, topic)
                topic = topic_on(broker, 4)
                reads = []

                def read(until=time.monotonic() + seconds + 1):
                    while time.monotonic() < until:  # from the beginning, again and again, as long as the tail is measured
                        reads.append(load(broker, old, partitions=4, producers=0, consumers=1, batch=131072, record=1000,
                                          until=size, seconds=max(until - time.monotonic(), 0.1), warm=0))
                reader = threading.Thread(target=read)
                reader.start()
                beside.append(load(broker, topic, seconds=seconds, **tail))
                reader.join()
                drop(broker, topic)
            drop(broker, old)
            for key in ("p99", "delivery_p99"):
                before, after = (self.middle(answers, key) for answers in (alone, beside))
                aim = f" (aim 1.5): {mark(after / before <= 1.5)}" if name == OURS else ""
                say(f"  {name:16} {'acknowledged' if key == 'p99' else 'delivered':14} p99 {before:8.2f} ms alone, {after:8.2f} ms beside a "
                    f"reader of {statistics.median(r['out_mb'] for r in reads):.0f} MB/s: {after / before:.2f} x{aim}")

    def run(self, only):
        began = time.monotonic()
        disk(self.folder, 4096, 1)
        self.disk_p99 = disk(self.folder, 1 << 20, 1)
        loopback(1)
        if "memory" in only:
            self.memory()
        if "start" in only:
            self.start_times()
        if set(only) - {"memory", "start"}:
            self.start()
        for part in only:
            if part not in ("memory", "start"):
                getattr(self, part)()
        say("\n== once more, behind it")
        disk(self.folder, 4096, 1)
        disk(self.folder, 1 << 20, 1)
        loopback(1)
        say(f"{time.monotonic() - began:.0f} s in all; load {os.getloadavg()[0]:.1f}")


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--quick", action="store_true")
    options.add_argument("--alone", action="store_true")
    options.add_argument("--cold-gb", type=float, default=0)
    options.add_argument("--only", default=",".join(PARTS))
    words = options.parse_args()
    only = [part for part in PARTS if part in words.only.split(",")]
    folder = Path(tempfile.mkdtemp(prefix="interlock-bench-", dir=os.environ.get("INTERLOCK_BENCH_FOLDER")))
    bench = Bench(folder, words.quick, words.alone, words.cold_gb)
    try:
        bench.run(only)
    finally:
        bench.close()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
