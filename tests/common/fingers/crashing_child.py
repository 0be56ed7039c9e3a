"""A child whose services do on request what native code does: crash, hang, take all memory, write rubbish."""

from __future__ import annotations

import ctypes
import os
import sys
import time
from types import MappingProxyType

import msgspec

from common.fingers import child_main
from common.fingers.frames import Handler
from edge.core.fingerprints.model import FingerError


def service(options: msgspec.Raw) -> Handler:
    """Refuses to load where the options say so; ``gate`` names a FIFO, of which it reads one byte first."""
    given = msgspec.msgpack.decode(options)
    if given.get("gate"):
        os.read(os.open(given["gate"], os.O_RDONLY), 1)
    if given.get("refuse"):
        raise FingerError("the model is missing", advice="install it")
    if given.get("break"):
        raise KeyError("secret of a person")
    if given.get("slow"):
        time.sleep(60)

    def handle(body: msgspec.Raw) -> object:
        return _done(*msgspec.msgpack.decode(body, type=tuple[str, msgspec.Raw]))

    return handle


def _done(what: str, value: msgspec.Raw) -> object:
    if what == "echo":
        return value
    if what == "refuse":
        raise FingerError("this image cannot be used", advice="take another")
    if what == "bug":
        raise ValueError("secret of a person")
    if what == "memory":
        return [bytearray(16 << 20) for _ in range(1000)]
    if what == "native memory":  # as onnxruntime tells it
        raise RuntimeError("std::bad_alloc")
    if what == "segfault":
        ctypes.string_at(0)
    if what == "hang":
        time.sleep(60)
    if what == "exit":
        os._exit(3)
    if what == "print":
        os.write(1, b"noise of a library\n")
        sys.stdout.write("more\n")
        return "printed"
    if what == "rubbish":
        for descriptor in range(3, 20):
            try:
                os.write(descriptor, b"\xff" * 4096)
            except OSError:
                continue
    if what == "executable":  # what a just-in-time compiler asks for
        libc = ctypes.CDLL(None)
        libc.mmap.restype = ctypes.c_void_p
        found = libc.mmap(None, 4096, 7, 0x22, -1, 0)
        return found == ctypes.c_void_p(-1).value
    return None


if __name__ == "__main__":
    sys.exit(child_main.main(MappingProxyType({"act": "crashing_child", "extract": "common.fingers.extraction"})))
