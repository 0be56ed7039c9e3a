"""The search itself: scan every template of a position, rerank the best, keep who is above the threshold.

Laws:
1. Shown and silent references never meet: each kind has its own best ``RERANKED``, its own number of templates, its own
   threshold and its own ``MAX_CANDIDATES``. What is shown is the same, to the last digit, whatever is silent.
2. The same work is done whether or not there are silent references: what one kind leaves of its ``RERANKED`` is filled
   with the next ones of the other, whose scores are thrown away.
3. References past their review date are scanned and dropped; they count for no threshold.
4. A gallery of another extractor is not scanned, and says so; the others are.
5. One person is one candidate, by the best of their references; the order is how few strangers reach the score, then
   the score, then list and place.
6. A probe that shows too little is refused (``thresholds.enough``): by it nobody would be found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from edge.core.fingerprints import thresholds
from edge.core.fingerprints.answers import MAX_CANDIDATES
from edge.core.fingerprints.cylinders import Described, describe
from edge.core.fingerprints.model import FingerError, Position, Template
from edge.core.fingerprints.rigid import rigid
from edge.core.fingerprints.scan import Scores, best_of, scan
from edge.core.fingerprints.shard import Shard
from edge.fingers.loaded import LoadedGallery, Rows
from edge.fingers.search_talk import Claim, Found, Part, Searched, Summed

RERANKED: Final = 1000  # templates whose comparison score is computed, shown and silent apart


class Backend(Protocol):
    """What compares (``edge.fingers.scan_backend``)."""

    def scan(self, probe: Described, shard: Shard) -> Scores:
        """float32[templates]: local similarity."""

    def rigid(self, probe: Described, shard: Shard) -> Scores:
        """float32[templates]: comparison score."""


class Plain:
    """Both in NumPy: the oracle, for tests and small galleries."""

    def scan(self, probe: Described, shard: Shard) -> Scores:
        """See ``edge.core.fingerprints.scan``."""
        return scan(probe, shard)

    def rigid(self, probe: Described, shard: Shard) -> Scores:
        """See ``edge.core.fingerprints.rigid``."""
        return rigid(probe, shard)


@dataclass(frozen=True, slots=True)
class _Block:
    """One shard of one gallery as it was scanned; its templates are ``first`` and up among all."""

    gallery: LoadedGallery
    shard: Shard
    rows: Rows
    first: int


@dataclass(frozen=True, slots=True)
class _Hit:
    """One reranked reference, among ``templates`` of its kind."""

    gallery: LoadedGallery
    row: int
    score: float
    templates: int

    @property
    def expected(self) -> float:
        """How many strangers reach its score."""
        return thresholds.expected(self.gallery.tail, self.templates, self.score)

    @property
    def order(self) -> tuple[float, float, str, int]:
        """Law 5."""
        return self.expected, -self.score, self.gallery.list_id, self.row


def search(
    backend: Backend, probe: Template, galleries: Sequence[LoadedGallery], *, false_candidates: float,
    today: int | None,
) -> Searched:  # fmt: skip
    """The candidates of a probe among all galleries; in a share of ``false_candidates`` searches one is shown falsely.

    Raises FingerError for a probe that shows too little (law 6).
    """
    mine = _described(probe)
    asked = [one for one in galleries if one.extractor_id == probe.extractor_id]
    blocks, scores = _scan(backend, mine, asked, probe.position)
    silent, valid = _flags(blocks, today)
    shown, hidden = np.nonzero(valid & ~silent)[0], np.nonzero(valid & silent)[0]
    open_, covert = _best(scores, shown, 2 * RERANKED), _best(scores, hidden, 2 * RERANKED)
    kept = open_[:RERANKED], covert[:RERANKED]
    work = np.concatenate([*kept, open_[RERANKED:], covert[RERANKED:]])[: 2 * RERANKED]  # law 2
    compared = dict(zip(work.tolist(), _rerank(backend, mine, blocks, work), strict=True))
    found: list[Found] = []
    for places, count, kind in ((kept[0], len(shown), False), (kept[1], len(hidden), True)):
        hits = _hits(blocks, places, compared, count, false_candidates)
        found += [_found(hit, silent=kind) for hit in _persons(hits)]
    return Searched(tuple(found), tuple(_part(one, probe, blocks, valid) for one in galleries))


def second(
    backend: Backend, probe: Template, claims: Sequence[Claim], galleries: Sequence[LoadedGallery], *,
    false_candidates: float, today: int | None,
) -> tuple[Summed | None, ...]:  # fmt: skip
    """Another finger of those claimed: the sum of both scores, None where the gallery has no such finger of theirs.

    Raises FingerError as ``search`` does.
    """
    mine = _described(probe)
    held = {one.list_id: one for one in galleries if one.extractor_id == probe.extractor_id}
    return tuple(_summed(backend, probe, mine, claim, held.get(claim.list_id), false_candidates, today)
                 for claim in claims)


def verify(backend: Backend, probe: Template, reference: Template) -> float:
    """1:1. Raises FingerError for templates of two extractors, and where one of them shows too little."""
    theirs = _described(reference)
    return float(backend.rigid(_described(probe), _alone(theirs))[0])


def _described(probe: Template) -> Described:
    """Law 6."""
    mine = describe(probe)
    if not thresholds.enough(len(probe), len(mine)):
        raise FingerError(thresholds.TOO_LITTLE, advice="clean the glass, and lay the whole fingertip down again")
    return mine


def _scan(
    backend: Backend, mine: Described, galleries: Sequence[LoadedGallery], position: Position
) -> tuple[list[_Block], Scores]:
    blocks: list[_Block] = []
    scores: list[Scores] = []
    first = 0
    for gallery in galleries:
        for shard, rows in gallery.shards(position):
            blocks.append(_Block(gallery, shard, rows, first))
            scores.append(backend.scan(mine, shard))
            first += len(rows)
    return blocks, np.concatenate([np.zeros(0, np.float32), *scores])


def _flags(blocks: Sequence[_Block], today: int | None) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    none = np.zeros(0, np.bool_)
    silent = np.concatenate([none, *(b.gallery.silent(b.rows) for b in blocks)])
    valid = np.concatenate([none, *(b.gallery.valid(b.rows, today) for b in blocks)])
    return silent, valid


def _best(scores: Scores, places: Rows, count: int) -> Rows:
    return np.asarray(places[best_of(scores[places], count)], np.int64)


def _rerank(backend: Backend, mine: Described, blocks: Sequence[_Block], work: Rows) -> list[float]:
    """The comparison score of every place in ``work``."""
    scores = np.zeros(len(work), np.float32)
    for block in blocks:
        here = np.nonzero((work >= block.first) & (work < block.first + len(block.rows)))[0]
        if len(here):
            scores[here] = backend.rigid(mine, block.shard.take(work[here] - block.first))
    return [float(one) for one in scores]


def _hits(
    blocks: Sequence[_Block], places: Rows, compared: dict[int, float], count: int, false_candidates: float
) -> list[_Hit]:
    """Those above the threshold of their gallery, in a search over ``count`` templates of their kind."""
    hits = []
    starts = [block.first for block in blocks]
    for place in places.tolist():
        block = blocks[int(np.searchsorted(starts, place, side="right")) - 1]
        gallery, score = block.gallery, compared[place]
        if score >= thresholds.threshold(gallery.tail, count, false_candidates):
            row = int(block.rows[place - block.first])
            hits.append(_Hit(gallery, row, score, count))
    return sorted(hits, key=lambda hit: hit.order)


def _persons(hits: Sequence[_Hit]) -> list[_Hit]:
    """The first of every record, at most MAX_CANDIDATES (law 5)."""
    kept: dict[tuple[str, str], _Hit] = {}
    for hit in hits:
        kept.setdefault((hit.gallery.list_id, hit.gallery.table.texts(hit.row)[0]), hit)
        if len(kept) == MAX_CANDIDATES:
            break
    return list(kept.values())


def _found(hit: _Hit, *, silent: bool) -> Found:
    entry = hit.gallery.table.entry(hit.row)
    return Found(
        hit.gallery.list_id, entry.record, entry.reference, int(entry.position), hit.score, hit.expected, silent,
        entry.category, entry.action or hit.gallery.action, entry.name, hit.templates,
    )  # fmt: skip


def _part(gallery: LoadedGallery, probe: Template, blocks: Sequence[_Block], valid: NDArray[np.bool_]) -> Part:
    if gallery.extractor_id != probe.extractor_id:
        problem = f"made by {gallery.extractor_id}, the finger was extracted by {probe.extractor_id}"
        return Part(gallery.list_id, gallery.generation, 0, problem)
    counted = sum(int(valid[b.first : b.first + len(b.rows)].sum()) for b in blocks if b.gallery is gallery)
    return Part(gallery.list_id, gallery.generation, counted, "")


def _summed(
    backend: Backend, probe: Template, mine: Described, claim: Claim, gallery: LoadedGallery | None,
    false_candidates: float, today: int | None,
) -> Summed | None:  # fmt: skip
    if gallery is None:
        return None
    fits = [row for row in gallery.rows_of(claim.record) if _fits(gallery, row, probe.position, claim, today)]
    if not fits:
        return None
    best = float(backend.rigid(mine, gallery.described(np.asarray(fits, np.int64))).max())
    total, templates = claim.score + best, max(1, claim.templates)
    expected = thresholds.expected_of_two(gallery.tail, templates * len(fits), total)
    agrees = thresholds.both_agree(
        gallery.tail, claim.score, best, templates=templates, references=len(fits), false_candidates=false_candidates
    )
    return Summed(total, expected, agrees)


def _fits(gallery: LoadedGallery, row: int, position: Position, claim: Claim, today: int | None) -> bool:
    """A reference of this finger (or of an unknown one), of the claim's own kind, and not the one that was found."""
    rows = np.asarray([row], np.int64)
    here = gallery.position_of(row)
    same = here is position or Position.UNKNOWN in (here, position)
    alike = bool(gallery.silent(rows)[0]) is claim.silent and bool(gallery.valid(rows, today)[0])
    return same and alike and (gallery.table.texts(row)[1], here) != (claim.reference, claim.position)


def _alone(described: Described) -> Shard:
    offsets = np.asarray([0, len(described)], np.int64)
    return Shard(described.extractor_id, described.bits, described.x, described.y, described.angle, offsets)
