"""An observation window that asks for bytes and keys as well: still open while they are missing, and closed by them."""

import time

import pytest
import yaml

from broker import Broker
from file_flag import file_flag
from records import create_topic, produce, record

pytestmark = pytest.mark.real
OWNER = "lead@example.org"


def test_bytes_and_keys_close_it(interlock, tmp_path):
    flag = file_flag(tmp_path)
    act = ["--as", OWNER, "--reason", "a test", "--yes"]

    def run(*words, status=0):
        return interlock.run(*words, "--json", folder=tmp_path, status=status).json

    def until(process, what, is_so):
        """Asks again and again: a look that falls between two writes finds one side behind, and holds for a moment."""
        deadline = time.monotonic() + 60
        while not is_so(seen := what()):
            assert process.poll() is None and time.monotonic() < deadline, seen
            time.sleep(0.2)
        return seen

    def until_it_says(process, words):
        return until(process, lambda: run("status")["families"][0]["window"], lambda window: words in window["text"])

    def seal(process, words):
        until(process, lambda: run("seal", "orders", *act, status={0, 1}), lambda done: words in done["text"])

    with Broker(tmp_path / "a") as source, Broker(tmp_path / "b") as target:
        def write(keys, name):
            """To the authority first, as a dual writer does."""
            for cluster in (target, source):
                produce(cluster, "orders", [record(b"k%d" % key, (name + b"%d-" % i).ljust(1000, b"."))
                                            for i, key in enumerate(keys)])

        for cluster in (source, target):
            create_topic(cluster, "orders", 1)
        write([1, 2, 3], b"before")
        (tmp_path / "exit.yaml").write_text(yaml.safe_dump({
            "exit": "window", "source": source.bootstrap, "target": target.bootstrap, "state": "interlock.db",
            "checkpoints": {"file": "notes.chk"}, "reading": {"every": "500ms"},
            "classes": {"c": {"like": "rehearsal", "observe": "0s", "observe-bytes": "2KiB", "observe-keys": 3,
                              "parity": {"settle": "100ms"}}},
            "families": [{"name": "orders", "class": "c", "pattern": "dual-write", "topics": ["orders"], "groups": "none",
                          "producers": "none", "owners": {"decision": OWNER}, "levers": {"flag": flag}}]}))
        assert run("promote", "orders", *act)["result"] == "done"
        process = interlock.start("run", folder=tmp_path)
        try:
            write([1, 1, 2], b"few")      # what was written before does not count
            window = until_it_says(process, "2 of 3 different keys")
            assert not window["over"] and " of 2.0 KiB" in window["text"], window
            seal(process, "still watched")
            for book in (run("runbook", "orders", "--back"), run("countdown", "orders", status=None)):
                assert "3 different keys" in book["window"]["asks"] and not book["window"]["over"], book["window"]
            pages = [interlock.run("runbook", "orders", "--back", *more, folder=tmp_path, status=0).out
                     for more in ([], ["--html"])]
            assert all("3 different keys" in page and "2 of 3" in page for page in pages)
            write([3], b"enough")
            assert until_it_says(process, "3 of 3 different keys")["over"]
            seal(process, "closed")
        finally:
            process.terminate()
            process.wait(60)
