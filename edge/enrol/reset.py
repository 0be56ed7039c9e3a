"""Forgetting everything but the high-water marks: by a token that headquarters signed for this box.

Laws:
1. The daemon's write of ``kept.json`` asks for it (``erasing``). The next process, in which nothing runs that could
   write a passage, looks into the journal once more, and its write decides it (``erasing_sure``): from then on every
   start goes on erasing before it opens anything, until all is gone.
2. A passage that came after the rows were carried puts the reset off: the visit does it again, with that passage. After
   ``MAX_TRIES`` it is refused.
3. First the half of the box secret that lies here, then every other key, each overwritten; then the rest: what is left
   by a cut in the middle opens for nobody.
4. What survives: ``kept.json`` with its copy, a newer national package, how far the visit came that brought the token,
   and what no stick has taken yet of rows that a reset left no other copy of.
5. A configuration that was made by hand would outlive it: such a box refuses the token.
6. A token that was refused for unsent rows alone stays good, whatever number the envelope with their acks takes: until
   it is used, expires, or a newer one is refused for the same. Any other with an old number is refused.
"""

from __future__ import annotations

import contextlib
import shutil
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
import structlog

from edge.core.provisioning import inbox
from edge.core.provisioning.codes import Code, Grade, ProvisioningError
from edge.core.provisioning.inbox import Part
from edge.core.provisioning.papers import MAX_STEP, Reset
from edge.core.provisioning.signing import open_paper
from edge.core.trusted import Trusted
from edge.enrol import identity, kept, visits
from edge.enrol.daemon import note
from edge.enrol.disk import Disk, read
from edge.enrol.identity import Identity
from edge.enrol.kept import Kept
from edge.enrol.places import Places
from edge.enrol.trust import Trust
from edge.journal import Journal, JournalError
from edge.journal.reading import ReadOnlyJournal

STAYS: Final = frozenset({"kept.json", "kept.copy.json", "national.json", "visits", "enrolment.lock"})
KEY_NAMES: Final = (".key", ".pem", "secret", ".sealed")  # stand in the name of a file that holds a key
MAX_TRIES: Final = 3
MAX_OUTCOME: Final = 256 << 10  # bytes
JOURNAL: Final = "journal.sqlite"

log = structlog.get_logger("enrol")


def judge(data: bytes, trust: Trust, box: Identity, last_sequence: int, now: Trusted, held: int = 0) -> Reset:
    """A token that this box may follow; ``held``: ``Kept.reset_held`` (law 6). Raises ProvisioningError."""
    token = open_paper(data, Reset, trust.command)
    if token.country != trust.package.country:
        raise ProvisioningError(Code.OTHER_COUNTRY, f"for {token.country}")
    if (token.serial, token.device_key) != (box.serial, box.device_key_digest):
        raise ProvisioningError(Code.OTHER_BOX, f"for {token.serial}")
    if token.sequence <= last_sequence and token.sequence != held:
        raise ProvisioningError(Code.OLD_NUMBER, f"number {token.sequence}, the box has {last_sequence}")
    if token.sequence > last_sequence + MAX_STEP:
        raise ProvisioningError(Code.NUMBER_LEAP, f"number {token.sequence}, the box has {last_sequence}")
    if now.expiry is not None and now.expiry > token.expires:
        raise ProvisioningError(Code.EXPIRED, f"until {token.expires:%Y-%m-%d %H:%M}")
    return token


def hold(disk: Disk, places: Places, token: Reset) -> None:
    """Law 6, for a token that ``judge`` gave and unsent rows refuse. Raises ProvisioningError."""
    before = kept.load(places)
    if token.sequence > before.reset_held:
        kept.save(disk, places, msgspec.structs.replace(before, reset_held=token.sequence))


def decide(
    disk: Disk, places: Places, token: Reset, visit: str, *, lists: dict[str, int], marks: dict[str, str],
    floor: datetime | None, audit: tuple[str, int], after: int,
) -> None:
    """Ask for it; ``after`` is the journal's newest seq from before its rows were carried. Raises ProvisioningError,
    UNSENT_ROWS where passages came after it too often (law 2)."""
    before = kept.load(places)
    if before.erasing_tries >= MAX_TRIES:
        kept.save(disk, places, msgspec.structs.replace(
            before, erasing_tries=0, reset_held=max(before.reset_held, token.sequence)
        ))
        raise ProvisioningError(Code.UNSENT_ROWS, "passages are still being written: close the lanes first")
    kept.save(disk, places, msgspec.structs.replace(
        before, erasing=f"{token.serial} {visit}", erasing_number=token.sequence, erasing_after=after,
        lists={**before.lists, **lists}, marks={**before.marks, **marks}, floor=floor or before.floor,
        audit_head=audit[0], audit_rows=audit[1],
    ))


def finish(disk: Disk, places: Places) -> bool:
    """Go on with a reset that was asked for; True if it was done. Raises ProvisioningError, OSError."""
    now = kept.load(places)
    if not now.erasing:
        return False
    if not now.erasing_sure:
        if _has_later(places, now.erasing_after):
            log.warning("reset_put_off", advice="a passage came in the middle of it; it is carried too")
            visits.take_back(disk, places, now.erasing.partition(" ")[2], visits.OUT)
            kept.save(disk, places, _ended(now, tries=now.erasing_tries + 1))
            return False
        head, rows = _end_of_chain(places) or (now.audit_head, now.audit_rows)
        now = msgspec.structs.replace(
            now, erasing_sure=True, sequence=max(now.sequence, now.erasing_number), resets=now.resets + 1,
            audit_head=head, audit_rows=rows, reset_held=0,
        )
        kept.save(disk, places, now)
    serial, _, visit = now.erasing.partition(" ")
    _erase(disk, places)
    _clear_answers(places)
    visits.record(disk, places, visit, visits.RESET, Part(
        part="reset", code=Code.RESET_DONE, grade=Grade.OK, detail=f"{serial} is no more; this box has new keys",
    ))
    kept.save(disk, places, msgspec.structs.replace(_ended(now), envelope="", failed=""))
    return True


def continue_chain(places: Places, journal: Journal) -> None:
    """Have the first row of a chain that begins after a reset name the end of the one before it."""
    before = kept.load(places)
    if before.audit_head and not journal.counts().audit_rows:
        note(journal, "chain_continued", {
            "audit_head": before.audit_head, "audit_rows": before.audit_rows, "resets": before.resets,
        })


def _end_of_chain(places: Places) -> tuple[str, int] | None:
    """Head and rows of the chain that is about to be erased, with what was written after the reset was asked for."""
    try:
        with ReadOnlyJournal(places.state / JOURNAL) as journal:
            counts = journal.counts()
            return counts.audit_head, counts.audit_rows
    except JournalError:
        return None


def _has_later(places: Places, after: int) -> bool:
    """True if headquarters lacks a row that came after ``after``, or if that cannot be told: the daemon mends it."""
    path = places.state / JOURNAL
    if not path.exists():
        return False
    try:
        with ReadOnlyJournal(path) as journal:
            return bool(journal.pending(after, 1))
    except JournalError:
        return True


def _erase(disk: Disk, places: Places) -> None:
    identity.erase(disk, places.identity)
    with contextlib.suppress(OSError):
        disk.shred(places.device_key)
    for path in _key_files(places.state):
        disk.shred(path)
    for path in sorted(places.state.iterdir()):
        if path.name not in STAYS:
            disk.remove_tree(path)


def _key_files(state: Path) -> list[Path]:
    """Every file of the box that holds a key, also what was set aside; links are not followed."""
    found = [*state.iterdir(), *state.glob("identity*/*"), *state.glob("config/*/*")]
    named = (path for path in found if any(part in path.name for part in KEY_NAMES))
    return sorted(path for path in named if path.is_file() and not path.is_symlink())


def _clear_answers(places: Places) -> None:
    """Answers to the box that is no more, which no stick has taken: they name it. Rows that a reset left stay (law 4);
    what cannot be removed is removed by the stick's process."""
    try:
        found = [path for path in places.inbox.iterdir() if path.name.isdigit() and (path / inbox.OUTCOME).exists()]
    except OSError:
        return
    for folder in found:
        if not ((folder / inbox.OUT / inbox.ROWS).exists() and _tells_of_a_reset(folder)):
            shutil.rmtree(folder, ignore_errors=True)


def _tells_of_a_reset(folder: Path) -> bool:
    try:
        data = read(folder / inbox.OUTCOME, MAX_OUTCOME)
        return data is not None and inbox.has_reset(msgspec.json.decode(data, type=inbox.StickOutcome))
    except (OSError, ProvisioningError, msgspec.MsgspecError, UnicodeDecodeError):
        return False


def _ended(now: Kept, tries: int = 0) -> Kept:
    return msgspec.structs.replace(
        now, erasing="", erasing_number=0, erasing_after=0, erasing_sure=False, erasing_tries=tries
    )
