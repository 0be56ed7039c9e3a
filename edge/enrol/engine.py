"""One visit of a stick, from the offer to the outcome: a table of stages, each done once.

Laws:
1. Each stage is recorded when it is done (``visits``); a process that starts in the middle goes on with the next one.
2. Each stage can be cut anywhere and done again.
3. A part that is refused stops no other; what raises anything unforeseen is FAULT, logged by type and place alone.
4. The outcome is written last, by rename: whoever sees it knows that nothing more will be written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import structlog

from edge.carry.bundle import Sender
from edge.clock import Source, Word
from edge.core.errors import BorderpostError
from edge.core.provisioning import inbox
from edge.core.provisioning.codes import Code, Grade, ProvisioningError
from edge.core.provisioning.inbox import Offer, Part, StickOutcome
from edge.core.provisioning.papers import MAX_ENVELOPE, MAX_PAPER, TimeWord
from edge.core.provisioning.signing import open_paper
from edge.crew import Stopping
from edge.enrol import applying, asking, kept, reset, visits
from edge.enrol.applying import Restart
from edge.enrol.carrying import Carrier
from edge.enrol.daemon import Daemon
from edge.enrol.disk import disk_error, read
from edge.enrol.enrolment import ASK_SHARE, Enrolment, hear
from edge.enrol.hardware import inventory
from edge.enrol.lists import taken
from edge.enrol.visits import Progress

MAX_OFFER: Final = 65_536
FILE_MODE: Final = 0o640    # of what goes out: the stick's process reads it by its group
FOLDER_MODE: Final = 0o770
NOT_AFTER_RESET: Final = (visits.ENVELOPE, visits.CLAIM, visits.LISTS)  # they were for the box that is no more

log = structlog.get_logger("enrol")


@dataclass(frozen=True, slots=True)
class Visit:
    """One folder of an inbox; ``kind`` is ``visits.STICK`` or ``visits.LINK``."""

    folder: Path
    kind: str
    key: str
    offer: Offer
    pulse: Stopping

    @property
    def out(self) -> Path:
        """What goes back."""
        return self.folder / inbox.OUT


class Engine:
    """Visits of one box, one at a time, on one thread."""

    def __init__(self, box: Enrolment, daemon: Daemon) -> None:
        self._box, self._daemon = box, daemon
        recipients = box.trust.recipients if box.trust else []
        self._carrier = Carrier(box.disk, box.places, daemon.journal, recipients, daemon.token)
        self._stages: Mapping[str, Callable[[Visit], list[Part]]] = {
            visits.STICK: self._stick, visits.TIME: self._time, visits.RESET: self._reset,
            visits.ENVELOPE: self._envelope, visits.CLAIM: self._claim, visits.LISTS: self._lists,
            visits.OUT: self._out,
        }

    def visit(self, folder: Path, kind: str, pulse: Stopping) -> StickOutcome | None:
        """Do what is left of a visit. None: the process is to end first, or was told to, or the folder is gone."""
        box = self._box
        try:
            visit = Visit(folder, kind, visits.key_of(folder, kind), _offer(folder), pulse)
        except OSError:
            return None  # the stick's process took it away
        progress = visits.begin(
            box.disk, box.places, visit.key, serial=box.identity.serial, device=box.device, site=box.site
        )
        for stage, work in self._stages.items():
            if stage in progress.done:
                continue
            if pulse.is_set():
                return None
            if stage in NOT_AFTER_RESET and any(part.code is Code.RESET_DONE for part in progress.parts):
                progress = visits.record(box.disk, box.places, visit.key, stage)
                continue
            try:
                parts = self._tried(stage, work, visit)
            except Restart:
                self._daemon.end()
                return None
            progress = visits.record(box.disk, box.places, visit.key, stage, *parts)
        return self._conclude(visit, progress)

    def _tried(self, stage: str, work: Callable[[Visit], list[Part]], visit: Visit) -> list[Part]:
        try:
            return work(visit)
        except ProvisioningError as error:
            return [refused(stage, error)]
        except OSError as error:
            return [refused(stage, disk_error(error))]
        except Restart:
            raise
        except BorderpostError as error:
            log.error("visit_failed", code=stage, reason=type(error).__name__, advice=error.advice)
            return [refused(stage, ProvisioningError(Code.FAULT, type(error).__name__))]
        except Exception as error:
            log.error("visit_fault", code=stage, error=type(error).__name__, advice="report it with the log")
            return [refused(stage, ProvisioningError(Code.FAULT, type(error).__name__))]

    def _conclude(self, visit: Visit, progress: Progress) -> StickOutcome:
        outcome = self._outcome(visit, progress)
        codes = " ".join(sorted({str(part.code) for part in outcome.parts}))
        self._daemon.note("visit", {
            "number": visit.offer.number, "way": visit.kind, "stick": visit.offer.stick[:80], "codes": codes[:200],
        })
        self._box.disk.write(visit.folder / inbox.OUTCOME, msgspec.json.encode(outcome), FILE_MODE)
        visits.forget(self._box.disk, self._box.places)
        log.info("visit_over", count=len(outcome.parts), code=codes[:200])
        return outcome

    def _outcome(self, visit: Visit, progress: Progress) -> StickOutcome:
        box, daemon = self._box, self._daemon
        now, counts = daemon.clock.now(), daemon.journal.counts()
        parts = progress.parts
        if not parts:
            parts = (Part(part="stick", code=Code.NO_PAPERS, grade=Grade.REFUSED),)
        certificate = box.certificate()
        return StickOutcome(
            number=visit.offer.number, serial=progress.serial, device=progress.device or box.device,
            site=progress.site or box.site, at=now.time, clock=str(now.state), parts=parts,
            lists=tuple(daemon.lists()), certificate_until=certificate.not_valid_after_utc if certificate else None,
            sequence=box.sequence, audit_head=counts.audit_head, audit_rows=counts.audit_rows, unsent=counts.pending,
            software=daemon.software,
        )

    # -- stages --------------------------------------------------------------------------------------------------

    def _stick(self, visit: Visit) -> list[Part]:
        """What the stick's process refused itself; and what keeps every paper from being taken."""
        parts = [refused("stick", ProvisioningError(code, detail)) for code, detail in visit.offer.problems]
        if self._box.fault:
            parts.append(refused("stick", ProvisioningError(Code.FAULT, self._box.fault)))
        elif self._box.trust is None:
            parts.append(refused("stick", ProvisioningError(Code.NO_NATIONAL_PACKAGE)))
        return parts

    def _time(self, visit: Visit) -> list[Part]:
        data, trust = read(visit.folder / inbox.TIME, MAX_PAPER), self._box.trust
        if data is None or trust is None:
            return []
        try:
            word, by_root = open_paper(data, TimeWord, trust.root, trust.package.root_threshold), True
        except ProvisioningError:
            word, by_root = open_paper(data, TimeWord, trust.command), False
        before = kept.load(self._box.places)
        if word.country != trust.package.country:
            raise ProvisioningError(Code.OTHER_COUNTRY, f"for {word.country}")
        if word.number < before.time_number:
            raise ProvisioningError(Code.OLD_NUMBER, f"number {word.number}, the box has {before.time_number}")
        if word.number == before.time_number:
            return [Part(part="time", code=Code.UP_TO_DATE, grade=Grade.OK)]
        source = Source.TIME_ROOT if by_root else Source.TIME_COMMAND
        heard = hear(self._daemon.clock, word.time, source, lower=word.lower and by_root)
        if heard == Word.TOO_FAR:
            raise ProvisioningError(Code.TIME_LEAP, f"{word.time:%Y-%m-%d}")
        after = msgspec.structs.replace(before, time_number=word.number)
        kept.save(self._box.disk, self._box.places, after)
        self._daemon.note("time", {"number": word.number, "root": by_root, "heard": heard})
        code = Code.TIME_TAKEN if heard == Word.ACCEPTED else Code.UP_TO_DATE
        return [Part(part="time", code=code, grade=Grade.OK, detail=f"{word.time:%Y-%m-%d %H:%M}")]

    def _reset(self, visit: Visit) -> list[Part]:
        data, box, daemon = read(visit.folder / inbox.RESET, MAX_PAPER), self._box, self._daemon
        if data is None or box.trust is None:
            return []
        token = reset.judge(data, box.trust, box.identity, box.sequence, daemon.clock.now())
        parts = self._out(visit)  # in any case, before anything is lost
        unsent = daemon.journal.counts().pending
        if unsent and not token.lose_rows:
            raise ProvisioningError(Code.UNSENT_ROWS, f"{unsent} rows")
        daemon.note("reset", {"sequence": token.sequence, "unsent": unsent})
        visits.record(box.disk, box.places, visit.key, visits.OUT, *parts)
        counts = daemon.journal.counts()
        reset.decide(
            box.disk, box.places, token, visit.key, lists=daemon.state.high_water(),
            marks=daemon.state.named("updates."), floor=daemon.state.floor(),
            audit=(counts.audit_head, counts.audit_rows),
        )
        raise Restart

    def _envelope(self, visit: Visit) -> list[Part]:
        data = read(visit.folder / inbox.ENVELOPE, MAX_ENVELOPE)
        if data is None:
            return []
        by_link = visit.kind == visits.LINK
        return applying.apply(self._box, self._daemon, self._carrier, data, visit.key, by_link=by_link)

    def _claim(self, visit: Visit) -> list[Part]:
        """A box that stands at the claim's site already has nothing to ask for; nor has one whose envelope was here."""
        data, box = read(visit.folder / inbox.CLAIM, MAX_PAPER), self._box
        if data is None or box.trust is None:
            return []
        before = kept.load(box.places)
        if box.is_enrolled:
            return [] if self._has(visit, inbox.ENVELOPE) else [
                Part(part="claim", code=Code.UP_TO_DATE, grade=Grade.OK, detail="this box is enrolled")]
        claim = asking.judge_claim(data, box.trust, before, self._daemon.clock.now())
        asked = asking.answer(box.disk, box.places, box.identity, claim, before)
        found = inventory(box.places.system, box.places.state, self._daemon.software)
        self._put(visit, inbox.REQUEST, asking.enrolment(box.identity, asked, before, found, self._daemon.wall()))
        self._put(visit, inbox.CSR, asked.csr.encode())
        self._daemon.note("request", {"site": claim.site, "serial": box.identity.serial})
        return [Part(part="claim", code=Code.REQUEST_WRITTEN, grade=Grade.OK, detail=claim.site)]

    def _lists(self, visit: Visit) -> list[Part]:
        folder = visit.folder / inbox.TUF
        if not folder.is_dir() or self._daemon.take_lists is None:
            return []
        return taken(self._daemon.take_lists, folder, visit.pulse, self._daemon.generations)

    def _out(self, visit: Visit) -> list[Part]:
        """Rows that headquarters has not acked, the log, and a request for a new certificate when it is time."""
        box, daemon = self._box, self._daemon
        if visit.kind == visits.LINK or box.trust is None:
            return []
        self._folder(visit.out)
        parts, now, wall = [], daemon.clock.now(), daemon.wall()
        written = self._carrier.write(visit.out, self._sender(), now.time or wall, now.state, rows=box.is_enrolled)
        for name in (inbox.ROWS, inbox.LOGS):
            _open_to_group(visit.out / name)
        if written and written.count:
            said = f"{written.count} rows" + (f", {written.left} more wait" if written.left else "")
            parts.append(Part(part="rows", code=Code.ROWS_WRITTEN, grade=Grade.OK, detail=said))
        request = box.renewal(now.time, wall, daemon.software, ASK_SHARE)
        if request and not self._has(visit, f"{inbox.OUT}/{inbox.REQUEST}"):
            self._put(visit, inbox.REQUEST, request)
            parts.append(Part(part="certificate", code=Code.RENEWAL_WRITTEN, grade=Grade.OK))
        if not parts and box.is_enrolled and not self._has(visit, inbox.ENVELOPE):
            parts.append(Part(part="stick", code=Code.UP_TO_DATE, grade=Grade.OK))
        return parts

    # -- small things --------------------------------------------------------------------------------------------

    def _sender(self) -> Sender:
        box = self._box
        return Sender(
            device=box.device, serial=box.identity.serial, site=box.site, certificate=box.chain(),
            sign=box.identity.sign, software=self._daemon.software, sequence=box.sequence,
        )

    def _put(self, visit: Visit, name: str, data: bytes) -> None:
        self._folder(visit.out)
        self._box.disk.write(visit.out / name, data, FILE_MODE)

    def _folder(self, path: Path) -> None:
        if not path.is_dir():
            self._box.disk.folder(path, FOLDER_MODE)
            path.chmod(path.stat().st_mode & 0o7000 | FOLDER_MODE)  # whatever the umask says

    @staticmethod
    def _has(visit: Visit, name: str) -> bool:
        return (visit.folder / name).exists()


def refused(stage: str, error: ProvisioningError) -> Part:
    """The part for an error, graded by its code."""
    grade = Grade.FAULT if error.code.startswith("BP-5") else Grade.REFUSED
    return Part(part=stage, code=error.code, grade=grade, detail=error.detail)


def _offer(folder: Path) -> Offer:
    """The offer; one that cannot be read still gets an answer."""
    try:
        data = read(folder / inbox.OFFER, MAX_OFFER)
        offer = msgspec.json.decode(data, type=Offer) if data is not None else None
    except (msgspec.MsgspecError, UnicodeDecodeError, ProvisioningError):
        offer = None
    if offer is not None:
        return offer
    number = int(folder.name) if folder.name.isdigit() else 1
    return Offer(number=number, problems=((Code.FAULT, "the offer of the stick's process cannot be read"),))


def _open_to_group(path: Path) -> None:
    if path.exists():
        path.chmod(FILE_MODE)
