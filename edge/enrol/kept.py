"""``kept.json``: what a box never forgets, not by a reset either.

Laws:
1. One file, one rename: a sequence number and the nonce that came with it are used up together (law 4 of the package).
2. Numbers only rise; a file that cannot be read is never taken for an empty one, which would let everything old in
   again: its copy is read instead, and if that is damaged too, it is a fault of the box, which takes no more papers.
3. A box that has keys or a configuration has a ``kept.json``: it is written before either (``begin``). Where both files
   are gone all the same, that is a fault too, and no blank box.
4. A nonce is kept as its hash; the oldest is forgotten after ``MAX_NONCES``: its envelope has a number below
   ``sequence`` and is refused by that.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from edge.core.provisioning.codes import Code, ProvisioningError
from edge.core.provisioning.envelope import nonce_mark
from edge.enrol.disk import Disk, disk_error, read
from edge.enrol.generations import CURRENT
from edge.enrol.identity import KEYS
from edge.enrol.places import Places

MAX_NONCES: Final = 512
MAX_BYTES: Final = 1 << 20


class Kept(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``envelope`` is the content's SHA-256 of the envelope applied last; ``lists`` and ``marks`` are copies of the
    high marks of lists and of their update metadata, ``floor`` the clock's (edge.enrol.remembering); ``audit_head`` and
    ``audit_rows`` the end of the chain as it stood at the reset. ``erasing``: a reset is under way, of that serial, in
    that visit.
    ``erasing_number`` is the token's, ``erasing_after`` the journal's newest seq when its rows were carried,
    ``erasing_sure`` that nothing came after it; ``erasing_tries`` counts how often something did (edge.enrol.reset).
    ``reset_held``: the number of a reset token that was refused for unsent rows alone, still good below ``sequence``.
    ``failed``: the digest of an envelope that was tried and taken back: over the link it is not tried again."""

    sequence: int = 0
    envelope: str = ""
    nonces: tuple[str, ...] = ()
    time_number: int = 0  # of a command key's word of time
    time_root: int = 0  # of the root's
    revoked: int = 0
    lists: dict[str, int] = {}
    marks: dict[str, str] = {}
    floor: datetime | None = None
    audit_head: str = ""
    audit_rows: int = 0
    resets: int = 0
    erasing: str = ""
    erasing_number: int = 0
    erasing_after: int = 0
    erasing_sure: bool = False
    erasing_tries: int = 0
    reset_held: int = 0
    failed: str = ""
    boots: int = 0


def begin(disk: Disk, places: Places) -> None:
    """Have the file be there before anything is that it would be missed beside (law 3). Raises ProvisioningError."""
    if not places.kept.exists() and not _copy(places).exists() and not _is_used(places):
        save(disk, places, Kept())


def load(places: Places) -> Kept:
    """What is kept; nothing on a box that has nothing else either. Raises ProvisioningError for files that cannot be
    read, or are gone."""
    found = False
    for place in (places.kept, _copy(places)):
        try:
            data = read(place, MAX_BYTES)
            if data is not None:
                found = True
                return msgspec.json.decode(data, type=Kept)
        except (msgspec.MsgspecError, UnicodeDecodeError, ProvisioningError):
            continue
        except OSError as error:
            raise disk_error(error) from error
    if found:
        raise ProvisioningError(Code.FAULT, "kept.json and its copy cannot be read")
    if _is_used(places):
        raise ProvisioningError(Code.FAULT, "kept.json and its copy are gone")
    return Kept()


def save(disk: Disk, places: Places, kept: Kept) -> None:
    """Replace it: the first write counts, the copy follows. Raises ProvisioningError."""
    data = msgspec.json.encode(kept)
    try:
        disk.write(places.kept, data)
        disk.write(_copy(places), data)
    except OSError as error:
        raise disk_error(error) from error


def _is_used(places: Places) -> bool:
    return (places.identity / KEYS).exists() or (places.config / CURRENT).is_symlink()


def _copy(places: Places) -> Path:
    return places.kept.with_name("kept.copy.json")


def used(kept: Kept, *, sequence: int, nonce: str, envelope: str) -> Kept:
    """The same after an envelope: its number, nonce and digest are used up."""
    nonces = kept.nonces
    if nonce and nonce_mark(nonce) not in nonces:
        nonces = (*nonces, nonce_mark(nonce))[-MAX_NONCES:]
    return msgspec.structs.replace(
        kept, sequence=max(kept.sequence, sequence), nonces=nonces, envelope=envelope or kept.envelope
    )
