"""Kafka's protocol word by word, from Kafka's own message definitions: for questions that no client asks.

    with Speaker(port, read_jar(...), user="alice", password="alice-secret") as one:
        one.ask("Heartbeat", 4, group_id="g", generation_id=1, member_id="m")       the response, as a dict

What a request does not say gets its default; names are ours (`group_id`).  A closed connection is None, and opened again at
the next question.
"""

import socket
import struct

from kafka_schema import inside

NUMBERS = {"i8": ">b", "i16": ">h", "u16": ">H", "i32": ">i", "u32": ">I", "i64": ">q", "f64": ">d"}


def uvarint(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        self.at += size
        assert self.at <= len(self.data)
        return self.data[self.at - size:self.at]

    def number(self, kind):
        return struct.unpack(NUMBERS[kind], self.take(struct.calcsize(NUMBERS[kind])))[0]

    def uvarint(self):
        value, shift = 0, 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value


def size_out(count, kind, flexible):
    """Of a string, of bytes or of an array; None is null."""
    if flexible:
        return uvarint(0 if count is None else count + 1)
    return struct.pack(NUMBERS[kind], -1 if count is None else count)


def write_one(field, value, version, flexible):
    if field.type == "struct":
        return write(field.fields, value, version, flexible)
    if field.type in NUMBERS:
        return struct.pack(NUMBERS[field.type], value)
    if field.type == "bool":
        return bytes([value])
    if field.type == "uuid":
        return value
    data = value.encode() if isinstance(value, str) else value
    kind = "i16" if field.type == "string" else "i32"
    return size_out(None if data is None else len(data), kind, flexible) + (data or b"")


def write(fields, tree, version, flexible):
    out, tags = b"", []
    unknown = set(tree) - {field.name for field in fields}
    assert not unknown, unknown
    for field in fields:
        if not inside(version, field.versions):
            continue
        value = tree.get(field.name, field.default)
        if field.tag >= 0:
            if field.name in tree:
                tags.append((field.tag, write_value(field, value, version, flexible)))
            continue
        out += write_value(field, value, version, flexible)
    if flexible:
        out += uvarint(len(tags))
        for tag, data in tags:
            out += uvarint(tag) + uvarint(len(data)) + data
    return out


def write_value(field, value, version, flexible):
    if field.array:
        count = None if value is None else len(value)
        return size_out(count, "i32", flexible) + b"".join(write_one(field, one, version, flexible) for one in value or [])
    if field.type == "struct" and field.may_be_null(version):
        return b"\xff" if value is None else b"\x01" + write_one(field, value, version, flexible)
    return write_one(field, {} if field.type == "struct" and value is None else value, version, flexible)


def read_size(reader, kind, flexible):
    if flexible:
        return reader.uvarint() - 1
    return reader.number(kind)


def read_one(field, reader, version, flexible):
    if field.type == "struct":
        return read(field.fields, reader, version, flexible)
    if field.type in NUMBERS:
        return reader.number(field.type)
    if field.type == "bool":
        return reader.take(1) != b"\0"
    if field.type == "uuid":
        return reader.take(16)
    size = read_size(reader, "i16" if field.type == "string" else "i32", flexible)
    if size < 0:
        return None
    data = reader.take(size)
    return data.decode() if field.type == "string" else data


def read_value(field, reader, version, flexible):
    if field.array:
        count = read_size(reader, "i32", flexible)
        return None if count < 0 else [read_one(field, reader, version, flexible) for _ in range(count)]
    if field.type == "struct" and field.may_be_null(version) and reader.number("i8") < 0:
        return None
    return read_one(field, reader, version, flexible)


def read(fields, reader, version, flexible):
    tree, tagged = {}, {field.tag: field for field in fields if field.tag >= 0 and inside(version, field.versions)}
    for field in fields:
        if inside(version, field.versions) and field.tag < 0:
            tree[field.name] = read_value(field, reader, version, flexible)
    for _ in range(reader.uvarint() if flexible else 0):
        tag, size = reader.uvarint(), reader.uvarint()
        data = Reader(reader.take(size))
        if tag in tagged:
            tree[tagged[tag].name] = read_value(tagged[tag], data, version, flexible)
    return tree


class Speaker:
    """One connection, logged in by PLAIN; without a user nobody is asked."""

    def __init__(self, port, messages, user=None, password=None):
        self.port, self.messages, self.user, self.password = port, messages, user, password
        self.socket = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.socket:
            self.socket.close()
        self.socket = None

    def _open(self):
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        if self.user:
            assert self._exchange("SaslHandshake", 1, {"mechanism": "PLAIN"})["error_code"] == 0
            token = f"\0{self.user}\0{self.password}".encode()
            assert self._exchange("SaslAuthenticate", 2, {"auth_bytes": token})["error_code"] == 0

    def _take(self, size):
        data = b""
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            if not more:
                raise ConnectionResetError
            data += more
        return data

    def _exchange(self, name, version, body):
        request, response = self.messages[name + "Request"], self.messages[name + "Response"]
        flexible = inside(version, request.flexible)
        frame = struct.pack(">hhih", request.key, version, 7, -1) + (b"\0" if flexible else b"")
        frame += write(request.fields, body, version, flexible)
        self.socket.sendall(struct.pack(">i", len(frame)) + frame)
        reader = Reader(self._take(struct.unpack(">i", self._take(4))[0]))
        assert reader.number("i32") == 7
        if flexible and name != "ApiVersions":
            assert reader.uvarint() == 0
        tree = read(response.fields, reader, version, flexible)
        assert reader.at == len(reader.data)
        return tree

    def ask(self, name, version, **body):
        if self.socket is None:
            self._open()
        try:
            return self._exchange(name, version, body)
        except (ConnectionResetError, BrokenPipeError):
            self.close()
            return None
