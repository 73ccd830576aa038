"""The C unit tests as items of this run: each program of build/test and build/thread, each of its tests a subtest.
Then a short run of each fuzz target, so that a broken one does not wait for `make fuzz` to show."""

import os
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from program import ENVIRONMENT

ROOT = Path(__file__).resolve().parents[1]


def programs(pattern):
    return sorted(p for p in (ROOT / "build").glob(pattern) if os.access(p, os.X_OK) and p.is_file())


@pytest.mark.parametrize("program", programs("test/unit/*_test_*") + programs("thread/unit/*_test_*"),
                         ids=lambda p: f"{p.parts[-3]}-{p.name}")
def test_unit(program, tmp_path, subtests):
    results = tmp_path / "results-%g.xml"
    done = subprocess.run([program], cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=200,
                          env={**os.environ, **ENVIRONMENT, "CMOCKA_MESSAGE_OUTPUT": "XML",
                               "CMOCKA_XML_FILE": str(results)}, check=False)
    for file in sorted(tmp_path.glob("results-*.xml")):
        for case in ElementTree.parse(file).iter("testcase"):
            with subtests.test(case.get("name")):
                failure = case.find("failure")
                failure = case.find("error") if failure is None else failure
                assert failure is None, failure.text
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-8000:]


# The one seed: an order that was given up for lost comes when its undo was begun, and the controller is dead.
@pytest.mark.parametrize("arguments", [["--seeds", "2000"], ["--seed", "16419"], ["--points"], ["--mutants"]],
                         ids=lambda a: a[0][2:])
@pytest.mark.parametrize("program", programs("test/unit/exit_sim"), ids=lambda p: p.parts[-3])
def test_simulated_crossings(program, arguments):
    done = subprocess.run([program, *arguments], cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=900, env={**os.environ, **ENVIRONMENT}, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]


@pytest.mark.parametrize("arguments", [["--seeds", "2000"], ["--mutants"]], ids=lambda a: a[0][2:])
@pytest.mark.parametrize("program", programs("test/unit/store_sim") + programs("test/unit/broker_sim"),
                         ids=lambda p: p.name)
def test_simulated_stores_and_brokers(program, arguments):
    done = subprocess.run([program, *arguments], cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=900, env={**os.environ, **ENVIRONMENT}, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]


@pytest.mark.parametrize("target", programs("fuzz/**/fuzz_*"), ids=lambda p: p.name)
def test_fuzz_for_a_moment(target, tmp_path):
    name = target.name.removeprefix("fuzz_")
    seeds = [f for f in (ROOT / "fuzz/seeds" / name, ROOT / "test/wire/vectors" / name) if f.is_dir()]
    # The same beginning each time: what is new is for `make fuzz` to find.
    done = subprocess.run([target, "-seed=1", "-runs=20000", "-max_total_time=5", "-rss_limit_mb=1024", "-timeout=20",
                           f"-artifact_prefix={tmp_path}/", tmp_path, *seeds],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-6000:]
