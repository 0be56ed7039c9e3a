"""A look at a box's identity from outside the daemon: nothing is made, finished or locked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edge.core.errors import BorderpostError
from edge.enrol import generations, identity, trust
from edge.enrol.disk import disk_error
from edge.enrol.enrolment import Enrolment
from edge.enrol.places import Places
from edge.list_keys import beside_the_unit


class NotEnrolledError(BorderpostError):
    """There is nothing to look at."""


def bare(places: Places) -> NotEnrolledError:
    """What is to be said of a box without a configuration: who it is, and what it waits for."""
    try:
        found = look(places.state, places.national)
    except BorderpostError:
        found = {"serial": "", "code": ""}
    who = f"this box (serial {found['serial']})" if found["serial"] else "this box"
    if found["code"]:
        return NotEnrolledError(
            f"{who} is not enrolled: it has asked headquarters for it", advice="bring the stick to headquarters and "
            "read them the code on the box's screen (`borderpost identity` shows it too); then plug in their answer"
        )
    return NotEnrolledError(f"{who} is not enrolled", advice="plug in a claim stick from headquarters: docs/stick.md")


def look(state: Path, national: Path) -> dict[str, Any]:
    """As ``Enrolment.status``. Raises NotEnrolledError before there are keys, IdentityError where they do not open,
    ProvisioningError where a file cannot be read."""
    places = Places(state=state, national=national)
    try:
        keys = identity.open_if_there(places.identity, beside_the_unit())
    except OSError as error:
        raise disk_error(error) from error
    if keys is None:
        raise NotEnrolledError(f"{state} holds no keys of a box", advice="start the box once: it makes them; then look "
                               "again as the box's user or as root")
    box = Enrolment(places)
    box.identity = keys
    box.trust = trust.load(places)
    if generations.current(places):
        box.config = box.present()
    return box.status()
