"""A family stays held and nobody looks: somebody is called, also while every broker is away, and the journal says so."""

import json
import time

import pytest
import yaml

from broker import Broker
from file_flag import script
from records import create_topic, produce, record

pytestmark = pytest.mark.real
OWNER = "lead@example.org"


def until(what, process, timeout=60):
    deadline = time.monotonic() + timeout
    while not (seen := what()):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.1)
    return seen


def test_somebody_is_called(interlock, tmp_path):
    calls, works = tmp_path / "calls", tmp_path / "works"
    page = script(tmp_path / "page", f'test -e {works} || exit 1\nprintf "%s|%s\\n" "$INTERLOCK_FAMILY" "$1" >> {calls}\n')
    flag = {"get": script(tmp_path / "get", "echo source\n"), "set": script(tmp_path / "set", '[ "$1" = source ]\n')}
    (tmp_path / "exit.yaml").write_text("")

    def run(*words, status=0):
        return interlock.run(*words, "--json", folder=tmp_path, status=status).json

    with Broker(tmp_path / "a") as source, Broker(tmp_path / "b") as target:
        for cluster in (source, target):
            create_topic(cluster, "orders", 1)
            produce(cluster, "orders", [record(b"k", b"v%d" % i) for i in range(10)])
        (tmp_path / "exit.yaml").write_text(yaml.safe_dump({
            "exit": "paging", "source": source.bootstrap, "target": target.bootstrap, "state": "interlock.db",
            "checkpoints": {"file": "notes.chk"},
            "families": [{"name": "orders", "class": "rehearsal", "pattern": "dual-write", "topics": ["orders"],
                          "groups": "none", "producers": "none", "owners": {"decision": OWNER}, "levers": {"flag": flag},
                          "page": {"call": page, "after": "1s", "again": "1h"}}]}))
        run("promote", "orders", "--as", OWNER, "--reason", "a test", "--yes", status=1)
        [family] = run("status")["families"]
        assert family["overlay"] == "HELD", family
    # Both clusters are gone.
    process = interlock.start("run", folder=tmp_path)
    try:
        def pages():
            return run("report", "orders")["families"][0]["pages"]

        [failed] = until(pages, process)
        assert failed["result"] == "failed" and failed["why"] and "HELD" in failed["text"], failed
        works.touch()
        until(calls.exists, process)
        until(lambda: len(pages()) == 2, process)
        assert [one["result"] for one in pages()] == ["failed", "called"]
        family, said = calls.read_text().splitlines()[-1].split("|", 1)
        assert family == "orders" and "is HELD in OBSERVING" in said and "interlock status orders" in said
    finally:
        process.terminate()
        process.wait(60)
    assert interlock.run("verify", "interlock.db", "--json", folder=tmp_path, status=None).json["frames"] > 5, json.dumps(said)
