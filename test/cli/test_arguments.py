"""Wrong words: each prints one helpful line on standard error, nothing on standard output, and ends with 64."""
import json
import pathlib
import shutil
import subprocess

import pytest

BOTH = ["--source", "localhost:1", "--target", "localhost:2"]

WRONG = [
    ([], "a verb is missing"),
    (["paritty"], "did you mean 'parity'?"),
    (["xyzzy"], "interlock help lists the verbs"),
    (["--json"], "where a verb should stand"),
    (["help", "xyzzy"], "there is no verb 'xyzzy'"),
    (["completion"], "SHELL is missing"),
    (["completion", "tcsh"], "bash, zsh, fish"),
    (["parity"], "--source is missing"),
    (["parity", *BOTH], "--topic is missing"),
    (["parity", *BOTH, "--topic"], "--topic needs a value"),
    (["parity", *BOTH, "--topic", "--json"], "--topic needs a value"),
    (["parity", *BOTH, "--topic", "a", "b"], "'b' is not an option"),
    (["parity", *BOTH, "--topic", "a,b"], "several topics are several --topic"),
    (["parity", *BOTH, "--topic", "a=b=c"], "cannot stand in a topic's name"),
    (["parity", *BOTH, "--topic", "=b"], "lacks a name"),
    (["parity", *BOTH, "--topic", "a*=b"], "a glob cannot be renamed"),
    (["parity", *BOTH, "--topic", "x" * 300], "longer than a topic's name can be"),
    (["parity", *BOTH, "--topic", "a", "--clam", "x"], "did you mean --claim?"),
    (["parity", *BOTH, "--topic", "a", "--claim", "order"], "key-order"),
    (["parity", *BOTH, "--topic", "a", "--settle", "5"], "500ms"),
    (["parity", *BOTH, "--topic", "a", "--memory", "1KiB"], "--memory is too small"),
    (["parity", *BOTH, "--topic", "a", "--rate", "fast"], "--rate: "),
    (["parity", *BOTH, "--topic", "a", "--since", "last week"], "--since: "),
    (["parity", *BOTH, "--topic", "a", "--since", "-1h", "--until", "-2h"], "--since is not before --until"),
    (["parity", *BOTH, "--topic", "a", "--identity", "key"], "header:NAME"),
    (["parity", *BOTH, "--topic", "a", "--identity", "header:"], "lacks the header's name"),
    (["parity", *BOTH, "--topic", "a", "--findings", "some"], "--findings: "),
    (["parity", *BOTH, "--topic", "a", "--follow=yes"], "takes no value"),
    (["parity", *BOTH, "--topic", "a", "--source", "c:1"], "--source is given twice"),
    (["offsets", *BOTH], "--group is missing"),
    (["offsets", *BOTH, "--group", "g", "--apply"], "add --yes"),
    (["offsets", *BOTH, "--group", "g", "--yes"], "--yes agrees to --apply"),
    (["check", "--gate", "partiy"], "did you mean 'parity'?"),
    (["promote", "orders", "--yes"], "--as is missing"),
    (["runbook", "orders", "--acknowledge"], "--as is missing"),
    (["runbook", "orders", "--acknowledge", "--confirm-on-call"], "one at a time"),
    (["runbook", "orders", "--confirm-on-call", "--as", "a", "--reason", "b"], "say --yes"),
    (["countdown"], "FAMILY is missing"),
    (["bridge"], "not in this version"),
    (["proxy"], "not in this version"),
    (["demo", "--keep", "/proc"], "is not empty"),
]


@pytest.mark.parametrize("words, says", WRONG, ids=[" ".join(words)[-50:] or "nothing" for words, _ in WRONG])
def test_wrong_words(run, words, says):
    ended = run(*words)
    assert ended.returncode == 64
    assert says in ended.stderr
    assert ended.stderr.startswith("interlock: ")
    assert ended.stderr.count("\n") == 1 and ended.stderr.endswith("\n")
    assert "\x1b" not in ended.stderr


def test_wrong_words_with_json_still_give_one_object(run):
    ended = run("parity", "--json", "--claim", "x")
    assert ended.returncode == 64
    answer = json.loads(ended.stdout)
    assert answer["verdict"] == "unknown"
    assert answer["error"]["status"] == 64
    assert "--claim" in answer["error"]["text"]


def test_an_escape_sequence_in_a_word_does_not_reach_the_terminal(run):
    ended = run("parity", "--\x1b[2Jx")
    assert ended.returncode == 64
    assert "\x1b" not in ended.stderr


def test_version(run):
    ended = run("--version")
    assert ended.returncode == 0
    assert ended.stdout.startswith("interlock ")
    assert ended.stderr == ""


@pytest.mark.parametrize("verb", ["parity", "offsets", "init", "check", "help", "completion", "promote", "countdown", "runbook", "report", "diagnose"])
def test_help_is_on_standard_output(run, verb):
    ended = run(verb, "--help")
    assert ended.returncode == 0
    assert ended.stderr == ""
    assert f"usage: interlock {verb}" in ended.stdout
    assert run("help", verb).stdout == ended.stdout
    assert all(len(line) <= 100 for line in ended.stdout.splitlines() if "$ interlock" not in line)


def test_overview_lists_what_is_not_finished_apart(run):
    text = run("help").stdout
    ready, later = text.split("not finished yet")
    assert "  parity " in ready and "  parity " not in later
    assert "  bridge " in later and "  bridge " not in ready
    assert "  promote " in ready and "  promote " not in later


def test_color_only_where_it_is_asked_for(run):
    assert "\x1b[" not in run("parity", "--help").stdout
    assert "\x1b[" not in run("help", "parity", TERM="xterm").stdout


@pytest.mark.parametrize("page", [[], ["parity"], ["offsets"], ["init"], ["check"]], ids=lambda page: "".join(page) or "interlock")
def test_manual_pages_hold(run, page, tmp_path):
    if not shutil.which("mandoc"):
        pytest.skip("mandoc is not installed")
    text = run("manual", *page)
    assert text.returncode == 0
    (tmp_path / "page.1").write_text(text.stdout)
    lint = subprocess.run(["mandoc", "-T", "lint", tmp_path / "page.1"], capture_output=True, text=True, check=False)
    # the pages refer to each other, and are not installed yet
    complaints = [line for line in lint.stdout.splitlines() if "referenced manual not found" not in line]
    assert complaints == []


def test_the_plan_reference_is_that_of_the_reader(run):
    page = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "plan.md").read_text()
    assert run("manual", "plan.md").stdout == page, "write it anew: interlock manual plan.md > docs/plan.md"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_parse(run, shell, tmp_path):
    script = run("completion", shell)
    assert script.returncode == 0 and "interlock" in script.stdout
    if shutil.which(shell):
        (tmp_path / "script").write_text(script.stdout)
        subprocess.run([shell, "-n", tmp_path / "script"], check=True)


def test_bash_completes(run, tmp_path):
    (tmp_path / "script").write_text(run("completion", "bash").stdout)
    play = f"""source {tmp_path}/script
COMP_WORDS=(interlock parity --cl); COMP_CWORD=2; _interlock; echo "${{COMPREPLY[@]}}"
COMP_WORDS=(interlock parity --claim key); COMP_CWORD=3; _interlock; echo "${{COMPREPLY[@]}}"
COMP_WORDS=(interlock par); COMP_CWORD=1; _interlock; echo "${{COMPREPLY[@]}}"
"""
    told = subprocess.run(["bash", "-c", play], capture_output=True, text=True, check=True)
    assert told.stdout.split("\n")[:3] == ["--claim", "key-order", "parity"]


def test_a_reader_that_leaves_is_no_error(program):
    ended = subprocess.run(f"{program} help | head -1", shell=True, capture_output=True, text=True, check=False)
    assert ended.stdout.startswith("interlock")
    assert ended.stderr == ""


def test_a_full_disk_under_the_output_is_told(program):
    with open("/dev/full", "w", encoding="ascii") as full:
        ended = subprocess.run([program, "help"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == 2
    assert "could not be written" in ended.stderr
