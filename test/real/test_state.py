"""Where a journal lives: a file of SQLite, a PostgreSQL server; and what is left of it when those who write and those who
keep are killed, paused or cut off in the middle."""

import os
import random
import re
import signal
import sqlite3
import subprocess
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest

from postgres import Cut, Postgres, QUOTED, SECRET
from program import ENVIRONMENT

pytestmark = pytest.mark.real
ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "build/test/unit"
PROBE = UNIT / "store_probe"

# Of base/err.h.
ERR_CHECKSUM, ERR_FULL, ERR_NETWORK, ERR_TIMEOUT, ERR_LOGIN, ERR_DENIED, ERR_CONFIG, ERR_CONFLICT = (
    -5, -7, -8, -9, -12, -13, -15, -18)


@pytest.fixture(scope="module")
def server(run_folder):
    with Postgres(run_folder / "postgres") as one:
        yield one


@pytest.fixture
def schema(request):
    return re.sub(r"\W+", "_", request.node.name).strip("_").lower()[:60]


@pytest.fixture
def place(request, tmp_path, schema):
    """A function: place("file") or place("server") is an address that nothing is at yet."""
    return lambda kind: (request.getfixturevalue("server").address(schema) if kind == "server"
                         else str(tmp_path / "interlock.db"))


def start(address, *words, statement_ms=5000):
    return subprocess.Popen([PROBE, address, str(statement_ms), *map(str, words)], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **ENVIRONMENT})


def finish(process, status=0):
    lines = process.stdout.read().splitlines()      # not communicate(): it forgets what readline() had read ahead
    assert process.wait(20) == status, "\n".join(lines[-20:]) + process.stderr.read()[-3000:]
    return lines


def run(address, *words, status=0, **how):
    return finish(start(address, *words, **how), status)


def failure(address, *words, **how):
    """The error's number and its sentence."""
    word, number, text = run(address, *words, status=1, **how)[-1].split(" ", 2)
    assert word == "failed"
    return int(number), text


def kept_by(lines):
    """Sequence -> text of what a hammer knows to be kept."""
    return {int(line.split(" ", 2)[1]): line.split(" ", 2)[2] for line in lines if line.split(" ")[0] in ("kept", "found")}


def check(address, *outputs, whole=True):
    """What was said to be kept is there, under its number; each hammer's frames stand once, in its order."""
    frames = {int(line.split(" ", 1)[0]): line.split(" ", 1)[1] for line in run(address, "frames")[:-1]}
    assert sorted(frames) == list(range(1, len(frames) + 1))
    for lines in outputs:
        assert kept_by(lines).items() <= frames.items()
    numbers = {}
    for sequence in sorted(frames):
        name, number = frames[sequence].split(" ")
        numbers.setdefault(name, []).append(int(number))
    for name, found in numbers.items():
        assert found == list(range(1, len(found) + 1)), name
    if whole:
        assert len(frames) == sum(len(kept_by(lines)) for lines in outputs)
    return frames


@pytest.mark.parametrize("program", ["base_test_sql", "exit_test_journal_store", "store_test_metadata"])
def test_unit_tests_on_a_server(server, tmp_path, subtests, program):
    prefix = f"{program}_"
    server.make_schemas(f"{prefix}{number}" for number in range(1, 60))
    results = tmp_path / "results-%g.xml"
    done = subprocess.run([UNIT / program], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=100,
                          env={**os.environ, **ENVIRONMENT, "CMOCKA_MESSAGE_OUTPUT": "XML",
                               "CMOCKA_XML_FILE": str(results), "INTERLOCK_STATE": server.address(prefix + "#")},
                          check=False)
    for file in sorted(tmp_path.glob("results-*.xml")):
        for case in ElementTree.parse(file).iter("testcase"):
            with subtests.test(case.get("name")):
                wrong = case.find("failure") if case.find("failure") is not None else case.find("error")
                assert wrong is None, wrong.text
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-8000:]
    assert int(server.sql(f"SELECT COUNT(*) FROM pg_tables WHERE (tablename LIKE 'interlock%' OR tablename LIKE 'store%') "
                          f"AND schemaname LIKE '{prefix}%'")) > 5       # it was this server that they used


@pytest.mark.parametrize("kind", ["file", "server"])
def test_two_add_at_once(place, kind):
    address = place(kind)
    both = [start(address, "hammer", name, 100) for name in ("one", "two")]
    assert len(check(address, *map(finish, both))) == 200


def has_open(process, file):
    """Whether the process has the file open by now."""
    try:
        return any(os.path.samefile(each, file) for each in Path(f"/proc/{process.pid}/fd").iterdir() if each.exists())
    except OSError:         # the process, or one of these, has just gone
        return False


def test_two_begin_at_once(tmp_path):
    """Whoever comes second to a new file waits, whatever the first is doing to it: SQLite alone says at once that it is locked."""
    file = tmp_path / "interlock.db"
    first = sqlite3.connect(file, isolation_level=None)
    first.execute("BEGIN IMMEDIATE")        # as the first holds it for a moment while it puts the file into WAL mode
    second = start(file, "open")
    try:
        until = time.monotonic() + 20
        while not has_open(second, file) and second.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(0.3)
        waited = second.poll() is None
    finally:
        first.rollback()
        first.close()
    assert finish(second) == ["done"] and waited


def wait_for_frames(process, count):
    """Lines of a hammer that runs, until it has kept so many."""
    lines = []
    while sum(line.startswith("kept") for line in lines) < count:
        line = process.stdout.readline()
        assert line, "it ended: " + "".join(lines[-5:]) + process.stderr.read()
        lines.append(line.rstrip("\n"))
    return lines


@pytest.mark.parametrize("kind", ["file", "server"])
def test_a_writer_is_killed(place, kind):
    address = place(kind)
    other, outputs = start(address, "hammer", "other", 300), []
    for number in range(5):
        victim = start(address, "hammer", f"victim-{number}", 100000)
        lines = wait_for_frames(victim, random.randint(1, 20))
        victim.kill()
        outputs.append(lines + finish(victim, -signal.SIGKILL))
    outputs.append(finish(other))
    # The last frame of a victim may be kept without its having heard.
    frames = check(address, *outputs, whole=False)
    assert len(frames) - sum(len(kept_by(lines)) for lines in outputs) <= 5


def test_the_server_is_killed(server, schema):
    address = server.address(schema)
    hammers = [start(address, "hammer", name, 1500) for name in ("one", "two")]
    for _ in range(3):
        time.sleep(random.uniform(0.1, 0.4))
        server.kill()
        server.start()
    outputs = [finish(hammer) for hammer in hammers]
    assert len(check(address, *outputs)) == 3000
    assert all(any(line.startswith(f"failed {ERR_NETWORK} ") for line in lines) for lines in outputs)


def test_the_server_is_paused(server, schema):
    address = server.address(schema)
    hammers = [start(address, "hammer", name, 500, statement_ms=300) for name in ("one", "two")]
    begun = [wait_for_frames(hammer, 5) for hammer in hammers]
    for _ in range(2):
        server.pause()
        time.sleep(1.5)
        server.go_on()
        time.sleep(0.2)
    outputs = [lines + finish(hammer) for lines, hammer in zip(begun, hammers)]
    assert len(check(address, *outputs)) == 1000
    assert any(line.startswith(("failed -8 ", "failed -9 ")) for lines in outputs for line in lines)


def test_connections_are_ended(server, schema):
    address = server.address(schema)
    hammers = [start(address, "hammer", name, 500) for name in ("one", "two")]
    begun = [wait_for_frames(hammer, 5) for hammer in hammers]
    for _ in range(5):      # in the middle of whatever they are at
        server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'interlock'")
        time.sleep(0.05)
    check(address, *(lines + finish(hammer) for lines, hammer in zip(begun, hammers)))


@pytest.mark.parametrize("at, outcome", [("request", "lost"), ("answer", "found"), ("late", None),
                                         ("request dropped", "lost"), ("answer dropped", "found")])
def test_an_answer_to_commit_is_lost(server, schema, at, outcome):
    """The one moment in which nobody knows: then the store looks, behind whatever is still under way, and is right."""
    rounds = 1 if "dropped" in at else 3        # nobody is told of those: each is waited for
    with Cut(server, at) as cut:
        hammer = start(cut.address(schema), "hammer", "one", 400, statement_ms=3000 if at != "late" else 400)
        lines = []
        for number in range(rounds):
            lines += wait_for_frames(hammer, 5)
            cut.armed = True
            while cut.cuts == number:
                lines.append(hammer.stdout.readline().rstrip("\n"))
                assert lines[-1], hammer.stderr.read()
        lines += finish(hammer)
    assert len(check(server.address(schema), lines)) == 400
    words = [line.split(" ")[0] for line in lines]
    assert words.count("broken") == words.count("reopened") == rounds
    assert words.count("found") + words.count("lost") == rounds
    if outcome:
        assert words.count(outcome) == rounds
    doubts = [line for line in lines if "the answer to COMMIT was lost" in line]
    assert len(doubts) == rounds and all(line.startswith(f"failed {ERR_NETWORK} ") for line in doubts)
    assert not any(SECRET in line or QUOTED in line for line in lines)


@pytest.mark.parametrize("state, err", [("53100", ERR_FULL), ("40001", ERR_CONFLICT), ("57014", ERR_TIMEOUT),
                                        ("42501", ERR_DENIED), ("XX001", ERR_CHECKSUM)])
def test_what_the_server_says_has_a_name(server, schema, state, err):
    """A trigger says what a full disk, damaged data and so on would make the server say."""
    address = server.address(schema)
    run(address, "open")
    server.sql(f"CREATE FUNCTION {schema}.refuse() RETURNS trigger LANGUAGE plpgsql AS "
               f"$$ BEGIN RAISE EXCEPTION 'as planned' USING ERRCODE = '{state}'; END $$;"
               f"CREATE TRIGGER refuse BEFORE INSERT ON {schema}.interlock_frame EXECUTE FUNCTION {schema}.refuse()")
    hammer = start(address, "hammer", "one", 1)
    if err == ERR_CONFLICT:
        time.sleep(0.3)     # it tries again at once, and says nothing
    else:
        assert hammer.stdout.readline().startswith(f"failed {err} ")
    server.sql(f"DROP TRIGGER refuse ON {schema}.interlock_frame")
    lines = finish(hammer)
    assert "kept 1 one 1" in lines and "broken" not in lines


def test_a_password_is_asked_for_and_never_said(server, schema):
    assert run(server.address_by_port(schema), "hammer", "one", 2)[-1] == "done"
    number, text = failure(server.address_by_port(schema, secret="wr0ng%20secret"), "open")
    assert number == ERR_LOGIN
    assert "wr0ng" not in text and "password authentication failed" in text


def test_a_server_that_forgets_is_refused(server, schema):
    address = server.address(schema)
    server.sql("ALTER SYSTEM SET fsync = off")
    server.sql("SELECT pg_reload_conf()")
    try:
        deadline = time.monotonic() + 20
        while server.sql("SHOW fsync") != "off" and time.monotonic() < deadline:
            time.sleep(0.05)
        number, text = failure(address, "open")
    finally:
        server.sql("ALTER SYSTEM RESET fsync")
        server.sql("SELECT pg_reload_conf()")
    assert number == ERR_CONFIG and "fsync" in text
    while server.sql("SHOW fsync") != "on":
        time.sleep(0.05)
    assert run(address, "open")[-1] == "done"


def test_a_server_that_only_reads_is_refused(server, schema):
    address = server.address(schema)
    number, text = failure(address + "%20-cdefault_transaction_read_only%3Don", "open")
    assert number == ERR_DENIED and "standby" in text
    # Of several hosts the first that can be written is taken.
    assert run(address.replace(f"port={server.port}", f"port=1,{server.port}").replace(
        f"host={server.sockets}", f"host=127.0.0.1,{server.sockets}"), "open")[-1] == "done"
