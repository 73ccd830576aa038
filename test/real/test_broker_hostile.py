"""Our broker's doors under people who mean harm, or whose network does: half a handshake, nonsense, silence, one byte at a
time, logins without an end, and a crowd of them while others work.  What they took is given back."""

import os
import re
import resource
import socket
import ssl
import struct
import subprocess
import time
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from test_broker_doors import Doors, answer, frame, text, there_and_back

LIMIT_MS, IDLE_MS = 700, 1000


def sockets(doors):
    """Files are the store's affair: new topics have new ones."""
    count, folder = 0, f"/proc/{doors.process.pid}/fd"
    for one in os.listdir(folder):
        try:
            count += os.readlink(f"{folder}/{one}").startswith("socket:")
        except FileNotFoundError:
            pass
    return count


@pytest.fixture(scope="module")
def doors(run_folder, certificates):
    with Doors(run_folder / "doors-hostile", certificates, **{
            "interlock.login.timeout.ms": LIMIT_MS, "connections.max.idle.ms": IDLE_MS,
            "add_scram": ["SCRAM-SHA-256=[name=admin,password=admin-secret]"]}) as one:
        one.quiet = sockets(one)        # nobody has come yet
        yield one


def hello():
    """The first message of a TLS client."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        context.wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def connect(doors, listener):
    return socket.create_connection(("127.0.0.1", doors.places[listener]), timeout=30)


def is_closed(client):
    """Reads what comes until there is no more; a connection that stays open is a fault (30 s)."""
    try:
        while client.recv(65536):
            pass
    except ConnectionError:
        pass
    return True


def still_works(doors):
    for how in (doors.client("SSL"), doors.client("SASL_PLAINTEXT", "alice")):
        assert AdminClient(how).list_topics(timeout=10).brokers


def trickle(client, data):
    """One byte at a time, for as long as somebody listens."""
    try:
        for at in range(len(data)):
            client.sendall(data[at:at + 1])
            time.sleep(0.02)
        return False
    except ConnectionError:
        return True


def test_who_stalls_is_sent_away(doors):
    half = hello()[:100]
    stalls = [("SSL", half), ("SSL", b""), ("SASL_SSL", half[:5]), ("SASL_PLAINTEXT", b""), ("PLAINTEXT", b""),
              ("SASL_PLAINTEXT", struct.pack(">i", 500000)), ("SASL_PLAINTEXT", frame(17, 1, text(b"PLAIN"))[:-2]),
              ("SASL_PLAINTEXT", frame(17, 1, text(b"SCRAM-SHA-256"))),
              ("PLAINTEXT", struct.pack(">i", 50_000_000) + b"\0" * 1000)]
    clients = [connect(doors, listener) for listener, _ in stalls]
    for client, (_, said) in zip(clients, stalls):
        client.sendall(said)
    still_works(doors)
    for client in clients:
        assert is_closed(client)
        client.close()
    still_works(doors)


@pytest.mark.parametrize("listener", ["SSL", "MUTUAL", "SASL_SSL", "SASL_PLAINTEXT", "PLAINTEXT"])
def test_nonsense(doors, listener):
    good = hello()
    for said in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"\0" * 70000, b"\x80" * 4096, b"\x15\x03\x03\0\x02\x02\x28",
                 good[:60] + bytes(256) + good[60:], b"\xff" * 100000):
        with connect(doors, listener) as client:
            try:
                client.sendall(said)
            except ConnectionError:
                pass
            assert is_closed(client)
    still_works(doors)


def test_one_byte_at_a_time(doors):
    """Being busy is no excuse: the limit of a login is from its first byte to its last."""
    for listener, said in (("SASL_PLAINTEXT", frame(18, 3, b"\0" * 20000)), ("SASL_SSL", hello() * 40)):
        with connect(doors, listener) as client:
            assert trickle(client, said) or is_closed(client)
    still_works(doors)


def test_a_login_that_never_ends(doors):
    versions, begin = frame(18, 0, b""), frame(17, 1, text(b"SCRAM-SHA-256"))
    deadline = time.monotonic() + 60
    with connect(doors, "SASL_PLAINTEXT") as client:        # asks for versions, for ever
        while time.monotonic() < deadline:
            try:
                client.sendall(versions)
                if answer(client) is None:
                    break
            except ConnectionError:
                break
        else:
            pytest.fail("it was never sent away")
    with connect(doors, "SASL_PLAINTEXT") as client:        # begins, and begins
        client.sendall(begin)
        assert answer(client)[4:6] == b"\0\0"
        client.sendall(begin)
        assert is_closed(client)
    with connect(doors, "SASL_PLAINTEXT") as client:        # begins, and its proof never comes
        client.sendall(begin)
        answer(client)
        first = b"n,,n=admin,r=abc"
        client.sendall(frame(36, 1, struct.pack(">i", len(first)) + first))
        assert answer(client)[4:6] == b"\0\0"
        assert is_closed(client)
    assert "it did not log in" in "".join(doors.said)


def test_no_second_handshake(doors):
    """Renegotiation is refused; the connection or its client may end with that, the broker does not."""
    client = subprocess.Popen(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{doors.places['SSL']}", "-tls1_2", "-CAfile",
         str(doors.certificates.authority)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    out, _ = client.communicate(b"R\n" * 3, timeout=60)
    assert b"RENEGOTIATING" in out and (b"no renegotiation" in out or b"handshake failure" in out), out
    still_works(doors)


def resident_kb(doors):
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{doors.process.pid}/status").read_text())[1])


def comes_down_to(read, most):
    deadline = time.monotonic() + 60
    while read() > most and time.monotonic() < deadline:
        time.sleep(0.05)
    assert read() <= most


def test_a_crowd_that_stands_in_the_doors(doors):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    half = hello()[:150]
    says = [("SSL", half), ("SASL_SSL", half), ("SASL_PLAINTEXT", struct.pack(">i", 500000) + b"\0" * 5000), ("PLAINTEXT", b"\0\0")]
    try:
        still_works(doors)
        sizes = []
        for _ in range(3):
            crowd = []
            for number in range(1000):
                listener, said = says[number % len(says)]
                crowd.append(connect(doors, listener))
                crowd[-1].sendall(said)
            there_and_back(doors.client("SSL"), "beside-the-crowd", 20)
            there_and_back(doors.client("SASL_PLAINTEXT", "alice"), "beside-the-crowd-too", 20)
            for client in crowd:
                assert is_closed(client)
                client.close()
            comes_down_to(lambda: sockets(doors), doors.quiet + 10)      # librdkafka's come back by themselves
            sizes.append(resident_kb(doors))
        assert sizes[2] - sizes[0] < 64 * 1024, sizes       # the sanitizers keep some of what was given back
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
