"""`interlock verify --plan` reads the checkpoints that stand in a topic on both clusters: a journal that agrees with itself
and not with them is found, and a cluster that cannot be read is never taken for one that agrees."""

import hashlib
import struct
import subprocess

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import NewTopic

from broker import Broker
from kafka_cluster import free_ports
from test_audit import ACT, CHECKPOINT, Journal, copied, expect, journal, made, put, verify  # noqa: F401

PLAN = """exit: a
source: {source}
target: {target}
checkpoints: {{ topic: {topic} }}
families:
- {{ name: orders, class: rehearsal, pattern: dual-write, topics: [ orders ], groups: [ billing ],
    producers: [ 'User:shop' ], owners: {{ decision: lead@b }},
    levers: {{ flag: {{ get: exec g, set: exec s }} }} }}
"""


@pytest.fixture(scope="module")
def brokers(run_folder):
    with Broker(run_folder / "topics-source") as source, Broker(run_folder / "topics-target") as target:
        yield source, target


class Holders:
    """The topic of one test on both clusters, and a plan that names it."""

    def __init__(self, brokers, topic, folder):
        self.brokers, self.topic, self.folder = brokers, topic, folder
        for broker in brokers:
            broker.admin().create_topics([NewTopic(topic, 1, 1)])[topic].result(20)

    def hold(self, *values, sides=(0, 1)):
        for side in sides:
            producer = Producer({"bootstrap.servers": self.brokers[side].bootstrap, "log_level": 0})
            for value in values:
                producer.produce(self.topic, value, key=b"a", partition=0)
            assert producer.flush(20) == 0

    def plan(self, source=None, target=None):
        file = self.folder / "exit.yaml"
        file.write_text(PLAN.format(source=source or self.brokers[0].bootstrap, target=target or self.brokers[1].bootstrap,
                                    topic=self.topic))
        return ["--plan", str(file), "--timeout", "5s"]


@pytest.fixture
def holders(brokers, request, tmp_path):
    return Holders(brokers, request.node.name.replace("[", "-").replace("]", ""), tmp_path)


def notes_of(journal):
    text = (journal.path.parent / "notes").read_text()
    title = "interlock journal checkpoint 1\n"
    return [(title + part).encode() for part in text.split(title)[1:]]


def rewrite(journal):
    """All of it agrees with itself afterwards: only who holds a note knows."""
    act = journal.find(ACT)
    kinds = {s: struct.unpack_from("<H", frame, 12)[0] for s, frame in journal.frames().items()}
    journal.rechain({act: lambda body: body.update(reason="something else")},
                    [s for s, kind in kinds.items() if s > act and kind == CHECKPOINT])


def test_intact(journal, holders):
    holders.hold(*notes_of(journal))
    found = expect(journal, "intact", *holders.plan())
    assert found["outside"]["given"] == found["outside"]["held"] == 6 and found["topics_asked"]
    for side, holder in zip(("source", "target"), found["outside"]["topics"]):
        assert holder == {"holder": f"topic {holders.topic} on the {side}", "read": True, "why": None, "first": 0, "end": 3,
                          "notes": 3, "others": 0}
    text = " ".join(verify(journal.path, *holders.plan(), json_too=False)[1].split())
    assert f"read topic {holders.topic} on the source: 3 checkpoints in offsets 0 to 3" in text, text
    assert f"held against 6 notes in topic {holders.topic} on the source, topic {holders.topic} on the target" in text


@pytest.mark.parametrize("side", [0, 1])
def test_rewritten_shows_by_one_of_both(journal, holders, side):
    holders.hold(*notes_of(journal), sides=[side])
    rewrite(journal)
    expect(journal, "intact")
    found = expect(journal, "tampered", *holders.plan(), text="rewritten")
    assert f"topic {holders.topic} on the {('source', 'target')[side]} has a note" in found["fault"]["text"]


def test_cut_with_its_head(journal, holders):
    holders.hold(*notes_of(journal))
    last = max(journal.frames())
    journal.db.execute("DELETE FROM interlock_frame WHERE sequence > ?", (last - 4,))
    journal.head_is_last()
    expect(journal, "intact", *holders.plan(), "--offline")
    expect(journal, "torn", *holders.plan(), frame=last - 3, text=f"topic {holders.topic} on the source has a note of")


def test_a_cluster_that_is_down_is_not_read(journal, holders):
    holders.hold(*notes_of(journal))
    nobody = f"127.0.0.1:{free_ports(1)[0]}"
    words = [*holders.plan(target=nobody)[:2], "--timeout", "500ms"]
    name = f"topic {holders.topic} on the target"
    found = expect(journal, "undecided", *words, text=f"{name} was not read: ")
    source, target = found["outside"]["topics"]
    assert source["read"] and not target["read"] and target["notes"] == 0 and nobody in target["why"], target
    assert f"not held against: {name} (not read: " in " ".join(verify(journal.path, *words, json_too=False)[1].split())
    rewrite(journal)
    found = expect(journal, "tampered", *words, text=f"topic {holders.topic} on the source has a note")
    assert any(remark.startswith(f"{name} was not read") for remark in found["remarks"])


def test_a_topic_that_is_not_there_is_not_read(journal, holders):
    holders.hold(*notes_of(journal))
    holders.topic += "-gone"
    words = [*holders.plan()[:2], "--timeout", "1s"]
    found = expect(journal, "undecided", *words, text="was not read: ")
    assert [each["read"] for each in found["outside"]["topics"]] == [False, False]


def test_what_others_write_there_is_counted_and_left(journal, holders):
    one, two, three = notes_of(journal)
    bent = two.replace(b"size ", b"size 1", 1)
    holders.hold(one, b"hello", two, None, bent, three, b"\xff" * 5000)
    found = expect(journal, "intact", *holders.plan())
    assert {(each["notes"], each["others"]) for each in found["outside"]["topics"]} == {(3, 4)}
    assert "4 records there are no checkpoint" in " ".join(verify(journal.path, *holders.plan(), json_too=False)[1].split())


class Stranger:
    """A key of somebody's own."""

    def __init__(self, folder):
        self.file, self.text = folder / "stranger.pem", folder / "stranger.text"
        self.run("genpkey", "-algorithm", "ed25519", "-out", self.file)
        self.key = self.run("pkey", "-in", self.file, "-pubout", "-outform", "DER")[-32:].hex()

    @staticmethod
    def run(*words):
        return subprocess.run(["openssl", *words], check=True, capture_output=True, timeout=60).stdout

    def sign(self, size, root):
        self.text.write_text(f"interlock journal checkpoint 1\nexit a\nsize {size}\nroot {root}\ntime 1\nkey {self.key}\n")
        signature = self.run("pkeyutl", "-sign", "-rawin", "-inkey", self.file, "-in", self.text)
        return self.text.read_bytes() + b"signature " + signature.hex().encode() + b"\n"


def test_a_note_by_anybodys_key_is_named_and_left(journal, holders, tmp_path):
    """Who may write to the topic makes no noise: neither by a note of another frame 5 nor of frames that never were."""
    one, two, three = notes_of(journal)
    stranger = Stranger(tmp_path)
    holders.hold(one, stranger.sign(5, "11" * 32), two, stranger.sign(9000, "22" * 32), three)
    found = expect(journal, "intact", *holders.plan())
    assert found["outside"]["foreign"] == 4 and found["outside"]["held"] == 6, found
    for side in ("source", "target"):
        assert any(f"on the {side} has 2 checkpoints" in remark and stranger.key in remark
                   for remark in found["remarks"]), found
    text = " ".join(verify(journal.path, *holders.plan(), json_too=False)[1].split())
    assert "4 by a foreign key were passed over" in text, text


def test_a_journal_with_a_key_of_its_own_is_no_way_round(journal, holders, tmp_path):
    """Who writes the whole journal anew signs it himself, in the topic too: what was put there first tells."""
    true, mine, forged = notes_of(journal), Stranger(tmp_path), []
    journal.rechain({journal.find(ACT): put(reason="something else")})
    for nth in range(len(true)):
        mark = journal.find(CHECKPOINT, nth)
        size = journal.body(mark)["size"]
        root = hashlib.sha256(journal.frames()[size]).hexdigest()
        forged.append(mine.sign(size, root))
        journal.rechain({mark: put(note=forged[-1].decode(), head=root)})
    expect(journal, "intact")
    holders.hold(*true, *forged)
    expect(journal, "tampered", *holders.plan(), text="rewritten")


def test_a_stranger_who_came_first_counts(journal, holders, tmp_path):
    """Which of the two was first cannot be told: one sentence for each holder, however much he wrote there."""
    stranger = Stranger(tmp_path)
    holders.hold(*(stranger.sign(size, "11" * 32) for size in (5, 6, 9000)), *notes_of(journal))
    found = expect(journal, "tampered", *holders.plan(), text="somebody else wrote there before its controller did")
    said = [found["fault"]["text"], *(remark for remark in found["remarks"] if "the plan in force" not in remark)]
    assert found["fault"]["frame"] == 5 and len(said) == 2, said
    for text, side in zip(said, ("source", "target")):
        assert text.startswith(f"topic {holders.topic} on the {side} has 3 checkpoints") and stranger.key in text, said


def test_a_holder_that_lost_what_it_was_given(journal, holders):
    """The journal says that both were given notes; one holds none."""
    last = journal.find(CHECKPOINT, 2)
    names = [f"topic {holders.topic} on the {side}, offset 2" for side in ("source", "target")]
    journal.rechain({last: put(holders=names)}, [s for s in journal.frames() if s > last])
    holders.hold(*notes_of(journal), sides=[0])
    found = expect(journal, "undecided", *holders.plan(), text=f"topic {holders.topic} on the target was given checkpoints")
    assert found["outside"]["not_held_against"] == ["a file"]
