"""Headquarters with its keys, and a box to be enrolled: for tests of edge.enrol, in one process or several."""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from edge.clock import TrustedClock
from edge.config import Config
from edge.core import sealing
from edge.core.provisioning import inbox, papers
from edge.core.provisioning.envelope import seal_envelope
from edge.core.provisioning.request import read_request
from edge.core.provisioning.signing import sign_paper
from edge.core.wire import BODY_TYPE
from edge.crew import Pulse
from edge.enrol.daemon import Daemon
from edge.enrol.disk import Disk
from edge.enrol.enrolment import Enrolment
from edge.enrol.places import Places
from edge.enrol.watcher import Watcher
from edge.front import judge
from edge.journal import Journal, JournalLimits
from edge.state import State

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
YEAR = timedelta(days=365)
NONCE = "claim-nonce-0123456789"
SITE = "north-gate"
BOX = "north-1"

TOML = """\
[box]
device = "{device}"
site = "{site}"
{box}
[headquarters]
seal_key = "{seal}"
ack_key = "{ack}"

[[reader]]
name = "page-1"
driver = "text"
port = "{port}"

[[counter]]
name = "lane-1"
direction = "entry"
readers = ["page-1"]
{more}
"""


class Authority:
    """A national CA for tests."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test national CA")])
        self.certificate = (
            x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(self.key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(NOW - YEAR).not_valid_after(NOW + 10 * YEAR)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self.key, hashes.SHA256())
        )

    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def issue(
        self, public: ec.EllipticCurvePublicKey, device: str, *, start: datetime = NOW - timedelta(days=1),
        end: datetime = NOW + 2 * YEAR, usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.CLIENT_AUTH,
    ) -> bytes:
        made = (
            x509.CertificateBuilder().subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, device)]))
            .issuer_name(self.certificate.subject).public_key(public).serial_number(x509.random_serial_number())
            .not_valid_before(start).not_valid_after(end)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False).sign(self.key, hashes.SHA256())
        )
        return made.public_bytes(serialization.Encoding.PEM)


class Headquarters:
    """All keys of a country; makes every paper."""

    def __init__(self) -> None:
        self.claim, self.command, self.root, self.ack = (sealing.generate_sign_key() for _ in range(4))
        self.seal = sealing.generate_seal_key()
        self.authority = Authority()
        line = sealing.public_to_text
        self.package = papers.NationalPackage(
            country="UTO", claim_keys=(line(self.claim.public_key()),), command_keys=(line(self.command.public_key()),),
            root_keys=(line(self.root.public_key()),), seal_key=line(self.seal.public_key()),
            ack_key=line(self.ack.public_key()), created=NOW - YEAR,
        )

    def national(self) -> bytes:
        return sign_paper(self.package, self.root)

    def renews(self, **changes: Any) -> bytes:
        """The next national package; from now on this one is meant."""
        self.package = msgspec.structs.replace(self.package, number=self.package.number + 1, **changes)
        return self.national()

    def claim_paper(self, **changes: Any) -> bytes:
        claim = papers.Claim(country="UTO", site=SITE, nonce=NONCE, created=NOW, expires=NOW + timedelta(days=30))
        return sign_paper(msgspec.structs.replace(claim, **changes), self.claim)

    def time_paper(self, number: int, at: datetime, *, by_root: bool = False, lower: bool = False) -> bytes:
        word = papers.TimeWord(country="UTO", time=at, number=number, lower=lower)
        return sign_paper(word, self.root if by_root else self.command)

    def reset_paper(self, box: Enrolment, sequence: int, **changes: Any) -> bytes:
        token = papers.Reset(
            country="UTO", serial=box.identity.serial, device_key=box.identity.device_key_digest, sequence=sequence,
            created=NOW, expires=NOW + timedelta(days=30),
        )
        return sign_paper(msgspec.structs.replace(token, **changes), self.command)

    def toml(self, *, device: str = BOX, box: str = "", port: str = "/dev/serial/by-id/none", more: str = "") -> bytes:
        return TOML.format(
            device=device, site=SITE, box=box, port=port, seal=self.package.seal_key, ack=self.package.ack_key,
            more=more,
        ).encode()

    def files(self, box: Enrolment, *, device: str = BOX, more: str = "") -> dict[str, bytes]:
        return {
            "edge.toml": self.toml(device=device, more=more),
            "device.pem": self.authority.issue(box.identity.device_key.public_key(), device),
            "ca.pem": self.authority.pem(),
        }

    def envelope(self, box: Enrolment, sequence: int, files: Mapping[str, bytes], **header: Any) -> bytes:
        said: dict[str, Any] = {
            "country": "UTO", "serial": box.identity.serial, "device_key": box.identity.device_key_digest,
            "sequence": sequence, "nonce": "", "created": NOW, "not_before": NOW - timedelta(days=1),
            "not_after": NOW + timedelta(days=60), **header,
        }
        to = said.pop("to", box.identity.seal_key.public_key())
        key = said.pop("key", self.command)
        return seal_envelope(**said, files=files, to=to, key=key)


class Post:
    """A box in a folder. ``run`` is one process' life: begin, up, and the visits that wait."""

    def __init__(self, folder: Path, hq: Headquarters, *, disk: Callable[[], Disk] = Disk) -> None:
        self.hq, self._disk = hq, disk
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "run").mkdir(exist_ok=True)
        (folder / "inbox").mkdir(exist_ok=True)
        (folder / "sys").mkdir(exist_ok=True)
        self.places = Places(
            state=folder / "state", national=folder / "national.json", inbox=folder / "inbox",
            facts=folder / "run" / "box.json", runtime=folder / "run", console=folder / "screen",
            system=folder / "sys",
        )
        self.places.national.write_bytes(hq.national())
        if self.places.console is not None:
            self.places.console.touch()
        self.boot = "boot-1"
        self.environ: dict[str, str] = {}  # of the unit: a machine's TPM opens one credential or none
        self.number = 0
        self.wall = NOW

    def offer(self, files: Mapping[str, bytes], **offer: Any) -> Path:
        """Stage a stick, as its process does."""
        self.number += 1
        folder = self.places.inbox / f".staging-{self.number}"
        folder.mkdir()
        for name, data in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        (folder / inbox.OFFER).write_bytes(msgspec.json.encode(inbox.Offer(number=self.number, **offer)))
        return folder.rename(self.places.inbox / str(self.number))

    @contextlib.contextmanager
    def process(self, by_hand: Config | None = None) -> Iterator[Life]:
        """One process of the daemon, from its start to its end."""
        life = Life(self, by_hand)
        try:
            yield life
        finally:
            life.close()

    def plug(self, files: Mapping[str, bytes], **offer: Any) -> inbox.StickOutcome:
        """Stage a stick and run processes until there is an outcome; what systemd and the stick's process do."""
        folder = self.offer(files, **offer)
        for _ in range(8):
            with self.process() as life:
                life.look()
            if (folder / inbox.OUTCOME).exists():
                return self.outcome(folder)
        raise AssertionError("no outcome after eight processes")

    def outcome(self, folder: Path) -> inbox.StickOutcome:
        return msgspec.json.decode((folder / inbox.OUTCOME).read_bytes(), type=inbox.StickOutcome)

    def enrol(self, *, more: str = "") -> inbox.StickOutcome:
        """Claim, request, envelope 1."""
        first = self.plug({inbox.CLAIM: self.hq.claim_paper()})
        assert [str(part.code) for part in first.parts] == ["BP-101"]
        with self.process() as life:
            data = self.hq.envelope(life.box, 1, self.hq.files(life.box, more=more), nonce=NONCE)
        return self.plug({inbox.ENVELOPE: data})

    def request(self) -> Any:
        """What the last stick brought to headquarters."""
        return read_request((self.places.inbox / str(self.number) / inbox.OUT / inbox.REQUEST).read_bytes())


class Life:
    """One process: the real journal, clock and state around the enrolment."""

    def __init__(self, post: Post, by_hand: Config | None = None) -> None:
        self.post = post
        self._open: list[Callable[[], object]] = []
        self.box = Enrolment(post.places, disk=post._disk(), boot=post.boot, environ=post.environ, by_hand=by_hand)
        self.ended = threading.Event()
        self.alarms: list[str] = []
        self.config = self.box.begin()
        self._open.append(self.box.close)
        try:
            self._rise()
        except BaseException:
            self.close()
            raise

    def _rise(self) -> None:
        places, post = self.post.places, self.post
        state = State(places.state / "state.sqlite")
        self._open.append(state.close)
        self.box.recall(state)
        assert self.box.trust is not None
        journal = Journal(
            places.state / "journal.sqlite", device=self.box.device or self.box.identity.serial,
            blank=not self.box.device,
            sealer=sealing.make_sealer(self.box.trust.recipients, type=BODY_TYPE), box_key=bytes(32),
            token=lambda: secrets.token_urlsafe(12), wall=lambda: post.wall, mono=time.monotonic, boot=post.boot,
            limits=JournalLimits(ballast_bytes=65_536),
        )
        journal.start()
        self._open.append(journal.close)
        self.clock = TrustedClock(wall=lambda: post.wall, mono=time.monotonic, state=state)
        self.daemon = Daemon(
            journal=journal, clock=self.clock, state=state, config=self.config, wall=lambda: post.wall,
            token=lambda: secrets.token_urlsafe(12), software="0.0-test", end=self.ended.set,
            alarm=lambda code, **_detail: self.alarms.append(code), judge=judge,
        )
        self.journal = journal
        self.box.join(journal)
        self.box.up(self.daemon)
        self.watcher = Watcher(self.box, self.daemon, lambda: "a test")

    def look(self) -> None:
        """One look of the watcher at everything that waits."""
        pulse = Pulse(threading.Event(), time.monotonic)
        self.watcher.look(pulse)

    def close(self) -> None:
        for one in reversed(self._open):
            one()
        self._open.clear()


def codes(outcome: inbox.StickOutcome) -> list[str]:
    return [str(part.code) for part in outcome.parts]


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, and where its links lead."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            found[str(path.relative_to(folder))] = str(path.readlink()).encode()
        elif path.is_file():
            found[str(path.relative_to(folder))] = path.read_bytes()
    return found

