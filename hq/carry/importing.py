"""One file of a stick into the store: the same intake, the same deduplication, the same alarms as over MQTT.

Laws:
1. Rows are taken group by group, each after the mark behind it was verified; a transaction holds one group at most, and
   a pause as long as it took follows, so that a running collector always comes to its turn.
2. Taking a file twice changes nothing but counts. What became of each row is counted: new, duplicate, conflicting,
   refused; where a file stops being good, what came before stays, and the report says why.
3. Who is not proven is not taken: no certificate of the authority, no rows. What a dead box's disk gave is taken only
   where the operator names the box (``vouched``), and an alarm says that somebody did.
4. Logs go into a folder of their own, under names that are made here; nothing in them is believed.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path

from common.files import open_regular
from edge.core.carrying import CarryError, CarryHeader, Fault, Verify, unpack
from edge.core.provisioning.codes import Code, ProvisioningError
from edge.core.provisioning.stream import LOGS, RESCUE, ROWS, open_stream
from edge.core.sealing import SealPrivate
from edge.core.wire import Topic, topic
from hq.carry.sender import Senders
from hq.collector.answers import Answer, Speaker, Talk
from hq.collector.intake import Intake
from hq.config import CollectorConfig
from hq.store import Store, Visit
from hq.store.writing import stamp

MAX_FILE = 1 << 30  # bytes of one file
BLOCK = 1 << 18  # bytes read at once
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
    acks: list[Answer] = field(default_factory=list, repr=False)
    holdings: list[Answer] = field(default_factory=list, repr=False)

    @property
    def rows(self) -> int:
        """Rows that were looked at."""
        return self.new + self.duplicate + self.conflicting + self.refused


@dataclass(frozen=True, slots=True)
class Importer:
    """Takes files into ``store``. ``vouched``: the device that an operator says a rescued or unproven bundle is of.

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
    pause: Callable[[float], None] = time.sleep
    mono: Callable[[], float] = time.monotonic
    progress: Callable[[str], None] = lambda _line: None

    def take(self, path: Path) -> Report:
        """Take one file. Never raises on data; StoreError for the database."""
        report = Report(str(path))
        try:
            digest = _Digest(path)
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

    def _opened(self, digest: _Digest) -> tuple[str, Iterator[bytes]]:
        """Purpose and plaintext: a stream says nothing of itself outside of its seal, so each purpose is tried."""
        for purpose in (ROWS, LOGS, RESCUE):
            chunks = open_stream(digest.blocks(), self.seal_keys, purpose)
            try:
                first = next(chunks)
            except ProvisioningError as error:
                if error.code is Code.DOES_NOT_OPEN and purpose != RESCUE:
                    continue
                raise
            return purpose, _chained(first, chunks)
        raise AssertionError

    # -- rows ------------------------------------------------------------------------------------

    def _rows(self, purpose: str, chunks: Iterator[bytes], digest: _Digest, report: Report) -> None:
        held: dict[Talk, list[tuple[int, bytes]]] = {}
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
                report.acks = [a for talk, rows in held.items() for a in self.speaker.acks(talk, rows)]
                report.holdings = self._holdings(headers[0], report)

    def _holdings(self, header: CarryHeader, report: Report) -> list[Answer]:
        """What is held of all that the box has, so that it brings again what a restored backup lacks."""
        if report.rescued:
            return []  # there is no box any more that could hear it
        found: list[Answer] = []
        for shelf in header.shelves:
            talk = Talk(report.device, shelf.epoch, header.session)
            held = partial(self.store.held, report.device, shelf.epoch)
            found += islice(self.speaker.holdings(talk, shelf.oldest, shelf.newest, held), MAX_SPANS - len(found))
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
        self, intake: Intake, group: list[bytes], report: Report, held: dict[Talk, list[tuple[int, bytes]]]
    ) -> None:
        began = self.mono()
        counts = intake.counts
        before = (counts.stored, counts.duplicates, counts.conflicts, counts.quarantined)
        taken = intake.take([(topic(Topic.PASSAGE, report.device), row) for row in group])
        while intake.unread:
            intake.look_into(LOOK)
        after = (counts.stored, counts.duplicates, counts.conflicts, counts.quarantined)
        new, duplicate, conflicting, refused = (b - a for a, b in zip(before, after, strict=True))
        report.new, report.duplicate = report.new + new, report.duplicate + duplicate
        report.conflicting, report.refused = report.conflicting + conflicting, report.refused + refused
        for talk, rows in taken.rows.items():
            held.setdefault(talk, []).extend(rows)
        self.progress(f"{report.file}: {report.rows} rows of {report.device}")
        self.pause(self.mono() - began)

    def _note(self, header: CarryHeader, sha256: str, report: Report) -> None:
        with self.store.batch(self.clock()):
            self.store.known(report.device, limit=self.limits.devices)
            if report.site:
                self.store.site(report.device, report.site)
            self.store.visit(Visit(
                report.device, report.serial, report.site, report.created, sha256, report.rescued, report.whole,
                report.rows, report.new, report.duplicate, report.conflicting, report.refused, report.pending,
                header.audit_head, header.audit_rows,
            ))  # fmt: skip
            if report.rescued:
                self.store.alarm(
                    report.device, "rescued_rows", f"{report.rows} rows were taken, {report.new} of them new, because"
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


class _Digest:
    """A file as blocks, each time from its start, and its SHA-256 over the last time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._hash = hashlib.sha256()
        self._blocks: Iterator[bytes] = iter(())

    def blocks(self) -> Iterator[bytes]:
        """Its bytes. Raises OSError; CarryError where it is too long."""
        self._hash = hashlib.sha256()
        self._blocks = self._read()
        return self._blocks

    def _read(self) -> Iterator[bytes]:
        size = 0
        with open_regular(self._path) as file:
            while block := file.read(BLOCK):
                size += len(block)
                if size > MAX_FILE:
                    raise CarryError(Fault.DAMAGED, f"a file of more than {MAX_FILE} bytes")
                self._hash.update(block)
                yield block

    def finish(self) -> None:
        """Read what was not asked for, so that the digest is of the whole file."""
        try:
            for _ in self._blocks:
                pass
        except (OSError, CarryError):
            return  # the digest is then of what could be read

    def hexdigest(self) -> str:
        """Of what was read."""
        return self._hash.hexdigest()


def _chained(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _said(error: ProvisioningError) -> tuple[str, str]:
    if error.code is Code.DOES_NOT_OPEN:
        return "sealed to other keys than hq.toml names", "name the older seal key too: keys.seal in hq.toml"
    detail = error.detail or "no bundle of a box"
    return detail, "fetch a new stick from the box; it gives unacked rows again"

