"""Our broker's listeners: TLS, certificates, PLAIN and SCRAM, under librdkafka and kafka-python, and under nobody's client."""

import socket
import struct
import subprocess
import time

import pytest
from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import (AdminClient, NewTopic, ScramCredentialInfo, ScramMechanism,
                                   UserScramCredentialDeletion, UserScramCredentialUpsertion)
from kafka import KafkaConsumer, KafkaProducer

from broker import Broker
from expect import QUICK, expect_open
from kafka_cluster import free_ports

PLAIN_USERS = 'org.apache.kafka.common.security.plain.PlainLoginModule required user_alice="alice-secret" user_bob="b,o=b";'


class Doors(Broker):
    """One broker with five listeners."""

    def __init__(self, folder, certificates, **more):
        names = ["PLAINTEXT", "SSL", "MUTUAL", "SASL_PLAINTEXT", "SASL_SSL"]
        self.places = dict(zip(names, free_ports(len(names))))
        self.certificates = certificates
        super().__init__(folder, "doors", **{
            "listeners": ",".join(f"{name}://127.0.0.1:{port}" for name, port in self.places.items()),
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SSL:SSL,MUTUAL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL",
            "ssl.keystore.type": "PEM", "ssl.keystore.location": certificates.server,
            "listener.name.mutual.ssl.client.auth": "required",
            "ssl.truststore.type": "PEM", "ssl.truststore.location": certificates.authority,
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
            "listener.name.sasl_ssl.plain.sasl.jaas.config": PLAIN_USERS,
            "listener.name.sasl_plaintext.plain.sasl.jaas.config": PLAIN_USERS, **more})
        self.port = self.places["PLAINTEXT"]

    def client(self, listener, user=None, mechanism="PLAIN", password=None, **more):
        how = {"bootstrap.servers": f"127.0.0.1:{self.places[listener]}", "log_level": 0, "reconnect.backoff.max.ms": 100,
               "security.protocol": {"MUTUAL": "SSL"}.get(listener, listener), "socket.timeout.ms": 10000}
        if "PLAINTEXT" not in listener:
            how["ssl.ca.location"] = str(self.certificates.authority)
        if listener == "MUTUAL":
            how.update({"ssl.certificate.location": str(self.certificates.client_certificate),
                        "ssl.key.location": str(self.certificates.client_key)})
        if user:
            how.update({"sasl.mechanism": mechanism, "sasl.username": user, "sasl.password": password or f"{user}-secret"})
        return {**how, **more}


@pytest.fixture(scope="module")
def doors(run_folder, certificates):
    with Doors(run_folder / "doors", certificates, add_scram=["SCRAM-SHA-512=[name=admin,password=admin-secret]"]) as one:
        yield one


def there_and_back(how, topic, count=2000):
    """Writes and reads by one listener; a thousand bytes each, so that TLS has many records."""
    admin = AdminClient(how)
    made = admin.create_topics([NewTopic(topic, 1, 1)])
    try:
        made[topic].result(20)
    except KafkaException as error:
        assert error.args[0].name() == "TOPIC_ALREADY_EXISTS"
    producer = Producer({**how, "linger.ms": 5})
    failed = []
    for number in range(count):
        producer.produce(topic, b"%05d" % number + b"x" * 1000, on_delivery=lambda error, _: failed.append(error) if error else None)
    assert producer.flush(30) == 0 and not failed
    consumer = Consumer({**how, "group.id": topic, "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    got = []
    deadline = time.monotonic() + 30
    while len(got) < count and time.monotonic() < deadline:
        got += [message.value()[:5] for message in consumer.consume(1000, 1) if not message.error()]
    consumer.close()
    assert got == [b"%05d" % number for number in range(count)]


def refused(how):
    with pytest.raises(KafkaException):
        AdminClient(how).list_topics(timeout=3)


@pytest.mark.parametrize("listener,user,mechanism", [
    ("PLAINTEXT", None, None), ("SSL", None, None), ("MUTUAL", None, None), ("SASL_PLAINTEXT", "alice", "PLAIN"),
    ("SASL_SSL", "alice", "PLAIN"), ("SASL_SSL", "admin", "SCRAM-SHA-512"), ("SASL_PLAINTEXT", "admin", "SCRAM-SHA-512")])
def test_in_by_each_listener(doors, listener, user, mechanism):
    how = doors.client(listener, user, mechanism)
    there_and_back(how, f"by-{listener}-{mechanism}")
    told = AdminClient(how).list_topics(timeout=10).brokers
    assert {(node.host, node.port) for node in told.values()} == {("127.0.0.1", doors.places[listener])}


def test_who_is_not_let_in(doors):
    refused(doors.client("SASL_PLAINTEXT", "alice", password="wrong"))
    refused(doors.client("SASL_PLAINTEXT", "nobody"))
    refused(doors.client("SASL_SSL", "admin", "SCRAM-SHA-512", password="wrong"))
    refused(doors.client("SASL_SSL", "admin", "SCRAM-SHA-256"))             # has only the other
    refused(doors.client("MUTUAL", **{"ssl.certificate.location": "", "ssl.key.location": ""}))
    refused({**doors.client("PLAINTEXT"), "bootstrap.servers": f"127.0.0.1:{doors.places['SASL_PLAINTEXT']}"})
    said = "".join(doors.said)
    assert "secret" not in said and "wrong, " not in said


def test_scram_users_are_made_told_used_and_removed(doors):
    admin = AdminClient(doors.client("SASL_SSL", "admin", "SCRAM-SHA-512"))
    for mechanism, name in ((ScramMechanism.SCRAM_SHA_256, "SCRAM-SHA-256"), (ScramMechanism.SCRAM_SHA_512, "SCRAM-SHA-512")):
        made = admin.alter_user_scram_credentials([UserScramCredentialUpsertion(
            "car,l=a", ScramCredentialInfo(mechanism, 4096), b"carla-secret")])
        made["car,l=a"].result(20)
        there_and_back(doors.client("SASL_PLAINTEXT", "car,l=a", name, password="carla-secret"), f"scram-{name}", 10)
    told = admin.describe_user_scram_credentials(["car,l=a"])["car,l=a"].result(20)
    assert sorted((one.mechanism.name, one.iterations) for one in told.scram_credential_infos) == [
        ("SCRAM_SHA_256", 4096), ("SCRAM_SHA_512", 4096)]
    everybody = admin.describe_user_scram_credentials().result(20)
    assert set(everybody) == {"admin", "car,l=a"}
    with pytest.raises(KafkaException, match="Too few"):
        admin.alter_user_scram_credentials([UserScramCredentialUpsertion(
            "dora", ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 100), b"x")])["dora"].result(20)
    admin.alter_user_scram_credentials([UserScramCredentialDeletion("car,l=a", ScramMechanism.SCRAM_SHA_256)])["car,l=a"].result(20)
    refused(doors.client("SASL_PLAINTEXT", "car,l=a", "SCRAM-SHA-256", password="carla-secret"))
    with pytest.raises(KafkaException, match="does not exist"):
        admin.alter_user_scram_credentials([UserScramCredentialDeletion("erin", ScramMechanism.SCRAM_SHA_256)])["erin"].result(20)


def test_kafka_python(doors):
    how = {"bootstrap_servers": f"127.0.0.1:{doors.places['SASL_SSL']}", "security_protocol": "SASL_SSL",
           "ssl_cafile": str(doors.certificates.authority), "sasl_mechanism": "SCRAM-SHA-512",
           "sasl_plain_username": "admin", "sasl_plain_password": "admin-secret"}
    producer = KafkaProducer(**how)
    for number in range(100):
        producer.send("by-python", b"%d" % number)
    producer.flush(20)
    consumer = KafkaConsumer("by-python", auto_offset_reset="earliest", consumer_timeout_ms=20000, **how)
    got = [next(consumer).value for _ in range(100)]
    assert got == [b"%d" % number for number in range(100)]
    producer.close()
    consumer.close()


def frame(key, version, body, correlation=7):
    request = struct.pack(">hhih", key, version, correlation, -1) + body
    return struct.pack(">i", len(request)) + request


def text(value):
    return struct.pack(">h", len(value)) + value


def answer(client):
    size = b""
    while len(size) < 4:
        more = client.recv(4 - len(size))
        if not more:
            return None
        size += more
    left, out = struct.unpack(">i", size)[0], b""
    while len(out) < left:
        out += client.recv(left - len(out))
    return out


def test_what_may_be_said_before_a_login(doors):
    def connect():
        client = socket.create_connection(("127.0.0.1", doors.places["SASL_PLAINTEXT"]), timeout=20)
        return client

    with connect() as client:                                   # a request without a login: closed
        client.sendall(frame(3, 1, struct.pack(">i", -1)))
        assert client.recv(1) == b""
    with connect() as client:                                   # a frame that is too large for a login
        client.sendall(struct.pack(">i", 600000) + b"\0" * 100)
        assert client.recv(1) == b""
    with connect() as client:                                   # an unknown mechanism: told which there are, closed
        client.sendall(frame(17, 1, text(b"GSSAPI")))
        got = answer(client)
        assert struct.unpack(">h", got[4:6]) == (33,) and b"SCRAM-SHA-256" in got
        assert client.recv(1) == b""
    with connect() as client:                                   # SaslHandshake 0: bare tokens
        client.sendall(frame(17, 0, text(b"PLAIN")))
        assert answer(client)[4:6] == b"\0\0"
        token = b"\0alice\0alice-secret"
        client.sendall(struct.pack(">i", len(token)) + token)
        assert answer(client) == b""
        client.sendall(frame(3, 1, struct.pack(">i", -1)))
        assert answer(client)
    with connect() as client:                                   # a wrong password: told, then closed
        client.sendall(frame(17, 1, text(b"PLAIN")))
        answer(client)
        token = b"\0alice\0guess"
        client.sendall(frame(36, 1, struct.pack(">i", len(token)) + token))
        got = answer(client)
        assert struct.unpack(">h", got[4:6]) == (58,) and b"Invalid username or password" in got
        assert client.recv(1) == b""


def test_a_login_runs_out_and_is_renewed(run_folder, certificates):
    with Doors(run_folder / "doors-again", certificates, connections_max_reauth_ms=700) as doors:
        with socket.create_connection(("127.0.0.1", doors.places["SASL_PLAINTEXT"]), timeout=20) as client:
            def log_in(user, password):
                client.sendall(frame(17, 1, text(b"PLAIN")))
                assert answer(client)[4:6] == b"\0\0"
                token = b"\0" + user + b"\0" + password
                client.sendall(frame(36, 1, struct.pack(">i", len(token)) + token))
                return answer(client)

            got = log_in(b"alice", b"alice-secret")
            assert got[4:6] == b"\0\0" and 0 < struct.unpack(">q", got[-8:])[0] <= 700
            assert log_in(b"alice", b"alice-secret")[4:6] == b"\0\0"
            client.sendall(frame(3, 1, struct.pack(">i", -1)))
            assert answer(client)
            assert struct.unpack(">h", log_in(b"bob", b"b,o=b")[4:6]) == (58,)      # another user: no
            assert client.recv(1) == b""
        with socket.create_connection(("127.0.0.1", doors.places["SASL_PLAINTEXT"]), timeout=20) as client:
            log_in(b"alice", b"alice-secret")
            deadline = time.monotonic() + 20
            closed = False
            while not closed and time.monotonic() < deadline:
                client.sendall(frame(3, 1, struct.pack(">i", -1)))
                closed = answer(client) is None
            assert closed
        there_and_back(doors.client("SASL_PLAINTEXT", "alice"), "renewed", 3000)


class Stores:
    """The certificates once more, as stores; by openssl, and by keytool where Java wants its own marks in them."""

    def __init__(self, folder, certificates):
        self.folder, made = folder, certificates
        folder.mkdir(parents=True, exist_ok=True)
        self.server = self.pack("server", made.folder / "server.key", made.folder / "server.crt", made.authority)
        self.client = self.pack("client", made.client_key, made.client_certificate, made.authority)
        self.old = self.pack("old", made.client_key, made.client_certificate, made.authority, "-legacy")
        self.trust, self.jks = folder / "trust.p12", folder / "trust.jks"
        for kind, file in (("PKCS12", self.trust), ("JKS", self.jks)):
            run("keytool", "-importcert", "-noprompt", "-alias", "authority", "-file", made.authority, "-keystore", file,
                "-storetype", kind, "-storepass", "store-secret")

    def pack(self, name, key, certificate, authority, *more):
        file = self.folder / f"{name}.p12"
        run("openssl", "pkcs12", "-export", "-out", file, "-inkey", key, "-in", certificate, "-certfile", authority,
            "-passout", "pass:store-secret", *more)
        return file


def run(*words):
    subprocess.run([str(word) for word in words], check=True, capture_output=True, stdin=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def stores(run_folder, certificates):
    return Stores(run_folder / "stores", certificates)


def test_stores_in_pkcs12(run_folder, certificates, stores, interlock, properties):
    both = {"ssl.keystore.type": "PKCS12", "ssl.keystore.location": stores.server, "ssl.keystore.password": "store-secret",
            "ssl.truststore.type": "PKCS12", "ssl.truststore.location": stores.trust, "ssl.truststore.password": "store-secret"}
    with Doors(run_folder / "doors-stores", certificates, **both) as doors:
        there_and_back(doors.client("SSL"), "by-stores", 50)
        there_and_back(doors.client("MUTUAL"), "by-stores-of-both", 50)
        refused(doors.client("MUTUAL", **{"ssl.certificate.location": "", "ssl.key.location": ""}))
        # And our own client, with stores as the Java clients have them.
        own = {**both, "security.protocol": "SSL", "ssl.keystore.location": stores.client}
        address = f"127.0.0.1:{doors.places['MUTUAL']}"
        expect_open(interlock.parity(properties(address, own), doors, "by-stores-of-both", options=QUICK))
        for wrong, words in (({"ssl.keystore.password": "guess"}, "is its password right?"),
                             ({"ssl.keystore.location": stores.trust}, "no private key"),
                             ({"ssl.keystore.location": stores.old}, "make the store again"),
                             ({"ssl.truststore.location": stores.jks}, "of the type JKS"),
                             ({"ssl.truststore.type": "JKS"}, "keytool -importkeystore")):
            result = interlock.parity(properties(address, {**own, **wrong}), doors, "by-stores", options=QUICK)
            assert result.status == 78 and words in result.err and "guess" not in result.err + result.out, result
        said = "".join(doors.said)
    assert "store-secret" not in said
    for wrong, words in (({"ssl.keystore.password": "guess"}, "is its password right?"), ({"ssl.keystore.password": ""}, "password"),
                         ({"ssl.keystore.location": stores.trust}, "no private key"),
                         ({"ssl.keystore.location": stores.jks}, "of the type JKS"),
                         ({"ssl.keystore.location": "/nowhere.p12"}, "nowhere.p12"),
                         ({"ssl.truststore.password": "guess"}, "ssl.truststore.location")):
        with pytest.raises(RuntimeError, match="did not start") as told:
            Doors(run_folder / "doors-stores-wrong", certificates, **{**both, **wrong}).start()
        assert words in str(told.value) and "guess" not in str(told.value)


@pytest.mark.parametrize("wrong,words", [
    ({"ssl.keystore.type": "JKS"}, "keytool -importkeystore"),
    ({"ssl.keystore.type": "PKCS12"}, "not a PKCS#12 store"),
    ({"sasl.enabled.mechanisms": "GSSAPI"}, "not taken here"),
    ({"listeners": "ODD://127.0.0.1:0"}, "says nothing of the listener 'ODD'"),
    ({"listeners": "PLAINTEXT://127.0.0.1"}, "no usable port"),
    ({"ssl.truststore.location": "/nowhere.pem"}, "nowhere.pem"),
    ({"authorizer.class.name": "kafka.security.authorizer.AclAuthorizer"}, "ZooKeeper"),
    ({"authorizer.class.name": "org.example.Mine"}, "no other class can be loaded"),
    ({"authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer", "super.users": "root"}, "super.users"),
    ({"ssl.principal.mapping.rules": "RULE:^CN=(.*?),.*$/$1"}, "RULE:PATTERN/REPLACEMENT/"),
    ({"advertised.listeners": "OTHER://broker.example:9092"}, "OTHER"),
    ({"listener.name.sasl_ssl.plain.sasl.jaas.config": "what"}, "jaas.config")])
def test_properties_that_cannot_be(run_folder, certificates, wrong, words):
    broker = Doors(run_folder / "doors-wrong", certificates, **wrong)
    with pytest.raises(RuntimeError, match="did not start") as told:
        broker.start()
    assert words in str(told.value) and "alice-secret" not in str(told.value)
