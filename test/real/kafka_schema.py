"""Kafka's own message definitions, read from the jars, and random messages that fit them."""

import base64
import json
import re
import struct
import zipfile

SCALARS = {
    "bool": "bool", "int8": "i8", "int16": "i16", "uint16": "u16", "int32": "i32", "uint32": "u32", "int64": "i64",
    "float64": "f64", "uuid": "uuid", "string": "string", "bytes": "bytes", "records": "records",
}
LIMITS = {"i8": (-(2**7), 2**7 - 1), "i16": (-(2**15), 2**15 - 1), "u16": (0, 2**16 - 1),
          "i32": (-(2**31), 2**31 - 1), "u32": (0, 2**32 - 1), "i64": (-(2**63), 2**63 - 1)}
NEVER = 32767


def snake(name):
    """Our rule: an underscore before each capital but the first, all in lower case."""
    return name[0].lower() + re.sub("[A-Z]", lambda capital: "_" + capital.group().lower(), name[1:])


def versions(text):
    """First and last version of "3+", "0-4", "7", "none"."""
    if not text or text == "none":
        return (NEVER, -1)
    if text.endswith("+"):
        return (int(text[:-1]), NEVER)
    first, _, last = text.partition("-")
    return (int(first), int(last or first))


def inside(version, range_):
    return range_[0] <= version <= range_[1]


class Field:
    """One field; `fields` are those of its struct, or of the structs in its array."""

    def __init__(self, definition, common):
        self.kafka_name = definition["name"][0].lower() + definition["name"][1:]
        self.name = snake(definition["name"])
        kind = definition["type"]
        self.array = kind.startswith("[]")
        kind = kind[2:] if self.array else kind
        self.type = SCALARS.get(kind, "struct")
        self.versions = versions(definition.get("versions", definition.get("taggedVersions")))
        self.nullable = versions(definition.get("nullableVersions"))
        self.tag = definition.get("tag", -1)
        self.ignorable = bool(definition.get("ignorable"))
        self.default = self.value(definition.get("default"))
        self.fields = []
        if self.type == "struct":
            self.fields = fields_of(common[kind] if kind in common else definition["fields"], common)

    def value(self, default):
        if default == "null":
            return None
        if self.array:
            return []
        if self.type in LIMITS:
            return int(str(default or 0), 0)
        if self.type == "bool":
            return str(default).lower() == "true"
        return {"f64": 0.0, "uuid": bytes(16), "string": "", "bytes": b"", "records": b""}.get(self.type)

    def may_be_null(self, version):
        return inside(version, self.nullable)


def fields_of(definitions, common):
    return [Field(definition, common) for definition in definitions]


class Message:
    def __init__(self, definition):
        self.name = definition["name"]
        self.kind = definition["type"]
        self.key = definition.get("apiKey", -1)
        self.unstable = definition.get("latestVersionUnstable", False)
        self.listeners = definition.get("listeners", [])
        self.versions = versions(definition["validVersions"])
        self.flexible = versions(definition.get("flexibleVersions"))
        common = {struct["name"]: struct["fields"] for struct in definition.get("commonStructs", [])}
        self.fields = fields_of(definition.get("fields", []), common)


def read_jar(path):
    """Every message defined in a jar, by name."""
    messages = {}
    with zipfile.ZipFile(path) as jar:
        for entry in jar.namelist():
            if entry.startswith("common/message/") and entry.endswith(".json"):
                text = re.sub(r"(?m)^\s*//.*$", "", jar.read(entry).decode())
                message = Message(json.loads(re.sub(r'(?m)([\]}",])\s*//.*$', r"\1", text)))
                messages[message.name] = message
    return messages


class Author:
    """Writes random messages as trees of our names; bytes, records and uuids are bytes."""

    TEXTS = ["", "a", "orders", "ünïcode ✓ 🚆", "x" * 127, "y" * 128, "nul\0l", '"\\\n']

    def __init__(self, chance):
        self.chance = chance

    def number(self, kind):
        low, high = LIMITS[kind]
        return self.chance.choice([low, high, 0, 1, -1 if low else 1, self.chance.randint(low, high)])

    def scalar(self, kind):
        if kind in LIMITS:
            return self.number(kind)
        if kind == "bool":
            return self.chance.random() < 0.5
        if kind == "f64":
            return self.chance.choice([0.0, -1.5, 1e300, 2.0**-40, self.chance.random()])
        if kind == "uuid":
            return self.chance.choice([bytes(16), self.chance.randbytes(16)])
        if kind == "string":
            return self.chance.choice(self.TEXTS)
        return self.chance.randbytes(self.chance.choice([0, 1, 5, 127, 200]))

    def field(self, field, version, flexible, depth):
        if field.may_be_null(version) and self.chance.random() < 0.3:
            return None
        make = (lambda: self.struct(field.fields, version, flexible, depth + 1)) if field.type == "struct" else (
            lambda: self.scalar(field.type))
        if not field.array:
            return make()
        most = 3 if depth < 2 else 2
        count = 130 if field.type != "struct" and self.chance.random() < 0.03 else self.chance.randint(0, most)
        return [make() for _ in range(count)]

    def struct(self, fields, version, flexible, depth=0):
        tree = {}
        for field in fields:
            if not inside(version, field.versions):
                continue
            if field.tag >= 0 and self.chance.random() < 0.4:
                continue  # keeps its default
            tree[field.name] = self.field(field, version, flexible, depth)
        if flexible and self.chance.random() < 0.15:
            numbers = sorted({self.chance.choice([100, 127, 128, 300, 70000]) for _ in range(2)})
            tree["tags"] = [[number, self.chance.randbytes(self.chance.randint(0, 9))] for number in numbers]
        return tree

    def message(self, message, version):
        return self.struct(message.fields, version, inside(version, message.flexible))


def to_ours(tree):
    """As test/wire/codec_main.c reads it."""
    if isinstance(tree, dict):
        return {name: to_ours(value) for name, value in tree.items()}
    if isinstance(tree, list):
        return [to_ours(value) for value in tree]
    return tree.hex() if isinstance(tree, bytes) else tree


def scalar_to_java(kind, value):
    if kind == "uuid":
        return base64.urlsafe_b64encode(value).decode().rstrip("=")
    if kind in ("bytes", "records"):
        return base64.b64encode(value).decode()
    return value


def to_java(tree, fields):
    """As Kafka's JsonConverter classes read it; unknown tags have no place there."""
    out = {}
    for field in fields:
        if field.name not in tree:
            continue
        value = tree[field.name]
        convert = (lambda inner, f=field: to_java(inner, f.fields)) if field.type == "struct" else (
            lambda inner, f=field: scalar_to_java(f.type, inner))
        if value is not None:
            value = [convert(inner) for inner in value] if field.array else convert(value)
        out[field.kafka_name] = value
    return out


def scalar_from(kind, value, java):
    if value is None:
        return None
    if kind == "uuid":
        return base64.urlsafe_b64decode(value + "==") if java else bytes.fromhex(value)
    if kind in ("bytes", "records"):
        return base64.b64decode(value) if java else bytes.fromhex(value)
    if kind == "f64":
        return struct.pack(">d", value)
    return value


def plain(tree, fields, version, java):
    """One form for the trees of both sides: the fields of this version, defaults filled in, no tags, no records."""
    out = {}
    for field in fields:
        if not inside(version, field.versions) or field.type == "records":
            continue
        name = field.kafka_name if java else field.name
        if name not in tree:
            out[field.name] = {"default": True}
            continue
        value = tree[name]
        convert = (lambda inner, f=field: plain(inner, f.fields, version, java)) if field.type == "struct" else (
            lambda inner, f=field: scalar_from(f.type, inner, java))
        if value is not None:
            value = [convert(inner) for inner in value] if field.array else convert(value)
        out[field.name] = value
    return out


def same(ours, java, fields):
    """Equal, where Java leaves out tagged fields that hold their default."""
    for field in fields:
        if field.name not in java:
            continue
        left, right = ours[field.name], java[field.name]
        if right == {"default": True}:
            right = field.default if field.default is not None or field.nullable[1] >= 0 else left
            if field.type == "f64" or field.type == "struct":
                continue
        if field.type == "struct" and left and right and field.array:
            if len(left) != len(right) or not all(same(a, b, field.fields) for a, b in zip(left, right)):
                return False
        elif field.type == "struct" and left and right:
            if not same(left, right, field.fields):
                return False
        elif left != right:
            return False
    return True

