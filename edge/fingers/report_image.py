"""The image of a finger as a sealed report carries it: WSQ that fits the block of fingers, or nothing.

Laws:
1. An image never keeps a finger from being recorded: whatever goes wrong, the report goes without one.
2. It is made of every finger while a gallery of this box wants images, wanted or not (docs/adr/0024): so the time that
   it takes tells nothing.
3. Native code makes it, so a child process does: what that makes of an image can end the child, never the daemon.
"""

from __future__ import annotations

from typing import Final

import structlog

from common.fingers.child import Child, ChildFailedError
from common.fingers.image_service import pack_in
from edge.core.fingerprints.iso19794_4 import Payload
from edge.core.fingerprints.model import FingerError, FingerImage, Position
from edge.core.padding import MAX_IMAGE

PACK_S: Final = 2.0  # for what takes 20 ms

log = structlog.get_logger("fingers")


def packed(child: Child, image: FingerImage) -> bytes:
    """WSQ at 500 pixels per inch and about 15 to 1, at most MAX_IMAGE bytes; empty where that cannot be had.

    ``child`` serves ``common.fingers.image_service``; ends within PACK_S and the start of a child.
    """
    try:
        made = pack_in(child, image, Position.UNKNOWN, Payload.WSQ, timeout_s=PACK_S).data
    except FingerError as error:  # law 1
        why = error.fault.value if isinstance(error, ChildFailedError) else "refused"
        log.info("finger_image_left_out", reason=why)
        return b""
    if len(made) > MAX_IMAGE:
        log.info("finger_image_left_out", reason="too long", bytes=len(made))
        return b""
    return made
