"""Fingers at headquarters: kept like every other body, shown as leads, and read after an upgrade."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from intake_kit import BOX, EPOCH, NOW, SEAL, Desk, clear, on, wrapped

from edge.core import sealing
from edge.core.fingerprints.answers import FingerCandidate, SearchAnswer
from edge.core.fingerprints.model import Position
from edge.core.padding import IMAGE_SIZE
from edge.core.screening.by_finger import by_finger
from edge.core.trusted import ClockState
from edge.core.verdicts import Outcome
from edge.core.wire import (
    BODY_TYPE,
    BodyCoverage,
    BodyReason,
    ClosingBody,
    FingersBody,
    Topic,
    encode,
    fit_block,
    message_id,
)
from edge.core.wire.bodies import Body
from edge.core.wire.body_parts import reason_of
from hq.store import Store
from hq.verbs import watch

KEYS = {sealing.key_id(SEAL.public_key()): SEAL}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.store.close()


def candidate(*, silent: bool = False) -> BodyReason:
    return BodyReason(
        list="prints", record="F-7", kind="finger", outcome="POSSIBLE", score=0.99, silent=silent, name="VELMIROV D",
        action="Confirm with the NCB.", category="red",
        reference="2026-0044", position=2, comparison=41.2, fingers=1,
    )  # fmt: skip


def finger(*reasons: BodyReason, **more: Any) -> FingersBody:
    facts: dict[str, Any] = {
        "passage": "p-1", "counter": "lane-1", "at": NOW, "clock": ClockState.SIGNED, "purpose": "search",
        "positions": (2,), "outcome": Outcome.POSSIBLE if reasons else Outcome.CLEAR, "reasons": reasons,
        "shown": Outcome.POSSIBLE if any(not r.silent for r in reasons) else Outcome.CLEAR, "templates": 20_000,
        "extractor": "leader-1", "quality": 71, "coverage": (BodyCoverage(list="prints", generation=4),),
    }  # fmt: skip
    return FingersBody(**facts | more)


def send(desk: Desk, seq: int, body: Body, size: int = 2048) -> int:
    """The bytes of the envelope."""
    seal = sealing.make_sealer([sealing.Recipient.of(SEAL.public_key())], type=BODY_TYPE)
    message = wrapped(seal(fit_block(body, size), message_id(BOX, EPOCH, seq)), seq)
    assert len(desk.take(on(Topic.PASSAGE, message)).answers) == 1
    return len(encode(message))


def watched(desk: Desk) -> list[dict[str, Any]]:
    with desk.view() as view:
        return [watch.record(hit, KEYS) for hit in view.hits(0)]


def test_a_finger_with_an_image_is_kept_acked_and_shown_as_a_lead(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    send(desk, 1, clear())
    image = bytes(range(256)) * 60
    assert send(desk, 2, finger(candidate(), image=image), IMAGE_SIZE) < 65_536
    (line,) = watched(desk)
    assert (line["kind"], line["outcome"], line["silent"], line["closed"]) == ("fingers", "POSSIBLE", False, False)
    assert (line["positions"], line["generations"], line["image_bytes"]) == (["right-index"], {"prints": 4}, len(image))
    assert line["lists"] == ["prints"]
    assert json.dumps(line)
    watch._say_text(line)
    said = capsys.readouterr().out
    assert "finger right-index at lane-1: candidates, to be compared by a person: 20000 templates" in said
    assert "prints F-7 finger POSSIBLE VELMIROV D red\n" in said
    assert "with an image" in said
    assert "      reference 2026-0044, right-index, comparison score 41.20\n" in said
    (reason,) = line["reasons"]
    assert (reason["reference"], reason["position"], reason["comparison"], reason["fingers"]) == (
        "2026-0044", "right-index", 41.2, 1,
    )  # fmt: skip


def found(**more: Any) -> FingersBody:
    """As a box makes it from what its search answered."""
    facts: dict[str, Any] = {
        "list_id": "prints", "record": "F-7", "reference": "2026-0044", "position": Position.RIGHT_INDEX,
        "score": 41.2, "expected": 7e-38, "silent": False, "templates": 12,
    }  # fmt: skip
    answer = SearchAnswer((FingerCandidate(**facts | more),), (), "leader-1")
    return finger(*map(reason_of, by_finger(answer)))


@pytest.mark.parametrize(
    ("more", "expected", "agrees", "words"),
    [
        ({}, 7e-38, None, ["comparison score 41.20", "strangers expected to reach it in one search: under 1e-6"]),
        ({"expected": 0.0213}, 0.02, None, ["strangers expected to reach it in one search: 0.02"]),
        ({"fingers": 2, "agrees": True}, 7e-38, True,
         ["right-index and another finger, sum of both comparison scores 41.20", "together agree\n"]),
        ({"fingers": 2, "agrees": False}, 7e-38, False, ["the second finger does not agree"]),
    ],
)
def test_a_candidate_can_be_judged_by_what_is_shown(
    desk: Desk, capsys: pytest.CaptureFixture[str], more: dict[str, Any], expected: float, agrees: bool | None,
    words: list[str],
) -> None:
    send(desk, 1, found(**more))
    (line,) = watched(desk)
    (reason,) = line["reasons"]
    assert (reason["comparison"], reason["expected"], reason["agrees"]) == (41.2, expected, agrees)
    watch._say_text(line)
    said = capsys.readouterr().out
    assert all(word in said for word in words)
    assert "1.00" not in said


def test_what_had_no_room_for_evidence_says_as_much_as_its_score(desk: Desk) -> None:
    send(desk, 1, finger(candidate(), msgspec.structs.replace(candidate(), score=1.0)))
    (line,) = watched(desk)
    assert [reason["expected"] for reason in line["reasons"]] == [0.01, None]


def test_a_silent_candidate_is_marked_and_a_clear_finger_is_no_lead(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    send(desk, 1, finger())
    send(desk, 2, finger(candidate(silent=True)))
    (line,) = watched(desk)
    assert line["silent"] is True
    watch._say_text(line)
    assert "SILENT: the counter was shown CLEAR" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"problem": "capture failed, try again"}, "not searched: capture failed, try again"),
        ({"purpose": "second", "problem": "no finger", "templates": 7}, "the first finger found in 7 templates stands"),
        ({"purpose": "verify", "score": 33.0, "same": True}, "the same finger as before, score 33.0"),
        ({"purpose": "verify", "score": 3.0, "same": False}, "not the same finger as before"),
        ({"purpose": "verify"}, "no decision"),
        ({"after": "closed"}, "after the passage was closed"),
        ({"reasons": ()}, "no candidate, which is no clearance"),
        ({"positions": (2, 99)}, "right-index and 99"),
    ],
)
def test_what_came_of_it_is_told_in_words(
    desk: Desk, capsys: pytest.CaptureFixture[str], more: dict[str, Any], words: str
) -> None:
    send(desk, 1, finger(candidate(), **{"outcome": Outcome.HIT, "shown": Outcome.HIT, **more}))
    (line,) = watched(desk)
    watch._say_text(line)
    assert words in capsys.readouterr().out


def test_a_closing_ends_the_fingers_before_it_and_not_the_one_that_opened_the_passage_again(desk: Desk) -> None:
    send(desk, 1, clear("p-1", Outcome.HIT))
    send(desk, 2, finger(candidate()))
    send(desk, 3, ClosingBody(passage="p-1", code="misread", at=NOW, clock=ClockState.SIGNED))
    send(desk, 4, finger(candidate(), after="closed"))
    assert [(line["id"].rpartition(":")[2], line["closed"]) for line in watched(desk) if line["kind"] != "closing"] == [
        ("1", True), ("2", True), ("4", False),
    ]  # fmt: skip


def test_what_an_older_headquarters_could_not_read_is_read_after_its_upgrade(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    send(desk, 1, finger(candidate()))
    desk.store.close()
    with sqlite3.connect(desk.path) as db:  # as the version before fingers left it
        db.execute("update messages set kind = 'unopened', outcome = '', shown = '', passage = '', lists = '[]'")
        db.execute("update epochs set unopened = 1")
        db.execute("delete from _sqlite_migrations where name = 'look_again'")
    db.close()
    again = Desk(tmp_path)
    assert again.intake.unread
    again.intake.look_into(100)
    (line,) = watched(again)
    assert (line["kind"], line["outcome"], line["opened"]) == ("fingers", "POSSIBLE", True)
    with again.view() as view:
        assert view.posts()[0].unopened == 0
    again.store.close()
    Store(again.path, new_id=lambda: "x", conflict_rows=1, quarantine_rows=1).close()  # a migration runs once


def test_unknown_fields_of_a_newer_box_are_ignored(desk: Desk) -> None:
    plain = {**msgspec.to_builtins(finger(candidate())), "kind": "fingers", "tomorrow": 1}
    seal = sealing.seal(
        json.dumps(plain).encode(), message_id=message_id(BOX, EPOCH, 1), type=BODY_TYPE,
        recipients=[sealing.Recipient.of(SEAL.public_key())],
    )  # fmt: skip
    desk.take(on(Topic.PASSAGE, wrapped(seal, 1)))
    assert [line["kind"] for line in watched(desk)] == ["fingers"]
