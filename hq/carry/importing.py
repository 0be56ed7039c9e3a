"""One file of a stick into the store: the same intake, the same deduplication, the same alarms as over MQTT.

Laws:
1. Rows are taken group by group, each after the mark behind it was verified; a transaction holds one group at most, and
   a pause as long as it took follows, so that a running collector always comes to its turn.
2. Taking a file twice changes nothing but counts. What became of each row is counted: new, duplicate, conflicting,
   refused; where a file stops being good, what came before stays, and the report says why.
3. Who is not proven is not taken: no certificate of the authority, no rows. What a dead box's disk gave is taken only
   where the operator names the box (``vouched``), and an alarm says that somebody did.
4. Rows under an id that the box had before (it was given another one, or wrote before it was enrolled) keep it. They
   are taken where that id is the box's serial, which no other box can have, or where the operator says so (``former``).
   The acks go to the box as it is called now.
5. A body that stays closed is kept, and not acked: the box keeps it too.
6. Logs go into a folder of their own, under names that are made here; nothing in them is believed.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path

from edge.core.carrying import CarryError, CarryHeader, Fault, Verify, unpack
from edge.core.provisioning.codes import Code, ProvisioningError
from edge.core.provisioning.stream import LOGS, RESCUE, ROWS, open_stream
from edge.core.sealing import SealPrivate
from edge.core.trusted import ClockState
from edge.core.wire import PassageEnvelope, Topic, WireError, decode, topic
from hq.carry.digest import DigestedFile, chained
from hq.carry.sender import Senders
from hq.collector.answers import Answer, Speaker, Talk
from hq.collector.intake import Intake
from hq.config import CollectorConfig
from hq.store import Store, Visit
from hq.store.writing import stamp

LOOK = 500  # rows looked into at once
MAX_SPANS = 400  # holdings in answer to one bundle: 800 000 seqs
MAX_LOG = 8 << 20  # bytes of one log
FORGED = "forged_bundle"


@dataclass(slots=True)
class Report:
    """What became of one file. ``problem`` is empty where all of it was taken; ``whole`` says whether its end came."""

    file: str
    kind: str = ""
    device: str = ""
    serial: str = ""
    site: str = ""
    created: str = ""
    rescued: bool = False
    expired: bool = False
    new: int = 0
    duplicate: int = 0
    conflicting: int = 0
    refused: int = 0
    pending: int = 0
    whole: bool = False
    problem: str = ""
    advice: str = ""
    log: str = ""
    closed: int = 0  # rows that nobody can open; not acked
    former: set[str] = field(default_factory=set)  # ids of other boxes on rows that were refused
    acks: list[Answer] = field(default_factory=list, repr=False)
    holdings: list[Answer] = field(default_factory=list, repr=False)

    @property
    def rows(self) -> int:
        """Rows that were looked at."""
        return self.new + self.duplicate + self.conflicting + self.refused


@dataclass(frozen=True, slots=True)
class Importer:
    """Takes files into ``store``. ``vouched``: the device that an operator says a rescued or unproven bundle is of;
    ``former``: ids that he says the box had before.

    ``pause`` sleeps so many seconds; ``progress`` hears a line at most once a second.
    """

    store: Store
    seal_keys: Mapping[str, SealPrivate]
    speaker: Speaker
    senders: Senders
    limits: CollectorConfig
    clock: Callable[[], datetime]
    logs: Path
    vouched: str = ""
    former: Collection[str] = ()
    pause: Callable[[float], None] = time.sleep
    mono: Callable[[], float] = time.monotonic
    progress: Callable[[str], None] = lambda _line: None

    def take(self, path: Path) -> Report:
        """Take one file. Never raises on data; StoreError for the database."""
        report = Report(str(path))
        try:
            digest = DigestedFile(path)
            purpose, chunks = self._opened(digest)
            if purpose == LOGS:
                self._log(chunks, report)
            else:
                self._rows(purpose, chunks, digest, report)
        except CarryError as error:
            report.problem, report.advice = error.message, error.advice
        except ProvisioningError as error:
            report.problem, report.advice = _said(error)
        except OSError as error:
            report.problem, report.advice = error.strerror or type(error).__name__, "copy the stick, and take the copy"
        return report

    def _opened(self, digest: DigestedFile) -> tuple[str, Iterator[bytes]]:
        """Purpose and plaintext: a stream says nothing of itself outside of its seal, so each purpose is tried."""
        for purpose in (ROWS, LOGS, RESCUE):
            chunks = open_stream(digest.blocks(), self.seal_keys, purpose)
            try:
                first = next(chunks)
            except ProvisioningError as error:
                if error.code is Code.DOES_NOT_OPEN and purpose != RESCUE:
                    continue
                raise
            return purpose, chained(first, chunks)
        raise AssertionError

    # -- rows ------------------------------------------------------------------------------------

    def _rows(self, purpose: str, chunks: Iterator[bytes], digest: DigestedFile, report: Report) -> None:
        held: dict[Talk, dict[int, bytes]] = {}
        headers: list[CarryHeader] = []
        proven = False

        def sender(header: CarryHeader) -> Verify | None:
            nonlocal proven
            headers.append(header)
            verify = self._sender(purpose, header, report)
            if verify is None:
                proven = True
                return None

            def proving(words: bytes, signature: bytes) -> bool:
                nonlocal proven
                good = verify(words, signature)
                proven = proven or good
                return good

            return proving

        try:
            intake: Intake | None = None
            for group in unpack(chunks, sender):
                intake = intake or self._intake(report.site)
                self._group(intake, group, report, held)
            report.whole = True
        except (CarryError, ProvisioningError) as error:
            if isinstance(error, CarryError) and error.fault in (Fault.FORGED, Fault.REVOKED):
                self._alarm_forged(headers, error)
            raise
        finally:
            if not proven:  # a certificate is public: only a mark shows that its box speaks
                report.device = report.serial = report.site = ""
            else:
                digest.finish()
                self._note(headers[0], digest.hexdigest(), report)
                report.acks = [a for talk, rows in held.items() for a in self.speaker.acks(talk, rows.items())]
                report.holdings = self._holdings(headers[0], report)

    def _holdings(self, header: CarryHeader, report: Report) -> list[Answer]:
        """What is held of all that the box has, so that it brings again what a restored backup lacks."""
        if report.rescued:
            return []  # there is no box any more that could hear it
        found: list[Answer] = []
        for shelf in header.shelves:
            named = shelf.device or report.device
            if named != report.device and named not in self._formers(report):
                continue
            talk = Talk(report.device, shelf.epoch, header.session)
            held = partial(self.store.held, named, shelf.epoch, closed=False)
            silent = partial(self.store.disputed, named, shelf.epoch)
            said = self.speaker.holdings(talk, shelf.oldest, shelf.newest, held, silent)
            found += islice(said, MAX_SPANS - len(found))
        return found

    def _intake(self, site: str) -> Intake:
        return Intake(self.store, self.seal_keys, self.speaker, self.limits, self.clock, carried=site)

    def _sender(self, purpose: str, header: CarryHeader, report: Report) -> Verify | None:
        if header.purpose != purpose:
            raise CarryError(Fault.DAMAGED, "the bundle's header is of another kind than its seal")
        report.kind, report.created, report.pending = header.kind, stamp(header.created), header.pending
        vouched = bool(self.vouched) and self.vouched == header.device
        try:
            found = self.senders.recognise(header, self.clock(), vouched=vouched)
        except CarryError as error:
            if error.fault is not Fault.UNSIGNED or not self.vouched:
                raise
            if not vouched:
                raise CarryError(Fault.UNSIGNED, f"the bundle names another box than {self.vouched}",
                                 advice="give --rescued the box whose disk it is off") from None
            found = None
        report.device, report.serial, report.site = header.device, header.serial, header.site
        report.rescued = found is None or found.revoked
        report.expired = found is not None and found.expired
        return found.verify if found else None

    def _group(
        self, intake: Intake, group: list[bytes], report: Report, held: dict[Talk, dict[int, bytes]]
    ) -> None:
        began = self.mono()
        counts = intake.counts
        before = (counts.stored, counts.duplicates, counts.conflicts, counts.quarantined)
        taken = intake.take([(topic(Topic.PASSAGE, self._named(row, report)), row) for row in group])
        while intake.unread:
            intake.look_into(LOOK)
        after = (counts.stored, counts.duplicates, counts.conflicts, counts.quarantined)
        new, duplicate, conflicting, refused = (b - a for a, b in zip(before, after, strict=True))
        report.new, report.duplicate = report.new + new, report.duplicate + duplicate
        report.conflicting, report.refused = report.conflicting + conflicting, report.refused + refused
        for talk, rows in taken.rows.items():
            seqs = [seq for seq, _ in rows]
            closed = self.store.closed(talk.device, talk.epoch, min(seqs), max(seqs))
            report.closed += sum((seq, digest) in closed for seq, digest in rows)
            known = held.setdefault(replace(talk, device=report.device), {})
            for seq, digest in rows:
                if (seq, digest) not in closed:
                    known.setdefault(seq, digest)
        self.progress(f"{report.file}: {report.rows} rows of {report.device}")
        self.pause(self.mono() - began)

    def _named(self, row: bytes, report: Report) -> str:
        """Whose row it is: of the box as it is called now, unless the row names an id that it may have had."""
        if f'"source":"/bp/{report.device}"'.encode() in row:
            return report.device
        try:
            named = decode(row, PassageEnvelope).device
        except WireError:
            return report.device  # the intake says what is wrong with it
        if named == report.device or named in self._formers(report):
            return named
        report.former.add(named)
        return report.device

    def _formers(self, report: Report) -> set[str]:
        return {*self.former, *({report.serial} if report.serial and not report.rescued else ())}

    def _note(self, header: CarryHeader, sha256: str, report: Report) -> None:
        with self.store.batch(self.clock()):
            self.store.known(report.device, limit=self.limits.devices)
            if report.site:
                trusted = header.clock is not ClockState.UNTRUSTED
                self.store.site(report.device, report.site, carried=report.created, trusted=trusted)
            if header.audit_head and header.audit_number and not report.rescued:
                self.store.head(report.device, header.audit_number, header.audit_head, carried=report.created)
            fresh = self.store.visit(Visit(
                report.device, report.serial, report.site, report.created, sha256, report.rescued, report.whole,
                report.rows, report.new, report.duplicate, report.conflicting, report.refused, report.pending,
                header.audit_head, header.audit_rows,
            ))  # fmt: skip
            if report.former:
                self.store.alarm(
                    report.device, "former_rows", f"a stick brought rows of {', '.join(sorted(report.former))[:200]},"
                    " which it may have been called before; they were not taken", subject="refused",
                )  # fmt: skip
            if report.rescued:
                self.store.alarm(
                    report.device, "rescued_rows", f"{report.rows} rows were taken, {fresh} of them new, because"
                    " an operator vouched for them", subject=sha256[:16],
                )  # fmt: skip

    def _alarm_forged(self, headers: list[CarryHeader], error: CarryError) -> None:
        """Nothing in an unproven header is true: the box that it names is named in the text alone."""
        named = headers[0].device if headers else ""
        code = "revoked" if error.fault is Fault.REVOKED else FORGED
        with self.store.batch(self.clock()):
            self.store.alarm("", code, f"a stick in the name of {named or 'no box'}: {error.message}", subject=named)

    # -- logs ------------------------------------------------------------------------------------

    def _log(self, chunks: Iterator[bytes], report: Report) -> None:
        text = bytearray()
        proven = False

        def sender(header: CarryHeader) -> Verify | None:
            nonlocal proven
            if header.purpose != LOGS:
                raise CarryError(Fault.DAMAGED, "the bundle's header is of another kind than its seal")
            report.kind, report.created = header.kind, stamp(header.created)
            report.device, report.serial, report.site = header.device, header.serial, header.site
            try:
                verify = self.senders.recognise(header, self.clock()).verify
            except CarryError:
                return None  # a blank or a revoked box has a log worth reading too
            proven = True
            return verify

        try:
            for group in unpack(chunks, sender):
                text += b"".join(group)
                if len(text) > MAX_LOG:
                    raise CarryError(Fault.DAMAGED, f"a log of more than {MAX_LOG} bytes")
            report.whole = True
        finally:
            if text:
                report.log = str(self._keep(bytes(text[:MAX_LOG]), report, proven=proven))

    def _keep(self, text: bytes, report: Report, *, proven: bool) -> Path:
        who = (report.device or report.serial or "nobody") if proven else f"unproven-{report.serial or 'nobody'}"
        moment = "".join(c for c in report.created if c.isdigit())[:14]
        target = self.logs / f"{who}-{moment}-{hashlib.sha256(text).hexdigest()[:8]}.log"
        self.logs.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = target.with_name(f".{target.name}.partial")
        partial.write_bytes(text)
        partial.chmod(0o600)
        partial.replace(target)
        return target


def _said(error: ProvisioningError) -> tuple[str, str]:
    if error.code is Code.DOES_NOT_OPEN:
        return "sealed to other keys than hq.toml names", "name the older seal key too: keys.seal in hq.toml"
    detail = error.detail or "no bundle of a box"
    return detail, "fetch a new stick from the box; it gives unacked rows again"

