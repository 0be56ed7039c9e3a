"""An envelope: from its bytes to a generation that is being tried, or to one code that says why not.

Laws:
1. The order is fixed, and each step raises before anything of the old state is touched: signature, box, number, nonce,
   times; content; configuration, certificate, ring, readers. Then the generation is written, then tried.
2. An envelope that changes nothing of the configuration (acks) is used up at once, without a restart.
3. The very envelope that was applied last is nothing new, and no fault; any other with an old number is refused.
4. How it came (stick or link) makes no difference but one: what was tried and taken back is not tried again because the
   broker kept it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from pathlib import Path
from typing import Final

from edge.clock import Source
from edge.config import Config
from edge.core.provisioning.codes import Code, Grade, ProvisioningError
from edge.core.provisioning.envelope import judge, open_envelope, read_header
from edge.core.provisioning.inbox import Part
from edge.core.provisioning.papers import EnvelopeHeader, NationalPackage, Revocation
from edge.core.provisioning.signing import open_paper
from edge.core.sealing import key_id
from edge.enrol import asking, kept, validation, visits
from edge.enrol import generations as gen
from edge.enrol import trust as trusting
from edge.enrol.activation import Pending
from edge.enrol.carrying import Carrier
from edge.enrol.daemon import Daemon
from edge.enrol.enrolment import Enrolment
from edge.enrol.trust import Trust

PART: Final = "envelope"


class Restart(Exception):  # noqa: N818 - no error: it says that the rest is for the next process
    """The process is to end; the visit goes on in the next one."""


def apply(box: Enrolment, daemon: Daemon, carrier: Carrier, data: bytes, visit: str, *, by_link: bool) -> list[Part]:
    """Apply one envelope. Parts if it is settled; raises Restart if the next process has to try it, or
    ProvisioningError if it is refused."""
    trust = box.trust
    if trust is None:
        raise ProvisioningError(Code.NO_NATIONAL_PACKAGE)
    header = read_header(data, trust.command)
    before = kept.load(box.places)
    if header.sha256 == before.envelope and header.serial == box.identity.serial:
        return [Part(part=PART, code=Code.UP_TO_DATE, grade=Grade.OK, detail=f"number {header.sequence}")]
    _judge(box, daemon, trust, header)
    if by_link and header.sha256 == before.failed:
        raise ProvisioningError(Code.SELF_TEST_FAILED, f"number {header.sequence} was tried before")
    files = open_envelope(data, header, box.identity.seal_key)
    package = trust.package
    if newer := files.get(gen.NATIONAL):
        package = trusting.judge(newer, trust)
    revoked = _revocation(Trust(package), files, 0 if trusting.ends_a_key(package, trust) else before.revoked)
    present = gen.files_of(box.places, box.generation)  # what runs
    following = gen.merged(present, files, package.tuf_root)
    changes = following != present
    if changes:
        is_new = following.get(gen.CONFIG) != present.get(gen.CONFIG)
        _ready(box, daemon, header, following, package if is_new else None)
    try:
        parts = _at_once(box, daemon, carrier, trust, files, revoked)
    except BaseException:
        if changes:
            box.disk.remove_tree(gen.folder_of(box.places, header.sequence))
        raise
    if not changes:
        daemon.note("envelope", {"sequence": header.sequence, "envelope": header.sha256})
        daemon.hear(header.created, Source.ENVELOPE)
        after = kept.used(kept.load(box.places), sequence=header.sequence, nonce=header.nonce, envelope=header.sha256)
        kept.save(box.disk, box.places, after)
        return [Part(part=PART, code=Code.APPLIED, grade=Grade.OK, detail=f"number {header.sequence}"), *parts]
    visits.record(box.disk, box.places, visit, visits.ACKS, *parts)
    box.activation.begin(Pending(
        sequence=header.sequence, nonce=header.nonce, envelope=header.sha256, previous=gen.current(box.places),
        visit=visit, created=header.created.astimezone(UTC).isoformat(), revoked=revoked.number if revoked else 0,
    ))
    raise Restart


def _judge(box: Enrolment, daemon: Daemon, trust: Trust, header: EnvelopeHeader) -> None:
    if box.by_hand is not None:
        raise ProvisioningError(Code.CONFIGURED_BY_HAND, "edge.toml")
    before = kept.load(box.places)
    waiting = asking.waiting(asking.load(box.places, box.identity), before)
    judge(
        header, serial=box.identity.serial, device_key=box.identity.device_key_digest, country=trust.package.country,
        last_sequence=box.sequence, nonces_pending={one.nonce for one in waiting}, nonces_used=before.nonces,
        now=daemon.clock.now().expiry,
    )


def _ready(box: Enrolment, daemon: Daemon, header: EnvelopeHeader, files: Mapping[str, bytes],
           package: NationalPackage | None) -> None:
    """Validate the next generation and write it; nothing of the present one is touched. Raises ProvisioningError.

    ``package``: what a new edge.toml has to agree with, None for the one that is in use.
    """
    places, number = box.places, header.sequence
    now = daemon.clock.now().expiry
    config = validation.validate(files, box.identity, places, number, now or header.created, package=package)
    gen.put(box.disk, places, number, files)
    try:
        wrong = _readers(daemon, validation.parsed(files, places, number), gen.folder_of(places, number))
    except BaseException:
        box.disk.remove_tree(gen.folder_of(places, number))
        raise
    if wrong:
        box.disk.remove_tree(gen.folder_of(places, number))
        raise ProvisioningError(Code.BAD_CONFIGURATION, wrong)
    assert config.box.device


def _readers(daemon: Daemon, config: Config, folder: Path) -> str:
    """The first thing that is wrong with readers, scanners and profiles, told without the folder's name."""
    wrong = daemon.judge(config) if daemon.judge else []
    return wrong[0].replace(f"{folder}/", "") if wrong else ""


def _at_once(
    box: Enrolment, daemon: Daemon, carrier: Carrier, trust: Trust, files: Mapping[str, bytes],
    revoked: Revocation | None,
) -> list[Part]:
    """What is no part of a generation; every bit of it may be done again. Raises ProvisioningError."""
    parts = []
    if acks := files.get(gen.ACKS):
        done = carrier.take_acks(acks, {key_id(trust.ack): trust.ack})
        said = "".join(f", {count} words refused: {why}" for why, count in sorted(done.refused.items()))
        parts.append(Part(part="rows", code=Code.ACKS_TAKEN, grade=Grade.OK, detail=f"{done.rows} rows{said}"[:200]))
        if done.newest_held > daemon.journal.counts().newest:
            daemon.journal.renew_epoch("disk_restored")
            daemon.alarm("disk_restored")
    if package := files.get(gen.NATIONAL):
        trusting.take(box.disk, box.places, package, trust)
        box.trust = trusting.load(box.places)
    if revoked and (box.identity.serial in revoked.serials or box.device in revoked.devices):
        parts.append(Part(part=PART, code=Code.REVOKED, grade=Grade.REFUSED, detail="headquarters takes nothing of it"))
        daemon.alarm("box_revoked")
    return parts


def _revocation(trust: Trust, files: Mapping[str, bytes], last: int) -> Revocation | None:
    data = files.get(gen.REVOKED)
    if data is None:
        return None
    revoked = open_paper(data, Revocation, trust.command)
    if revoked.country != trust.package.country:
        raise ProvisioningError(Code.OTHER_COUNTRY, gen.REVOKED)
    if revoked.number < last:
        raise ProvisioningError(Code.OLD_NUMBER, gen.REVOKED)
    return revoked
