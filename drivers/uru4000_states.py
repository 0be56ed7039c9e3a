"""The states of a U.are.U 4000/4500 as a table: what leads from one to the next, and the mode to write then. Pure."""

from __future__ import annotations

import enum

from drivers.fingers import ScannerState
from drivers.uru4000_wire import Interrupt, Mode


class Sign(enum.Enum):
    """What moves the states."""

    OPENED = enum.auto()
    AWAKE = enum.auto()
    ASLEEP = enum.auto()      # it has to be woken anew, whatever the reason
    WANTED = enum.auto()
    FINGER_ON = enum.auto()
    FINGER_OFF = enum.auto()
    SCANNED = enum.auto()     # its image came, or none is to be had
    TIME_OVER = enum.auto()


S = ScannerState
STEPS: dict[tuple[ScannerState, Sign], tuple[ScannerState, Mode | None]] = {  # the next, the mode for it
    (S.CLOSED, Sign.OPENED): (S.ACTIVATING, None),
    (S.ACTIVATING, Sign.AWAKE): (S.IDLE, None),
    (S.IDLE, Sign.WANTED): (S.AWAIT_FINGER_ON, Mode.AWAIT_FINGER_ON),
    (S.IDLE, Sign.SCANNED): (S.AWAIT_FINGER_OFF, Mode.AWAIT_FINGER_OFF),  # it was woken since
    (S.IDLE, Sign.ASLEEP): (S.ACTIVATING, None),
    (S.AWAIT_FINGER_ON, Sign.ASLEEP): (S.ACTIVATING, None),
    (S.AWAIT_FINGER_ON, Sign.TIME_OVER): (S.IDLE, None),
    (S.AWAIT_FINGER_ON, Sign.FINGER_ON): (S.CAPTURE, None),  # each image orders itself
    (S.CAPTURE, Sign.ASLEEP): (S.ACTIVATING, None),
    (S.CAPTURE, Sign.SCANNED): (S.AWAIT_FINGER_OFF, Mode.AWAIT_FINGER_OFF),
    (S.AWAIT_FINGER_OFF, Sign.FINGER_OFF): (S.IDLE, None),
    (S.AWAIT_FINGER_OFF, Sign.ASLEEP): (S.ACTIVATING, None),
}
SIGNS: dict[Interrupt | None, Sign] = {Interrupt.FINGER_ON: Sign.FINGER_ON, Interrupt.FINGER_OFF: Sign.FINGER_OFF}
AGAIN: dict[Sign, Sign] = {Sign.FINGER_ON: Sign.WANTED, Sign.FINGER_OFF: Sign.SCANNED}  # what makes it wait for that
