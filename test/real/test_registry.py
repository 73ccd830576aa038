"""Schema ids in the records of real clusters, looked up in two registries as the property files name them."""

import json
import urllib.request

import pytest

from others import web_server
from records import create_topic, produce, record
from test_gates import gate, plan  # noqa: F401  (a fixture)

pytestmark = pytest.mark.real
ORDER = '{"type":"record","name":"Order","fields":[{"name":"id","type":"long","doc":"its number"}]}'
SAME_ORDER = '{ "name":"Order", "type":"record",\n "fields":[ {"type":{"type":"long"},"doc":"its number","name":"id"} ] }'
OTHER_ORDER = '{"type":"record","name":"Order","fields":[{"name":"id","type":"string"}]}'
PROTO = 'syntax = "proto3";\nmessage Order { int64 id = 1; } // an order\n'
SAME_PROTO = "syntax='proto3'; message Order {\n  int64 id = 1;\n}\n"


def framed(number, i, kind="value"):
    payload = b"\0" + number.to_bytes(4, "big") + b"%d" % (i * 1000)
    return record(payload, b"v%d" % i) if kind == "key" else record(b"k%d" % i, payload)


def put(pair, topic, records):
    for cluster in pair:
        create_topic(cluster, topic, 1)
        produce(cluster, topic, records)


@pytest.fixture
def sides(pair, properties):
    """A function: property files of both clusters, with these registries."""

    def files(ours, theirs):
        return [properties(cluster.bootstrap, {"schema.registry.url": getattr(one, "url", one)} if one else None)
                for cluster, one in zip(pair, (ours, theirs))]

    return files


def compatibility(interlock, folder):
    return gate(interlock, folder, "compatibility")


@pytest.mark.parametrize("kind, ours, theirs, code", [
    ("AVRO", ORDER, SAME_ORDER, None),
    ("AVRO", ORDER, OTHER_ORDER, "SCHEMA_DIFFERS"),
    ("AVRO", ORDER, None, "SCHEMA_MISSING"),
    ("PROTOBUF", PROTO, SAME_PROTO, None),
    ("PROTOBUF", PROTO, PROTO.replace("id = 1", "id = 2"), "SCHEMA_DIFFERS"),
    ("JSON", '{"type":"object","required":["a","b"]}', '{"required":["b","a"],"type":"object"}', None),
    ("JSON", '{"type":"object","required":["a"]}', '{"type":"object"}', "SCHEMA_DIFFERS"),
])
@pytest.mark.parametrize("place", ["key", "value"])
def test_one_id_in_both(pair, topic, interlock, plan, registry, sides, kind, ours, theirs, code, place):
    here, there = registry(), registry()
    number = here.register(f"{topic}-{place}", ours, kind)
    if theirs:
        assert there.register(f"{topic}-{place}", theirs, kind) == number
    put(pair, topic, [framed(number, i, place) for i in range(50)])
    verdict, reasons, result = compatibility(interlock, plan(*sides(here, there)))
    assert verdict == ("shut" if code else "open"), result
    assert not code or code in reasons and f"schema id {number} of the {place}s" in reasons[code], result


def test_the_oldest_records_are_looked_at_too(pair, topic, interlock, plan, registry, sides):
    here, there = registry(), registry()
    old, new = here.register("a", ORDER), here.register("b", '"string"')
    there.register("c", OTHER_ORDER)
    there.register("b", '"string"')
    put(pair, topic, [framed(old if i < 100 else new, i) for i in range(10000)])
    verdict, reasons, result = compatibility(interlock, plan(*sides(here, there)))
    assert verdict == "shut" and f"schema id {old} of" in reasons["SCHEMA_DIFFERS"], result


def test_what_a_schema_refers_to(pair, topic, interlock, plan, registry, sides):
    def register(one, subject, schema, references):
        body = json.dumps({"schema": schema, "references": references}).encode()
        asked = urllib.request.Request(f"{one.url}/subjects/{subject}/versions", data=body,
                                       headers={"Content-Type": "application/vnd.schemaregistry.v1+json"})
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return json.load(answer)["id"]

    list_of = '{"type":"array","items":"Order"}'
    here, there = registry(), registry()
    for one, order in ((here, ORDER), (there, OTHER_ORDER)):
        one.register("order", order)
        number = register(one, "orders", list_of, [{"name": "Order", "subject": "order", "version": 1}])
    put(pair, topic, [framed(number, i) for i in range(50)])
    verdict, reasons, result = compatibility(interlock, plan(*sides(here, there)))
    assert verdict == "shut" and "SCHEMA_DIFFERS" in reasons, result
    verdict, reasons, result = compatibility(interlock, plan(*sides(here, here)))
    assert verdict == "open", result


def test_ids_in_headers(pair, topic, interlock, plan, registry, sides):
    """Newer clients leave a GUID in a header, and the payload alone."""
    here, there = registry(), registry()
    here.register("order", ORDER)
    with urllib.request.urlopen(f"{here.url}/subjects/order/versions/1", timeout=10) as answer:
        guid = json.load(answer)["guid"]
    header = ("__value_schema_id", b"\1" + bytes.fromhex(guid.replace("-", "")))
    put(pair, topic, [record(b"k", b"payload %d" % i, headers=(header,)) for i in range(50)])
    verdict, reasons, result = compatibility(interlock, plan(*sides(here, there)))
    assert verdict == "shut" and guid in reasons["SCHEMA_MISSING"], result
    there.register("order", ORDER)
    verdict, reasons, result = compatibility(interlock, plan(*sides(here, there)))
    assert verdict == "open", result


def test_bytes_that_only_look_like_ids(pair, topic, interlock, plan, registry, sides):
    """Times in milliseconds as keys begin with a zero byte as well: neither registry has ever heard of those."""
    put(pair, topic, [record((1_700_000_000_000 + i * 10**7).to_bytes(8, "big"), b"{}") for i in range(50)])
    verdict, _, result = compatibility(interlock, plan(*sides(registry(), registry())))
    assert verdict == "open", result
    verdict, _, result = compatibility(interlock, plan(*sides(None, None)))
    assert verdict == "open", result


def test_registries_that_do_not_answer(pair, topic, interlock, plan, registry, sides):
    here = registry()
    put(pair, topic, [framed(here.register("order", ORDER), i) for i in range(50)])
    with web_server() as address:
        verdict, reasons, result = compatibility(interlock, plan(*sides(here, f"http://{address}")))
    assert verdict == "unknown" and "REGISTRY_UNREACHABLE" in reasons, result
    verdict, reasons, result = compatibility(interlock, plan(*sides("http://me:hidden@127.0.0.1:1", here)))
    assert verdict == "unknown" and "REGISTRY_UNREACHABLE" in reasons, result
    assert "hidden" not in result.out + result.err
    verdict, reasons, result = compatibility(interlock, plan(*sides(here, None)))
    assert verdict == "unknown" and "REGISTRY_NOT_NAMED" in reasons, result
    verdict, reasons, result = compatibility(interlock, plan(*sides("none", "none")))
    assert verdict == "open", result
