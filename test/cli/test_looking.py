"""Before the first act: whatever only looks leaves nothing behind, and says what there is to say."""
import json

import pytest

PLAN = """\
exit: small
source: 127.0.0.1:1
target: 127.0.0.1:2
families:
- {name: orders, class: rehearsal, pattern: dual-write, topics: orders, owners: {decision: lead@example.org}}
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "exit.yaml").write_text(PLAN)
    return tmp_path


@pytest.mark.parametrize("words, says", [
    (["status"], "nothing is written down of it yet"),
    (["status", "orders"], "PLANNED"),
    (["plan", "orders"], "Nothing was set"),
    (["countdown", "orders"], "EVIDENCE_MISSING"),
    (["runbook", "orders"], "# Runbook: family orders to the target"),
    (["report"], "frames: 0"),
    (["diagnose", "orders", "--timeout", "2s"], "orders: unknown"),
    (["verify", "interlock.db"], "interlock.db: cannot open it"),
])
def test_looking_makes_nothing(run, folder, words, says):
    ended = run(*words)
    assert says in ended.stdout + ended.stderr, ended
    assert [each.name for each in folder.iterdir()] == ["exit.yaml"]


def test_a_family_that_nothing_is_known_of(run, folder):
    [family] = json.loads(run("status", "--json").stdout)["families"]
    assert (family["stage"], family["overlay"], family["authority"], family["moving"]) == ("PLANNED", None, "source", None)
    assert set(family["gates"].values()) == {"unknown"} and family["pause_ms"] is None
