"""What headquarters puts onto a stick for one box, and what stands on sticks that were not meant for it.

Laws:
1. Every paper is made by headquarters' own commands with its real keys; a wrong one is a right one for somebody else,
   or one byte away from it.
2. A stick is a folder that holds what is in it, and nothing that a box wrote before.
"""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

from edge.core.provisioning.csr import make_csr
from edge.core.provisioning.papers import Claim, Inventory
from edge.core.provisioning.signing import keys_of, open_national, open_paper
from edge.enrol import asking
from edge.enrol.asking import Asked
from edge.enrol.disk import Disk
from edge.enrol.identity import open_or_make
from edge.enrol.kept import Kept
from hil_tests.bench.country import SITE, Country
from hil_tests.bench.steps import DEVICE

TOP = "BORDERPOST"


def renewal(country: Country, to: Path, *, lists: bool = True) -> Path:
    """A stick with a new certificate for the box of the story, and with ``lists`` a new generation of its list."""
    country.fresh_stick()
    country.signs("renew", DEVICE, "--stick", "stick")
    if lists:
        country.publish_lists()
    return shutil.copytree(country.stick, to)


def new_lists(country: Country, to: Path) -> Path:
    """A stick with a new generation of the list and nothing else."""
    country.fresh_stick()
    country.publish_lists()
    return shutil.copytree(country.stick, to)


def as_it_was(country: Country, to: Path) -> Path:
    """The papers and lists of the stick that made the box a post: what somebody may have kept a copy of."""
    for kind in ("prov", "tuf"):
        shutil.copytree(country.stick / TOP / kind, to / TOP / kind)
    return to


def claim(country: Country, to: Path) -> Path:
    """A claim stick of that country."""
    country.fresh_stick()
    country.signs("claim", SITE, "--stick", "stick")
    return shutil.copytree(country.stick, to)


def envelope(stick: Path) -> Path:
    """The one envelope of a stick."""
    (found,) = (stick / TOP / "prov").glob("*.prov")
    return found


def changed(path: Path, at: int) -> None:
    """Make the byte at ``at`` (negative: from the end) another one, a letter: base64 stays base64."""
    data = bytearray(path.read_bytes())
    data[at] = ord("B" if data[at] == ord("A") else "A")
    path.write_bytes(bytes(data))


def of_another_box(country: Country, folder: Path, *ring: str) -> Path:
    """A stick with the envelope that the country gave to a second box of the site, whose keys lie in ``folder``."""
    claimed = claim(country, folder / "claimed")
    (paper,) = (claimed / TOP / "claim").iterdir()
    package = open_national(country.national.read_bytes(), None)
    asked_by = open_paper(paper.read_bytes(), Claim, keys_of(package.claim_keys))
    identity = open_or_make(Disk(), folder / "identity", {})
    asked = Asked(asked_by.nonce, asked_by.site, make_csr(identity.device_key, identity.serial), identity.serial)
    out = country.stick / TOP / "out" / identity.serial
    out.mkdir(parents=True)
    request = asking.enrolment(identity, asked, Kept(), Inventory(vendor="another"), datetime.now(UTC))
    (out / "request.json").write_bytes(request)
    country.signs("sign", "--stick", "stick", "--code", asking.code(identity, asked), *ring)
    stick = folder / "stick"
    shutil.copytree(country.stick / TOP / "prov", stick / TOP / "prov")
    return stick
