"""The ELYCTIS ID BOX as its command set describes it ("Scanner Command Set v1.7", 14 Sep 2020).

Laws, each a sentence of that document or of the vendor's own host code:
1. A frame is command, length (two bytes, high first), payload; both ways, no checksum.
2. ``49 00 00`` (inquire) is answered ``49 len MRZ``: lines separated by CR, then CR and one more CR.
   With no document the payload is three CR.
3. ``43 00 01 s`` (continuous reading) is echoed as it came; only then a document is sent, unasked.
4. Continuous reading switches itself off after one good read. The same document is not read twice:
   until it is lifted, arming again does not send it again.
5. ``56``, ``57``, ``52``, ``54`` (each ``00 00``) ask firmware OCR version, NNA version, serial and
   product number.
6. A lone ``00`` is no command and is passed over (hosts send one to flush a half command).

What the document leaves open, and what is done here: an unknown command or a wrong length is dropped
byte by byte without an answer; an inquiry counts as the one read of a document.
"""

from __future__ import annotations

from collections.abc import Sequence

INQUIRE, CONTINUOUS = 0x49, 0x43
PAYLOAD_LENGTH = {INQUIRE: 0, CONTINUOUS: 1, 0x56: 0, 0x57: 0, 0x52: 0, 0x54: 0}
FACTS = {0x56: b"OCR 4.07", 0x57: b"NNA 2.11", 0x52: b"EV000001", 0x54: b"IDBOX-VIRTUAL"}


def frame(command: int, payload: bytes) -> bytes:
    """Law 1."""
    return bytes((command, len(payload) >> 8, len(payload) & 0xFF)) + payload


def mrz_payload(lines: Sequence[str]) -> bytes:
    """Law 2: ``line CR line CR CR``; no document counts as two empty lines, hence three CR."""
    rows = [line.encode("ascii", "replace") for line in lines] or [b"", b""]
    return b"\r".join(rows) + b"\r\r"


class ElyctisDevice:
    """The reader: one glass, one half-received command, one switch."""

    def __init__(self) -> None:
        self._half = b""
        self._armed = False
        self._lines: tuple[str, ...] = ()
        self._sent = False

    def power_on(self) -> bytes:
        """After power-up continuous reading is off, and what lies on the glass is new to the device."""
        self._half, self._armed, self._sent = b"", False, False
        return b""

    def receive(self, data: bytes) -> bytes:
        """Obey whole commands, keep half ones."""
        self._half += data
        out = b""
        while self._half:
            expected = PAYLOAD_LENGTH.get(self._half[0])
            header = bytes((0, expected)) if expected is not None else b""
            if expected is None or not header.startswith(self._half[1:3]):
                self._half = self._half[1:]
                continue
            if len(self._half) < 3 + expected:
                break
            out += self._obey(self._half[0], self._half[3 : 3 + expected])
            self._half = self._half[3 + expected :]
        return out

    def _obey(self, command: int, payload: bytes) -> bytes:
        if command == INQUIRE:
            self._sent = bool(self._lines)
            return frame(INQUIRE, mrz_payload(self._lines))
        if command == CONTINUOUS:
            self._armed = payload == b"\x01"
            return frame(CONTINUOUS, payload) + self._read_if_armed()
        return frame(command, FACTS[command])

    def _read_if_armed(self) -> bytes:
        if not self._armed or not self.unsent:
            return b""
        self._armed, self._sent = False, True
        return frame(INQUIRE, mrz_payload(self._lines))

    def present(self, lines: Sequence[str]) -> bytes:
        """Lay a document down; the same one again without lifting it changes nothing (law 4)."""
        if tuple(lines) != self._lines:
            self._lines, self._sent = tuple(lines), False
        return self._read_if_armed()

    def remove(self) -> bytes:
        """Lift it; the next one is a new document even if it is the same."""
        self._lines, self._sent = (), False
        return b""

    def block(self, text: str) -> bytes:  # noqa: ARG002 - part of the VirtualDevice protocol
        """This device reads nothing but zones."""
        return b""

    @property
    def unsent(self) -> bool:
        """See VirtualDevice."""
        return bool(self._lines) and not self._sent
