"""At the counter: a keyboard reader that types a row for seconds gives its document, and nothing is held for ever."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from counter_kit import CLEAR, Bench, standard, zone
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.api import DocumentRead
from drivers.framing import RowsRead
from drivers.hid_keyboard import HidKeyboardCodec
from drivers.hid_layouts import LAYOUTS
from edge.core.assembly import READING_S, Assembler
from edge.core.mrz import compose
from edge.journal import Journal

WAIT = 1.5
LOOK = 0.25  # seconds of the bench between two turns of the counter's loop
KEYS = {character: usage for (usage, _), character in reversed(list(LAYOUTS["us"].items()))}
ENTER = "\n"
LISTED = zone("Dahl", "Karin", "S7310442K")  # and no namesake of the first, who would be asked for once more
CARD = compose.td1(
    issuing_state="UTO", surname="Eriksson", given_names="Anna", number="D23145890", nationality="UTO",
    birth_date="740812", sex="F", expiry_date="310415",
)
OTHER = compose.td3(
    issuing_state="UTO", surname="Quist", given_names="Bengt Olof", number="X4410772K", nationality="UTO",
    birth_date="830207", sex="M", expiry_date="300101",
)


class Keyboard:
    """The codec of a typing reader in front of a counter, on the counter's clock."""

    def __init__(self, journal: Journal) -> None:
        self.codec = HidKeyboardCodec("us")
        self.bench = Bench(journal, standard(), reading=lambda device: device == "swipe-1" and self.codec.reading)
        self.codec.start(self.bench.mono)
        self._looked_at = self.bench.mono

    def type(self, text: str, key_s: float) -> list[dict[str, Any]]:
        """Two reports a key, ``key_s`` from key to key; what was published."""
        said = []
        for character in text:
            usage = 0x28 if character == ENTER else KEYS[character]
            shift = 2 if character.isalpha() or character == "<" else 0
            for report in (bytes([shift, 0, usage, 0, 0, 0, 0, 0]), bytes(8)):
                said += self.rest(key_s / 2, report)
        return said

    def rest(self, seconds: float, data: bytes = b"") -> list[dict[str, Any]]:
        """Let time pass, at its end ``data`` comes."""
        bench, said = self.bench, []
        until = bench.mono + seconds
        while bench.mono < until:
            bench.mono = min(until, self._looked_at + LOOK)
            if bench.mono == until:
                for event in self.codec.feed(data, bench.mono) + self.codec.tick(bench.mono):
                    if isinstance(event, RowsRead):
                        said += bench.work(DocumentRead("swipe-1", event.rows, event.raw, bench.mono))
            else:
                self.codec.tick(bench.mono)
            if bench.mono >= self._looked_at + LOOK:
                self._looked_at = bench.mono
                said += bench.work()
        return said


@pytest.fixture
def keyboard(journal: Journal) -> Keyboard:
    return Keyboard(journal)


@pytest.mark.parametrize("key_ms", [5, 30, 40, 50, 90, 130])
def test_a_passport_typed_slowly_is_one_passage(keyboard: Keyboard, key_ms: int) -> None:
    for lines, outcome in ((CLEAR, "CLEAR"), (LISTED, "HIT")):
        said = keyboard.type("".join(line + ENTER for line in lines), key_ms / 1000) + keyboard.rest(8.0)
        assert [(m["outcome"], m["rows"]["read"], m["document"]["format"]) for m in said] == [(outcome, [1, 2], "TD3")]


@pytest.mark.parametrize("key_ms", [40, 50, 90])
def test_a_card_typed_slowly_is_one_passage(keyboard: Keyboard, key_ms: int) -> None:
    said = keyboard.type("".join(line + ENTER for line in CARD), key_ms / 1000) + keyboard.rest(8.0)
    assert [(m["outcome"], m["rows"]["read"]) for m in said] == [("CLEAR", [1, 2, 3])]


def test_a_row_that_breaks_off_is_not_waited_for_much_longer(keyboard: Keyboard) -> None:
    assert keyboard.type(CLEAR[0] + ENTER + CLEAR[1][:40], 0.05) == []
    assert keyboard.rest(0.4) == []
    (message,) = keyboard.rest(1.2)  # half a second of silence ends the line, half a wait later its row is given up
    assert (message["outcome"], message["rows"]["read"]) == ("UNREADABLE", [1])


def test_keys_without_end_hold_a_row_no_longer_than_the_limit(keyboard: Keyboard) -> None:
    assert keyboard.type(CLEAR[0] + ENTER, 0.05) == []
    began = keyboard.bench.mono
    while not keyboard.bench.messages:
        assert keyboard.bench.mono < began + READING_S + 2 * LOOK
        keyboard.type("A", 0.05)
    assert keyboard.bench.mono >= began + READING_S - LOOK
    assert [m["outcome"] for m in keyboard.bench.messages] == ["UNREADABLE"]


def test_another_reader_that_is_reading_holds_nothing(keyboard: Keyboard) -> None:
    keyboard.type("ABCDEF", 0.05)
    bench = keyboard.bench
    assert bench.work(DocumentRead("page-1", (CLEAR[0],), b"", bench.mono)) == []
    said = keyboard.type("ABCDEFGHIJABCDEFGHIJABCDEFGHIJABCDEFGHIJ", 0.05)
    assert [m["outcome"] for m in said] == ["UNREADABLE"]


# -- the assembler by itself ------------------------------------------------------------------------


def typed(assembler: Assembler, since: float, until: float) -> list[tuple[str, ...]]:
    """A frame is under way from ``since`` to ``until``, and the counter looks as it does; rows of what went out."""
    out, now = [], since
    while now < until:
        assembler.under_way(now)
        out += [sheet.lines for sheet in assembler.tick(now)]
        now += WAIT / 4
    return out


def test_a_frame_that_begins_after_the_wait_holds_nothing() -> None:
    assembler = Assembler(WAIT)
    assembler.take((CLEAR[0],), 10.0)
    assembler.under_way(12.5)  # a busy counter looks late
    assert assembler.due == 11.5
    assert [(s.lines, s.complete) for s in assembler.take((CLEAR[1],), 12.6)] == [((CLEAR[0],), False)]


def test_a_slow_row_is_no_silence_after_another_document() -> None:
    assembler = Assembler(WAIT)
    assembler.take(OTHER, 10.0)
    assembler.take((CLEAR[0],), 10.5)  # in haste: it may be of two documents
    assert typed(assembler, 10.6, 13.0) == []
    assert assembler.take((CLEAR[1],), 13.0) == []
    sheets = assembler.tick(14.5)
    assert [(s.lines, s.complete) for s in sheets] == [((CLEAR[0],), False), ((CLEAR[1],), False)]


def test_what_is_let_go_of_within_a_frame_leaves_no_silence_behind() -> None:
    assembler = Assembler(WAIT)
    assembler.take((CARD[0],), 10.0)
    assert typed(assembler, 10.1, 16.5) == [(CARD[0],)]
    sheets = assembler.take((CARD[0],), 16.6) + assembler.take((CARD[1],), 16.7) + assembler.take((CARD[2],), 16.8)
    assert sheets == []
    assert not any(s.complete for s in assembler.tick(18.5))


@settings(max_examples=300, deadline=None)
@given(
    lost=st.sets(st.sampled_from([1, 2])), row_s=st.floats(0.2, 5.5), gap_s=st.floats(0.05, 1.3),
    between_s=st.floats(0.05, 4.0),
)
def test_slow_rows_of_two_documents_are_never_one(
    lost: Iterable[int], row_s: float, gap_s: float, between_s: float
) -> None:
    """``lost``: of the four rows of two travellers, one after the other; the first row of the first comes in any case,
    and not both rows that the ADR says cannot be told are lost."""
    lost = set(lost) - ({2} if {1, 2} <= set(lost) else set())
    assembler, now, sheets = Assembler(WAIT), 100.0, []
    for index, text in enumerate((*CLEAR, *OTHER)):
        now += between_s if index == 2 else gap_s
        began = now
        while now < began + row_s:
            assembler.under_way(now)
            sheets += assembler.tick(now)
            now = min(began + row_s, now + WAIT / 4)
        if index not in lost:
            sheets += assembler.take((text,), now)
        else:
            sheets += assembler.tick(now)
    while assembler.due is not None:
        sheets += assembler.tick(assembler.due)
    assert all(sheet.lines in (CLEAR, OTHER) for sheet in sheets if sheet.complete)
    if not lost and between_s > WAIT and gap_s + row_s < READING_S - WAIT / 4:
        assert [sheet.lines for sheet in sheets] == [CLEAR, OTHER]
