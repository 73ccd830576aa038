"""A survey as a controller makes it: again and again, and with authority on the target, where everything is mirrored.

build/test/unit/exit_survey (test/exit/survey_main.c) makes it; it judges each look a second time from the bytes alone."""

import json
import os
import subprocess
import time

import pytest
import yaml
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource

from program import ENVIRONMENT, ROOT
from records import commit_group, create_topic, produce, record, stream, write_both

pytestmark = pytest.mark.real
PROGRAM = ROOT / "build" / "test" / "unit" / "exit_survey"


class Survey:
    """A program that looks when it is told to."""

    def __init__(self, plan, reference, looks, gates):
        self.process = subprocess.Popen([str(PROGRAM), str(plan), reference, str(looks), *gates], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        env={**os.environ, **ENVIRONMENT})
        self.asked = False

    def look(self):
        if self.asked:
            self.process.stdin.write("again\n")
            self.process.stdin.flush()
        self.asked = True
        line = self.process.stdout.readline()
        assert line, self.process.communicate(timeout=60)
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(60) == 0, self.process.stderr.read()
        self.process.stdout.close()
        self.process.stderr.close()


@pytest.fixture
def survey(tmp_path, topic, pair):
    made = []

    def start(reference, looks, *gates, topics=None, classes=None, **family):
        flag = tmp_path / "flag"
        flag.write_text("#!/bin/sh\necho target\n")
        flag.chmod(0o755)
        lever = {"flag": {"get": "exec ./flag", "set": "exec ./flag"}}
        plan = {"exit": "mirror", "source": pair.source.bootstrap, "target": pair.target.bootstrap,
                "classes": classes or {"asked": {"like": "rehearsal", "rollback": {"return": "required"}}},
                "families": [{"name": "orders", "class": "asked", "pattern": "dual-write", "topics": topics or [topic],
                              "groups": "none", "owners": {"decision": "lead@example.org"}, "levers": lever, **family}]}
        file = tmp_path / "exit.yaml"
        file.write_text(yaml.safe_dump(plan, sort_keys=False))
        made.append(Survey(file, reference, looks, gates))
        return made[-1]

    yield start
    for one in made:
        one.close()


def test_the_way_back_is_proved_by_the_mirrored_comparison(pair, topic, survey):
    write_both(*pair, topic, stream(400))
    looking = survey("target", 4)
    found = looking.look()
    assert found["verdict"] == found["now"] == "open" and found["target_only_records"] == 0, found
    # A record that only the source has is no danger for going back to the source; but the logs are not alike.
    produce(pair.source, topic, [record("k", b"source only", partition=0)])
    found = looking.look()
    assert found["gates"]["parity"] == "shut" and found["gates"]["rollback"] == "open", found
    # The sentence names the cluster that is meant, though the roles have changed places.
    assert "of the source" in found["reasons"]["parity"]["PARITY_PHANTOM"], found
    produce(pair.target, topic, [record("k", b"target only", partition=1), record("k", b"target too", partition=1)])
    found = looking.look()
    # The newest may be on their way; what others have overtaken is lost.
    assert found["gates"]["rollback"] == "unknown" and found["target_only_records"] == 2, found
    for cluster in pair:
        produce(cluster, topic, [record("k", b"both", partition=1)])
    found = looking.look()
    assert found["gates"]["rollback"] == "shut" and found["target_only_records"] == 2, found
    assert "of the target are not on the source" in found["reasons"]["rollback"]["BACK_LOST"], found
    assert "going back" in found["reasons"]["rollback"]["TARGET_ONLY"], found


def test_rollback_alone_compares_too(pair, topic, survey):
    write_both(*pair, topic, stream(100))
    produce(pair.target, topic, [record("k", b"target only", partition=1)])
    for cluster in pair:
        produce(cluster, topic, [record("k", b"both", partition=1)])
    found = survey("target", 1, "rollback").look()
    assert found["gates"] == {"rollback": "shut"} and found["target_only_records"] == 1, found


def test_renamed_topics_and_groups_mirrored(pair, topic, survey):
    for cluster, name in zip(pair, (topic, f"{topic}.v2")):
        create_topic(cluster, name, 4)
        produce(cluster, name, stream(200))
    group = f"{topic}-g"
    commit_group(pair.source, group, topic, {p: 0 for p in range(4)})
    commit_group(pair.target, group, f"{topic}.v2", {0: 10, 1: 10, 2: 10, 3: 10})
    for reference in ("source", "target"):
        found = survey(reference, 1, topics=[f"{topic}={topic}.v2"], groups=[group]).look()
        assert found["gates"]["parity"] == "open" and found["gates"]["progress"] == "open", json.dumps(found)


def test_the_context_counts_what_changes(pair, topic, survey):
    write_both(*pair, topic, stream(100))
    looking = survey("source", 3, "parity")
    first, second = looking.look(), looking.look()
    assert first["verdict"] == second["verdict"] == "open" and first["context"] == second["context"] == 1, second
    change = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[
        ConfigEntry("segment.ms", "3600000", incremental_operation=AlterConfigOpType.SET)])
    for future in pair.target.admin().incremental_alter_configs([change]).values():
        future.result(20)
    for _ in range(50):             # a broker learns of it a moment later
        time.sleep(0.1)
        if any(c.value == "3600000" for c in described(pair.target, topic)):
            break
    assert looking.look()["context"] == 2


def described(cluster, topic):
    future, = cluster.admin().describe_configs([ConfigResource(ConfigResource.Type.TOPIC, topic)]).values()
    return [entry for name, entry in future.result(20).items() if name == "segment.ms"]
