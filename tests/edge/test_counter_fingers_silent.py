"""Silent candidates leave no trace at the counter or on the wire; probes and images leave none in memory."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import journal_kit
import pytest
from counter_finger_kit import DISCREET, LEAD, WANTED, FingerBench, answer, arrays, bodies, erased, only, taken
from counter_kit import zone
from structlog.testing import capture_logs

from edge.core import sealing
from edge.core.padding import IMAGE_SIZE, MAX_IMAGE, PLAIN_SIZE
from edge.core.sealing import BOX_OVERHEAD
from edge.core.verdicts import Outcome
from edge.counter.dossier import MAX_DOSSIERS
from edge.journal import Journal
from edge.journal.entries import Pen, may_drop

CROWD = tuple(replace(DISCREET, record=f"F-{n}", score=60.0 + n) for n in range(10))


def one_world(folder: Path, candidates: tuple[Any, ...], *, images: bool, ask: Any = "always") -> dict[str, Any]:
    """Everything that an observer of one finger can see, and what headquarters reads."""
    folder.mkdir()
    journal = journal_kit.journal(folder / "journal.sqlite")
    journal.start()
    bench = FingerBench(journal, ask=ask, images=images)
    with capture_logs() as lines:
        bench.scan()
        bench.found(answer(*candidates, image_wanted=frozenset({"prints"})), after=0.9)
    items = journal.pending()
    row = journal.passage("P1")
    seen = {
        "published": bench.published, "log": lines, "waits": bench.waits, "row": row, "alarms": bench.alarms,
        "orders": len(bench.station.orders), "sizes": [len(item.body) for item in items],
        "kept": len(bench.counter.fingers._dossiers["P1"].probes), "audit": journal.counts().audit_rows,
    }
    (body,) = bodies(journal)
    journal.close()
    return {"seen": seen, "body": body}


@pytest.mark.parametrize("images", [False, True])
@pytest.mark.parametrize("candidates", [(DISCREET,), CROWD], ids=["one", "ten"])
def test_silent_candidates_alone_look_exactly_like_none(
    tmp_path: Path, candidates: tuple[Any, ...], images: bool
) -> None:
    none = one_world(tmp_path / "a", (), images=images)
    silent = one_world(tmp_path / "b", candidates, images=images)
    assert silent["seen"] == none["seen"]
    assert only([json.loads(m) for m in none["seen"]["published"]], "fingers")["outcome"] == "CLEAR"
    assert none["seen"]["orders"] == 1  # no second finger
    size = IMAGE_SIZE if images else PLAIN_SIZE
    assert none["seen"]["sizes"] == [sealing.sealed_size(1), sealing.sealed_size(1, size)]
    assert (none["body"].outcome, silent["body"].outcome) == (Outcome.CLEAR, Outcome.POSSIBLE)
    assert (none["body"].shown, silent["body"].shown) == (Outcome.CLEAR, Outcome.CLEAR)
    assert (len(none["body"].image), len(silent["body"].image)) == (0, 15_000 if images else 0)
    assert [r.silent for r in silent["body"].reasons] == [True] * len(candidates)


def test_beside_a_shown_candidate_a_silent_one_changes_nothing_that_is_seen(tmp_path: Path) -> None:
    plain = one_world(tmp_path / "a", (WANTED,), images=True)
    mixed = one_world(tmp_path / "b", (WANTED, *CROWD), images=True)
    assert mixed["seen"] == plain["seen"]
    assert plain["seen"]["orders"] == 2
    assert len(mixed["body"].reasons) == 11


def test_only_the_sealed_flag_keeps_a_silent_finger_from_being_dropped(tmp_path: Path) -> None:
    for name, candidates, droppable in (("a", (), True), ("b", (DISCREET,), False)):
        folder = tmp_path / name
        folder.mkdir()
        journal = journal_kit.journal(folder / "journal.sqlite")
        journal.start()
        bench = FingerBench(journal, ask="always")
        bench.scan()
        bench.found(answer(*candidates))
        journal.close()
        db = sqlite3.connect(folder / "journal.sqlite")
        rows = db.execute("select seq, keep from outbox order by seq").fetchall()
        epoch = db.execute("select value from meta where name = 'epoch'").fetchone()[0]
        db.close()
        pen = Pen(journal_kit.DEVICE, epoch, "", journal_kit.SEALER, journal_kit.BOX_KEY, lambda: journal_kit.START,
                  lambda: 0.0)
        assert {len(keep) for _, keep in rows} == {BOX_OVERHEAD + 1}
        assert [may_drop(pen, seq, keep) for seq, keep in rows] == [True, droppable]


@pytest.mark.parametrize("list_id", ["prints", "other"])
def test_the_image_goes_only_to_a_list_that_wants_it_and_the_size_is_the_same(journal: Journal, list_id: str) -> None:
    bench = FingerBench(journal, images=True)
    bench.scan(LEAD)
    bench.found(answer(WANTED, image_wanted=frozenset({list_id})))
    bench.found(problem="capture failed, try again")  # the second finger
    assert [bool(body.image) for body in bodies(journal)] == [list_id == "prints", False]
    sizes = [len(item.body) for item in journal.pending()]
    assert sizes == [sealing.sealed_size(1), *[sealing.sealed_size(1, IMAGE_SIZE)] * 2]


def test_an_image_that_is_too_long_is_left_out(journal: Journal) -> None:
    bench = FingerBench(journal, images=True)
    bench.scan(LEAD)
    finger = replace(taken(), packed=bytes(MAX_IMAGE + 1))
    bench.found(answer(WANTED, image_wanted=frozenset({"prints"})), finger=finger)
    (body,) = bodies(journal)
    assert (body.image, body.trimmed, [r.record for r in body.reasons]) == (b"", 0, ["F-7"])


# -- memory ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("candidates", [(), (DISCREET,)], ids=["none", "silent"])
def test_a_finger_without_shown_candidates_is_overwritten_at_once(
    journal: Journal, candidates: tuple[Any, ...]
) -> None:
    bench = FingerBench(journal, ask="always")
    bench.scan()
    finger = taken()
    assert all(array.any() for array in arrays(finger))
    bench.found(answer(*candidates), finger=finger)
    assert erased(finger)
    assert bench.counter.fingers._dossiers["P1"].probes == {}


@pytest.mark.parametrize("end", ["closed", "time", "limit"])
def test_the_probe_of_a_shown_lead_is_kept_in_memory_until_it_ends(journal: Journal, end: str) -> None:
    bench = FingerBench(journal)
    bench.scan(LEAD)
    finger = taken()
    before = [array.copy() for array in arrays(finger.template)]
    bench.found(answer(WANTED), finger=finger)
    assert erased(finger)  # the image, and the station's own template
    (probe,) = bench.counter.fingers._dossiers["P1"].probes.values()
    assert all((one == other).all() for one, other in zip(arrays(probe), before, strict=True))
    if end == "closed":
        bench.close("P1", "referred")
    elif end == "time":
        bench.later(121)
    else:
        for number in range(MAX_DOSSIERS):
            bench.mono += 1
            bench.scan(zone(number=f"L{number:08}"))
    assert erased(probe)


def test_an_overwritten_place_is_taken_by_the_next_probe_of_that_finger(journal: Journal) -> None:
    bench = FingerBench(journal)
    bench.scan(LEAD)
    bench.found(answer())
    (first,) = bench.counter.fingers._dossiers["P1"].probes.values()
    bench.ask("P1", position=first.position)
    bench.found(answer())
    assert erased(first)
    (second,) = bench.counter.fingers._dossiers["P1"].probes.values()
    assert not erased(second)


def test_nothing_of_a_finger_stands_in_a_repr_or_in_the_journal(journal: Journal, tmp_path: Path) -> None:
    bench = FingerBench(journal)
    bench.scan(LEAD)
    finger = taken()
    minutiae = finger.template.x.tobytes()
    pixels = finger.image.pixels[0].tobytes()
    order = bench.station.orders[-1]
    bench.found(answer(WANTED), finger=finger)
    dossier = bench.counter.fingers._dossiers["P1"]
    for thing in (finger, order, dossier, dossier.probes[order.position], bench.station.orders):
        assert "array" not in repr(thing)
    assert "VELMIROV" not in repr(dossier).upper()
    for path in tmp_path.iterdir():
        data = path.read_bytes()
        assert minutiae not in data
        assert pixels not in data


# -- one to one -----------------------------------------------------------------------------------


@pytest.mark.parametrize("same", [True, False, None])
def test_the_same_finger_at_another_counter_is_compared_told_and_recorded(journal: Journal, same: bool | None) -> None:
    bench = FingerBench(journal)
    bench.scan(LEAD)
    bench.found(answer())
    said = bench.ask("P1", "verify", scanner="second-line", uid=1007)
    assert said == {"ok": True, "passage": "P1", "position": "right-index", "order": 2}
    order = bench.station.orders[-1]
    assert (order.counter, order.home, order.purpose) == ("second-line", "lane-1", "verify")
    assert order.reference is not None
    assert not erased(order.reference)
    problem = "" if same is not None else "capture failed, try again"
    told = only(bench.found(score=33.0 if same else 2.0, same=same, problem=problem), "fingers")
    assert (told["purpose"], told["same"], told["outcome"]) == ("verify", same, "HIT")
    assert (told["counter"], told["at_counter"]) == ("lane-1", "second-line")
    assert erased(order.reference)
    body = bodies(journal)[-1]
    assert (body.same, body.scanner, body.asked, body.shown) == (same, "second-line", "uid 1007", Outcome.HIT)
    (kept,) = bench.counter.fingers._dossiers["P1"].probes.values()
    assert not erased(kept)  # it may be compared again
    assert [p.passage for p in journal.open_passages()] == ["P1"]


def test_a_probe_that_is_erased_meanwhile_does_not_spoil_a_comparison_under_way(journal: Journal) -> None:
    bench = FingerBench(journal)
    bench.scan(LEAD)
    bench.found(answer())
    bench.ask("P1", "verify")
    order = bench.station.orders[-1]
    bench.close("P1", "referred")
    assert order.reference is not None
    assert not erased(order.reference)  # a copy of its own
    told = only(bench.found(score=33.0, same=True), "fingers")
    assert (told["same"], told["after"]) == (True, "closed")
    assert erased(order.reference)


def test_without_a_kept_finger_there_is_nothing_to_compare(journal: Journal) -> None:
    bench = FingerBench(journal, ask="never")
    bench.scan(LEAD)
    said = bench.ask("P1", "verify")
    assert (said["ok"], "no finger of it is kept" in said["error"]) == (False, True)
    assert bench.station.orders == []
