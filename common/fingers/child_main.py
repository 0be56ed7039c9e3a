"""The child process itself: ``python -m common.fingers.child_main``, started by ``common.fingers.child``.

It speaks on standard input and output, ends when the input ends, writes nothing anywhere. Native libraries that
print find /dev/null where standard output was. Another room adds services by calling ``main`` with a longer table
from a module of its own, which its ``Child`` then names.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeVar

import msgspec

from common.fingers.confine import confine
from common.fingers.frames import (
    HEAD,
    MAX_FRAME,
    Fault,
    Forgetful,
    Handler,
    Ready,
    Reply,
    Request,
    Setup,
    framed,
    pack,
    wipe,
)
from common.freed import overwrite_small
from edge.core.fingerprints.model import FingerError

_M = TypeVar("_M")

SERVICES: Final[Mapping[str, str]] = MappingProxyType({
    # name -> module; its ``service`` is the factory
    "extract": "common.fingers.extraction",
    "images": "common.fingers.image_service",
})
SMALL: Final = 64  # bytes of an order: fewer hold no finger
EXIT_MEMORY: Final = 12  # ENOMEM
EXIT_BUG: Final = 70  # sysexits EX_SOFTWARE
EXIT_GARBAGE: Final = 65  # sysexits EX_DATAERR


def main(services: Mapping[str, str] = SERVICES) -> int:
    """Serve until the input ends; the exit code."""
    given, out = _private_pipes()
    setup = _decoded(_frame(given), Setup)
    if setup is None:
        return EXIT_GARBAGE
    granted = confine(setup.parent, memory_mib=setup.memory_mib, no_new_code=setup.no_new_code)
    fault, problem, handlers = Fault.BUG, None, {}
    try:
        handlers = {name: _loaded(services, name, options) for name, options in setup.services.items()}
    except FingerError as error:
        fault, problem = Fault.REFUSED, error
    except Exception as error:
        fault, problem = _kind(error), FingerError(type(error).__name__, advice="try again")
    if problem is not None:
        _write(out, Ready(granted, fault.value, problem.message, problem.advice))
        return EXIT_BUG
    _write(out, Ready(granted))
    return _serve(given, out, handlers)


def _serve(given: int, out: int, handlers: Mapping[str, Handler]) -> int:
    while True:
        frame = _frame(given)
        request = _decoded(frame, Request)
        if request is None:
            return 0
        body = bytearray()
        reply, code = _answer(handlers, request, body)
        _write(out, reply)
        wipe(frame)  # while it waits for the next order it holds nothing of the last
        wipe(body)
        if len(frame) > SMALL:
            overwrite_small()
        if code:
            return code


def _answer(handlers: Mapping[str, Handler], request: Request, body: bytearray) -> tuple[Reply, int]:
    """The reply over ``body``, and the exit code where the process is not to be trusted with another request."""
    number = request.number
    try:
        answer = handlers[request.service](request.body)
        pack(answer, body)
        if isinstance(answer, Forgetful):
            answer.forget()
        if len(body) > MAX_FRAME >> 1:
            return Reply(number, fault=Fault.BUG.value, message="answer too long"), EXIT_BUG
    except FingerError as error:
        return Reply(number, fault=Fault.REFUSED.value, message=error.message, advice=error.advice), 0
    except Exception as error:  # the type alone: texts of strangers' errors may quote what they worked on
        fault = _kind(error)
        return Reply(number, fault=fault.value, message=type(error).__name__), (
            EXIT_MEMORY if fault is Fault.MEMORY else EXIT_BUG
        )
    return Reply(number, msgspec.Raw(body)), 0


def _kind(error: Exception) -> Fault:
    """onnxruntime says C++'s bad_alloc in the text of an error of its own."""
    short = isinstance(error, MemoryError) or "alloc" in str(error).lower()
    return Fault.MEMORY if short else Fault.BUG


def _loaded(services: Mapping[str, str], name: str, options: msgspec.Raw) -> Handler:
    if name not in services:
        raise FingerError(f"no service is called {name}", advice="update the box: its parts do not fit together")
    handler: Handler = importlib.import_module(services[name]).service(options)
    return handler


def _private_pipes() -> tuple[int, int]:
    given, out = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
    return given, out


def _decoded(frame: bytearray, kind: type[_M]) -> _M | None:
    try:
        return msgspec.msgpack.decode(frame, type=kind)
    except msgspec.MsgspecError:
        return None


def _frame(given: int) -> bytearray:
    """The next one; empty, as none is, where the input ended or nobody would send so much."""
    head = _bytes(given, HEAD)
    length = int.from_bytes(head, "big")
    return bytearray() if len(head) < HEAD or length > MAX_FRAME else _bytes(given, length)


def _bytes(given: int, count: int) -> bytearray:
    data = bytearray(count)
    left = memoryview(data)
    while left:
        came = os.readv(given, [left])
        if not came:
            return bytearray()
        left = left[came:]
    return data


def _write(out: int, message: object) -> None:
    frame = framed(message)
    left = memoryview(frame)
    while left:
        left = left[os.write(out, left) :]
    wipe(frame)


if __name__ == "__main__":
    sys.exit(main())
