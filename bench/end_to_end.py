"""End to end: `interlock parity` over two real Kafka nodes, held against three others in the same minute.

  limit      fetch both sides, one connection a broker, in C, and throw the bytes away (compressed: inflate them too)
  scripted   the comparison that a user would script with confluent-kafka, well tuned
  memory     the peak resident size

    end_to_end.py [--megabytes N] [--rounds N] [--case 1000-none]... [--idle]
"""

import argparse
import json
import os
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT / "test" / "peer"))

from kafka_cluster import CACHE, Jars, KafkaCluster  # noqa: E402
from records import create_topic  # noqa: E402

INTERLOCK = ROOT / "build" / "interlock"
LIMIT = ROOT / "build" / "release" / "bench" / "bench_limit"
CASES = [f"{size}-{codec}" for size in (1000, 100) for codec in ("none", "lz4", "zstd")]
AIM = {"1000-none": (1.25, 6), "100-none": (1.6, 20)}
AIM_COMPRESSED = (1.25, None)
MEMORY_AIM = 256_000_000


def fill(cluster, topic, count, size, codec):
    """The same records on each cluster; the source in other batches than the target."""
    batch = 131072 if cluster.version.startswith("3") else 65536
    subprocess.run(
        ["java", "-Xmx512m", "-cp", f"{CACHE}/java:{Jars('4.3.1').folder}/*", "Fill", cluster.bootstrap, topic,
         str(count), str(size), codec, "100000", "4", "1", str(batch)],
        check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def run(command, rights=(0,)):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL)
    if done.returncode not in rights:
        raise SystemExit(f"{' '.join(map(str, command))}\nended with {done.returncode}\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout)


def limit(pair, topic, inflate):
    return run([LIMIT, "--source", pair[0].bootstrap, "--target", pair[1].bootstrap, "--topic", topic,
                *(["--inflate"] if inflate else [])])


def parity(pair, topic):
    answer = run([INTERLOCK, "parity", "--source", pair[0].bootstrap, "--target", pair[1].bootstrap, "--topic", topic,
                  "--settle", "0s", "--json"])
    if answer["verdict"] != "open":
        raise SystemExit(f"not open: {answer['reasons']}")
    return answer["speed"]


def scripted(pair, topic):
    return run([sys.executable, HERE / "scripted.py", pair[0].bootstrap, pair[1].bootstrap, topic])


def mark(reached):
    return "reached" if reached else "MISSED"


def measure(pair, case, megabytes, rounds):
    size, codec = case.split("-")
    count = megabytes * 1_000_000 // int(size)
    topic = f"bench-{case}"
    for cluster in pair:
        create_topic(cluster, topic, 4)
        fill(cluster, topic, count, int(size), codec)
    inflate = codec != "none"
    limit(pair, topic, inflate)  # once for nothing: the page cache and the brokers' compilers
    limits, ours = [], []
    for _ in range(rounds):
        limits.append(limit(pair, topic, inflate))
        ours.append(parity(pair, topic))
    script = scripted(pair, topic)
    base = statistics.median(one["seconds"] for one in limits)
    mine = statistics.median(one["seconds"] for one in ours)
    cpu = statistics.median(one["cpu_seconds"] for one in ours)
    peak = max(one["peak_rss_bytes"] for one in ours)
    over, faster = mine / base, script["seconds"] / mine
    over_aim, faster_aim = AIM.get(case, AIM_COMPRESSED)
    print(f"{size:>5} B {codec:5} {2 * count / 1e6:6.1f} M records, {2 * count * int(size) / 1e9:5.2f} GB both sides")
    print(f"    limit      {base:8.2f} s   {2 * count * int(size) / base / 1e9:6.2f} GB/s  {2 * count / base / 1e6:6.2f} M/s"
          f"   {'fetch and inflate' if inflate else 'fetch and discard'}; rounds "
          f"{', '.join('%.2f' % one['seconds'] for one in limits)}")
    print(f"    interlock  {mine:8.2f} s   {2 * count * int(size) / mine / 1e9:6.2f} GB/s  {2 * count / mine / 1e6:6.2f} M/s"
          f"   {over:.2f} x the limit (aim {over_aim}): {mark(over <= over_aim)}; {cpu:.2f} s of CPU; rounds "
          f"{', '.join('%.2f' % one['seconds'] for one in ours)}")
    print(f"    scripted   {script['seconds']:8.2f} s   {2 * count * int(size) / script['seconds'] / 1e9:6.2f} GB/s  "
          f"{2 * count / script['seconds'] / 1e6:6.2f} M/s   interlock is {faster:.1f} x faster"
          + (f" (aim {faster_aim}): {mark(faster >= faster_aim)}" if faster_aim else ""))
    print(f"    memory     {peak / 1e6:8.0f} MB  (aim {MEMORY_AIM / 1e6:.0f}): {mark(peak <= MEMORY_AIM)}", flush=True)
    return {"case": case, "limit": base, "interlock": mine, "cpu": cpu, "scripted": script["seconds"], "peak": peak,
            "over": over, "faster": faster}


def idle(pair, topics, seconds):
    """A hundred families of ten topics under --follow, with nothing to do."""
    names = [f"idle-{i:04}" for i in range(topics)]
    from confluent_kafka.admin import NewTopic
    for cluster in pair:
        for start in range(0, topics, 100):
            made = cluster.admin().create_topics([NewTopic(n, 1, 1) for n in names[start:start + 100]],
                                                 operation_timeout=60)
            for future in made.values():
                future.result(120)
        # The controller has them; the broker learns of them a little later.
        deadline = time.monotonic() + 120
        while len(cluster.admin().list_topics(timeout=20).topics) < topics and time.monotonic() < deadline:
            time.sleep(0.5)
    words = [word for name in names for word in ("--topic", name)]
    process = subprocess.Popen([INTERLOCK, "parity", "--source", pair[0].bootstrap, "--target", pair[1].bootstrap,
                                "--follow", "--quiet", "--json", *words],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def cpu():
        fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    time.sleep(15)
    before = cpu()
    time.sleep(seconds)
    if process.poll() is not None:
        raise SystemExit(f"idle: ended by itself with {process.returncode}\n{process.communicate()}"[:2000])
    share = (cpu() - before) / seconds * 100
    peak = next(int(line.split()[1]) for line in Path(f"/proc/{process.pid}/status").read_text().splitlines()
                if line.startswith("VmHWM")) * 1024
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    print(f"idle: {topics} topics under --follow for {seconds} s: {share:.2f} % of a core (aim 1): {mark(share < 1)}; "
          f"{peak / 1e6:.0f} MB (aim 64): {mark(peak <= 64e6)}; verdict {json.loads(out)['verdict'] if out else err[-300:]}",
          flush=True)


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--megabytes", type=int, default=1000, help="uncompressed, a side")
    words.add_argument("--rounds", type=int, default=3)
    words.add_argument("--case", action="append", choices=CASES)
    words.add_argument("--idle", action="store_true", help="only the idle figure")
    words.add_argument("--idle-topics", type=int, default=1000)
    words.add_argument("--idle-seconds", type=int, default=60)
    chosen = words.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    folder = Path(tempfile.mkdtemp(prefix="interlock-bench-"))
    options = {"tuned": True, "heap": "512m"}
    try:
        with KafkaCluster("3.9.1", folder / "source", **options) as source, \
                KafkaCluster("4.3.1", folder / "target", **options) as target:
            pair = (source, target)
            load = os.getloadavg()[0]
            print(f"{os.cpu_count()} cores, load {load:.1f}; Kafka {source.version} and {target.version}, one node each, "
                  "4 partitions, heap 512 MB; medians")
            for case in [] if chosen.idle else chosen.case or CASES:
                measure(pair, case, chosen.megabytes, chosen.rounds)
            if chosen.idle or not chosen.case:
                idle(pair, chosen.idle_topics, chosen.idle_seconds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
