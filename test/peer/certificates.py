"""A certificate authority for the length of a run: what the TLS listeners show, what clients show them."""

import subprocess
from pathlib import Path


class Certificates:
    """PEM files under `folder`; `*_chain` holds key, certificate and authority in one file, as Kafka wants them."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.authority = self._authority("authority")
        self.stranger = self._authority("stranger")
        self.server = self._leaf("server", "localhost", ["-days", "30"])
        self.expired = self._leaf("expired", "localhost", ["-days", "-1"])
        self.elsewhere = self._leaf("elsewhere", "elsewhere.example.org", ["-days", "30"])
        self.client = self._leaf("client", "alice", ["-days", "30"])
        self.client_key = self.folder / "client.key"
        self.client_certificate = self.folder / "client.crt"

    def _openssl(self, *words):
        done = subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise RuntimeError(f"openssl {words[0]}: {done.stderr}")

    def _authority(self, name):
        certificate = self.folder / f"{name}.pem"
        self._openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", f"/CN=test {name}",
                      "-keyout", self.folder / f"{name}.key", "-out", certificate)
        return certificate

    def _leaf(self, name, common_name, validity):
        key, request, certificate = (self.folder / f"{name}.{kind}" for kind in ("key", "csr", "crt"))
        extensions = self.folder / f"{name}.ext"
        names = "DNS:localhost,IP:127.0.0.1" if common_name == "localhost" else f"DNS:{common_name}"
        extensions.write_text(f"subjectAltName={names}\n")
        self._openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={common_name}", "-keyout", key,
                      "-out", request)
        self._openssl("x509", "-req", "-in", request, "-CA", self.authority, "-CAkey", self.folder / "authority.key",
                      "-CAcreateserial", *validity, "-out", certificate, "-extfile", extensions)
        chain = self.folder / f"{name}.pem"
        chain.write_text(key.read_text() + certificate.read_text() + self.authority.read_text())
        return chain
