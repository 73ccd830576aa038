"""An outage of the mirror's broker, and two shops of which one is back later than the other: held for as long as nobody can
tell, and then nobody has lost anything.  A loss that is one takes that hold over, for a person to end."""

import time

import pytest
import yaml

from broker import Broker
from file_flag import file_flag
from records import create_topic, produce, record

pytestmark = pytest.mark.real
OWNER = "lead@example.org"


def orders(shop, first, count):
    return [record(f"{shop}-{i % 3}", f"{shop} order {i}") for i in range(first, first + count)]


def test_one_shop_is_back_later(interlock, tmp_path):
    flag = file_flag(tmp_path)
    act = ["--as", OWNER, "--reason", "a test", "--yes"]

    def run(*words, status=0):
        return interlock.run(*words, "--json", folder=tmp_path, status=status).json

    def family():
        return run("status")["families"][0]

    def holds():
        return [hold["cause"] for hold in run("report", "orders")["families"][0]["holds"]]

    def until(process, what, is_so):
        deadline = time.monotonic() + 80
        while not is_so(seen := what()):
            assert process.poll() is None and time.monotonic() < deadline, seen
            time.sleep(0.2)
        return seen

    def look_again(process, times):
        """Lets so many judgements go by."""
        def looks():
            return sum(run("report", "orders")["families"][0]["verdicts"].values())
        end = looks() + times
        until(process, looks, lambda now: now >= end)

    source, target = Broker(tmp_path / "a"), Broker(tmp_path / "b")
    with source, target:
        for cluster in (source, target):
            create_topic(cluster, "orders", 1)
            produce(cluster, "orders", orders("anna", 0, 20) + orders("ben", 0, 20))
        (tmp_path / "exit.yaml").write_text(yaml.safe_dump({
            "exit": "outage", "source": source.bootstrap, "target": target.bootstrap, "state": "interlock.db",
            "checkpoints": {"file": "notes.chk"}, "reading": {"every": "300ms"},
            "classes": {"c": {"like": "rehearsal", "parity": {"settle": "100ms", "late": "10m"}}},
            "families": [{"name": "orders", "class": "c", "pattern": "dual-write", "topics": ["orders"], "groups": "none",
                          "producers": "none", "owners": {"decision": OWNER}, "levers": {"flag": flag}}]}))
        assert run("promote", "orders", *act)["result"] == "done"
        source.kill()
        # Of the side that is there everything can be told.
        logs = {one["side"]: one for one in run("diagnose", "orders", status=2)["families"][0]["logs"]}
        assert logs["target"]["settled"] and logs["source"]["settled"] is None and "refused" in logs["source"]["why"], logs
        anna, ben = orders("anna", 20, 10), orders("ben", 20, 10)
        produce(target, "orders", anna[:5] + ben[:5] + anna[5:] + ben[5:])
        source.start()
        produce(source, "orders", anna)
        process = interlock.start("run", folder=tmp_path)
        try:
            held = until(process, family, lambda now: now["overlay"])
            assert held["cause"].startswith("cannot tell: parity"), held
            look_again(process, 2)      # each waits for `settle`, and none calls it lost
            assert family()["gates"]["parity"] == "unknown"
            produce(source, "orders", ben)
            until(process, family, lambda now: not now["overlay"])
            assert all(cause.startswith("cannot tell: ") for cause in holds())

            # What ben's own later order goes past was left out; when it comes all the same, a person has to read why.
            late = record("ben-late", "one that is left out")
            produce(target, "orders", [late, record("ben-late", "and the next of its key")])
            produce(source, "orders", [record("ben-late", "and the next of its key")])
            held = until(process, family, lambda now: now["overlay"] and now["cause"].startswith("parity is shut: "))
            assert "LOST" in held["cause"] and not held["cause_gone"], held
        finally:
            process.terminate()
            process.wait(60)
