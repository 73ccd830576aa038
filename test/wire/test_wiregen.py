"""The generator refuses notation that cannot be meant, and says where."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def wiregen(tmp_path):
    found = [p for p in (ROOT / "build" / "test", ROOT / "build" / "release") if (p / "src" / "wire" / "wiregen").exists()]
    if not found:
        pytest.fail("wiregen is not built: run make")

    def run(notation, output="json"):
        file = tmp_path / "x.wire"
        file.write_text(notation)
        done = subprocess.run([found[0] / "src" / "wire" / "wiregen", output, file], capture_output=True, text=True)
        return done.returncode, done.stdout, done.stderr.replace(f"{file}:", "")

    return run


REQUEST = "request x 0  v0-3  flex 2+\n"


@pytest.mark.parametrize("notation, complaint", [
    ("\ta i32\n", "1: deeper than the line above allows"),
    (REQUEST + "\ta i31\n", "2: i31: neither a type nor described by the lines below"),
    (REQUEST + "\ta [thing]\n\tb i8\n", "2: thing: neither a type nor described by the lines below"),
    (REQUEST + "\ta i32?\n", "2: i32 can not be null"),
    (REQUEST + "\ta [i32\n", "2: [i32: no closing bracket"),
    (REQUEST + "\ta i32 = null\n", "2: the default is null, but the field can not be"),
    (REQUEST + "\ta i32 = 7x\n", "2: 7x: not a number"),
    (REQUEST + "\ta string = x\n", "2: this type has no other default than null"),
    (REQUEST + "\ta i32 v5+\n", "2: no version of the message has this field"),
    (REQUEST + "\ta i32 v3-1\n", "2: v3-1: not a range of versions"),
    (REQUEST + "\ta i32 v1+ tag 0\n", "2: tagged before version 2, the first with tags"),
    (REQUEST + "\ta i32 v2+ tag 0\n\tb i32 v2+ tag 0\n", "3: tag 0 is taken by a"),
    (REQUEST + "\ta i32\n\ta i32\n", "3: a is there already"),
    (REQUEST + "\ta i32 ignorable = 1\n",
     "2: =: not understood here (the order is: versions, tag, default, ignorable)"),
    (REQUEST + "\ta\n", "2: a field is a name and a type"),
    (REQUEST + "\ta i32\n\t\tb i32\n", "3: deeper than the line above allows"),
    (REQUEST + "\ta [t]\n\t\tb i32\n\tc [t]\n\t\td i32\n", "5: deeper than the line above allows"),
    (REQUEST, "request x has no response"),
    ("response y\n", "1: a response has its name alone, and stands behind its request"),
    ("answer y\n", "1: answer: not request, response or data"),
    ("data y\n", "1: which versions?"),
    ("data y v0\ndata y v0\n", "2: y is there already"),
])
def test_nonsense_is_refused(wiregen, notation, complaint):
    status, _, said = wiregen(notation)
    assert status == 1
    assert said.strip() == complaint


def test_comments_stand_above_what_they_are_about(wiregen):
    status, header, _ = wiregen("# of the file\n\n# of the message\ndata y  v0\n\t# of the field\n\ta i32\n", "header")
    assert status == 0
    assert "/* of the message */\nstruct y {\n\t/* of the field */\n\tint32_t a;" in header
    assert "of the file" not in header
