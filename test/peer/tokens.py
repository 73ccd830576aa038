"""A token endpoint as an identity provider has one: OIDC client credentials in, a signed token (RS256) out; and the
keys by which a broker believes it.

    with TokenIssuer(folder) as issuer:
        issuer.token_url, issuer.keys_url
        issuer.token("alice", lifetime_s=60)        # one made by hand
        issuer.given                                # how many it gave away
"""

import base64
import http.server
import json
import subprocess
import threading
import time
from pathlib import Path
from urllib.parse import parse_qs, unquote

CLIENTS = {"alice": "alice & her %secret:1"}
AUDIENCE = "kafka"


def part(data):
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def openssl(*words, given=None):
    return subprocess.run(["openssl", *map(str, words)], input=given, capture_output=True, check=True).stdout


def unsecured_token(subject, lifetime_s=3000):
    """What the broker's development handler believes: a token that nobody signed."""
    now = int(time.time())
    return f"{part({'alg': 'none'})}.{part({'sub': subject, 'iat': now, 'exp': now + lifetime_s})}."


class Signer:
    """A key pair of one kind, what is published of it, and the tokens it signs."""

    RSA = {"RS": [], "PS": ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"]}
    CURVES = {"ES256": ("prime256v1", "P-256", 32), "ES384": ("secp384r1", "P-384", 48), "ES512": ("secp521r1", "P-521", 66)}

    def __init__(self, folder, name, curve=None, bits=2048):
        self.name, self.curve, self.key = name, curve, Path(folder) / f"{name}.key"
        self.key.parent.mkdir(parents=True, exist_ok=True)
        kind = (["ec", "-pkeyopt", f"ec_paramgen_curve:{self.CURVES[curve][0]}"] if curve
                else ["rsa", "-pkeyopt", f"rsa_keygen_bits:{bits}"])
        openssl("genpkey", "-algorithm", *kind, "-out", self.key)

    @classmethod
    def of(cls, key, name):
        """Of an RSA key that is there already."""
        one = cls.__new__(cls)
        one.name, one.curve, one.key = name, None, Path(key)
        return one

    def published(self, **more):
        if self.curve:
            _, name, size = self.CURVES[self.curve]
            point = openssl("pkey", "-in", self.key, "-pubout", "-outform", "DER")[-2 * size:]
            return {"kty": "EC", "crv": name, "x": part(point[:size]), "y": part(point[size:]), "kid": self.name, **more}
        modulus = openssl("rsa", "-in", self.key, "-noout", "-modulus").decode().strip().split("=")[1]
        return {"kty": "RSA", "n": part(bytes.fromhex(modulus)), "e": "AQAB", "kid": self.name, **more}

    def signature(self, algorithm, text):
        made = openssl("dgst", f"-sha{algorithm[2:]}", *self.RSA.get(algorithm[:2], []), "-sign", self.key, given=text)
        if not self.curve:
            return made
        size, out = self.CURVES[self.curve][2], b""
        at = 3 if made[1] & 0x80 else 2
        for _ in range(2):          # DER: two integers, each with its length before it
            length = made[at + 1]
            out += made[at + 2:at + 2 + length].lstrip(b"\0").rjust(size, b"\0")
            at += 2 + length
        return out

    def token(self, subject="alice", algorithm=None, header=None, lifetime_s=300, **claims):
        """A claim of None is left out."""
        algorithm = algorithm or self.curve or "RS256"
        now = int(time.time())
        all_claims = {"sub": subject, "aud": AUDIENCE, "iss": "https://issuer.example", "iat": now, "exp": now + lifetime_s,
                      **claims}
        text = (part({"alg": algorithm, "kid": self.name, **(header or {})}) + "."
                + part({name: value for name, value in all_claims.items() if value is not None}))
        return f"{text}.{part(self.signature(algorithm, text.encode()))}"


class TokenIssuer:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.key = self.folder / "signing.key"
        self._openssl("genrsa", "-out", self.key, "2048")
        self.given, self.lifetime_s, self.asked = 0, 3600, []
        self.answer = None      # (status, body) to give instead of a token
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.token_url, self.keys_url = f"{self.url}/token", f"{self.url}/keys"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    @staticmethod
    def _openssl(*words, given=None):
        return subprocess.run(["openssl", *map(str, words)], input=given, capture_output=True, check=True).stdout

    def token(self, subject, lifetime_s=None, audience=AUDIENCE):
        now = int(time.time())
        claims = {"sub": subject, "aud": audience, "iat": now, "exp": now + (lifetime_s or self.lifetime_s),
                  "scope": "see"}
        signed = f"{part({'alg': 'RS256', 'kid': 'one', 'typ': 'JWT'})}.{part(claims)}"
        return f"{signed}.{part(self._openssl('dgst', '-sha256', '-sign', self.key, given=signed.encode()))}"

    def keys(self):
        modulus = self._openssl("rsa", "-in", self.key, "-noout", "-modulus").decode().strip().split("=")[1]
        return {"keys": [{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "one", "n": part(bytes.fromhex(modulus)),
                          "e": "AQAB"}]}

    def _handler(issuer):
        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def give(self, status, body):
                body = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                self.give(200, issuer.keys())

            def do_POST(self):
                form = parse_qs(self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode())
                issuer.asked.append(form)
                if issuer.answer is not None:
                    return self.give(*issuer.answer)
                kind, _, words = (self.headers.get("Authorization") or "").partition(" ")
                name, _, secret = base64.b64decode(words).decode().partition(":") if kind == "Basic" else ("", "", "")
                name, secret = unquote(name), unquote(secret)
                if CLIENTS.get(name) != secret:
                    return self.give(401, {"error": "invalid_client"})
                if form.get("grant_type") != ["client_credentials"]:
                    return self.give(400, {"error": "unsupported_grant_type"})
                issuer.given += 1
                return self.give(200, {"access_token": issuer.token(name), "token_type": "Bearer",
                                       "expires_in": issuer.lifetime_s})

        return Handler
