"""An OCR imager of the Honeywell kind (Xenon 1900, Vuquest 3310g, Voyager) on a serial line or USB serial.

Laws, each a sentence of the "Xenon/Granit User Guide" (serial programming commands) or of the "OCR Programming
User's Guide":
1. A menu command is ``16 4D 0D``, then tag (3), subtag (3) and data, more of them after ``;`` (another tag) or ``,``
   (the same tag), and ``!`` (volatile) or ``.`` (for good). ``?``, ``^`` and ``*`` in place of data ask for the
   setting, its default and its range.
2. It is repeated with a status before each of its punctuation marks: ACK 06 good, ENQ 05 no such tag, NAK 15 the
   value is out of range.
3. ``16 54 0D`` starts the imager; it looks until something was read, whatever that was, or ``16 55 0D`` stops it, or
   ``TRGSTO`` milliseconds have passed. ``16 07 0D`` is a beep.
4. It reads zones only while OCR is on (``OCRENA``) and a template for travel documents is chosen (``OCRATS``).
5. Rows are sent as printed with a CR between them and the suffix (CR) at the end; each row may be read separately
   and not all rows may be issued. Bar codes come on the same port. An AIM identifier or code id may stand before.
6. What was set with ``!`` is lost with the power, what was set with ``.`` is not.

What the documents leave open, and what is done here: answers are in capitals, as in the guides' examples; REVINF is
answered by lines ``Name: value`` CR LF, then as any command (so recorded from a Voyager by a third party); the template
for travel documents is bit 2 of OCRATS; a TRGSTO of 0 never ends; a document is sent once until it is lifted, unless
``rereads`` is set.
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

SYN_COMMAND = re.compile(rb"\x16([\x07TU])\r|\x16M\r([ -~]*?[!.])", re.DOTALL)
HALF = re.compile(rb"\x16(?:[\x07TUM]?|M\r[ -~]{0,256})$")
ACK, ENQ, NAK = b"\x06", b"\x05", b"\x15"
TAGS = {"OCRENA": (0, 3), "OCRATS": (0, 15), "ALLENA": (0, 1), "CBRENA": (0, 1), "TRGSTO": (0, 300_000)}
DEFAULTS = {"OCRENA": 0, "OCRATS": 0, "ALLENA": 1, "CBRENA": 1, "TRGSTO": 30_000}
PASSPORTS = 2
REVISION = (
    "Product Name: Virtual Imager", "Boot Revision: 0001", "Software Part Number: VI000001BAA",
    "Software Revision: $ProjectRevision: 4711 ", "Serial Number: VI00000042", "Supported IF: USB",
)
MAX_ORDERS = 256  # remembered


@dataclass(frozen=True, slots=True)
class HoneywellOptions:
    """How this imager is set up, and what it leaves out."""

    presentation: bool = False  # it always looks, without a trigger
    separate: bool = False      # one row at a trigger
    rereads: bool = False       # a document that still lies there is sent again
    missing: str = ""           # numbers (from 0) of the rows that it never issues: "02"
    suffix: bytes = b"\r"       # behind each read
    before: str = ""            # AIM identifier, code id: before each read
    unknown: str = ""           # tags that this model does not know: "OCRATS"


class HoneywellDevice:
    """The imager: one document, some bar codes, a menu, a trigger."""

    def __init__(
        self, options: HoneywellOptions | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._options, self._clock = options or HoneywellOptions(), clock
        self._stored: dict[str, int] = dict(DEFAULTS)  # survives the power
        self._menu: dict[str, int] = dict(DEFAULTS)
        self._half = b""
        self._looking, self._since = self._options.presentation, 0.0
        self._lines: tuple[str, ...] = ()
        self._again = False  # what lies there has been sent before
        self._reads: deque[bytes] = deque(maxlen=16)  # what lies before the imager and is not sent yet
        self._blocks: deque[bytes] = deque(maxlen=16)
        self.orders: deque[bytes] = deque(maxlen=MAX_ORDERS)  # every whole order, as it came
        self.beeps = 0

    def power_on(self) -> bytes:
        """Law 6; what lies before it is new to it."""
        self._menu, self._half, self._looking = dict(self._stored), b"", self._options.presentation
        self._reads.clear()
        self._lay(self._lines)
        return b""

    def receive(self, data: bytes) -> bytes:
        """Obey whole orders, keep a half one, pass over anything else."""
        self._half += data
        out = b""
        while True:
            found = SYN_COMMAND.search(self._half)
            if found is None:
                break
            self.orders.append(found[0])
            self._half = self._half[found.end() :]
            out += self._obey(found[1], found[2])
        half = HALF.search(self._half)
        self._half = half[0] if half else b""
        return out

    def present(self, lines: Sequence[str]) -> bytes:
        """Hold a document before it; the same one again without lifting it changes nothing."""
        if tuple(lines) != self._lines:
            self._reads.clear()
            self._lay(lines)
        return self._read()

    def remove(self) -> bytes:
        """Lift it."""
        self._lines = ()
        self._reads.clear()
        return b""

    def block(self, text: str) -> bytes:
        """Law 5: hold a bar code before it; sent when it looks."""
        if self._menu["ALLENA"]:
            self._blocks.append(self._options.before.encode("ascii") + text.encode("utf-8") + self._options.suffix)
        return self._read()

    @property
    def unsent(self) -> bool:
        """See VirtualDevice."""
        return bool((self._reads and not self._again) or self._blocks)

    def _lay(self, lines: Sequence[str]) -> None:
        self._lines, self._again = tuple(lines), False
        options, before = self._options, self._options.before.encode("ascii")
        rows = [row.encode("ascii", "replace") for at, row in enumerate(self._lines) if str(at) not in options.missing]
        if options.separate:
            self._reads.extend(before + row + options.suffix for row in rows)
        elif rows:
            self._reads.append(before + b"\r".join(rows) + options.suffix)

    def _read(self) -> bytes:
        """Laws 3 and 4."""
        options, out, limit_s = self._options, b"", self._menu["TRGSTO"] / 1000
        if limit_s and not options.presentation and self._clock() >= self._since + limit_s:
            self._looking = False
        while self._looking:
            queue = self._blocks
            if not queue and self._menu["OCRENA"] and self._menu["OCRATS"] & PASSPORTS:
                queue = self._reads
            if not queue:
                break
            out += queue.popleft()
            self._looking = options.presentation
            if queue is self._reads and not queue and options.rereads and not options.presentation:
                self._lay(self._lines)
                self._again = True
        return out

    def _obey(self, order: bytes | None, menu: bytes | None) -> bytes:
        if menu is not None:
            return self._answer(menu.decode("ascii")) + self._read()
        if order == b"\x07":
            self.beeps += 1
        elif not self._options.presentation:
            self._looking, self._since = order == b"T", self._clock()
        return self._read()

    def _answer(self, command: str) -> bytes:
        """Laws 1 and 2."""
        out, tag = b"", ""
        for text, mark in re.findall(r"([^,;.!]*)([,;.!])", command.upper()):
            said, status = self._set(tag + text, for_good=command.endswith("."))
            out += said[len(tag) :].encode("ascii") + status + mark.encode("ascii")
            tag = (tag + text)[:3] if mark == "," else ""
        return out

    def _set(self, text: str, *, for_good: bool) -> tuple[str, bytes]:
        """What is repeated, and the status."""
        name, data = text[:6], text[6:]
        if name == "REVINF":
            return "".join(line + "\r\n" for line in REVISION) + name, ACK
        if name not in TAGS or name in self._options.unknown:
            return text, ENQ
        low, high = TAGS[name]
        if data in ("?", "^", "*"):
            return name + {"?": str(self._menu[name]), "^": str(DEFAULTS[name]), "*": f"{low}-{high}"}[data], ACK
        if not data.isdigit() or not low <= int(data) <= high:
            return text, NAK
        self._menu[name] = int(data)
        if for_good:
            self._stored[name] = int(data)
        return text, ACK
