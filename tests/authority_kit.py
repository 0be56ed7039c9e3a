"""A country's authority for tests, and boxes that ask it: real keys, real papers, real ledger, no daemon.

``country`` makes everything once a session and each test gets its own copy: keys take the most time.
"""

from __future__ import annotations

import json
import secrets
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from click.testing import CliRunner
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from common.command import guarded
from edge.core import sealing
from edge.core.provisioning.csr import make_csr
from edge.core.provisioning.envelope import judge, nonce_mark, open_envelope, read_header
from edge.core.provisioning.papers import Claim, EnvelopeHeader, Inventory, NationalPackage, Request
from edge.core.provisioning.request import device_key_digest, read_request, serial_of, write_request
from edge.core.provisioning.signing import keys_of, open_national, open_paper
from hq import keys as hq_keys
from provisioning.cli import provision

WORD = "five plain words for tests"
SITE = "north-gate"


@dataclass(frozen=True, slots=True)
class Done:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its one JSON document."""
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class Desk:
    """Headquarters' table: the authority's folder, headquarters' keys, and the command."""

    folder: Path

    @property
    def root(self) -> Path:
        """The authority's folder."""
        return self.folder / "authority"

    @property
    def package(self) -> NationalPackage:
        """The national package as a box has it."""
        return open_national((self.root / "national.json").read_bytes(), None)

    def run(self, *words: object, text: str | None = None) -> Done:
        """``borderpost-provision WORDS``; passphrases come from a file."""
        return run(*words, env={"BORDERPOST_AUTHORITY": str(self.root)}, text=text)

    def signs(self, *words: object) -> Done:
        """The same for a verb that needs keys; it must succeed."""
        done = self.run(*words, "--passphrase-file", self.folder / "word")
        assert done.code == 0, done.err
        return done

    def refuses(self, *words: object) -> str:
        """The same for one that must say no: the error and the next step."""
        done = self.run(*words, "--passphrase-file", self.folder / "word")
        assert done.code == 1, (done.out, done.err)
        assert "\nnext:  " in done.err
        return done.err

    def offline(self, name: str) -> Path:
        """A key that would lie in a safe."""
        return self.root / "offline" / f"{name}.pem"

    def claim(self, stick: Path, *words: object, site: str = SITE) -> Claim:
        """A claim, as the box reads it from the stick."""
        stick.mkdir(exist_ok=True)
        self.signs("claim", site, "--stick", stick, *words)
        data = (stick / "BORDERPOST" / "claim" / f"{site}.claim").read_bytes()
        return open_paper(data, Claim, keys_of(self.package.claim_keys))


def run(*words: object, env: dict[str, str] | None = None, text: str | None = None) -> Done:
    """The command in this process, with its exit code as a shell sees it."""
    code = 0

    @click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
    @click.argument("args", nargs=-1, type=click.UNPROCESSED)
    def whole(args: tuple[str, ...]) -> None:
        nonlocal code
        code = guarded(lambda: provision.main(args=list(args), standalone_mode=False))

    found = CliRunner(env=env).invoke(whole, ["--", *map(str, words)], input=text, catch_exceptions=False)
    return Done(code, found.stdout, found.stderr)


def make_country(folder: Path) -> Desk:
    """Ceremony, headquarters' keys, national package and one site."""
    folder.mkdir(exist_ok=True)
    desk = Desk(folder)
    (folder / "word").write_text(WORD + "\n")
    desk.signs("init", "--country", "UTO", "--name", "Border Guard of Utopia")
    (folder / "1.root.json").write_text("{}")  # no box of this kit opens it
    lines = hq_keys.create(folder / "keys")
    (folder / "hq-keys.toml").write_text(lines.toml())
    desk.signs("package", "--headquarters", folder / "hq-keys.toml", "--tuf-root", folder / "1.root.json",
               "--sign", desk.offline("root-1"), "--sign", desk.offline("root-2"))  # fmt: skip
    template = desk.run("site", "template", SITE, "--broker", "127.0.0.1").out
    (folder / "site.toml").write_text(template)
    done = desk.run("site", "add", SITE, "--config", folder / "site.toml", "--name", "North Gate")
    assert done.code == 0, done.err
    return desk


def copy_country(made: Desk, to: Path) -> Desk:
    """The same country in another folder."""
    shutil.copytree(made.folder, to / "country")
    return Desk(to / "country")


@dataclass(slots=True)
class BareBox:
    """The keys of a box and what it remembers; it believes the national package alone."""

    package: NationalPackage
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    seal: sealing.SealPrivate = field(default_factory=sealing.generate_seal_key)
    sequence: int = 0
    pending: list[str] = field(default_factory=list)
    used: list[str] = field(default_factory=list)

    @property
    def spki(self) -> bytes:
        return self.key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    @property
    def serial(self) -> str:
        return serial_of(self.spki)

    def signs(self, data: bytes) -> bytes:
        """By the device key."""
        return self.key.sign(data, ec.ECDSA(hashes.SHA256()))

    def asks(self, claim: Claim | None = None, *, device: str = "", kind: str = "enrol") -> bytes:
        """``request.json``."""
        if claim:
            self.pending.append(claim.nonce)
        return write_request(Request(
            kind=kind, serial=self.serial, site=claim.site if claim else "", device=device,  # type: ignore[arg-type]
            nonce=claim.nonce if claim else "", csr=make_csr(self.key, device),
            seal_key=sealing.public_to_text(self.seal.public_key()), sequence=self.sequence,
            inventory=Inventory(vendor="Example", model="Box 1"),
        ), self.signs)  # fmt: skip

    def writes(self, stick: Path, data: bytes) -> Path:
        """Put a request where a box puts it."""
        place = stick / "BORDERPOST" / "out" / self.serial
        place.mkdir(parents=True, exist_ok=True)
        (place / "request.json").write_bytes(data)
        return place / "request.json"

    def shows(self, data: bytes) -> str:
        """The code on its own screen."""
        return read_request(data).code

    def takes(self, data: bytes) -> tuple[EnvelopeHeader, dict[str, bytes]]:
        """Judge, open and remember an envelope. Raises ProvisioningError."""
        header = read_header(data, keys_of(self.package.command_keys))
        judge(header, serial=self.serial, device_key=device_key_digest(self.spki), country=self.package.country,
              last_sequence=self.sequence, nonces_pending=self.pending, nonces_used=self.used, now=None)  # fmt: skip
        files = open_envelope(data, header, self.seal)
        self.sequence = header.sequence
        if header.nonce:
            self.used.append(nonce_mark(header.nonce))
        if "national.json" in files:
            self.package = open_national(files["national.json"], self.package)
        return header, files


def enrol(desk: Desk, stick: Path, box: BareBox | None = None) -> tuple[BareBox, dict[str, bytes]]:
    """A box of ``SITE`` that has taken its first envelope."""
    claim = desk.claim(stick)
    box = box or BareBox(desk.package)
    data = box.asks(claim)
    place = box.writes(stick, data)
    desk.signs("sign", place, "--code", box.shows(data), "--stick", stick)
    _, files = box.takes(prov(stick, box))
    return box, files


def prov(stick: Path, box: BareBox) -> bytes:
    """The envelope for a box on a stick."""
    return (stick / "BORDERPOST" / "prov" / f"{box.serial}.prov").read_bytes()


def nonce() -> str:
    """One that headquarters never gave out."""
    return secrets.token_urlsafe(24)
