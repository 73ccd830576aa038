"""Interlock's own broker, as a cluster that tests can write to, kill and start again.

    with Broker(folder) as broker:
        broker.bootstrap            "127.0.0.1:20117", the same after each start
        broker.kill()               SIGKILL; then broker.start()
            broker.stop()               SIGTERM, and it must end well

    Broker(folder, nodes=3)         three virtual nodes: broker.ports
"""

import re
import signal
import threading

from confluent_kafka.admin import AdminClient

from kafka_cluster import USERS, free_ports
from program import Program

SANITIZER = re.compile(r"Sanitizer|runtime error|Assertion")


class Broker:
    what = "Interlock's broker"

    def __init__(self, folder, name="interlock", binary=None, data=None, nodes=1, add_scram=(), **properties):
        self.folder, self.name, self.program = folder, name, Program(binary)
        self.data = data or folder / "data"
        self.properties = {"group.initial.rebalance.delay.ms": 0, **{k if "." in k else k.replace("_", "."): v
                                                                      for k, v in properties.items()}}
        self.port, self.count = free_ports(1)[0], nodes
        self.add_scram = add_scram
        self.process, self._admin, self.said = None, None, []
        self.nodes = {1: self}

    @property
    def bootstrap(self):
        return f"127.0.0.1:{self.port}"

    internal = bootstrap        # there is one listener

    def admin(self):
        if self._admin is None:
            self._admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0, "reconnect.backoff.max.ms": 100})
        return self._admin

    def start(self):
        words = []
        for key, value in self.properties.items():
            words += ["--set", f"{key}={value}"]
        for user in self.add_scram:
            words += ["--add-scram", user]
        if self.count > 1:      # their ports follow each other, and all must be free: each start picks others
            words += ["--nodes", str(self.count)]
            self.port, self._admin = 0, None
        if "listeners" not in self.properties:
            words += ["--listen", self.bootstrap]
        self.process = self.program.start("broker", "--data", self.data, *words)
        line = self.process.stdout.readline()
        if not line.startswith("listening on"):
            out, err = self.process.communicate(timeout=20)
            raise RuntimeError(f"the broker did not start: {line}{out}\n{err}")
        self.ports = [int(port) for port in re.findall(r"127\.0\.0\.1:(\d+)", line)]
        self.port = self.ports[0]
        reader = threading.Thread(target=self._read, args=(self.process.stderr,), daemon=True)
        reader.start()
        return self

    def _read(self, stream):
        for line in stream:
            self.said.append(line)

    # A cluster of one node for whoever does accidents to nodes: they are told which.
    def kill(self, _index=1):
        self.process.kill()
        self.process.wait(timeout=20)

    def start_node(self, _index=1):
        return self.start()

    def pause(self, _index=1):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self, _index=1):
        self.process.send_signal(signal.SIGCONT)

    def stop(self):
        self.process.terminate()
        status = self.process.wait(timeout=30)
        assert status == 0, (status, "".join(self.said))

    def __enter__(self):
        return self.start()

    def __exit__(self, *exception):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=30)
            except Exception:  # noqa: BLE001
                self.process.kill()
                self.process.wait()
        assert not SANITIZER.search("".join(self.said)), "".join(self.said)


class GuardedBroker(Broker):
    """As KafkaCluster(..., secure=True): INTERNAL lets everybody in as a super user, SASL asks for one of USERS."""

    def __init__(self, folder, name="guarded", **properties):
        self.ports_of = dict(zip(("INTERNAL", "SASL"), free_ports(2)))
        super().__init__(folder, name, add_scram=[f"SCRAM-SHA-256=[name={user},password={secret}]" for user, secret in USERS.items()], **{
            "listeners": ",".join(f"{listener}://127.0.0.1:{port}" for listener, port in self.ports_of.items()),
            "listener.security.protocol.map": "INTERNAL:PLAINTEXT,SASL:SASL_PLAINTEXT", "sasl.enabled.mechanisms": "SCRAM-SHA-256",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:admin;User:ANONYMOUS", "offsets.topic.num.partitions": 4,
            "transaction.state.log.num.partitions": 4, "num.partitions": 4, **properties})

    def start(self):
        super().start()
        self.ports = self.ports_of          # the node's, by listener, as a node of KafkaCluster has them
        self.port = self.ports_of["INTERNAL"]
        return self

    def addresses(self, listener, nodes=None):
        return f"127.0.0.1:{self.ports_of[listener]}"
