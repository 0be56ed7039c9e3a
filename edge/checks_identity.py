"""The doctor's look at the box's identity: keys, number, certificate, what is being tried. A box set up by hand has
none.

Law: nothing is made, finished or locked.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from edge.checks import Check, Grade
from edge.config import Config
from edge.enrol.looking import bare as not_enrolled
from edge.enrol.looking import look
from edge.enrol.places import NATIONAL, Places

SOON: Final = timedelta(days=60)  # a stick comes once a month


def identity(config: Config) -> Iterator[Check]:
    """Raises IdentityError where the keys do not open."""
    state = Path(config.box.state_dir)
    if not (state / "identity").exists():
        return
    found = look(state, Path(NATIONAL))
    end = found["certificate_until"]
    name = f"serial {found['serial']}, number {found['sequence']}"
    if found["pending"]:
        yield Check("identity", Grade.INFO, f"{name}; {found['pending']}", "look again in a minute")
    elif end and datetime.fromisoformat(end) - datetime.now(UTC) < SOON:
        yield Check("identity", Grade.WARNING, f"{name}, certificate until {end[:10]}",
                    "plug in a stick: the box writes a request for a new one")
    else:
        yield Check("identity", Grade.OK, name + (f", certificate until {end[:10]}" if end else ""))


def bare(places: Places) -> Iterator[Check]:
    """All that is to be said of a box without a configuration."""
    found = not_enrolled(places)
    yield Check("identity", Grade.ERROR, found.message, found.advice)
