"""From files of fingers to an exchange file: what may come in, what each format makes of it.

In: PNG, TIFF, WSQ; ISO/IEC 19794-4 records and NIST-ITL files (their images); ISO/IEC 19794-2 records (templates, for
the formats of templates only). Out: FORMATS. Nothing is read from or written to disk here, and images are unpacked,
packed and extracted in the child alone (``workshop``): a damaged file ends that, never this process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final, TypeVar

from common.fingers import extraction, image_service, itl
from common.fingers.child import Child
from common.fingers.extraction import ExtractOptions, extract_in
from common.fingers.image_service import pack_in, unpack_framed_in, unpack_in
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
    """How to write: ``form`` of FORMATS; ``payload`` of images (None: as PAYLOADS has it); ``header`` and
    ``references`` of NIST-ITL."""

    form: str
    payload: Payload | None = None
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


def workshop(form: str, extractor: str) -> Child:
    """The child for one export; it starts when something is asked of it. The caller closes it."""
    services: dict[str, object] = {image_service.NAME: {}}
    if form in TEMPLATES:
        services[extraction.NAME] = ExtractOptions(extractor, quality=False)
    return Child(services)


def fingers_of(child: Child, data: bytes, name: str, position: Position | None, ppi: float | None) -> list[Finger]:
    """What a file holds; ``position`` (where given) is of its only finger, ``ppi`` overrides what images state.

    Raises FingerError.
    """
    if iso19794_2.is_record(data):
        found = [Finger(name, t.position, template=t) for t in _named(iso19794_2.read, data, name)]
    elif iso19794_4.is_record(data):
        found = [_framed(child, framed, name, ppi) for framed in _named(iso19794_4.read, data, name)]
    elif nist_itl.is_transaction(data):
        found = [_framed(child, framed, name, ppi) for framed in _named(nist_itl.read, data, name).images]
    else:
        found = [Finger(name, Position.UNKNOWN, unpack_in(child, data, name, ppi))]
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


def _framed(child: Child, framed: FramedImage, name: str, ppi: float | None) -> Finger:
    image = unpack_framed_in(child, framed, name, ppi)
    return Finger(name, framed.position, image, impression=framed.impression)


def export(child: Child, fingers: Sequence[Finger], wanted: Wanted) -> tuple[bytes, list[Written]]:
    """The file, and what stands in it. Raises FingerError."""
    if not 1 <= len(fingers) <= MAX_FINGERS:
        raise FingerError(f"{len(fingers)} fingers: 1 to {MAX_FINGERS} in a file", advice="write several files")
    if wanted.form in TEMPLATES:
        return _templates(child, fingers, wanted)
    for finger in fingers:
        if finger.image is None:
            raise FingerError(
                f"{finger.name}: holds minutiae, and no image can be made of them",
                advice=f"give the image, or export as {' or '.join(TEMPLATES)}",
            )
    if wanted.form == WSQ:
        return _wsq(child, fingers)
    payload = wanted.payload or PAYLOADS[wanted.form]
    framed = [
        replace(pack_in(child, finger.image, finger.position, payload), impression=finger.impression)
        for finger in fingers
        if finger.image is not None
    ]
    told = [Written(_name(image.position), image.width, image.height, round(image.ppi)) for image in framed]
    if wanted.form in IMAGES:
        return IMAGES[wanted.form](framed), told
    if wanted.header is None:
        raise FingerError("NIST-ITL needs a header", advice="say the transaction, its origin and its destination")
    return itl.write(wanted.header, wanted.references, framed), told


def _templates(child: Child, fingers: Sequence[Finger], wanted: Wanted) -> tuple[bytes, list[Written]]:
    made = []
    for finger in fingers:
        template = finger.template
        if template is None and finger.image is not None:
            template = _extracted(child, finger.image, finger)
        if template is not None:
            made.append(replace(template, position=finger.position))
    told = [Written(_name(t.position), t.width, t.height, 500, len(t)) for t in made]
    return TEMPLATES[wanted.form](made), told


def _extracted(child: Child, image: FingerImage, finger: Finger) -> Template:
    try:
        return extract_in(child, image, finger.position)
    except FingerError as error:
        raise FingerError(f"{finger.name}: {error.message}", advice=error.advice) from error


def _wsq(child: Child, fingers: Sequence[Finger]) -> tuple[bytes, list[Written]]:
    image = fingers[0].image
    if len(fingers) != 1 or image is None:
        raise FingerError("a WSQ file holds one finger", advice="write a file for each, or take another format")
    made = pack_in(child, image, fingers[0].position, Payload.WSQ)
    return made.data, [Written(_name(made.position), made.width, made.height, round(made.ppi))]


def _name(position: Position) -> str:
    return position.name.lower().replace("_", "-")
