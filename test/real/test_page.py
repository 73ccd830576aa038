"""A family stays held and nobody looks: somebody is called, also while every broker is away, and the journal says so."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml

from broker import Broker
from crossing import FAMILY, OWNER, ByVerbs
from file_flag import script
from journal_frames import of_kind
from records import create_topic, produce, record
from test_crossing_edges import with_bad_flag

pytestmark = pytest.mark.real


def until(what, process, timeout=60):
    deadline = time.monotonic() + timeout
    while not (seen := what()):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.1)
    return seen


class ByCommand:
    """What calls somebody, and fails until it is told to work; `calls`: each that came, as (family, sentence)."""

    def __init__(self, folder):
        self.file, self.works = folder / "calls", folder / "works"
        self.call = script(folder / "page", f'test -e {self.works} || exit 1\n'
                                            f'printf "%s|%s\\n" "$INTERLOCK_FAMILY" "$1" >> {self.file}\n')

    def heal(self):
        self.works.touch()

    @property
    def calls(self):
        return [tuple(line.split("|", 1)) for line in self.file.read_text().splitlines()] if self.file.exists() else []


class ByAddress:
    """The same behind http; the address says whose it is."""

    def __init__(self, folder):
        self.well, self.calls, outer = False, [], self

        class Door(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_PUT(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if outer.well:
                    outer.calls.append((self.path.strip("/"), body["value"]))
                self.send_response(200 if outer.well else 503)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *words):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.call = f"http://127.0.0.1:{self.server.server_port}/refunds"

    def heal(self):
        self.well = True

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def test_somebody_is_called(interlock, tmp_path):
    """By a command for one family, by an address for another; neither works at first."""
    pagers = {"orders": ByCommand(tmp_path), "refunds": ByAddress(tmp_path)}
    flag = {"get": script(tmp_path / "get", "echo source\n"), "set": script(tmp_path / "set", '[ "$1" = source ]\n'),
            "drained": script(tmp_path / "drained", "exit 0\n")}

    def run(*words, status=0):
        return interlock.run(*words, "--json", folder=tmp_path, status=status).json

    with Broker(tmp_path / "a") as source, Broker(tmp_path / "b") as target:
        for cluster in (source, target):
            for name in pagers:
                create_topic(cluster, name, 1)
                produce(cluster, name, [record(b"k", b"v%d" % i) for i in range(10)])
        (tmp_path / "exit.yaml").write_text(yaml.safe_dump({
            "exit": "paging", "source": source.bootstrap, "target": target.bootstrap, "state": "interlock.db",
            "checkpoints": {"file": "notes.chk"},
            "families": [{"name": name, "class": "rehearsal", "pattern": "dual-write", "topics": [name],
                          "groups": "none", "producers": "none", "owners": {"decision": OWNER}, "levers": {"flag": flag},
                          "page": {"call": pager.call, "after": "1s", "again": "1h"}} for name, pager in pagers.items()]}))
        for name in pagers:
            run("promote", name, "--as", OWNER, "--reason", "a test", "--yes", status=1)
        assert [family["overlay"] for family in run("status")["families"]] == ["HELD", "HELD"]
    # Both clusters are gone.
    process = interlock.start("run", folder=tmp_path)
    try:
        def results(name):
            return [(one["result"], one["text"], one.get("why")) for one in run("report", name)["families"][0]["pages"]]

        for name in pagers:
            [(result, text, why)] = until(lambda name=name: results(name), process)
            assert result == "failed" and why and "HELD" in text, (result, text, why)
        # And whoever asks where it stands hears why nothing is known of it any more.
        until(lambda: all(family["unseen"] for family in run("status")["families"]), process)
        said = interlock.run("status", folder=tmp_path, status=0).out
        assert said.count("no look has succeeded for") == 2 and "Connection refused" in said, said
        for pager in pagers.values():
            pager.heal()
        for name, pager in pagers.items():
            until(lambda pager=pager: pager.calls, process)
            until(lambda name=name: len(results(name)) == 2, process)
            assert [result for result, *_ in results(name)] == ["failed", "called"]
            family, said = pager.calls[-1]
            assert family == name and "is HELD in OBSERVING" in said and f"interlock status {name}" in said, said
    finally:
        process.terminate()
        process.wait(60)
        pagers["refunds"].close()
    assert interlock.run("verify", "interlock.db", "--json", folder=tmp_path, status=None).json["frames"] > 5


def test_a_crossing_that_does_not_get_on_leaves_others_their_turn(own_pair, interlock, scene):
    """Decided, and the application does not answer: somebody is called, and another family is judged and held meanwhile."""
    one = scene(*own_pair, groups=(), shops=[{"rate": 50}])
    bad, file = with_bad_flag(one)
    for cluster in own_pair:
        create_topic(cluster, "other", 1)
        produce(cluster, "other", [record(b"k", b"v%d" % i) for i in range(10)])
    pager = ByCommand(one.folder)
    pager.heal()
    plan = yaml.safe_load(file.read_text())
    crossing = plan["families"][0]
    crossing["page"] = {"call": pager.call, "after": "3s", "again": "1h"}
    plan["families"].append({"name": "other", "class": crossing["class"], "pattern": "dual-write", "topics": ["other"],
                             "groups": "none", "producers": "none", "owners": {"decision": OWNER}})
    file.write_text(yaml.safe_dump(plan, sort_keys=False))
    mover, looker = ByVerbs(one, interlock, file), ByVerbs(one, interlock, file)
    controller = interlock.start("run", "--plan", file, folder=one.folder)
    came = []
    try:
        one.load(50)
        bad.goes("fail", "set-target")
        verb = threading.Thread(target=lambda: came.append(mover.act("promote", FAMILY)))
        verb.start()
        until(lambda: looker.status()["stage"] == "OPENING", controller)

        def judged():
            return [body for _, body in of_kind(one.folder, "VERDICT") if body["family"] == "other"]

        before = len(judged())
        until(lambda: len(judged()) > before + 1, controller)
        assert looker.act("hold", "other", timeout=40).status == 0
        [(family, said)] = until(lambda: pager.calls, controller)
        assert family == FAMILY and "was decided to go to the target" in said and "in OPENING" in said, said
        stands = looker.status()
        assert stands["stage"] == "OPENING" and not came
        assert stands["moving"]["failed"]["step"] == "open flag target" and "exit" in stands["moving"]["failed"]["why"], stands
        shown = interlock.run("status", FAMILY, "--plan", file, folder=one.folder, status=0).out
        assert "'open flag target' did not come about" in " ".join(shown.split()), shown
        bad.heals()
        verb.join(60)
        assert came and came[0].status == 0 and looker.status()["stage"] == "TARGET", came
        one.load(50)
    finally:
        controller.terminate()
        assert interlock.finish(controller, ["run"], timeout=30).status == 0
    assert [body["result"] for _, body in of_kind(one.folder, "PAGE")] == ["called"]
    assert not one.end("target", load_min=10).findings
