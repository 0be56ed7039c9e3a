"""The search over galleries, with the real child: who is found, what is told, and what is never."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
import search_kit as kit
from search_kit import INDEX, OTHER, Box, Wanted, again, finger, people, put

from edge.core.fingerprints.model import Position
from edge.core.verdicts import CoverageState


def test_a_listed_finger_is_found_and_a_stranger_is_not(tmp_path: Path) -> None:
    put(tmp_path, 3, [*people(60), Wanted("R-9", 9)])
    with Box(tmp_path) as box:
        answer = box.searcher.search(again(finger(9)), INDEX)
        assert answer.problem == ""
        (found,) = answer.candidates
        assert (found.list_id, found.record, found.reference, found.position) == ("wanted", "R-9", "F-9", INDEX)
        assert (found.category, found.name, found.silent, found.fingers) == ("red", "Invented R-9", False, 1)
        assert found.action == "Refer to second line. Confirm with the NCB."
        assert found.expected < 0.01
        (part,) = answer.coverage
        assert (part.list_id, part.generation, part.records, part.state) == ("wanted", 3, 61, CoverageState.ASKED)
        stranger = box.searcher.search(finger(77), INDEX)
        assert stranger.problem == ""
        assert stranger.candidates == ()
        assert stranger.templates == 61
