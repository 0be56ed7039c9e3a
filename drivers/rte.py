"""3M / Rochford Thompson RTE6700 readers and their kin, "RTE Native" frames on a serial line.

Source: RTE6701-OEM Integration Manual VC27U V1.03, pp. 25-26. What the pages at hand cut off is a GUESS, is a setting
here, and is named as such: the speed, what the length counts, how the check byte (BCC) is made and over what.
Laws:
1. A frame is ``01 length(2) 'O' 'U' 02 flag row 0D row 0D row 0D 03 BCC``. It is found by its marks alone: the head
   before the flag begins it, 03 ends it, another head begins it anew. The length decides nothing about where it
   ends, so a wrong one can neither swallow a document nor make us wait.
2. Length and BCC are guesses, hence doubts: by default a frame that fails them is still a document if its rows look
   like a zone (also if its BCC never came), and Garbled if they do not. ``drop`` makes either test strict.
3. Three rows always come; an empty one, or one of pad characters alone, is no row.
4. Characters are repaired only as configured: a pad character inside a row is a character that could not be read. At
   the end of a row it is one too, as far as the row then has the width of the frame's longest (30, 36 or 44), for that
   is how this reader sends what it could not read; or it is cut off, or stands for ``<``. Whether rows are a zone is
   judged without those characters: a bar code does not become a row by what was added to it.
5. The device takes no orders: nothing is ever sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from itertools import product
from operator import xor
from typing import Annotated, Literal

import msgspec

from drivers.api import Clock, Tier
from drivers.framing import GAP_S, Broken, Event, ListeningCodec, More, OtherBlock, RowsRead, Skip, Whole
from drivers.reader import FramedReader
from drivers.rows import FULL_ROWS, UNREADABLE, is_zone
from drivers.settings import Port, read_settings
from drivers.transport import Through, directly, wrapped

SOH, ETX = 0x01, 0x03
MARK = b"OU\x02"  # of output, then STX; behind SOH and the length
HEAD = re.compile(rb"\x01..OU\x02", re.DOTALL)
# No 03 in the head of a frame within a frame: else the end of this one would hang on how much of that has come.
ENDS = re.compile(rb"\x03|\x01[^\x03]{2}OU\x02")
FLAG_AT, ROWS_AT = 6, 7
LENGTH_BITS = 0x3FFF  # "14-bit word, low byte first"

# Where a span begins and ends in a frame: names of the settings -> (first byte, bytes left out at the end).
SPANS = {
    "after_length": (3, 0),         # from 'O' to the BCC: "including check..."
    "after_length_to_etx": (3, 1),  # from 'O' to 03
    "whole": (0, 0),                # from 01 to the BCC
    "whole_to_etx": (0, 1),         # from 01 to 03
    "from_length": (1, 0),          # from the length to the BCC
    "from_length_to_etx": (1, 1),   # from the length to 03
    "block": (5, 0),                # from 02 to the BCC
    "block_to_etx": (5, 1),         # from 02 to 03
    "inside_block": (6, 1),         # from the flag to 03
    "text": (6, 2),                 # from the flag to the last row end
    "rows": (7, 2),                 # the rows and their ends
}
BCC_SPANS = tuple(name for name, (_, left_out) in SPANS.items() if left_out)
CHECKS: dict[str, Callable[[bytes], int]] = {
    "xor": lambda data: reduce(xor, data, 0),
    "sum": lambda data: sum(data) & 0xFF,
    "twos_complement": lambda data: -sum(data) & 0xFF,
    "ones_complement": lambda data: ~sum(data) & 0xFF,
    "inverted_xor": lambda data: reduce(xor, data, 0xFF),
}

LengthCounts = Literal[
    "anything", "after_length", "after_length_to_etx", "whole", "whole_to_etx", "from_length", "from_length_to_etx",
    "block", "block_to_etx", "inside_block", "text", "rows",
]
BccKind = Literal["xor", "sum", "twos_complement", "ones_complement", "inverted_xor", "ignored", "none"]
BccSpan = Literal[
    "after_length_to_etx", "whole_to_etx", "from_length_to_etx", "block_to_etx", "inside_block", "text", "rows",
]
PadMeans = Literal["nothing", "filler", "unreadable"]
Doubtful = Literal["read", "drop"]


@dataclass(frozen=True, slots=True)
class Shape:
    """How one reader frames; each field is a setting of the same name, see Settings."""

    length_counts: LengthCounts = "after_length"
    bcc: BccKind = "xor"
    bcc_span: BccSpan = "after_length_to_etx"
    on_bad_length: Doubtful = "read"
    on_bad_bcc: Doubtful = "read"
    pad: str = "_"
    pad_means: PadMeans = "unreadable"
    error_characters: str = UNREADABLE


class RteCodec(ListeningCodec):
    """One such reader, without its port."""

    def __init__(self, shape: Shape | None = None, *, gap_s: float = GAP_S) -> None:
        super().__init__(self._cut, gap_s=gap_s)
        self.shape = shape or Shape()
        self._tail = 0 if self.shape.bcc == "none" else 1  # bytes behind 03

    def tick(self, now: float) -> list[Event]:
        """See Codec; law 2: a frame whose BCC never came."""
        due, held = self.next_timeout, bytes(self.framer.buffer.content)
        lacks_bcc = self._tail and len(held) > ROWS_AT and held[-1] == ETX and HEAD.match(held)
        if due is not None and now >= due and lacks_bcc:
            event = self._judge(held, held[FLAG_AT:-1], bcc_came=False)
            if isinstance(event, RowsRead):
                self.framer.buffer.drop(len(held))
                return [event]
        return super().tick(now)

    def _cut(self, buffer: bytearray, looked: int) -> More | Skip | Broken | Whole:
        """Law 1. Looks at each byte a bounded number of times (six when they come singly)."""
        if buffer[0] != SOH:
            return Skip(_distance_to_start(buffer))
        came = bytes(buffer[3:FLAG_AT])
        if not MARK.startswith(came):
            return Skip(_distance_to_start(buffer))
        if len(buffer) <= FLAG_AT:
            return More(begun=len(buffer) > 3)
        # A head may lie across what was looked at and what came since, with up to five bytes before the border.
        end = ENDS.search(buffer, max(FLAG_AT, looked - 5))
        if end and end.group() == b"\x03" and end.start() == FLAG_AT:
            end = ENDS.search(buffer, ROWS_AT)  # any byte may be the flag
        if end is None:
            return More(looked=len(buffer), begun=True)
        if end.group() != b"\x03":
            return Broken(end.start(), "a frame began within a frame")
        if len(buffer) < end.end() + self._tail:
            return More(looked=end.start(), begun=True)
        count = end.end() + self._tail
        frame, text = bytes(buffer[:count]), bytes(buffer[FLAG_AT : end.start()])
        if frame[-1] == SOH and not _bcc_fits(frame, self.shape.bcc, self.shape.bcc_span):
            # No BCC but the first byte of the next frame: this one was cut off by a byte.
            count, event = count - 1, self._judge(frame[:-1], text, bcc_came=False)
        else:
            event = self._judge(frame, text)
        return Whole(count, event) if event else Broken(count, "wrong length or check byte")

    def _judge(self, frame: bytes, text: bytes, *, bcc_came: bool = True) -> RowsRead | OtherBlock | None:
        """Law 2: the rows, another block, or None if the frame failed a test and is to be dropped."""
        shape = self.shape
        whole = frame if bcc_came else frame + b"\x00"
        length_fits = _length_fits(whole, shape.length_counts, self._tail)
        bcc_fits = bcc_came and _bcc_fits(frame, shape.bcc, shape.bcc_span)
        if (not length_fits and shape.on_bad_length == "drop") or (not bcc_fits and shape.on_bad_bcc == "drop"):
            return None
        lines = text[1:].decode("latin-1").split("\r")
        rows = tuple(row for row in map(self._repair, lines) if row)
        if is_zone(rows):
            return RowsRead(self._completed(rows, max(map(len, lines))), frame)
        return OtherBlock(len(frame), frame) if length_fits and bcc_fits else None

    def _repair(self, row: str) -> str:
        """Laws 3 and 4."""
        shape = self.shape
        if shape.pad:
            bare = row.rstrip(shape.pad)
            if shape.pad_means == "filler" and bare:
                bare = bare.ljust(len(row), "<")
            row = bare.replace(shape.pad, UNREADABLE)
        for character in shape.error_characters:
            row = row.replace(character, UNREADABLE)
        return row

    def _completed(self, rows: tuple[str, ...], sent: int) -> tuple[str, ...]:
        """Law 4: rows of one zone have one width, which is no more than was ``sent``."""
        longest = max(map(len, rows))
        width = min(next((full for full in FULL_ROWS if full >= longest), longest), sent)
        if not self.shape.pad or self.shape.pad_means != "unreadable":
            return rows
        return tuple(row.ljust(width, UNREADABLE) for row in rows)


def _distance_to_start(buffer: bytearray) -> int:
    """How many bytes lie before the next one, not the first, that could begin a frame (all, if none could)."""
    start = buffer.find(SOH, 1)
    return start if start >= 0 else len(buffer)


def _length_fits(frame: bytes, counts: str, tail: int) -> bool:
    if counts == "anything":
        return True
    first, left_out = SPANS[counts]
    # Spans are measured on frames with a BCC; without one there is one byte less behind each end.
    expected = len(frame) - first - max(0, left_out - (1 - tail))
    return (frame[1] | frame[2] << 8) & LENGTH_BITS == expected


def _bcc_fits(frame: bytes, kind: str, span: str) -> bool:
    if kind in ("ignored", "none"):
        return True
    first, left_out = SPANS[span]
    return CHECKS[kind](frame[first : len(frame) - left_out]) == frame[-1]


def fitting(frame: bytes) -> Iterator[tuple[str, str, str]]:
    """Which settings fit a whole recorded frame (01 ... BCC): (length_counts, bcc, bcc_span), each that does.

    Several frames leave few; so one recording of a real device settles what the manual left open.
    """
    if not HEAD.match(frame) or len(frame) < ROWS_AT + 2:
        return
    for counts, kind, span in product(SPANS, CHECKS, BCC_SPANS):
        if _length_fits(frame, counts, 1) and _bcc_fits(frame, kind, span):
            yield counts, kind, span


class Settings(Port, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[[counter.reader]]`` settings of this driver. ``baud``, ``length_counts``, ``bcc`` and ``bcc_span`` are
    GUESSES: the manual's pages at hand do not say."""

    length_counts: LengthCounts = "after_length"
    bcc: BccKind = "xor"  # ignored: the byte comes and is not looked at; none: it does not come
    bcc_span: BccSpan = "after_length_to_etx"
    on_bad_length: Doubtful = "read"
    on_bad_bcc: Doubtful = "read"
    pad: Annotated[str, msgspec.Meta(pattern=r"^[ -~]?\Z")] = "_"
    pad_means: PadMeans = "unreadable"
    error_characters: Annotated[str, msgspec.Meta(pattern=r"^[ -~]{0,8}\Z")] = UNREADABLE

    def shape(self) -> Shape:
        """The framing they describe."""
        return Shape(
            self.length_counts, self.bcc, self.bcc_span, self.on_bad_length, self.on_bad_bcc, self.pad,
            self.pad_means, self.error_characters,
        )


def build(
    device_name: str, settings: Mapping[str, object], clock: Clock, tier: Tier, through: Through = directly,
    profile: str = "",
) -> FramedReader:
    """A reader by its settings, not yet open. Raises BadSetting."""
    chosen = read_settings(Settings, settings, device_name)
    shape = chosen.shape()
    return FramedReader(
        name=device_name, driver="rte", tier=tier, port=chosen.port, clock=clock,
        codec=lambda: RteCodec(shape, gap_s=chosen.gap_s), connect=lambda: wrapped(chosen.connect(), through),
        profile=profile,
    )
