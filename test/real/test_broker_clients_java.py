"""Interlock's own broker under the Java client: Kafka's own tools and system test programs, unmodified.

CLIENTS_ON=kafka runs the same tests on Apache Kafka 4.3.1: what passes there passes here."""

import json
import re

import pytest

from java_tools import MAINS, JavaTools
from kafka_cluster import Jars


@pytest.fixture(scope="module")
def tools(own_broker):
    with JavaTools(own_broker.bootstrap) as one:
        yield one


def told(text, name):
    """The events of that name among the lines of a verifiable program."""
    events = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return [event for event in events if event.get("name") == name]


def test_topics_and_configs(tools, topic):
    assert f"Created topic {topic}." in tools.run("topics", "--create", "--topic", topic, "--partitions", 3, "--config",
                                                  "retention.ms=86400000")
    assert "already exists" in "".join(map(str, tools.ask("topics", "--create", "--topic", topic)))
    tools.run("topics", "--alter", "--topic", topic, "--partitions", 4)
    shown = tools.run("topics", "--describe", "--topic", topic)
    assert "PartitionCount: 4" in shown and "retention.ms=86400000" in shown and shown.count("Leader: ") == 4
    entity = ["--entity-type", "topics", "--entity-name", topic]
    tools.run("configs", "--alter", *entity, "--add-config", "max.message.bytes=200000,cleanup.policy=[compact,delete]")
    changed = tools.run("configs", "--describe", *entity)
    assert "cleanup.policy=compact,delete" in changed and "DYNAMIC_TOPIC_CONFIG:max.message.bytes=200000" in changed
    assert tools.ask("configs", "--alter", *entity, "--add-config", "max.message.bytes=-7")[0] == 1
    tools.run("configs", "--alter", *entity, "--delete-config", "cleanup.policy")
    assert "cleanup.policy=delete sensitive=false" in tools.run("configs", "--describe", "--all", *entity)
    tools.run("topics", "--delete", "--topic", topic)
    assert topic not in tools.run("topics", "--list").splitlines()


def test_console_and_groups(tools, topic, tmp_path):
    tools.run("topics", "--create", "--topic", topic, "--partitions", 2)
    tools.run("console-producer", "--topic", topic, "--reader-property", "parse.key=true", "--reader-property",
              "key.separator=:", text="".join(f"k{i % 7}:v{i}\n" for i in range(100)))
    out = tools.run("console-consumer", "--topic", topic, "--group", topic, "--from-beginning", "--max-messages", 100,
                    "--timeout-ms", 30000, "--formatter-property", "print.key=true")
    assert sorted(out.split("\n")[:-1]) == sorted(f"k{i % 7}\tv{i}" for i in range(100))
    for key in range(7):  # the order of each key
        assert re.findall(rf"k{key}\tv(\d+)", out) == [str(i) for i in range(100) if i % 7 == key]
    assert topic in tools.run("consumer-groups", "--list").split()
    assert topic in tools.run("groups", "--list")
    group = ["--group", topic]
    rows = [line.split() for line in tools.run("consumer-groups", "--describe", *group).splitlines() if topic in line]
    assert len(rows) == 2 and all(row[3] == row[4] and row[5] == "0" for row in rows)
    assert "Empty" in tools.run("consumer-groups", "--describe", "--state", *group)
    moved = tools.run("consumer-groups", "--reset-offsets", "--topic", topic, "--to-offset", 3, "--execute", *group)
    assert len(re.findall(rf"{topic}\s+\d\s+3\b", moved)) == 2
    assert moved != tools.run("consumer-groups", "--reset-offsets", "--all-topics", "--to-latest", "--dry-run", *group)
    ends = dict(line.split(":")[1:] for line in tools.run("get-offsets", "--topic", topic).split())
    assert sum(map(int, ends.values())) == 100
    file = tmp_path / "records.json"
    file.write_text(json.dumps({"version": 1, "partitions": [{"topic": topic, "partition": 1, "offset": 5}]}))
    assert "low_watermark: 5" in tools.run("delete-records", "--offset-json-file", file)
    assert f"{topic}:1:5" in tools.run("get-offsets", "--topic", topic, "--time", "earliest").split()
    tools.run("consumer-groups", "--delete-offsets", "--topic", topic, *group)
    tools.run("consumer-groups", "--delete", *group)
    assert topic not in tools.run("consumer-groups", "--list").split()


def test_what_the_cluster_says_of_itself(tools, topic):
    tools.run("topics", "--create", "--topic", topic, "--partitions", 1)
    tools.run("console-producer", "--topic", topic, text="a\n")
    assert "(id: 1 rack: null isFenced: false)" in tools.run("broker-api-versions")
    assert re.search(r"Cluster ID: [\w-]{22}\b", tools.run("cluster", "cluster-id"))
    assert re.search(r"127\.0\.0\.1\s+\d+\s+null\s+unfenced\s+broker", tools.run("cluster", "list-endpoints"))
    assert re.search(f'"partition":"{topic}-0","size":[1-9]', tools.run("log-dirs", "--describe", "--topic-list", topic))
    assert "ProducerEpoch" in tools.run("transactions", "describe-producers", "--topic", topic, "--partition", 0)
    assert "auto.create.topics.enable" in tools.run("configs", "--describe", "--all", "--entity-type", "brokers",
                                                    "--entity-name", 1)
    assert "No Authorizer is configured" in "".join(map(str, tools.ask("acls", "--list")))


def test_performance_tools(tools, topic):
    tools.run("topics", "--create", "--topic", topic, "--partitions", 3)
    assert "5000 records sent" in tools.run("producer-perf-test", "--topic", topic, "--num-records", 5000, "--record-size",
                                            200, "--throughput", -1, "--command-property", "compression.type=lz4")
    assert "2000 records sent" in tools.run("producer-perf-test", "--topic", topic, "--num-records", 2000, "--record-size",
                                            200, "--throughput", -1, "--transactional-id", topic,
                                            "--transaction-duration-ms", 50)
    read = tools.run("consumer-perf-test", "--topic", topic, "--num-records", 7000)
    assert re.search(r", 7000, ", read), read
    assert "Avg latency" in tools.run("e2e-latency", "--topic", f"{topic}-e2e", "--num-records", 30, "--producer-acks",
                                      "all", "--record-size", 100)


def test_a_transactional_copier_that_aborts_at_random(own_broker, tools, topic):
    """Kafka's own system test of exactly once: read, write and commit the position, or abort and do it again."""
    for name in (f"{topic}-in", f"{topic}-out"):
        tools.run("topics", "--create", "--topic", name, "--partitions", 1)
    tools.run("console-producer", "--topic", f"{topic}-in", text="".join(f"{i}\n" for i in range(1000)))
    out = tools.run("transactional-message-copier", "--transactional-id", topic, "--input-topic", f"{topic}-in",
                    "--input-partition", 0, "--output-topic", f"{topic}-out", "--broker-list", own_broker.bootstrap,
                    "--max-messages", 1000, "--transaction-size", 50, "--consumer-group", topic, "--enable-random-aborts",
                    alone=True)
    assert '"remaining":0' in out.replace(" ", "").splitlines()[-1], out
    copied = tools.run("console-consumer", "--topic", f"{topic}-out", "--from-beginning", "--isolation-level",
                       "read_committed", "--max-messages", 1000, "--timeout-ms", 30000)
    assert copied.split() == [str(i) for i in range(1000)]
    assert re.search(rf"{topic}\s+1\s+\d+\s+Complete(Commit|Abort)", tools.run("transactions", "list"))


def test_verifiable_producer_and_consumer(tools, topic):
    tools.run("topics", "--create", "--topic", topic, "--partitions", 3)
    out = Jars(tools.version).run(MAINS["verifiable-producer"], "--bootstrap-server", tools.bootstrap, "--topic", topic,
                                  "--max-messages", "2000", "--acks", "-1")  # its last work is for the end of its JVM
    sent = {(e["partition"], e["offset"]): e["value"] for e in told(out, "producer_send_success")}
    assert len(sent) == 2000 and not told(out, "producer_send_error")
    assert told(out, "tool_data")[0]["acked"] == 2000
    out = tools.run("verifiable-consumer", "--topic", topic, "--group-id", topic, "--max-messages", 2000, "--verbose",
                    "--reset-policy", "earliest", "--assignment-strategy",
                    "org.apache.kafka.clients.consumer.CooperativeStickyAssignor")
    read = {(e["partition"], e["offset"]): e["value"] for e in told(out, "record_data")}
    assert read == sent
    committed = told(out, "offsets_committed")
    assert committed and all(e["success"] for e in committed)


def test_client_compatibility(tools, topic):
    """The system test that a client of one version makes of a broker of another: everything is supported."""
    tools.run("topics", "--create", "--topic", topic, "--partitions", 1)
    supported = ["offsets-for-times", "cluster-id", "create-topics", "describe-acls", "describe-configs",
                 "idempotent-producer"]
    words = [word for name in supported for word in (f"--{name}-supported", "True")]
    tools.run("client-compatibility-test", "--topic", topic, "--num-cluster-nodes", 1,
              "--expect-record-too-large-exception", "False", *words)
