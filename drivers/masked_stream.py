"""What a serial device sent, with everything that may be about a person replaced where it stands.

Laws:
1. What the family's codec read as rows is replaced by the masked rows, cell by cell.
2. Of the rest only that stays which the protocol itself has put there, told by its form and not by its place in a good
   frame: heads, AIM identifiers, names of kinds and fields, check bytes (moved with what they cover), and what the
   device says of itself when asked. All other letters, digits and bytes beyond ASCII are replaced, in frames, between
   them, and in what is left of broken ones.
3. ``kept`` says of each byte whether it stays, so that it can be proven that all others went.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from drivers.framing import Codec, Event, Info, Known, ListeningCodec, OtherBlock, RowsRead
from drivers.honeywell import FACTS, answers
from drivers.honeywell_lines import COLON, STATUSES
from drivers.masked_words import Invention
from drivers.rows import BOARDING_PASS, UNREADABLE
from drivers.rte import CHECKS, ENDS, FLAG_AT, HEAD, ROWS_AT, SPANS, RteCodec

FREE = re.compile(rb"[A-Za-z0-9\x80-\xff]+")
COMMANDS = {"elyctis": "CIRTVW"}  # letters with which frames begin
AIM = rb"(?:^|[\x00-\x1f])(\][A-Za-z][0-9A-Za-z])"  # ISO/IEC 15424, where a line or block begins
FIELDS = (
    "data|type|stage|result|status|code|msg|message|error|time|"
    "name|nameEn|nameAr|nameCn|fullName|surname|givenName|givenNames|firstName|lastName|sex|gender|nation|"
    "nationality|country|birth|birthday|birthDate|born|addr|address|number|id|idNum|idNumber|cardNo|cardNum|docNum|"
    "docType|mrz|mrz1|mrz2|mrz3|issuer|issueDate|department|begin|end|beginDate|endDate|expiry|expiryDate|valid|"
    "photo|image|picture|sign|signature"
)
VALUES = "PassPort|BarCode|Card|IDCard|IdCard|Visa|readStart|readEnd"
# What stays, group by group; longer forms first. DOTALL: a length may be any byte.
STRUCTURE: Mapping[str, tuple[bytes, ...]] = {
    "elyctis": (rb"([ICVWRT][\x00-\x03].)",),
    "text": (AIM,),
    "honeywell": (AIM,),
    "rte": (rb"(\x01..OU\x02.)", rb"\x01..(OU?)", AIM),
    "est": (
        rb"\x02(CameraData|PCSign|EidlinkResult)(?=:)",
        rb'"(%s)"(?=\s*:)' % FIELDS.encode(),
        rb'"(?:type|stage)"\s*:\s*"(%s)"' % VALUES.encode(),
        rb"[:,\[]\s*(true|false|null|NaN|-?Infinity)(?=\s*[,}\]])",
        rb"[:,\[]\s*-?(0)(?=[0-9])",  # no JSON, and to stay none
        rb"[:,\[]\s*-?[0-9]+(?:\.[0-9]+)?([eE])(?=[+-]?[0-9])",
    ),
}
PATTERNS = {driver: tuple(re.compile(one, re.DOTALL) for one in forms) for driver, forms in STRUCTURE.items()}
ESCAPE = re.compile(rb"\\\\|((?:\\u[0-9A-Fa-f]{4})+)|\\([bfnrt])")  # of JSON
# Lines "Name: value" by which an imager answers REVINF; any other may be a bar code.
ABOUT_ITSELF = frozenset({
    *FACTS, "Boot Revision", "Software Part Number", "Supported IF", "PCB Assembly ID", "Engine Firmware Revision",
    "Engine Serial Number", "Engine ID", "Hardware Revision", "Firmware Revision",
})
LONGER = 16  # characters that an answer may have beyond the command


class Stream:
    """All bytes of one recording; ``data`` are the new ones."""

    def __init__(
        self, before: bytes, driver: str, settings: Mapping[str, object], invent: Invention,
    ) -> None:
        self._before, self._driver, self._settings, self._invent = before, driver, settings, invent
        self.data, self._open = bytearray(before), bytearray(before)  # open: NUL where all is decided
        self.kept = bytearray(len(before))

    def replace(
        self, events: Iterable[Event], sent: bytes, masked: Sequence[tuple[str, ...]],
        kept: Sequence[frozenset[int]], codec: Codec,
    ) -> None:
        """Laws 1 and 2; ``masked`` are the rows of each read, ``kept`` the places that stay in each row."""
        for start, end in self._structure():
            self._keep(start, end)
        ends = list(_check_bytes(self._before, codec)) if isinstance(codec, RteCodec) else []
        for _, at in ends:
            self._keep(at, at + 1)
        commands = re.findall(r"\x16M\r([ -~]*?[!.])", sent.decode("latin-1"))
        at, reads, places = 0, iter(masked), iter(kept)
        for event in events:
            if isinstance(event, RowsRead | Known):
                raw = _as_it_came(event.raw, codec)
                start = max(self._before.find(raw, at), at)
                end = start
                for old, new in zip(event.rows, next(reads), strict=True):
                    end = self._row(old, new, next(places), end)
                at = max(end, start + len(raw) if self._before.startswith(raw, start) else 0)
            elif isinstance(event, OtherBlock) and event.raw:
                raw = _as_it_came(event.raw, codec)
                start = self._before.find(raw, at)
                if start >= 0:
                    at = start + len(raw)
                    self._boarding_pass(start, raw)
            elif isinstance(event, Info):
                at = self._about_itself(event, commands, at)
        self._escapes()
        for word in FREE.finditer(self._open):
            self.data[word.start() : word.end()] = self._invent.running(word[0])
        if isinstance(codec, RteCodec):
            self._move_check_bytes(ends, codec)

    def _structure(self) -> Iterator[tuple[int, int]]:
        for pattern in PATTERNS[self._driver]:
            for found in pattern.finditer(self._before):
                yield found.span(1)
        if self._driver == "text":  # delimiters may be letters too
            stx, etx, start, end = (
                re.escape(bytes.fromhex(str(self._settings.get(key, default))))
                for key, default in (("stx", "02"), ("etx", "03"), ("device_start", ""), ("device_end", ""))
            )
            for found in re.finditer(start + stx + b"|" + stx + b"|" + etx + end + b"|" + etx, self._before, re.DOTALL):
                yield found.span()

    def _row(self, old: str, new: str, kept: frozenset[int], at: int) -> int:
        """Write one row over what it was read from; returns where it ended. Cells may be escaped or repaired.

        Cells beyond ASCII, and those that were repaired, stay open.
        """
        old = old.rstrip(UNREADABLE)  # what a codec has added stands nowhere
        cells = b"".join(b"(" + _cell(character) + b")" for character in old)
        found = re.compile(cells, re.DOTALL).search(self._before, at)
        if found is None:
            return at
        code = str(self._settings.get("code_id", "")).encode("ascii", "replace")
        if code and self._before.endswith(code, at, found.start()):
            self._keep(found.start() - len(code), found.start())
        for number, (was, character) in enumerate(zip(old, new, strict=False)):
            start, end = found.span(number + 1)
            if not (was.isascii() and was.isalnum()):
                continue
            one = character.encode("ascii") if end - start == 1 else rb"\u%04x" % ord(character)
            self.data[start:end] = one
            self._open[start:end] = bytes(end - start)
            self.kept[start:end] = bytes((number in kept,)) * (end - start)
        return found.end()

    def _boarding_pass(self, start: int, raw: bytes) -> None:
        """Its format code and legs (IATA): without them it might pass for a row."""
        text = raw.decode("latin-1")
        head = re.match(r"[^A-Za-z0-9\]]*(?:\][A-Za-z][0-9A-Za-z])?", text)
        at = head.end() if head else 0
        if BOARDING_PASS.match(text, at):
            self._keep(start + at, start + at + 2)

    def _about_itself(self, info: Info, commands: Sequence[str], at: int) -> int:
        """Law 2: an answer to what was asked; returns where it ended."""
        text = info.text.encode("latin-1", "replace")
        if info.command in STATUSES:
            wanted = re.escape(text[:-1] + bytes((info.command,)) + text[-1:])
            ours = any(answers(info.text, one) and len(info.text) <= len(one) + LONGER for one in commands)
        elif info.command == COLON:
            wanted, ours = re.escape(text), info.text.partition(":")[0] in ABOUT_ITSELF
        else:
            wanted, ours = bytes((info.command,)) + rb"\x00[\x00-\x40]\s*" + re.escape(text), True
        found = re.compile(wanted, re.DOTALL).search(self._before, at)
        if found is None:
            return at
        if ours:
            self._keep(*found.span())
        return found.end()

    def _escapes(self) -> None:
        """Letters that JSON has escaped; the letters of its escapes for line ends stay."""
        if self._driver != "est":
            return
        for found in ESCAPE.finditer(bytes(self._open)):
            if found[2]:
                self._keep(*found.span(2))
            elif found[1]:
                text = "".join(chr(int(one, 16)) for one in found[1].decode("ascii").split("\\u")[1:])
                new = self._invent.text("escapes", text)
                self.data[found.start() : found.end()] = b"".join(rb"\u%04x" % ord(one) for one in new)
                self._open[found.start() : found.end()] = bytes(found.end() - found.start())

    def _keep(self, start: int, end: int) -> None:
        self.kept[start:end] = b"\1" * (end - start)
        self._open[start:end] = bytes(end - start)

    def _move_check_bytes(self, ends: Sequence[tuple[int, int]], codec: RteCodec) -> None:
        """Each moves by as much as what it covers: a right one stays right, a wrong one wrong."""
        kind, (first, left_out) = codec.shape.bcc, SPANS[codec.shape.bcc_span]
        for start, at in ends if kind in CHECKS else ():
            covered = slice(start + first, at + 1 - left_out)
            old, new = CHECKS[kind](self._before[covered]), CHECKS[kind](bytes(self.data[covered]))
            byte = self._before[at]
            self.data[at] = byte ^ old ^ new if "xor" in kind else (byte - old + new) & 0xFF


def _as_it_came(raw: bytes, codec: Codec) -> bytes:
    """Without the trailer that a codec puts there whether it comes or not."""
    return raw.removesuffix(codec.trailer) if isinstance(codec, ListeningCodec) else raw


def _cell(character: str) -> bytes:
    """What a character of a row may have been on the line."""
    escaped = rb"\\u(?i:%04x)" % ord(character) if ord(character) < 0x10000 else rb"\\u[0-9A-Fa-f]{4}"
    if character.isascii() and character.isalnum():
        return re.escape(character.encode("ascii")) + b"|" + escaped
    if character == "<":
        return rb"%s|[^A-Z0-9\r\n]" % escaped
    return rb"%s|%s|[^\r\n]" % (escaped, re.escape(character.encode("utf-8", "surrogatepass")))


def _check_bytes(before: bytes, codec: RteCodec) -> Iterator[tuple[int, int]]:
    """Where frames of this family begin, and where their check bytes are."""
    if codec.shape.bcc == "none":
        return
    for head in HEAD.finditer(before):
        end = ENDS.search(before, head.start() + (ROWS_AT if before[head.start() + FLAG_AT] == 3 else FLAG_AT))
        if end and end[0] == b"\x03" and end.end() < len(before) and before[end.end()] != 1:
            yield head.start(), end.end()
