"""The message codec against Kafka itself: its definitions field by field, its encoder byte by byte.

The definitions come from the jars of two releases.  The bytes come from the Java client, driven by
test/peer/java/Codec.java; ours come from build/.../unit/wire_codec (test/wire/codec_main.c).
"""

import json
import os
import random
import subprocess
import zlib
from pathlib import Path

import pytest

import kafka_schema as schema
from kafka_cluster import Jars
from others import JavaCodec

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = ROOT / "src" / "wire" / "schema"
NEWEST, OLDER = "4.3.1", "3.9.1"

# What travels inside bytes, and the jar that defines it: in 3.9 the keys of internal topics are still numbered by version.
DATA = {
    "ConsumerProtocolSubscription": "kafka-clients", "ConsumerProtocolAssignment": "kafka-clients",
    "ControlRecordTypeSchema": "kafka-clients", "EndTxnMarker": "kafka-clients", "LeaderChangeMessage": "kafka-clients",
    "SnapshotHeaderRecord": "kafka-clients", "SnapshotFooterRecord": "kafka-clients",
    "KRaftVersionRecord": "kafka-clients", "VotersRecord": "kafka-clients",
    "OffsetCommitValue": "kafka-group-coordinator", "GroupMetadataValue": "kafka-group-coordinator",
    "TransactionLogKey": "kafka-transaction-coordinator", "TransactionLogValue": "kafka-transaction-coordinator",
    **{f"ConsumerGroup{name}Value": "kafka-group-coordinator" for name in (
        "Metadata", "MemberMetadata", "TargetAssignmentMetadata", "TargetAssignmentMember", "CurrentMemberAssignment")},
    **{f"ConsumerGroup{name}Key": "kafka-group-coordinator 3.9" for name in (
        "Metadata", "MemberMetadata", "TargetAssignmentMetadata", "TargetAssignmentMember", "CurrentMemberAssignment")},
    "OffsetCommitKey": "kafka-group-coordinator 3.9", "GroupMetadataKey": "kafka-group-coordinator 3.9",
}
# In 4.3 the classes of these no longer number their versions that way; their bytes are compared by hand.
BY_HAND = {name for name, source in DATA.items() if source.endswith(" 3.9")}


def build_dir():
    """Where the programs of this build are: the newest, unless INTERLOCK_BUILD says."""
    if "INTERLOCK_BUILD" in os.environ:
        return Path(os.environ["INTERLOCK_BUILD"])
    found = [p for p in (ROOT / "build" / "test", ROOT / "build" / "release") if (p / "unit" / "wire_codec").exists()]
    if not found:
        pytest.fail("wire_codec is not built: run make")
    return max(found, key=lambda p: (p / "unit" / "wire_codec").stat().st_mtime)


def jar(name, version=NEWEST):
    return Jars(version).folder / f"{name}-{version}.jar"


def definitions():
    """Message definitions of the newest release, those of the internal topics included."""
    messages = schema.read_jar(jar("kafka-clients"))
    for name, source in DATA.items():
        if source.endswith(" 3.9"):
            messages[name] = schema.read_jar(jar(source.split()[0], OLDER))[name]
        elif source != "kafka-clients":
            messages[name] = schema.read_jar(jar(source))[name]
    return messages


def notation(files):
    """What the notation says, printed by the generator."""
    wiregen = build_dir() / "src" / "wire" / "wiregen"
    return json.loads(subprocess.run([wiregen, "json", *files], check=True, capture_output=True, text=True).stdout)


@pytest.fixture(scope="module")
def kafka():
    return definitions()


@pytest.fixture(scope="module")
def ours():
    return {message["name"]: message for message in notation(sorted(SCHEMA.glob("*.wire")))}


class Codec:
    """Our side: the line server of test/wire/codec_main.c."""

    def __init__(self):
        self.process = subprocess.Popen([build_dir() / "unit" / "wire_codec"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, encoding="utf-8")

    def ask(self, **question):
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"wire_codec ended over {question}"
        return json.loads(line)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        assert self.process.wait(20) == 0


@pytest.fixture(scope="module")
def codec():
    with Codec() as server:
        yield server


@pytest.fixture(scope="module")
def java():
    with JavaCodec() as server:
        yield server


def our_fields(fields, version, path=""):
    """The fields that a version has, flat: path, type, array, nullable, tag, ignorable, default."""
    for field in fields:
        name = f"{path}{field['name']}"
        if not field["since"] <= version <= field["until"]:
            continue
        struct = field["type"] == "struct"
        yield (name, field["type"], field["array"], version >= field.get("nullable_since", schema.NEVER + 1),
               field.get("tag", -1), field["ignorable"], None if struct and not field["array"] else field["default"])
        yield from our_fields(field.get("fields", []), version, name + "/")


def kafka_fields(fields, version, path=""):
    for field in fields:
        name = f"{path}{field.name}"
        if not schema.inside(version, field.versions):
            continue
        default = 0 if field.default is not None and not isinstance(field.default, int) else field.default
        yield (name, field.type, field.array, field.may_be_null(version), field.tag, field.ignorable,
               None if field.type == "struct" and not field.array else int(default) if default is not None else None)
        yield from kafka_fields(field.fields, version, name + "/")


def in_order(rows):
    """Tagged fields stand anywhere in a definition; the others' order is the encoding."""
    rows = list(rows)
    return [row for row in rows if row[4] < 0], sorted(row for row in rows if row[4] >= 0)


def test_every_broker_api_is_there_in_every_version(kafka, ours):
    for name, message in kafka.items():
        if message.kind == "request" and "broker" in message.listeners and message.versions[1] >= 0:
            assert name in ours, f"{name} is missing from the notation"
            assert ours[name]["key"] == message.key
            response = name.replace("Request", "Response")
            for part in (name, response):
                assert ours[part]["since"] <= message.versions[0], part
                assert ours[part]["until"] == message.versions[1], part
    assert set(ours) <= set(kafka)


def test_no_version_is_older_than_kafka_2_1_needs(kafka, ours):
    """Kafka 4 dropped what clients before 2.1 spoke (KIP-896); one version that brokers of 2.1 still need is ours."""
    older = {name for name, message in ours.items() if message["since"] < kafka[name].versions[0]}
    assert older == {"WriteTxnMarkersRequest", "WriteTxnMarkersResponse"}


def test_every_field_is_as_kafka_defines_it(kafka, ours):
    compared = 0
    for name, message in ours.items():
        definition = kafka[name]
        for version in range(message["since"], message["until"] + 1):
            flexible = version >= message["flexible_since"]
            assert flexible == schema.inside(version, definition.flexible), f"{name} v{version}"
            left = in_order(our_fields(message["fields"], version))
            right = in_order(kafka_fields(definition.fields, version))
            assert left == right, f"{name} v{version}"
            compared += len(left[0]) + len(left[1])
    assert compared > 4000


def test_the_older_release_had_the_same_encodings(ours):
    """3.9 against the same tables, in the versions that both know: types, order, null and tags; names may have changed."""
    older = schema.read_jar(jar("kafka-clients", OLDER))
    compared = 0
    for name, message in ours.items():
        if name not in older or older[name.replace("Response", "Request")].unstable:
            continue  # share groups were a preview then, and changed before they were released
        for version in range(message["since"], message["until"] + 1):
            if not schema.inside(version, older[name].versions):
                continue
            left = in_order(our_fields(message["fields"], version))
            right = in_order(kafka_fields(older[name].fields, version))
            encoding = [[row[1:5] for row in rows] for rows in left], [[row[1:5] for row in rows] for rows in right]
            assert encoding[0] == encoding[1], f"{name} v{version}"
            compared += 1
    assert compared > 400


def cases(ours, kafka, each):
    """Random messages: every message, every version, `each` of them, from a seed that the name gives."""
    for name, message in ours.items():
        if name in BY_HAND:
            continue
        for version in range(max(message["since"], kafka[name].versions[0]), message["until"] + 1):
            author = schema.Author(random.Random(zlib.crc32(f"{name} {version}".encode())))
            for _ in range(each):
                yield name, version, author.message(kafka[name], version)


def without_tags(tree):
    if isinstance(tree, dict):
        return {name: without_tags(value) for name, value in tree.items() if name != "tags"}
    return [without_tags(value) for value in tree] if isinstance(tree, list) else tree


def test_both_write_the_same_bytes_and_read_them_alike(kafka, ours, codec, java):
    compared = 0
    for name, version, tree in cases(ours, kafka, int(os.environ.get("CODEC_ROUNDS", "6"))):
        where = f"{name} v{version} {tree}"
        fields = kafka[name].fields
        bare = without_tags(tree)
        mine = codec.ask(message=name, version=version, json=schema.to_ours(bare))
        theirs = java.ask(message=name, version=version, json=schema.to_java(bare, fields))
        assert "error" not in theirs, f"{where}: {theirs}"
        assert mine.get("hex") == theirs["hex"], f"{where}: {mine}"

        # and with unknown tags, which only our side can be told to write
        tagged = codec.ask(message=name, version=version, json=schema.to_ours(tree))
        assert "error" not in tagged, f"{where}: {tagged}"
        read_by_java = java.ask(message=name, version=version, hex=tagged["hex"])
        read_by_us = codec.ask(message=name, version=version, hex=tagged["hex"])
        assert read_by_java.get("hex") == tagged["hex"] and read_by_java["left"] == 0, f"{where}: {read_by_java}"
        assert read_by_us.get("hex") == tagged["hex"], f"{where}: {read_by_us}"
        left = schema.plain(read_by_us["json"], fields, version, False)
        right = schema.plain(read_by_java["json"], fields, version, True)
        assert schema.same(left, right, fields), f"{where}:\n{left}\n{right}"
        compared += 1
    assert compared > 2000


def test_both_drop_and_refuse_the_same_when_an_older_version_is_written(kafka, ours, codec, java):
    dropped = refused = 0
    for name, version, tree in cases(ours, kafka, 3):
        written = codec.ask(message=name, version=version, json=schema.to_ours(without_tags(tree)))["hex"]
        for to in range(kafka[name].versions[0], version):
            mine = codec.ask(message=name, version=version, to=to, hex=written)
            theirs = java.ask(message=name, version=version, to=to, hex=written)
            where = f"{name} v{version} as v{to} {tree}: {mine} {theirs}"
            assert ("error" in mine) == ("error" in theirs), where
            assert mine.get("hex") == theirs.get("hex"), where
            dropped += "hex" in mine
            refused += "error" in mine
    assert dropped > 1000 and refused > 1000


def test_keys_of_the_offsets_topic(codec):
    """Version 0 and 1 are one layout: group, topic, partition; 2 is a group alone."""
    position = {"group": "g", "topic": "orders", "partition": 3}
    for version in (0, 1):
        assert codec.ask(message="OffsetCommitKey", version=version, json=position)["hex"] == (
            "000167" "00066f7264657273" "00000003")
    assert codec.ask(message="GroupMetadataKey", version=2, json={"group": "g"})["hex"] == "000167"


def test_heads_are_as_java_writes_them(ours, codec, java):
    for name, message in ours.items():
        if not name.endswith("Request") or message["key"] < 0:
            continue
        for version in range(message["since"], message["until"] + 1):
            flexible = version >= message["flexible_since"]
            for client in (None, "", "interlock"):
                head = {"request_api_key": message["key"], "request_api_version": version, "correlation_id": 77,
                        "client_id": client}
                theirs = java.ask(message="RequestHeader", version=2 if flexible else 1, json={
                    "requestApiKey": message["key"], "requestApiVersion": version, "correlationId": 77,
                    "clientId": client})
                assert codec.ask(message="RequestHeader", version=0, json=head)["hex"] == theirs["hex"], name
            old_head = not flexible or name == "ApiVersionsRequest"
            theirs = java.ask(message="ResponseHeader", version=0 if old_head else 1, json={"correlationId": 77})
            assert codec.ask(message="ResponseHeader", version=0, json=head)["hex"] == theirs["hex"], name


def test_error_codes_are_kafka_s(codec, java):
    assert codec.ask(errors=True)["errors"] == java.ask(errors=True)["errors"]
