"""A sample of `make fuzz-envelopes`: nothing but a refusal or a right result, in every case."""

from __future__ import annotations

from collections import Counter

from benchmarks.envelope_cases import CASES, OTHERS
from benchmarks.envelope_fuzz import attempts, outcome


def test_spoilt_papers_are_refused_or_rightly_taken() -> None:
    found: dict[str, Counter[str]] = {}
    for name, attempt in attempts(3000, seed=20261101):
        found.setdefault(name, Counter())[outcome(attempt)] += 1
    assert set(found) == {case.__name__ for case in (*CASES, *OTHERS)}
    assert all(counter.total() >= 300 for counter in found.values())
    # the damage goes deep enough: each case meets more than one check
    assert all(len(counter) >= 2 for counter in found.values()), found
    assert "taken" not in found["spoilt_on_the_way"]
    assert "taken" not in found["stream_spoilt"]
