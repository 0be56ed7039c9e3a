"""A recording without the persons in it: every byte where it was, every frame what it was, names and numbers invented.

Laws:
1. Rows are found by running the family's own codec over what the device sent, and masked as rows (masked_rows). Of all
   other bytes those stay that are the protocol's own, which is told by their form (masked_stream, masked_keys); every
   other letter, digit or byte beyond ASCII is replaced: in bar codes and what a chip said, in broken-off, garbled and
   over-long frames, and in noise.
2. Nothing changes its length or place; check bytes of frames are moved as check digits are. What the device says of
   itself, and answers to our own orders, stay.
3. The result is proven before it is given out: the codec must see the same kinds of events with the same lengths and
   ask for the same bytes; and no word that was read or stood in any byte but the protocol's own may be left anywhere,
   neither in the bytes (as latin-1, as UTF-8, with JSON's escapes resolved) nor in what the codec reads of them (of a
   keyboard: in no layout). What a word is says masked_words. Else CannotMask, and nothing.
4. Only what the device sent is changed: nothing that we send to one is about a person.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from drivers.api import DriverMisuse
from drivers.framing import Codec, Event, Info, Known, Noise, OtherBlock, RowsRead
from drivers.hid_keyboard import GAP_S, HidKeyboardCodec
from drivers.hid_layouts import LAYOUTS, UNREADABLE
from drivers.masked_keys import KeyStream
from drivers.masked_rows import dates_of, kept_in, mask_rows, secrets_of
from drivers.masked_stream import COMMANDS, Stream
from drivers.masked_words import Hidden, Invention, any_left, words_of
from drivers.named import NamedDevice
from drivers.replays import NO_PORT
from drivers.trace import FROM_DEVICE, TAIL_S, BadTrace, Entry, Trace

TRIES = 32  # a few seeds in a hundred make a bar code look like a row, or bring a short word again by chance

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
        return [event.rows for event in self.events if isinstance(event, RowsRead | Known)]

    def shape(self) -> list[tuple[object, ...]]:
        """Kinds and lengths: what must be the same after masking. How noise is told in parts hangs on its bytes."""
        shapes: list[tuple[object, ...]] = []
        for event in self.events:
            if isinstance(event, Noise) and shapes and shapes[-1][0] == "noise":
                shapes[-1] = ("noise", event.count + int(str(shapes[-1][1])))
            else:
                shapes.append(_shape(event))
        return shapes


def _shape(event: Event) -> tuple[object, ...]:
    if isinstance(event, RowsRead | Known):
        return type(event), tuple(map(len, event.rows)), len(event.raw)
    if isinstance(event, OtherBlock):
        return "other", event.length, len(event.raw)
    if isinstance(event, Noise):
        return "noise", event.count
    if isinstance(event, Info):
        return "info", event.command, len(event.text)
    return type(event).__name__, getattr(event, "count", None), getattr(event, "armed", None)


def mask(trace: Trace, device: NamedDevice, seed: str) -> Trace:
    """The same recording without persons; ``seed`` (random, then thrown away) decides what is invented.

    Raises CannotMask, DriverMisuse.
    """
    reader = NamedDevice(device.driver, {**device.settings, "port": NO_PORT}).reader("masked", lambda: 0.0)
    fresh: Codecs | None = getattr(reader, "fresh_codec", None)
    if fresh is None:
        raise DriverMisuse(f"recordings of {device.driver} cannot be masked", advice="record specimens only")
    before = see(trace.entries, fresh())
    hidden: Hidden | None = None
    layouts: dict[str, Hidden] = {}
    for attempt in range(TRIES):
        # What is hidden is known once the bytes are told apart: on the first round nothing is given out.
        invent = Invention(
            f"{seed}/{attempt}", hidden, apart=COMMANDS.get(device.driver, ""), dates=dates_of(before.reads)
        )
        masked = _masked(trace.entries, before, fresh(), device, invent)
        if hidden is None:
            hidden = Hidden({*secrets_of(before.reads), *words_of(masked.before, masked.kept)})
            layouts = {name: Hidden(words) for name, words in masked.typed_before.items()}
            continue
        entries = tuple(_cut_again(trace.entries, masked.data))
        after = see(entries, fresh())
        same = after.shape() == before.shape() and after.sent == before.sent and after.facts == before.facts
        if same and not _left(masked, hidden, layouts, after):
            note = "names, numbers and dates invented, check digits moved with them"
            return Trace({**trace.provenance, "Masked": note}, entries)
    raise CannotMask(
        "this recording cannot be masked so that nobody is left and the driver still sees the same",
        advice="record fewer documents at a time, or specimens without --mask",
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


@dataclass(frozen=True, slots=True)
class Masked:
    """One try: all bytes of the device before and after, 1 in ``kept`` for those that are the protocol's own, and
    the words that were typed before and after, by layout."""

    before: bytes
    data: bytes
    kept: bytes
    typed_before: Mapping[str, set[str]]
    typed_after: Mapping[str, set[str]]


def _masked(
    entries: Sequence[Entry], seen: Seen, codec: Codec, device: NamedDevice, invent: Invention
) -> Masked:
    rows, kept = mask_rows(seen.reads, invent), kept_in(seen.reads)
    from_device = [entry for entry in entries if entry.direction == FROM_DEVICE]
    before = b"".join(entry.data for entry in from_device)
    if not isinstance(codec, HidKeyboardCodec):
        stream = Stream(before, device.driver, device.settings, invent)
        stream.replace(seen.events, seen.sent, rows, kept, codec)
        return Masked(before, bytes(stream.data), bytes(stream.kept), {}, {})
    old = _keys(from_device, device, invent)
    old.replace([row for read in seen.reads for row in read], [row for read in rows for row in read], kept)
    new = _keys(list(_cut_again(from_device, old.data)), device, invent)
    new.kept[:] = old.kept
    return Masked(
        before, bytes(old.data), bytes(old.kept),
        {layout: old.words(layout) for layout in LAYOUTS}, {layout: new.words(layout) for layout in LAYOUTS},
    )


def _keys(entries: Sequence[Entry], device: NamedDevice, invent: Invention) -> KeyStream:
    def setting(key: str, default: object) -> str:
        return str(device.settings.get(key, default))

    return KeyStream(
        entries, setting("layout", "us"), setting("row_end", "auto"), float(setting("gap_s", GAP_S)),
        setting("error_characters", UNREADABLE), invent,
    )


def _cut_again(entries: Iterable[Entry], data: bytes | bytearray) -> Iterator[Entry]:
    """The same chunks with other bytes."""
    at = 0
    for entry in entries:
        if entry.direction != FROM_DEVICE:
            yield entry
            continue
        yield Entry(entry.at, FROM_DEVICE, bytes(data[at : at + len(entry.data)]))
        at += len(entry.data)


def _left(masked: Masked, hidden: Hidden, layouts: Mapping[str, Hidden], seen: Seen) -> bool:
    """Law 3: is any word left?"""
    if any_left(masked.data, masked.kept, hidden):
        return True
    if any(layouts[name].in_word(word) for name, words in masked.typed_after.items() for word in words):
        return True
    rows = [row for read in seen.reads for row in read]
    kept = kept_in(seen.reads)
    return any(
        hidden.in_word(word)
        for row, places in zip(rows, kept, strict=True)
        for word in words_of(row.encode("utf-8"), _cover(row, places))
    )


def _cover(row: str, places: frozenset[int]) -> bytes:
    """``places`` of a row as a mask over its UTF-8 bytes."""
    return b"".join(bytes((at in places,)) * len(character.encode()) for at, character in enumerate(row))
