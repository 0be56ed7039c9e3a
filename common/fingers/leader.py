"""LEADER through onnxruntime: the better extractor, a third of a second of CPU for a finger of 384 x 290 pixels.

Laws:
1. The weights are the file beside this one, and its SHA-256 is checked at every load: other weights are another
   extractor, and its templates must not pass for these.
2. The net sees the foreground only (``edge.core.fingerprints.foreground``), because time and memory are linear in
   pixels: 1.6 MiB per 1,000 of them; the arena is given back after every run. No input is over MAX_AREA.
3. It may be killed, by the kernel or a deadline, at any time: a daemon runs it in a child process.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from common.fingers.images import EXTRA, at_500
from edge.core.fingerprints.foreground import (
    Box,
    block_statistics,
    cut,
    foreground_blocks,
    foreground_box,
    grown,
)
from edge.core.fingerprints.leader_minutiae import MULTIPLE, template_from_output
from edge.core.fingerprints.model import FingerError, FingerImage, Position, Template

if TYPE_CHECKING:
    import onnxruntime

NAME: Final = "leader"
WEIGHTS: Final = Path(__file__).with_name("leader") / "LEADER.onnx"
SHA256: Final = "da96e1221eea4afdf153997d6c4854ed306c146cfac76046e66cdecc14b2a1bb"
LEADER_ID: Final = f"{NAME}-{SHA256[:8]}"
MARGIN: Final = 16  # pixels around the foreground that the net sees too
MAX_AREA: Final = 832 * 832  # pixels of an input: a rolled finger (800 x 750); takes 1.1 GiB
MAX_WEIGHTS: Final = 16 << 20  # bytes of the file


class Leader:
    """See the module. ``threads`` of a run: 1 to as many as there are cores."""

    extractor_id = LEADER_ID

    def __init__(self, *, threads: int = 1, weights: Path = WEIGHTS) -> None:
        self._session, self._run = _session(_verified(weights), threads)

    def extract(self, image: FingerImage, position: Position = Position.UNKNOWN) -> Template:
        """The minutiae of one finger, best first; none where nothing is seen.

        Raises FingerError: sides of the image, or a foreground over MAX_AREA.
        """
        image = at_500(image)
        shape = (image.pixels.shape[0], image.pixels.shape[1])
        size = (shape[1], shape[0])
        box = _seen(image)
        if box is None:
            nothing = np.zeros((0, 0, 4), dtype=np.float32)
            return template_from_output(nothing, Box(0, 0, 0, 0), size, self.extractor_id, position)
        if box.width * box.height > MAX_AREA:
            raise FingerError(
                f"a finger of {box.width} x {box.height} pixels at 500 per inch",
                advice="cut the image down to one finger, or check the resolution that was given",
            )
        grey = cut(image.pixels, box).astype(np.float32)[np.newaxis, :, :, np.newaxis]
        output = np.asarray(self._session.run(None, {"input": grey}, self._run)[0])[0]
        return template_from_output(output, box, size, self.extractor_id, position)


def _seen(image: FingerImage) -> Box | None:
    shape = (image.pixels.shape[0], image.pixels.shape[1])
    found = foreground_box(foreground_blocks(block_statistics(image.pixels)[1]), shape)
    return None if found is None else grown(found, shape, MARGIN, MULTIPLE)


def _verified(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            weights = file.read(MAX_WEIGHTS)
    except OSError as error:
        raise FingerError(
            f"{path}: the weights of LEADER cannot be read: {error.strerror}", advice="install the package again"
        ) from error
    if hashlib.sha256(weights).hexdigest() != SHA256:
        raise FingerError(f"{path}: not the weights of LEADER (SHA-256)", advice="install the package again")
    return weights


def _session(weights: bytes, threads: int) -> tuple[onnxruntime.InferenceSession, onnxruntime.RunOptions]:
    try:
        import onnxruntime
    except (ImportError, OSError) as error:
        raise FingerError("LEADER cannot run: onnxruntime is missing or does not load", advice=EXTRA) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_mem_pattern = False  # plans for one shape; ours differ from finger to finger
    options.log_severity_level = 3  # errors: its warnings are about graphs, not about fingers
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # no core burnt between fingers
    # The arena stays on: without it every layer is mapped anew, which costs twice the time and twice the peak.
    session = onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
    run = onnxruntime.RunOptions()
    run.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    return session, run
