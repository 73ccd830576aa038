"""The peers themselves: that the clusters, clients and faults which all other tests lean on are what they claim."""

import pytest

from confluent_kafka import KafkaException

from others import JavaCodec
from records import (commit_group, committed, create_topic, delete_records, end_offsets, produce, read_all, record,
                     stream, transaction)

pytestmark = pytest.mark.real


def test_records_come_back_as_they_were_written(pair, topic):
    made = [record(b"k", b"v", [("id", b"1"), ("id", None)], partition=1), record(None, b"", timestamp=5),
            record(b"", None)]
    for cluster in pair:
        create_topic(cluster, topic, 2)
        assert produce(cluster, topic, made, codec="zstd", batch=1) == [0, 0, 1]
        back = read_all(cluster, topic)
        assert [(m.key(), m.value(), m.headers(), m.timestamp()[1]) for m in back[1]] == \
            [(b"k", b"v", [("id", b"1"), ("id", None)], made[0].timestamp)]
        assert [(m.key(), m.value(), m.timestamp()[1]) for m in back[0]] == [(None, b"", 5), (b"", None, made[2].timestamp)]


def test_an_aborted_transaction_is_there_and_not_read(source, topic):
    create_topic(source, topic, 1)
    with transaction(source, topic) as t:
        t.produce(topic, record(b"a", b"1"))
        t.commit()
        t.begin()
        t.produce(topic, record(b"a", b"2"))
        t.abort()
    assert [m.value() for m in read_all(source, topic)[0]] == [b"1"]
    assert [m.value() for m in read_all(source, topic, "read_uncommitted")[0]] == [b"1", b"2"]
    assert end_offsets(source, topic) == {0: 4}


def test_records_can_be_deleted_from_the_front(target, topic):
    create_topic(target, topic, 1)
    produce(target, topic, stream(10, partitions=1))
    delete_records(target, topic, {0: 4})
    assert len(read_all(target, topic)[0]) == 6


def test_a_group_without_members_has_a_position(target, topic):
    create_topic(target, topic, 2)
    commit_group(target, topic, topic, {0: 3, 1: 5})
    assert committed(target, topic, topic, [0, 1]) == {0: 3, 1: 5}


def test_three_nodes_survive_a_crash_and_a_pause(new_cluster, topic):
    cluster = new_cluster("4.3.1", nodes=3)
    create_topic(cluster, topic, 6)
    produce(cluster, topic, stream(300, partitions=6))
    cluster.kill(2)
    produce(cluster, topic, stream(300, partitions=6, start=300))
    cluster.start_node(2)
    cluster.pause(3)
    cluster.resume(3)
    assert sum(len(records) for records in read_all(cluster, topic).values()) == 600


def test_the_secure_node_lets_in_whom_it_should(secure, topic):
    from confluent_kafka.admin import AdminClient
    made = secure.certificates

    def sees(listener, **settings):
        chosen = {"bootstrap.servers": secure.addresses(listener), "log_level": 0,
                  **{key.replace("_", "."): value for key, value in settings.items()}}
        try:
            return len(AdminClient(chosen).list_topics(timeout=2.5).brokers) == 1
        except KafkaException:
            return False

    scram = {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "SCRAM-SHA-512", "sasl_username": "alice"}
    assert sees("SASL", sasl_password="alice-secret", **scram)
    assert not sees("SASL", sasl_password="wrong", **scram)
    assert sees("TLS", security_protocol="SSL", ssl_ca_location=str(made.authority))
    assert not sees("TLS", security_protocol="SSL", ssl_ca_location=str(made.stranger))
    assert not sees("EXPIRED", security_protocol="SSL", ssl_ca_location=str(made.authority))
    assert not sees("MTLS", security_protocol="SSL", ssl_ca_location=str(made.authority))
    assert sees("MTLS", security_protocol="SSL", ssl_ca_location=str(made.authority),
                ssl_certificate_location=str(made.client_certificate), ssl_key_location=str(made.client_key))


def test_the_old_cluster_takes_and_gives_records(old_cluster, topic):
    create_topic(old_cluster, topic, 3, replicas=1)
    produce(old_cluster, topic, stream(30, partitions=3))
    assert sum(len(records) for records in read_all(old_cluster, topic).values()) == 30


def test_the_registry_gives_ids(registry):
    one = registry()
    assert one.register("orders-value", '"string"') == one.register("orders-value", '"string"')


def test_the_java_codec_answers():
    with JavaCodec() as java:
        data = java.encode("MetadataRequest", 12, {"topics": None, "allowAutoTopicCreation": False,
                                                   "includeTopicAuthorizedOperations": False})
        assert java.decode("MetadataRequest", 12, data)["left"] == 0


def test_mirror_maker_copies(pair, mirror, topic):
    create_topic(pair.source, topic, 2)
    produce(pair.source, topic, stream(50, partitions=2))
    mirror(pair.source, pair.target, topics=topic)
    import time
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if topic in pair.target.admin().list_topics(timeout=10).topics and sum(end_offsets(pair.target, topic).values()) == 50:
            break
        time.sleep(0.5)
    assert sum(end_offsets(pair.target, topic).values()) == 50
