"""What must hold of every codec whatever bytes come, when, and in which pieces: for the fuzz run and its corpus.

An input is ``variant | n | n plan bytes | stream``. The variant picks a way the driver can be set; the plan cuts the
stream: each plan byte, in turn, says how long the next piece is (low six bits, and one) and how much time passes
before it (high two bits, see STEPS). So mutations of the stream stay mutations of what a device sends.

Laws that are checked:
1. Nothing raises.
2. Every byte ends in exactly one event: dropped as noise, as garbled, or as part of a whole frame, or still held.
3. The buffer never holds more than its cap (1 KiB, or as its family states); what is held is told by ``next_timeout``.
4. Rows are one to three, and legible ones (ASCII without controls) once the driver gives them out; ``raw`` is the
   whole frame, its codec's trailer included (or nothing, where a keyboard needed more), at most MAX_RAW bytes.
5. How the line cut the bytes changes nothing, where no time passes between the pieces. (A codec that asks the device
   about itself judges answers by what it has asked last, and two answers in one piece cannot be: this law is for ways
   in which it asks nothing, or has given up asking.)
6. After a minute of silence nothing is held.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import finger_formats_fuzz
from drivers.api import MAX_RAW
from drivers.catalog import DRIVERS, open_reader
from drivers.framing import (
    Broken,
    Codec,
    Event,
    Framer,
    Garbled,
    ListeningCodec,
    More,
    Noise,
    OtherBlock,
    RowsRead,
    Skip,
    Whole,
)
from drivers.rows import legible

STEPS = (0.0, 0.05, 0.4, 12.0)  # seconds: none, within a gap, longer than a gap, longer than any reply
SILENCE_S = 60.0
LONGEST_ROW = 1024
LARGEST_BUFFER = 8 * 1024  # bytes, of any family
MUTE: dict[str, Any] = {"menu": [], "revision": False}
# Every way of framing that a driver can be set to.
SETTINGS: dict[str, list[dict[str, Any]]] = {
    "elyctis": [{}, {"rearm_s": 0}, {"reply_s": 0.5}],
    "text": [
        {}, {"row_end": "crlf", "device_start": "1B41", "device_end": "0D0A"}, {"row_end": "none"},
        {"pad": "_", "pad_means": "filler"}, {"row_end": "lf"},
    ],
    "honeywell": [
        {}, {"line_end": "none", **MUTE}, {"line_end": "crlf", **MUTE}, {"code_id": "O", **MUTE},
        {"line_end": "lf"}, MUTE,
    ],
    "rte": [
        {}, {"bcc": "none"}, {"on_bad_bcc": "drop", "on_bad_length": "drop"},
        {"bcc": "sum", "bcc_span": "rows", "pad_means": "unreadable"}, {"length_counts": "anything", "bcc": "ignored"},
    ],
    "est": [{}, {"reading_s": 0.5}],
    "hid_keyboard": [{}, {"layout": "de", "row_end": "none"}, {"layout": "fr", "row_end": "enter"}, {"row_end": "tab"}],
}
PORTS = {"hid_keyboard": "usb:1234:5678"}


def settings_of(driver: str, variant: int) -> dict[str, Any]:
    """One of the ways that the driver can be set."""
    ways = SETTINGS.get(driver, [{}])
    return ways[variant % len(ways)]


def codec_of(driver: str, variant: int) -> Codec:
    """A fresh codec as that driver makes one from its settings."""
    settings = {"port": PORTS.get(driver, "/dev/null"), **settings_of(driver, variant)}
    reader: Any = open_reader(driver, "fuzzed", settings, lambda: 0.0)
    codec: Codec = reader._make_codec()
    return codec


@dataclass(slots=True)
class Account:
    """Where the bytes of one framer went."""

    fed: int = 0
    dropped: int = 0
    whole: int = 0
    trailer: bytes = b""  # of the codec (drivers.framing.ListeningCodec): at the end of each raw before it comes
    events: list[Event] = field(default_factory=list)

    def watch(self, framer: Framer) -> None:
        """Look over the shoulder of its cut and of its buffer."""
        cut, feed, drop = framer._cut, framer.feed, framer.buffer.drop

        def watched_cut(buffer: bytearray, looked: int) -> More | Skip | Broken | Whole:
            before = bytes(buffer)
            assert 0 < len(before) <= framer.buffer.cap <= LARGEST_BUFFER
            assert 0 <= looked <= len(before)
            decision = cut(buffer, looked)
            assert bytes(buffer) == before, "the cut changed the buffer"
            if isinstance(decision, More):
                assert 0 <= decision.looked <= len(before), "looked beyond the buffer"
            else:
                assert 1 <= decision.count <= len(before), "takes what is not there"
            if isinstance(decision, Whole):
                self.whole += decision.count
                if isinstance(decision.event, RowsRead | OtherBlock):
                    wanted = before[: decision.count] + self.trailer
                    assert decision.event.raw == wanted, "raw is not what came"
            return decision

        def watched_feed(data: bytes, now: float) -> list[Event]:
            self.fed += len(data)
            return feed(data, now)

        def watched_drop(count: int) -> int:
            gone = drop(count)
            self.dropped += gone
            return gone

        framer._cut = watched_cut
        framer.feed = watched_feed  # type: ignore[method-assign]
        object.__setattr__(framer, "buffer", _Watched(framer.buffer, watched_drop))


class _Watched:
    """The buffer with its ``drop`` counted (it has slots, so it is wrapped)."""

    def __init__(self, inner: Any, drop: Callable[[int], int]) -> None:
        self._inner, self.drop = inner, drop

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("_inner", "drop"):
            object.__setattr__(self, name, value)
        else:
            setattr(self._inner, name, value)

    def __len__(self) -> int:
        return len(self._inner)


def parted(data: bytes) -> tuple[int, list[tuple[float, bytes]]]:
    """(variant, [(seconds before the piece, the piece)])."""
    variant, count = (data + b"\x00\x00")[:2]
    count %= 32
    plan, stream = data[2 : 2 + count] or b"\xff", data[2 + count :]
    pieces, at, turn = [], 0, 0
    while at < len(stream):
        order = plan[turn % len(plan)]
        size = (order & 0x3F) + 1
        pieces.append((STEPS[order >> 6] if len(data) > 2 and count else 0.0, stream[at : at + size]))
        at, turn = at + size, turn + 1
    return variant, pieces


def as_input(variant: int, plan: bytes, stream: bytes) -> bytes:
    """The other way round, for seeds."""
    return bytes((variant, len(plan))) + plan + stream


@dataclass(slots=True)
class Played:
    """What came of one input."""

    reads: list[Event]
    lost: int
    sent: bytes


def trailer_of(codec: Codec) -> bytes:
    """What stands at the end of each ``raw`` whether it comes or not."""
    return codec.trailer if isinstance(codec, ListeningCodec) else b""


def asks(driver: str, variant: int) -> bool:
    """True where the codec asks the device about itself while bytes come (law 5)."""
    if driver == "elyctis":
        return variant % 2 == 0
    return driver == "honeywell" and not set(MUTE) <= set(settings_of(driver, variant))


def play(
    codec: Codec, groups: list[tuple[float, list[bytes]]], *, mute: bool = False, watch: bool = True
) -> Played:
    """Feed it as the driver does: what arrives at one time, then a tick; before it, a tick where time has passed.

    ``mute``: the device has answered nothing for a while before its first byte. ``watch``: look at every cut.
    """
    account, now, sent = Account(trailer=trailer_of(codec)), 1000.0, b""
    if watch:
        account.watch(codec.framer)  # type: ignore[attr-defined]
    codec.start(now)
    for _ in range(10 if mute else 0):
        now += 2.0
        codec.tick(now)
    sent += codec.bytes_to_send()
    events: list[Event] = []
    for step, pieces in groups:
        if step:
            now += step
            events += codec.tick(now)
        for piece in pieces:
            events += codec.feed(piece, now)
        events += codec.tick(now)
        sent += codec.bytes_to_send()
        buffer = codec.framer.buffer  # type: ignore[attr-defined]
        assert buffer.highest <= buffer.cap
        assert not len(buffer) or codec.next_timeout is not None, "what is held would be held for ever"
        assert isinstance(codec.reading, bool)
    events += codec.tick(now + SILENCE_S)
    sent += codec.bytes_to_send()
    assert not len(codec.framer.buffer), "held after a minute"  # type: ignore[attr-defined]
    assert account.fed == account.dropped, "bytes that went nowhere"
    for event in events:
        _check(event)
    return Played(
        [e for e in events if isinstance(e, RowsRead | OtherBlock)],
        sum(e.count for e in events if isinstance(e, Noise | Garbled)), sent,
    )


def accounted(driver: str, played: Played, fed: int, trailer: bytes = b"") -> None:
    """Law 2, as far as events tell: no more bytes in events than came."""
    read = (e.length if isinstance(e, OtherBlock) else len(e.raw) - len(trailer) for e in played.reads)  # type: ignore[union-attr]
    told = played.lost + sum(read)
    if driver != "hid_keyboard":  # its raw leaves out repeated reports, its lines leave out keys that type nothing
        assert told <= fed, "more bytes in events than came"


def _check(event: Event) -> None:
    if isinstance(event, RowsRead):
        assert 1 <= len(event.rows) <= 3
        rows = tuple(map(legible, event.rows))
        assert all(1 <= len(row) <= LONGEST_ROW and row.isascii() and row.isprintable() for row in rows), "rows"
        assert tuple(map(len, rows)) == tuple(map(len, event.rows))
    if isinstance(event, RowsRead | OtherBlock):
        assert len(event.raw) <= MAX_RAW
    if isinstance(event, Noise | Garbled):
        assert event.count >= 1


def check_codec(driver: str, data: bytes) -> None:
    """Play one input in two ways. Raises AssertionError, or whatever the codec raises."""
    variant, pieces = parted(data)
    groups: list[tuple[float, list[bytes]]] = []
    for step, piece in pieces:
        if step or not groups:
            groups.append((step, []))
        groups[-1][1].append(piece)
    fed = sum(len(piece) for _, piece in pieces)
    mute = driver == "elyctis" and variant % 2 == 1
    codec = codec_of(driver, variant)
    first = play(codec, groups, mute=mute)
    accounted(driver, first, fed, trailer_of(codec))
    if asks(driver, variant):
        return
    bytewise = [(step, [bytes((b,)) for piece in some for b in piece]) for step, some in groups]
    second = play(codec_of(driver, variant), bytewise, mute=mute, watch=False)
    assert first.reads == second.reads, "other reads when cut otherwise"
    assert first.lost == second.lost, "other losses when cut otherwise"
    assert first.sent == second.sent, "other orders when cut otherwise"


def check_trace(data: bytes) -> None:
    """A recording read from anything: a Trace or BadTrace; what was read is written and read again the same."""
    from drivers.trace import BadTrace, read_trace, write_trace

    try:
        trace = read_trace(io.StringIO(data.decode("utf-8", "replace")))
    except BadTrace:
        return
    out = io.StringIO()
    write_trace(out, trace)
    out.seek(0)
    again = read_trace(out)
    assert [(e.direction, e.data) for e in again.entries] == [(e.direction, e.data) for e in trace.entries]


def check_profile(data: bytes) -> None:
    """A profile from anything: a Profile or BadProfile."""
    import tempfile

    from drivers.profiles import BadProfile, read

    with tempfile.NamedTemporaryFile(suffix=".toml") as file, contextlib.suppress(BadProfile):
        file.write(data)
        file.flush()
        read(Path(file.name))


def check_of(target: str) -> Callable[[bytes], None]:
    """The check of one target: a driver's name, ``trace``, ``profile``, or an exchange file of fingers."""
    if target in finger_formats_fuzz.TARGETS:
        return finger_formats_fuzz.check_of(target)
    if target == "trace":
        return check_trace
    if target == "profile":
        return check_profile
    return lambda data: check_codec(target, data)


TARGETS = (*DRIVERS, "trace", "profile", *finger_formats_fuzz.TARGETS)
