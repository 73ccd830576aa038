"""Our broker's quotas, limits of connections and configs that change while it runs, set with Kafka's own kafka-configs and felt by
librdkafka."""

import socket
import ssl
import struct
import subprocess
import time

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient, ConfigResource, ConfigSource, NewTopic

from broker import Broker
from java_tools import JavaTools
from kafka_cluster import ROOT, free_ports

SASL_AUTHENTICATION_FAILED = 58
PROBE = ROOT / "build" / "test" / "unit" / "lever_probe"


class Limited(Broker):
    """One broker that is open at one port, and asks who comes at two others."""

    def __init__(self, folder, certificates, **properties):
        open_port, self.login_port, self.mutual_port = free_ports(3)
        super().__init__(folder, "limited", add_scram=["SCRAM-SHA-256=[name=alice,password=alice-secret]",
                                                          "SCRAM-SHA-256=[name=bob,password=bob-secret]"], **{
            "listeners": f"PLAINTEXT://127.0.0.1:{open_port},SASL_PLAINTEXT://127.0.0.1:{self.login_port},"
                         f"SSL://127.0.0.1:{self.mutual_port}",
            "ssl.keystore.type": "PEM", "ssl.keystore.location": certificates.server, "ssl.client.auth": "required",
            "ssl.truststore.type": "PEM", "ssl.truststore.location": certificates.authority,
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256",
            "listener.name.sasl_plaintext.plain.sasl.jaas.config":
                'x.PlainLoginModule required user_carol="carol-secret" user_dave="dave-secret";', **properties})
        self.port = open_port

    def as_user(self, name, **more):
        return {"bootstrap.servers": f"127.0.0.1:{self.login_port}", "security.protocol": "SASL_PLAINTEXT",
                "sasl.mechanism": "SCRAM-SHA-256", "sasl.username": name, "sasl.password": f"{name}-secret", "log_level": 0,
                "reconnect.backoff.max.ms": 100, **more}


@pytest.fixture(scope="module")
def broker(run_folder, certificates):
    with Limited(run_folder / "limited", certificates) as one:
        yield one


@pytest.fixture(scope="module")
def tools(broker):
    with JavaTools(broker.bootstrap) as one:
        yield one


def create(broker, name):
    broker.admin().create_topics([NewTopic(name, 1, 1)])[name].result(20)


def alter(tools, *who, add=None, delete=None, status=0):
    words = [*(["--add-config", add] if add else []), *(["--delete-config", delete] if delete else [])]
    return tools.ask("configs", "--alter", *words, *who) if status is None else tools.run(
        "configs", "--alter", *words, *who, status=status)


def describe(tools, *who):
    return sorted(tools.run("configs", "--describe", *who).splitlines())


def user(name):
    return ["--entity-type", "users", *(["--entity-name", name] if name else ["--entity-default"])]


def client(name):
    return ["--entity-type", "clients", *(["--entity-name", name] if name else ["--entity-default"])]


def address(name):
    return ["--entity-type", "ips", *(["--entity-name", name] if name else ["--entity-default"])]


def test_quotas_are_set_told_and_kept(broker, tools):
    """The answers are those that Apache Kafka 4.3.1 gives to the same words."""
    alter(tools, *user("carol"), add="producer_byte_rate=1000000,consumer_byte_rate=2000000")
    alter(tools, *user("carol"), *client("c1"), add="request_percentage=200.5")
    alter(tools, *user("carol"), *client(None), add="controller_mutation_rate=50")
    alter(tools, *client("c2"), add="consumer_byte_rate=3000000")
    alter(tools, *user(None), add="request_percentage=1000")
    alter(tools, *address("127.0.0.1"), add="connection_creation_rate=1000")
    alter(tools, *address(None), add="connection_creation_rate=2000")

    def all_of_them():
        assert describe(tools, "--entity-type", "users") == [
            "Quota configs for the default user-principal are request_percentage=1000.0",
            "Quota configs for user-principal 'carol' are consumer_byte_rate=2000000.0, producer_byte_rate=1000000.0",
            "SCRAM credential configs for user-principal 'alice' are SCRAM-SHA-256=iterations=4096",
            "SCRAM credential configs for user-principal 'bob' are SCRAM-SHA-256=iterations=4096"]
        assert describe(tools, *user("carol"), "--entity-type", "clients") == [
            "Quota configs for user-principal 'carol', client-id 'c1' are request_percentage=200.5",
            "Quota configs for user-principal 'carol', the default client-id are controller_mutation_rate=50.0"]
        assert describe(tools, *client("c2")) == ["Quota configs for client-id 'c2' are consumer_byte_rate=3000000.0"]
        assert describe(tools, "--entity-type", "ips") == [
            "Quota configs for ip '127.0.0.1' are connection_creation_rate=1000.0",
            "Quota configs for the default ip are connection_creation_rate=2000.0"]

    all_of_them()
    broker.stop()
    broker.start()
    all_of_them()
    for wrong, why in (("producer_byte_rate=0", "Quota producer_byte_rate must be greater than 0"),
                       ("consumer_byte_rate=1.5", "consumer_byte_rate cannot be a fractional value."),
                       ("request_percentage=-1", "Quota request_percentage must be greater than 0")):
        status, _, err = alter(tools, *user("dave"), add=wrong, status=None)
        assert status == 1 and f"InvalidRequestException: {why}" in err, err
    alter(tools, *user("carol"), delete="producer_byte_rate,consumer_byte_rate")
    alter(tools, *user("carol"), *client("c1"), delete="request_percentage")
    alter(tools, *user("carol"), *client(None), delete="controller_mutation_rate")
    alter(tools, *client("c2"), delete="consumer_byte_rate")
    alter(tools, *user(None), delete="request_percentage")
    alter(tools, *address("127.0.0.1"), delete="connection_creation_rate")
    alter(tools, *address(None), delete="connection_creation_rate")
    assert describe(tools, "--entity-type", "users") == [
        "SCRAM credential configs for user-principal 'alice' are SCRAM-SHA-256=iterations=4096",
        "SCRAM credential configs for user-principal 'bob' are SCRAM-SHA-256=iterations=4096"]
    assert describe(tools, "--entity-type", "ips") == []


def test_users_are_made_and_removed_with_kafkas_tool(broker, tools):
    alter(tools, *user("erin"), add="SCRAM-SHA-256=[iterations=4100,password=erin-secret]")
    assert AdminClient(broker.as_user("erin")).list_topics(timeout=20).brokers
    assert describe(tools, *user("erin")) == [
        "SCRAM credential configs for user-principal 'erin' are SCRAM-SHA-256=iterations=4100"]
    alter(tools, *user("erin"), delete="SCRAM-SHA-256")
    told = []
    refused = Producer(broker.as_user("erin", error_cb=lambda error: told.append(error.code())))
    deadline = time.monotonic() + 30
    while KafkaError._AUTHENTICATION not in told:
        assert time.monotonic() < deadline, told
        refused.poll(0.05)


TOO_MUCH = 110000       # at once, for 10,000 bytes a second over ten seconds, however slow the machine is


def write(how, topic):
    """Writes one record; the throttle times that the client was told by then."""
    told = []
    producer = Producer({**how, "linger.ms": 0, "throttle_cb": lambda event: told.append(event.throttle_time)})
    producer.produce(topic, bytes(TOO_MUCH))
    assert producer.flush(60) == 0
    producer.poll(0.2)
    return told


def test_a_user_that_writes_too_fast_is_slowed_down(broker, tools, topic):
    create(broker, topic)
    alter(tools, *user("alice"), add="producer_byte_rate=10000")
    assert max(write(broker.as_user("alice"), topic), default=0) > 0
    assert write({"bootstrap.servers": broker.bootstrap, "log_level": 0}, topic) == []
    alter(tools, *user("alice"), delete="producer_byte_rate")


def test_a_client_that_reads_too_fast_is_slowed_down_and_loses_nothing(broker, tools, topic):
    create(broker, topic)
    write({"bootstrap.servers": broker.bootstrap, "log_level": 0}, topic)
    alter(tools, *client("slow"), add="consumer_byte_rate=10000")
    told = []
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": topic, "client.id": "slow", "log_level": 0,
                         "auto.offset.reset": "earliest", "throttle_cb": told.append})
    consumer.subscribe([topic])
    deadline = time.monotonic() + 60
    while not any(event.throttle_time for event in told):       # the answer was emptied
        assert time.monotonic() < deadline
        assert consumer.poll(0.1) is None
    alter(tools, *client("slow"), delete="consumer_byte_rate")
    message = consumer.poll(60)
    assert message is not None and not message.error() and len(message.value()) == TOO_MUCH
    consumer.close()


def probe(broker, *words):
    done = subprocess.run([PROBE, broker.bootstrap, *map(str, words)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done.stdout.splitlines()


def test_our_own_lever_sets_quotas_here(broker, topic):
    assert probe(broker, "quota-seen", topic, "producer_byte_rate")[0].endswith(" err 0 absent 0")
    assert probe(broker, "quota", topic, "producer_byte_rate", 12345) == ["set"]
    assert probe(broker, "quota-seen", topic, "producer_byte_rate")[0].endswith(" err 0 there 12345")
    words = ("quotas", f"{topic},{topic}-b", "producer_byte_rate", "1048576")
    assert probe(broker, *words, "observe") == [f'[["{topic}","12345"],["{topic}-b",null]]']
    assert probe(broker, "quota", topic, "producer_byte_rate") == ["set"]
    assert probe(broker, "quota-seen", topic, "producer_byte_rate")[0].endswith(" err 0 absent 0")


def served(line):
    line.settimeout(30)
    try:
        line.sendall(struct.pack(">ihhih", 10, 18, 0, 7, -1))       # ApiVersions, version 0
        return len(line.recv(4)) == 4
    except (ConnectionError, ssl.SSLError):
        return False


def entered(port):
    with socket.create_connection(("127.0.0.1", port), 10) as line:
        return served(line)


def test_who_connects_too_fast_is_held_and_sent_away(broker, tools):
    assert all(entered(broker.port) for _ in range(5))
    alter(tools, *address("127.0.0.1"), add="connection_creation_rate=1")
    # Ten windows of it may come at once, the tool among them; all of these wait to be taken in before one is asked.
    lines = [socket.create_connection(("127.0.0.1", broker.port), 10) for _ in range(40)]
    assert not all([served(line) for line in lines])
    for line in lines:
        line.close()
    broker.stop()                   # the rate is forgotten, the quota is not
    broker.start()
    assert entered(broker.port)
    alter(tools, *address("127.0.0.1"), delete="connection_creation_rate")
    assert all(entered(broker.port) for _ in range(20))


BROKERS = ["--entity-type", "brokers"]
ONE, ALL = [*BROKERS, "--entity-name", "1"], [*BROKERS, "--entity-default"]


def test_configs_of_the_broker_change_while_it_runs(broker, tools, topic):
    """The lines and the sentences are those that Apache Kafka 4.3.1 answers the same words with."""
    create(broker, topic)
    alter(tools, *ONE, add="log.retention.ms=12345,message.max.bytes=2000000")
    alter(tools, *ALL, add="log.retention.ms=54321,max.connections.per.ip=200")
    for_one = ["  log.retention.ms=12345 sensitive=false synonyms={DYNAMIC_BROKER_CONFIG:log.retention.ms=12345, "
               "DYNAMIC_DEFAULT_BROKER_CONFIG:log.retention.ms=54321, DEFAULT_CONFIG:log.retention.hours=168}",
               "  message.max.bytes=2000000 sensitive=false synonyms={DYNAMIC_BROKER_CONFIG:message.max.bytes=2000000, "
               "DEFAULT_CONFIG:message.max.bytes=1048588}", "Dynamic configs for broker 1 are:"]
    for_all = ["  log.retention.ms=54321 sensitive=false synonyms={DYNAMIC_DEFAULT_BROKER_CONFIG:log.retention.ms=54321}",
               "  max.connections.per.ip=200 sensitive=false synonyms={DYNAMIC_DEFAULT_BROKER_CONFIG:max.connections.per.ip=200}",
               "Default configs for brokers in the cluster are:"]
    for _ in range(2):
        assert describe(tools, *ONE) == for_one
        assert describe(tools, *ALL) == for_all
        of_topic = tools.run("configs", "--describe", "--entity-type", "topics", "--entity-name", topic, "--all")
        assert "retention.ms=12345 sensitive=false synonyms={DYNAMIC_BROKER_CONFIG:log.retention.ms=12345, " in of_topic
        assert writes(broker, topic, 1500000) is None           # more than by default
        broker.stop()
        broker.start()
    for wrong, why in (
            ("log.retention.hours=5", "Cannot update these configs dynamically: [log.retention.hours]"),
            ("node.id=4,num.partitions=5", "Cannot update these configs dynamically: [node.id, num.partitions]"),
            ("message.max.bytes=-3", "Invalid value -3 for configuration message.max.bytes: Value must be at least 0"),
            ("message.max.bytes=abc", "Invalid value abc for configuration message.max.bytes: Not a number of type INT"),
            ("compression.type=nonsense", "Invalid value nonsense for configuration compression.type: String must be one of: "
                                          "uncompressed, zstd, lz4, snappy, gzip, producer")):
        status, _, err = alter(tools, *ONE, add=wrong, status=None)
        assert status == 1 and f"InvalidRequestException: {why}" in err, err
    alter(tools, *ONE, delete="log.retention.ms,message.max.bytes")
    alter(tools, *ALL, delete="log.retention.ms,max.connections.per.ip")
    assert describe(tools, *ONE) == ["Dynamic configs for broker 1 are:"]
    assert writes(broker, topic, 1500000) == KafkaError.MSG_SIZE_TOO_LARGE


def test_the_older_way_to_alter_says_all_that_is_set(broker, tools):
    """AlterConfigs, as librdkafka sends it; what it does not name goes back."""
    admin, one = broker.admin(), ConfigResource(ConfigResource.Type.BROKER, "1")

    def say(**configs):
        for future in admin.alter_configs([ConfigResource(ConfigResource.Type.BROKER, "1", set_config=configs)]).values():
            future.result(20)

    def own():
        told = admin.describe_configs([one])[one].result(20)
        assert not told["log.retention.bytes"].is_read_only and told["log.retention.hours"].is_read_only
        return {name: entry.value for name, entry in told.items() if entry.source == ConfigSource.DYNAMIC_BROKER_CONFIG.value}

    say(**{"log.retention.bytes": "1000000", "compression.type": "zstd"})
    assert own() == {"log.retention.bytes": "1000000", "compression.type": "zstd"}
    say(**{"compression.type": "lz4"})
    assert own() == {"compression.type": "lz4"}
    with pytest.raises(KafkaException, match="Cannot update these configs dynamically"):
        say(**{"compression.type": "gzip", "num.partitions": "3"})
    assert own() == {"compression.type": "lz4"}
    say()
    assert own() == {}


def test_quotas_hold_at_each_node(run_folder, topic):
    """Of several nodes each counts for itself, as Kafka's brokers do; what is set at one holds at all."""
    with Broker(run_folder / topic, nodes=3) as three:
        probe(three, "quota", "ANONYMOUS", "producer_byte_rate", 10000)
        assert all(line.endswith(" there 10000") for line in probe(three, "quota-seen", "ANONYMOUS", "producer_byte_rate"))
        three.admin().create_topics([NewTopic(topic, 3, 1)])[topic].result(20)
        told = []
        producer = Producer({"bootstrap.servers": three.bootstrap, "throttle_cb": told.append, "log_level": 0})
        for partition in range(3):
            producer.produce(topic, bytes(60000), partition=partition)      # 180,000 in all, 60,000 for each
        assert producer.flush(60) == 0
        assert not [event for event in told if event.throttle_time]
        one = ConfigResource(ConfigResource.Type.BROKER, "2", set_config={"message.max.bytes": "5"})
        with pytest.raises(KafkaException, match="configs in common"):
            three.admin().alter_configs([one])[one].result(20)


def writes(broker, topic, size):
    """The code of the error of one record, or None."""
    told = []
    producer = Producer({"bootstrap.servers": broker.bootstrap, "message.max.bytes": 5000000, "log_level": 0})
    producer.produce(topic, bytes(size), callback=lambda error, _: told.append(error and error.code()))
    assert producer.flush(60) == 0
    return told[0]


def test_connections_are_limited_by_address(broker, tools):
    alter(tools, *ALL, add="max.connections.per.ip=0,max.connections.per.ip.overrides=[10.1.2.3:7,127.0.0.1:12]")
    lines = [socket.create_connection(("127.0.0.1", broker.port), 10) for _ in range(20)]
    taken = [served(line) for line in lines]
    assert any(taken) and taken.count(True) <= 12, taken
    for line in lines:
        line.close()
    broker.stop()                   # what those who left had is free at once
    broker.start()
    alter(tools, *ALL, delete="max.connections.per.ip,max.connections.per.ip.overrides")
    lines = [socket.create_connection(("127.0.0.1", broker.port), 10) for _ in range(20)]
    assert all(served(line) for line in lines)
    for line in lines:
        line.close()


def log_in(broker, name):
    """A connection and the code of the error of its login by PLAIN, by hand: clients open and close more of them than one sees."""
    line = socket.create_connection(("127.0.0.1", broker.login_port), 10)
    line.settimeout(30)

    def ask(key, version, body):
        line.sendall(struct.pack(">ihhih", 10 + len(body), key, version, 7, -1) + body)
        size, = struct.unpack(">i", line.recv(4, socket.MSG_WAITALL))
        return struct.unpack_from(">h", line.recv(size, socket.MSG_WAITALL), 4)[0]

    token = f"\0{name}\0{name}-secret".encode()
    assert ask(17, 1, struct.pack(">h", 5) + b"PLAIN") == 0
    return line, ask(36, 0, struct.pack(">i", len(token)) + token)


def test_connections_are_limited_by_user(broker, tools):
    alter(tools, *ALL, add="interlock.max.connections.per.principal=2")
    lines = [log_in(broker, name) for name in ("carol", "carol", "carol", "dave")]
    assert [error for _, error in lines] == [0, 0, SASL_AUTHENTICATION_FAILED, 0]
    for line, _ in lines:
        line.close()
    alter(tools, *ALL, delete="interlock.max.connections.per.principal")
    lines = [log_in(broker, "carol") for _ in range(5)]
    assert [error for _, error in lines] == [0] * 5
    for line, _ in lines:
        line.close()


def test_connections_are_limited_by_certificate(broker, tools, certificates):
    context = ssl.create_default_context(cafile=certificates.authority)
    context.load_cert_chain(certificates.client_certificate, certificates.client_key)

    def come():
        line = socket.create_connection(("127.0.0.1", broker.mutual_port), 10)
        return context.wrap_socket(line, server_hostname="localhost")

    alter(tools, *ALL, add="interlock.max.connections.per.principal=1")
    first, second = come(), come()
    assert [served(first), served(second)] == [True, False]
    first.close()
    second.close()
    deadline = time.monotonic() + 30
    while True:                     # once the broker has seen the first leave
        with come() as line:
            if served(line):
                break
        assert time.monotonic() < deadline
    alter(tools, *ALL, delete="interlock.max.connections.per.principal")


def test_connections_that_come_too_fast_wait(broker, tools):
    alter(tools, *ALL, add="max.connection.creation.rate=10")
    assert all(entered(broker.port) for _ in range(110))    # a hundred at once, and then one by one
    alter(tools, *ALL, delete="max.connection.creation.rate")
