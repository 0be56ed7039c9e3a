"""One counter of a box: the passages of its travellers, from a read to the outcome code, with their fingers.

``counter`` is the thread and the verdicts, ``fingers`` what is done about fingers, ``dossier`` what is remembered of a
passage meanwhile, ``steps`` the transition tables, ``around`` what a counter is given, ``commit`` what both do before
anything is shown.
"""

from __future__ import annotations

from edge.counter.around import CloseRequest, FingerRequest, Recorder, Surroundings
from edge.counter.counter import INBOX_SIZE, Counter
from edge.counter.steps import FINGER_TRANSITIONS, SIGNS, TRANSITIONS, FingerHappening, FingerStep, Happening, Step

__all__ = [
    "FINGER_TRANSITIONS", "INBOX_SIZE", "SIGNS", "TRANSITIONS", "CloseRequest", "Counter", "FingerHappening",
    "FingerRequest", "FingerStep", "Happening", "Recorder", "Step", "Surroundings",
]
