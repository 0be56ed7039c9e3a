"""A recording without the persons in it: every byte where it was, every frame what it was, names and numbers invented.

Laws:
1. Rows are found by running the family's own codec over what the device sent, and masked as rows (masked_rows).
   In other blocks (bar codes, boarding passes, what a chip said) every letter and digit is replaced by class, and
   elsewhere (noise, garbled and broken-off frames) every run of RUN characters or more that a zone may hold.
2. Nothing changes its length or place; check bytes of frames are moved as check digits are. What the device says of
   itself, and answers to our own orders, stay.
3. The result is proven before it is given out: the codec must see the same kinds of events with the same lengths and
   ask for the same bytes, and none of the names and numbers that were read may be left. Else CannotMask, and nothing.
4. Only what the device sent is changed: nothing that we send to one is about a person.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from drivers.api import DriverMisuse
from drivers.framing import Codec, Event, Info, OtherBlock, RowsRead
from drivers.hid_keyboard import GAP_S, HidKeyboardCodec
from drivers.masked_keys import KeyStream
from drivers.masked_rows import Invention, mask_rows, secrets_of
from drivers.named import NamedDevice
from drivers.replays import NO_PORT
from drivers.rte import CHECKS, ETX, SPANS, RteCodec
from drivers.trace import FROM_DEVICE, TAIL_S, BadTrace, Entry, Trace

RUN = 5  # characters
RUNS = re.compile(rb"[A-Z0-9<?_*/ '-]{%d,}" % RUN)
TOKEN = re.compile(rb"\\(?:u[0-9A-Fa-f]{4}|.)|[A-Za-z0-9]+", re.DOTALL)  # an escape of JSON is no word
JSON_VALUE = re.compile(rb'"(?P<key>[^"\\]*)"\s*:\s*(?P<value>"(?:[^"\\]|\\.)*"|[0-9]+)', re.DOTALL)
JSON_WORDS = (b"type", b"stage")  # keys whose values are the protocol's own
HIGH = re.compile(rb"[\x80-\xff]+")
# What stands before the content of a block and says what it is: an AIM identifier, a boarding pass's format code and
# legs (IATA): without them it might pass for a row.
SAYS_WHAT = re.compile(rb"[^A-Za-z0-9\]]*(?:\][A-Za-z][0-9A-Za-z])?(?:[MS][1-9](?=[A-Z]))?")
# Bytes that are no text although they look like it: heads of frames.
HEADS = {"elyctis": re.compile(rb"[ICVWRT][\x00-\x03].", re.DOTALL), "rte": re.compile(rb"\x01..OU\x02.", re.DOTALL)}
TRIES = 32  # a few seeds in a hundred make a bar code look like a row

Codecs = Callable[[], Codec]


class CannotMask(BadTrace):
    """The recording cannot be masked without changing what it is."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the codec made of a recording: its events, and all that it asked for."""

    events: tuple[Event, ...]
    sent: bytes
    facts: Mapping[str, str]

    @property
    def reads(self) -> list[tuple[str, ...]]:
        """The rows of each read."""
        return [event.rows for event in self.events if isinstance(event, RowsRead)]

    def shape(self) -> list[tuple[object, ...]]:
        """Kinds and lengths: what must be the same after masking."""
        return [_shape(event) for event in self.events]


def _shape(event: Event) -> tuple[object, ...]:
    if isinstance(event, RowsRead):
        return "rows", tuple(map(len, event.rows)), len(event.raw)
    if isinstance(event, OtherBlock):
        return "other", event.length, len(event.raw)
    return type(event).__name__, getattr(event, "count", None), getattr(event, "text", None)


def mask(trace: Trace, device: NamedDevice, seed: str) -> Trace:
    """The same recording without persons; ``seed`` (random, then thrown away) decides what is invented.

    Raises CannotMask, DriverMisuse.
    """
    reader = NamedDevice(device.driver, {**device.settings, "port": NO_PORT}).reader("masked", lambda: 0.0)
    fresh: Codecs | None = getattr(reader, "fresh_codec", None)
    if fresh is None:
        raise DriverMisuse(f"recordings of {device.driver} cannot be masked", advice="record specimens only")
    before = see(trace.entries, fresh())
    hidden = secrets_of(before.reads)
    for attempt in range(TRIES):
        entries = _masked(trace.entries, before, fresh(), device, Invention(f"{seed}/{attempt}", hidden))
        after = see(entries, fresh())
        if after.shape() == before.shape() and after.sent == before.sent and not _left(entries, after, hidden):
            note = "names, numbers and dates invented, check digits moved with them"
            return Trace({**trace.provenance, "Masked": note}, entries)
    raise CannotMask(
        "masking would change what the driver sees in this recording", advice="record specimens, without --mask"
    )


def see(entries: Sequence[Entry], codec: Codec) -> Seen:
    """Run a codec over a recording, in the recording's time."""
    codec.start(0.0)
    events, sent = [], codec.bytes_to_send()
    for entry in entries:
        if entry.direction != FROM_DEVICE:
            continue
        for now in _ticks(codec, entry.at):
            events += codec.tick(now)
            sent += codec.bytes_to_send()
        events += codec.feed(entry.data, entry.at)
        sent += codec.bytes_to_send()
    end = entries[-1].at + TAIL_S if entries else 0.0
    for now in _ticks(codec, end):
        events += codec.tick(now)
    return Seen(tuple(events), sent, dict(codec.facts))


def _ticks(codec: Codec, until: float) -> Iterator[float]:
    """When the codec wants to be asked before ``until``; a codec that is never content is asked so often only."""
    for _ in range(10_000):
        due = codec.next_timeout
        if due is None or due >= until:
            return
        yield due


def _masked(
    entries: Sequence[Entry], seen: Seen, codec: Codec, device: NamedDevice, invent: Invention
) -> tuple[Entry, ...]:
    reads = mask_rows(seen.reads, invent)
    from_device = [entry for entry in entries if entry.direction == FROM_DEVICE]
    if isinstance(codec, HidKeyboardCodec):
        layout, gap_s = device.settings.get("layout", "us"), device.settings.get("gap_s", GAP_S)
        keys = KeyStream(from_device, str(layout), float(str(gap_s)))
        keys.replace([row for read in seen.reads for row in read], [row for read in reads for row in read], invent)
        data = keys.data
    else:
        before = b"".join(entry.data for entry in from_device)
        data = _Stream(before, seen, device.driver, invent).replace(reads)
        if isinstance(codec, RteCodec):
            _check_bytes(seen, data, before, codec)
    return tuple(_cut_again(entries, data))


def _cut_again(entries: Sequence[Entry], data: bytearray) -> Iterator[Entry]:
    """The same chunks with other bytes."""
    at = 0
    for entry in entries:
        if entry.direction != FROM_DEVICE:
            yield entry
            continue
        yield Entry(entry.at, FROM_DEVICE, bytes(data[at : at + len(entry.data)]))
        at += len(entry.data)


class _Stream:
    """What a serial device sent, as one piece; ``free`` says which bytes are still to be judged."""

    def __init__(self, before: bytes, seen: Seen, driver: str, invent: Invention) -> None:
        self._before = before
        self._data = bytearray(self._before)
        self._free = bytearray(b"\1" * len(self._data))
        self._seen, self._driver, self._invent = seen, driver, invent

    def replace(self, reads: Sequence[tuple[str, ...]]) -> bytearray:
        """Law 1."""
        for found in HEADS[self._driver].finditer(self._before) if self._driver in HEADS else ():
            self._done(found.start(), found.end())
        masked, at, behind = iter(reads), 0, 0
        blocks: list[tuple[int, int]] = []
        for event in self._seen.events:
            if isinstance(event, RowsRead):
                start = self._before.find(event.raw, at)
                at = start if start >= 0 else at
                rows_at = at
                for old, new in zip(event.rows, next(masked), strict=True):
                    rows_at = self._row(old, new, rows_at)
                behind = max(rows_at, at + len(event.raw) if start >= 0 else 0)
                blocks += [(start, start + len(event.raw))] if start >= 0 and self._driver == "est" else []
            elif isinstance(event, OtherBlock) and event.raw:
                start = self._before.find(event.raw, at)
                behind = start + len(event.raw) if start >= 0 else at
                blocks += [(start, behind)] if start >= 0 else []
            elif isinstance(event, Info):
                behind = self._keep(event.text, at)
            at = max(at, behind)
        for text in self._seen.facts.values():
            self._keep(text, 0)
        for start, end in blocks:
            self._block(start, end)
        for run in RUNS.finditer(self._before):
            self._words(run.start(), run.end())
        return self._data

    def _row(self, old: str, new: str, at: int) -> int:
        """Write one row over what it was read from; returns where it ended. Cells may be escaped or repaired."""
        cells = b"".join(b"(" + _cell(character) + b")" for character in old)
        found = re.compile(cells, re.DOTALL).search(self._before, at)
        if found is None:
            return at
        for number, (was, character) in enumerate(zip(old, new, strict=True), 1):
            start, end = found.span(number)
            if was != character and end - start == 1:
                self._data[start] = ord(character)
        self._done(found.start(), found.end())
        return found.end()

    def _keep(self, text: str, at: int) -> int:
        """What the device says of itself stays, wherever it stands behind ``at``."""
        wanted = text.encode("latin-1", "replace")
        for part in (wanted, wanted[:-1]):  # an answer has its status before the last mark
            start = self._before.find(part, at) if len(part) >= RUN else -1
            if start >= 0:
                self._done(start, start + len(part))
                return start + len(part)
        return at

    def _block(self, start: int, end: int) -> None:
        if self._driver == "est":
            for found in JSON_VALUE.finditer(self._before, start, end):
                if found["key"] not in JSON_WORDS:
                    self._words(found.start("value"), found.end("value"), everything=True)
            self._done(start, end)
            return
        head = SAYS_WHAT.match(self._before, start)
        self._words(head.end() if head else start, end, everything=True)
        self._done(start, end)

    def _words(self, start: int, end: int, *, everything: bool = False) -> None:
        for word in TOKEN.finditer(self._before, start, end):
            if word[0].startswith(b"\\"):
                continue
            for at, character in enumerate(self._invent.text("word", word[0].decode("ascii")), word.start()):
                if self._free[at]:
                    self._data[at] = ord(character)
        for high in HIGH.finditer(self._before, start, end) if everything else ():
            if all(self._free[high.start() : high.end()]):
                self._data[high.start() : high.end()] = _other_letters(high[0])
        self._done(start, end)

    def _done(self, start: int, end: int) -> None:
        self._free[start:end] = bytes(end - start)


def _cell(character: str) -> bytes:
    """What a character of a row may have been on the line."""
    if character.isascii() and character.isalnum():
        return re.escape(character.encode("ascii"))
    escaped = rb"\\u(?i:%04x)" % ord(character)
    return rb"%s|[^A-Z0-9\r\n]" % escaped if character == "<" else rb"%s|[^\r\n]" % escaped


def _other_letters(text: bytes) -> bytes:
    """Letters beyond ASCII: others of the same length, in UTF-8 where it is that."""
    try:
        characters = text.decode("utf-8")
    except UnicodeDecodeError:
        return b"\xb0\xa1" * (len(text) // 2) + b"\xb0" * (len(text) % 2)  # a pair in GBK and its kin
    by_length = {2: "\u00e9", 3: "\u4e00", 4: "\U00020000"}
    return "".join(by_length[len(one.encode())] for one in characters).encode()


def _check_bytes(seen: Seen, data: bytearray, before: bytes, codec: RteCodec) -> None:
    """Law 2: the BCC of each frame moves by as much as what it covers."""
    kind, (first, left_out) = codec.shape.bcc, SPANS[codec.shape.bcc_span]
    if kind not in CHECKS:
        return
    at = 0
    for event in seen.events:
        raw = event.raw if isinstance(event, RowsRead | OtherBlock) else b""
        start = before.find(raw, at) if raw else -1
        if start < 0 or len(raw) < 2 or raw[-2] != ETX:
            continue
        at = start + len(raw)
        covered = slice(start + first, at - left_out)
        old, new = CHECKS[kind](before[covered]), CHECKS[kind](bytes(data[covered]))
        data[at - 1] = raw[-1] ^ old ^ new if "xor" in kind else (raw[-1] - old + new) & 0xFF


def _left(entries: Sequence[Entry], seen: Seen, hidden: frozenset[str]) -> bool:
    """Law 3: is any of them left, as bytes or in what the codec reads? Texts under RUN characters occur by chance."""
    data = b"".join(entry.data for entry in entries if entry.direction == FROM_DEVICE)
    read = "\n".join(row for rows in seen.reads for row in rows)
    return any(text in read or text.encode("latin-1", "replace") in data for text in hidden if len(text) >= RUN)
