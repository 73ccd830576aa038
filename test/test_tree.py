"""The rules that the tree itself must keep."""

import subprocess

import pytest


@pytest.mark.parametrize("rule", ["check-floors", "check-tree"])
def test_the_tree_keeps(root, rule):
    done = subprocess.run([root / "script" / rule], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, "\n" + done.stdout + done.stderr


def test_floors_are_held_apart(root, tmp_path):
    """The guard guards: a tree with one include that runs up is refused."""
    for name in ("script", "src/base", "src/wire", "src/loop"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "script/check-floors").write_text((root / "script/check-floors").read_text())
    (tmp_path / "src/base/view.h").write_text('#include "wire/batch.h"\n')
    (tmp_path / "src/loop/loop.c").write_text('#include "wire/batch.h"\n#include "base/view.h"\n')
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    done = subprocess.run(["python3", tmp_path / "script/check-floors"], capture_output=True, text=True, timeout=60,
                          check=False)
    assert done.returncode == 1
    assert done.stdout.splitlines() == ["src/base/view.h:1: base/ must not include wire/",
                                        "src/loop/loop.c:1: loop/ must not include wire/"]
