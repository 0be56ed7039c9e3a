"""Writing ISO/IEC 19794-2 records from templates, in the editions of 2005 and 2011.

Laws:
1. What is written is read back by ``iso19794_2.read``: the same minutiae. A template that the standard has no room for
   is refused, never bent to fit.
2. The record says no time, no device and no certificate: it names the finger and nothing about where it was taken.
3. 2005 holds one size for all views: the largest sides. It cannot say "quality unknown": that is written as 0.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

from edge.core.fingerprints.iso19794_1 import MAX_VIEWS, NO_DEVICE, NO_TIME, QUALITY, UNKNOWN_QUALITY, said
from edge.core.fingerprints.iso19794_2_views import HIGHEST_KIND, LIVE_PLAIN, MAX_VIEW_NUMBER, packed
from edge.core.fingerprints.model import MAX_MINUTIAE, MAX_SIDE, FingerError, Position, Template

PER_CM = 197  # pixels per centimetre: 500 per inch
SIX_BYTES = 0x60  # minutiae with quality, endings placed by the valley skeleton (2011, 8.4.2.15)
ADVICE = "extract the template from its image again"


def write_2005(templates: Sequence[Template]) -> bytes:
    """One record of all views (1 to 176; at most 16 of a finger). Raises FingerError."""
    numbers = _checked(templates)
    width, height = max(t.width for t in templates), max(t.height for t in templates)
    views = []
    for template, number in zip(templates, numbers, strict=True):
        quality = template.image_quality if template.image_quality <= QUALITY else 0
        views.append(
            struct.pack(">4B", template.position, (number << 4) | LIVE_PLAIN, quality, len(template))
            + packed(template) + b"\x00\x00"
        )
    body = b"".join(views)
    size = struct.pack(">2H2H", width, height, PER_CM, PER_CM)
    return struct.pack(">8sIH8sBx", b"FMR\x00 20\x00", 24 + len(body), 0, size, len(templates)) + body


def write_2011(templates: Sequence[Template]) -> bytes:
    """One record of all representations (1 to 176; at most 16 of a finger). Raises FingerError."""
    views = []
    for template, number in zip(templates, _checked(templates), strict=True):
        view = (
            NO_TIME + NO_DEVICE + said(template.image_quality)
            + struct.pack(">BBHHBHH", template.position, number, PER_CM, PER_CM, LIVE_PLAIN,
                          template.width, template.height)
            + bytes((SIX_BYTES, len(template))) + packed(template) + b"\x00\x00"
        )  # fmt: skip
        views.append(struct.pack(">I", 4 + len(view)) + view)
    body = b"".join(views)
    return struct.pack(">8sIHB", b"FMR\x00030\x00", 15 + len(body), len(templates), 0) + body


def _checked(templates: Sequence[Template]) -> list[int]:
    """The view number of each. Raises FingerError."""
    if not 1 <= len(templates) <= MAX_VIEWS:
        raise FingerError(f"{len(templates)} templates: a record holds 1 to {MAX_VIEWS}", advice="write several files")
    counts: dict[Position, int] = {}
    numbers = []
    for place, template in enumerate(templates, start=1):
        fault = _fault(template)
        if fault:
            raise FingerError(f"template {place} cannot be written: {fault}", advice=ADVICE)
        number = counts.get(template.position, 0)
        if number > MAX_VIEW_NUMBER:
            raise FingerError(
                f"template {place}: a record holds {MAX_VIEW_NUMBER + 1} views of a finger",
                advice="write several files",
            )
        counts[template.position] = number + 1
        numbers.append(number)
    return numbers


def _fault(template: Template) -> str:
    """What the standard has no room for; nothing where all fits."""
    lengths = {len(a) for a in (template.x, template.y, template.angle, template.kind, template.quality)}
    if len(lengths) != 1 or max(lengths) > MAX_MINUTIAE:
        return f"its lists are not of one length up to {MAX_MINUTIAE}"
    if not (0 < template.width <= MAX_SIDE and 0 < template.height <= MAX_SIDE):
        return f"its image is not 1 to {MAX_SIDE} pixels each way"
    if not (0 <= template.image_quality <= QUALITY or template.image_quality == UNKNOWN_QUALITY):
        return f"its image quality is not 0 to {QUALITY} or 255"
    if not len(template):
        return ""
    inside = template.x.min() >= 0 and template.x.max() < template.width
    if not (inside and template.y.min() >= 0 and template.y.max() < template.height):
        return "a minutia lies outside the image"
    if template.quality.max() > QUALITY or np.any(template.kind > HIGHEST_KIND):
        return f"a minutia's quality is over {QUALITY}, or its type not 0 to {HIGHEST_KIND}"
    return ""
