"""Who we are, to a broker that wants to know: certificates and keys in every form, passwords, tokens, tickets; logins
that end while a comparison runs; permissions for half of what is asked; and no secret anywhere."""

import base64
import json
import os
import re
import shlex
import signal
import subprocess
import time
from pathlib import Path

import pytest

from expect import QUICK, expect_open, expect_unknown
from kafka_cluster import KafkaCluster, USERS, free_ports
from kerberos import Realm, kdc_is_there
from records import commit_group, create_topic, produce, stream
from tokens import AUDIENCE, CLIENTS, TokenIssuer, unsecured_token

pytestmark = pytest.mark.real
NAME = "logins"
UNREACHED, WRONG_FILE = 69, 78
RELOGIN_MS = 2500
JAAS = "org.apache.kafka.common.security."


@pytest.fixture(scope="module")
def issuer(run_folder):
    with TokenIssuer(run_folder / "issuer") as issuer:
        yield issuer


@pytest.fixture(scope="module")
def realm(run_folder):
    if not kdc_is_there():
        yield None
        return
    with Realm(run_folder / "realm", free_ports(1)[0]) as realm:
        yield realm


@pytest.fixture(scope="module")
def guarded(run_folder, certificates, issuer, realm):
    """One node of 4.3.1: the secure node's doors, one for signed tokens, one for tickets and one whose certificate is
    somebody else's.  SCRAM-SHA-256 and signed tokens are good for two and a half seconds; then the broker wants to
    see them again.  Bob may do only what a test allows."""
    overrides = {
        "super.users": "User:admin;User:ANONYMOUS;User:alice;User:CN=alice",
        "listener.name.sasl.scram-sha-256.connections.max.reauth.ms": RELOGIN_MS,
        "listener.name.oidc.oauthbearer.connections.max.reauth.ms": RELOGIN_MS,
        "listener.name.oidc.sasl.enabled.mechanisms": "OAUTHBEARER",
        "listener.name.oidc.oauthbearer.sasl.jaas.config":
            f"{JAAS}oauthbearer.OAuthBearerLoginModule required;",
        "listener.name.oidc.oauthbearer.sasl.server.callback.handler.class":
            f"{JAAS}oauthbearer.OAuthBearerValidatorCallbackHandler",
        "listener.name.oidc.oauthbearer.sasl.oauthbearer.jwks.endpoint.url": issuer.keys_url,
        "listener.name.oidc.oauthbearer.sasl.oauthbearer.expected.audience": AUDIENCE,
        "listener.name.elsewhere.ssl.keystore.type": "PEM",
        "listener.name.elsewhere.ssl.keystore.location": certificates.elsewhere,
    }
    listeners = {"OIDC": "SASL_PLAINTEXT", "ELSEWHERE": "SSL"}
    options = [f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={issuer.keys_url}"]
    if realm:
        listeners["TICKET"] = "SASL_PLAINTEXT"
        options.append(f"-Djava.security.krb5.conf={realm.config}")
        overrides.update({
            "listener.name.ticket.sasl.enabled.mechanisms": "GSSAPI",
            "sasl.kerberos.service.name": "kafka",
            "listener.name.ticket.gssapi.sasl.jaas.config":
                "com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true storeKey=true "
                f'keyTab="{realm.service_keytab}" principal="{realm.service}";',
        })
    with KafkaCluster("4.3.1", run_folder / "guarded", secure=True, certificates=certificates, overrides=overrides,
                      java_options=options, more_listeners=listeners, name="guarded") as cluster:
        create_topic(cluster, NAME, 4)
        produce(cluster, NAME, stream(200))
        yield cluster


@pytest.fixture
def enter(guarded, interlock, properties):
    """A function: enter("TLS", {...}) compares the node, entered by that door, with itself, entered by the open one."""

    def go(listener, settings, topic=NAME, options=(), **how):
        file = properties(guarded.addresses(listener), settings)
        return interlock.parity(file, guarded, topic, options=[*QUICK, "--timeout", "4s", *options], **how)

    return go


def stays_shut(result, *words, status=UNREACHED, secrets=()):
    assert result.status == status, result
    assert result.json["verdict"] == "unknown", result
    for word in words:
        assert word.lower() in result.err.lower(), result
    for secret in secrets:
        assert secret not in result.out + result.err, result
    return result


def in_one_line(path_or_text):
    """PEM as a property file holds it."""
    text = path_or_text.read_text() if isinstance(path_or_text, Path) else path_or_text
    return text.strip().replace("\n", "\\n")


def openssl(*words):
    return subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True, check=True).stdout


# ---- TLS

def tls(guarded, **more):
    return {"security.protocol": "SSL", "ssl.ca.location": guarded.certificates.authority, **more}


@pytest.mark.parametrize("words", ["librdkafka", "java"])
def test_certificates_as_text(guarded, enter, words):
    made = guarded.certificates
    names = {"librdkafka": ("ssl.ca.pem", "ssl.certificate.pem", "ssl.key.pem"),
             "java": ("ssl.truststore.certificates", "ssl.keystore.certificate.chain", "ssl.keystore.key")}[words]
    kinds = {"ssl.truststore.type": "PEM", "ssl.keystore.type": "PEM"} if words == "java" else {}
    expect_open(enter("MTLS", {"security.protocol": "SSL", **kinds, names[0]: in_one_line(made.authority),
                               names[1]: in_one_line(made.client_certificate), names[2]: in_one_line(made.client_key)}))


def test_java_stores_in_pem(guarded, enter):
    made = guarded.certificates
    expect_open(enter("MTLS", {"security.protocol": "SSL", "ssl.truststore.type": "PEM", "ssl.keystore.type": "PEM",
                               "ssl.truststore.location": made.authority, "ssl.keystore.location": made.client}))


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_one_version_of_tls(guarded, enter, version):
    expect_open(enter("TLS", tls(guarded, **{"ssl.enabled.protocols": version})))


@pytest.mark.parametrize("form", ["file", "text"])
@pytest.mark.parametrize("password, word", [("of-the-key", None), ("not-of-the-key", "password"), (None, "password")],
                         ids=["right", "wrong", "none"])
def test_a_key_under_a_password(guarded, enter, tmp_path, form, password, word):
    made, key = guarded.certificates, tmp_path / "locked.key"
    openssl("pkcs8", "-topk8", "-v2", "aes256", "-in", made.client_key, "-out", key, "-passout", "pass:of-the-key")
    settings = tls(guarded, **{"ssl.certificate.location": made.client_certificate})
    settings.update({"ssl.key.location": key} if form == "file" else {"ssl.key.pem": in_one_line(key)})
    if password:
        settings["ssl.key.password"] = password
    result = enter("MTLS", settings)
    if word is None:
        expect_open(result)
    else:
        stays_shut(result, word, status=WRONG_FILE, secrets=["of-the-key"])


def test_a_key_of_another_certificate(guarded, enter):
    made = guarded.certificates
    result = enter("MTLS", tls(guarded, **{"ssl.certificate.location": made.client_certificate,
                                           "ssl.key.location": made.folder / "server.key"}))
    stays_shut(result, "server.key", status=WRONG_FILE)


def test_a_certificate_of_a_strange_authority(guarded, enter):
    made = guarded.certificates
    result = enter("MTLS", tls(guarded, **{"ssl.certificate.location": made.stranger,
                                           "ssl.key.location": made.folder / "stranger.key"}))
    stays_shut(result, "certificate")


def test_a_certificate_is_wanted_and_none_given(guarded, enter):
    stays_shut(enter("MTLS", tls(guarded)), "certificate")


def test_no_authority_given_means_the_systems(guarded, enter):
    stays_shut(enter("TLS", {"security.protocol": "SSL"}), "certificate")


def test_a_broker_with_anothers_certificate(guarded, enter):
    stays_shut(enter("ELSEWHERE", tls(guarded)), "elsewhere.example.org", "127.0.0.1")
    expect_open(enter("ELSEWHERE", tls(guarded, **{"ssl.endpoint.identification.algorithm": "none"})))


def test_an_expired_certificate_is_taken_only_when_asked_for(guarded, enter):
    stays_shut(enter("EXPIRED", tls(guarded)), "expired")
    expect_open(enter("EXPIRED", {"security.protocol": "SSL", "enable.ssl.certificate.verification": "false"}))


@pytest.mark.parametrize("key, text", [("ssl.ca.location", None), ("ssl.ca.location", "no certificate\n"),
                                       ("ssl.ca.pem", "-----BEGIN CERTIFICATE-----\\nAAAA\\n-----END CERTIFICATE-----")],
                         ids=["no file", "no certificate in it", "a broken one as text"])
def test_an_authority_that_cannot_be_read(enter, tmp_path, key, text):
    file = tmp_path / "authority.pem"
    if text and key == "ssl.ca.location":
        file.write_text(text)
    result = enter("TLS", {"security.protocol": "SSL", key: text if key == "ssl.ca.pem" else file})
    stays_shut(result, "CA certificates" if key == "ssl.ca.pem" else str(file), ".properties", status=WRONG_FILE)


# ---- passwords

def password(mechanism, user="alice", secret=None, protocol="SASL_PLAINTEXT"):
    return {"security.protocol": protocol, "sasl.mechanism": mechanism, "sasl.username": user,
            "sasl.password": USERS.get(user, "whatever-secret") if secret is None else secret}


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
@pytest.mark.parametrize("user, secret", [("alice", "Wr0ng-Secret"), ("nobody", "Wr0ng-Secret")],
                         ids=["wrong password", "unknown user"])
def test_a_login_that_is_refused(enter, mechanism, user, secret):
    result = enter("SASL", password(mechanism, user, secret))
    stays_shut(result, user, mechanism, secrets=[secret, base64.b64encode(secret.encode()).decode()])
    assert result.seconds < 60


def test_a_mechanism_that_is_not_offered(guarded, enter):
    stays_shut(enter("OIDC", password("SCRAM-SHA-512")), "OAUTHBEARER", secrets=["alice-secret"])


def test_a_login_where_none_is_taken(guarded, target, interlock, properties):
    result = interlock.parity(properties(target.bootstrap, password("PLAIN")), guarded, NAME,
                              options=["--timeout", "4s"])
    stays_shut(result, "security.protocol", secrets=["alice-secret"])


def test_no_login_where_one_is_wanted(guarded, interlock):
    result = interlock.parity(guarded.addresses("SASL"), guarded, NAME, options=["--timeout", "4s"])
    stays_shut(result, "source")


def test_no_secret_is_seen_from_outside(guarded, interlock, properties, tmp_path):
    """The process list, the files that it writes, and what it says with all it has to say."""
    secret = USERS["alice"]
    checkpoint = tmp_path / "checkpoint"
    file = properties(guarded.addresses("SASL"), password("SCRAM-SHA-512"))
    process = interlock.start("parity", "--source", file, "--target", guarded.bootstrap, "--topic", NAME, "--json",
                              "--follow", "--checkpoint", checkpoint)
    time.sleep(2)
    seen = Path(f"/proc/{process.pid}/cmdline").read_bytes() + Path(f"/proc/{process.pid}/environ").read_bytes()
    process.send_signal(signal.SIGINT)
    result = expect_open(interlock.finish(process))
    assert secret.encode() not in seen + (checkpoint.read_bytes() if checkpoint.exists() else b"")
    assert secret not in result.out + result.err


# ---- tokens

def token_from(**more):
    return {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "OAUTHBEARER",
            **{f"interlock.sasl.oauthbearer.token.{key}": value for key, value in more.items()}}


def from_endpoint(issuer, secret=None, url=None, **more):
    return {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "OAUTHBEARER",
            "sasl.oauthbearer.method": "oidc", "sasl.oauthbearer.token.endpoint.url": url or issuer.token_url,
            "sasl.oauthbearer.client.id": "alice",
            "sasl.oauthbearer.client.secret": secret or CLIENTS["alice"], "sasl.oauthbearer.scope": "see more", **more}


@pytest.mark.parametrize("listener", ["OAUTH", "OIDC"], ids=["unsecured", "signed"])
@pytest.mark.parametrize("way", ["file", "url of a file", "command", "command with JSON"])
def test_a_token_from_elsewhere(issuer, enter, tmp_path, listener, way):
    token = issuer.token("alice") if listener == "OIDC" else unsecured_token("alice")
    file = tmp_path / "token"
    file.write_text(json.dumps({"access_token": token, "expires_in": 60}) if "JSON" in way else token + "\n")
    if way == "url of a file":
        settings = {**token_from(), "sasl.oauthbearer.token.endpoint.url": f"file://{file}"}
    else:
        settings = token_from(file=file) if way == "file" else token_from(command=f"cat {shlex.quote(str(file))}")
    result = expect_open(enter(listener, settings))
    assert token not in result.out + result.err


@pytest.mark.parametrize("words", ["librdkafka", "java"])
def test_a_token_from_an_endpoint(issuer, enter, words):
    settings = from_endpoint(issuer)
    if words == "java":
        secret = settings.pop("sasl.oauthbearer.client.secret").replace('"', '\\"')
        del settings["sasl.oauthbearer.client.id"], settings["sasl.oauthbearer.method"]
        settings["sasl.jaas.config"] = (f"{JAAS}oauthbearer.OAuthBearerLoginModule required clientId=\"alice\" "
                                        f"clientSecret=\"{secret}\" scope=\"see more\";")
        settings["sasl.login.callback.handler.class"] = f"{JAAS}oauthbearer.OAuthBearerLoginCallbackHandler"
    before = issuer.given
    result = expect_open(enter("OIDC", settings))
    assert issuer.given > before and issuer.asked[-1]["scope"] == ["see more"]
    assert CLIENTS["alice"] not in result.out + result.err


def test_an_endpoint_that_refuses(issuer, enter):
    stays_shut(enter("OIDC", from_endpoint(issuer, secret="not-the-secret")), "401", "invalid_client",
               secrets=["not-the-secret"])


@pytest.mark.parametrize("answer", [(200, b"<html>please log in</html>"), (200, b"{}"), (503, b""), (200, b"{" * 100000)],
                         ids=["a page", "no token", "503", "a flood"])
def test_an_endpoint_that_answers_nonsense(issuer, enter, answer):
    issuer.answer = answer
    try:
        stays_shut(enter("OIDC", from_endpoint(issuer)), "token", secrets=[CLIENTS["alice"]])
    finally:
        issuer.answer = None


def test_an_endpoint_that_is_not_there(issuer, enter):
    port, = free_ports(1)
    stays_shut(enter("OIDC", from_endpoint(issuer, url=f"http://127.0.0.1:{port}/token")), "token", str(port),
               secrets=[CLIENTS["alice"]])


@pytest.mark.parametrize("token", ["expired", "audience", "rubbish", "empty"])
def test_a_token_that_is_refused(issuer, enter, tmp_path, token):
    text = {"expired": issuer.token("alice", lifetime_s=-100), "audience": issuer.token("alice", audience="tea"),
            "rubbish": "not.a.token", "empty": ""}[token]
    (tmp_path / "token").write_text(text)
    stays_shut(enter("OIDC", token_from(file=tmp_path / "token")), "token" if token == "empty" else "OAUTHBEARER",
               secrets=[text] if text else [])


@pytest.mark.parametrize("command, word", [("sh -c 'echo no ticket for you >&2; exit 3'", "no ticket for you"),
                                           ("/no/such/command --token", "/no/such/command"), ("true", "empty")])
def test_a_token_command_that_fails(enter, command, word):
    stays_shut(enter("OIDC", token_from(command=command)), word)


# ---- the login ends before the comparison does

def ports_of(process, listener_port):
    """The local ports of a process's connections to one port of this machine."""
    inodes = set()
    for link in Path(f"/proc/{process.pid}/fd").iterdir():
        try:
            found = re.match(r"socket:\[(\d+)\]", os.readlink(link))
        except OSError:
            continue
        inodes |= {found.group(1)} if found else set()
    ports = set()
    for line in Path(f"/proc/{process.pid}/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        if words[9] in inodes and words[3] == "01" and int(words[2].split(":")[1], 16) == listener_port:
            ports.add(int(words[1].split(":")[1], 16))
    return ports


@pytest.mark.parametrize("listener, how", [("SASL", "follow"), ("OIDC", "long")], ids=["SCRAM, follow", "token, long"])
def test_a_login_that_must_be_repeated(guarded, issuer, interlock, properties, topic, listener, how):
    """Three times on the same connections: a new connection would be the easy way out."""
    made = stream(6000 if how == "long" else 200, size=1000)
    create_topic(guarded, topic, 4)
    produce(guarded, topic, made)
    file = properties(guarded.addresses(listener),
                      password("SCRAM-SHA-256") if listener == "SASL" else from_endpoint(issuer))
    issuer.lifetime_s = 20  # under the margin: each login asks for a new one
    before = issuer.given
    process = interlock.start("parity", "--source", file, "--target", guarded.bootstrap, "--topic", topic, "--json",
                              "--settle", "500ms", *(["--follow"] if how == "follow" else ["--rate", "1200KB/s"]))
    time.sleep(2)
    early = ports_of(process, guarded.nodes[1].ports[listener])
    time.sleep(3 * RELOGIN_MS / 1000 - 0.5)
    late = ports_of(process, guarded.nodes[1].ports[listener])
    if how == "follow":
        produce(guarded, topic, stream(100, size=1000, start=len(made)))
        time.sleep(1)
        process.send_signal(signal.SIGINT)
    result = expect_open(interlock.finish(process))
    issuer.lifetime_s = 3600
    assert early and early <= late, (early, late, result)
    assert result.topic()["records"]["matched"] == len(made) + (100 if how == "follow" else 0)
    if listener == "OIDC":
        assert issuer.given - before >= 3, issuer.given - before


def test_a_login_that_is_refused_the_second_time(guarded, issuer, interlock, properties):
    """The endpoint gives nothing more: unknown once the deadline is over, with its reason."""
    issuer.lifetime_s = 20
    file = properties(guarded.addresses("OIDC"), from_endpoint(issuer))
    process = interlock.start("parity", "--source", file, "--target", guarded.bootstrap, "--topic", NAME, "--json",
                              "--settle", "500ms", "--follow", "--timeout", "4s")
    time.sleep(2)
    issuer.answer = (401, b'{"error":"unauthorized_client"}')
    try:
        time.sleep(RELOGIN_MS / 1000 + 6)
        process.send_signal(signal.SIGINT)
        result = expect_unknown(interlock.finish(process), "UNREACHABLE")
        assert "unauthorized_client" in result.out, result
    finally:
        issuer.answer, issuer.lifetime_s = None, 3600


# ---- tickets

def ticket(**more):
    return {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "GSSAPI", "sasl.kerberos.service.name": "kafka",
            **more}


def test_a_ticket(guarded, realm, enter, tmp_path):
    if realm is None:
        pytest.skip("this distribution has no KDC: krb5-kdc and krb5-admin-server are missing")
    (tmp_path / "suppressions").write_text("leak:libgssapi_krb5\nleak:libgssglue\n")  # 16 bytes for a failed login
    cache = {"KRB5_CONFIG": str(realm.config), "KRB5CCNAME": f"FILE:{tmp_path}/cache",
             "LSAN_OPTIONS": f"exitcode=99:print_suppressions=0:suppressions={tmp_path}/suppressions"}
    stays_shut(enter("TICKET", ticket(), environment=cache), "GSSAPI", "klist")
    keytab = str(realm.keytabs["alice"])
    expect_open(enter("TICKET", ticket(), environment={**cache, "KRB5_CLIENT_KTNAME": keytab}))
    cache["KRB5CCNAME"] = f"FILE:{tmp_path}/another"
    expect_open(enter("TICKET", ticket(**{"sasl.kerberos.keytab": keytab, "sasl.kerberos.principal": realm.alice}),
                      environment=cache))
    cache["KRB5CCNAME"] = f"FILE:{tmp_path}/third"
    line = f'com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true keyTab="{keytab}" ' \
           f'principal="{realm.alice}" serviceName="kafka";'
    expect_open(enter("TICKET", {"security.protocol": "SASL_PLAINTEXT", "sasl.jaas.config": line}, environment=cache))


# ---- half of what is asked is denied

def allow(cluster, user, *rights):
    """`rights` are (resource type, name, operation)."""
    from confluent_kafka.admin import (AclBinding, AclOperation, AclPermissionType, ResourcePatternType, ResourceType)
    made = [AclBinding(ResourceType[kind], name, ResourcePatternType.LITERAL, f"User:{user}", "*",
                       AclOperation[operation], AclPermissionType.ALLOW) for kind, name, operation in rights]
    for future in cluster.admin().create_acls(made).values():
        future.result(20)


@pytest.fixture
def halves(guarded, topic):
    """Two topics; bob may read the first."""
    names = [f"{topic}-{i}" for i in range(2)]
    for name in names:
        create_topic(guarded, name, 2)
        produce(guarded, name, stream(50, partitions=2))
    allow(guarded, "bob", ("TOPIC", names[0], "READ"))
    return names


def as_bob(guarded, properties):
    return properties(guarded.addresses("SASL"), password("SCRAM-SHA-512", "bob"))


@pytest.mark.parametrize("side", [0, 1], ids=["source", "target"])
def test_a_topic_may_be_neither_seen_nor_read(guarded, halves, interlock, properties, side):
    bob = as_bob(guarded, properties)
    clusters = [bob, guarded] if side == 0 else [guarded, bob]
    expect_open(interlock.parity(*clusters, halves[0], options=QUICK))
    result = interlock.parity(*clusters, *halves, options=[*QUICK, "--timeout", "4s"])
    assert result.status != 0 and result.status != 1, result
    assert result.json["verdict"] == "unknown" and halves[1] in result.out, result
    assert "not authorised" in result.out, result


def test_a_topic_may_be_seen_and_not_read(guarded, halves, interlock, properties):
    allow(guarded, "bob", ("TOPIC", halves[1], "DESCRIBE"))
    time.sleep(0.5)
    result = interlock.parity(as_bob(guarded, properties), guarded, *halves, options=[*QUICK, "--timeout", "4s"])
    expect_unknown(result)
    assert any(reason.get("topic") == halves[1] for reason in result.json["reasons"]), result
    assert not any(reason.get("topic") == halves[0] for reason in result.json["reasons"]), result


def test_a_glob_shows_only_what_one_may_see(guarded, halves, interlock, properties, topic):
    """Brokers leave the rest out without a word; what was compared is in the answer for all to see."""
    result = expect_open(interlock.parity(as_bob(guarded, properties), guarded, f"{topic}-*", options=QUICK))
    assert [one["source"] for one in result.json["topics"]] == [halves[0]]


def test_reading_is_forbidden_meanwhile(guarded, topic, interlock, properties):
    create_topic(guarded, topic, 2)
    produce(guarded, topic, stream(4000, partitions=2, size=1000))
    allow(guarded, "bob", ("TOPIC", topic, "READ"))
    process = interlock.start("parity", "--source", as_bob(guarded, properties), "--target", guarded.bootstrap,
                              "--topic", topic, "--json", "--rate", "1MB/s", "--timeout", "4s")
    time.sleep(2)
    from confluent_kafka.admin import AclBindingFilter, AclOperation, AclPermissionType, ResourcePatternType, ResourceType
    wanted = AclBindingFilter(ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, "User:bob", None,
                              AclOperation.ANY, AclPermissionType.ANY)
    for future in guarded.admin().delete_acls([wanted]).values():
        future.result(20)
    result = expect_unknown(interlock.finish(process, timeout=60))
    assert result.reasons, result


def test_a_group_that_one_may_not_see(guarded, halves, interlock, properties):
    commit_group(guarded, f"{halves[0]}-group", halves[0], {0: 3, 1: 4})
    result = interlock.run("offsets", "--source", as_bob(guarded, properties), "--target", guarded.bootstrap,
                           "--group", f"{halves[0]}-group", "--json", "--timeout", "4s")
    assert result.status in (2, UNREACHED), result
    assert f"{halves[0]}-group" in result.out + result.err, result
    assert "USERS" not in result.out and USERS["bob"] not in result.out + result.err


def test_a_cluster_that_one_may_not_describe(guarded, halves, interlock, properties, tmp_path):
    """init and check with the rights of a plain reader: gates that need more are unknown, none is open by default."""
    plan = tmp_path / "exit.yaml"
    made = interlock.run("init", "--source", as_bob(guarded, properties), "--target", guarded.bootstrap, "--topic",
                         halves[0], "--plan", plan, "--timeout", "4s", folder=tmp_path, status=0)
    assert USERS["bob"] not in made.out + made.err + plan.read_text()
    result = interlock.run("check", "--plan", plan, "--json", "--timeout", "4s", folder=tmp_path, timeout=120, status=1)
    assert USERS["bob"] not in result.out + result.err
    gates = result.json["families"][0]["gates"]
    assert gates["compatibility"] == gates["capacity"] == "unknown" and gates["parity"] != "shut", result
    # What init cannot know shuts the last word: a plan without a lever has no way back, whatever one may read.
    assert {reason["rule"] for reason in result.json["families"][0]["reasons"] if reason["verdict"] == "shut"} == {
        "rollback.way"}, result
