"""The laws of the fuzz run over exchange files can be broken: a reader that is careless is noticed."""

from __future__ import annotations

import random

import pytest

from benchmarks.finger_formats_fuzz import TARGETS, check_of, mutated, repaired, seeds
from edge.core.fingerprints import iso19794_2, iso19794_2_views, iso19794_4
from edge.core.fingerprints.octets import Octets


@pytest.mark.parametrize("target", TARGETS)
def test_seeds_and_their_small_changes_break_no_law(target: str) -> None:
    check, source, begins = check_of(target), random.Random(5), list(seeds(target))
    for data in begins:
        check(data)
        assert check_of(target)(repaired(target, data)) is None
    for _ in range(400):
        check(mutated(source.choice(begins), source))


def broken(target: str) -> None:
    check, source, begins = check_of(target), random.Random(5), list(seeds(target))
    for _ in range(2000):
        check(mutated(source.choice(begins), source))


@pytest.mark.parametrize("target", TARGETS)
def test_a_reader_that_lets_another_error_out_is_noticed(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Octets, "fault", lambda *_, **__: KeyError("field"))
    with pytest.raises(KeyError):
        broken(target)


@pytest.mark.parametrize("target", ["fmr2005", "fmr2011"])
def test_a_reader_that_does_not_look_where_a_minutia_lies_is_noticed(
    target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    minutiae_of = iso19794_2_views.minutiae_of

    def careless(octets: Octets, count: int, size: int, frame: iso19794_2_views.Frame, said: tuple[int, ...]) -> object:
        wide = iso19794_2_views.Frame(0x4000, 0x4000, frame.per_cm_x, frame.per_cm_y)
        return minutiae_of(octets, count, size, wide, said)

    monkeypatch.setattr(iso19794_2, "minutiae_of", careless)
    with pytest.raises(AssertionError):
        broken(target)


@pytest.mark.parametrize("target", ["fmr2005", "fir"])
def test_a_reader_that_takes_bytes_after_the_end_is_noticed(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(octets: Octets, least: int, size: int = 4) -> None:
        octets.take(8, "format identifier and version")
        octets.number(size, "record length", least)

    monkeypatch.setattr(Octets, "done", lambda *_: None)
    monkeypatch.setattr(iso19794_2, "opening", careless)
    monkeypatch.setattr(iso19794_4, "opening", careless)
    with pytest.raises(AssertionError, match="a byte too many is taken"):
        broken(target)
