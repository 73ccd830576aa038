"""Waiting for what comes about by itself, for as long as a slow machine may take."""

import time


def until(look, timeout=60, said="it did not come about"):
    """What `look` gives once it is not false; `said`, or the last of what it lists, stands in the failure."""
    deadline = time.monotonic() + timeout
    while not (seen := look()):
        assert time.monotonic() < deadline, said if isinstance(said, str) else f"{list(said)[-1:]}"
        time.sleep(0.1)
    return seen
