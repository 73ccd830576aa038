"""The applications of a family as processes that a test starts, asks, kills and pauses, each by its own id.

    with ShopApp(folder, "shop-1", source, target, ["orders"], rate=300, transactional=True) as shop:
        shop.set("hold", epoch=1);  shop.drained(epoch=1);  shop.set("target", epoch=2)
        shop.kill();  shop.start()
        shop.plan_lever()           the mapping for `levers: { flag: ... }` of a plan
        shop.finish()               ends it in order: what is under way is finished
        shop.diary                  the file that history.py reads
"""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from kafka_cluster import free_ports
from shop_app import DEFAULTS

HERE = Path(__file__).resolve().parent
LEVER = HERE / "lever"


class Refused(Exception):
    """409: a newer epoch was seen."""


class App:
    """One process, `program` over a folder of its own, with a door on loopback."""

    program, lever = None, None

    def __init__(self, folder, **config):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port, = free_ports(1)
        self.config = {"port": self.port, **config}
        (self.folder / "config.json").write_text(json.dumps(self.config))
        self.process, self.counted = None, {}

    diary = property(lambda self: self.folder / "diary")
    pid = property(lambda self: self.process.pid)
    url = property(lambda self: f"http://127.0.0.1:{self.port}/{self.lever}")

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.kill()

    # ---- life

    def start(self, wait=20):
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen([sys.executable, str(HERE / self.program), str(self.folder)], stdout=log,
                                            stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
        deadline = time.monotonic() + wait
        while wait:
            try:
                self.get()
                return self
            except OSError as silent:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{self.program} does not answer ({silent}):\n{self.tail()}") from silent
                time.sleep(0.05)
        return self

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        if self.alive():
            self.process.kill()
            self.process.wait()

    def pause(self):
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self):
        os.kill(self.pid, signal.SIGCONT)

    def finish(self, timeout=60):
        self.process.terminate()
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired as late:
            self.process.send_signal(signal.SIGUSR1)
            time.sleep(0.2)
            self.kill()
            raise TimeoutError(f"{self.program} did not finish what was under way:\n{self.tail()}") from late
        if status != 0:
            raise RuntimeError(f"{self.program} ended with {status}:\n{self.tail()}")

    def tail(self, lines=30):
        return "\n".join((self.folder / "log").read_text(errors="replace").splitlines()[-lines:])

    # ---- its lever, as a controller by hand would use it

    def ask(self, question="", body=None, timeout=10):
        asked = urllib.request.Request(self.url + question, method="GET" if body is None else "PUT",
                                       data=None if body is None else json.dumps(body).encode())
        try:
            with urllib.request.urlopen(asked, timeout=timeout) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                text = error.read().decode()
            if error.code == 409:
                raise Refused(text) from None
            raise (ValueError if error.code in (400, 404) else OSError)(f"{error.code}: {text}") from None

    def get(self):
        return self.ask()["value"]

    def count(self, mark):
        """How many lines of its diary hold `mark`; reads on where it stopped."""
        at, known = self.counted.get(mark, (0, 0))
        with self.diary.open("rb") as file:
            file.seek(at)
            new = file.read()
        new = new[:new.rfind(b"\n") + 1]
        self.counted[mark] = at + len(new), known + new.count(mark)
        return self.counted[mark][1]

    def wait(self, word, timeout=60):
        """Until it stands at the word."""
        deadline = time.monotonic() + timeout
        while self.get() != word:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.program} is {self.get()}, not {word}:\n{self.tail()}")
            time.sleep(0.05)

    def set(self, word, epoch=None, **how):
        return self.ask(body={"value": word} if epoch is None else {"value": word, "epoch": epoch}, **how)["value"]

    def drained(self, epoch=None, **how):
        return self.ask("/drained" + ("" if epoch is None else f"?epoch={epoch}"), **how)["drained"]

    def command(self, *words):
        """The same as a command, for a plan or a test."""
        return [str(LEVER), str(self.port), self.lever, *words]

    def plan_lever(self, kind="http"):
        if kind == "http":
            lever = {"get": self.url, "set": self.url, "drained": f"{self.url}/drained"}
        else:
            lever = {verb: "exec " + " ".join(self.command(verb)) for verb in ("get", "set", "drained")}
        if self.lever == "group":
            del lever["drained"]
        return lever


def side_settings(cluster, more=None):
    return {"bootstrap.servers": cluster if isinstance(cluster, str) else cluster.bootstrap, **(more or {})}


class ShopApp(App):
    """shop_app.py.  `source` and `target`: clusters, or librdkafka settings with logins; more as in its DEFAULTS."""

    program, lever = "shop_app.py", "flag"

    def __init__(self, folder, instance, source, target, topics, partitions=4, **config):
        if not config.get("mirror", True):
            self.lever = "bootstrap"
        sides = {name: one if isinstance(one, dict) else side_settings(one)
                 for name, one in (("source", source), ("target", target))}
        super().__init__(folder, **{**DEFAULTS, **config}, instance=instance, sides=sides, topics=list(topics),
                         partitions=partitions)


class GroupApp(App):
    program, lever = "group_app.py", "group"

    def __init__(self, folder, group, source, target, topics, **config):
        sides = {name: one if isinstance(one, dict) else side_settings(one)
                 for name, one in (("source", source), ("target", target))}
        super().__init__(folder, group=group, sides=sides, topics=list(topics), **config)


class FleetApp(App):
    """One flag for several shops."""

    program, lever = "fleet_app.py", "flag"

    def __init__(self, folder, shops):
        super().__init__(folder, members=[shop.url for shop in shops])
