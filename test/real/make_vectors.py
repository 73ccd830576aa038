"""Writes test/wire/vectors/*.txt: small messages of every kind, as the Java client encodes them.

For each message the oldest version, the newest, and the first with tags; the names of the files are those of the
notation.  Run it by hand when the notation changes; it needs what test_codec.py needs.
"""

import random
import sys
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "peer"))

import kafka_schema as schema
import test_codec as codec
from others import JavaCodec

VECTORS = codec.ROOT / "test" / "wire" / "vectors"
SIZE_MIN, SIZE_MAX = 40, 160


def vector(java, message, version):
    """The first encoding of a comfortable size; a message that has none gives the nearest."""
    author = schema.Author(random.Random(zlib.crc32(f"vector {message.name} {version}".encode())))
    found = []
    for _ in range(60):
        tree = codec.without_tags(author.message(message, version))
        hexes = java.ask(message=message.name, version=version, json=schema.to_java(tree, message.fields))["hex"]
        found.append(hexes)
        if SIZE_MIN <= len(hexes) // 2 <= SIZE_MAX:
            return hexes
    small = [hexes for hexes in found if len(hexes) // 2 < SIZE_MIN]
    return max(small, key=len) if small else min(found, key=len)


def main():
    kafka = codec.definitions()
    VECTORS.mkdir(exist_ok=True)
    with JavaCodec() as java:
        for file in sorted(codec.SCHEMA.glob("*.wire")):
            lines = [f"# Messages of {file.name} as kafka-clients {codec.NEWEST} writes them: name, version, bytes."]
            for message in codec.notation([file]):
                name = message["name"]
                if name in codec.BY_HAND:
                    continue
                oldest = max(message["since"], kafka[name].versions[0])
                wanted = {oldest, message["until"], max(oldest, message["flexible_since"])}
                for version in sorted(v for v in wanted if v <= message["until"]):
                    lines.append(f"{name} {version} {vector(java, kafka[name], version) or '-'}")
            (VECTORS / f"{file.stem}.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
