"""Which box this is when it starts: configured by hand, by an envelope, or not yet.

Laws:
1. An edge.toml that a person put there wins, as it always did. Else the generation in use; else, where there is a
   national package, the box waits for a stick; else there is nothing to run.
2. What keeps sticks from being taken keeps no box with a hand-made edge.toml from reading and screening.
3. A generation never ends the process for good (exit code 78): one that is being tried is taken back, one that cannot
   be read any more gives way to the one before it, and the last of all to waiting for a stick.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import structlog

from edge import config
from edge.config import Config
from edge.core.errors import BorderpostError
from edge.enrol import generations, trust
from edge.enrol.enrolment import Enrolment
from edge.enrol.places import Places
from edge.enrol.running import nothing_to_run
from edge.journal import JournalBusyError

log = structlog.get_logger("enrol")


def prepared(config_path: Path, places: Places, boot: str) -> tuple[Config | None, Enrolment | None]:
    """The configuration (None: wait for a stick) and the enrolment (None: a box that no stick can reach).

    Raises ConfigError for a wrong or absent configuration, BorderpostError's kin for what is wrong below the state.
    """
    if config_path.exists():
        by_hand = config.load(config_path)
        if not places.national.exists() and not places.inbox.exists():
            return by_hand, None
        places = dataclasses.replace(places, state=Path(by_hand.box.state_dir))
        enrolment = Enrolment(places, boot=boot, by_hand=by_hand)
        try:
            enrolment.begin()
        except JournalBusyError:
            raise
        except BorderpostError as error:  # law 2
            enrolment.close()
            log.error("enrolment_fault", reason=error.message, advice=error.advice)
            return by_hand, None
        trust.publish(enrolment.disk, places)
        return by_hand, enrolment
    if not places.national.exists() and not generations.current(places):
        raise nothing_to_run(config_path, places)
    enrolment = Enrolment(places, boot=boot)
    found = enrolment.begin()
    trust.publish(enrolment.disk, places)
    return found, enrolment


def found_config(config_path: Path, state: Path) -> Path:
    """The edge.toml that the box at ``state`` runs with: ``config_path``, or the generation in use."""
    present = state / "config" / generations.CURRENT / generations.CONFIG
    return config_path if config_path.exists() or not present.exists() else present
