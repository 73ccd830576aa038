"""What the program can say is explained in the guide, and what the guide shows exists."""
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "guide.md").read_text()

# Upper-case words in the sources that are no reason codes.
OTHER = {"AVRO", "JSON", "PROTOBUF", "PARITY_", "DISPROVED", "PROVED", "OBSERVING", "WAIVED", "VALUE_UNDECIDED", "EVIDENCE_FRESH", "ILKPARTY", "INTERLOCK_", "ILJ", "ILKJ"}


def codes(floor):
    text = "".join(path.read_text() for path in sorted((ROOT / "src" / floor).glob("*.c")))
    return sorted(set(re.findall(r'"([A-Z]{3,}[A-Z_]+)"', text)) - OTHER)


@pytest.mark.parametrize("floor", ["parity", "exit"])
def test_every_code_is_explained(floor):
    missing = [code for code in codes(floor) if not re.search(rf"\b{code}\b", GUIDE)]
    assert not missing


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text()):
        if target.startswith("http"):
            continue
        name, _, anchor = target.partition("#")
        other = page.parent / name if name else page
        assert other.exists(), target
        if anchor:
            heads = [re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower()).replace(" ", "-")
                     for line in other.read_text().splitlines() if line.startswith("#")]
            assert anchor in heads, target


def test_options_in_the_guide_exist(run):
    known = set(re.findall(r"--[a-z][a-z-]+", "".join(run(verb, "--help").stdout for verb in
                                                      ("parity", "offsets", "init", "check", "help", "run", "status", "plan", "promote", "seal", "waive",
                                                       "countdown", "runbook", "report", "diagnose", "verify", "broker", "demo"))))
    foreign = {"--describe-producers", "--entity-type"}      # of Kafka's own tools
    used = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", GUIDE))
    assert used <= known | foreign
