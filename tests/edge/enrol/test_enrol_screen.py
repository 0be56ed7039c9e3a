"""The box's screen: who it is, its code, and its state in English and French."""

from __future__ import annotations

from typing import Any

import pytest

from edge.core.provisioning.inbox import BoxFacts
from edge.core.trusted import ClockState
from edge.enrol.facts import MAX_SCREEN, WIDTH, screen
from edge.enrol.screen_words import WORDS, in_french
from edge.uplink.states import State

LINE = "1/2 readers, 17 passages, outbox 3, link sending, clock signed"
CODE = "ABCD-EFGH-IJKL-MNOP"


def shown(state: str, **changes: Any) -> list[str]:
    facts = BoxFacts(**{"serial": "abcdefghijklm", "sequence": 3, **changes})
    text = screen(facts, state)
    assert text.isascii()
    assert len(text) <= MAX_SCREEN
    return text.split("\r\n")


@pytest.mark.parametrize(("said", "french"), [
    ("not enrolled: waiting for a stick", "non inscrit : attend une cle USB"),
    (LINE, "1/2 lecteurs, 17 passages, a envoyer 3, liaison etablie, heure sure"),
    ("not well: the journal's thread ended, link none", "en panne (borderpost doctor)"),
])  # fmt: skip
def test_the_state_stands_there_in_both_languages(said: str, french: str) -> None:
    lines = shown(said)
    assert f"  state:  {said}" in lines
    assert f"  etat :  {french}" in lines


@pytest.mark.parametrize("state", [*State, *ClockState, "none"])
def test_every_state_of_link_and_clock_has_its_word(state: str) -> None:
    assert in_french(state) == WORDS[state]


def test_the_longest_line_fits_the_console() -> None:
    said = "12/12 readers, 9999999 passages, outbox 9999999, link subscribing, clock untrusted"
    assert all(len(line.removeprefix("\x1b[2J\x1b[H")) <= WIDTH for line in shown(said, device="x" * 40, code=CODE))
