"""Several writers of one partition, of whom one is back later than the others: behind for a while, then lost, then there."""

import time

import pytest

from broker import Broker
from records import create_topic, produce, record
from test_live import Follower

pytestmark = pytest.mark.real
LONG_MS, SHORT_MS = 600_000, 1500


@pytest.fixture(scope="module")
def own(run_folder):
    with Broker(run_folder / "late-a") as source, Broker(run_folder / "late-b") as target:
        yield source, target


def to_both(own, topic, records):
    for cluster in own:
        produce(cluster, topic, records)


@pytest.fixture
def late(own, request):
    """One shop's record is on the source alone, and another shop's stand behind it on both."""
    topic = f"orders-{request.node.name[:30].replace('[', '-').replace(']', '')}"
    for cluster in own:
        create_topic(cluster, topic, 1)
    missing = record(b"slow-1", b"late")
    to_both(own, topic, [record(b"slow-0", b"early")])
    produce(own[0], topic, [missing])
    to_both(own, topic, [record(b"fast-%d" % i, b"v") for i in range(20)])
    with Follower(*own, topic, settle_ms=50) as follower:
        yield own, topic, missing, follower


def test_a_look_that_is_kept_knows_since_when(late, tmp_path):
    own, topic, missing, follower = late
    file = tmp_path / "orders.chk"
    answer = follower.ask(f"compare {file} {LONG_MS}")
    assert (answer["verdict"], answer["reasons"]) == ("unknown", ["PARITY_BEHIND"]), answer
    # Looked at again after as long as it may be late: nothing was read between, and the looks remember since when.
    looks, deadline = [], time.monotonic() + 30
    while not looks or (looks[-1]["verdict"] == "unknown" and time.monotonic() < deadline):
        looks.append(follower.ask(f"compare {file} {SHORT_MS}"))
    said = [look["verdict"] for look in looks]
    assert said[-1] == "shut" and "open" not in said and looks[-1]["findings"] == {"LOST": 1}, said
    produce(own[1], topic, [missing])
    answer = follower.ask(f"compare {file} {SHORT_MS}")
    assert (answer["verdict"], answer["findings"]) == ("open", {}), answer


def test_a_look_that_is_not_kept_waits(late):
    own, topic, missing, follower = late
    answer = follower.ask(f"compare - {SHORT_MS}")
    assert (answer["verdict"], answer["findings"]) == ("shut", {"LOST": 1}), answer
    produce(own[1], topic, [missing])
    assert follower.ask(f"compare - {LONG_MS}")["verdict"] == "open"


def test_what_its_own_key_went_past_is_lost_at_once(late, tmp_path):
    own, topic, missing, follower = late
    to_both(own, topic, [record(b"slow-1", b"after")])
    answer = follower.ask(f"compare {tmp_path / 'orders.chk'} {LONG_MS}")
    assert (answer["verdict"], answer["findings"]) == ("shut", {"LOST": 1}), answer
