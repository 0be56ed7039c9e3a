"""NBIS mindtct through ``nbis-py``: the light extractor, some 20 ms a finger.

Facts (nbis-py 0.1.3, seen in its Python file and by trying; NISTIR 7392 for mindtct):
- The extractor's constructor loads the forest of NFIQ 2 whether it is asked for or not: 0.25 to 0.66 s of CPU. One is
  made per process, for 500 pixels per inch, because images come at that (``common.fingers.images.at_500``).
- It takes the bytes of an image file only; coordinates are pixels from the top left corner; the angle is in degrees,
  counter-clockwise from the x axis, into the ridge (ending) or the valley (bifurcation), in steps of 11.25: the frame
  of ISO/IEC 19794-2, shown on synthetic prints in ``tests/common/fingers/test_extractors.py``.
- The C code below it keeps its state in globals: it is not re-entrant, so one call at a time in a process.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from common.fingers.images import EXTRA, at_500, png_bytes
from edge.core.fingerprints.minutiae import template_of
from edge.core.fingerprints.model import PPI, FingerError, FingerImage, Kind, Position, Template

if TYPE_CHECKING:
    from types import ModuleType

NAME: Final = "mindtct"
UNKNOWN: Final = 255  # an image quality that nobody measured
_ONE_AT_A_TIME: Final = threading.Lock()
_Row: TypeAlias = tuple[float, float, float, int, float]  # x, y, degrees, kind, reliability


def mindtct_id() -> str:
    """``mindtct-nbis-py-0.1.3``: another version of the library is another extractor. Raises FingerError."""
    from importlib import metadata

    try:
        return f"{NAME}-nbis-py-{metadata.version('nbis-py')}"
    except metadata.PackageNotFoundError as error:
        raise _missing() from error


class Mindtct:
    """See the module. ``quality`` adds NFIQ 2 (0 to 100, 40 to 200 ms more) as the template's image quality."""

    def __init__(self, *, quality: bool = False) -> None:
        self.extractor_id = mindtct_id()
        self._quality = quality
        self._library = _library()
        with _ONE_AT_A_TIME:
            self._engine = _engine(self._library, quality=quality)
        self._plain: Any = None  # made when NFIQ 2 first fails

    def extract(self, image: FingerImage, position: Position = Position.UNKNOWN) -> Template:
        """The minutiae of one finger, best first; none where nothing is seen. Raises FingerError: its sides."""
        image = at_500(image)
        height, width = image.pixels.shape
        file = png_bytes(image.pixels)
        with _ONE_AT_A_TIME:
            found, score = self._found(file)
        columns = np.array(found, dtype=np.float64).reshape(-1, 5)
        return template_of(
            self.extractor_id, position, (width, height), x=columns[:, 0], y=columns[:, 1],
            turn=columns[:, 2] / 360, kind=columns[:, 3].astype(np.uint8), quality=columns[:, 4], image_quality=score,
        )  # fmt: skip

    def _found(self, file: bytes) -> tuple[list[_Row], int]:
        try:
            minutiae = self._engine.extract_minutiae(file)
            score = int(minutiae.quality().score) if self._quality else UNKNOWN
        except self._library.NbisError.Nfiq2ComputeFailed:  # it sees no finger; mindtct is asked all the same
            if self._plain is None:
                self._plain = _engine(self._library, quality=False)
            minutiae, score = self._plain.extract_minutiae(file), 0
        except self._library.NbisError as error:
            raise FingerError(
                f"mindtct failed: {type(error).__name__}", advice="capture the finger again, or export the file as PNG"
            ) from error
        ending = self._library.MinutiaKind.RIDGE_ENDING
        return [
            (m.x(), m.y(), m.angle(), Kind.ENDING if m.kind() == ending else Kind.BIFURCATION, m.reliability())
            for m in minutiae.get()
        ], score if 0 <= score <= 100 else UNKNOWN


def _library() -> ModuleType:
    try:
        import nbis
    except (ImportError, OSError) as error:  # OSError: a shared library that does not load
        raise _missing() from error
    module: ModuleType = nbis
    return module


def _engine(library: ModuleType, *, quality: bool) -> Any:
    settings = library.NbisExtractorSettings(
        min_quality=0.0, get_center=False, check_fingerprint=False, compute_nfiq2=quality, ppi=float(PPI)
    )
    return library.new_nbis_extractor(settings)


def _missing() -> FingerError:
    return FingerError("mindtct cannot run: nbis-py is missing or does not load", advice=EXTRA)
