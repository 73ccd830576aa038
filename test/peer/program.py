"""Interlock itself, run as an operator runs it: arguments in; exit status, output and the JSON object out."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Sanitizers end a program with 1 unless told otherwise, and 1 means "shut".
SANITIZED = 99
ENVIRONMENT = {
    "ASAN_OPTIONS": f"exitcode={SANITIZED}:detect_leaks=1:abort_on_error=0:allocator_may_return_null=1",
    "LSAN_OPTIONS": f"exitcode={SANITIZED}",
    "UBSAN_OPTIONS": f"exitcode={SANITIZED}:print_stacktrace=1:halt_on_error=1:abort_on_error=0",
    "TSAN_OPTIONS": f"exitcode={SANITIZED}:halt_on_error=0",
    "NO_COLOR": "1",
}


def programs(pattern):
    """What was built of that name, of each kind of build."""
    return sorted(p for p in (ROOT / "build").glob(pattern) if os.access(p, os.X_OK) and p.is_file())


class Result:
    def __init__(self, arguments, status, out, err, seconds):
        self.arguments, self.status, self.out, self.err, self.seconds = arguments, status, out, err, seconds

    def __repr__(self):
        return f"interlock {' '.join(self.arguments)}\nstatus {self.status} after {self.seconds:.1f} s\n" \
               f"--- out\n{self.out}\n--- err\n{self.err}"

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def verdict(self):
        return self.json["verdict"]

    @property
    def reasons(self):
        return {reason["code"] for reason in self.json["reasons"]}

    def topic(self, name=None):
        topics = self.json["topics"]
        return topics[0] if name is None else next(t for t in topics if t["source"] == name)

    @property
    def findings(self):
        """Class -> count, over all topics."""
        total = {}
        for topic in self.json["topics"]:
            for name, count in topic.get("findings", {}).items():
                total[name] = total.get(name, 0) + count
        return total

    def examples(self, name=None):
        return [e for t in self.json["topics"] for e in t.get("examples", []) if name in (None, e["class"])]


class Program:
    def __init__(self, binary=None):
        chosen = binary or os.environ.get("INTERLOCK")
        builds = [ROOT / "build" / "test" / "interlock", ROOT / "build" / "interlock"]
        self.binary = Path(chosen) if chosen else next((b for b in builds if b.exists()), builds[0])

    def exists(self):
        return self.binary.exists()

    def start(self, *arguments, environment=None, folder=None, before=()):
        """The program under way; the caller ends it.  `before` is a command that runs it (prlimit, unshare, ...)."""
        return subprocess.Popen(
            [*before, str(self.binary), *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, cwd=folder,
            env={**os.environ, **ENVIRONMENT, **(environment or {})})

    def run(self, *arguments, timeout=90, status=None, **how):
        """To its end.  `status`: the exit status, or the set of them, that is right."""
        began = time.monotonic()
        process = self.start(*arguments, **how)
        return self.finish(process, arguments, began, timeout, status)

    def finish(self, process, arguments=(), began=None, timeout=90, status=None, killed=False):
        """`killed`: a test may have ended it by a signal; the result has then a negative status."""
        began = began if began is not None else time.monotonic()
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)  # shows where it hung, with a sanitizer
            try:
                out, err = process.communicate(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                out, err = process.communicate()
            raise AssertionError(f"no end after {timeout} s: interlock {' '.join(map(str, arguments))}\n{out}\n{err}")
        result = Result([str(a) for a in arguments], process.returncode, out, err, time.monotonic() - began)
        assert process.returncode != SANITIZED and "Sanitizer" not in err, result
        assert process.returncode >= 0 or killed, result
        if status is not None:
            assert result.status in (status if isinstance(status, (set, tuple)) else {status}), result
        return result

    def parity(self, source, target, *topics, options=(), **how):
        """`parity --json` between two clusters (or paths of property files), each topic as T or T=T2."""
        words = ["parity", "--source", where(source), "--target", where(target), "--json"]
        for topic in topics:
            words += ["--topic", topic]
        return self.run(*words, *options, **how)


def where(cluster):
    """What to write after --source and --target."""
    return str(getattr(cluster, "bootstrap", cluster))
