"""The impostor tail of a gallery: pairs of strangers alone, drawn by the content; the fit finds what was there."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from gallery_kit import EXTRACTOR, entry, finger, some, written

from edge.core.fingerprints.cylinders import describe_many
from edge.core.fingerprints.gallery import GalleryTable
from edge.core.fingerprints.gallery_write import build
from edge.core.fingerprints.model import Position
from edge.core.fingerprints.thresholds import fmr
from hq import gallery_tail
from hq.gallery_tail import fit, fitted, seed_of, strangers

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def gallery(count: int, *, records: int = 10_000) -> GalleryTable:
    templates = [finger(seed, minutiae=20) for seed in range(count)]
    entries = [entry(f"R-{i % records:05d}", reference=f"F-{i}") for i in range(count)]
    return GalleryTable(build(EXTRACTOR, entries, templates, list(describe_many(templates))))


def test_every_pair_of_strangers_once_where_there_are_few() -> None:
    table = gallery(30, records=15)
    scores = np.concatenate(list(strangers(table, 1)))
    assert len(scores) == (30 * 29 - 15 * 2) // 2  # two fingers of each record are no strangers
    assert scores.min() >= 0
    assert fitted(table, NOW) is None


def test_pairs_are_drawn_by_the_content(monkeypatch: pytest.MonkeyPatch) -> None:
    table = gallery(60)
    assert seed_of(table) == seed_of(gallery(60)) != seed_of(gallery(59))
    drawn = [np.concatenate(list(strangers(table, seed, pairs=400))) for seed in (1, 1, 2)]
    assert [len(one) for one in drawn] == [400, 400, 400]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])
    told: list[int] = []
    monkeypatch.setattr(gallery_tail, "LEAST_PAIRS", 1000)
    tail = fitted(table, NOW, lambda _, done: told.append(done))
    assert tail is not None
    assert (tail.pairs, tail.seed, tail.fitted_at) == (1770, seed_of(table), NOW)
    assert told[-1] == 1770


def test_positions_take_part_by_the_pairs_they_have() -> None:
    table = GalleryTable(written(some(150)))
    per_position = [n * (n - 1) // 2 for n in table.positions]
    scores = np.concatenate(list(strangers(table, 3, pairs=500)))
    assert 500 <= len(scores) <= 500 + len(Position)
    assert len(scores) < sum(per_position)


@pytest.mark.parametrize("mates", [0, 5])
def test_the_fit_finds_the_tail_it_was_drawn_from_whatever_mates_hide_in_it(mates: int) -> None:
    drawn = np.random.default_rng(5)
    scores = drawn.exponential(1 / 2.5, 200_000)
    scores[:mates] = 25.0  # one finger under two records
    found = fit(scores.astype(np.float32))
    assert found.rate == pytest.approx(2.5, rel=0.15)
    assert found.score == pytest.approx(np.log(1000) / 2.5, abs=0.08)
    truth = float((drawn.exponential(1 / 2.5, 2_000_000) > 4.0).mean())
    assert fmr(found, 4.0) == pytest.approx(truth, rel=0.6)


def test_scores_that_are_all_the_same_have_no_tail() -> None:
    with pytest.raises(ValueError, match="no tail"):
        fit(np.zeros(1000, np.float32))
