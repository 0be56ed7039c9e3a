"""What the daemon says of the box to everybody on it: ``FACTS`` for the stick's process, and the screen.

Laws:
1. The code is shown by the box itself, on its own screen and in its log: it is never written to a stick.
2. A screen or a folder that cannot be written stops nothing; it is logged once.
3. Written only when something changed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
import structlog

from edge.core.provisioning.inbox import BoxFacts
from edge.enrol.disk import Disk
from edge.enrol.screen_words import in_french

MAX_SCREEN: Final = 2000  # bytes
WIDTH: Final = 78  # columns
CLEAR: Final = "\x1b[2J\x1b[H"  # ECMA-48: erase in page, cursor to the first place

log = structlog.get_logger("enrol")


class Teller:
    """``facts`` gives what holds now, ``state`` one line for the screen."""

    def __init__(
        self, disk: Disk, place: Path, console: Path | None, facts: Callable[[], BoxFacts], state: Callable[[], str]
    ) -> None:
        self._disk, self._place, self._console = disk, place, console
        self._facts, self._state = facts, state
        self._told: BoxFacts | None = None
        self._shown = ""
        self._failed: set[str] = set()

    def tell(self) -> None:
        """Say what holds now, where it is not what was said last."""
        facts = self._facts()
        if facts != self._told:
            if self._told is None or facts.code != self._told.code:
                self._say_code(facts)
            self._told = facts
            self._write_facts(facts)
        text = screen(facts, self._state())
        if text != self._shown:
            self._shown = text
            self._write_screen(text)

    def _say_code(self, facts: BoxFacts) -> None:
        if facts.code:
            log.info("enrolment_code", device=facts.serial, code=facts.code,
                     advice="read it to headquarters, they sign for it")

    def _write_facts(self, facts: BoxFacts) -> None:
        try:
            self._disk.write(self._place, msgspec.json.encode(facts), 0o644)
        except OSError as error:
            self._log_once("facts", str(self._place), error)

    def _write_screen(self, text: str) -> None:
        if self._console is None:
            return
        try:
            descriptor = os.open(self._console, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                os.write(descriptor, text.encode("ascii", "replace")[:MAX_SCREEN])
            finally:
                os.close(descriptor)
        except OSError as error:
            self._log_once("screen", str(self._console), error)

    def _log_once(self, what: str, path: str, error: OSError) -> None:
        if what not in self._failed:
            self._failed.add(what)
            log.warning("not_told", path=path, reason=error.strerror, advice="the unit makes the folder and opens the "
                        "terminal; the code stands in this log too")


def screen(facts: BoxFacts, state: str) -> str:
    """The whole screen, ASCII, English and French (``screen_words`` says why no Arabic), at most WIDTH columns."""
    lines = ["", "  borderpost", f"  serial / numero de serie    {facts.serial}"]
    if facts.device:
        lines.append(f"  device / appareil           {facts.device}")
    if facts.site:
        lines.append(f"  site / poste                {facts.site}")
    lines += [f"  number / numero             {facts.sequence}", f"  state:  {state}"[:WIDTH],
              f"  etat :  {in_french(state)}"[:WIDTH], ""]
    if facts.code:
        lines += [
            "  Read this code to headquarters. / Lisez ce code au quartier general.", "",
            f"      {'   '.join(facts.code.split('-'))}", "",
        ]
    elif not facts.device:
        lines += ["  Plug in a claim stick. / Branchez une cle d'inscription.", ""]
    return CLEAR + "\r\n".join(lines) + "\r\n"
