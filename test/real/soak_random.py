"""The long run: random faults under random trouble, until SOAK_MINUTES (60) are over.  The seed of a round that fails
stands in its name."""

import os
import random
import time

import pytest

from records import delete_topic
from test_parity_random import run_one

pytestmark = pytest.mark.real
MINUTES = float(os.environ.get("SOAK_MINUTES", "60"))
FIRST_SEED = int(os.environ.get("SOAK_SEED", str(int(time.time()))))


def test_soak(new_cluster, interlock, subtests):
    pair = (new_cluster("3.9.1"), new_cluster("4.3.1"))
    deadline, seed = time.monotonic() + MINUTES * 60, FIRST_SEED
    while time.monotonic() < deadline:
        chance = random.Random(seed)
        topic = f"soak-{seed}"
        with subtests.test(seed=seed):
            run_one(pair, interlock, topic, seed, count=chance.choice([1000, 10_000, 50_000]))
        for cluster in pair:
            delete_topic(cluster, topic)
            if chance.random() < 0.1:
                cluster.kill()
                cluster.start_node()
        seed += 1
