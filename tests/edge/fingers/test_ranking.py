"""The search without a process: who is found, in what order, and that silent references change nothing shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import search_kit as kit
from hypothesis import given, settings
from hypothesis import strategies as st
from search_kit import INDEX, OTHER, Wanted, again, finger, people

from edge.core.fingerprints import thresholds
from edge.core.fingerprints.answers import MAX_CANDIDATES
from edge.core.fingerprints.cylinders import Described
from edge.core.fingerprints.model import FingerError, Position
from edge.core.fingerprints.scan import Scores
from edge.core.fingerprints.shard import Shard
from edge.core.fingerprints.thresholds import LEAST_MINUTIAE, TOO_LITTLE, Fallback
from edge.fingers import ranking
from edge.fingers.loaded import LoadedGallery
from edge.fingers.ranking import Plain
from edge.fingers.search_talk import Claim, Found, Load, Searched

TAIL = (4.0, 2.5)


def gallery(wanted: Sequence[Wanted], *, list_id: str = "wanted", silent: bool = False,
            tail: tuple[float, float] = TAIL, extractor: str = kit.EXTRACTOR) -> LoadedGallery:
    data = kit.gallery_bytes(wanted, extractor)
    positions = [0] * 11
    for one in wanted:
        positions[one.entry().position] += 1
    order = Load(list_id, 1, "", 0, "", None, extractor, tuple(positions), silent, "Action of the list.", tail)
    return LoadedGallery(order, memoryview(bytearray(data)), 0)


def search(*galleries: LoadedGallery, probe: int = 9, position: Position = INDEX, today: int | None = None,
           backend: ranking.Backend | None = None) -> Searched:
    template = replace(again(finger(probe)), position=position)
    return ranking.search(backend or Plain(), template, galleries, false_candidates=0.01, today=today)


def shown(answer: Searched) -> list[Found]:
    return [one for one in answer.found if not one.silent]


def plain(found: Sequence[Found]) -> list[tuple[object, ...]]:
    return [(o.list_id, o.record, o.reference, o.position, o.score, o.expected, o.action, o.name) for o in found]


class Counting(Plain):
    """Counts the templates that are compared."""

    def __init__(self) -> None:
        self.scanned = self.reranked = 0

    def scan(self, probe: Described, shard: Shard) -> Scores:
        self.scanned += len(shard)
        return super().scan(probe, shard)

    def rigid(self, probe: Described, shard: Shard) -> Scores:
        self.reranked += len(shard)
        return super().rigid(probe, shard)


CROWD = people(40)


@settings(max_examples=25)
@given(silent=st.lists(st.tuples(st.sampled_from([9, 21, 22, 10_003]), st.booleans(), st.booleans()), max_size=14),
       today=st.sampled_from([None, date(2026, 2, 3).toordinal()]))
def test_what_is_shown_does_not_depend_on_what_is_silent(
    silent: list[tuple[int, bool, bool]], today: int | None
) -> None:
    """The wanted finger and others, silent, of the same records or of others, also past their review date."""
    public = [*CROWD, Wanted("R-9", 9)]
    covert = [
        Wanted("R-9" if same else f"S-{i}", seed, silent=True, reference=f"S{i}",
               review=date(2020, 1, 1) if past else None)
        for i, (seed, same, past) in enumerate(silent)
    ]  # fmt: skip
    alone, mixed = search(gallery(public), today=today), search(gallery([*public, *covert]), today=today)
    assert plain(shown(alone)) == plain(shown(mixed))
    assert [one.record for one in shown(alone)] == ["R-9"]
    hidden = [one for one in mixed.found if one.silent]
    wanted = {one.record for one in covert if one.seed == 9 and not (today and one.review)}
    assert {one.record for one in hidden} == wanted if len(wanted) <= MAX_CANDIDATES else len(hidden) == MAX_CANDIDATES


def test_a_silent_gallery_beside_changes_nothing_shown() -> None:
    public, covert = gallery([*CROWD, Wanted("R-9", 9)]), gallery([Wanted("X", 9)], list_id="covert", silent=True)
    alone, beside = search(public), search(public, covert)
    assert plain(shown(alone)) == plain(shown(beside))
    assert [(one.list_id, one.record) for one in beside.found if one.silent] == [("covert", "X")]


def test_shown_and_silent_candidates_are_bounded_apart() -> None:
    many = [Wanted(f"P-{i:02d}", 9, reference=f"{i}") for i in range(25)]
    covert = [Wanted(f"Q-{i:02d}", 9, reference=f"{i}", silent=True) for i in range(25)]
    answer = search(gallery([*many, *covert]))
    assert len(shown(answer)) == MAX_CANDIDATES
    assert len(answer.found) == 2 * MAX_CANDIDATES


def test_the_same_work_is_done_with_and_without_silent_references() -> None:
    first, second = Counting(), Counting()
    wanted = [*people(300), Wanted("R-9", 9)]
    search(gallery(wanted), backend=first)
    search(gallery([replace(one, silent=i % 3 == 0) for i, one in enumerate(wanted)]), backend=second)
    assert (first.scanned, first.reranked) == (second.scanned, second.reranked) == (301, 301)


def test_the_rerank_is_bounded_whoever_is_silent() -> None:
    wanted = people(120)
    for share in (1, 2, 5, 1000):
        counting = Counting()
        kept, ranking.RERANKED = ranking.RERANKED, 20  # type: ignore[misc]
        try:
            search(gallery([replace(one, silent=i % share == 0) for i, one in enumerate(wanted)]), backend=counting)
        finally:
            ranking.RERANKED = kept  # type: ignore[misc]
        assert counting.reranked == 40


def test_a_reference_past_its_review_date_is_no_candidate_but_by_untrusted_time() -> None:
    held = gallery([*CROWD, Wanted("R-9", 9, review=date(2026, 2, 3))])
    assert [o.record for o in search(held, today=date(2026, 2, 3).toordinal()).found] == ["R-9"]
    late = search(held, today=date(2026, 2, 4).toordinal())
    assert late.found == ()
    assert late.parts[0].templates == 40
    assert [o.record for o in search(held, today=None).found] == ["R-9"]


def test_positions_unknown_ones_and_all() -> None:
    held = gallery([*CROWD, Wanted("KNOWN", 9), Wanted("VAGUE", 9, stated=Position.UNKNOWN),
                    *people(7, first=500, position=OTHER)])
    both = search(held)
    assert {o.record for o in both.found} == {"KNOWN", "VAGUE"}
    assert both.parts[0].templates == 42
    other = search(held, position=OTHER)
    assert {o.record for o in other.found} == {"VAGUE"}
    assert other.parts[0].templates == 8
    every = search(held, position=Position.UNKNOWN)
    assert {o.record for o in every.found} == {"KNOWN", "VAGUE"}
    assert every.parts[0].templates == 49


def test_one_person_is_one_candidate_by_the_best_reference() -> None:
    held = gallery([*CROWD, Wanted("R-9", 9, reference="A"), Wanted("R-9", 9, reference="B"),
                    Wanted("R-9", 33, reference="C")])
    (only,) = search(held).found
    assert (only.record, only.reference) == ("R-9", "A")
    assert only.action == "Action of the list."


def test_each_gallery_has_its_own_tail_and_all_share_the_travellers() -> None:
    """The same reference twice: where strangers score higher, it takes more to be a candidate."""
    held = gallery([*CROWD, Wanted("R-9", 9)])
    (score,) = (one.score for one in search(held).found)
    harder = gallery([Wanted("R-9", 9)], list_id="harder", tail=(score - 0.5, 2.5))
    assert [one.list_id for one in search(held, harder).found] == ["wanted"]
    (alone,) = search(held).found
    (beside,) = search(held, harder).found
    assert beside.expected == pytest.approx(alone.expected * 42 / 41)


def test_a_gallery_of_another_extractor_is_refused_and_the_others_are_searched() -> None:
    held, alien = gallery([Wanted("R-9", 9)]), gallery([Wanted("R-8", 9)], list_id="alien", extractor="other-1")
    answer = search(alien, held)
    assert [one.record for one in answer.found] == ["R-9"]
    refused, asked = answer.parts
    assert (refused.templates, asked.templates, asked.problem) == (0, 1, "")
    assert refused.problem == "made by other-1, the finger was extracted by invented-1"


@pytest.mark.parametrize("minutiae", [0, 1, LEAST_MINUTIAE - 1])
def test_a_finger_that_shows_too_little_is_refused(minutiae: int) -> None:
    nothing, held = finger(9, minutiae=minutiae), gallery(CROWD)
    with pytest.raises(FingerError, match=TOO_LITTLE):
        ranking.search(Plain(), nothing, [held], false_candidates=0.01, today=None)
    with pytest.raises(FingerError, match=TOO_LITTLE):
        ranking.second(Plain(), nothing, [], [held], false_candidates=0.01, today=None)
    for one, other in ((nothing, finger(9)), (finger(9), nothing)):
        with pytest.raises(FingerError, match=TOO_LITTLE):
            ranking.verify(Plain(), one, other)


def test_minutiae_that_stand_too_far_apart_show_too_little() -> None:
    sparse = finger(9, minutiae=LEAST_MINUTIAE)
    alone = replace(sparse, x=(np.arange(LEAST_MINUTIAE) * 300).astype(np.int16), width=4000)
    with pytest.raises(FingerError, match=TOO_LITTLE):
        ranking.search(Plain(), alone, [gallery(CROWD)], false_candidates=0.01, today=None)


def test_an_empty_gallery_finds_nobody() -> None:
    assert search(gallery([])).found == ()
    assert search().found == ()


def claims(answer: Searched) -> list[Claim]:
    return [Claim(o.list_id, o.record, o.reference, o.position, o.score, o.silent, o.templates) for o in answer.found]


def second(held: LoadedGallery, answer: Searched, seed: int, position: Position = OTHER) -> list[object]:
    template = again(finger(seed, position))
    return list(ranking.second(Plain(), template, claims(answer), [held], false_candidates=0.01, today=None))


def test_a_second_finger_adds_its_score_by_a_threshold_of_two() -> None:
    held = gallery([*CROWD, Wanted("R-9", 9, reference="set"), Wanted("R-9", 9, OTHER, reference="set"),
                    *people(40, position=OTHER, first=100)])
    answer = search(held)
    (agreeing,) = second(held, answer, 9)
    (other,) = second(held, answer, 55)
    first = answer.found[0].score
    assert agreeing.agrees  # type: ignore[attr-defined]
    assert agreeing.score > first + 4  # type: ignore[attr-defined]
    assert agreeing.expected < answer.found[0].expected  # type: ignore[attr-defined]
    assert first <= other.score < first + 4  # type: ignore[attr-defined]
    assert not other.agrees  # type: ignore[attr-defined]


def test_however_high_the_first_score_a_stranger_s_second_finger_does_not_agree() -> None:
    held = gallery([*CROWD, Wanted("R-9", 9, reference="set"), Wanted("R-9", 9, OTHER, reference="set")])
    answer = search(held)
    assert answer.found[0].score > 2 * TAIL[0]
    strangers = [second(held, answer, seed)[0] for seed in range(50, 80)]
    assert not any(one.agrees for one in strangers)  # type: ignore[attr-defined]


def test_more_references_of_a_person_ask_for_more() -> None:
    """The best of many is compared with a stranger as often: thresholds count each of them."""
    one = [*CROWD, Wanted("R-9", 9, reference="set"), Wanted("R-9", 9, OTHER, reference="set")]
    many = [*one, *(Wanted("R-9", 600 + i, OTHER, reference=f"x{i}") for i in range(9))]
    (alone,), (among,) = (second(held, search(held), 9) for held in (gallery(one), gallery(many)))
    assert among.score == alone.score  # type: ignore[attr-defined]
    assert among.expected == pytest.approx(10 * alone.expected)  # type: ignore[attr-defined]


def test_the_thresholds_of_two_follow_from_the_templates_of_the_first_search() -> None:
    """Not from the gallery that serves by now, whose tail may be another."""
    wanted = [*CROWD, Wanted("R-9", 9, reference="set"), Wanted("R-9", 9, OTHER, reference="set")]
    answer = search(gallery(wanted))
    assert {one.templates for one in answer.found} == {41}
    newer = gallery(wanted, tail=(2.0, 0.8))
    (found,) = second(newer, answer, 9)
    expected = thresholds.expected_of_two(newer.tail, 41, found.score)  # type: ignore[attr-defined]
    assert found.expected == pytest.approx(expected)  # type: ignore[attr-defined]


def test_a_candidate_tells_the_templates_of_its_own_kind() -> None:
    silent = [replace(one, silent=True) for one in people(7, first=900)]
    answer = search(gallery([*CROWD, Wanted("R-9", 9), Wanted("S-9", 9, silent=True), *silent]))
    assert {(one.record, one.templates) for one in answer.found} == {("R-9", 41), ("S-9", 8)}
    for one in answer.found:
        expected = thresholds.expected(Fallback(*TAIL), one.templates, one.score)
        assert one.expected == pytest.approx(expected)


def test_a_second_finger_without_a_reference_changes_nothing() -> None:
    held = gallery([*CROWD, Wanted("R-9", 9)])
    assert second(held, search(held), 9) == [None]
    assert second(held, search(held), 9, INDEX) == [None]  # the one that was found is not counted twice


def test_a_silent_second_reference_adds_nothing_to_one_that_is_shown() -> None:
    held = gallery([*CROWD, Wanted("R-9", 9), Wanted("R-9", 9, OTHER, silent=True)])
    assert second(held, search(held), 9) == [None]


def test_compared_one_to_one() -> None:
    same = ranking.verify(Plain(), again(finger(3)), finger(3))
    other = ranking.verify(Plain(), again(finger(3)), finger(4))
    assert same > 10 > other
    assert np.isfinite(other)


def test_nothing_of_a_gallery_stays_after_it_was_wiped() -> None:
    held = gallery([Wanted("R-9", 9)])
    memory = held._memory
    assert b"Invented R-9" in bytes(memory)
    held.wipe()
    assert not any(bytes(memory))


def test_no_repr_tells_of_a_finger(tmp_path: Path) -> None:
    held = gallery([Wanted("R-9", 9)])
    (found,) = search(held).found
    order = Load("wanted", 1, "/p", 1, "", b"secret-key" * 3, "x", (0,) * 11, False, "", TAIL)
    for one in (found, order, held, claims(search(held))[0]):
        assert "R-9" not in repr(one)
        assert "secret" not in repr(one)
