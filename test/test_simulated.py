"""Simulated worlds: crossings, stores, brokers; and a short run of each fuzz target, so that a broken one does not wait for
`make fuzz` to show."""

import os
import subprocess

import pytest

from program import ENVIRONMENT, ROOT, programs


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
