"""Record batches against the Java client: what it writes, we read as it does; what we write, it reads as we do.

The unit tests of src/wire do the comparing: they leave their own random batches in a file, and read a folder of vectors,
each with what the Java client (test/wire/vectors/batch/BatchVectors.java) made of it.
"""

import os
import subprocess
from pathlib import Path

from kafka_cluster import Jars
from test_codec import build_dir

ROOT = Path(__file__).resolve().parents[2]
JAVA = ROOT / "test" / "wire" / "vectors" / "batch" / "BatchVectors.java"
LAST_WITH_OLD_FORMATS = "3.9.1"


def unit(name, **environment):
    done = subprocess.run([build_dir() / "unit" / name], cwd=ROOT, env=os.environ | environment, capture_output=True,
                          text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_both_read_what_either_writes(tmp_path):
    jars = Jars(LAST_WITH_OLD_FORMATS)
    unit("wire_test_batch", INTERLOCK_BATCHES=str(tmp_path / "ours.bin"))
    jars.run(str(JAVA), str(tmp_path))
    jars.run(str(JAVA), str(tmp_path), "ours")
    assert (tmp_path / "ours.txt").read_text().count("magic 2") == 120
    unit("wire_test_batch_vectors", INTERLOCK_VECTORS=str(tmp_path))


def test_the_vectors_in_the_tree_are_what_java_writes(tmp_path):
    Jars(LAST_WITH_OLD_FORMATS).run(str(JAVA), str(tmp_path))
    for made in tmp_path.glob("*.txt"):
        assert made.read_text() == (JAVA.parent / made.name).read_text(), made.name
    assert len(list(tmp_path.glob("*.txt"))) == len(list(JAVA.parent.glob("*.txt")))
