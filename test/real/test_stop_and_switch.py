"""Stop-and-switch from end to end, by the verbs alone: MirrorMaker 2 fills the target, an application goes there whole, and
the way back is what the plan makes of it."""

import contextlib
import json
import re
import signal
import threading

import pytest
import yaml
from confluent_kafka import Consumer, TopicPartition

from crossing import ARRIVED, FAMILY, ByVerbs, Scene
from patience import until
from records import EPOCH_MS, Record, end_offsets, produce, producer, settings, transaction
from test_crossing_edges import of_kind

pytestmark = pytest.mark.real

CLASS = {"like": "rehearsal", "deadline": "20s", "pause": "20s", "observe": "1ms"}
STRANGER = Record(b"stranger", b"written where nobody may write", (("id", b"stranger"), ("sequence", b"0")), EPOCH_MS, 0)


class Carrier(threading.Thread):
    """What feeds the way back: all that the target holds behind `ends` goes to the source, in order.  The file `behind` says
    how many records it has still to carry."""

    def __init__(self, folder, source, target, topic, ends, known):
        super().__init__(daemon=True)
        self.folder, self.source, self.target, self.topic, self.ends = folder, source, target, topic, ends
        self.known, self.ending = known, False

    def run(self):
        reader = Consumer(settings(self.target, group_id="carrier", enable_auto_commit=False))
        writer = producer(self.source, linger_ms=1)
        at = dict(self.ends)
        reader.assign([TopicPartition(self.topic, partition, offset) for partition, offset in at.items()])
        while not self.ending:
            for message in reader.consume(500, 0.05):
                if message.error() is None and dict(message.headers() or ())["id"] not in self.known:
                    writer.produce(self.topic, message.value(), message.key(), message.partition(),
                                   headers=message.headers(), timestamp=message.timestamp()[1])
                at[message.partition()] = message.offset() + 1
            assert writer.flush(20) == 0
            self.say(sum(end_offsets(self.target, self.topic).values()) - sum(at.values()))
        reader.close()

    def say(self, behind):
        part = self.folder / "behind.part"
        part.write_text(f"{behind} records\n")
        part.replace(self.folder / "behind")

    def end(self):
        self.ending = True
        self.join(60)
        assert not self.is_alive()


@contextlib.contextmanager
def controller(interlock, one):
    """`interlock run`, until the block is left."""
    process = interlock.start("run", folder=one.folder)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        result = interlock.finish(process, ["run"])
        print(result.err[-3000:])
        assert result.status == 0, result


def plan(one, **more):
    file = one.plan("brisk", limits=CLASS, **more)
    whole = yaml.safe_load(file.read_text())
    whole["reading"] = {"every": "500ms"}
    file.write_text(yaml.safe_dump(whole, sort_keys=False))
    return file


def paced(shop, rate):
    """The same application, ended in good order and started again with other customers."""
    shop.finish()
    shop.config["rate"] = rate
    (shop.folder / "config.json").write_text(json.dumps(shop.config))
    shop.start()


def test_there_and_back_and_what_stands_in_the_way(new_cluster, interlock, run_folder, topic, mirror):
    source, target = new_cluster("3.9.1", name="source"), new_cluster("4.3.1", name="target")
    with Scene(run_folder / topic, source, target, topic=topic, pattern="stop-and-switch", shops=[{"rate": 200}]) as one:
        copier = mirror(source, target, topics=re.escape(topic))
        mover, shop = ByVerbs(one, interlock, plan(one)), one.shops[0]

        def boundary():
            return mover.status()["boundary"]["target_only_records"]

        # Nobody writes for a while: no record is on the target alone, so the way back is open without a copier for it.
        one.load(300)
        paced(shop, 0)
        until(lambda: sum(end_offsets(target, topic).values()) == sum(end_offsets(source, topic).values()))
        assert mover.cross("target") == ARRIVED, mover.results[-1]
        with controller(interlock, one):
            until(lambda: mover.status()["gates"]["rollback"] != "unknown")
            stands = mover.status()
            assert (stands["stage"], stands["overlay"], stands["verdict"]) == ("TARGET", None, "open"), stands
            assert boundary() == 0
            assert mover.cross("source") == ARRIVED, mover.results[-1]
        assert shop.get() == "source" and one.groups[0].get() == "running source"

        # Under load: each record that the target gets is one that going back would lose.
        paced(shop, 200)
        one.load(200)
        assert mover.cross("target") == ARRIVED, mover.results[-1]
        copier.__exit__()
        with controller(interlock, one):
            until(lambda: (boundary() or 0) > 50)
            first = boundary()
            until(lambda: boundary() > first)
            stands = mover.status()
            assert (stands["stage"], stands["overlay"], stands["verdict"]) == ("TARGET", None, "open"), stands
            refused = mover.act("rollback", FAMILY)
            assert refused.status == 1 and "on the target alone" in refused.out, refused
            assert mover.status()["stage"] == "TARGET" and mover.status()["overlay"] is None

            # A writer whom nobody told: all writes are held, and it is named.
            with transaction(source, f"{topic}-stranger") as t:
                t.produce(topic, STRANGER)
                t.commit()
            until(lambda: mover.status()["overlay"] == "HELD" and shop.get() == "hold")
            stands = mover.status()
            assert f"{topic}-stranger" in stands["cause"] and "leak" in stands["cause"], stands
            assert mover.act("resume", FAMILY).status == 0
            assert shop.get() == "target" and mover.status()["stage"] == "TARGET"

        # With a copier for the way back, and the stranger's record reconciled, it is walked under load.
        produce(target, topic, [STRANGER])
        mover.file = plan(one, **{"return": {"filled-by": "carrier", "probe": "exec cat behind"}})
        ends = {partition: end for _, partition, end, _ in of_kind(one.folder, "LEVEL")[-1][1]["ends"]}
        carrier = Carrier(one.folder, source, target, topic, ends, known={b"stranger"})
        carrier.start()
        try:
            one.load(200)
            assert mover.cross("source") == ARRIVED, mover.results[-1]
            assert mover.status()["stage"] == "OBSERVING"
        finally:
            carrier.end()
        one.load(200)
        report = one.end("source", load_min=0)      # two of the four were without a writer
        assert len(report.crossings) == 2, report
        assert report.kinds["phantom"] == 2 and all("stranger" in found.text for found in report.findings), report
