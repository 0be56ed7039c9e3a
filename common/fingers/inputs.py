"""A file that holds a finger, whatever it is, to a template: a minutiae record read here, an image by the child."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from common.fingers import extraction, image_service
from common.fingers.child import Child, ChildFailedError
from common.fingers.extraction import TIMEOUT_S, ExtractOptions, extract_in
from common.fingers.frames import Fault
from common.fingers.image_service import unpack_in
from common.fingers.images import read_bytes
from edge.core.fingerprints import iso19794_2
from edge.core.fingerprints.model import FingerError, Position, Template

UNKNOWN_EXTRACTOR: Final = "unknown"  # of a minutiae record: the standard has no place to name it
WHOSE: Final = "minutiae records do not say which extractor made them: scores hold only if one made them all"


def services(extractor: str) -> dict[str, object]:
    """What a ``Child`` has to serve that is given to ``extract_file``."""
    return {image_service.NAME: {}, extraction.NAME: ExtractOptions(extractor, quality=False)}


def read_finger(path: Path, assume: str | None = None) -> Template | bytes:
    """The template of a minutiae record (``template_of``), or the bytes of any other file. Raises FingerError."""
    data = read_bytes(path)
    return template_of(data, path, assume) if iso19794_2.is_record(data) or data.startswith(b"FMR") else data


def template_of(data: bytes, path: Path, assume: str | None = None) -> Template:
    """The one view of an ISO/IEC 19794-2 record of 2005 or 2011.

    ``assume`` is the extractor_id that its template shall carry, else UNKNOWN_EXTRACTOR. Raises FingerError that names
    the file.
    """
    try:
        views = iso19794_2.read(data, assume or UNKNOWN_EXTRACTOR)
    except FingerError as error:
        raise FingerError(f"{path}: {error.message}", advice=error.advice) from error
    if len(views) != 1:
        raise FingerError(f"{path}: {len(views)} views", advice="give a record of one view of one finger")
    return views[0]


def extract_file(
    child: Child, data: bytes, path: Path, *, ppi: float | None = None, position: Position = Position.UNKNOWN,
    timeout_s: float = TIMEOUT_S,
) -> Template:  # fmt: skip
    """The template of an image file (PNG, TIFF, WSQ), unpacked and extracted in the child.

    Raises FingerError that names the file; ChildFailedError if no child starts.
    """
    image = unpack_in(child, data, str(path), ppi, timeout_s=timeout_s)
    try:
        return extract_in(child, image, position, timeout_s=timeout_s)
    except FingerError as error:
        if isinstance(error, ChildFailedError) and error.fault is Fault.NOT_STARTED:
            raise
        raise FingerError(f"{path}: {error.message}", advice=error.advice) from error
