"""`interlock demo`: the whole story from the program alone; judged by what it leaves, not by what it says."""

import os
import re
import signal
import time
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition

from broker import Broker
from records import read_all

GROUP = "orders.billing"


def working_in(folder):
    """Processes whose working folder lies there."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and Path(os.readlink(entry / "cwd")).is_relative_to(folder):
                found.append(entry.name)
        except OSError:
            continue
    return found


def test_a_whole_exit_from_broker_to_broker(run_folder, interlock):
    """Gates, a planted fault, a drill, crossings, a stop condition, seal, retire, verify."""
    folder = run_folder / "demo"
    told = interlock.run("demo", "--keep", folder, status=0, timeout=200).out
    assert "nothing lost, doubled or reordered" in told
    assert "the target has no authorizer" in told       # said in Kafka's words: SECURITY_DISABLED
    assert "parity.lost: 1 record of the source is not on the target" in told     # what the planted order shut

    verified = interlock.run("verify", "interlock.db", "--checkpoint", "checkpoints.txt", "--json", folder=folder, status=0)
    assert verified.json["answer"] == "intact"
    assert verified.json["outside"]["held"] == verified.json["checkpoints"] > 0
    family = interlock.run("status", "--json", folder=folder).json["families"][0]
    assert (family["stage"], family["authority"], family["epoch"]) == ("RETIRED", "target", 7)
    runbook = (folder / "runbook.md").read_text()
    assert "the dashboard of the mirror writes: absent" in runbook
    assert "The source for all three is the target cluster" in runbook
    assert not (folder / "mirror-dashboard").exists()

    orders = int(re.search(r"the shop: (\d+) orders", told).group(1))
    with Broker(folder, data=folder / "source") as source, Broker(folder, data=folder / "target") as target:
        for broker in (source, target):
            ids = [dict(one.headers())["id"] for part in read_all(broker, "orders").values() for one in part]
            assert sorted(ids) == sorted([b"stray", *(b"order-%d" % number for number in range(orders))])
        result = interlock.parity(source, target, "orders", options=["--identity", "header:id"], status=0).json
        assert result["verdict"] == "open"
        assert result["topics"][0]["records"]["matched"] == orders + 1
        places = [TopicPartition("orders", partition) for partition in range(4)]
        consumer = Consumer({"bootstrap.servers": target.bootstrap, "group.id": GROUP})
        assert [place.offset for place in consumer.committed(places, timeout=20)] == \
            [consumer.get_watermark_offsets(place, timeout=20)[1] for place in places]
        consumer.close()


def test_a_killed_demo_takes_its_children_along(tmp_path, interlock):
    """Its folder stays, for nobody is left to remove it; no process does."""
    process = interlock.start("demo", environment={"TMPDIR": str(tmp_path)})
    for line in process.stdout:
        if "interlock run" in line:
            break
    deadline = time.monotonic() + 30
    while not working_in(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert working_in(tmp_path)
    process.kill()
    process.wait(timeout=20)
    deadline = time.monotonic() + 60
    while working_in(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.01)
    left = working_in(tmp_path)
    for one in left:        # of our own making, so that a failure leaves none of them behind either
        os.kill(int(one), signal.SIGKILL)
    assert not left


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_an_interrupted_demo_leaves_nothing(tmp_path, interlock, number):
    process = interlock.start("demo", environment={"TMPDIR": str(tmp_path)})
    for line in process.stdout:
        if "interlock check" in line:
            break
    deadline = time.monotonic() + 20
    while not working_in(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert working_in(tmp_path)
    process.send_signal(number)
    result = interlock.finish(process, ["demo"], timeout=60, status=2)
    assert "interrupted; everything that it started has ended" in result.err
    assert not working_in(tmp_path)
    assert list(tmp_path.iterdir()) == []
