"""Real clusters for tests.  Two single nodes of different versions live as long as the run; each test has topics of
its own name on them.  A test that hurts its brokers asks `new_cluster` for its own."""

import os
import re
from typing import NamedTuple

import pytest

from broker import Broker
from certificates import Certificates
from crossing import Scene
from kafka_cluster import KafkaCluster, USERS
from others import MirrorMaker, OldCluster, Registry
from program import Program


def own_name(request, length=150):
    """A name that is this test's own, and this attempt's: what a failed attempt left behind must not answer the next."""
    attempt = getattr(request.node, "execution_count", 1)
    name = re.sub(r"[^a-zA-Z0-9._-]+", "-", request.node.name).strip("-")[:length]
    return name if attempt == 1 else f"{name}-again-{attempt}"


class Pair(NamedTuple):
    source: KafkaCluster
    target: KafkaCluster


@pytest.fixture(scope="session")
def source(run_folder):
    """The shared source: one node of 3.9.1."""
    with KafkaCluster("3.9.1", run_folder / "source", name="source") as cluster:
        yield cluster


@pytest.fixture(scope="session")
def target(run_folder):
    """The shared target: one node of 4.3.1."""
    with KafkaCluster("4.3.1", run_folder / "target", name="target") as cluster:
        yield cluster


@pytest.fixture(scope="module")
def own_broker(run_folder, request):
    """Interlock's own broker for other people's clients; CLIENTS_ON=kafka puts Apache Kafka 4.3.1 in its place."""
    if os.environ.get("CLIENTS_ON") == "kafka":
        yield request.getfixturevalue("target")
        return
    with Broker(run_folder / request.module.__name__) as broker:
        yield broker


@pytest.fixture(scope="session")
def pair(source, target):
    return Pair(source, target)


@pytest.fixture
def own_pair(run_folder, topic):
    """Two of Interlock's own brokers, there in milliseconds: for plays in which it does not matter whose the clusters are."""
    with Broker(run_folder / f"{topic}-source", name="source") as one, \
            Broker(run_folder / f"{topic}-target", name="target") as other:
        yield Pair(one, other)


@pytest.fixture(scope="session")
def three_nodes(run_folder):
    """Three nodes of 4.3.1 that nobody may hurt."""
    with KafkaCluster("4.3.1", run_folder / "three", nodes=3, name="three") as cluster:
        yield cluster


@pytest.fixture(scope="session")
def certificates(run_folder):
    return Certificates(run_folder / "certificates")


@pytest.fixture(scope="session")
def secure(run_folder, certificates):
    """One node of 4.0.0 with SASL, TLS, mutual TLS and an authoriser."""
    with KafkaCluster("4.0.0", run_folder / "secure", secure=True, certificates=certificates, name="secure") as cluster:
        yield cluster


@pytest.fixture
def new_cluster(run_folder, request):
    """A function: new_cluster("4.3.1", nodes=3, ...) is a cluster for this test alone, which it may hurt."""
    made = []

    def new(version="4.3.1", **how):
        folder = run_folder / own_name(request, 60) / str(len(made))
        cluster = KafkaCluster(version, folder, **how)
        made.append(cluster)
        return cluster.start()

    yield new
    for cluster in made:
        cluster.close()


@pytest.fixture
def topic(request):
    """A topic name that is this test's own."""
    return own_name(request)


@pytest.fixture
def scene(run_folder, topic):
    """A function: a family under load, until the test is over."""
    begun = []

    def begin(source, target, **how):
        begun.append(Scene(run_folder / topic, source, target, topic=topic, **how).__enter__())
        return begun[-1]

    yield begin
    for one in begun:
        one.__exit__()


@pytest.fixture(scope="session")
def old_cluster():
    """kfake, three brokers, the protocol of 2.8."""
    with OldCluster() as cluster:
        yield cluster


@pytest.fixture
def mirror(run_folder, request):
    """A function: mirror(source, target, topics="orders") is MirrorMaker 2, running until the test is over."""
    made = []

    def start(source, target, **how):
        folder = run_folder / f"{own_name(request, 60)}-mirror-{len(made)}"
        made.append(MirrorMaker(source, target, folder, **how))
        return made[-1]

    yield start
    for one in made:
        one.__exit__()


@pytest.fixture
def registry():
    """A function: each call is a schema registry of its own."""
    made = []

    def start():
        made.append(Registry())
        return made[-1]

    yield start
    for one in made:
        one.__exit__()


@pytest.fixture(scope="session")
def interlock():
    """The program under test: the sanitizer build, or what $INTERLOCK names."""
    program = Program()
    if not program.exists():
        pytest.fail(f"{program.binary} is not built: run make")
    return program


@pytest.fixture
def properties(tmp_path):
    """A function: properties(bootstrap, {"security.protocol": ...}) is the path of a property file."""
    made = []

    def write(bootstrap, more=None):
        file = tmp_path / f"cluster-{len(made)}.properties"
        lines = {"bootstrap.servers": bootstrap, **(more or {})}
        file.write_text("".join(f"{key}={value}\n" for key, value in lines.items()))
        file.chmod(0o600)
        made.append(file)
        return file

    return write


@pytest.fixture
def login(properties):
    """A function: login(cluster, "SASL", "alice") is a property file that logs in there, at all its nodes or some, with SCRAM-SHA-256."""

    def write(cluster, listener="SASL", user="alice", mechanism="SCRAM-SHA-256", secret=None, nodes=None, **more):
        settings = {}
        if listener.startswith("SASL"):
            settings = {
                "security.protocol": "SASL_SSL" if listener == "SASLTLS" else "SASL_PLAINTEXT",
                "sasl.mechanism": mechanism, "sasl.username": user,
                "sasl.password": USERS[user] if secret is None else secret,
            }
        else:
            settings = {"security.protocol": "SSL"}
        if listener != "SASL":
            settings["ssl.ca.location"] = str(cluster.certificates.authority)
        if listener == "MTLS":
            settings["ssl.certificate.location"] = str(cluster.certificates.client_certificate)
            settings["ssl.key.location"] = str(cluster.certificates.client_key)
        settings.update({key.replace("_", "."): value for key, value in more.items()})
        return properties(cluster.addresses(listener, nodes), settings)

    return write
