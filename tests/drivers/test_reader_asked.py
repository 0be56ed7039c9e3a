"""A reader that asks after noise: what the device tells twice, and what was laid down twice."""

from __future__ import annotations

import pytest
from port_kit import Answering, reader_on

from drivers.api import Noise, NothingLost
from drivers.elyctis import ElyctisCodec
from drivers.reader import FramedReader


def read_already(rows: tuple[str, ...]) -> tuple[Answering, FramedReader]:
    """The document has been read, and lies there."""
    port = Answering()
    reader = reader_on(port, ElyctisCodec)
    reader.read(1)
    port.reads.append(port.device.present(rows))
    assert reader.read(1).lines == rows
    return port, reader


def test_a_document_told_once_more_is_no_second_document_and_nothing_is_lost(td3):
    port, reader = read_already(td3)
    port.reads.append(b"\xff\xfe")
    assert [event for _ in range(10) if (event := reader.read(0.5)) is not None] == [NothingLost()]
    assert b"I\x00\x00" in port.writes[-3:]


@pytest.mark.parametrize("hasty", [True, False])
@pytest.mark.parametrize("cut", [20, 50, 93])
def test_the_same_document_laid_down_anew_and_broken_is_told(td3, cut, hasty):
    """The device says what it has said before: nothing is lost for the box, but the officer waits for an answer."""
    port, reader = read_already(td3)
    port.now += 10
    port.device.remove()
    port.reads.append(port.device.present(td3)[:cut])
    events = [event for _ in range(2 if hasty else 10) if (event := reader.read(0.5)) is not None]
    assert events == [Noise(cut, garbled=1)]
    port.device.remove()
    port.reads.append(port.device.present(td3))
    assert reader.read(1).lines == td3


def test_noise_that_begins_like_a_frame_is_no_document_laid_down_anew(td3):
    port, reader = read_already(td3)
    port.reads.append(b"I\x00\x20 \r~:.,;-")
    assert [event for _ in range(10) if (event := reader.read(0.5)) is not None] == [NothingLost()]
