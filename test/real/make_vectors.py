"""Writes test/wire/vectors/*.txt: small messages of every kind, as the Java client encodes them.

For each message the oldest version, the newest, and the first with tags; the names of the files are those of the
notation.  Run it by hand when the notation changes; it needs what test_codec.py needs.
"""

import json
import random
import re
import subprocess
import zlib

import kafka_schema as schema
import test_codec as codec

VECTORS = codec.ROOT / "test" / "wire" / "vectors"
SIZE_MIN, SIZE_MAX = 40, 160


def vector(java, message, version):
    """The first encoding of a comfortable size; a message that has none gives its smallest."""
    author = schema.Author(random.Random(zlib.crc32(f"vector {message.name} {version}".encode())))
    found = []
    for _ in range(60):
        tree = codec.without_tags(author.message(message, version))
        hexes = java.ask(message=message.name, version=version, json=schema.to_java(tree, message.fields))["hex"]
        found.append(hexes)
        if SIZE_MIN <= len(hexes) // 2 <= SIZE_MAX:
            return hexes
    return min(found, key=lambda hexes: (len(hexes) // 2 < SIZE_MIN, len(hexes) if len(hexes) // 2 > SIZE_MAX else -len(hexes)))


def main():
    kafka = schema.read_jar(codec.jar("kafka-clients"))
    for name, source in codec.DATA.items():
        if not source.endswith("3.9"):
            kafka[name] = schema.read_jar(codec.jar(source))[name]
    classes = codec.CACHE / "java"
    libraries = f"{codec.jar('kafka-clients').parent}/*"
    subprocess.run(["javac", "-nowarn", "-d", classes, "-cp", libraries, codec.ROOT / "test/peer/java/Codec.java"],
                   check=True)
    java = codec.Server(["java", "-Xmx128m", "-cp", f"{classes}:{libraries}", "Codec"])
    wiregen = codec.build_dir() / "src" / "wire" / "wiregen"
    VECTORS.mkdir(exist_ok=True)
    for file in sorted((codec.ROOT / "src/wire/schema").glob("*.wire")):
        lines = [f"# Messages of {file.name} as kafka-clients {codec.NEWEST} writes them: name, version, bytes."]
        messages = json.loads(subprocess.run([wiregen, "json", file], check=True, capture_output=True).stdout)
        for message in messages:
            name = message["name"]
            if name not in kafka:
                continue
            oldest = max(message["since"], kafka[name].versions[0])
            wanted = {oldest, message["until"], max(oldest, message["flexible_since"])}
            for version in sorted(v for v in wanted if v <= message["until"]):
                lines.append(f"{name} {version} {vector(java, kafka[name], version) or '-'}")
        (VECTORS / re.sub(r"\.wire$", ".txt", file.name)).write_text("\n".join(lines) + "\n")
    java.close()


if __name__ == "__main__":
    main()
