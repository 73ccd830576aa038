"""Kafka's own command line tools, in one JVM (test/peer/java/Tools.java) that each test asks in turn.

    tools.run("topics", "--create", "--topic", "orders")        what it printed; fails when the tool does
"""

import json
import queue
import subprocess
import threading

from kafka_cluster import CACHE, Jars

TOOLS = "org.apache.kafka.tools."
MAINS = {
    "topics": TOOLS + "TopicCommand", "configs": "kafka.admin.ConfigCommand",
    "consumer-groups": TOOLS + "consumer.group.ConsumerGroupCommand", "groups": TOOLS + "GroupsCommand",
    "console-producer": TOOLS + "ConsoleProducer", "console-consumer": TOOLS + "consumer.ConsoleConsumer",
    "get-offsets": TOOLS + "GetOffsetShell", "delete-records": TOOLS + "DeleteRecordsCommand",
    "log-dirs": TOOLS + "LogDirsCommand", "transactions": TOOLS + "TransactionsCommand",
    "broker-api-versions": TOOLS + "BrokerApiVersionsCommand", "cluster": TOOLS + "ClusterTool",
    "leader-election": TOOLS + "LeaderElectionCommand", "producer-perf-test": TOOLS + "ProducerPerformance",
    "consumer-perf-test": TOOLS + "ConsumerPerformance", "e2e-latency": TOOLS + "EndToEndLatency",
    "verifiable-producer": TOOLS + "VerifiableProducer", "verifiable-consumer": TOOLS + "VerifiableConsumer",
    "transactional-message-copier": TOOLS + "TransactionalMessageCopier",
    "client-compatibility-test": TOOLS + "ClientCompatibilityTest", "features": TOOLS + "FeatureCommand",
    "metadata-quorum": TOOLS + "MetadataQuorumCommand", "reassign-partitions": TOOLS + "reassign.ReassignPartitionsCommand",
    "client-metrics": TOOLS + "ClientMetricsCommand", "acls": TOOLS + "AclCommand",
}
FIRST = {"transactions", "features", "metadata-quorum"}  # these want the cluster before the command


class JavaTools:
    version = "4.3.1"

    def __init__(self, bootstrap):
        self.bootstrap = bootstrap
        command = Jars(self.version).command("Tools", heap="256m")
        command[command.index("-cp") + 1] += f":{CACHE}/java"
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                        text=True)
        self.answers = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.answers.put(line)
        self.answers.put("")

    def ask(self, tool, *words, text="", timeout=60, alone=False):
        """Status, standard output and standard error of one run; `alone`: the words name the cluster themselves."""
        where = [] if alone else ["--bootstrap-server", self.bootstrap]
        words = [*where, *words] if tool in FIRST else [*words, *where]
        asked = {"main": MAINS[tool], "words": [str(word) for word in words], "input": text}
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        line = self.answers.get(timeout=timeout)
        assert line, f"the JVM of the tools ended at {tool}"
        answer = json.loads(line)
        return answer["status"], answer["out"], answer["err"]

    def run(self, tool, *words, status=0, **how):
        got, out, err = self.ask(tool, *words, **how)
        assert got == status, (tool, words, got, out, err)
        return out

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
