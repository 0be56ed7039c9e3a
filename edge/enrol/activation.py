"""A generation that is being tried: what the disk says, what to do about it. The whole of it is one table.

Laws:
1. Everything is derived from three facts on the disk: ``config/pending.json``, where ``config/current`` leads, and
   the number in ``kept.json``. No two of them need to change together.
2. A process finds its phase when it starts and acts upon it before it opens anything else; each action may be cut
   anywhere and done again.
3. A start is counted before it is tried, and within one boot alone: a power cut proves nothing against a
   configuration, and cannot exhaust the tries.
4. The commit is the write of ``kept.json``. Before it the old state can come back; after it it cannot.

    phase       what the disk says                              at the start                 then
    IDLE        nothing pending                                 -                            -
    STAGED      pending, current leads elsewhere                swap current                 TRYING
    TRYING      pending, current leads to it, tries left        count, run, test, commit     COMMITTED or again
    GIVING_UP   pending, no tries left                          current back, record, drop   IDLE
    COMMITTED   pending, its number is used up                  record, tidy, drop           IDLE
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from edge.core.provisioning.codes import Code, Grade
from edge.core.provisioning.inbox import Part
from edge.enrol import generations, kept, visits
from edge.enrol.disk import Disk, disk_error, read
from edge.enrol.places import Places

PENDING: Final = "pending.json"
MAX_TRIES: Final = 3
MAX_BYTES: Final = 65_536


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """An activation under way. ``visit``: whom the outcome is owed; ``refused``: why no further try makes sense."""

    sequence: int
    nonce: str
    envelope: str            # digest of its header
    previous: int            # generation before it, 0 for none
    visit: str               # see ``visits``
    created: str             # headquarters' signed time, RFC 3339
    national: bool = False   # it brought a newer national package
    revoked: int = 0         # number of the revocation that it brought
    boot: str = ""
    tries: int = 0
    refused: str = ""


class Phase(enum.Enum):
    """See the table above."""

    IDLE = "idle"
    STAGED = "staged"
    TRYING = "trying"
    GIVING_UP = "giving up"
    COMMITTED = "committed"


def phase_of(pending: Pending | None, current: int, sequence: int, boot: str) -> Phase:
    """The phase that the disk says; ``sequence`` is the number in ``kept.json``."""
    if pending is None:
        return Phase.IDLE
    if sequence >= pending.sequence:
        return Phase.COMMITTED
    if pending.refused or (pending.boot == boot and pending.tries >= MAX_TRIES):
        return Phase.GIVING_UP
    return Phase.TRYING if current == pending.sequence else Phase.STAGED


class Activation:
    """The activation of one state folder, as seen in the boot named ``boot``."""

    def __init__(self, disk: Disk, places: Places, boot: str) -> None:
        self._disk, self._places, self._boot = disk, places, boot
        self._actions: Mapping[Phase, Callable[[Pending], None]] = {
            Phase.STAGED: self._swap, Phase.GIVING_UP: self._go_back, Phase.COMMITTED: self._conclude,
        }

    def pending(self) -> Pending | None:
        """What is under way. Raises ProvisioningError."""
        try:
            data = read(self._places.config / PENDING, MAX_BYTES)
            return None if data is None else msgspec.json.decode(data, type=Pending)
        except OSError as error:
            raise disk_error(error) from error
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return self._damaged()

    def phase(self) -> Phase:
        """Where it stands. Raises ProvisioningError."""
        return phase_of(
            self.pending(), generations.current(self._places), kept.load(self._places).sequence, self._boot
        )

    def begin(self, pending: Pending) -> None:
        """A generation lies ready: try it from the next start on. Raises ProvisioningError."""
        self._write(pending)
        self._swap(pending)

    def resume(self) -> Phase:
        """Do what the table says until there is nothing to do before running: IDLE, or TRYING with this try counted.

        Raises ProvisioningError.
        """
        while (phase := self.phase()) in self._actions:
            pending = self.pending()
            assert pending is not None
            self._actions[phase](pending)
        if phase is Phase.TRYING:
            self._count()
        return phase

    def commit(self) -> Pending | None:
        """It runs and has tested itself: use up number and nonce, record the outcome. None if nothing was tried."""
        pending = self.pending()
        if pending is None:
            return None
        now = kept.load(self._places)
        after = kept.used(now, sequence=pending.sequence, nonce=pending.nonce, envelope=pending.envelope)
        after = msgspec.structs.replace(after, revoked=max(after.revoked, pending.revoked))
        kept.save(self._disk, self._places, after)
        self._conclude(pending)
        return pending

    def give_up(self, why: str) -> None:
        """This configuration cannot work: no further try; the next start goes back. Raises ProvisioningError."""
        pending = self.pending()
        if pending is not None and kept.load(self._places).sequence < pending.sequence:
            self._write(msgspec.structs.replace(pending, refused=why[:200] or "refused"))

    def _count(self) -> None:
        pending = self.pending()
        assert pending is not None
        tries = pending.tries + 1 if pending.boot == self._boot else 1
        self._write(msgspec.structs.replace(pending, boot=self._boot, tries=tries))

    def _swap(self, pending: Pending) -> None:
        generations.use(self._disk, self._places, pending.sequence)

    def _go_back(self, pending: Pending) -> None:
        detail = pending.refused or f"{pending.tries} starts failed"
        if not pending.refused:  # decided once: the boot after a power cut goes on going back
            self._write(msgspec.structs.replace(pending, refused=detail))
        if generations.current(self._places) != pending.previous:
            generations.use(self._disk, self._places, pending.previous)
        now = kept.load(self._places)
        kept.save(self._disk, self._places, msgspec.structs.replace(now, failed=pending.envelope))
        visits.record(self._disk, self._places, pending.visit, visits.ENVELOPE, Part(
            part="envelope", code=Code.SELF_TEST_FAILED, grade=Grade.REFUSED, detail=detail[:200],
        ))
        self._drop(frozenset({pending.previous}))

    def _conclude(self, pending: Pending) -> None:
        visits.record(self._disk, self._places, pending.visit, visits.ENVELOPE, Part(
            part="envelope", code=Code.APPLIED, grade=Grade.OK, detail=f"number {pending.sequence}",
        ))
        self._drop(frozenset({pending.sequence, pending.previous}))

    def _drop(self, keep: frozenset[int]) -> None:
        try:
            self._disk.remove(self._places.config / PENDING)
        except OSError as error:
            raise disk_error(error) from error
        generations.tidy(self._disk, self._places, keep)

    def _write(self, pending: Pending) -> None:
        try:
            self._disk.write(self._places.config / PENDING, msgspec.json.encode(pending))
        except OSError as error:
            raise disk_error(error) from error

    def _damaged(self) -> Pending | None:
        """A pending.json that is none (a bad block): nothing can be said of the try; what runs is what ``current``
        says, and its number is not used up, so that the same envelope may come again."""
        try:
            self._disk.remove(self._places.config / PENDING)
        except OSError as error:
            raise disk_error(error) from error
        return None


def describe(pending: Pending | None) -> str:
    """One line for `borderpost status`; empty if nothing is under way."""
    if pending is None:
        return ""
    return f"number {pending.sequence} is being tried (start {pending.tries} of {MAX_TRIES})"

