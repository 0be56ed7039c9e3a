"""The extracting child a second after its answer: neither pixels nor minutiae nor the WSQ of the finger are in it."""

from __future__ import annotations

import os
import signal
import threading

import finger_traces
import pytest
from finger_kit import finger

from common.fingers import image_service
from common.fingers.child import Child
from common.fingers.extraction import NAME, ExtractOptions, extract_file_in, extract_in
from common.fingers.image_service import pack_in, unpack_in
from common.fingers.images import png_bytes
from edge.core.fingerprints.iso19794_4 import Payload
from edge.core.fingerprints.model import Position

pytest.importorskip("nbis", reason="nbis-py comes with the extra fingers")
pytest.importorskip("wsq", reason="wsq comes with the extra fingers")
PLACE = Position.RIGHT_INDEX


@pytest.mark.parametrize("name", ["mindtct", "leader"])
def test_nothing_of_a_finger_outlives_the_answer(name: str) -> None:
    image = finger(3, 1)
    with Child({NAME: ExtractOptions(name, 2), image_service.NAME: {}}, no_new_code=True) as child:
        template = extract_in(child, image, PLACE, quality=True)
        assert len(template) > 40
        wanted = finger_traces.of_image(image) | finger_traces.of_template(template)
        assert finger_traces.left(child.pid, wanted) == {}
        packed = pack_in(child, image, PLACE, Payload.WSQ).data
        assert finger_traces.left(child.pid, wanted | finger_traces.of_file("wsq", packed)) == {}
        assert child.starts == 1


def test_nothing_of_a_file_outlives_the_answer() -> None:
    image = finger(4, 2)
    file = png_bytes(image.pixels)
    with Child({NAME: ExtractOptions("mindtct", quality=False), image_service.NAME: {}}) as child:
        template = extract_file_in(child, file, "a", PLACE)
        unpack_in(child, file, "a")
        wanted = finger_traces.of_image(image) | finger_traces.of_template(template)
        assert finger_traces.left(child.pid, wanted) == {}


def test_the_look_finds_what_is_there() -> None:
    image = finger(5)
    with Child({NAME: ExtractOptions("mindtct", quality=False)}) as child:
        child.ready()
        assert child.pid is not None
        os.kill(child.pid, signal.SIGSTOP)
        thread = threading.Thread(target=lambda: extract_in(child, image, PLACE))
        thread.start()
        while not child.busy:
            pass
        ours = finger_traces.left(os.getpid(), finger_traces.of_image(image))
        os.kill(child.pid, signal.SIGCONT)
        thread.join()
    assert any(name.startswith("row") for name in ours)
