"""ANSI/NIST-ITL 1-2011 (update 2015), traditional encoding: the part that carries fingers, read strictly.

Files that somebody sends never reach a general parser: this reader takes records of type 1 (once, first), type 2 (once,
second) and type 14 (fingers), and nothing else. ``common.fingers.itl`` writes; what it writes is read back here first.

Laws:
1. A record is as long as its first field says, and ends with FS; the records fill the file exactly.
2. Fields stand in ascending order, each once; text is printable ASCII with RS and US between its parts.
3. 1.003 lists the records that follow, and they are those.
4. Of type 14 the fields that say how the image lies are mandatory and checked; others are skipped by their number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edge.core.fingerprints.iso19794_1 import IMPRESSIONS_2011, POSITIONS
from edge.core.fingerprints.iso19794_4 import (
    DEPTH,
    EXACT_PER_CM,
    HIGHEST_PPI,
    LOWEST_PPI,
    PER_CM,
    PER_INCH,
    FramedImage,
    Payload,
)
from edge.core.fingerprints.model import MAX_SIDE, PPI, FingerError, Position
from edge.core.fingerprints.octets import ADVICE, Octets

FS, GS, RS, US = b"\x1c", b"\x1d", b"\x1e", b"\x1f"
WHAT = "NIST-ITL file"
MAX_BYTES = 64 << 20  # bytes of a file
MAX_RECORDS = 64
MAX_FIELDS = 200  # of a record
MAX_TEXT = 8 * 1024  # bytes of a field
MAX_DIGITS = 9  # of a record's length
VERSIONS = ("0300", "0400", "0500", "0501", "0502")  # ITL 1-2000, 1-2007, 1-2011, its updates of 2013 and 2015
TEXT = frozenset((*range(0x20, 0x7F), RS[0], US[0]))
DATA = 999  # the field of the image
PAYLOADS = {"NONE": Payload.PLAIN, "WSQ20": Payload.WSQ, "WSQ": Payload.WSQ, "PNG": Payload.PNG}
MANDATORY = {1: (2, 3, 4, 5, 7, 8, 9), 2: (2,), 14: (2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13)}


@dataclass(frozen=True, slots=True)
class Transaction:
    """What a file holds: fields of type 1 and type 2 by their number (without length), and the images in order."""

    header: Mapping[int, str]
    descriptive: Mapping[int, str] = field(repr=False)
    images: tuple[FramedImage, ...]


@dataclass(frozen=True, slots=True)
class _Record:
    kind: int
    at: int
    fields: dict[int, str] = field(repr=False)
    data: bytes = field(default=b"", repr=False)


def is_transaction(data: bytes) -> bool:
    """True where it begins as a NIST-ITL file (nothing else is looked at)."""
    return data.startswith((b"1.001:", b"1.01:", b"1.1:"))


def read(data: bytes) -> Transaction:
    """The transaction in a file. Raises FingerError (and nothing else), naming the byte and the field."""
    if len(data) > MAX_BYTES:
        raise FingerError(f"{WHAT} of {len(data)} bytes: {MAX_BYTES} is the limit", advice=ADVICE)
    octets = Octets(data, WHAT)
    records: list[_Record] = []
    while octets.left or not records:
        if len(records) == MAX_RECORDS:
            raise octets.fault("record", f"more than {MAX_RECORDS}")
        records.append(_record(octets))
    kinds = [record.kind for record in records]
    if kinds[:2] != [1, 2] or any(kind != 14 for kind in kinds[2:]):
        raise octets.fault("order of records", "is not type 1, type 2, then type 14 only", 0)
    header, descriptive, prints = records[0], records[1], records[2:]
    if header.fields[2] not in VERSIONS:
        raise octets.fault("1.002", "is not a version of the standard", header.at)
    _listed(octets, records)
    return Transaction(header.fields, descriptive.fields, tuple(_image(octets, record) for record in prints))


def _record(octets: Octets) -> _Record:
    """The next record; its first field tells type and length."""
    begin = octets.at
    head = octets.data[begin : begin + 24].partition(GS)[0]
    name, colon, digits = head.partition(b":")
    kind, dot, number = name.partition(b".")
    named = colon and dot and _digits(kind, 2) and _digits(number, 3) and int(number) == 1
    if not (named and _digits(digits, MAX_DIGITS)):
        raise octets.fault("record length", "the first field of a record is not its type and length")
    if int(kind) not in MANDATORY:
        raise octets.fault("record", f"type {int(kind)} is not taken")
    record = _fields(octets.part(int(digits), "record"), int(kind), begin)
    missing = [number for number in MANDATORY[int(kind)] if number not in record.fields]
    if missing:
        raise octets.fault(f"{int(kind)}.{missing[0]:03}", "is missing", begin)
    return record


def _digits(text: bytes, longest: int) -> bool:
    return 0 < len(text) <= longest and text.isdigit()


def _fields(octets: Octets, kind: int, begin: int) -> _Record:
    """All fields of one record (``octets`` is the record alone), checked for order and text."""
    if octets.left < 2 or octets.data[octets.end - 1 : octets.end] != FS:
        raise octets.fault("record", "does not end with FS where its length says", begin)
    fields: dict[int, str] = {}
    last = 0
    while octets.left:
        at = octets.at
        number = _number(octets, kind)
        if number <= last or len(fields) == MAX_FIELDS:
            raise octets.fault(f"{kind}.{number:03}", "out of order, or one field too many", at)
        last = number
        if number == DATA:
            if kind != 14:
                raise octets.fault(f"{kind}.999", "is not of this type of record", at)
            data = octets.take(octets.left - 1, "14.999")
            octets.take(1, "FS")
            return _Record(kind, begin, fields, data)
        fields[number] = _text(octets, kind, number)
    return _Record(kind, begin, fields)


def _number(octets: Octets, kind: int) -> int:
    """``14.013:`` -> 13."""
    head = octets.data[octets.at : min(octets.at + 10, octets.end)]
    name, colon, _ = head.partition(b":")
    first, dot, number = name.partition(b".")
    if not (colon and dot and _digits(first, 2) and int(first) == kind and _digits(number, 3) and int(number)):
        raise octets.fault("field", f"does not begin with {kind}, a point, its number and a colon")
    octets.take(len(name) + 1, "field")
    return int(number)


def _text(octets: Octets, kind: int, number: int) -> str:
    """Up to the separator, which is FS at the record's end and GS before it."""
    ends = [at for mark in (GS, FS) if (at := octets.data.find(mark, octets.at, octets.end)) >= 0]
    end = min(ends)  # the record ends with FS, so there is one
    if (octets.data[end : end + 1] == FS) != (end == octets.end - 1):
        raise octets.fault(f"{kind}.{number:03}", "a record ends before its length, or goes on after its end")
    begin = octets.at
    text = octets.take(end - begin, "field")
    octets.take(1, "separator")
    if len(text) > MAX_TEXT or not TEXT.issuperset(text):
        raise octets.fault(f"{kind}.{number:03}", f"is not printable ASCII of at most {MAX_TEXT} bytes", begin)
    return text.decode("ascii")


def _listed(octets: Octets, records: list[_Record]) -> None:
    """Law 3."""
    expected = [(1, len(records) - 1)]
    for record in records[1:]:
        expected.append((record.kind, _natural(octets, record, 2, 0, 99)))
    if len({idc for _, idc in expected[2:]}) != len(expected) - 2:
        raise octets.fault("14.002", "an image number occurs twice", records[0].at)
    listed = [tuple(part.split("\x1f")) for part in records[0].fields[3].split("\x1e")]
    try:
        found = [(int(kind), int(number)) for kind, number in listed]
    except ValueError:
        found = []
    if found != expected:
        raise octets.fault("1.003", "does not list the records that follow", records[0].at)


def _natural(octets: Octets, record: _Record, number: int, low: int, high: int) -> int:
    text = record.fields[number]
    if not (_digits(text.encode(), 5) and low <= int(text) <= high):
        raise octets.fault(f"{record.kind}.{number:03}", f"is not a number from {low} to {high}", record.at)
    return int(text)


def _image(octets: Octets, record: _Record) -> FramedImage:
    width, height = (_natural(octets, record, number, 1, MAX_SIDE) for number in (6, 7))
    units = _natural(octets, record, 8, PER_INCH, PER_CM)
    across, down = (_natural(octets, record, number, 1, 9999) for number in (9, 10))
    ppi = float(across) if units == PER_INCH else float(PPI) if across in EXACT_PER_CM else across * 2.54
    payload = PAYLOADS.get(record.fields[11])
    if payload is None:
        raise octets.fault("14.011", f"is not one of {', '.join(PAYLOADS)}", record.at)
    checks = (
        (10, across == down and LOWEST_PPI <= ppi <= HIGHEST_PPI, "is not one resolution that a scanner has"),
        (12, record.fields[12] == str(DEPTH), f"is not {DEPTH} bits a pixel"),
        (3, _natural(octets, record, 3, 0, 29) in IMPRESSIONS_2011, "is not the impression of a finger"),
        (13, _natural(octets, record, 13, 0, 99) in POSITIONS, "is not a single finger"),
        (999, bool(record.data), "is missing"),
        (999, payload is not Payload.PLAIN or len(record.data) == width * height, "is not as long as its sides say"),
    )
    for number, good, rule in checks:
        if not good:
            raise octets.fault(f"14.{number:03}", rule, record.at)
    return FramedImage(
        Position(int(record.fields[13])), width, height, payload, record.data, ppi, impression=int(record.fields[3])
    )
