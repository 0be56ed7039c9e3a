"""A sample of `make fuzz-sticks`: spoilt sticks neither break a visit nor stage what was not signed."""

from __future__ import annotations

from benchmarks.stick_fuzz import CASES, run


def test_spoilt_sticks_neither_break_a_visit_nor_stage_what_was_not_signed(tmp_path):
    done, codes = run(80, 7, tmp_path)
    assert {case.__name__ for case in CASES} <= set(done)
    assert sum(codes.values()) >= 80
    assert {"ODD_FILE", "DAMAGED_PAPER", "LISTS_REFUSED", "APPLIED"} <= set(codes)
