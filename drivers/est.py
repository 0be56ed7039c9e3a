"""EST-100PR kiosk engines: a kind and JSON between STX and ETX, serial, 256000 baud, odd parity.

Source: a published integration of the EST-100PR-NZ (kler.cn/a/443718; third-party code, confidence medium).
Laws:
1. A frame is ``02 text 03 0D 0A``; the text is ``Kind:{JSON}``. 02 begins it, 03 ends it and is not waited past,
   another 02 begins it anew; the CR LF behind decide nothing, they are only not noise (``ListeningCodec.trailer``).
2. A frame whose ``data`` holds a zone is a document, whatever its kind and ``type`` are called: names that we have not
   seen yet lose nobody. Rows are split at line ends.
3. JSON that is none is Garbled, unless its ``data`` can still be made out and holds a zone: one flipped bit in a
   name must not lose a document. JSON without a zone is another block, ``PCSign`` too, which moves ``reading``
   besides: software on the officer's PC may look at it.
4. A frame has FRAME_CAP bytes at most. What a chip says (``EidlinkResult``: names, addresses, other scripts) is longer
   than any zone, and a frame too long for the buffer would count as a fault of the line. The ``raw`` of an event is
   the whole frame, from 02 to the CR LF.
5. ``reading`` is true between ``readStart`` and ``readEnd``, READING_S seconds at most: the end may be lost.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from drivers.api import Clock, Tier
from drivers.framing import GAP_S, Broken, Event, ListeningCodec, More, OtherBlock, RowsRead, Skip, Whole
from drivers.reader import FramedReader
from drivers.rows import UNREADABLE, is_zone
from drivers.settings import Orders, read_settings
from drivers.transport import Through, directly, wrapped

FRAME_CAP = 8 * 1024  # bytes, within MAX_RAW; 0.4 s at 256000 baud
STX, ETX = 0x02, 0x03
BOUNDS = re.compile(rb"[\x02\x03]")
BEHIND = b"\r\n"
BEGINNINGS = re.compile(rb"[\x02\r]")
SIGN = "PCSign"
STAGES = {"readStart": True, "readEnd": False}  # of PCSign -> does a read go on
READING_S = 10.0  # a page is read in two or three
DATA = re.compile(r'"data"\s*:\s*"([^"]*)"')  # what is left to find in JSON that is none
ROW_ENDS = re.compile(r"(?:\\[rn]|[\r\n])+")  # escaped as well as plain


class EstCodec(ListeningCodec):
    """One such engine, without its port."""

    trailer = BEHIND

    def __init__(
        self, *, gap_s: float = GAP_S, reading_s: float = READING_S, error_characters: str = UNREADABLE
    ) -> None:
        super().__init__(self._cut, gap_s=gap_s, cap=FRAME_CAP)
        self._reading_s, self._error_characters = reading_s, error_characters
        self._stage_on = False
        self._stage_until: float | None = None  # monotonic seconds; law 5

    @property
    def next_timeout(self) -> float | None:
        """See Codec."""
        return min((t for t in (self.framer.next_timeout, self._stage_until) if t is not None), default=None)

    @property
    def reading(self) -> bool:
        """See Codec; law 5."""
        return self._stage_on or self.framer.reading

    def start(self, now: float) -> None:  # noqa: ARG002 - see Codec
        """See Codec."""
        self._stage_on, self._stage_until = False, None

    def feed(self, data: bytes, now: float) -> list[Event]:
        """See Codec."""
        events = self.framer.feed(data, now)
        if not self._stage_on:
            self._stage_until = None
        elif self._stage_until is None:
            self._stage_until = now + self._reading_s
        return events

    def tick(self, now: float) -> list[Event]:
        """See Codec."""
        if self._stage_until is not None and now >= self._stage_until:
            self._stage_on, self._stage_until = False, None
        return self.framer.tick(now)

    def _cut(self, buffer: bytearray, looked: int) -> More | Skip | Broken | Whole:
        """Law 1. Looks at each byte at most twice."""
        if buffer[0] != STX:
            return _between_frames(buffer)
        bound = BOUNDS.search(buffer, max(1, looked))
        if bound is None:
            return More(looked=len(buffer), begun=True)
        at = bound.start()
        if buffer[at] == STX:
            return Broken(at, "a frame began within a frame") if at > 1 else Skip(1)
        frame = bytes(buffer[: at + 1])
        return self._judge(frame, frame[1:at].decode("utf-8", "replace"))

    def _judge(self, frame: bytes, text: str) -> Broken | Whole:
        """Laws 2 to 4."""
        kind, _, body = text.partition(":")
        try:
            # strict=False: a line end within the text may come as itself. RecursionError: brackets by the hundred.
            value = json.loads(body, strict=False)
        except (ValueError, RecursionError):
            found = DATA.search(text)
            rows = self._rows(found[1]) if found else ()
            whole = Whole(len(frame), RowsRead(rows, frame + BEHIND))
            return whole if is_zone(rows) else Broken(len(frame), "no JSON")
        if not isinstance(value, dict):
            return Broken(len(frame), "no JSON object")
        stage, data = value.get("stage"), value.get("data")
        if kind == SIGN and isinstance(stage, str) and stage in STAGES:
            self._stage_on = STAGES[stage]
        rows, raw = self._rows(data) if isinstance(data, str) else (), frame + BEHIND
        return Whole(len(frame), RowsRead(rows, raw) if is_zone(rows) else OtherBlock(len(frame), raw))

    def _rows(self, data: str) -> tuple[str, ...]:
        for character in self._error_characters:
            data = data.replace(character, UNREADABLE)
        return tuple(row for row in ROW_ENDS.split(data) if row)


def _between_frames(buffer: bytearray) -> More | Skip | Whole:
    if buffer.startswith(BEHIND):
        return Whole(len(BEHIND), None)
    if BEHIND.startswith(buffer):
        return More()
    following = BEGINNINGS.search(buffer, 1)
    return Skip(following.start() if following else len(buffer))


class Settings(Orders, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[[counter.reader]]`` settings of this driver; times in seconds."""

    baud: Annotated[int, msgspec.Meta(ge=300, le=4_000_000)] = 256_000
    parity: Literal["N", "E", "O"] = "O"
    reading_s: Annotated[float, msgspec.Meta(ge=0.5, le=60)] = READING_S
    error_characters: Annotated[str, msgspec.Meta(pattern=r"^[ -~]{0,8}\Z")] = UNREADABLE


def build(
    device_name: str, settings: Mapping[str, object], clock: Clock, tier: Tier, through: Through = directly,
    profile: str = "",
) -> FramedReader:
    """A reader by its settings, not yet open. Raises BadSetting."""
    chosen = read_settings(Settings, settings, device_name)
    return FramedReader(
        name=device_name, driver="est", tier=tier, port=chosen.port, clock=clock,
        codec=lambda: EstCodec(
            gap_s=chosen.gap_s, reading_s=chosen.reading_s, error_characters=chosen.error_characters
        ),
        connect=lambda: wrapped(chosen.connect(), through), orders=chosen.orders(), profile=profile,
    )
