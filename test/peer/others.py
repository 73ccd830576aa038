"""Peers that are not Apache Kafka brokers: a cluster that speaks an old protocol, a schema registry, MirrorMaker 2,
the Java codec as a line server, and a web server that is no broker at all."""

import contextlib
import http.server
import json
import subprocess
import threading
from pathlib import Path

from confluent_kafka.admin import AdminClient

from kafka_cluster import CACHE, Jars


class OldCluster:
    """kfake: three brokers in one process that speak no more than Kafka 2.8 (or `speaks`) did."""

    version = "kfake"

    def __init__(self, brokers=3, speaks="2.8"):
        self.process = subprocess.Popen([CACHE / "bin" / "kfake", "-brokers", str(brokers), "-speaks", speaks],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.bootstrap = self.internal = self.process.stdout.readline().strip()
        self.nodes = dict(enumerate(self.bootstrap.split(","), 1))
        if not self.bootstrap:
            raise RuntimeError("kfake did not start")
        self._admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})

    def admin(self):
        return self._admin

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(10)


class Registry:
    """srfake: a schema registry with the usual REST interface."""

    def __init__(self):
        self.process = subprocess.Popen([CACHE / "bin" / "srfake"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        self.url = self.process.stdout.readline().strip()

    def register(self, subject, schema, kind="AVRO"):
        import urllib.request
        body = json.dumps({"schema": schema, "schemaType": kind}).encode()
        asked = urllib.request.Request(f"{self.url}/subjects/{subject}/versions", data=body,
                                       headers={"Content-Type": "application/vnd.schemaregistry.v1+json"})
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return json.load(answer)["id"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(10)


class MirrorMaker:
    """MirrorMaker 2 as the copier: every topic under its own name, group positions synced each second."""

    def __init__(self, source, target, folder, topics=".*", version="4.3.1", **settings):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        chosen = {
            "clusters": "source, target",
            "source.bootstrap.servers": source.bootstrap,
            "target.bootstrap.servers": target.bootstrap,
            "source->target.enabled": "true",
            "target->source.enabled": "false",
            "source->target.topics": topics,
            "source->target.groups": ".*",
            "source->target.sync.group.offsets.enabled": "true",
            "source->target.emit.checkpoints.interval.seconds": 1,
            "source->target.sync.group.offsets.interval.seconds": 1,
            "refresh.topics.interval.seconds": 2,
            "refresh.groups.interval.seconds": 2,
            "offset.lag.max": 0,
            "dedicated.mode.enable.internal.rest": "false",
            "replication.policy.class": "org.apache.kafka.connect.mirror.IdentityReplicationPolicy",
            "emit.heartbeats.enabled": "false",
            **{name: 1 for name in (
                "replication.factor", "checkpoints.topic.replication.factor", "heartbeats.topic.replication.factor",
                "offset-syncs.topic.replication.factor", "offset.storage.replication.factor",
                "status.storage.replication.factor", "config.storage.replication.factor")},
            **settings,
        }
        file = self.folder / "mirror.properties"
        file.write_text("".join(f"{key} = {value}\n" for key, value in chosen.items()))
        self.log = self.folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                Jars(version).command("org.apache.kafka.connect.mirror.MirrorMaker", str(file), "--clusters",
                                      "target", heap="384m"),
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class JavaCodec:
    """The Java client's own encoder and decoder (test/peer/java/Codec.java), asked line by line."""

    def __init__(self, version="4.3.1"):
        jars = Jars(version)
        self.process = subprocess.Popen(
            ["java", "-Xmx256m", "-XX:+UseSerialGC", "-cp", f"{CACHE}/java:{jars.folder}/*", "Codec"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def ask(self, **question):
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def decode(self, message, version, data):
        return self.ask(message=message, version=version, hex=data.hex())

    def encode(self, message, version, fields):
        answer = self.ask(message=message, version=version, json=fields)
        if "error" in answer:
            raise ValueError(answer["error"])
        return bytes.fromhex(answer["hex"])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(20)


@contextlib.contextmanager
def web_server():
    """What stands at many a wrong port: a web server.  Gives its address."""

    class Quiet(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
