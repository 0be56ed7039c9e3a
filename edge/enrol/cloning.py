"""Is this still the machine, and the disk, that wrote the journal? A copied disk goes on under an epoch of its own.

Laws:
1. The boot state (``identity/boot.sealed``) stands sealed under the box secret, so that it is no use beside another.
2. Another board, no network interface of before, or no disk of before: a copy, or a disk that was moved. The journal
   gets a new epoch, so that no message id is ever used twice, and headquarters is told.
3. A journal that ends before what the boot state saw of it was put back from a copy: the same.
4. Keys that were set aside, or taken back from there, mean another machine or another TPM, on the way there and on the
   way back: the disk may go on in both. A boot state that does not open means the same, and so does none at all beside
   keys that were set aside: a cut hides nothing. A first start finds neither, and a reset leaves neither.
5. So keys that are taken back come without the boot state of before (``identity``, law 2).
6. A whole disk that is put back into its own machine shows nothing here. Headquarters notices: it holds more than the
   box ever wrote (``newest_held`` in its acks), and so does a TPM where the credential is bound to one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
import structlog

from edge.core import sealing
from edge.core.provisioning.codes import ProvisioningError
from edge.enrol.disk import Disk, read
from edge.enrol.hardware import Marks, marks
from edge.enrol.identity import BOOT, Identity, box_secret, is_any_lost
from edge.enrol.places import Places
from edge.journal import Journal

PURPOSE: Final = b"boot state"  # of the key, see ``identity.box_secret``
MAX_BYTES: Final = 65_536
MOVED: Final = "machine_changed"

log = structlog.get_logger("enrol")


class BootState(msgspec.Struct, frozen=True):
    """As it was at the last start: ``epoch`` and ``newest`` seq of the journal, ``boots`` starts in all."""

    marks: Marks
    epoch: str = ""
    newest: int = 0
    boots: int = 0


def last(places: Places, keys: Sequence[bytes]) -> BootState | None:
    """The state of the last start, opened by any of ``keys``; None for none.

    Raises SealError for one that does not open, or cannot be read.
    """
    try:
        data = read(places.identity / BOOT, MAX_BYTES)
    except (OSError, ProvisioningError) as error:
        raise sealing.SealError("the boot state cannot be read") from error
    if data is None:
        return None
    for key in keys:
        try:
            return msgspec.msgpack.decode(sealing.box_open(key, data, PURPOSE), type=BootState)
        except (sealing.SealError, msgspec.MsgspecError):
            continue
    raise sealing.SealError("the boot state does not open")


def note(disk: Disk, places: Places, key: bytes, state: BootState) -> None:
    """Keep the state of this start. Raises OSError."""
    disk.write(places.identity / BOOT, sealing.box_seal(key, msgspec.msgpack.encode(state), PURPOSE))


def copied(before: BootState | None, now: Marks, epoch: str, newest: int) -> str:
    """Why the journal must get a new epoch, as a code; empty if it must not."""
    if before is None:
        return ""
    old = before.marks
    if old.board and now.board and old.board != now.board:
        return MOVED
    if old.network and now.network and not set(old.network) & set(now.network):
        return MOVED
    if old.disks and now.disks and not set(old.disks) & set(now.disks):
        return "disk_changed"
    if before.epoch == epoch and newest < before.newest:
        return "journal_restored"
    return ""


def tell_of(opened: Identity) -> None:
    """Say that keys were set aside, or taken out from there again."""
    if opened.back:
        log.warning("identity_back", path=opened.back, device=opened.serial,
                    advice="nothing, if the disk was moved and is back; if the box was enrolled again meanwhile, "
                           "a claim stick once more; else tell headquarters")
    elif opened.lost:
        log.error("identity_lost", path=opened.lost,
                  advice="if the disk was moved, put it back into its own machine, or enrol this box again: a claim "
                         "stick; if the TPM was cleared or replaced, only a claim stick helps")


def compare(
    disk: Disk, places: Places, opened: Identity, journal: Journal, environ: Mapping[str, str] | None = None
) -> str:
    """Compare this start with the last one, act upon it, and keep the state of this one.

    Why the journal got a new epoch, as a code; empty if it did not. Raises JournalError's kin.
    """
    # A box that got its credential since kept its last state without it (``identity``, law 3).
    key, weak = (box_secret(places.identity, PURPOSE, where) for where in (environ, {}))
    if key is None or weak is None:
        return ""
    now, counts = marks(places.system), journal.counts()
    before, why = None, ""
    try:
        before = last(places, (key, weak))
    except sealing.SealError:
        why = MOVED
    if opened.lost or opened.back or (before is None and is_any_lost(places.identity)):
        why = MOVED
    why = why or copied(before, now, counts.epoch, counts.newest)
    if why:
        journal.renew_epoch(why)
        counts = journal.counts()  # of the new epoch: a blank box has written nothing under it
        log.error("disk_copied", reason=why, advice="tell headquarters: was the disk moved, copied or put back?")
    try:
        note(disk, places, key, BootState(now, counts.epoch, counts.newest, before.boots + 1 if before else 1))
    except OSError as error:
        log.error("boot_state_not_kept", reason=error.strerror, advice="see `borderpost doctor`, disk")
    return why
