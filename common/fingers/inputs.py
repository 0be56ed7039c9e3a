"""A file that holds a finger, whatever it is: an image or a minutiae record."""

from __future__ import annotations

from pathlib import Path

from common.fingers.images import decode_image, read_bytes
from edge.core.fingerprints import iso19794_2
from edge.core.fingerprints.model import FingerError, FingerImage, Template

UNKNOWN_EXTRACTOR = "unknown"  # of a minutiae record: the standard has no place to name it


def read_finger(path: Path, ppi: float | None = None, assume: str | None = None) -> FingerImage | Template:
    """An image (PNG, TIFF, WSQ), or the one view of an ISO/IEC 19794-2 record of 2005 or 2011.

    ``ppi`` overrides an image's resolution; ``assume`` is the extractor_id that a record's template shall carry, else
    UNKNOWN_EXTRACTOR. Raises FingerError that names the file.
    """
    data = read_bytes(path)
    if not data.startswith(b"FMR\0"):
        return decode_image(data, str(path), ppi)
    try:
        views = iso19794_2.read(data, assume or UNKNOWN_EXTRACTOR)
    except FingerError as error:
        raise FingerError(f"{path}: {error.message}", advice=error.advice) from error
    if len(views) != 1:
        raise FingerError(f"{path}: {len(views)} views", advice="give a record of one view of one finger")
    return views[0]
