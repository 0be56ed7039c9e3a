"""From files of fingers to an exchange file: what may come in, what each format makes of it.

In: PNG, TIFF, WSQ; ISO/IEC 19794-4 records and NIST-ITL files (their images); ISO/IEC 19794-2 records (templates, for
the formats of templates only). Out: FORMATS. Nothing is read from or written to disk here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final, TypeVar

from common.fingers import itl
from common.fingers.extractors import open_extractor
from common.fingers.images import decode_image
from common.fingers.packing import pack, unpack, wsq_bytes
from edge.core.fingerprints import iso19794_2, iso19794_4, nist_itl
from edge.core.fingerprints.iso19794_4 import FramedImage, Payload
from edge.core.fingerprints.model import FingerError, FingerImage, Position, Template

_T = TypeVar("_T")

ITL, WSQ = "itl", "wsq"
TEMPLATES: Final[Mapping[str, Callable[[Sequence[Template]], bytes]]] = MappingProxyType(
    {"iso2005": iso19794_2.write_2005, "iso2011": iso19794_2.write_2011}
)
IMAGES: Final[Mapping[str, Callable[[Sequence[FramedImage]], bytes]]] = MappingProxyType(
    {"fir2005": iso19794_4.write_2005, "fir2011": iso19794_4.write_2011}
)
FORMATS: Final = (ITL, *TEMPLATES, *IMAGES, WSQ)
PAYLOADS: Final = MappingProxyType({ITL: Payload.WSQ, **dict.fromkeys(IMAGES, Payload.PLAIN)})  # unless asked for
MAX_FINGERS: Final = itl.MAX_IMAGES  # of a file that is written
POSITIONS: Final = MappingProxyType({position.name.lower().replace("_", "-"): position for position in Position})


@dataclass(frozen=True, slots=True)
class Finger:
    """One finger that came in: an image, or a template where only that was given. ``name`` of its file, for errors."""

    name: str
    position: Position
    image: FingerImage | None = None
    template: Template | None = None
    impression: int = iso19794_4.LIVE_PLAIN


@dataclass(frozen=True, slots=True)
class Wanted:
    """How to write: ``form`` of FORMATS; ``payload`` of images (None: as PAYLOADS has it); ``extractor`` for templates;
    ``header`` and ``references`` of NIST-ITL."""

    form: str
    payload: Payload | None = None
    extractor: str = "mindtct"
    header: itl.Header | None = None
    references: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Written:
    """One finger of what was written, for telling: no pixel, no minutia."""

    position: str
    width: int
    height: int
    ppi: int
    minutiae: int | None = None


def fingers_of(data: bytes, name: str, position: Position | None, ppi: float | None) -> list[Finger]:
    """What a file holds; ``position`` (where given) is of its only finger. Raises FingerError."""
    if iso19794_2.is_record(data):
        found = [Finger(name, t.position, template=t) for t in _named(iso19794_2.read, data, name)]
    elif iso19794_4.is_record(data):
        found = [_framed(framed, name) for framed in _named(iso19794_4.read, data, name)]
    elif nist_itl.is_transaction(data):
        found = [_framed(framed, name) for framed in _named(nist_itl.read, data, name).images]
    else:
        found = [Finger(name, Position.UNKNOWN, decode_image(data, name, ppi))]
    if position is None:
        return found
    if len(found) != 1:
        raise FingerError(
            f"{name}: holds {len(found)} fingers, and says which each is", advice="leave --position out for this file"
        )
    return [replace(found[0], position=position)]


def _named(read: Callable[[bytes], _T], data: bytes, name: str) -> _T:
    """What is read, or the codec's error with the file's name before it."""
    try:
        return read(data)
    except FingerError as error:
        raise FingerError(f"{name}: {error.message}", advice=error.advice) from error


def _framed(framed: FramedImage, name: str) -> Finger:
    return Finger(name, framed.position, unpack(framed, name), impression=framed.impression)


def export(fingers: Sequence[Finger], wanted: Wanted) -> tuple[bytes, list[Written]]:
    """The file, and what stands in it. Raises FingerError."""
    if not 1 <= len(fingers) <= MAX_FINGERS:
        raise FingerError(f"{len(fingers)} fingers: 1 to {MAX_FINGERS} in a file", advice="write several files")
    if wanted.form in TEMPLATES:
        return _templates(fingers, wanted)
    for finger in fingers:
        if finger.image is None:
            raise FingerError(
                f"{finger.name}: holds minutiae, and no image can be made of them",
                advice=f"give the image, or export as {' or '.join(TEMPLATES)}",
            )
    if wanted.form == WSQ:
        return _wsq(fingers)
    payload = wanted.payload or PAYLOADS[wanted.form]
    framed = [
        replace(pack(finger.image, finger.position, payload), impression=finger.impression)
        for finger in fingers
        if finger.image is not None
    ]
    told = [Written(_name(image.position), image.width, image.height, round(image.ppi)) for image in framed]
    if wanted.form in IMAGES:
        return IMAGES[wanted.form](framed), told
    if wanted.header is None:
        raise FingerError("NIST-ITL needs a header", advice="say the transaction, its origin and its destination")
    return itl.write(wanted.header, wanted.references, framed), told


def _templates(fingers: Sequence[Finger], wanted: Wanted) -> tuple[bytes, list[Written]]:
    extractor = open_extractor(wanted.extractor) if any(f.template is None for f in fingers) else None
    made = []
    for finger in fingers:
        template = finger.template
        if template is None and extractor is not None and finger.image is not None:
            template = extractor.extract(finger.image, finger.position)
        if template is not None:
            made.append(replace(template, position=finger.position))
    told = [Written(_name(t.position), t.width, t.height, 500, len(t)) for t in made]
    return TEMPLATES[wanted.form](made), told


def _wsq(fingers: Sequence[Finger]) -> tuple[bytes, list[Written]]:
    image = fingers[0].image
    if len(fingers) != 1 or image is None:
        raise FingerError("a WSQ file holds one finger", advice="write a file for each, or take another format")
    data = wsq_bytes(image)
    again = decode_image(data, "the WSQ file")
    height, width = again.pixels.shape
    return data, [Written(_name(fingers[0].position), width, height, 500)]


def _name(position: Position) -> str:
    return position.name.lower().replace("_", "-")
