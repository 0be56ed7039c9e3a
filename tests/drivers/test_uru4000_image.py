"""Images of a U.are.U as bytes: against the device's half, which is written from the definition."""

from __future__ import annotations

import random
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.uru4000_image import (
    HEIGHT,
    LOOKS_SCRAMBLED,
    TRANSFER,
    WIDTH,
    Flaw,
    Keystream,
    RawImage,
    descramble,
    deviation,
    noisy,
    pixels,
    take_apart,
)
from drivers.uru4000_wire import Interrupt, interrupt, response, versions
from drivers.virtual.prints import synthetic_print
from drivers.virtual.uru4000_frames import LAYOUTS, as_sent, masks, seen, transfer

FINGER = synthetic_print(5, WIDTH, HEIGHT, 512)
KEYS = [random.Random(number).getrandbits(32) for number in range(4)]


def sent(layout: str = "usual", *, upside_down: bool = False, really: bool = True, number: int = 0) -> bytes:
    lines = as_sent(FINGER, upside_down=upside_down)
    return transfer(lines, LAYOUTS[layout], number, lambda which: KEYS[(which - number) % 256], really=really)


def raw(data: bytes) -> RawImage:
    found = take_apart(data)
    assert isinstance(found, RawImage), found
    return found


@pytest.mark.parametrize("upside_down", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_finger(layout: str, upside_down: bool) -> None:
    image = raw(sent(layout, upside_down=upside_down, number=3))
    keys = tuple(KEYS[number - 3] for number in image.key_numbers)
    assert len(keys) == {"usual": 1, "plain": 0, "stands": 1, "renewed": 3}[layout]
    wanted = seen(FINGER, LAYOUTS[layout], upside_down=upside_down)
    assert pixels(image, keys, upside_down=upside_down) == wanted


@pytest.mark.parametrize("number", [0, 5, 254, 255])
def test_key_numbers_go_round(number: int) -> None:
    assert raw(sent("renewed", number=number)).key_numbers == (number, (number + 1) % 256, (number + 2) % 256)


def test_what_is_plain_is_taken_as_it_is_whatever_the_flags_say() -> None:
    image = raw(sent(really=False))
    keys = (KEYS[0],) * len(image.key_numbers)
    assert pixels(image, keys, upside_down=False) == seen(FINGER, LAYOUTS["usual"], upside_down=False, really=False)


def test_smooth_first_lines_say_that_nothing_is_scrambled() -> None:
    glass = bytes((240, 244)) * (WIDTH * HEIGHT // 2)
    image = raw(transfer(as_sent(glass, upside_down=False), LAYOUTS["usual"], 0, lambda _: KEYS[0], really=False))
    assert image.key_numbers == ()
    assert raw(sent()).key_numbers == (0,)


def test_plain_lines_of_great_contrast_are_not_descrambled_into_noise() -> None:
    grid = np.full((HEIGHT, WIDTH), 5, np.uint8)
    grid[:, ::2] = 250
    shown = grid.tobytes()
    image = raw(transfer(as_sent(shown, upside_down=False), LAYOUTS["usual"], 0, lambda _: KEYS[0], really=False))
    assert deviation(image.data) >= LOOKS_SCRAMBLED
    assert image.key_numbers == (0,)
    wanted = seen(shown, LAYOUTS["usual"], upside_down=False, really=False)
    assert pixels(image, (KEYS[0],), upside_down=False) == wanted


@given(st.integers(0, 2**32 - 1))
def test_with_another_key_there_is_no_image(key: int) -> None:
    assert pixels(raw(sent()), (key,), upside_down=False) == Flaw.NOISE or key == KEYS[0]


@settings(max_examples=40)
@given(st.integers(1, 2**32 - 1), st.lists(st.integers(0, 300), max_size=5))
def test_the_masks_are_those_of_the_definition(key: int, steps: list[int]) -> None:
    stream, at, wanted = Keystream(key), 0, masks_from(key)
    for count in steps:
        assert stream.take(count).tobytes() == wanted[at : at + count]
        stream.skip(count)
        at += 2 * count


def masks_from(key: int) -> bytes:
    found, state = bytearray(), key
    for _ in range(3000):
        found.append(sum((state >> bit & 1) << place for place, bit in enumerate((4, 8, 11, 14, 18, 21, 24, 29))))
        state = ((state & 0x9248144D).bit_count() & 1) << 31 | state >> 1
    return bytes(found)


def test_a_whole_image_of_masks() -> None:
    assert Keystream(KEYS[0]).take(WIDTH * HEIGHT).tobytes() == masks(KEYS[0])


@given(st.binary(max_size=200), st.integers(0, 400), st.binary(min_size=30, max_size=30), st.integers(0, TRANSFER))
def test_no_bytes_raise(head: bytes, lines: int, pairs: bytes, size: int) -> None:
    data = bytearray(head.ljust(size, b"\x55"))
    if len(data) >= 64:
        data[4:6], data[16:46] = lines.to_bytes(2, "little"), pairs
    found = take_apart(bytes(data))
    if isinstance(found, RawImage):
        assert len(found.data) % WIDTH == 0
        made = pixels(found, tuple(KEYS[0] for _ in found.key_numbers), upside_down=True)
        assert made is Flaw.NOISE or len(made) == WIDTH * HEIGHT


def test_each_flaw_by_its_name() -> None:
    good = sent()
    assert take_apart(b"") is Flaw.EMPTY
    for size in (1, 63, 64, 64 + WIDTH * 289 - 1):
        assert take_apart(good[:size]) is Flaw.SHORT
    for lines in (0, 290, 65535):
        assert take_apart(good[:4] + lines.to_bytes(2, "little") + good[6:]) is Flaw.LINES
    for pairs in (bytes(30), bytes((2, 255, 2, 35)), bytes((2, 255, 2, 34, 1, 2)), bytes((2, 73))):
        assert take_apart(good[:16] + pairs.ljust(30, b"\0") + good[46:]) is Flaw.BLOCKS


def test_an_absent_line_at_the_end_is_the_last_one() -> None:
    lines = as_sent(FINGER, upside_down=False)
    image = raw(transfer(lines, ((0, 200), (0, 80), (1, 10)), 0, lambda _: KEYS[0]))
    made = pixels(image, (), upside_down=False)
    assert isinstance(made, bytes)
    assert made[: 280 * WIDTH] == FINGER[: 280 * WIDTH]
    assert made[280 * WIDTH :] == FINGER[279 * WIDTH : 280 * WIDTH] * 10


def test_the_steepest_ridges_are_no_noise_and_noise_is() -> None:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    for angle in np.linspace(0, np.pi, 7):
        wave = 127.5 + 127.5 * np.sin(2 * np.pi / 8 * (x * np.cos(angle) + y * np.sin(angle)))  # 8 pixels: a child's
        assert not noisy(wave.astype(np.uint8).tobytes())
    assert noisy(random.Random(1).randbytes(WIDTH * HEIGHT))
    assert not noisy(bytes(WIDTH))


def test_descrambling_costs_little() -> None:
    image = raw(sent())
    times = []
    for _ in range(5):
        before = time.thread_time()
        descramble(image, (KEYS[0],))
        times.append(time.thread_time() - before)
    assert min(times) < 0.06


def test_interrupts_by_their_first_two_bytes() -> None:
    assert interrupt(b"\x01\x01" + bytes(62)) is Interrupt.FINGER_ON
    assert interrupt(b"\x56\xaa") is Interrupt.SCAN_POWER_ON
    assert [interrupt(data) for data in (b"", b"\x01", b"\xff\xff", b"\x00\x00junk")] == [None] * 4


def test_the_answer_to_a_challenge_of_a_real_reader() -> None:
    # as a Microsoft Fingerprint Reader of the second generation took it (a fact of the wire)
    asked = bytes.fromhex("4dae5a0b1247a86c9fbf29fdcc178a74")
    assert response(asked).hex() == "329351371e4adfb1f35f09f329c6ab46"


def test_versions_of_a_real_device() -> None:
    assert versions(bytes.fromhex("1a0a1a0a01150000002000108b211130")) == "1000-1501"
    assert versions(b"\x1a\x0a") == ""
