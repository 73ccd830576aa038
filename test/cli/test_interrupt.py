"""A verb that waits for a cluster ends politely when it is asked to, and says that nothing was decided."""
import json
import os
import signal
import socket
import subprocess
import time

import pytest

PLAN = """exit: e
source: "{0}"
target: "localhost:1"
families:
  - name: f
    class: rehearsal
    pattern: dual-write
    topics: [ t ]
    owners: {{ decision: lead@example.org }}
"""


@pytest.fixture
def silent():
    """An address that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}", server


@pytest.mark.parametrize("verb", [["offsets", "--group", "g"], ["init"], ["check"], ["parity", "--topic", "t"]],
                         ids=lambda verb: verb[0])
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=["int", "term"])
def test_a_signal_ends_it(program, tmp_path, silent, verb, how):
    address, server = silent
    words = list(verb)
    if verb[0] == "check":
        (tmp_path / "exit.yaml").write_text(PLAN.format(address))
    else:
        words += ["--source", address, "--target", address]
    process = subprocess.Popen([program, *words, "--json"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True)
    server.settimeout(30)
    server.accept()  # now it waits for an answer
    time.sleep(0.2)
    process.send_signal(how)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 2, (out, err)
    assert json.loads(out)["verdict"] == "unknown"
    if verb[0] == "init":
        assert not (tmp_path / "exit.yaml").exists()


@pytest.mark.parametrize("answer, says", [(None, "not agreed to"), (b"\x04", "not agreed to"), (b"g\n", "that is not the family's name")],
                         ids=["int", "end", "other"])
def test_a_question_is_left_without_an_act(program, tmp_path, answer, says):
    """Ctrl-C is heard while a person is asked, and not at the next Enter; what is not agreed to leaves no act behind."""
    (tmp_path / "exit.yaml").write_text(PLAN.format("localhost:2"))
    ours, theirs = os.openpty()
    process = subprocess.Popen([program, "hold", "f", "--as", "lead@example.org", "--reason", "r"], cwd=tmp_path, stdin=theirs,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    os.close(theirs)
    asked = b""
    while b"to go on: " not in asked:
        some = os.read(process.stderr.fileno(), 1000)
        assert some, asked
        asked += some
    if answer:
        os.write(ours, answer)
    else:
        process.send_signal(signal.SIGINT)
    err = process.communicate(timeout=30)[1].decode()
    os.close(ours)
    assert process.returncode == 1 and f"{says}: nothing was done" in err, err
    done = subprocess.run([program, "status", "--json"], cwd=tmp_path, stdout=subprocess.PIPE, timeout=30, check=True)
    assert [family["acts"] for family in json.loads(done.stdout)["families"]] == [[]]
