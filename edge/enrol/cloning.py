"""Is this still the machine, and the disk, that wrote the journal? A copied disk goes on under an epoch of its own.

Laws:
1. The boot state (``identity/boot.sealed``) stands sealed under the box secret, so that it is no use beside another.
2. Another board, no network interface of before, or no disk of before: a copy, or a disk that was moved. The journal
   gets a new epoch, so that no message id is ever used twice, and headquarters is told.
3. A journal that ends before what the boot state saw of it was put back from a copy: the same.
4. A whole disk that is put back into its own machine shows nothing here. Headquarters notices: it holds more than the
   box ever wrote (``newest_held`` in its acks), and so does a TPM where the credential is bound to one.
"""

from __future__ import annotations

from typing import Final

import msgspec
import structlog

from edge.core import sealing
from edge.enrol.daemon import Daemon
from edge.enrol.disk import Disk, read
from edge.enrol.hardware import Marks, marks
from edge.enrol.identity import Identity
from edge.enrol.places import Places

FILE: Final = "boot.sealed"
PURPOSE: Final = b"boot state"  # of the key, see ``identity.box_secret``
MAX_BYTES: Final = 65_536

log = structlog.get_logger("enrol")


class BootState(msgspec.Struct, frozen=True):
    """As it was at the last start: ``epoch`` and ``newest`` seq of the journal, ``boots`` starts in all."""

    marks: Marks
    epoch: str = ""
    newest: int = 0
    boots: int = 0


def last(places: Places, key: bytes) -> BootState | None:
    """The state of the last start; None for none, or one that does not open under this box's secret."""
    try:
        data = read(places.identity / FILE, MAX_BYTES)
        if data is None:
            return None
        return msgspec.msgpack.decode(sealing.box_open(key, data, PURPOSE), type=BootState)
    except (OSError, sealing.SealError, msgspec.MsgspecError):
        return None


def note(disk: Disk, places: Places, key: bytes, state: BootState) -> None:
    """Keep the state of this start. Raises OSError."""
    disk.write(places.identity / FILE, sealing.box_seal(key, msgspec.msgpack.encode(state), PURPOSE))


def copied(before: BootState | None, now: Marks, epoch: str, newest: int) -> str:
    """Why the journal must get a new epoch, as a code; empty if it must not."""
    if before is None:
        return ""
    old = before.marks
    if old.board and now.board and old.board != now.board:
        return "machine_changed"
    if old.network and now.network and not set(old.network) & set(now.network):
        return "machine_changed"
    if old.disks and now.disks and not set(old.disks) & set(now.disks):
        return "disk_changed"
    if before.epoch == epoch and newest < before.newest:
        return "journal_restored"
    return ""


def tell_of(opened: Identity) -> None:
    """Say that keys were set aside, or taken out from there again."""
    if opened.back:
        log.warning("identity_back", path=opened.back, device=opened.serial,
                    advice="nothing, if the disk was moved and is back; else tell headquarters")
    elif opened.lost:
        log.error("identity_lost", path=opened.lost,
                  advice="put the disk back into its own machine, or enrol this box again: a claim stick")


def compare(disk: Disk, places: Places, key: bytes, daemon: Daemon) -> None:
    """Compare this start with the last one, act upon it, and keep the state of this one. Raises JournalError's kin."""
    before, now, counts = last(places, key), marks(places.system), daemon.journal.counts()
    why, epoch = copied(before, now, counts.epoch, counts.newest), counts.epoch
    if why:
        epoch = daemon.journal.renew_epoch(why)
        daemon.alarm(why)
        log.error("disk_copied", reason=why, advice="tell headquarters: was the disk moved, copied or put back?")
    try:
        note(disk, places, key, BootState(now, epoch, counts.newest, before.boots + 1 if before else 1))
    except OSError as error:
        log.error("boot_state_not_kept", reason=error.strerror, advice="see `borderpost doctor`, disk")
