"""Where the program under test is: $INTERLOCK, else the newest of the usual build folders."""
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def find_program():
    named = os.environ.get("INTERLOCK")
    if named:
        return pathlib.Path(named).resolve()
    built = [path for path in ROOT.glob("build*/interlock") if path.is_file()]
    built += [path for path in ROOT.glob("build/*/interlock") if path.is_file()]
    if not built:
        pytest.fail("no interlock is built; run make first, or set INTERLOCK")
    return max(built, key=lambda path: path.stat().st_mtime)


@pytest.fixture(scope="session")
def program():
    return find_program()


@pytest.fixture
def run(program, tmp_path):
    """Runs the program in an empty folder, with nothing of the caller's that could colour the output."""

    def call(*words, stdin=None, **environment):
        clean = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "TERM")}
        return subprocess.run([program, *words], cwd=tmp_path, env={**clean, **environment}, input=stdin or "",
                              capture_output=True, text=True, timeout=60, check=False)

    return call
