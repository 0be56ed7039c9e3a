"""Forgetting everything but the high-water marks: by a token that headquarters signed for this box.

Laws:
1. One write of ``kept.json`` decides it (``erasing``): from then on every start goes on erasing before it opens
   anything, until all is gone.
2. First the half of the box secret that lies here, then the keys, then the rest: what is left by a cut in the middle
   opens for nobody.
3. What survives: ``kept.json`` with its copy, a newer national package, and how far the visit came that brought the
   token.
4. The erasing runs in a process that has opened nothing: the daemon that took the token only ends.
"""

from __future__ import annotations

import contextlib
from datetime import datetime
from typing import Final

import msgspec

from edge.core.provisioning.codes import Code, Grade, ProvisioningError
from edge.core.provisioning.inbox import Part
from edge.core.provisioning.papers import Reset
from edge.core.provisioning.signing import open_paper
from edge.core.trusted import Trusted
from edge.enrol import identity, kept, visits
from edge.enrol.disk import Disk
from edge.enrol.identity import Identity
from edge.enrol.kept import Kept
from edge.enrol.places import Places
from edge.enrol.trust import Trust

STAYS: Final = frozenset({"kept.json", "kept.copy.json", "national.json", "visits", "enrolment.lock"})


def judge(data: bytes, trust: Trust, box: Identity, last_sequence: int, now: Trusted) -> Reset:
    """A token that this box may follow. Raises ProvisioningError."""
    token = open_paper(data, Reset, trust.command)
    if token.country != trust.package.country:
        raise ProvisioningError(Code.OTHER_COUNTRY, f"for {token.country}")
    if (token.serial, token.device_key) != (box.serial, box.device_key_digest):
        raise ProvisioningError(Code.OTHER_BOX, f"for {token.serial}")
    if token.sequence <= last_sequence:
        raise ProvisioningError(Code.OLD_NUMBER, f"number {token.sequence}, the box has {last_sequence}")
    if now.expiry is not None and now.expiry > token.expires:
        raise ProvisioningError(Code.EXPIRED, f"until {token.expires:%Y-%m-%d %H:%M}")
    return token


def decide(
    disk: Disk, places: Places, token: Reset, visit: str, *, lists: dict[str, int], marks: dict[str, str],
    floor: datetime | None, audit: tuple[str, int],
) -> None:
    """The point of no return (law 1). Raises ProvisioningError."""
    before = kept.load(places)
    kept.save(disk, places, msgspec.structs.replace(
        before, sequence=max(before.sequence, token.sequence), erasing=f"{token.serial} {visit}",
        lists={**before.lists, **lists}, marks={**before.marks, **marks}, floor=floor or before.floor,
        audit_head=audit[0], audit_rows=audit[1], resets=before.resets + 1,
    ))


def finish(disk: Disk, places: Places) -> bool:
    """Go on with a reset that was decided; True if there was one. Raises ProvisioningError, OSError."""
    now = kept.load(places)
    if not now.erasing:
        return False
    serial, _, visit = now.erasing.partition(" ")
    with contextlib.suppress(OSError):
        disk.shred(places.device_key)
    identity.erase(disk, places.identity)
    for path in sorted(places.state.iterdir()):
        if path.name not in STAYS:
            disk.remove_tree(path)
    visits.record(disk, places, visit, visits.RESET, Part(
        part="reset", code=Code.RESET_DONE, grade=Grade.OK, detail=f"{serial} is no more; this box has new keys",
    ))
    kept.save(disk, places, _without(now))
    return True


def _without(now: Kept) -> Kept:
    return msgspec.structs.replace(now, erasing="", envelope="", failed="")
