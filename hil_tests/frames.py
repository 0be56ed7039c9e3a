"""The bytes of each family, from the device side (``drivers.virtual``): whole frames, and frames of absurd length."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from drivers.virtual.__main__ import KINDS, part
from drivers.virtual.device import VirtualDevice
from drivers.virtual.elyctis_device import frame, mrz_payload

SPECIMEN = (
    "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
    "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
)  # Doc 9303-4, appendix A
BAR_CODE = "4006381333931"  # an article number
REPORT = 8  # bytes of a keyboard's report
LONG = 6000  # bytes; no zone has 150, and only est's buffer holds more than 1024: silence ends it there


def whole(driver: str, rows: Sequence[str] = SPECIMEN) -> bytes:
    """A document as the device sends it unasked."""
    if driver == "elyctis":
        return frame(0x49, mrz_payload(rows))
    if driver == "honeywell":
        return "\r".join(rows).encode("ascii") + b"\r"
    return device(driver).present(rows)


def bar_code(driver: str) -> bytes:
    """A block that is no zone, in the device's framing; b"" where it has none."""
    return BAR_CODE.encode("ascii") + b"\r" if driver == "honeywell" else device(driver).block(BAR_CODE)


def device(driver: str) -> VirtualDevice:
    """The device of this family, as the command ``python -m drivers.virtual`` makes it."""
    kind = KINDS[driver]
    made: VirtualDevice = part(kind, kind.device)()
    return made


def absurd(driver: str) -> list[bytes]:
    """Frames that announce, or are, far more than any zone; silence follows each."""
    text = b"P<UTO" * (LONG // 5)
    known = {
        "elyctis": [b"\x49\xff\xff" + text, b"\x49\x03\xe8" + text, b"\x49\x03\xe8\x0d", b"\x43\xff\xff\x01"],
        "honeywell": [text],
        "rte": [b"\x01\xff\x3fOU\x020" + text, b"\x01\x00\x00OU\x020" + text, b"\x01\xff\xffOU\x020"],
        "est": [b'\x02CameraData:{"data":"' + text, b"\x02PCSign:" + b"{" * LONG],
        "hid_keyboard": [typed_without_end(LONG // 16)],
    }
    head = whole(driver).partition(SPECIMEN[0].encode("ascii"))[0]  # what begins a frame of any other family
    return known.get(driver, [head + text])


def typed_without_end(keys: int) -> bytes:
    """So many keys, and never Enter."""
    usages = itertools.islice(itertools.cycle(range(0x04, 0x1E)), keys)
    return b"".join(bytes((2, 0, usage, 0, 0, 0, 0, 0)) + bytes(8) for usage in usages)


def cuts(data: bytes, step: int, every: int) -> Iterator[int]:
    """Places to cut ``data``: each ``every``-th of those that are multiples of ``step``, without its ends."""
    yield from range(step, len(data), step * every)
