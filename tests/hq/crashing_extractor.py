"""A child whose extractor does what native code does on a bad day: bytes of the file say what."""

from __future__ import annotations

import ctypes
import sys
from types import MappingProxyType

import msgspec

from common.fingers import child_main
from common.fingers.extraction import service as real
from common.fingers.frames import Handler


def service(options: msgspec.Raw) -> Handler:
    """The real one, but for files that end with the word."""
    handle = real(options)

    def bad(body: msgspec.Raw) -> object:
        if b"CRASH" in bytes(body)[-64:]:
            ctypes.string_at(0)
        return handle(body)

    return bad


if __name__ == "__main__":
    sys.exit(child_main.main(MappingProxyType({"extract": "crashing_extractor"})))
