"""A family on two clusters, under load: shops that write twice, groups that read, and somebody who moves authority.

    with Scene(folder, source, target, shops=[{"rate": 200}, {"transactional": True}], groups=["billing"]) as scene:
        mover = ByHand(scene, program)          or ByVerbs(scene, program): the same calls, made by Interlock
        mover.cross("target");  mover.cross("source")
        report = scene.end()                    everybody finishes; history.py reads it all
        assert not report.findings, report

`cross` gives what came of it: ARRIVED, RETURNED (authority is where it was, and writers write) or UNKNOWN.
"""

import contextlib
import json
import shutil
import time

import yaml
from confluent_kafka.admin import (AclBinding, AclBindingFilter, AclOperation, AclPermissionType, ResourcePatternType,
                                   ResourceType)

from apps import FleetApp, GroupApp, Refused, ShopApp
from diary import read_diary
from history import check, instance_of, read_log
from kafka_cluster import USERS
from records import create_topic, read_all

ARRIVED, RETURNED, UNKNOWN = "arrived", "returned", "unknown"
OTHER = {"source": "target", "target": "source"}
FAMILY = "orders"
OWNER = "lead@example.org"
USER = "alice"      # who the applications are where clusters ask


class Scene:
    """`logins`: side -> librdkafka settings for the applications, where the clusters ask who they are.
    `files`: side -> the property file by which Interlock connects."""

    def __init__(self, folder, source, target, shops=({},), groups=("billing",), topic=FAMILY, partitions=4,
                 logins=None, files=None, pattern="dual-write", **config):
        self.folder, self.clusters = folder, {"source": source, "target": target}
        self.topic, self.partitions, self.pattern = topic, partitions, pattern
        mirrored = {} if pattern == "dual-write" else {"mirror": False}
        folder.mkdir(parents=True, exist_ok=True)
        for cluster in self.clusters.values():
            create_topic(cluster, topic, partitions, **config)
            if logins:
                allow(cluster, topic)
        sides = logins or self.clusters
        names = [f"shop-{number}" for number in range(1, len(shops) + 1)]
        self.shops = [ShopApp(folder / name, name, sides["source"], sides["target"], [topic], partitions,
                              **mirrored, **how)
                      for name, how in zip(names, shops)]
        self.groups = [GroupApp(folder / name, f"{topic}.{name}", sides["source"], sides["target"], [topic])
                       for name in groups]
        self.flag = self.shops[0] if len(shops) == 1 else FleetApp(folder / "fleet", self.shops)
        self.files = files or {}
        for side, cluster in self.clusters.items():
            if side not in self.files:
                self.files[side] = folder / f"{side}.properties"
                self.files[side].write_text(f"bootstrap.servers={cluster.internal}\n")

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            for app in [*self.shops, *self.groups, *([self.flag] if self.flag not in self.shops else [])]:
                stack.enter_context(app)
            for group in self.groups:
                group.wait("running source")
            self.running = stack.pop_all()
        return self

    def __exit__(self, *_):
        self.running.close()

    # ---- what Interlock is told of it

    def plan(self, klass="rehearsal", limits=None, levers="http", **family):
        """exit.yaml.  `limits`: the settings of a class of its own; `family`: more keys of the family."""
        kinds = {self.flag.lever: self.flag.plan_lever(levers),
                 "groups": {group.config["group"]: group.plan_lever(levers) for group in self.groups}}
        if not kinds["groups"]:
            del kinds["groups"]
        fields = {
            "name": FAMILY, "class": klass, "pattern": self.pattern, "topics": [self.topic],
            "groups": [group.config["group"] for group in self.groups], "owners": {"decision": OWNER},
            "match": {"identity": "header:id"}, "levers": {**kinds, **family.pop("levers_more", {})}, **family}
        whole = {"exit": "crossing", "source": str(self.files["source"]), "target": str(self.files["target"]),
                 "state": "interlock.db", "families": [fields]}
        if limits is not None:
            whole["classes"] = {klass: limits}
        file = self.folder / "exit.yaml"
        file.write_text(yaml.safe_dump(whole, sort_keys=False))
        return file

    # ---- load

    def written(self):
        """How many events each shop has begun so far, of which as many have been acknowledged somewhere."""
        return [min(shop.count(b'{"e":"take"'), shop.count(b'{"e":"ok"')) for shop in self.shops]

    def load(self, count, timeout=60):
        """Until each shop has written its share of so many more: a crossing without load proves nothing."""
        share, deadline = count // len(self.shops), time.monotonic() + timeout
        wanted = [done + share for done in self.written()]
        while any(done < enough for done, enough in zip(self.written(), wanted)):
            if time.monotonic() > deadline:
                raise TimeoutError("the shops do not write:\n" + "\n".join(shop.tail() for shop in self.shops))
            time.sleep(0.05)

    # ---- the end

    def end(self, authority=None, load_min=1, timeout=60, reading=30):
        """Everybody finishes what is under way; groups read to the end; the checker's report."""
        authority = authority or self.flag.get()
        for shop in self.shops:
            shop.finish(timeout)
        logs = {side: read_log(cluster, [self.topic], read_all) for side, cluster in self.clusters.items()}
        whole = {entry.id for entries in logs[authority].values() for entry in entries}
        deadline = time.monotonic() + reading
        while any(whole - self.read_by(group) for group in self.groups) and time.monotonic() < deadline:
            time.sleep(0.2)
        for group in self.groups:
            if group.alive():
                group.finish(timeout)
        return check([instance_of(shop) for shop in self.shops], logs, authority, load_min=load_min,
                     reads=[read_diary(group.diary) for group in self.groups], read_to_end=True,
                     mirrored=self.pattern == "dual-write")

    @staticmethod
    def read_by(group):
        return {line["id"] for line in read_diary(group.diary) if line["e"] == "read"}

    def keep(self, folder):
        """What a failure is understood by: diaries and logs, without the clusters' data."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)


def logins(clusters, user=USER):
    """Logins of applications on clusters with an authoriser: what Scene wants as `logins`."""
    return {side: {"bootstrap.servers": cluster.addresses("SASL"), "security.protocol": "SASL_PLAINTEXT",
                   "sasl.mechanism": "SCRAM-SHA-256", "sasl.username": user, "sasl.password": USERS[user]}
            for side, cluster in clusters.items()}


def allow(cluster, topic, user=USER, transactional="shop-"):
    """What a shop and its groups need there, and nothing more."""
    resources = [(ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, "READ WRITE DESCRIBE"),
                 (ResourceType.GROUP, f"{topic}.", ResourcePatternType.PREFIXED, "READ"),
                 (ResourceType.GROUP, "looking", ResourcePatternType.LITERAL, "READ"),
                 (ResourceType.TRANSACTIONAL_ID, transactional, ResourcePatternType.PREFIXED, "WRITE DESCRIBE")]
    bindings = [AclBinding(kind, name, pattern, f"User:{user}", "*", AclOperation[operation], AclPermissionType.ALLOW)
                for kind, name, pattern, operations in resources for operation in operations.split()]
    for future in cluster.admin().create_acls(bindings).values():
        future.result(30)


def binding(cluster, kind, name, user, operation, permission="ALLOW", add=True):
    one = AclBinding(ResourceType[kind], name, ResourcePatternType.LITERAL, f"User:{user}", "*",
                     AclOperation[operation], AclPermissionType[permission])
    if add:
        for future in cluster.admin().create_acls([one]).values():
            future.result(30)
    return one


def deny(cluster, topic, user=USER):
    """Writes of that user to the topic are refused from now on, until `remove` is given what this gives."""
    return binding(cluster, "TOPIC", topic, user, "WRITE", "DENY")


def remove(cluster, one):
    only = AclBindingFilter(one.restype, one.name, one.resource_pattern_type, one.principal, one.host, one.operation,
                            one.permission_type)
    for future in cluster.admin().delete_acls([only]).values():
        future.result(30)


def may_move(cluster, topic, user="bob"):
    """What Interlock needs where ACLs are its fence, and nothing more (docs/guide.md)."""
    for operation in ("ALTER", "DESCRIBE", "DESCRIBE_CONFIGS"):
        binding(cluster, "BROKER", "kafka-cluster", user, operation)
    for operation in ("READ", "WRITE", "DESCRIBE", "DESCRIBE_CONFIGS"):
        binding(cluster, "TOPIC", topic, user, operation)
    for operation in ("CREATE", "WRITE", "DESCRIBE"):
        binding(cluster, "TOPIC", "__interlock", user, operation)
    for operation in ("READ", "DESCRIBE"):
        binding(cluster, "GROUP", f"{topic}.billing", user, operation)


class ByHand:
    """A stand-in for the controller: what a careful operator would do by hand with the applications' levers, and with
    `interlock offsets` for the groups.  It proves the applications; Interlock proves itself through ByVerbs."""

    def __init__(self, scene, program, deadline=10):
        self.scene, self.program, self.deadline, self.epoch = scene, program, deadline, 0

    def cross(self, to):
        origin, flag = OTHER[to], self.scene.flag
        try:
            self.epoch += 1
            self.insist(flag, "hold", self.epoch, self.deadline)
            self.wait_drained(self.epoch, self.deadline)
        except OSError:
            self.epoch += 1
            self.insist(flag, origin, self.epoch, 120)
            return RETURNED
        for group in self.scene.groups:
            self.move_group(group, origin, to)
        self.epoch += 1
        self.insist(flag, to, self.epoch, 120)
        return ARRIVED

    @staticmethod
    def insist(app, word, epoch, seconds):
        """A set that is not answered is asked again: it is idempotent."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                return app.set(word, epoch, timeout=3)
            except Refused:
                raise
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def wait_drained(self, epoch, seconds):
        deadline = time.monotonic() + seconds
        while True:
            with contextlib.suppress(OSError):
                if self.scene.flag.drained(epoch, timeout=3):
                    return
            if time.monotonic() > deadline:
                raise TimeoutError("not drained")
            time.sleep(0.002)

    def move_group(self, group, origin, to):
        """While nobody writes: under load the other side is always some records behind, and no position is final."""
        self.insist(group, "stop", None, 120)
        self.program.run(
            "offsets", "--source", self.scene.files[origin], "--target", self.scene.files[to], "--group",
            group.config["group"], "--topic", self.scene.topic, "--identity", "header:id", "--apply", "--yes", "--json",
            status=0)
        self.insist(group, f"start {to}", None, 120)


class ByVerbs:
    """Interlock itself: `promote` and `rollback`, once more when they were killed, until they say where it stands."""

    def __init__(self, scene, program, plan=None):
        self.scene, self.program = scene, program
        self.file = plan or scene.plan()
        self.process = None         # the verb that is under way: what faults.of_process hurts
        self.results = []

    def words(self, *verb):
        return [*verb, "--plan", str(self.file), "--as", OWNER, "--reason", "a test", "--yes", "--json"]

    def act(self, *verb, timeout=120, tries=20):
        """The verb, to its end; one that was killed is run again."""
        for _ in range(tries):
            began, words = time.monotonic(), self.words(*verb)
            self.process = self.program.start(*words, folder=self.scene.folder)
            try:
                result = self.program.finish(self.process, words, began, timeout, killed=True)
            finally:
                self.process = None
            self.results.append(result)
            if result.status >= 0:
                return result
        raise AssertionError(f"killed {tries} times: {' '.join(verb)}")

    def status(self):
        result = self.program.run("status", "--plan", str(self.file), "--json", folder=self.scene.folder, status=0)
        return next(one for one in result.json["families"] if one["family"] == FAMILY)

    def cross(self, to, timeout=120):
        result = self.act("promote" if to == "target" else "rollback", FAMILY, timeout=timeout)
        if result.status == 0:
            return ARRIVED
        if result.status != 1:
            return UNKNOWN
        stands = self.status()
        if stands["overlay"] is None and stands["verdict"] == "shut":
            self.act("hold", FAMILY)        # a failure sticks until an owner has looked at it and lets the family go on
            stands = self.status()
        if stands["overlay"] == "HELD":
            self.act("resume", FAMILY)
        return RETURNED

    def pauses_ms(self):
        """As Interlock measured them: from `hold` sent to the new word confirmed."""
        return [json.loads(one.out)["pause_ms"] for one in self.results if one.status == 0 and "pause_ms" in one.out]
