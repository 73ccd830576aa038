"""Random workloads with random faults: exactly those are found.  `make soak` goes on with other seeds for hours."""

import pytest

from expect import QUICK, expect_open, expect_shut
from plant import plant
from records import create_topic, produce

pytestmark = pytest.mark.real


def run_one(pair, interlock, topic, seed, count=3000, options=()):
    made = plant(seed, count)
    for cluster, records, how in ((pair[0], made.source, made.source_how), (pair[1], made.target, made.target_how)):
        create_topic(cluster, topic, made.partitions)
        produce(cluster, topic, records, **how)
    words = [*QUICK, *options, *(["--identity", "header:id"] if made.identity else [])]
    result = interlock.parity(*pair, topic, options=words, timeout=200)
    if made.findings:
        expect_shut(result, made.findings)
    else:
        expect_open(result)
    return result


@pytest.mark.parametrize("seed", range(1, 7))
def test_random_faults(pair, topic, interlock, seed):
    run_one(pair, interlock, topic, seed)


def test_random_faults_in_little_memory(pair, topic, interlock):
    run_one(pair, interlock, topic, seed=77, options=["--memory", "64MiB"])
