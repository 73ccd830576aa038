"""What all tests share: where the builds are, and folders that stay only when something failed."""

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture(scope="session")
def run_folder(request):
    """Data and logs of this run; kept (without the data) when a test failed."""
    folder = ROOT / "build" / "run" / str(os.getpid())
    folder.mkdir(parents=True)
    yield folder
    if request.session.testsfailed == 0:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        print(f"\nlogs of the peers: {folder}")


# The workers share the files: the tree and the command line first, then what takes longest, so that none waits for the
# others at the end.
ORDER = ["test_tree", "/cli/", "test_crossing.py", "test_simulated", "test_units", "test_crossing_edges", "test_brokers_fail", "/real/"]


def pytest_collection_modifyitems(items):
    def place(item):
        name = str(item.path)
        return next((i for i, part in enumerate(ORDER) if part in name), len(ORDER))

    items.sort(key=place)
