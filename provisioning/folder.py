"""The authority's folder: where its files stand, and how they are opened.

    ledger.sqlite               what is known and was given out
    ca/ca.pem, ca.key           the certificate authority
    keys/claim.pem, command.pem and their .pub lines
    offline/root-N.pem, spare.pem, escrow.pem   as made: they are carried away, their .pub lines stay in the ledger
    server/…                    certificates of the broker and of headquarters' own machine
    issued/SERIAL-N.prov        every envelope as it was signed (sealed to its box)
    national.json, national.waiting.json, revoked.json, ceremony.txt
"""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography.x509 import Certificate

from edge.core import sealing
from edge.core.provisioning.codes import ProvisioningError
from edge.core.provisioning.papers import MAX_PAPER, NationalPackage
from edge.core.provisioning.signing import open_national
from provisioning import authority, files, keyfiles
from provisioning.authority import Authority, Revoked
from provisioning.errors import AuthorityError
from provisioning.ledger import Ledger
from provisioning.store import Store

OFFICE: Final = "authority"  # the passphrase of ca.key, claim.pem and command.pem
_ADVICE: Final = "put it back from its copy, or mend --authority"


@dataclass(frozen=True, slots=True)
class AuthorityFolder:
    """The folder at ``root``."""

    root: Path

    @property
    def ca(self) -> Path:
        """The authority's certificate."""
        return self.root / "ca" / "ca.pem"

    @property
    def ca_key(self) -> Path:
        """Its private key."""
        return self.root / "ca" / "ca.key"

    @property
    def old_ca(self) -> Path:
        """The certificate of the authority before this one, while it is still believed."""
        return self.root / "ca" / "old.pem"

    @property
    def server(self) -> Path:
        """Folder of servers' certificates."""
        return self.root / "server"

    @property
    def national(self) -> Path:
        """The national package in force."""
        return self.root / "national.json"

    @property
    def waiting(self) -> Path:
        """The next one, while root holders are missing."""
        return self.root / "national.waiting.json"

    @property
    def revoked(self) -> Path:
        """The signed Revocation."""
        return self.root / "revoked.json"

    @property
    def crl(self) -> Path:
        """The authority's revocation list."""
        return self.root / "ca" / "crl.pem"

    def key(self, name: str) -> Path:
        """The private key of claims or commands."""
        return self.root / "keys" / f"{name}.pem"

    def issued(self, serial: str, sequence: int) -> Path:
        """An envelope as it was signed."""
        return self.root / "issued" / f"{serial}-{sequence}.prov"

    def ledger(self) -> Ledger:
        """The ledger. Raises LedgerError."""
        return Ledger(Store(self.root / "ledger.sqlite"), _who())

    def authority(self, passphrase: str) -> Authority:
        """The certificate authority with its key. Raises AuthorityError."""
        return Authority(self.certificate(), keyfiles.ec_key(self.ca_key, passphrase))

    def revocations(self, passphrase: str, revoked: Sequence[Revoked], now: datetime, number: int) -> bytes:
        """The revocation lists in PEM: of the authority, and of the one before it while that is believed.

        Where the older one's key was lost its last list stays.
        """
        lists = [self.authority(passphrase).crl(revoked, now, number)]
        if self.old_ca.exists():
            last = self.old_ca.with_suffix(".crl")
            if (key := self.old_ca.with_suffix(".key")).exists():
                old = Authority(
                    authority.load_certificate(files.read(self.old_ca, 64 << 10, advice=_ADVICE), str(self.old_ca)),
                    keyfiles.ec_key(key, passphrase),
                )
                files.replace(last, old.crl(revoked, now, number))
            if last.exists():
                lists.append(files.read(last, 16 << 20, advice=_ADVICE))
        return b"".join(lists)

    def certificate(self) -> Certificate:
        """The authority's certificate. Raises AuthorityError."""
        return authority.load_certificate(self.ca_bytes(), str(self.ca))

    def ca_bytes(self) -> bytes:
        """Whom boxes and broker believe, as PEM: the authority, and the one before it."""
        return files.read(self.ca, 256 << 10, advice=_ADVICE)

    def sign_key(self, name: str, passphrase: str) -> sealing.SignPrivate:
        """The claim or the command key. Raises AuthorityError."""
        return keyfiles.sign_key(self.key(name), passphrase)

    def national_bytes(self) -> bytes:
        """The national package in force as a file. Raises AuthorityError while there is none."""
        return files.read(self.national, MAX_PAPER, advice="make it first: borderpost-provision package")

    def package(self) -> NationalPackage:
        """The same, its signatures looked at. Raises AuthorityError."""
        try:
            return open_national(self.national_bytes(), None)
        except ProvisioningError as error:
            raise AuthorityError(f"{self.national}: {error.message}", advice=_ADVICE) from error


def _who() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # an account without a name
        return ""
