"""A Kerberos realm for the length of a run: a KDC on loopback, a keytab for the broker and one for each user."""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

REALM = "TEST.EXAMPLE"


def find(name):
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")


def kdc_is_there():
    return all(find(name) for name in ("krb5kdc", "kdb5_util", "kadmin.local"))


class Realm:
    def __init__(self, folder, port, host="127.0.0.1", users=("alice",)):
        self.folder, self.port, self.host = Path(folder), port, host
        self.folder.mkdir(parents=True, exist_ok=True)
        self.config = self.folder / "krb5.conf"
        self.config.write_text(
            f"[libdefaults]\n default_realm = {REALM}\n dns_lookup_kdc = false\n dns_lookup_realm = false\n"
            " dns_canonicalize_hostname = false\n rdns = false\n udp_preference_limit = 1\n"
            " permitted_enctypes = aes256-cts-hmac-sha1-96\n"
            f"[realms]\n {REALM} = {{\n  kdc = 127.0.0.1:{port}\n }}\n")
        (self.folder / "kdc.conf").write_text(
            f"[kdcdefaults]\n kdc_listen = 127.0.0.1:{port}\n kdc_tcp_listen = 127.0.0.1:{port}\n"
            f"[realms]\n {REALM} = {{\n  database_name = {self.folder}/principal\n"
            f"  key_stash_file = {self.folder}/stash\n  supported_enctypes = aes256-cts-hmac-sha1-96:normal\n }}\n")
        self.environment = {"KRB5_CONFIG": str(self.config), "KRB5_KDC_PROFILE": str(self.folder / "kdc.conf")}
        self._run("kdb5_util", "create", "-s", "-P", "master", "-r", REALM)
        self.keytabs = {}
        for name in (f"kafka/{host}", *users):
            self.keytabs[name] = self.folder / f"{name.replace('/', '-')}.keytab"
            self._run("kadmin.local", "-r", REALM, "-q", f"addprinc -randkey {name}")
            self._run("kadmin.local", "-r", REALM, "-q", f"ktadd -k {self.keytabs[name]} {name}")
        self.process = subprocess.Popen([find("krb5kdc"), "-n", "-r", REALM], env={**os.environ, **self.environment},
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=(self.folder / "log").open("wb"))
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise RuntimeError(f"the KDC did not start: {(self.folder / 'log').read_text()}")
                time.sleep(0.1)

    def _run(self, name, *words):
        done = subprocess.run([find(name), *map(str, words)], env={**os.environ, **self.environment},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{name} {words}: {done.stdout}{done.stderr}")

    @property
    def service(self):
        return f"kafka/{self.host}@{REALM}"

    @property
    def alice(self):
        return f"alice@{REALM}"

    @property
    def service_keytab(self):
        return self.keytabs[f"kafka/{self.host}"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(10)
