"""A PostgreSQL server of its own, on a socket in its folder and on one port of loopback.

    with Postgres(folder) as server:
        server.address(schema="exit1")      # postgres://..., the tables in a schema of that name, made here
        server.sql("ALTER SYSTEM ...")
        server.kill(); server.start()       # kill -9, all of it
        server.pause(); server.go_on()      # SIGSTOP

Its programs refuse to run as root, so then they run as nobody.  Over the port a password is asked for; over the socket
anybody of this machine who can reach the folder is believed.

    with Cut(server, "answer") as cut:      # a wire that is cut at the next COMMIT once cut.armed is set:
        cut.address(schema)                 # before it is passed on ("request"), or when its answer comes ("answer"),
                                            # or which holds it back for two seconds and then passes it on ("late");
                                            # "request dropped", "answer dropped": from there on nothing passes on this
                                            # connection, either way, and nobody is told, as where packets are dropped
"""

import glob
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

from kafka_cluster import free_ports

USER, SECRET = "keeper", "k33per & her %secret"
QUOTED = "k33per%20%26%20her%20%25secret"
NOBODY = 65534


def programs():
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda p: int(p.split("/")[4]))
    if found:
        return Path(found[-1])
    initdb = shutil.which("initdb")
    if not initdb:
        raise RuntimeError("PostgreSQL is not there: run script/setup")
    return Path(initdb).parent


class Postgres:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True)
        self.data = self.folder / "data"
        # A socket's path is short: 107 letters at most, so it lives where paths are.
        self.sockets = Path(subprocess.run(["mktemp", "-d", "/tmp/interlock-pg-XXXXXX"], capture_output=True, text=True,
                                           check=True).stdout.strip())
        self.bin, self.port, self.process = programs(), free_ports(1)[0], None
        self.as_root = os.getuid() == 0
        if self.as_root:
            self.data = self.sockets / "data"       # nobody may not pass through everybody's folders
            os.chown(self.sockets, NOBODY, NOBODY)
        secret = self.sockets / "secret"
        secret.write_text(SECRET)
        if self.as_root:
            os.chown(secret, NOBODY, NOBODY)
        self._run("initdb", "-D", self.data, "-U", USER, f"--pwfile={secret}", "--auth-local=trust",
                  "--auth-host=scram-sha-256", "--no-sync", "--no-instructions", "--locale=C", "--encoding=UTF8")
        secret.unlink()
        self.schemas = set()

    def _command(self, name, *words):
        command = [str(self.bin / name), *map(str, words)]
        if self.as_root:
            command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *command]
        return command

    def _run(self, name, *words):
        done = subprocess.run(self._command(name, *words), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              cwd="/", timeout=60, check=False)
        if done.returncode:
            raise RuntimeError(f"{name}: {done.stdout}{done.stderr}")
        return done.stdout.strip()

    def start(self):
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self._command("postgres", "-D", self.data, "-k", self.sockets, "-p", self.port, "-c",
                              "listen_addresses=127.0.0.1", "-c", "max_connections=40"),
                cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while True:
            try:
                self.sql("SELECT 1")
                return self
            except RuntimeError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise RuntimeError(f"PostgreSQL did not start: {(self.folder / 'log').read_text()[-3000:]}") from None
                time.sleep(0.05)

    def sql(self, text):
        return self._run("psql", "-X", "-q", "-A", "-t", "-h", self.sockets, "-p", self.port, "-U", USER,
                         "-v", "ON_ERROR_STOP=1", "-d", "postgres", "-c", text)

    def make_schemas(self, names):
        new = [name for name in names if name not in self.schemas]
        self.sql("".join(f"CREATE SCHEMA {name};" for name in new))
        self.schemas.update(new)

    def address(self, schema):
        """By the socket."""
        if "#" not in schema:
            self.make_schemas([schema])
        return f"postgres://{USER}@/postgres?host={self.sockets}&port={self.port}&options=-csearch_path%3D{schema}"

    def address_by_port(self, schema, secret=QUOTED, port=None):
        self.make_schemas([schema])
        return f"postgresql://{USER}:{secret}@127.0.0.1:{port or self.port}/postgres?options=-csearch_path%3D{schema}"

    def processes(self):
        """The server and all that it started."""
        listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, text=True,
                                check=False).stdout.split()
        return [self.process.pid, *map(int, listed)]

    def _signal(self, number):
        for process in self.processes():
            try:
                os.kill(process, number)
            except ProcessLookupError:
                pass

    def pause(self):
        self._signal(signal.SIGSTOP)

    def go_on(self):
        self._signal(signal.SIGCONT)

    def kill(self):
        """As when the power fails, but for the disk."""
        self._signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self):
        self.process.send_signal(signal.SIGQUIT)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.go_on()
            self.stop()
        shutil.rmtree(self.sockets, ignore_errors=True)


class Cut:
    """A wire to the server's port."""

    def __init__(self, server, at):
        self.server, self.at, self.armed = server, at, False
        self.cuts = 0
        self.door = socket.create_server(("127.0.0.1", 0))
        self.port = self.door.getsockname()[1]

    def address(self, schema):
        return self.server.address_by_port(schema, port=self.port)

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.door.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.door.accept()
                server = socket.create_connection(("127.0.0.1", self.server.port))
            except OSError:
                return
            cut = threading.Event()
            threading.Thread(target=self._requests, args=(client, server, cut), daemon=True).start()
            threading.Thread(target=self._answers, args=(client, server, cut), daemon=True).start()

    def _requests(self, client, server, cut):
        try:
            while data := client.recv(65536):
                if self.armed and b"COMMIT\0" in data:
                    self.armed = False
                    self.cuts += 1
                    cut.set()
                    if self.at == "request":
                        break
                    if self.at == "late":
                        time.sleep(2)
                    if self.at == "answer dropped":
                        server.sendall(data)
                if not (cut.is_set() and self.at.endswith("dropped")):
                    server.sendall(data)
                if cut.is_set() and self.at == "answer":
                    return          # the other thread ends both when the answer is here
        except OSError:
            pass
        close(client, server)

    def _answers(self, client, server, cut):
        try:
            while data := server.recv(65536):
                if cut.is_set() and self.at == "answer":
                    break
                if not (cut.is_set() and self.at.endswith("dropped")):
                    client.sendall(data)
        except OSError:
            pass
        close(client, server)


def close(*sockets):
    for one in sockets:
        try:
            one.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        one.close()
