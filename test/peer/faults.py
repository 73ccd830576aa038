"""Accidents, from a seed: something is killed or stopped (SIGSTOP) at a random moment, and comes back.

    with Accidents(seed, [of_app(shop), of_node(source), of_process("controller", lambda: process)]) as accidents:
        ... crossings ...
    accidents.done              [(seconds since the start, "shop-1 paused for 0.7 s"), ...]

Only what it is given is hurt, each by the id of its process.  At the end all are well again.
"""

import os
import random
import signal
import threading
import time
from typing import Callable, NamedTuple, Optional


class Victim(NamedTuple):
    name: str
    pause: Callable
    resume: Callable
    kill: Optional[Callable]
    revive: Optional[Callable]
    weight: int = 1


def of_app(app, weight=1):
    return Victim(f"{app.program} {app.folder.name}", app.pause, app.resume, app.kill, app.start, weight)


def of_node(cluster, index=1, weight=1):
    return Victim(f"{cluster.name} node {index}", lambda: cluster.pause(index), lambda: cluster.resume(index),
                  lambda: cluster.kill(index), lambda: cluster.start_node(index), weight)


def of_process(name, find, revive=None, weight=1):
    """`find` gives the Popen that stands for it now, or None; who started it starts it again, unless `revive` does."""

    def send(what):
        def act():
            process = find()
            if process is not None and process.poll() is None:
                process.send_signal(what)
        return act

    return Victim(name, send(signal.SIGSTOP), send(signal.SIGCONT), send(signal.SIGKILL), revive or (lambda: None),
                  weight)


def of_pids(name, find, weight=1):
    """Processes that may be stopped and not killed: `find` gives their ids."""

    def send(what):
        return lambda: [os.kill(pid, what) for pid in find()]

    return Victim(name, send(signal.SIGSTOP), send(signal.SIGCONT), None, None, weight)


class Accidents:
    def __init__(self, seed, victims, every=(0.5, 3.0), pause=(0.1, 2.0), down=(0.0, 1.5), kills=0.5):
        self.chance, self.victims = random.Random(seed), list(victims)
        self.every, self.pause, self.down, self.kills = every, pause, down, kills
        self.done, self.error, self.over = [], None, threading.Event()
        self.quiet = threading.Lock()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.began = time.monotonic()
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """No more of them; returns when the last victim is well.  Raises what went wrong on the way."""
        self.over.set()
        self.thread.join(120)
        if self.error is not None:
            raise self.error

    def peace(self):
        """with accidents.peace(): nothing is hurt meanwhile, and everything is up."""
        return self.quiet

    def _run(self):
        try:
            while not self.over.wait(self.chance.uniform(*self.every)):
                with self.quiet:
                    if not self.over.is_set():
                        self.one()
        except Exception as error:      # handed to the test's own thread by stop()
            self.error = error

    def one(self):
        victim, = self.chance.choices(self.victims, [one.weight for one in self.victims])
        at = time.monotonic() - self.began
        if victim.kill is not None and self.chance.random() < self.kills:
            seconds = self.chance.uniform(*self.down)
            self.done.append((at, f"{victim.name} killed, {seconds:.1f} s down"))
            victim.kill()
            time.sleep(seconds)
            victim.revive()
        else:
            seconds = self.chance.uniform(*self.pause)
            self.done.append((at, f"{victim.name} paused for {seconds:.1f} s"))
            victim.pause()
            time.sleep(seconds)
            victim.resume()

    def __repr__(self):
        return "\n".join(f"{at:7.2f} s  {what}" for at, what in self.done)
