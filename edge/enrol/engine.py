"""One visit of a stick, from the offer to the outcome: a table of stages, each done once.

Laws:
1. Each stage is recorded when it is done (``visits``); a process that starts in the middle goes on with the next one.
2. Each stage can be cut anywhere and done again.
3. A part that is refused stops no other; what raises anything unforeseen is FAULT, logged by type and place alone.
4. The outcome is written last, by rename: whoever sees it knows that nothing more will be written.
5. A disk that does not take the record of a stage ends the visit there: what was done is told from memory, with why.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import structlog

from edge.carry.bundle import Sender
from edge.core.errors import BorderpostError
from edge.core.provisioning import inbox
from edge.core.provisioning.codes import Code, Grade, ProvisioningError
from edge.core.provisioning.inbox import Offer, Part, StickOutcome
from edge.core.provisioning.papers import MAX_ENVELOPE, MAX_PAPER
from edge.crew import Stopping
from edge.enrol import applying, asking, kept, reset, visits, words
from edge.enrol.applying import Restart
from edge.enrol.carrying import Carrier
from edge.enrol.daemon import Daemon
from edge.enrol.disk import disk_error
from edge.enrol.enrolment import ASK_SHARE, Enrolment
from edge.enrol.hardware import inventory
from edge.enrol.hatch import Hatch
from edge.enrol.lists import taken
from edge.enrol.visits import Progress

MAX_OFFER: Final = 65_536
NOT_AFTER_RESET: Final = (visits.CLAIM, visits.LISTS)  # they were for the box that is no more

log = structlog.get_logger("enrol")


@dataclass(frozen=True, slots=True)
class Visit:
    """One folder of an inbox; ``kind`` is ``visits.STICK`` or ``visits.LINK``."""

    hatch: Hatch
    kind: str
    key: str
    offer: Offer
    pulse: Stopping


class Engine:
    """Visits of one box, one at a time, on one thread."""

    def __init__(self, box: Enrolment, daemon: Daemon) -> None:
        self._box, self._daemon = box, daemon
        self._ended, self._noted = False, ""
        self._carrier = self._new_carrier()
        self._stages: Mapping[str, Callable[[Visit], list[Part]]] = {
            visits.STICK: self._stick, visits.NATIONAL: self._national, visits.TIME: self._time,
            visits.ENVELOPE: self._envelope, visits.RESET: self._reset, visits.CLAIM: self._claim,
            visits.LISTS: self._lists, visits.OUT: self._out,
        }

    @property
    def ended(self) -> bool:
        """True once this process is to end: the next one goes on with the visit."""
        return self._ended

    def visit(self, folder: Path, kind: str, pulse: Stopping) -> StickOutcome | None:
        """Do what is left of a visit. None: the process is to end first, or was told to, the folder is gone, or the
        outcome could not be written."""
        try:
            with Hatch.opened(self._box.disk, folder) as hatch:
                key = visits.key_of(folder.name, kind, hatch.stamp())
                return self._visited(Visit(hatch, kind, key, _offer(hatch), pulse))
        except FileNotFoundError:
            return None  # the stick's process took it away
        except OSError as error:
            log.error("visit_failed", code="stick", reason=error.strerror, advice="free space on the disk; remove what "
                      "is odd in the inbox")
            return None

    def _visited(self, visit: Visit) -> StickOutcome | None:
        box = self._box
        progress = Progress(serial=box.identity.serial, device=box.device, site=box.site)
        try:
            progress = visits.begin(
                box.disk, box.places, visit.key, serial=progress.serial, device=progress.device, site=progress.site,
                sequence=box.sequence,
            )
            for stage, work in self._stages.items():
                if stage in progress.done:
                    continue
                if visit.pulse.is_set():
                    return None
                after = stage in NOT_AFTER_RESET and any(part.code is Code.RESET_DONE for part in progress.parts)
                parts = [] if after else self._tried(stage, work, visit)
                progress = progress.with_parts(stage, *parts)
                progress = visits.record(box.disk, box.places, visit.key, stage, *parts)
        except Restart:
            self._ended = True
            self._daemon.end()
            return None
        except ProvisioningError as error:  # law 5
            progress = progress.with_parts("disk", refused("stick", error))
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
        if self._noted != visit.key:  # an outcome that cannot be written is tried again
            self._noted = visit.key
            self._daemon.note("visit", {
                "number": visit.offer.number, "way": visit.kind, "stick": visit.offer.stick[:80], "codes": codes[:200],
            })
        try:
            visit.hatch.answer(msgspec.json.encode(outcome))
        except OSError:
            if visit.kind != visits.LINK:  # nobody waits for that one
                raise
        with contextlib.suppress(ProvisioningError):  # the next visit forgets them
            visits.forget(self._box.disk, self._box.places, visit.key)
        log.info("visit_over", count=len(outcome.parts), code=codes[:200])
        return outcome

    def _outcome(self, visit: Visit, progress: Progress) -> StickOutcome:
        box, daemon = self._box, self._daemon
        code, grade = (Code.NO_PAPERS, Grade.REFUSED) if box.may_ask else (Code.UP_TO_DATE, Grade.OK)
        parts = progress.parts or (Part(part="stick", code=code, grade=grade),)  # where there is nothing else to say
        certificate = box.certificate()
        known = StickOutcome(
            number=visit.offer.number, serial=progress.serial, device=progress.device or box.device,
            site=progress.site or box.site, parts=parts, sequence=box.sequence, software=daemon.software,
            certificate_until=certificate.not_valid_after_utc if certificate else None,
        )
        try:
            now, counts = daemon.clock.now(), daemon.journal.counts()
            return msgspec.structs.replace(
                known, at=now.time, clock=str(now.state), lists=tuple(daemon.lists()), audit_head=counts.audit_head,
                audit_rows=counts.audit_rows, unsent=counts.pending,
            )
        except BorderpostError as error:  # a journal that cannot be asked: the technician is told what is known
            log.error("visit_failed", code="outcome", reason=type(error).__name__, advice=error.advice)
            fault = refused("stick", ProvisioningError(Code.FAULT, type(error).__name__))
            return msgspec.structs.replace(known, parts=(*parts, fault))

    # -- stages --------------------------------------------------------------------------------------------------

    def _stick(self, visit: Visit) -> list[Part]:
        """What the stick's process refused itself; and what keeps every paper from being taken."""
        parts = [refused("stick", ProvisioningError(code, detail)) for code, detail in visit.offer.problems]
        if self._box.fault:
            parts.append(refused("stick", ProvisioningError(Code.FAULT, self._box.fault)))
        elif self._box.trust is None:
            parts.append(refused("stick", ProvisioningError(Code.NO_NATIONAL_PACKAGE)))
        return parts

    def _national(self, visit: Visit) -> list[Part]:
        data, trust = visit.hatch.read(inbox.PACKAGE, MAX_PAPER), self._box.trust
        if data is None or trust is None:
            return []
        parts = words.take_package(self._box, self._daemon, trust, data)
        self._carrier = self._new_carrier()
        return parts

    def _time(self, visit: Visit) -> list[Part]:
        data, trust = visit.hatch.read(inbox.TIME, MAX_PAPER), self._box.trust
        return [] if data is None or trust is None else words.take_time(self._box, self._daemon, trust, data)

    def _reset(self, visit: Visit) -> list[Part]:
        data, box, daemon = visit.hatch.read(inbox.RESET, MAX_PAPER), self._box, self._daemon
        if data is None or box.trust is None:
            return []
        begun = visits.load(box.places, visit.key)
        last = box.sequence if begun is None or begun.sequence is None else begun.sequence
        token = reset.judge(data, box.trust, box.identity, last, daemon.clock.now(), kept.load(box.places).reset_held)
        if box.by_hand is not None:
            raise ProvisioningError(Code.CONFIGURED_BY_HAND, "edge.toml")
        newest = max(shelf.newest for shelf in daemon.journal.shelves())  # what comes after it may not be carried
        parts = self._out(visit)  # in any case, before anything is lost
        unsent = daemon.journal.counts().pending
        if unsent and not token.lose_rows:
            reset.hold(box.disk, box.places, token)
            raise ProvisioningError(Code.UNSENT_ROWS, f"{unsent} rows")
        daemon.note("reset", {"sequence": token.sequence, "unsent": unsent})
        visits.record(box.disk, box.places, visit.key, visits.OUT, *parts)
        counts = daemon.journal.counts()
        reset.decide(
            box.disk, box.places, token, visit.key, lists=daemon.state.high_water(),
            marks=daemon.state.named("updates."), floor=daemon.state.floor(),
            audit=(counts.audit_head, counts.audit_rows), after=newest,
        )
        raise Restart

    def _envelope(self, visit: Visit) -> list[Part]:
        data = visit.hatch.read(inbox.ENVELOPE, MAX_ENVELOPE)
        if data is None:
            return []
        by_link = visit.kind == visits.LINK
        return applying.apply(self._box, self._daemon, self._carrier, data, visit.key, by_link=by_link)

    def _claim(self, visit: Visit) -> list[Part]:
        """A box that was named has nothing to ask for, unless it lost its keys; nor one whose envelope was here."""
        data, box = visit.hatch.read(inbox.CLAIM, MAX_PAPER), self._box
        if data is None or box.trust is None:
            return []
        before = kept.load(box.places)
        if not box.may_ask:
            return [] if visit.hatch.has(inbox.ENVELOPE) else [
                Part(part="claim", code=Code.UP_TO_DATE, grade=Grade.OK, detail="this box is enrolled")]
        claim = asking.judge_claim(data, box.trust, before, self._daemon.clock.now())
        asked = asking.answer(box.disk, box.places, box.identity, claim, before)
        found = inventory(box.places.system, box.places.state, self._daemon.software)
        visit.hatch.put(inbox.REQUEST, asking.enrolment(box.identity, asked, before, found, self._daemon.wall()))
        visit.hatch.put(inbox.CSR, asked.csr.encode())
        self._daemon.note("request", {"site": claim.site, "serial": box.identity.serial})
        return [Part(part="claim", code=Code.REQUEST_WRITTEN, grade=Grade.OK, detail=claim.site)]

    def _lists(self, visit: Visit) -> list[Part]:
        if not visit.hatch.has_folder(inbox.TUF) or self._daemon.take_lists is None:
            return []
        return taken(self._daemon.take_lists, visit.hatch.path / inbox.TUF, visit.pulse, self._daemon.generations)

    def _out(self, visit: Visit) -> list[Part]:
        """Rows that headquarters has not acked, the log, and a request for a new certificate when it is time."""
        box, daemon = self._box, self._daemon
        if visit.kind == visits.LINK or box.trust is None:
            return []
        parts, now, wall = [], daemon.clock.now(), daemon.wall()
        written = self._carrier.write(
            visit.hatch.slot, self._sender(), now.time or wall, now.state, rows=box.is_enrolled
        )
        if written and written.count:
            said = f"{written.count} rows" + (f", {written.left} more wait" if written.left else "")
            parts.append(Part(part="rows", code=Code.ROWS_WRITTEN, grade=Grade.OK, detail=said))
        request = box.renewal(now.time, wall, daemon.software, ASK_SHARE)
        if request and not visit.hatch.went_out(inbox.REQUEST):
            visit.hatch.put(inbox.REQUEST, request)
            parts.append(Part(part="certificate", code=Code.RENEWAL_WRITTEN, grade=Grade.OK))
        return parts

    def _new_carrier(self) -> Carrier:
        box, daemon = self._box, self._daemon
        recipients = box.trust.recipients if box.trust else []
        return Carrier(box.disk, box.places, daemon.journal, recipients, daemon.token)

    # -- small things --------------------------------------------------------------------------------------------

    def _sender(self) -> Sender:
        box = self._box
        return Sender(
            device=box.device, serial=box.identity.serial, site=box.site,
            certificate="" if box.may_ask else box.chain(),  # that of keys it lost would make it a forger
            sign=box.identity.sign, software=self._daemon.software, sequence=box.sequence,
        )


def refused(stage: str, error: ProvisioningError) -> Part:
    """The part for an error, graded by its code."""
    grade = Grade.FAULT if error.code.startswith("BP-5") else Grade.REFUSED
    return Part(part=stage, code=error.code, grade=grade, detail=error.detail)


def _offer(hatch: Hatch) -> Offer:
    """The offer; one that cannot be read, whatever is there in its place, still gets an answer."""
    try:
        data = hatch.read(inbox.OFFER, MAX_OFFER)
        offer = msgspec.json.decode(data, type=Offer) if data is not None else None
    except (msgspec.MsgspecError, UnicodeDecodeError, ProvisioningError, OSError):
        offer = None
    if offer is not None:
        return offer
    number = int(hatch.path.name) if hatch.path.name.isdigit() else 1
    return Offer(number=number, problems=((Code.FAULT, "the offer of the stick's process cannot be read"),))
