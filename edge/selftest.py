"""Does this version of the software work on this box? Asked before it is used, and never with a network.

Laws:
1. Nothing is changed: no file is written but in a temporary folder, nothing is sent, no device is opened.
2. What must work is what the daemon cannot do without: its libraries with their native parts, signatures and seals, the
   database as this version writes it, and the configuration of this box as this version reads it.
3. What cannot be looked at here (no configuration yet, not allowed to read it) is said, and is no failure.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge.core.errors import BorderpostError

MODULES: Final = (
    "edge.app", "edge.journal", "edge.uplink", "edge.updates.run", "edge.core.matching", "edge.core.screening",
    "edge.fingers.searcher", "drivers.catalog", "rapidfuzz.fuzz", "numpy", "provisioning.cli",
)


@dataclass(frozen=True, slots=True)
class Tried:
    """One thing that was tried. ``problem`` is empty if it works; ``skipped`` says why it was not tried."""

    name: str
    seconds: float
    problem: str = ""
    skipped: str = ""


class NotHereError(Exception):
    """Law 3; its text says why."""


def selftest(config: Path | None = None) -> Iterator[Tried]:
    """Try everything, one after the other."""
    for name, work in (
        ("libraries", _libraries), ("signatures and seals", _seals), ("database", _database),
        ("lists", _lists), ("configuration", lambda: _configuration(config)),
    ):
        yield _tried(name, work)


def _tried(name: str, work: Callable[[], None]) -> Tried:
    begun = time.monotonic()
    problem = skipped = ""
    try:
        work()
    except NotHereError as why:
        skipped = str(why)
    except BorderpostError as error:
        problem = error.message
    except Exception as error:  # of a version that is broken everything is to be expected
        problem = f"{type(error).__name__}: {error}"
    return Tried(name, time.monotonic() - begun, problem, skipped)


def _libraries() -> None:
    for module in MODULES:
        importlib.import_module(module)


def _seals() -> None:
    from edge.core import sealing

    key = sealing.generate_sign_key()
    signature = sealing.sign("selftest", b"text", key)
    private = sealing.generate_seal_key()
    sealed = sealing.hpke_seal(b"text", private.public_key(), b"selftest")
    good = sealing.verify("selftest", b"text", signature, key.public_key())
    if not good or sealing.hpke_open(sealed, private, b"selftest") != b"text":
        raise BorderpostError("a signature or a seal of this version does not hold", advice="report it")


def _database() -> None:
    from edge.state import State

    with tempfile.TemporaryDirectory(prefix="selftest-") as folder:
        for _ in range(2):  # made, and opened again
            with contextlib.closing(State(Path(folder) / "state.sqlite")) as state:
                state.put("tried", "yes")
                if state.get("tried") != "yes" or state.set_aside:
                    raise BorderpostError("SQLite of this system does not keep what is written", advice="report it")


def _lists() -> None:
    from rapidfuzz.distance import DamerauLevenshtein

    from edge.core.mrz import check_digit

    # ICAO 9303-3, 4.9: the worked example of a check digit.
    if check_digit("520727") != 3 or DamerauLevenshtein.distance("ADAMS", "ADASM") != 1:
        raise BorderpostError("check digits or names are not compared as they must be", advice="report it")


def _configuration(path: Path | None) -> None:
    from edge import config

    if path is None or not path.exists():
        raise NotHereError("there is no configuration yet")
    if not os.access(path, os.R_OK):
        raise NotHereError("this user may not read it")
    config.load(path)
