"""The image of a finger as a sealed report carries it: WSQ that fits the block of fingers, or nothing.

Laws:
1. An image never keeps a finger from being recorded: whatever goes wrong, the report goes without one.
2. It is made of every finger while a gallery of this box wants images, wanted or not (docs/adr/0024): so the time that
   it takes tells nothing.
"""

from __future__ import annotations

import structlog

from edge.core.fingerprints.model import FingerImage
from edge.core.padding import MAX_IMAGE

log = structlog.get_logger("fingers")


def packed(image: FingerImage) -> bytes:
    """WSQ at 500 pixels per inch and about 15 to 1, at most MAX_IMAGE bytes; empty where that cannot be had."""
    from common.fingers.packing import wsq_bytes

    try:
        made = wsq_bytes(image)
    except Exception as error:  # an encoder's fault, a missing package: law 1
        log.info("finger_image_left_out", reason=type(error).__name__)
        return b""
    if len(made) > MAX_IMAGE:
        log.info("finger_image_left_out", reason="too long", bytes=len(made))
        return b""
    return made
