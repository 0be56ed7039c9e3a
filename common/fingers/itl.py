"""Writing ANSI/NIST-ITL files for the NCB, through ``nistitl``: records of type 1, 2 and 14.

Laws:
1. Type 1 and 2 carry what the caller states, and nothing that a library invents: neither its date nor its number,
   which would hold the address of a network card.
2. Type 2 carries references by which the NCB finds the case; no name, no birth date, no document.
3. What is written has been read back by ``edge.core.fingerprints.nist_itl`` and is the same; else nothing is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import ModuleType
from typing import Any, Final

from common.fingers.images import EXTRA
from edge.core.fingerprints import nist_itl
from edge.core.fingerprints.iso19794_1 import IMPRESSIONS_2011
from edge.core.fingerprints.iso19794_4 import DEPTH, PER_INCH, FramedImage, Payload
from edge.core.fingerprints.model import FingerError

VERSION: Final = "0502"  # ITL 1-2011, update 2015
NO_RESOLUTION: Final = "00.00"  # 1.011 and 1.012 where no record of type 3 to 7 follows (8.1.11)
COMPRESSIONS: Final = {Payload.PLAIN: "NONE", Payload.WSQ: "WSQ20", Payload.PNG: "PNG"}
MAX_TYPE, MAX_AGENCY, MAX_NUMBER, MAX_REFERENCE = 16, 32, 40, 64  # characters
MAX_IMAGES: Final = 20
# Of type 2, as INTERPOL's implementation numbers them: a version, a case, a record of a person.
SYSTEM, CASE, RECORD = 3, 7, 10
DESCRIPTIVE: Final = (SYSTEM, CASE, RECORD)
ADVICE: Final = "give printable ASCII without control characters, within the length"


@dataclass(frozen=True, slots=True)
class Header:
    """Type 1: ``kind`` of transaction (1.004), who gets it (1.007), who sends it (1.008), its number (1.009), its day.

    ``domain`` (1.013) is the name and version of the implementation that the NCB agrees on; empty leaves it out.
    ``priority`` (1.006) is 1, the most urgent, to 9; 0 leaves it out.
    """

    kind: str
    destination: str
    origin: str
    number: str
    day: date
    priority: int = 0
    domain: tuple[str, str] | None = None


def write(
    header: Header, references: Mapping[int, str], images: Sequence[FramedImage], taken: date | None = None
) -> bytes:
    """The file. ``references``: fields of type 2 out of DESCRIPTIVE; ``taken``: the day of the images, else header.day.

    Raises FingerError.
    """
    _check(header, references, images)
    library = _library()
    message: Any = library.Message()
    first = message[0]
    _put(library, first, 1, {
        2: VERSION, 4: header.kind, 5: f"{header.day:%Y%m%d}", 6: str(header.priority) if header.priority else "",
        7: header.destination, 8: header.origin, 9: header.number, 11: NO_RESOLUTION, 12: NO_RESOLUTION,
        13: [header.domain] if header.domain else "",
    })  # fmt: skip
    second = library.AsciiRecord(2)
    _put(library, second, 2, {2: 0, **dict(sorted(references.items()))})
    message += second
    for number, image in enumerate(images, start=1):
        message += _print(library, number, image, header.origin, taken or header.day)
    data: bytes = message.NIST
    _read_back(data, references, images)
    return data


def _print(library: ModuleType, number: int, image: FramedImage, origin: str, taken: date) -> object:
    """One record of type 14 (8.14): one finger."""
    record = library.AsciiRecord(14)
    ppi = round(image.ppi)
    _put(library, record, 14, {
        2: number, 3: image.impression, 4: origin, 5: f"{taken:%Y%m%d}", 6: image.width, 7: image.height, 8: PER_INCH,
        9: ppi, 10: ppi, 11: COMPRESSIONS[image.payload], 12: DEPTH, 13: int(image.position),
    })  # fmt: skip
    record += library.BinaryField(14, nist_itl.DATA, image.data)
    return record


def _put(library: ModuleType, record: Any, kind: int, values: Mapping[int, Any]) -> None:
    """Set fields; ``nistitl`` makes some itself, every other one must be declared. Empty ones are left out."""
    for number, value in values.items():
        if value == "":
            continue
        made = record[number]
        if made is None:
            record += library.Field(kind, number, value)
        else:
            made.value = value


def _library() -> ModuleType:
    try:
        import nistitl
    except ImportError as error:
        raise FingerError("NIST-ITL cannot be written: the package nistitl is missing", advice=EXTRA) from error
    library: ModuleType = nistitl
    return library


def _check(header: Header, references: Mapping[int, str], images: Sequence[FramedImage]) -> None:
    domain = header.domain or ("", "")
    texts = (
        ("transaction type (1.004)", header.kind, 1, MAX_TYPE),
        ("destination (1.007)", header.destination, 1, MAX_AGENCY),
        ("origin (1.008)", header.origin, 1, MAX_AGENCY),
        ("control number (1.009)", header.number, 1, MAX_NUMBER),
        ("domain (1.013)", domain[0], 0, MAX_AGENCY),
        ("domain version (1.013)", domain[1], 0, MAX_AGENCY),
        *((f"reference (2.{number:03})", text, 1, MAX_REFERENCE) for number, text in references.items()),
    )
    for name, text, least, most in texts:
        if not (least <= len(text) <= most and text.isascii() and (not text or text.isprintable())):
            raise FingerError(f"{name}: {least} to {most} printable characters", advice=ADVICE)
    if not set(references) <= set(DESCRIPTIVE):
        raise FingerError("a field of type 2 that the NCB does not need", advice=f"give only 2.{DESCRIPTIVE}")
    if not 0 <= header.priority <= 9:
        raise FingerError("priority (1.006): 1 to 9, or 0 for none", advice="give a digit")
    if not 1 <= len(images) <= MAX_IMAGES:
        raise FingerError(f"{len(images)} images: 1 to {MAX_IMAGES} in a file", advice="write several files")
    if any(image.impression not in IMPRESSIONS_2011 for image in images):
        raise FingerError("an impression type that is not of a finger (14.003)", advice="give the image's own type")


def _read_back(data: bytes, references: Mapping[int, str], images: Sequence[FramedImage]) -> None:
    """Law 3: by the strict reader, which the library has no part in."""
    made = nist_itl.read(data)
    same = all(
        (a.position, a.width, a.height, a.payload, a.data, a.impression)
        == (b.position, b.width, b.height, b.payload, b.data, b.impression)
        for a, b in zip(made.images, images, strict=True)
    )
    kept = {number: text for number, text in made.descriptive.items() if number in DESCRIPTIVE}
    if not same or kept != dict(references):
        raise FingerError("the file does not read back as it was written", advice="report this with the versions used")
