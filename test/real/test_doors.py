"""How a cluster is reached: logins, certificates, wrong doors; and no secret in anything that is said."""

import base64
import json
import socket
import threading

import pytest

from expect import QUICK, expect_open
from others import web_server
from records import create_topic, produce, stream
from kafka_cluster import free_ports

pytestmark = pytest.mark.real
UNREACHED = 69


@pytest.fixture(scope="module")
def opened(secure, target):
    """The same records behind all doors of the secure node and on the open target."""
    name = "doors"
    for cluster in (secure, target):
        create_topic(cluster, name, 4)
        produce(cluster, name, stream(200))
    allow(secure, "User:alice", name)
    allow(secure, "User:CN=alice", name)
    allow(secure, "User:ANONYMOUS", name)
    allow(secure, "User:broker", name)
    return name


def allow(cluster, principal, topic):
    from confluent_kafka.admin import (AclBinding, AclOperation, AclPermissionType, ResourcePatternType, ResourceType)
    for kind, name, operation in ((ResourceType.TOPIC, topic, AclOperation.READ),
                                  (ResourceType.TOPIC, topic, AclOperation.DESCRIBE_CONFIGS),
                                  (ResourceType.BROKER, "kafka-cluster", AclOperation.DESCRIBE)):
        binding = AclBinding(kind, name, ResourcePatternType.LITERAL, principal, "*", operation, AclPermissionType.ALLOW)
        for future in cluster.admin().create_acls([binding]).values():
            future.result(20)


@pytest.mark.parametrize("listener, how", [
    ("SASL", {"mechanism": "PLAIN"}), ("SASL", {"mechanism": "SCRAM-SHA-256"}), ("SASL", {"mechanism": "SCRAM-SHA-512"}),
    ("SASLTLS", {"mechanism": "SCRAM-SHA-512"}), ("SASLTLS", {"mechanism": "PLAIN"}), ("TLS", {}), ("MTLS", {})],
    ids=lambda part: part if isinstance(part, str) else part.get("mechanism", ""))
def test_each_door_opens(secure, target, opened, interlock, login, listener, how):
    expect_open(interlock.parity(login(secure, listener, **how), target, opened, options=QUICK))


def test_java_words_open_the_door_too(secure, target, opened, interlock, properties):
    file = properties(secure.addresses("SASL"), {
        "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "SCRAM-SHA-256",
        "sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required "
                            'username="alice" password="alice-secret";'})
    expect_open(interlock.parity(file, target, opened, options=QUICK))


def test_secrets_from_elsewhere(secure, target, opened, interlock, login, tmp_path):
    (tmp_path / "secret").write_text("alice-secret\n")
    for secret in ("${env:ALICE}", f"${{file:{tmp_path}/secret}}"):
        file = login(secure, "SASL", secret=secret)
        expect_open(interlock.parity(file, target, opened, options=QUICK, environment={"ALICE": "alice-secret"}))


def test_a_token(secure, target, opened, interlock, properties, tmp_path):
    import time

    def part(fields):
        return base64.urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("=")

    now = int(time.time())
    token = f"{part({'alg': 'none'})}.{part({'sub': 'alice', 'iat': now, 'exp': now + 3000})}."
    (tmp_path / "token").write_text(token)
    file = properties(secure.addresses("OAUTH"), {
        "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "OAUTHBEARER",
        "interlock.sasl.oauthbearer.token.file": str(tmp_path / "token")})
    result = expect_open(interlock.parity(file, target, opened, options=QUICK))
    assert token not in result.out + result.err


@pytest.mark.parametrize("listener, how, word", [
    ("SASL", {"secret": "not-the-secret"}, "alice"),
    ("SASLTLS", {"secret": "not-the-secret", "mechanism": "PLAIN"}, "alice"),
    ("SASL", {"mechanism": "GSSAPI-9"}, "GSSAPI-9"),
    ("TLS", {"ssl_ca_location": "stranger"}, "certificate"),
    ("EXPIRED", {}, "expired"),
    ("MTLS", {"ssl_certificate_location": "", "ssl_key_location": ""}, ""),
], ids=["password", "password over TLS", "mechanism", "foreign authority", "expired", "no certificate"])
def test_a_door_that_stays_shut(secure, target, opened, interlock, login, listener, how, word):
    how = {k: str(secure.certificates.stranger) if v == "stranger" else v for k, v in how.items()}
    file = login(secure, listener, **how)
    if "" in how.values():
        file.write_text("".join(line for line in file.read_text().splitlines(True) if not line.endswith("=\n")))
    result = interlock.parity(file, target, opened, options=["--timeout", "5s"], timeout=40)
    assert result.status in (UNREACHED, 78), result
    assert word.lower() in result.err.lower(), result
    assert "not-the-secret" not in result.out + result.err
    assert result.json["verdict"] == "unknown"


def test_a_certificate_for_another_host(new_cluster, run_folder, certificates, target, topic, interlock, properties):
    import ssl
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.elsewhere)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                context.wrap_socket(listener.accept()[0], server_side=True).close()
            except (OSError, ssl.SSLError):
                if listener.fileno() < 0:
                    return

    threading.Thread(target=serve, daemon=True).start()
    file = properties(f"127.0.0.1:{listener.getsockname()[1]}",
                      {"security.protocol": "SSL", "ssl.ca.location": str(certificates.authority)})
    result = interlock.parity(file, target, "anything", options=["--timeout", "3s"])
    listener.close()
    assert result.status == UNREACHED, result
    assert "127.0.0.1" in result.err


def test_a_closed_port(target, interlock):
    port, = free_ports(1)
    result = interlock.parity(f"127.0.0.1:{port}", target, "anything", options=["--timeout", "3s"])
    assert result.status == UNREACHED, result
    assert str(port) in result.err and "source" in result.err


def test_one_of_two_addresses_answers(source, target, topic, interlock):
    port, = free_ports(1)
    for cluster in (source, target):
        create_topic(cluster, topic, 1)
    expect_open(interlock.parity(f"127.0.0.1:{port},{source.bootstrap}", target, topic, options=QUICK))


def test_a_web_server_at_the_other_end(target, interlock):
    with web_server() as address:
        result = interlock.parity(target, address, "anything", options=["--timeout", "3s"], timeout=30)
    assert result.status == UNREACHED, result
    assert "target" in result.err


def test_a_port_that_never_answers(target, interlock):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        result = interlock.parity(f"127.0.0.1:{silent.getsockname()[1]}", target, "anything",
                                  options=["--timeout", "2s"], timeout=30)
    assert result.status == UNREACHED, result


def test_plain_words_to_a_tls_door(secure, target, interlock):
    result = interlock.parity(secure.addresses("TLS"), target, "doors", options=["--timeout", "3s"], timeout=30)
    assert result.status == UNREACHED, result


def test_tls_to_a_plain_door(target, interlock, properties, certificates):
    file = properties(target.bootstrap, {"security.protocol": "SSL", "ssl.ca.location": str(certificates.authority)})
    result = interlock.parity(file, target, "doors", options=["--timeout", "3s"], timeout=30)
    assert result.status == UNREACHED, result


def test_a_topic_that_one_may_not_read(secure, target, interlock, login, topic):
    for cluster in (secure, target):
        create_topic(cluster, topic, 1)
        produce(cluster, topic, stream(10, partitions=1))
    result = interlock.parity(login(secure, "SASL", "bob"), target, topic, options=[*QUICK, "--timeout", "5s"])
    assert result.status in (2, 64, UNREACHED), result
    assert result.json["verdict"] == "unknown", result


@pytest.mark.parametrize("line, word", [
    ("security.protokol=SSL", "security.protocol"), ("security.protocol=SSH", "SSH"), ("sasl.mechanism", "sasl.mechanism")])
def test_a_property_file_that_is_wrong(target, interlock, properties, line, word):
    file = properties(target.bootstrap)
    file.write_text(file.read_text() + line + "\n")
    result = interlock.parity(file, target, "anything", options=["--timeout", "3s"])
    assert result.status == 78, result
    assert word in result.err and str(file) in result.err
