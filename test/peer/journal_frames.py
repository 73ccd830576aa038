"""What a journal in SQLite says, frame by frame, for who measures or judges from outside.  It is read, never written."""

import json
import sqlite3
import struct

KINDS = ("? PLAN LEASE VERDICT ACT ANSWER MOVE STAGE INTENT OBSERVATION OUTCOME QUIET LEVEL DECISION RETURN CHECKPOINT "
         "SNAPSHOT DRILL LEAK SCAFFOLD NOTE PAGE").split()


def frames(folder):
    """(kind, wall ms, body) of each frame of FOLDER/interlock.db; none while it is being made."""
    base = sqlite3.connect(f"file:{folder / 'interlock.db'}?mode=ro", uri=True)
    tables = [name for name, in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'") if "frame" in name]
    for row in base.execute(f"SELECT * FROM {tables[0]} ORDER BY 1") if tables else ():
        data = [column for column in row if isinstance(column, bytes)][-1]
        kind, = struct.unpack_from("<H", data, 12)
        _, wall = struct.unpack_from("<Qq", data, 16)
        yield KINDS[kind], wall, json.loads(data[96:])


def of_kind(folder, kind):
    return [(wall, body) for name, wall, body in frames(folder) if name == kind]


def return_ms(folder):
    """How long the last giving up took: from RETURN to the stage that it ended in."""
    began = of_kind(folder, "RETURN")[-1][0]
    return next(wall for wall, body in of_kind(folder, "STAGE") if wall >= began) - began
