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


def pytest_collection_modifyitems(items):
    """The quick ones first: the tree, the floors, the command line, then the clusters."""
    order = ["test_tree", "test_units", "/cli/", "/real/"]

    def place(item):
        name = str(item.path)
        return next((i for i, part in enumerate(order) if part in name), len(order))

    items.sort(key=place)

    # Accidents in the middle of a read rest on timing that a busy machine upsets: one more try, counted in the last line.
    for item in items:
        if item.path.name in ("test_brokers_fail.py", "test_applications.py") or item.name.startswith("test_whatever"):
            item.add_marker(pytest.mark.flaky(reruns=1, reruns_delay=5))
