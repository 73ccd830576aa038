"""What a verdict must say: the whole of its findings, no more, and where they are."""

from collections import defaultdict

STATUS = {"open": 0, "shut": 1, "unknown": 2}
QUICK = ("--settle", "300ms")


def places(records):
    """Where each record comes to lie when the list is written to an empty topic: (partition, offset)."""
    ends, out = defaultdict(int), []
    for one in records:
        out.append((one.partition, ends[one.partition]))
        ends[one.partition] += 1
    return out


def place(side):
    return None if side is None else (side["partition"], side["offset"])


def shows(result, name):
    """The examples of a class as (source place, target place)."""
    return sorted(((place(e["source"]), place(e["target"])) for e in result.examples(name)), key=str)


def expect(result, verdict, findings=None, codes=(), proved=...):
    """Exit status, verdict and *all* findings are these; the reasons hold `codes`."""
    assert result.verdict == verdict, result
    assert result.status == STATUS[verdict], result
    assert result.findings == (findings or {}), result
    assert {f"PARITY_{name}" for name in findings or {}} | set(codes) <= result.reasons, result
    if verdict == "open":
        assert not result.reasons, result
    if proved is not ...:
        assert result.json["claim"]["proved"] == proved, result
    return result


def expect_open(result, proved=...):
    return expect(result, "open", proved=proved)


def expect_shut(result, findings, **more):
    return expect(result, "shut", findings, **more)


def expect_unknown(result, *codes, findings=None):
    return expect(result, "unknown", findings, codes)
