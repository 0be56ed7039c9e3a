"""The 71 edge cases beside the project: format, fields, validity, and each code that they name.

Where we differ from what the file says, the reason stands in a table here.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date

import shared_data

from edge.core.documents import Severity
from edge.core.mrz import parse

TODAY = date(2026, 11, 22)

VALIDITY = {
    # id: (what the file says in "valid", ours, why)
    "s033": (None, False, "X as sex: our rule makes a sex that is not M, F or < an error"),
    "s037": (None, False, "< over optional data that is not empty: an error by the same rule"),
    "s069": (False, True, "30 February: the digit is right, the day impossible; a warning by the same rule"),
}
MORE_WARNINGS = {
    # id: (codes that we add to theirs, why)
    "s027": ({"unknown_nationality"}, "the withdrawn code stands in both fields; we judge both alike"),
    "s055": ({"correction"}, "two look-alike readings make both digits agree, and we say so"),
    "s062": ({"document_code", "unknown_issuing_state"}, "lower case is no code; the file names errors only"),
    "s065": ({"document_code", "unknown_issuing_state", "unknown_nationality", "name_extra_filler"},
             "swapped lines make nonsense of every field; the file names errors only"),
}


def cases():
    text = shared_data.path("mrz_edge_cases.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_every_edge_case_is_as_expected():
    checked = 0
    for case in cases():
        document = parse(case["lines"], today=TODAY)
        expected = case["expected"]
        if expected is not None:
            expected = {key: value for key, value in expected.items() if key != "arabic"}
        said, ours, _ = VALIDITY.get(case["id"], (case["valid"], case["valid"], ""))
        assert case["valid"] is said, case["id"]
        assert document.valid is ours, case["id"]
        assert document.valid is case["valid_9303"], case["id"]
        assert document.format == case["format"], case["id"]
        assert (asdict(document.fields) if document.fields else None) == expected, case["id"]
        codes = {severity: {f.code for f in document.findings if f.severity is severity} for severity in Severity}
        assert codes[Severity.ERROR] == set(case["errors_9303"]), case["id"]
        more = MORE_WARNINGS.get(case["id"], (set(), ""))[0]
        theirs = set(case.get("warnings", ()))
        assert codes[Severity.WARNING] | codes[Severity.INFO] == theirs | more, case["id"]
        checked += 1
    assert checked == 71
