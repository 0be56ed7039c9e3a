"""What a backend can do to a reader, and so which points of the contract it can show.

Law: each backend names what it cannot do and why; the summary of a run prints it. Nothing is skipped in silence.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import Any

import pytest


class Can(enum.Enum):
    """One thing that a contract point needs; the value says it in words."""

    PRESENT = "lay a document down"
    LIFT = "lift it and lay it down again"
    LIVE = "wait in real time"
    OWN = "hold the port for one owner"
    BLOCK = "show a bar code"
    SEND = "put chosen bytes on the line"
    SPLIT_BYTES = "split a frame at every byte"
    SPLIT_REPORTS = "split a line between any two reports"
    FLOOD = "flood the line"
    PULL = "pull the cable"
    PULL_AT_BYTE = "pull the cable at every byte of a frame"
    ELSEWHERE = "plug it in again under another name"
    IN_WAITING = "have in_waiting raise a plain OSError"
    MODEM_LINES = "have the modem-line getters raise ENOTTY"
    POWER = "switch it off and on through the port"


def needs(*what: Can) -> Callable[[Any], Any]:
    """Mark a contract point with what it takes; it takes all of them."""
    return pytest.mark.needs(*what)


def missing(needed: tuple[Can, ...], cannot: Mapping[Can, str]) -> str:
    """Why a backend cannot show a point, "" if it can."""
    return "; ".join(f"it cannot {one.value}: {cannot[one]}" for one in needed if one in cannot)
