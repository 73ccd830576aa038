"""Real Apache Kafka, from the jars that script/peers fetched: one process a node, on loopback, in a folder of its own.

    with KafkaCluster("3.9.1", folder) as source:
        source.bootstrap            "127.0.0.1:20117"
        source.kill(1)              SIGKILL; also pause, resume, stop, start a node

A node is broker and controller in one (KRaft, static quorum).  `secure=True` takes the open listener away, adds
listeners with SASL, TLS and mutual TLS, and an authoriser; then `internal` is the operator's own door.
`more_listeners={"NAME": "SASL_PLAINTEXT"}` adds doors that `overrides` explains to the broker.
"""

import base64
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import time
import uuid
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("INTERLOCK_CACHE", ROOT / ".cache"))

LISTENERS_OPEN = ["PLAIN"]
LISTENERS_SECURE = ["SASL", "TLS", "MTLS", "SASLTLS", "EXPIRED", "OAUTH"]
PROTOCOLS = {
    "PLAIN": "PLAINTEXT", "CONTROLLER": "PLAINTEXT", "INTERNAL": "PLAINTEXT", "SASL": "SASL_PLAINTEXT",
    "TLS": "SSL", "MTLS": "SSL", "EXPIRED": "SSL", "SASLTLS": "SASL_SSL", "OAUTH": "SASL_PLAINTEXT",
}
USERS = {"admin": "admin-secret", "alice": "alice-secret", "bob": "bob-secret"}


def free_ports(count):
    """Ports that nobody listens on, from below the range that the kernel hands out to outgoing connections."""
    ports = []
    while len(ports) < count:
        port = random.randrange(16000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in ports:
            ports.append(port)
    return ports


def short_uuid():
    """As Kafka makes its own: none begins with a dash, which its tools would take for an option."""
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return text


class Jars:
    """One version of Apache Kafka, as a class path and the options that its logging wants."""

    def __init__(self, version):
        self.version = version
        self.folder = CACHE / f"lib-{version}"
        if not self.folder.is_dir():
            raise FileNotFoundError(f"no Kafka {version} in {CACHE}: run script/peers jars {version}")
        self.archive = CACHE / "archives" / f"{version}.jsa"
        self.is_3 = version.startswith("3.")

    def command(self, *words, heap="256m", options=()):
        kind = "log4j" if self.is_3 else "log4j2"
        logging = ROOT / "test" / "peer" / f"{kind}.properties"
        key = "log4j.configuration" if self.is_3 else "log4j2.configurationFile"
        # Classes that are mapped instead of loaded, where there is an archive of them (archive.py).  That one does not fit is said
        # by the JVM, but not where a tool's answer is read.
        mapped = [f"-XX:SharedArchiveFile={self.archive}"] if self.archive.exists() else []
        return [
            "java", "-Xms32m", f"-Xmx{heap}", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
            "-Xlog:disable", "-Xlog:all=warning:stderr", *mapped, f"-D{key}=file:{logging}", *options, "-cp", f"{self.folder}/*", *words,
        ]

    def run(self, *words, timeout=90, **more):
        """A tool of Kafka's own, to its end; its standard output."""
        done = subprocess.run(self.command(*words, **more), capture_output=True, text=True, timeout=timeout,
                              stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise RuntimeError(f"{words[0]} failed ({done.returncode}):\n{done.stdout}{done.stderr}")
        return done.stdout


class Node:
    def __init__(self, cluster, index, ports):
        self.cluster, self.index, self.ports = cluster, index, ports
        self.folder = cluster.folder / str(index)
        self.data = self.folder / "data"
        self.log = self.folder / "log"
        self.process = None

    @property
    def pid(self):
        return self.process.pid

    def segments(self, topic, partition=0):
        """The files of a partition's log, oldest first.  Change them only while the node is down."""
        return sorted((self.data / f"{topic}-{partition}").glob("*.log"))


class KafkaCluster:
    def __init__(self, version, folder, nodes=1, secure=False, certificates=None, overrides=None, heap="384m",
                 name=None, java_options=(), tuned=False, more_listeners=None):
        self.version, self.secure, self.certificates = version, secure, certificates
        self.jars = Jars(version)
        self.folder = Path(folder)
        self.name = name or f"kafka-{version}"
        self.id = short_uuid()
        self._admin = None
        self.overrides = dict(overrides or {})
        self.heap, self.java_options, self.tuned = heap, list(java_options), tuned
        self.listeners = [*(LISTENERS_SECURE if secure else LISTENERS_OPEN), *(more_listeners or {})]
        self.protocols = {**PROTOCOLS, **(more_listeners or {})}
        names = ["CONTROLLER", "INTERNAL", *self.listeners]
        ports = free_ports(nodes * len(names))
        self.nodes = {
            index: Node(self, index, dict(zip(names, ports[(index - 1) * len(names):])))
            for index in range(1, nodes + 1)
        }

    # ---- where it is

    def addresses(self, listener, nodes=None):
        return ",".join(f"127.0.0.1:{self.nodes[index].ports[listener]}" for index in nodes or self.nodes)

    @property
    def what(self):
        return f"Apache Kafka {self.version}"

    @property
    def bootstrap(self):
        """Where a client without credentials connects."""
        return self.addresses("INTERNAL" if self.secure else "PLAIN")

    @property
    def internal(self):
        return self.addresses("INTERNAL")

    def admin(self):
        """One client for the cluster's life: its futures die with it."""
        if self._admin is None:
            self._admin = AdminClient({"bootstrap.servers": self.internal, "log_level": 0,
                                       "reconnect.backoff.max.ms": 200})
        return self._admin

    # ---- life

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_):
        self.close()

    def start(self):
        for node in self.nodes.values():
            self._configure(node)
        for node in self.nodes.values():
            self._launch(node)
        return self.wait()

    def _configure(self, node):
        count = len(self.nodes)
        replicas = min(count, 3)
        listeners = ["INTERNAL", *self.listeners]
        voters = ",".join(f"{n.index}@127.0.0.1:{n.ports['CONTROLLER']}" for n in self.nodes.values())
        settings = {
            "process.roles": "broker,controller",
            "node.id": node.index,
            "controller.quorum.voters": voters,
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "INTERNAL",
            "listeners": ",".join(f"{n}://127.0.0.1:{node.ports[n]}" for n in ["CONTROLLER", *listeners]),
            "advertised.listeners": ",".join(f"{n}://127.0.0.1:{node.ports[n]}" for n in listeners),
            "listener.security.protocol.map": ",".join(f"{k}:{v}" for k, v in self.protocols.items()),
            "log.dirs": node.data,
            "num.partitions": 4,
            "default.replication.factor": replicas,
            "min.insync.replicas": 1 if replicas < 3 else 2,
            "offsets.topic.replication.factor": replicas,
            "offsets.topic.num.partitions": 4,
            "transaction.state.log.replication.factor": replicas,
            "transaction.state.log.min.isr": 1 if replicas < 3 else 2,
            "transaction.state.log.num.partitions": 4,
            "group.initial.rebalance.delay.ms": 0,
            "num.network.threads": 2,
            "num.io.threads": 4,
            "background.threads": 2,
            "log.cleaner.dedupe.buffer.size": 8388608,
            "log.cleaner.backoff.ms": 200,
            # Records carry timestamps of years ago; what shall go, a test deletes.
            "log.retention.ms": -1,
            "log.retention.check.interval.ms": 1000,
            "message.max.bytes": 16777216,
            "replica.fetch.max.bytes": 16777216,
            # A node that was killed may come back once its old session is over: three seconds, not nine.
            "broker.session.timeout.ms": 3000,
            "broker.heartbeat.interval.ms": 500,
        }
        if not self.jars.is_3:
            settings.update({
                "share.coordinator.state.topic.replication.factor": replicas,
                "share.coordinator.state.topic.min.isr": 1 if replicas < 3 else 2,
                "share.coordinator.state.topic.num.partitions": 4,
            })
        if self.secure:
            settings.update(self._secure_settings())
        settings.update(self.overrides)
        node.folder.mkdir(parents=True, exist_ok=True)
        (node.folder / "server.properties").write_text("".join(f"{k}={v}\n" for k, v in settings.items()))
        if not (node.data / "meta.properties").exists():
            self._format(node)

    def _secure_settings(self):
        scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        plain = "org.apache.kafka.common.security.plain.PlainLoginModule required " + " ".join(
            f'user_{name}="{secret}"' for name, secret in USERS.items()) + ";"
        token = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required " \
            'unsecuredLoginStringClaim_sub="broker";'
        made = self.certificates
        settings = {
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            # Controllers and INTERNAL peers come in as ANONYMOUS; without them the quorum never forms.
            "super.users": "User:admin;User:ANONYMOUS",
            "allow.everyone.if.no.acl.found": "false",
            "connections.max.reauth.ms": 0,
        }
        for listener in ("sasl", "sasltls"):
            settings[f"listener.name.{listener}.sasl.enabled.mechanisms"] = "SCRAM-SHA-256,SCRAM-SHA-512,PLAIN"
            settings[f"listener.name.{listener}.scram-sha-256.sasl.jaas.config"] = scram
            settings[f"listener.name.{listener}.scram-sha-512.sasl.jaas.config"] = scram
            settings[f"listener.name.{listener}.plain.sasl.jaas.config"] = plain
        settings["listener.name.oauth.sasl.enabled.mechanisms"] = "OAUTHBEARER"
        settings["listener.name.oauth.oauthbearer.sasl.jaas.config"] = token
        for listener in ("tls", "mtls", "sasltls", "expired"):
            chain = made.expired if listener == "expired" else made.server
            settings.update({
                f"listener.name.{listener}.ssl.keystore.type": "PEM",
                f"listener.name.{listener}.ssl.keystore.location": chain,
                f"listener.name.{listener}.ssl.truststore.type": "PEM",
                f"listener.name.{listener}.ssl.truststore.location": made.authority,
                f"listener.name.{listener}.ssl.client.auth": "required" if listener == "mtls" else "none",
            })
        return settings

    def _format(self, node):
        """StorageTool is a JVM of two seconds; what it writes besides names is the same each time, so keep it."""
        kept = CACHE / "formatted" / f"{self.version}-{'secure' if self.secure else 'open'}.checkpoint"
        if not kept.exists():
            users = []
            if self.secure:
                for name, secret in USERS.items():
                    users += ["-S", f"SCRAM-SHA-256=[name={name},password={secret}]",
                              "-S", f"SCRAM-SHA-512=[name={name},password={secret}]"]
            self.jars.run("kafka.tools.StorageTool", "format", "-t", self.id,
                          "-c", str(node.folder / "server.properties"), *users)
            kept.parent.mkdir(parents=True, exist_ok=True)
            part = kept.with_suffix(f".{os.getpid()}")
            shutil.copyfile(node.data / "bootstrap.checkpoint", part)
            part.replace(kept)
            return
        node.data.mkdir(parents=True)
        shutil.copyfile(kept, node.data / "bootstrap.checkpoint")
        (node.data / "meta.properties").write_text(
            f"version=1\ncluster.id={self.id}\nnode.id={node.index}\ndirectory.id={short_uuid()}\n")

    def _launch(self, node):
        options = list(self.java_options)
        command = self.jars.command("kafka.Kafka", str(node.folder / "server.properties"), heap=self.heap,
                                    options=options)
        if self.tuned:  # benchmarks want the broker as an operator runs it: both compilers, and threads for them
            command = [word for word in command if word not in ("-XX:TieredStopAtLevel=1",)]
        with node.log.open("ab") as log:
            node.process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                            start_new_session=True)

    def wait(self, timeout=60, nodes=None):
        """Until so many brokers (all of them, if not said) are in the cluster's own view."""
        wanted = nodes or len(self.nodes)
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            for node in self.nodes.values():
                if node.process and node.process.poll() is not None:
                    raise RuntimeError(f"{self.name} node {node.index} ended:\n{self.tail(node)}")
            if self._listens() and len(self._brokers()) >= wanted:
                return self
            time.sleep(0.1)
        raise TimeoutError(f"{self.name} did not come up:\n" + "".join(self.tail(n) for n in self.nodes.values()))

    def _listens(self):
        for node in self.nodes.values():
            if node.process is None:
                continue
            try:
                socket.create_connection(("127.0.0.1", node.ports["INTERNAL"]), 1).close()
            except OSError:
                return False
        return True

    def _brokers(self):
        try:
            return self.admin().list_topics(timeout=2).brokers
        except KafkaException:
            return {}

    def tail(self, node, lines=40):
        if not node.log.exists():
            return ""
        return "\n".join(node.log.read_text(errors="replace").splitlines()[-lines:]) + "\n"

    def kill(self, index=1):
        """As a crash: nothing is flushed, nobody is told."""
        self._end(self.nodes[index], signal.SIGKILL)

    def stop(self, index=1, timeout=30):
        self._end(self.nodes[index], signal.SIGTERM, timeout)

    def start_node(self, index=1, wait=True):
        self._launch(self.nodes[index])
        return self.wait(nodes=sum(n.process is not None for n in self.nodes.values())) if wait else self

    def restart(self, index=1):
        self.stop(index)
        return self.start_node(index)

    def pause(self, index=1):
        os.kill(self.nodes[index].pid, signal.SIGSTOP)

    def resume(self, index=1):
        os.kill(self.nodes[index].pid, signal.SIGCONT)

    def _end(self, node, how, timeout=30):
        process, node.process = node.process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(how)
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def close(self):
        """The end of the cluster.  Nothing in it is worth a clean shutdown; its logs stay until the folder goes."""
        for node in self.nodes.values():
            self._end(node, signal.SIGKILL)
            shutil.rmtree(node.data, ignore_errors=True)

    # ---- what tests ask of it

    def tool(self, main, *words, **more):
        """One of Kafka's own tools against this cluster, through the operator's door."""
        return self.jars.run(main, "--bootstrap-server", self.internal, *words, **more)

    def peak_rss_kb(self, index=1):
        status = Path(f"/proc/{self.nodes[index].pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status).group(1))
