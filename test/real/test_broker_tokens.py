"""OAUTHBEARER at our broker: whose tokens come in, whose do not, and what each is told; keys that change; logins that end
with their token.  Under librdkafka, kafka-python, Interlock's own client, and by hand."""

import json
import socket
import ssl
import struct
import threading
import time

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from kafka import KafkaConsumer, KafkaProducer
from kafka.sasl.oauth import AbstractTokenProvider

from broker import Broker
from expect import QUICK, expect_open
from kafka_cluster import free_ports
from test_broker_doors import answer, frame, text, there_and_back
from tokens import Signer, TokenIssuer, part, unsecured_token

KAFKA = "org.apache.kafka.common.security.oauthbearer."
UNSECURED = "listener.name.try.oauthbearer.sasl.server.callback.handler.class"
ISSUER, AUDIENCE = "https://issuer.example", "kafka"


class Keys:
    """The issuer's key set in a file, which a test may write anew."""

    def __init__(self, folder):
        self.folder, self.file = folder, folder / "keys.json"
        folder.mkdir(parents=True, exist_ok=True)
        self.rsa, self.other = Signer(folder, "rsa"), Signer(folder, "other")
        self.curves = {curve: Signer(folder, curve, curve) for curve in Signer.CURVES}
        self.small = Signer(folder, "small", bits=1024)
        self.publish(self.rsa, self.small, *self.curves.values())

    def publish(self, *signers):
        beside = [{"kty": "oct", "k": part(b"secret"), "kid": "oct"}, {"kty": "OKP", "crv": "Ed25519", "x": "AA"}, "nonsense"]
        self.file.write_text(json.dumps({"keys": beside + [one.published(use="sig") for one in signers]}))


class Tokens(Broker):
    """One broker: SIGNED takes tokens of the key set, TRY such that nobody signed, SIGNED_BRIEFLY ends logins early."""

    def __init__(self, folder, keys_url, **more):
        names = ["PLAINTEXT", "SIGNED", "BRIEF", "TRY"]
        self.places = dict(zip(names, free_ports(len(names))))
        super().__init__(folder, "tokens", **{
            "listeners": ",".join(f"{name}://127.0.0.1:{port}" for name, port in self.places.items()),
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SIGNED:SASL_PLAINTEXT,BRIEF:SASL_PLAINTEXT,TRY:SASL_PLAINTEXT",
            "sasl.enabled.mechanisms": "OAUTHBEARER",
            "sasl.oauthbearer.jwks.endpoint.url": keys_url,
            "sasl.oauthbearer.expected.audience": f"tea, {AUDIENCE}",
            "sasl.oauthbearer.expected.issuer": ISSUER,
            "listener.name.signed.oauthbearer.sasl.jaas.config": f"{KAFKA}OAuthBearerLoginModule required;",
            "listener.name.brief.oauthbearer.connections.max.reauth.ms": 1500,
            UNSECURED: f"{KAFKA}internals.unsecured.OAuthBearerUnsecuredValidatorCallbackHandler", **more})
        self.port = self.places["PLAINTEXT"]

    def client(self, listener, token):
        """librdkafka, which asks `token` for one whenever it needs one."""
        return {"bootstrap.servers": f"127.0.0.1:{self.places[listener]}", "log_level": 0, "reconnect.backoff.max.ms": 100,
                "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "OAUTHBEARER", "socket.timeout.ms": 10000,
                "oauth_cb": lambda _: (token(), time.time() + 300)}


@pytest.fixture(scope="module")
def keys(run_folder):
    return Keys(run_folder / "token-keys")


@pytest.fixture(scope="module")
def tokens(run_folder, keys):
    with Tokens(run_folder / "tokens", f"file://{keys.file}") as one:
        yield one


def show(client, token, raw=None):
    """One login by hand.  (error, message, bytes, lifetime in ms) of the last answer; what was said between is the bytes."""
    client.sendall(frame(17, 1, text(b"OAUTHBEARER")))
    assert answer(client)[4:6] == b"\0\0"
    first = raw if raw is not None else b"n,,\x01auth=Bearer " + token.encode() + b"\x01\x01"
    error, message, said, lifetime = authenticate(client, first)
    if error == 0 and said:         # RFC 7628: told why, and it must be said that it was heard
        error, message, _, lifetime = authenticate(client, b"\x01")
        assert client.recv(1) == b""
    return error, message, said, lifetime


def authenticate(client, token):
    client.sendall(frame(36, 1, struct.pack(">i", len(token)) + token))
    got = answer(client)
    error, size = struct.unpack(">hh", got[4:8])
    message, rest = got[8:8 + max(size, 0)].decode(), got[8 + max(size, 0):]
    size, = struct.unpack(">i", rest[:4])
    return error, message, rest[4:4 + size], struct.unpack(">q", rest[-8:])[0]


def connect(tokens, listener):
    return socket.create_connection(("127.0.0.1", tokens.places[listener]), timeout=20)


def comes_in(tokens, token, listener="SIGNED"):
    with connect(tokens, listener) as client:
        error, message, said, lifetime = show(client, token)
        assert (error, said) == (0, b""), (message, said)
        if listener != "BRIEF":     # there the login may be over by now
            client.sendall(frame(3, 1, struct.pack(">i", -1)))
            assert answer(client)
        return lifetime


def stays_out(tokens, token, words, listener="SIGNED"):
    before = len(tokens.said)
    with connect(tokens, listener) as client:
        error, message, said, _ = show(client, token)
    assert error == 58 and json.loads(said) == json.loads(message) == {"status": "invalid_token"}
    deadline = time.monotonic() + 10
    while words not in "".join(tokens.said[before:]) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert words in "".join(tokens.said[before:])


def test_every_signature(tokens, keys):
    for algorithm in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"):
        assert 0 < comes_in(tokens, keys.rsa.token(algorithm=algorithm)) <= 300_000
    for signer in keys.curves.values():
        comes_in(tokens, signer.token())


def test_every_form_of_a_good_token(tokens, keys):
    now = time.time()
    for claims in ({"aud": ["x", AUDIENCE]}, {"aud": "tea"}, {"scope": "see"}, {"scope": ["see", "write"]}, {"nbf": now - 5},
                   {"exp": now + 60.5}, {"nbf": now + 20}, {"iat": now + 50}):    # 30 s of skew
        comes_in(tokens, keys.rsa.token(**claims))
    with connect(tokens, "SIGNED") as client:
        assert show(client, keys.rsa.token(iat=now - 60, exp=now - 10))[0] == 0     # in, but for no time at all
    comes_in(tokens, keys.rsa.token(header={"kid": None}))      # then any key may have made it
    assert comes_in(tokens, keys.rsa.token(), "BRIEF") <= 1500
    assert comes_in(tokens, keys.rsa.token(lifetime_s=1), "BRIEF") <= 1000


def bad_tokens(keys):
    now, good = time.time(), keys.rsa.token()
    head, claims, signature = good.split(".")
    forged = part({"sub": "admin", "aud": AUDIENCE, "iss": ISSUER, "iat": now, "exp": now + 300})
    claim = b'"sub": "alice"'
    by_secret = keys.rsa.token(header={"alg": "HS256", "kid": "oct"})
    return {
        "expired": (keys.rsa.token(exp=now - 40), "s ago"),
        "issuer": (keys.rsa.token(iss="https://elsewhere.example"), "issuer"),
        "no issuer": (keys.rsa.token(iss=None), "issuer"),
        "audience": (keys.rsa.token(aud="coffee"), "somebody else"),
        "no audience": (keys.rsa.token(aud=None), "somebody else"),
        "audience of nonsense": (keys.rsa.token(aud=[1, {}]), "somebody else"),
        "no end": (keys.rsa.token(exp=None), "(exp)"),
        "end of nonsense": (keys.rsa.token(exp="tomorrow"), "(exp)"),
        "end that is no time": (keys.rsa.token(exp=1e300), "(exp)"),
        "not issued": (keys.rsa.token(iat=None), "(iat)"),
        "begins later": (keys.rsa.token(nbf=now + 100), "begins in"),
        "ends before it begins": (keys.rsa.token(iat=now + 1000), "ends before"),
        "nobody": (keys.rsa.token(""), "names nobody"),
        "a subject that is no text": (keys.rsa.token(7), "names nobody"),
        "scopes of nonsense": (keys.rsa.token(scope=[1]), "scopes"),
        "unknown key": (keys.other.token(), "no key"),
        "key of another": (keys.other.token(header={"kid": "rsa"}), "not that of the key"),
        "small key": (keys.small.token(), "no key"),
        "claims exchanged": (f"{head}.{forged}.{signature}", "not that of the key"),
        "signature cut": (good[:-4], "not that of the key"),
        "no signature": (f"{head}.{claims}.", "not that of the key"),
        "another hash said": (keys.rsa.token(header={"alg": "RS384"}), "not that of the key"),
        "a curve's algorithm, an RSA key": (keys.rsa.token(header={"alg": "ES256"}), "no key"),
        "a secret's algorithm": (by_secret, "not taken here"),
        "unsigned": (unsecured_token("alice"), "nobody has signed"),
        "unsigned, with a signature": (keys.rsa.token(header={"alg": "none"}), "nobody has signed"),
        "critical extension": (keys.rsa.token(header={"crit": ["b64"], "b64": False}), "not a token"),
        "two parts": (good.rpartition(".")[0], "not a token"),
        "four parts": (good + ".AAAA", "not a token"),
        "no JSON": (f"{part(b'hello')}.{claims}.{signature}", "not a token"),
        "deep JSON": (f"{part(b'[' * 20000)}.{claims}.{signature}", "not a token"),
        "twice the same claim": (f"{head}.{part(b'{' + b','.join([claim] * 2) + b'}')}.{signature}", "not a token"),
        "padded": (f"{head}==.{claims}.{signature}", "not a token"),
        "huge": (keys.rsa.token(more="x" * 60000), "not a token"),
    }


def test_who_stays_out(tokens, keys):
    for token, words in bad_tokens(keys).values():
        stays_out(tokens, token, words)
    said = "".join(tokens.said)
    assert not any(token in said for token, _ in bad_tokens(keys).values())
    comes_in(tokens, keys.rsa.token())


def test_messages_that_are_none(tokens, keys):
    good = keys.rsa.token().encode()
    for raw in (b"", b"\x01", b"n,,", b"y,,\x01auth=Bearer " + good + b"\x01\x01", b"n,,\x01\x01", b"n,,\x01auth=\x01\x01",
                b"n,,\x01auth=Basic " + good + b"\x01\x01", b"n,,\x01auth=Bearer \x01\x01",
                b"n,,\x01auth=Bearer " + good + b"\x01", b"n,,\x01auth=Bearer " + good + b"\x01\x01more",
                b"n,,\x01auth=Bearer " + good + b"\x01auth=Bearer " + good + b"\x01\x01",
                b"n,,\x01auth=Bearer " + good + b"\x01x=\0\x01\x01", b"n,a=,\x01auth=Bearer " + good + b"\x01\x01",
                b"n,a=bob,\x01auth=Bearer " + good + b"\x01\x01", b"n,,\x01" + b"a=b\x01" * 40000 + b"\x01",
                b"\xff" * 1000):
        with connect(tokens, "SIGNED") as client:
            error, message, said, _ = show(client, "", raw)
            assert error == 58 and said == b"" and ("invalid credentials" in message or "authorization id" in message)
            assert client.recv(1) == b""
    for raw in (b"n,a=alice,\x01auth=Bearer " + good + b"\x01traceId=1\x01logicalCluster=lkc\x01\x01",
                b"n,,\x01host=x\x01auth=bEARER   " + good + b"\x01\x01"):
        with connect(tokens, "SIGNED") as client:
            assert show(client, "", raw)[0] == 0
    with connect(tokens, "SIGNED") as client:       # after a refusal nothing but the one byte is heard
        client.sendall(frame(17, 1, text(b"OAUTHBEARER")))
        answer(client)
        assert authenticate(client, b"n,,\x01auth=Bearer x.y.z\x01\x01")[2]
        assert authenticate(client, b"n,,\x01auth=Bearer " + good + b"\x01\x01")[0] == 58
        assert client.recv(1) == b""
    with connect(tokens, "SIGNED") as client:       # bare tokens (SaslHandshake 0)
        client.sendall(frame(17, 0, text(b"OAUTHBEARER")))
        assert answer(client)[4:6] == b"\0\0"
        first = b"n,,\x01auth=Bearer " + good + b"\x01\x01"
        client.sendall(struct.pack(">i", len(first)) + first)
        assert answer(client) == b""
        client.sendall(frame(3, 1, struct.pack(">i", -1)))
        assert answer(client)


def test_unsigned_tokens_where_they_are_asked_for(tokens, keys):
    assert any("nobody has signed" in line for line in tokens.said)
    comes_in(tokens, unsecured_token("alice"), "TRY")
    stays_out(tokens, keys.rsa.token(), "only tokens that nobody signed", "TRY")
    stays_out(tokens, unsecured_token("alice", 0), "ended", "TRY")
    stays_out(tokens, unsecured_token(""), "names nobody", "TRY")


def test_a_login_ends_with_its_token(tokens, keys):
    with connect(tokens, "SIGNED") as client:
        now = time.time()
        error, _, _, lifetime = show(client, keys.rsa.token(iat=now - 10, exp=now + 20))
        assert error == 0 and 0 < lifetime <= 20_000
        assert show(client, keys.rsa.token(exp=now + 2))[0] == 0            # shown again, in time
        assert show(client, keys.rsa.token("bob", exp=now + 2))[0] == 58    # but it cannot be somebody else
        assert client.recv(1) == b""
    with connect(tokens, "SIGNED") as client:
        show(client, keys.rsa.token(exp=time.time() + 0.7))
        deadline, closed = time.monotonic() + 20, False
        while not closed and time.monotonic() < deadline:
            client.sendall(frame(3, 1, struct.pack(">i", -1)))
            closed = answer(client) is None
        assert closed


def test_librdkafka(tokens, keys):
    """It logs in again and again while it works (beside a crowd, below, it does so once)."""
    there_and_back(tokens.client("BRIEF", lambda: keys.curves["ES256"].token()), "by-brief-token", 500)
    with pytest.raises(KafkaException):
        AdminClient(tokens.client("SIGNED", lambda: keys.other.token())).list_topics(timeout=1)


def test_kafka_python(tokens, keys):
    class Provider(AbstractTokenProvider):
        def token(self):
            return keys.rsa.token()

    how = {"bootstrap_servers": f"127.0.0.1:{tokens.places['SIGNED']}", "security_protocol": "SASL_PLAINTEXT",
           "sasl_mechanism": "OAUTHBEARER", "sasl_oauth_token_provider": Provider()}
    producer = KafkaProducer(**how)
    for number in range(100):
        producer.send("token-by-python", b"%d" % number)
    producer.flush(20)
    consumer = KafkaConsumer("token-by-python", auto_offset_reset="earliest", consumer_timeout_ms=20000, **how)
    assert [next(consumer).value for _ in range(100)] == [b"%d" % number for number in range(100)]
    producer.close()
    consumer.close()


def test_our_own_client(tokens, keys, interlock, properties, tmp_path):
    there_and_back({"bootstrap.servers": tokens.bootstrap, "log_level": 0}, "compared", 100)
    settings = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "OAUTHBEARER",
                "interlock.sasl.oauthbearer.token.file": tmp_path / "token"}
    way = properties(f"127.0.0.1:{tokens.places['SIGNED']}", settings)
    (tmp_path / "token").write_text(keys.rsa.token())
    expect_open(interlock.parity(way, tokens, "compared", options=[*QUICK, "--timeout", "4s"]))
    for token in (keys.rsa.token(lifetime_s=-100), keys.rsa.token(aud="x"), keys.rsa.token(iss="x"), keys.other.token(),
                  unsecured_token("alice"), "a.b.c"):
        (tmp_path / "token").write_text(token)
        result = interlock.parity(way, tokens, "compared", options=[*QUICK, "--timeout", "4s"])
        assert result.status == 69 and "invalid_token" in result.err and token not in result.out + result.err, result


def test_keys_that_change(run_folder):
    """Rolled keys come in as soon as a token names one; a provider that is down locks nobody out."""
    with TokenIssuer(run_folder / "token-issuer") as issuer:
        issuer.folder.mkdir(exist_ok=True)
        first, second = Signer(issuer.folder, "first"), Signer(issuer.folder, "second")
        issuer.keys = lambda: {"keys": [first.published()]}
        with Tokens(run_folder / "tokens-change", issuer.keys_url, sasl_oauthbearer_jwks_endpoint_retry_backoff_ms=50) as tokens:
            comes_in(tokens, first.token())
            issuer.keys = lambda: {"keys": [second.published()]}
            deadline = time.monotonic() + 20
            with connect(tokens, "SIGNED") as client:
                assert show(client, second.token())[0] == 58
            while True:
                with connect(tokens, "SIGNED") as client:
                    if show(client, second.token())[0] == 0:
                        break
                assert time.monotonic() < deadline
                time.sleep(0.02)
            stays_out(tokens, first.token(), "no key")
            issuer.keys = lambda: {"keys": []}      # nonsense: those that were there before hold
            comes_in(tokens, second.token())


def test_keys_over_https(run_folder, certificates):
    """Whose certificate is believed says the login module's line, or the system's store."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server)
    with TokenIssuer(run_folder / "token-issuer-https") as issuer:
        issuer.server.socket = context.wrap_socket(issuer.server.socket, server_side=True)
        url = issuer.keys_url.replace("http:", "https:")
        line = {f"listener.name.{name}.oauthbearer.sasl.jaas.config":
                f'{KAFKA}OAuthBearerLoginModule required ssl.truststore.type="PEM" ssl.truststore.location="{certificates.authority}";'
                for name in ("signed", "brief")}
        with Tokens(run_folder / "tokens-https", url, **{**line, "sasl.oauthbearer.expected.issuer": "https://us.example"}) as tokens:
            comes_in(tokens, Signer.of(issuer.key, "one").token(iss="https://us.example"))
        with pytest.raises(RuntimeError, match="did not start") as told:
            Tokens(run_folder / "tokens-https-no", url).start()
        assert url in str(told.value) and "certificate" in str(told.value)


def test_keys_that_cannot_be(run_folder, keys):
    def start(url, **more):
        with pytest.raises(RuntimeError, match="did not start") as told:
            Tokens(run_folder / "tokens-wrong", url, **more).start()
        return str(told.value)

    port, = free_ports(1)
    assert str(port) in start(f"http://127.0.0.1:{port}/keys")
    assert "nowhere.json" in start("file:///nowhere.json")
    assert "begins with none" in start("ftp://x/keys")
    wrong = keys.folder / "wrong.json"
    for content, words in (("hello", "'keys'"), ('{"keys": []}', "none of the 0"), ('{"keys": {"kty": "RSA"}}', "'keys'"),
                           (json.dumps({"keys": [keys.small.published()]}), "none of the 1")):
        wrong.write_text(content)
        assert words in start(f"file://{wrong}")
    good = f"file://{keys.file}"
    assert "sasl.oauthbearer.jwks.endpoint.url" in start("")
    assert "not loaded here" in start(good, **{UNSECURED: "org.example.Mine"})
    assert "'x'" in start(good, **{"listener.name.signed.oauthbearer.sasl.jaas.config":
                                   f"{KAFKA}OAuthBearerLoginModule required x=\"secret-1\";"})
    assert "module" in start(good, **{"listener.name.signed.oauthbearer.sasl.jaas.config": "org.x.PlainLoginModule required;"})
    assert "skew" in start(good, **{"listener.name.signed.sasl.oauthbearer.clock.skew.seconds": "much"})


def test_many_bad_tokens_at_once(tokens, keys):
    """They cost the others nothing but time: a good client works while a crowd is refused."""
    stop = threading.Event()

    def crowd():
        bad = [token for token, _ in bad_tokens(keys).values()]
        while not stop.is_set():
            for token in bad:
                with connect(tokens, "SIGNED") as client:
                    client.sendall(frame(17, 1, text(b"OAUTHBEARER")))
                    answer(client)
                    client.sendall(frame(36, 1, struct.pack(">i", 19 + len(token)) + b"n,,\x01auth=Bearer "
                                         + token.encode() + b"\x01\x01"))

    threads = [threading.Thread(target=crowd) for _ in range(2)]
    for one in threads:
        one.start()
    try:
        there_and_back(tokens.client("SIGNED", keys.rsa.token), "beside-a-crowd", 100)
    finally:
        stop.set()
        for one in threads:
            one.join(30)
