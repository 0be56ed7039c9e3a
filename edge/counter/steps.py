"""The life of a passage and of one finger of it, as tables."""

from __future__ import annotations

import enum

from drivers.api import Feedback
from edge.core.verdicts import Outcome


class Step(enum.StrEnum):
    """Where a passage stands."""

    READ = "read"
    JUDGED = "judged"
    RECORDED = "recorded"
    UNRECORDED = "unrecorded"
    AWAITING = "awaiting"
    CLOSED = "closed"


class Happening(enum.Enum):
    """What moves it on."""

    SCREENED = enum.auto()
    COMMITTED = enum.auto()
    COMMIT_FAILED = enum.auto()
    SHOWN_LEAD = enum.auto()
    SHOWN_OTHER = enum.auto()
    DECIDED = enum.auto()
    FINGER_LEAD = enum.auto()   # a finger was shown with a candidate
    FINGER_OTHER = enum.auto()  # a finger was shown without one


TRANSITIONS: dict[tuple[Step, Happening], Step] = {
    (Step.READ, Happening.SCREENED): Step.JUDGED,
    (Step.JUDGED, Happening.COMMITTED): Step.RECORDED,
    (Step.JUDGED, Happening.COMMIT_FAILED): Step.UNRECORDED,
    (Step.RECORDED, Happening.SHOWN_LEAD): Step.AWAITING,
    (Step.RECORDED, Happening.SHOWN_OTHER): Step.CLOSED,
    (Step.UNRECORDED, Happening.SHOWN_LEAD): Step.AWAITING,
    (Step.UNRECORDED, Happening.SHOWN_OTHER): Step.CLOSED,
    (Step.AWAITING, Happening.DECIDED): Step.CLOSED,
    (Step.AWAITING, Happening.FINGER_LEAD): Step.AWAITING,
    (Step.AWAITING, Happening.FINGER_OTHER): Step.AWAITING,
    (Step.CLOSED, Happening.FINGER_LEAD): Step.AWAITING,  # a lead that nobody has decided about yet
    (Step.CLOSED, Happening.FINGER_OTHER): Step.CLOSED,
}


class FingerStep(enum.StrEnum):
    """Where the finger of a passage stands; one at a time."""

    NONE = "none"
    ORDERED = "ordered"
    JUDGED = "judged"
    RECORDED = "recorded"
    UNRECORDED = "unrecorded"


class FingerHappening(enum.Enum):
    """What moves it on."""

    ORDERED = enum.auto()
    ANSWERED = enum.auto()
    COMMITTED = enum.auto()
    COMMIT_FAILED = enum.auto()
    SHOWN = enum.auto()


FINGER_TRANSITIONS: dict[tuple[FingerStep, FingerHappening], FingerStep] = {
    (FingerStep.NONE, FingerHappening.ORDERED): FingerStep.ORDERED,
    (FingerStep.ORDERED, FingerHappening.ANSWERED): FingerStep.JUDGED,
    (FingerStep.JUDGED, FingerHappening.COMMITTED): FingerStep.RECORDED,
    (FingerStep.JUDGED, FingerHappening.COMMIT_FAILED): FingerStep.UNRECORDED,
    (FingerStep.RECORDED, FingerHappening.SHOWN): FingerStep.NONE,
    (FingerStep.UNRECORDED, FingerHappening.SHOWN): FingerStep.NONE,
}

LEADS = frozenset({Outcome.HIT, Outcome.POSSIBLE})
SIGNS = {
    Outcome.HIT: Feedback.LEAD,
    Outcome.POSSIBLE: Feedback.LEAD,
    Outcome.UNREADABLE: Feedback.RETRY,
    Outcome.INCOMPLETE: Feedback.GOOD,
    Outcome.CLEAR: Feedback.GOOD,
}
"""What the device that was used is told to do, by the outcome that was shown."""
