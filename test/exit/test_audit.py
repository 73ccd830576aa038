"""`interlock verify` against a journal that was attacked: each way of damaging, changing or rewriting it must show, and be
called what it is."""

import hashlib
import json
import os
import shutil
import sqlite3
import struct
import subprocess
from pathlib import Path

import pytest

from program import ENVIRONMENT

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build/test"
HEAD_SIZE = 96
LEASE, PLAN, VERDICT, ACT, ANSWER, MOVE, STAGE, INTENT, OBSERVATION, OUTCOME = 2, 1, 3, 4, 5, 6, 7, 8, 9, 10
CHECKPOINT, DRILL, LEAK = 15, 17, 18
INTACT, SHUT, UNDECIDED = 0, 1, 2


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc = (crc >> 8) ^ TABLE[(crc ^ byte) & 0xff]
    return crc ^ 0xffffffff


def _row(value):
    for _ in range(8):
        value = (value >> 1) ^ (0x82f63b78 if value & 1 else 0)
    return value


TABLE = [_row(value) for value in range(256)]


def sealed(frame):
    """With the checksum that its bytes have now."""
    return frame[:8] + struct.pack("<I", crc32c(frame[12:])) + frame[12:]


class Journal:
    """The file as somebody with a database client sees it."""

    def __init__(self, path):
        self.path = path
        self.db = sqlite3.connect(path, isolation_level=None)

    def close(self):
        self.db.close()

    def frames(self):
        return dict(self.db.execute("SELECT sequence, frame FROM interlock_frame ORDER BY sequence"))

    def put(self, sequence, frame):
        self.db.execute("INSERT OR REPLACE INTO interlock_frame VALUES (?, ?)", (sequence, frame))

    def body(self, sequence):
        return json.loads(self.frames()[sequence][HEAD_SIZE:])

    def find(self, kind, nth=0):
        return [s for s, frame in self.frames().items() if struct.unpack_from("<H", frame, 12)[0] == kind][nth]

    def head_is_last(self):
        frames = self.frames()
        last = max(frames)
        self.db.execute("UPDATE interlock_head SET sequence = ?, last = ?",
                        (last, hashlib.sha256(frames[last]).hexdigest()))

    def bodies(self, kind):
        return [(s, self.body(s)) for s, frame in self.frames().items() if struct.unpack_from("<H", frame, 12)[0] == kind]

    def rechain(self, changes=None, without=(), verbatim=()):
        """Rewrites every frame so that the chain holds again: `changes` maps sequences to functions over bodies.  What
        names a frame by its hash or its number names the new one, but for the bodies of `verbatim`."""
        frames, new, renamed, moved, previous = self.frames(), [], {}, {}, bytes(32)
        for sequence in sorted(frames):
            if sequence in without:
                continue
            body = json.loads(frames[sequence][HEAD_SIZE:])
            if changes and sequence in changes:
                changes[sequence](body)
            for key in ("act", "intent"):
                if isinstance(body.get(key), int):
                    body[key] = moved.get(body[key], body[key] if body[key] in frames else 0)
            text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
            for old, fresh in renamed.items() if sequence not in verbatim else ():
                text = text.replace(old, fresh)
            frame = bytearray(frames[sequence][:HEAD_SIZE]) + text
            struct.pack_into("<I", frame, 4, len(frame))
            struct.pack_into("<Q", frame, 16, len(new) + 1)
            frame[64:96] = previous
            frame = sealed(bytes(frame))
            previous = hashlib.sha256(frame).digest()
            renamed[hashlib.sha256(frames[sequence]).hexdigest().encode()] = previous.hex().encode()
            new.append(frame)
            moved[sequence] = len(new)
        self.db.execute("DELETE FROM interlock_frame")
        for sequence, frame in enumerate(new, 1):
            self.put(sequence, frame)
        self.head_is_last()


def make(folder, *more):
    subprocess.run([BUILD / "unit/journal_make", folder / "interlock.db", folder / "notes", *map(str, more)], check=True,
                   capture_output=True, timeout=120, env={**os.environ, **ENVIRONMENT})


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    make(folder)
    return folder


def copied(made, tmp_path):
    for file in made.iterdir():
        shutil.copy(file, tmp_path)
    one = Journal(tmp_path / "interlock.db")
    yield one
    one.close()


@pytest.fixture
def journal(made, tmp_path):
    yield from copied(made, tmp_path)


@pytest.fixture(scope="module")
def made_whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    make(folder, "whole")
    return folder


@pytest.fixture
def whole(made_whole, tmp_path):
    """A drill, crossings there and back, a freeze, the seal and the retirement; acts are signed, by both owners at the end."""
    yield from copied(made_whole, tmp_path)


def verify(path, *words, json_too=True):
    done = subprocess.run([BUILD / "interlock", "verify", path, *words, *(["--json"] if json_too else [])],
                          capture_output=True, text=True, timeout=120, check=False, env={**os.environ, **ENVIRONMENT})
    assert done.returncode in (INTACT, SHUT, UNDECIDED, 64, 69, 78), done.stderr
    return (done.returncode, json.loads(done.stdout)) if json_too else (done.returncode, done.stdout)


def expect(journal, answer, *words, frame=None, text=""):
    status, found = verify(journal.path, *words)
    assert found["answer"] == answer, found
    assert status == {"intact": INTACT, "undecided": UNDECIDED}.get(answer, SHUT)
    if frame is not None:
        assert found["fault"]["frame"] == frame, found
    if text:
        assert text in found["fault"]["text"], found
    return found


def notes(journal):
    return ["--checkpoint", str(journal.path.parent / "notes")]


def test_intact(journal):
    found = expect(journal, "intact", *notes(journal))
    assert found["frames"] == max(journal.frames()) and found["fault"] is None
    assert (found["verdicts"], found["checkpoints"], found["acts"]) == (2, 3, 3)
    assert found["outside"]["given"] == found["outside"]["held"] == 3


def test_says_what_it_was_held_against(journal):
    assert "no note from outside was given" in verify(journal.path, json_too=False)[1]
    assert "held against 3 notes" in verify(journal.path, *notes(journal), json_too=False)[1]


def test_says_who_was_not_asked(journal):
    """Each holder that the journal names, once, unless its notes were given; whatever a name says, it steers no terminal."""
    last = journal.find(CHECKPOINT, 2)
    file = notes(journal)[1]
    holders = [f"topic t on the {side}, offset {offset}" for offset in (1, 2) for side in ("source", "target")]
    journal.rechain({last: put(holders=[*holders, f"file {file}", "file b", "two\nlines", 7, *(f"x{i}" for i in range(30))])},
                    [s for s in journal.frames() if s > last])
    text = " ".join(verify(journal.path, json_too=False)[1].split())     # however long a path is, and where it is wrapped
    for line in ("topic t on the source (not asked)", "topic t on the target (not asked)", f"file {file} (not given)",
                 "file b (not given)", "a file (not asked)", "two\\x0alines (not asked)", "16 more that the journal names"):
        assert text.count(f"not held against: {line}") == 1, (line, text)
    found = verify(journal.path, *notes(journal))[1]
    assert f"file {file}" not in found["outside"]["not_held_against"] and len(found["outside"]["not_held_against"]) == 19


def test_long_with_snapshots(tmp_path):
    make(tmp_path, 2500)
    journal = Journal(tmp_path / "interlock.db")
    assert any(struct.unpack_from("<H", frame, 12)[0] == 16 for frame in journal.frames().values())
    expect(journal, "intact", *notes(journal))
    journal.close()


def test_every_flipped_bit_shows(journal):
    """One bit in each field of each frame: nothing of a frame is unguarded."""
    frames = journal.frames()
    tried = 0
    for sequence, frame in frames.items():
        for at in (0, 5, 9, 12, 17, 25, 33, 41, 49, 65, HEAD_SIZE, len(frame) - 2):
            if (sequence + at) % 4:     # a quarter of them: each is a run of the program
                continue
            bent = bytearray(frame)
            bent[at] ^= 1 << (sequence % 8)
            journal.put(sequence, bytes(bent))
            found = verify(journal.path)[1]
            assert found["answer"] in ("tampered", "undecided") and found["fault"]["frame"] == sequence, (sequence, at, found)
            assert found["frames"] == sequence - 1
            journal.put(sequence, frame)
            tried += 1
    assert tried > 50
    expect(journal, "intact")


def test_flipped_and_checksummed_anew(journal):
    """Who changes a frame and mends its checksum breaks the chain at the next one, or at the head."""
    frames = journal.frames()
    for sequence in (3, 7, max(frames)):
        bent = frames[sequence].replace(b"made for a test", b"done for a test")
        if bent == frames[sequence]:
            bent = bent[:24] + struct.pack("<Q", 1) + bent[32:]
        journal.put(sequence, sealed(bent))
        found = expect(journal, "tampered")
        assert found["fault"]["frame"] in (sequence, sequence + 1)
        journal.put(sequence, frames[sequence])


def test_dropped(journal):
    journal.db.execute("DELETE FROM interlock_frame WHERE sequence = 7")
    assert expect(journal, "tampered", frame=7, text="missing")["frames"] == 6


def test_swapped_and_duplicated(journal):
    frames = journal.frames()
    journal.put(6, frames[7])
    journal.put(7, frames[6])
    expect(journal, "tampered", frame=6)
    journal.put(6, frames[6])
    expect(journal, "tampered", frame=7)


def test_inserted_behind_the_head(journal):
    frames = journal.frames()
    journal.put(max(frames) + 1, frames[max(frames)])
    expect(journal, "tampered", frame=max(frames) + 1)


def test_cut_at_the_end(journal):
    last = max(journal.frames())
    journal.db.execute("DELETE FROM interlock_frame WHERE sequence > ?", (last - 2,))
    assert expect(journal, "torn", frame=last - 1)["frames"] == last - 2


def test_cut_with_its_head_shows_by_a_note_only(journal):
    last = max(journal.frames())
    journal.db.execute("DELETE FROM interlock_frame WHERE sequence > ?", (last - 4,))
    journal.head_is_last()
    expect(journal, "intact")
    expect(journal, "torn", *notes(journal), frame=last - 3, text="has a note of")


def test_rewritten_shows_by_a_note_only(journal):
    """The reason of an act is nobody's to recompute: chain, head and rules all hold after it was changed."""
    act = journal.find(ACT)
    after = [s for s in journal.frames() if s > act]
    without = [s for s in after if struct.unpack_from("<H", journal.frames()[s], 12)[0] == CHECKPOINT]
    journal.rechain({act: lambda body: body.update(reason="something else")}, without)
    expect(journal, "intact")
    expect(journal, "tampered", *notes(journal), text="rewritten")


def test_rewritten_around_its_own_checkpoint(journal):
    """The note in the journal was signed for another frame than the one in front of it."""
    act = journal.find(ACT)
    journal.rechain({act: lambda body: body.update(reason="something else")})
    status, found = verify(journal.path)
    assert status == SHUT and found["answer"] in ("tampered", "not reproducible"), found


def test_note_of_another_exit_or_none(journal):
    journal.path.parent.joinpath("empty").write_text("")
    expect(journal, "intact", "--checkpoint", str(journal.path.parent / "empty"))
    bent = (journal.path.parent / "notes").read_text().replace("size 5", "size 6")
    (journal.path.parent / "notes").write_text(bent)
    done = subprocess.run([BUILD / "interlock", "verify", journal.path, *notes(journal)], capture_output=True, text=True,
                          timeout=60, check=False, env={**os.environ, **ENVIRONMENT})
    assert done.returncode == UNDECIDED and "signature" in done.stderr


def shut(body):
    body["gates"]["parity"] = "shut"
    body["verdict"] = "shut"


@pytest.mark.parametrize("key, change", [
    ("verdict", shut),
    ("valid_until", lambda body: body.update(valid_until=body["valid_until"] + 3600000)),
    ("reasons", lambda body: body.update(reasons=[{"gate": "parity", "code": "X", "rule": "x", "text": "x"}])),
    ("boundary", lambda body: body.update(boundary={"target_only_records": 0})),
    ("more", lambda body: body.update(kindly=True)),
], ids=lambda value: value if isinstance(value, str) else "")
def test_forged_verdict(journal, key, change):
    """The chain holds; the evidence says otherwise."""
    at = journal.find(VERDICT, 1)
    later = [s for s, f in journal.frames().items() if s > at]
    journal.rechain({at: change}, later)
    expect(journal, "not reproducible", frame=at, text=key)


def test_forged_open_verdict(journal):
    """Evidence that does not open, called open: the basis of the first verdict, which stood in another stage."""
    first, second = journal.find(VERDICT, 0), journal.find(VERDICT, 1)
    old = journal.body(first)["input"]
    later = [s for s in journal.frames() if s > second]
    journal.rechain({second: lambda body: body.update(input=old)}, later)
    expect(journal, "not reproducible", frame=second, text="another stage")


def evidence_of(journal):
    """Hashes of the blobs that are evidence: large enough, and neither plan nor basis."""
    return [row[0] for row in journal.db.execute("SELECT hash, content FROM interlock_blob")
            if not row[1].startswith((b"ILB1", b"exit:", b"{"))]


def test_evidence_altered(journal):
    for one in evidence_of(journal)[:3]:
        content = journal.db.execute("SELECT content FROM interlock_blob WHERE hash = ?", (one,)).fetchone()[0]
        bent = bytearray(content)
        bent[len(bent) // 2] ^= 1
        journal.db.execute("UPDATE interlock_blob SET content = ? WHERE hash = ?", (bytes(bent), one))
        expect(journal, "tampered", frame=journal.find(VERDICT), text="evidence")
        journal.db.execute("UPDATE interlock_blob SET content = ? WHERE hash = ?", (content, one))
    expect(journal, "intact")


def test_evidence_missing(journal):
    journal.db.execute("DELETE FROM interlock_blob WHERE hash = ?", (evidence_of(journal)[0],))
    expect(journal, "undecided", frame=journal.find(VERDICT), text="is missing")


def test_plan_missing_or_another(journal):
    plan = journal.body(journal.find(PLAN))["text"]
    content = journal.db.execute("SELECT content FROM interlock_blob WHERE hash = ?", (bytes.fromhex(plan),)).fetchone()[0]
    bent = content.replace(b"rehearsal", b"rehearsal, after: [ ]")
    fresh = hashlib.sha256(bent).digest()
    journal.db.execute("INSERT INTO interlock_blob VALUES (?, ?)", (fresh, bent))
    at = journal.find(PLAN)
    later = [s for s in journal.frames() if s > at + 1]
    journal.rechain({at: lambda body: body.update(text=fresh.hex(), plan="ab" * 32)}, later)
    expect(journal, "not reproducible", frame=at)
    journal.db.execute("DELETE FROM interlock_blob WHERE hash = ?", (fresh,))
    expect(journal, "undecided", frame=at, text="the plan is missing")


@pytest.mark.parametrize("kind, nth, field, value, text", [
    (ACT, 0, "by", "stranger@x", "may not ask"),
    (ACT, 1, "by", "duty@b", "may not ask"),
    (ACT, 2, "by", "stranger@x", "may not ask"),
    (ACT, 2, "act", "hold", "nobody had asked for"),
    (ACT, 2, "family", "others", "nobody had asked for"),
    (ACT, 3, "act", "hold", "nobody had asked for"),
    (ACT, 3, "reason", "another reason", "signature of the act is not by the key"),
    (ACT, 3, "time", 1700003600001 + 3600000, "signature of the act is not by the key"),
    (ACT, 3, "by", "duty@b", "may not ask"),
])
def test_act_of_somebody_who_may_not(journal, kind, nth, field, value, text):
    at = journal.find(kind, nth)
    without = [s for s in journal.frames() if s > at and struct.unpack_from("<H", journal.frames()[s], 12)[0] == CHECKPOINT]
    journal.rechain({at: lambda body: body.update({field: value})}, without)
    expect(journal, "not reproducible", text=text)


def act_of(journal, word, nth=0):
    return [s for s, body in journal.bodies(ACT) if body["act"] == word][nth]


def answer_of(journal, word, nth=0):
    return [s for s, body in journal.bodies(ANSWER) if body["act"] == act_of(journal, word, nth)][0]


def stage_of(journal, **fields):
    return [s for s, body in journal.bodies(STAGE) if all(body.get(k) == v for k, v in fields.items())][0]


def next_of(journal, kind, after):
    return min(s for s, _ in journal.bodies(kind) if s > after)


def test_whole_is_intact(whole):
    """With a drill, whose shadow crosses without a verdict and without an act of its own."""
    found = expect(whole, "intact", *notes(whole))
    assert found["acts"] == 9 and found["checkpoints"] == found["outside"]["held"] == 6
    assert len(whole.bodies(DRILL)) == 2 and any(body["family"] == "orders~drill" for _, body in whole.bodies(MOVE))


def drop(*names):
    return lambda body: [body.pop(name) for name in names]


def put(**fields):
    return lambda body: body.update(fields)


# Where it is done, to which frames; the frame that does not hold then, and why.  What comes later is dropped.
ATTACKS = {
    "sealed by nobody": (lambda j: {stage_of(j, stage="SEALED"): put(act=0)},
                         lambda j: stage_of(j, stage="SEALED"), "closed: nobody had asked"),
    "sealed for another act": (lambda j: {act_of(j, "seal"): put(act="retire")},
                               lambda j: stage_of(j, stage="SEALED"), "closed: nobody had asked"),
    "retired by nobody": (lambda j: {stage_of(j, stage="RETIRED"): put(act=0)},
                          lambda j: stage_of(j, stage="RETIRED"), "retired: nobody had asked"),
    "the second owner has not signed": (lambda j: {act_of(j, "seal"): drop("second_signature")},
                                        lambda j: stage_of(j, stage="SEALED"), "named and has not signed"),
    "the first signs for the second": (
        lambda j: {act_of(j, "seal"): lambda body: body.update(second_signature=body["signature"])},
        lambda j: stage_of(j, stage="SEALED"), "second signature of the act is not by the key"),
    "a second signature of another act": (
        lambda j: {act_of(j, "seal"): put(second_signature=j.body(act_of(j, "retire"))["second_signature"])},
        lambda j: stage_of(j, stage="SEALED"), "second signature of the act is not by the key"),
    "no second owner": (lambda j: {act_of(j, "seal"): put(arguments={})},
                        lambda j: stage_of(j, stage="SEALED"), "signature of the act is not by the key"),
    "an act that is not signed": (lambda j: {act_of(j, "seal"): drop("signature", "second_signature", "nonce", "time")},
                                  lambda j: stage_of(j, stage="SEALED"), "plan wants acts signed"),
    "an act that is replayed": (
        lambda j: {act_of(j, "resume", 1): lambda body: body.update(j.body(act_of(j, "resume", 0)))},
        lambda j: stage_of(j, act=act_of(j, "resume", 1)), "its nonce was seen before"),
    "let go on by nobody": (lambda j: {stage_of(j, act=act_of(j, "resume")): put(act=0)},
                            lambda j: stage_of(j, act=act_of(j, "resume")), "let go on: nobody had asked"),
    "let go on for a hold": (lambda j: {act_of(j, "resume"): put(act="hold")},
                             lambda j: stage_of(j, act=act_of(j, "resume")), "let go on: nobody had asked"),
    "arrived, and called returned": (lambda j: {answer_of(j, "promote"): put(result="returned")},
                                     lambda j: answer_of(j, "promote"), "no crossing was given up"),
    "arrived, and called unknown": (lambda j: {answer_of(j, "promote"): put(result="unknown")},
                                    lambda j: answer_of(j, "promote"), "nothing about the family is unknown"),
    "held, and not": (lambda j: {stage_of(j, overlay="HELD", stage="OBSERVING"): drop("overlay")},
                      lambda j: answer_of(j, "hold"), "the family is not held"),
    "a drill for nobody": (lambda j: {j.find(DRILL): put(act=0)}, lambda j: j.find(DRILL), "drill that nobody had asked for"),
    "a drill for another act": (lambda j: {act_of(j, "drill"): put(act="hold")},
                                lambda j: j.find(DRILL), "drill that nobody had asked for"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_rewritten_against_a_rule(whole, name):
    """The chain holds after each, and so do the rules of each kind of frame; what was carried out does not follow."""
    changes, frame, text = ATTACKS[name]
    at = frame(whole)
    whole.rechain(changes(whole), [s for s in whole.frames() if s > at])
    expect(whole, "not reproducible", frame=at, text=text)


def test_sealed_on_a_verdict_that_is_not_of_now(whole):
    """The verdict of before the crossing is not one on the target."""
    sealed = stage_of(whole, stage="SEALED")
    last = [s for s, _ in whole.bodies(VERDICT) if s < sealed][-1]
    whole.rechain(without=[last, *(s for s in whole.frames() if s > sealed)])
    expect(whole, "not reproducible", frame=sealed - 1, text="verdict that is not open")


def test_sealed_before_it_was_watched_for_long_enough(whole):
    """The plan in the journal says for how long; here another one is put in its place, which says two hours."""
    plan = whole.body(whole.find(PLAN))
    content = whole.db.execute("SELECT content FROM interlock_blob WHERE hash = ?", (bytes.fromhex(plan["text"]),)).fetchone()[0]
    bent = content.replace(b"observe: 0s", b"observe: 2h")
    fresh = hashlib.sha256(bent).digest()
    whole.db.execute("INSERT INTO interlock_blob VALUES (?, ?)", (fresh, bent))
    sealed = stage_of(whole, stage="SEALED")
    whole.rechain({whole.find(PLAN): put(text=fresh.hex())}, [s for s in whole.frames() if s > sealed])
    found = verify(whole.path)[1]
    assert any("still watched: 0 ms of 2 h" in text for text in found["remarks"]), found


def test_dropped_act(whole):
    """An act that was carried out and is not there any more; and its answer with it."""
    act, answer = act_of(whole, "resume"), answer_of(whole, "resume")
    released = stage_of(whole, act=act)
    whole.rechain(without=[act, answer, *(s for s in whole.frames() if s > released)])
    expect(whole, "not reproducible", frame=released - 1, text="let go on: nobody had asked")


def test_frozen_without_a_leak(whole):
    leak = whole.find(LEAK)
    move = next_of(whole, MOVE, leak)
    whole.rechain(without=[leak, *(s for s in whole.frames() if s > move)])
    expect(whole, "not reproducible", frame=move - 1, text="a freeze back to the source by itself")


def test_back_by_itself_without_a_stop_condition(whole):
    move = next_of(whole, MOVE, whole.find(LEAK))
    whole.rechain({move: drop("overlay", "cause")}, [s for s in whole.frames() if s > move])
    expect(whole, "not reproducible", frame=move, text="a crossing back to the source by itself")


@pytest.mark.parametrize("result", ["unknown", "not done"])
def test_outcome_without_a_look(whole, result):
    look, outcome = whole.find(OBSERVATION), whole.find(OUTCOME)
    whole.rechain({outcome: put(result=result)}, [look, *(s for s in whole.frames() if s > outcome)])
    expect(whole, "not reproducible", frame=outcome - 1, text="no look at its lever")


def test_outcome_after_a_look_at_another_effect(whole):
    """Unknown first; the look that is called its cause was at an intent of before."""
    second = whole.find(INTENT, 1)
    look, outcome = next_of(whole, OBSERVATION, second), next_of(whole, OUTCOME, second)
    whole.rechain({outcome: put(result="unknown")}, [look, *(s for s in whole.frames() if s > outcome)])
    expect(whole, "not reproducible", frame=outcome - 1, text="no look at its lever")


def test_note_of_an_earlier_frame_is_held_against_that_frame(journal):
    """A checkpoint is written behind acts that came meanwhile; a root that the chain has not had is none, however old."""
    first, second = journal.find(CHECKPOINT, 0), journal.find(CHECKPOINT, 1)
    old = journal.body(first)
    later = [s for s in journal.frames() if s > second]
    journal.rechain({second: lambda body: body.update(old)}, later)
    assert expect(journal, "intact")["checkpoints"] == 2     # true, if not new
    journal.rechain({journal.find(STAGE): put(cause="something else")}, [first], verbatim=[second])
    found = expect(journal, "tampered", frame=old["size"])
    assert "signed for another frame" in found["fault"]["text"]


WAIVERS = {
    "another": ({"second": "lead@b"}, "must be another one"),
    "named": ({"second": "stranger@x"}, "none whom the plan names"),
    "nobody": ({"second": ""}, "needs a second owner"),
    "ended": ({"expires": 1700000000000}, "had ended before"),
    "rule": ({"rule": 7}, "names no rule"),
}


@pytest.mark.parametrize("name", WAIVERS)
def test_waiver_that_none_may_grant(journal, name):
    change, text = WAIVERS[name]
    act, answer = act_of(journal, "waive"), answer_of(journal, "waive")

    def bend(body):
        body["arguments"].update(change)
        drop("signature", "nonce", "time")(body)
    journal.rechain({act: bend}, [s for s in journal.frames() if s > answer])
    expect(journal, "not reproducible", frame=answer, text=text)


def test_key_that_the_plan_does_not_name(journal):
    at = journal.find(PLAN)
    journal.rechain({at: lambda body: body.update(keys={"stranger@x": "00" * 32})}, [s for s in journal.frames() if s > at])
    expect(journal, "not reproducible", frame=at, text="keys")


def test_crossing_that_nobody_asked_for(journal):
    at = journal.find(MOVE)
    journal.rechain({at: lambda body: body.update(act=0)}, [s for s in journal.frames() if s > at])
    expect(journal, "not reproducible", frame=at, text="nobody had asked for")


def test_effect_on_a_verdict_that_is_none(journal):
    at = journal.find(INTENT)
    journal.rechain({at: lambda body: body.update(verdict="00" * 32)}, [s for s in journal.frames() if s > at])
    expect(journal, "not reproducible", frame=at)


def test_rule_of_a_frame_broken(journal):
    """A stage that may not follow, with a chain that holds."""
    at = journal.find(STAGE, 1)
    journal.rechain({at: lambda body: body.update(stage="SEALED")}, [s for s in journal.frames() if s > at])
    expect(journal, "tampered", frame=at)


def test_newer_format(journal):
    frames = journal.frames()
    journal.put(4, frames[4][:3] + b"2" + frames[4][4:])
    expect(journal, "undecided", frame=4, text="newer")


def test_damaged_file(made, tmp_path):
    """Pages of the file overwritten: an answer each time, never a crash, and the frames before are named."""
    for file in made.iterdir():
        shutil.copy(file, tmp_path)
    journal = Journal(tmp_path / "interlock.db")
    journal.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    journal.close()
    whole = (tmp_path / "interlock.db").read_bytes()
    answers = set()
    for page in range(1, len(whole) // 4096):
        (tmp_path / "interlock.db").write_bytes(whole[:page * 4096] + b"\xa5" * 4096 + whole[(page + 1) * 4096:])
        status, found = verify(tmp_path / "interlock.db")
        assert (status == INTACT) == (found["answer"] == "intact")
        answers.add((found["answer"], found["frames"]))
    assert ("tampered", 0) in answers or any(answer == "tampered" for answer, _ in answers)
    (tmp_path / "interlock.db").write_bytes(whole[:len(whole) // 2])
    status, found = verify(tmp_path / "interlock.db")
    assert status != INTACT and found["answer"] in ("tampered", "torn", "undecided")


def test_an_emptied_journal_is_not_intact(journal):
    journal.db.execute("DELETE FROM interlock_frame")
    journal.db.execute("UPDATE interlock_head SET sequence = 0, last = ?", ("0" * 64,))
    journal.db.commit()
    status, found = verify(journal.path)
    assert (status, found["answer"], found["frames"]) == (UNDECIDED, "undecided", 0), found


def test_no_journal(tmp_path):
    (tmp_path / "interlock.db").write_bytes(b"no database at all" * 400)
    status, found = verify(tmp_path / "interlock.db")
    assert (status, found["answer"], found["frames"]) == (SHUT, "tampered", 0)
    assert verify(tmp_path / "nothing.db", json_too=False)[0] not in (INTACT, SHUT)
