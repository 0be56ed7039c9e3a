"""Readers that type what they read like a USB keyboard ("keyboard wedge"): HID boot reports, by configured layout.

Source: USB "Device Class Definition for HID" 1.11, appendix B.1 (the report) and C (roll-over); layouts in hid_layouts.
Laws:
1. A report is eight bytes: modifiers, a reserved byte, six usages of keys that are down. The port gives whole reports
   one after another; silence drops a part of one, so that what follows is aligned again.
2. A key types when it goes down: when it is in a report and was not in the one before. Several in one report type in
   the order of the report. A report of roll-over (or another error) says nothing about keys and changes nothing.
3. Enter and Tab end a line, as configured; the one that is not configured types nothing: it is no character of a row
   and ends none. An empty line is none. A line that may be a row of a zone, or a whole zone typed without row ends, is
   a document (less OCR's AIM identifier before it); any other is another block. So is a line whose AIM identifier says
   that it is a bar code, and each behind it until a gap of silence: a QR code may hold line ends, and rows behind them.
   A line of which more than half cannot be read is Garbled: a wrong layout, or no keyboard at all.
4. Silence ends a line too, because the last row may come without its end: what may be a row is delivered, the rest is
   Garbled (another block, where ``none`` is configured as row end). Silence means that no report differed from the one
   before it: a keyboard may repeat what it said, as often as it likes.
5. Which keys are down is known across lines; a line has less than LINE_CAP characters. Its ``raw`` is the reports from
   its first key on, without repeated ones: four for each character fit in MAX_RAW. A line that took more is read all
   the same, with an empty ``raw``. (A row of 44 characters is 712 bytes at two reports a key.)
   Another block has a ``text`` besides: as typed, small letters where Shift was up (Caps Lock taken as off), ``?`` for
   what cannot be read.
6. A line whose number keys never give a digit is one of a reader set to another layout: it is Garbled, and until a line
   comes whose number keys do, ``remark`` says so and letters that sit elsewhere in other layouts are unreadable.
   (French and German readers share the key of ``<``: their names would read clean, and wrong.)
7. So a French or German layout is believed once number keys have given digits: digits of the keypad prove nothing.
   Until then a row without digits waits for the next line, or for a gap of silence, and in rows that are still not
   believed letters that sit elsewhere are unreadable, with a ``remark``; but for a layout that was checked (a setting).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from drivers.api import MAX_RAW, Clock, Tier
from drivers.framing import Event, Garbled, ListeningCodec, More, OtherBlock, RowsRead, Whole
from drivers.hid_layouts import (
    ENTER,
    KEYPAD_ENTER,
    MOVED,
    NUMBER_ROW,
    OTHER_MODIFIERS,
    SHIFTS,
    TAB,
    UNREADABLE,
    typed,
)
from drivers.reader import FramedReader
from drivers.rows import AIM_LENGTH, LIKE_FILLERS, is_row, is_told_other, is_zone, without_id
from drivers.settings import read_settings
from drivers.transport import LineSettings, Through, Transport, check, directly, open_port, wrapped

REPORT = 8  # bytes
ERRORS = frozenset({0x01, 0x02, 0x03})  # roll-over, self-test failed, undefined: instead of usages
LINE_CAP = 512  # characters; a boarding pass of one leg has about 160
GAP_S = 0.5  # wedges type a key in 2 to 50 ms
# A line with numbers: so many number keys, so many different ones, this share of its characters. The dates and check
# digits of a zone are 16 of 88 or more, also where it is typed in one go.
NUMBER_KEYS, NUMBERS, NUMBER_SHARE = 6, 3, 1 / 6
UNCUT = {90: 30, 72: 36, 88: 44}  # characters of a zone typed without row ends -> per row
ROW_ENDS = {
    "auto": frozenset({ENTER, KEYPAD_ENTER, TAB}), "enter": frozenset({ENTER, KEYPAD_ENTER}), "tab": frozenset({TAB}),
    "none": frozenset[int](),
}

TERMINATORS = ROW_ENDS["auto"]
UNPROVEN = ("fr", "de")  # layouts that share the key of <
KEYPAD_DIGITS = "its digits come from the keypad, which proves no layout: check it with a specimen, set layout_checked"

Layout = Literal["us", "uk", "fr", "de"]
RowEnd = Literal["auto", "enter", "tab", "none"]


class HidKeyboardCodec(ListeningCodec):
    """One such reader, without its port."""

    def __init__(
        self, layout: Layout = "us", row_end: RowEnd = "auto", *, gap_s: float = GAP_S,
        error_characters: str = UNREADABLE, layout_checked: bool = False,
    ) -> None:
        super().__init__(self._cut, gap_s=gap_s)
        self._layout, self._ends, self._gap_s = layout, ROW_ENDS[row_end], gap_s
        self._error_characters = error_characters
        self._last = bytes(REPORT)  # the report before
        self._line: list[str] = []
        self._as_typed: list[str] = []  # the same line for the text of another block
        self._raw = bytearray()
        self._raw_fits = True
        self._count = 0  # bytes of reports since the line began
        self._numbers: list[tuple[int, bool]] = []  # of the line: (key of the number row, did it give a digit)
        self._other_layout = False  # law 6
        self._unproven = layout in UNPROVEN and not layout_checked  # law 7
        self._held: RowsRead | None = None  # a row that waits for the proof
        self._told_other = False  # a line said that it is a bar code (law 3)
        self._events: list[Event] = []
        self._now = self._changed_at = 0.0

    @property
    def next_timeout(self) -> float | None:
        """See Codec."""
        own = self._changed_at + self._gap_s if self._line or self._held else None
        return min((t for t in (own, self.framer.next_timeout) if t is not None), default=None)

    @property
    def reading(self) -> bool:
        """See Codec: a line has begun and not ended."""
        return bool(self._line or self._held)

    def start(self, now: float) -> None:
        """See Codec."""
        self._now = self._changed_at = now

    def feed(self, data: bytes, now: float) -> list[Event]:
        """See Codec."""
        self._now = now
        self.framer.feed(data, now)  # every cut below is a mere report: no events of its own
        return self._taken()

    def tick(self, now: float) -> list[Event]:
        """See Codec; law 4."""
        lost = self.framer.tick(now)
        if self._line and now >= self._changed_at + self._gap_s:
            self._end_line(silent=True)
        if self._held and now >= self._changed_at + self._gap_s:
            self._release()
        return self._taken() + lost

    def _taken(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def _cut(self, buffer: bytearray, looked: int) -> More | Whole:  # noqa: ARG002 - a report is eight bytes
        """Law 1."""
        if len(buffer) < REPORT:
            return More(begun=bool(self._line))
        self._report(bytes(buffer[:REPORT]))
        return Whole(REPORT, None)

    def _report(self, report: bytes) -> None:
        """Law 2."""
        if self._line:
            self._count += REPORT
        if ERRORS.issuperset(report[2:]) or report == self._last:
            return
        if not self._line and self._now >= self._changed_at + self._gap_s:
            self._told_other = False
        self._changed_at = self._now
        before, self._last = self._last[2:], report
        kept = False
        for at, usage in enumerate(report[2:], 2):
            if usage == 0 or usage in ERRORS or usage in before or usage in report[2:at]:
                continue
            if usage in TERMINATORS - self._ends:
                continue
            if usage in self._ends:
                kept = kept or self._keep(report)
                self._end_line()
                kept = False
                continue
            character = typed(self._layout, usage, report[0])
            if character:
                if not self._line:
                    self._count = REPORT
                self._line.append(UNREADABLE if character in self._error_characters else character)
                self._as_typed.append(character if report[0] & SHIFTS else character.lower())
                if usage in NUMBER_ROW and not report[0] & OTHER_MODIFIERS:
                    self._numbers.append((usage, character.isdigit()))
                kept = kept or self._keep(report)
        if self._line and not kept:
            self._keep(report)
        if len(self._line) >= LINE_CAP:
            self._hear_id()
            self._events.append(Garbled("longer than any line", self._count))
            self._clear()

    def _keep(self, report: bytes) -> bool:
        """Law 5; True, so that a report is kept once."""
        if len(self._raw) + REPORT > MAX_RAW:
            self._raw_fits = False
            self._raw.clear()
        if self._line and self._raw_fits:
            self._raw += report
        return True

    def _end_line(self, *, silent: bool = False) -> None:
        """Laws 3 and 4."""
        if not self._line:
            return
        text, raw, count = "".join(self._line), bytes(self._raw), self._count
        as_typed = "".join(self._as_typed)
        self._hear_id()
        strange = self._strange_numbers()
        self._clear()
        if self._other_layout:
            text, as_typed = MOVED.sub(UNREADABLE, text), MOVED.sub(UNREADABLE, as_typed)
        rows = () if self._told_other else _rows(text)
        if rows and not strange:
            self._give(RowsRead(rows, raw))
            return
        self._release()
        if strange:
            self._events.append(Garbled("typed in another layout", count))
        elif text.count(UNREADABLE) > len(text) / 2:
            self._events.append(Garbled("not readable in this layout", count))
        elif silent and self._ends:
            self._events.append(Garbled("silence within a line", count))
        else:
            self._events.append(OtherBlock(count, raw, as_typed))

    def _give(self, read: RowsRead) -> None:
        """Law 7: at once if the layout is believed or can be no more, else when the next line has ended."""
        self._release()
        self._held = read
        if any(character.isdigit() for row in read.rows for character in row):
            self._release()
            if self._unproven:
                self.facts["remark"] = KEYPAD_DIGITS
        elif not self._unproven:
            self._release()

    def _release(self) -> None:
        """Give out the row that waits."""
        if self._held and self._unproven:
            self._held = RowsRead(tuple(MOVED.sub(UNREADABLE, row) for row in self._held.rows), self._held.raw)
        self._events += [self._held] if self._held else []
        self._held = None

    def _hear_id(self) -> None:
        """What the line begins with: nothing but silence ends it, for a QR code may hold OCR's identifier too."""
        self._told_other = self._told_other or is_told_other("".join(self._line[:AIM_LENGTH]))

    def _strange_numbers(self) -> bool:
        """Law 6: is this line of another layout? What it says stands until a line says otherwise."""
        digits = sum(is_digit for _, is_digit in self._numbers)
        if self._unproven and digits > len(self._numbers) / 2:
            self._unproven = False
            self.facts.pop("remark", None)
        enough = max(NUMBER_KEYS, NUMBER_SHARE * len(self._line))
        if len(self._numbers) < enough or len({key for key, _ in self._numbers}) < NUMBERS:
            return False
        if digits == 0:
            self._other_layout = True
            self.facts["remark"] = f"its number keys give no digits: is it set to layout {self._layout!r}?"
        elif digits > len(self._numbers) / 2:
            self._other_layout = False
            self.facts.pop("remark", None)
        return digits == 0

    def _clear(self) -> None:
        self._line.clear()
        self._as_typed.clear()
        self._numbers.clear()
        self._raw.clear()
        self._raw_fits = True
        self._count = 0


def _rows(text: str) -> tuple[str, ...]:
    """Law 3: the row, or the rows of a zone typed in one go; none if it is neither."""
    text = without_id(text)
    if is_row(text):
        return (text,)
    width = UNCUT.get(len(text))
    if width:
        rows = tuple(text[at : at + width] for at in range(0, len(text), width))
        if text.count("<") >= LIKE_FILLERS and is_zone(rows):
            return rows
    return ()


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[[counter.reader]]`` settings of this driver. ``port``: ``usb:VVVV:PPPP[:SERIAL][@PLACE]``, or
    ``usbip://HOST:PORT/BUSID``; ``layout`` is the one that the reader itself is set to."""

    port: Annotated[str, msgspec.Meta(min_length=1)]
    layout: Layout = "us"
    layout_checked: bool = False  # law 7: a specimen with all of AMQWYZ in its name was read right
    row_end: RowEnd = "auto"  # auto: Enter or Tab; none: silence alone
    gap_s: Annotated[float, msgspec.Meta(ge=0.05, le=5)] = GAP_S  # without a new key: the line has ended
    error_characters: Annotated[str, msgspec.Meta(pattern=r"^[ -~]{0,8}\Z")] = UNREADABLE

    def connect(self) -> Transport:
        """Claim the device. Raises DeviceError."""
        return open_port(self.port, LineSettings())  # keyboards have no line; only a replayed one has a pty


def build(
    device_name: str, settings: Mapping[str, object], clock: Clock, tier: Tier, through: Through = directly,
    profile: str = "",
) -> FramedReader:
    """A reader by its settings, not yet open. Raises BadSetting."""
    chosen = read_settings(Settings, settings, device_name)
    check(chosen.port)
    return FramedReader(
        name=device_name, driver="hid_keyboard", tier=tier, port=chosen.port, clock=clock,
        codec=lambda: HidKeyboardCodec(
            chosen.layout, chosen.row_end, gap_s=chosen.gap_s, error_characters=chosen.error_characters,
            layout_checked=chosen.layout_checked,
        ),
        connect=lambda: wrapped(chosen.connect(), through), profile=profile,
    )
