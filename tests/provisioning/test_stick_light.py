"""What a technician sees: the patterns as they reach a light, a bell and a speaker."""

from __future__ import annotations

import itertools
import struct

import pytest

from edge.core.provisioning.codes import Grade
from provisioning.stick.light import BUSY, PATTERNS, Bell, Led, Light, Speaker, find_leds, play, switching


class Seen:
    """An output that remembers when it was switched; time passes by waiting alone."""

    def __init__(self, waits: int, *, fails_at: int | None = None) -> None:
        self.time, self.switched, self._waits, self._fails_at = 0.0, [], waits, fails_at

    def set(self, on: bool) -> None:
        if self._fails_at is not None and len(self.switched) >= self._fails_at:
            raise OSError("gone")
        self.switched.append((round(self.time, 3), on))

    def wait(self, seconds: float) -> bool:
        self.time += seconds
        self._waits -= 1
        return self._waits == 0


def group(grade: Grade) -> list[str]:
    """One group of a pattern as a person would write it: ``.`` short, ``-`` long."""
    return ["." if on_s < 0.5 else "-" for on_s, _ in PATTERNS[grade]]


def test_the_patterns_are_those_of_the_handbook():
    assert {grade: "".join(group(grade)) for grade in Grade} == {
        Grade.OK: "...", Grade.REFUSED: "-", Grade.PART: "...-", Grade.FAULT: ".....",
    }


def test_groups_are_set_apart_so_that_they_can_be_counted():
    for grade in Grade:
        *inner, (_, rest) = PATTERNS[grade]
        assert all(off_s * 4 < rest for _, off_s in inner)
    assert BUSY[0][0] >= 1.0


@pytest.mark.parametrize("grade", list(Grade))
def test_a_pattern_repeats_and_ends_dark(grade):
    seen = Seen(waits=4 * len(PATTERNS[grade]) + 1)
    play(PATTERNS[grade], [seen], seen.wait)
    lit = sum(on for _, on in seen.switched)
    assert lit == 2 * len(PATTERNS[grade]) + 1
    assert seen.switched[-1][1] is False
    assert [on for _, on in seen.switched[:4]] == [True, False, True, False]


def test_a_light_that_fails_takes_no_other_with_it():
    broken, whole = Seen(9, fails_at=2), Seen(9)
    play(PATTERNS[Grade.OK], [broken, whole], whole.wait)
    assert len(broken.switched) == 2
    assert len(whole.switched) == 10


def test_a_led_of_the_kernel_is_taken_and_switched_to_its_full_brightness(tmp_path):
    (tmp_path / "trigger").write_text("[heartbeat] none")
    (tmp_path / "max_brightness").write_text("255\n")
    (tmp_path / "brightness").write_text("7")
    led = Led(tmp_path)
    assert (tmp_path / "trigger").read_text() == "none"
    led.set(True)
    assert (tmp_path / "brightness").read_text() == "255"
    led.set(False)
    assert (tmp_path / "brightness").read_text() == "0"


def test_only_lights_that_mean_status_are_found(tmp_path):
    for name in ("input3::capslock", "board:green:status", "mmc0::", "green:indicator", "platform::micmute"):
        (tmp_path / name).mkdir()
    assert [path.name for path in find_leds(tmp_path)] == ["board:green:status", "green:indicator"]
    assert find_leds(tmp_path / "none") == []


def test_the_bell_rings_once_for_each_light_and_the_speaker_sounds_as_long(tmp_path):
    bell, speaker = tmp_path / "tty1", tmp_path / "event3"
    bell.touch()
    speaker.touch()
    waits = Seen(waits=6)
    play(PATTERNS[Grade.OK], [Bell(bell), Speaker(speaker)], waits.wait)
    assert bell.read_bytes() == b"\a" * 3
    events = list(struct.iter_unpack("@llHHi", speaker.read_bytes()))
    assert [(kind, code, value) for _, _, kind, code, value in events] == [
        *itertools.islice(itertools.cycle([(0x12, 2, 880), (0x12, 2, 0)]), 6), (0x12, 2, 0)]


def test_a_light_shows_one_thing_at_a_time_and_sounds_only_at_the_end(tmp_path):
    led, bell = tmp_path / "led", tmp_path / "bell"
    led.mkdir()
    bell.touch()
    light = Light([Led(led)], [Bell(bell)])
    light.busy()
    light.off()
    assert (led / "brightness").read_text() == "0"
    assert bell.read_bytes() == b""
    light.end(Grade.REFUSED)
    light.off()
    light.off()
    assert bell.read_bytes() == b"\a"
    assert (led / "brightness").read_text() == "0"


def test_without_any_light_nothing_happens():
    light = Light([])
    light.busy()
    light.end(Grade.OK)
    light.off()


def test_switching_goes_on_for_ever():
    assert list(itertools.islice(switching(((1.0, 2.0),)), 4)) == [(True, 1.0), (False, 2.0)] * 2
