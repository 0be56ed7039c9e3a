"""What a finger leaves in the memory of a process: runs of its pixels and minutiae, in every form they were seen in."""

from __future__ import annotations

import time
from collections.abc import Mapping

import memory_search
import pytest

from common.fingers.images import png_bytes
from edge.core.fingerprints.model import FingerImage, Template

RUN = 64        # bytes of a run of pixels
DISTINCT = 32   # of them: fewer stand anywhere by chance
AFTER_S = 1.0   # after the reply
FORMS = ("u1", "<i2", "<i4", "<i8", "<f4", "<f8")


def of_image(image: FingerImage) -> dict[str, bytes]:
    """Rows as they came and as a net takes them; pieces of the PNG in which mindtct gets them."""
    found = {}
    for row in range(60, image.pixels.shape[0] - 60, 40):
        run = image.pixels[row, 110 : 110 + RUN]
        if len(set(run.tolist())) >= DISTINCT:
            found[f"row {row}"], found[f"row {row} of floats"] = run.tobytes(), run.astype("<f4").tobytes()
    file = png_bytes(image.pixels)
    found |= of_file("png", file)
    assert len(found) > 8
    return found


def of_file(name: str, data: bytes) -> dict[str, bytes]:
    """Pieces of a file that holds the image."""
    return {f"{name} {at}": data[at : at + RUN] for at in range(500, len(data) - RUN, len(data) // 3)}


def of_template(template: Template, *, without: bytes = b"") -> dict[str, bytes]:
    """Every column in every width, but what stands in ``without``."""
    found = {}
    for name in ("x", "y", "angle"):
        for form in FORMS:
            run = getattr(template, name).astype(form).tobytes()
            if len(set(run)) >= DISTINCT and run not in without:
                found[f"{name} {form}"] = run
    assert len(found) > 8
    return found


def left(pid: int | None, wanted: Mapping[str, bytes]) -> dict[str, int]:
    """How often each run stands in the process, a second after it answered."""
    assert pid is not None
    time.sleep(AFTER_S)
    try:
        return {name: len(places) for name, places in memory_search.within(pid, wanted).items()}
    except PermissionError:
        pytest.skip("the memory of the child is closed to this user: run as root")
