"""Exchange files of fingers from anything: what must hold, where a fuzz run begins, and a plain run without a library.

    python -m benchmarks.codec_fuzz --only fmr2005,fmr2011,fir,itl --seconds 200      (coverage-guided, with atheris)
    python -m benchmarks.finger_formats_fuzz --count 1000000 --seed 1                 (mutated at random, alone)

Targets: ``fmr2005`` and ``fmr2011`` (ISO/IEC 19794-2), ``fir`` (ISO/IEC 19794-4, both editions), ``itl`` (NIST-ITL).
Each input is played twice: as it is, and with its outer lengths put right, as else hardly one would get past them.

Laws that are checked:
1. Nothing but FingerError is raised; it names a byte and a next step.
2. What is read keeps the model's promises: minutiae inside the image, values in range, sides within the limits.
3. What is read can be written and read again, and is the same, in each edition that has room for it.
4. A byte more or a byte less at the end is refused.
"""

from __future__ import annotations

import argparse
import itertools
import random
import re
import struct
import time
from collections.abc import Callable, Iterator
from datetime import date

import numpy as np

from edge.core.fingerprints import iso19794_2, iso19794_4, nist_itl
from edge.core.fingerprints.iso19794_4 import FramedImage, Payload
from edge.core.fingerprints.model import MAX_MINUTIAE, MAX_SIDE, FingerError, Position, Template

TARGETS = ("fmr2005", "fmr2011", "fir", "itl")
MAGICS = {"fmr2005": iso19794_2.MAGIC_2005, "fmr2011": iso19794_2.MAGIC_2011}
ARRAYS = ("x", "y", "angle", "kind", "quality")
_LENGTH = re.compile(rb"(?:\A|(?<=\x1c))(\d{1,2}\.0*1:)\d+")


def check_of(target: str) -> Callable[[bytes], None]:
    """The check of one target."""
    check = {"fir": _check_fir, "itl": _check_itl}.get(target, _check_fmr)

    def both(data: bytes) -> None:
        check(data)
        check(repaired(target, data))

    return both


def repaired(target: str, data: bytes) -> bytes:
    """The same with format identifier and outer lengths put right."""
    if target in MAGICS:
        return MAGICS[target] + struct.pack(">I", max(12, len(data))) + data[12:]
    if target == "fir":
        old = data[4:5] == b"0" and data[5:6] != b"2"
        length = max(14 if old else 12, len(data))
        return (iso19794_4.MAGIC_2005 + length.to_bytes(6, "big") + data[14:] if old
                else iso19794_4.MAGIC_2011 + struct.pack(">I", length) + data[12:])  # fmt: skip
    starts = [found.start() for found in _LENGTH.finditer(data)] + [len(data)]
    out = data[: starts[0]]
    for begin, end in itertools.pairwise(starts):
        head = _LENGTH.match(data, begin)
        assert head is not None
        rest = data[head.end() : end]
        out += head[1] + b"%06d" % (len(head[1]) + 6 + len(rest)) + rest
    return out


def refused(read: Callable[[bytes], object], data: bytes) -> object:
    """What is read, or None where it is refused as law 1 wants."""
    try:
        return read(data)
    except FingerError as fault:
        told = fault
    assert told.advice
    assert "byte" in told.message, told.message
    return None


def _whole(read: Callable[[bytes], object], data: bytes) -> None:
    assert refused(read, data + b"\x00") is None, "a byte too many is taken"
    assert refused(read, data[:-1]) is None, "a byte too few is taken"


def _check_fmr(data: bytes) -> None:
    templates = refused(iso19794_2.read, data)
    if templates is None:
        return
    assert isinstance(templates, list)
    assert 1 <= len(templates) <= 176
    for template in templates:
        _sound(template)
    for write in (iso19794_2.write_2005, iso19794_2.write_2011):
        again = iso19794_2.read(write(templates))
        assert len(again) == len(templates)
        for one, other in zip(templates, again, strict=True):
            assert one.position == other.position
            assert all(np.array_equal(getattr(one, name), getattr(other, name)) for name in ARRAYS), "other minutiae"
            if write is iso19794_2.write_2011:
                assert (one.width, one.height, one.image_quality) == (other.width, other.height, other.image_quality)
    _whole(iso19794_2.read, data)


def _sound(template: Template) -> None:
    assert len(template) <= MAX_MINUTIAE
    assert 1 <= template.width <= MAX_SIDE
    assert 1 <= template.height <= MAX_SIDE
    assert template.image_quality <= 100 or template.image_quality == 255
    if len(template):
        assert 0 <= template.x.min() <= template.x.max() < template.width
        assert 0 <= template.y.min() <= template.y.max() < template.height
        assert template.kind.max() <= 2
        assert template.quality.max() <= 100
    assert {str(getattr(template, name).dtype) for name in ARRAYS} == {"int16", "uint8"}


def _check_fir(data: bytes) -> None:
    images = refused(iso19794_4.read, data)
    if images is None:
        return
    assert isinstance(images, list)
    _images(images)
    _whole(iso19794_4.read, data)


def _images(images: list[FramedImage]) -> None:
    for image in images:
        assert 1 <= image.width <= MAX_SIDE
        assert 1 <= image.height <= MAX_SIDE
        assert image.data
        assert image.payload is not Payload.PLAIN or len(image.data) == image.width * image.height
    again = iso19794_4.read(iso19794_4.write_2011(images))
    assert [_seen(image) for image in again] == [_seen(image) for image in images], "other images"
    one_kind = len({(image.ppi, image.payload) for image in images}) == 1
    if one_kind and all(image.impression < 10 for image in images):
        again = iso19794_4.read(iso19794_4.write_2005(images))
        assert [_seen(image) for image in again] == [_seen(image) for image in images], "other images in 2005"


def _seen(image: FramedImage) -> tuple[object, ...]:
    """All of it, with the resolution as a record states it."""
    return (image.position, image.width, image.height, image.payload, image.data, round(image.ppi), image.quality,
            image.impression)  # fmt: skip


def _check_itl(data: bytes) -> None:
    made = refused(nist_itl.read, data)
    if made is None:
        return
    assert isinstance(made, nist_itl.Transaction)
    assert all(text.isascii() for part in (made.header, made.descriptive) for text in part.values())
    if made.images:
        _images(list(made.images))
    _whole(nist_itl.read, data)


def seeds(target: str) -> Iterator[bytes]:
    """Files as this project writes them, and as others lay theirs out; from numbers, of nobody."""
    yield from {"fir": _fir_seeds, "itl": _itl_seeds}.get(target, lambda: _fmr_seeds(target))()


def _template(count: int, position: Position, quality: int = 60) -> Template:
    numbers = np.random.default_rng(count)
    return Template(
        "seed", position, 300, 400, numbers.integers(0, 300, count).astype(np.int16),
        numbers.integers(0, 400, count).astype(np.int16), numbers.integers(0, 256, count).astype(np.uint8),
        numbers.integers(0, 3, count).astype(np.uint8), numbers.integers(0, 101, count).astype(np.uint8), quality,
    )


def _fmr_seeds(target: str) -> Iterator[bytes]:
    write = iso19794_2.write_2005 if target == "fmr2005" else iso19794_2.write_2011
    for sets in ((12,), (0,), (3, 5), (30, 1, 1)):
        yield write([_template(n, Position(2 + place % 2), 255 if n == 3 else 60) for place, n in enumerate(sets)])
    plain = bytearray(write([_template(2, Position.LEFT_THUMB)]))
    if target == "fmr2005":  # 569 per inch; extended data whose length counts its own head, or does not
        plain[18:22] = struct.pack(">2H", 224, 224)
        for block in (b"\x00\x0a\x01\x01\x00\x0aminute", b"\x00\x0a\x01\x01\x00\x06minute"):
            data = bytes(plain[:-2]) + block
            yield data[:8] + struct.pack(">I", len(data)) + data[12:]
        return
    # Certification blocks; minutiae of five bytes.
    for edit in (_certified, _five_bytes):
        yield edit(bytes(plain))


def _certified(data: bytes) -> bytes:
    quality = data.index(b"\x01\x3c\x00\x00\x00\x00", 15) + 6
    view = data[15:quality] + b"\x01\x01\x02\x03" + data[quality:]
    return _framed(data[:14] + b"\x01", view)


def _five_bytes(data: bytes) -> bytes:
    at = data.index(b"\x60\x02", 15)
    rows = data[at + 2 : at + 14]
    return _framed(data[:15], data[15:at] + b"\x50\x02" + rows[:5] + rows[6:11] + data[at + 14 :])


def _framed(head: bytes, view: bytes) -> bytes:
    view = struct.pack(">I", len(view)) + view[4:]
    return head[:8] + struct.pack(">I", 15 + len(view)) + head[12:15] + view


def _fir_seeds() -> Iterator[bytes]:
    plain = FramedImage(Position.RIGHT_INDEX, 8, 6, Payload.PLAIN, bytes(range(48)))
    packed = FramedImage(Position.LEFT_THUMB, 80, 90, Payload.WSQ, b"\xff\xa0\xff\xa4\x00\x02\xff\xa1", 500.0, 77)
    drawn = FramedImage(Position.LEFT_THUMB, 80, 90, Payload.PNG, b"\x89PNG\r\n\x1a\n\x00\x00", 1000.0, 77, 1)
    for images in ([plain], [plain, plain], [packed], [drawn], [drawn, drawn]):
        yield iso19794_4.write_2005(images)
        yield iso19794_4.write_2011(images)
    yield iso19794_4.write_2011([plain, packed, drawn])


def _itl_seeds() -> Iterator[bytes]:
    header = b"1.002:0502\x1d1.003:%s\x1d1.004:CPS\x1d1.005:%s\x1d1.007:XX/NCB\x1d1.008:XX/1\x1d1.009:7\x1c"
    day = date(2026, 11, 22).strftime("%Y%m%d").encode()
    second = b"2.002:0\x1d2.007:XX/1-2026\x1c"
    finger = (
        b"14.002:%d\x1d14.003:0\x1d14.004:XX/1\x1d14.005:%s\x1d14.006:4\x1d14.007:3\x1d14.008:1\x1d14.009:500"
        b"\x1d14.010:500\x1d14.011:%s\x1d14.012:8\x1d14.013:%d\x1d14.999:%s\x1c"
    )
    twelve = bytes(range(0x14, 0x20))  # with all four separators in it
    plain, packed, drawn = (b"NONE", twelve), (b"WSQ20", b"\xff\xa0\xff\xa1"), (b"PNG", b"\x89PNG")
    for prints in ([plain], [packed], [plain, drawn], []):
        count = b"1\x1f%d\x1e2\x1f0" % (1 + len(prints))
        count += b"".join(b"\x1e14\x1f%d" % (n + 1) for n in range(len(prints)))
        records = [(1, header % (count, day)), (2, second)]
        records += [(14, finger % (n + 1, day, code, n + 2, data)) for n, (code, data) in enumerate(prints)]
        yield b"".join(_sized(kind, rest) for kind, rest in records)


def _sized(kind: int, rest: bytes) -> bytes:
    head = b"%d.001:" % kind
    length = len(head) + 1 + len(rest)
    digits = len(str(length + len(str(length))))
    return head + b"%d" % (length + digits) + b"\x1d" + rest


def mutated(data: bytes, source: random.Random) -> bytes:
    """One to four small changes: a bit, a byte, a number, a piece cut, doubled or moved."""
    out = bytearray(data)
    for _ in range(source.randint(1, 4)):
        at = source.randrange(len(out) + 1) if out else 0
        end = min(len(out), at + source.choice((1, 2, 4, 6, 14)))
        match source.randrange(6):
            case 0 if at < len(out):
                out[at] ^= 1 << source.randrange(8)
            case 1 if at < len(out):
                out[at] = source.choice((0, 1, 0x7F, 0x80, 0xFE, 0xFF, source.randrange(256)))
            case 2:
                out[at:end] = source.choice((b"\x00", b"\xff")) * (end - at)
            case 3:
                del out[at:end]
            case 4:
                out[at:at] = out[at:end]
            case _:
                out[at:at] = source.randbytes(source.choice((1, 2, 4, 6)))
    return bytes(out[:4096])


def main() -> int:
    """Mutated inputs, ``--count`` of them over the targets in turn; one line a target."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--count", type=int, default=1_000_000, help="inputs in all")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--only", default=",".join(TARGETS), help="names, comma between")
    options = arguments.parse_args()
    targets = options.only.split(",")
    for target in targets:
        source, check, begins = random.Random(options.seed), check_of(target), list(seeds(target))
        began, count = time.process_time(), options.count // len(targets)
        for _ in range(count):
            data = mutated(source.choice(begins), source)
            try:
                check(data)
            except Exception as fault:
                print(f"{target}: {fault!r} for {data.hex()}")
                return 1
        took = time.process_time() - began
        print(f"{target:10}{count:>12,} inputs, each played twice  {took:8.1f} s of CPU", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
