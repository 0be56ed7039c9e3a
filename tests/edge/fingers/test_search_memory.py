"""The search child a second after an answer: of the galleries it holds everything, of who was searched nothing."""

from __future__ import annotations

from pathlib import Path

import finger_traces
from search_kit import INDEX, OTHER, Box, Wanted, again, finger, people, put


def test_nothing_of_a_probe_outlives_the_answer(tmp_path: Path) -> None:
    put(tmp_path, 1, [*people(300), Wanted("R-9", 9), Wanted("R-9", 9, OTHER)])
    held = b"".join(column.tobytes() for column in (finger(9).x, finger(9).y, finger(9).angle, finger(9).quality))
    known, second, stranger = again(finger(9)), again(finger(9, OTHER)), again(finger(777, minutiae=60))
    wanted = {
        f"{who} {name}": run
        for who, template in (("known", known), ("second", second), ("stranger", stranger))
        for name, run in finger_traces.of_template(template, without=held).items()
    }
    with Box(tmp_path) as box:
        searcher = box.searcher
        found = searcher.search(known, INDEX)
        assert [one.record for one in found.candidates] == ["R-9"]
        assert searcher.second(second, OTHER, found).candidates[0].agrees
        assert searcher.search(stranger, INDEX).candidates == ()
        assert searcher.verify(stranger, known)[0] >= 0
        assert finger_traces.left(searcher.pid, wanted) == {}
        assert searcher.status()["starts"] == 1
