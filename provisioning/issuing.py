"""What headquarters answers to a box: envelopes, from a request or of its own accord.

Laws:
1. A box that headquarters does not know (``provisioning.ledger`` law 4) is answered only if the code that was read to
   us is the request's. The right code is never shown: it is to be heard, not copied.
2. Which site a box stands at says the claim, or the person who signs; the request's own word counts for nothing.
3. An envelope is kept in ``issued`` before its number is committed, and handed out after it: what was handed out can
   be handed out again.
4. A nonce is named only while the box still waits for an answer to it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import msgspec

from edge.core import sealing
from edge.core.provisioning.codes import ProvisioningError
from edge.core.provisioning.envelope import seal_envelope
from edge.core.provisioning.papers import MAX_PAPER, NationalPackage, Revocation
from edge.core.provisioning.request import CheckedRequest, same_code
from edge.core.provisioning.signing import keys_of, open_paper
from provisioning import authority, files, templates
from provisioning.authority import Authority
from provisioning.errors import AuthorityError, LedgerError
from provisioning.folder import AuthorityFolder
from provisioning.ledger import ENROLLED, HELD, REVOKED, Box, Ledger
from provisioning.ring import RingSource

DAYS: Final = 90  # an envelope may travel so long
EARLY: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Issued:
    """An envelope that was signed. ``until``: of the box's certificate in it, None if it brings none."""

    serial: str
    device: str
    site: str
    sequence: int
    files: tuple[str, ...]
    not_after: datetime
    until: datetime | None
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Issuer:
    """Everything that signs envelopes, opened. ``above``: numbers that the box is known to have taken."""

    folder: AuthorityFolder
    ledger: Ledger
    package: NationalPackage
    authority: Authority
    command: sealing.SignPrivate = field(repr=False)
    now: datetime
    days: int = DAYS
    above: int = 0

    def answer(
        self, asked: CheckedRequest, said: str, *, site: str = "", device: str = "", replaces: str = "",
        ring: RingSource | None = None,
    ) -> Issued:  # fmt: skip
        """The full envelope for a box that asks. ``said``: the code as it was read over the phone, '' for none.

        Raises LedgerError when it may not have one; then nothing has changed.
        """
        with self.ledger.store.writing():
            box = self.admitted(asked, said, site=site, device=device, replaces=replaces)
            nonce = self._nonce(asked)
            issued = self._full(box, ring, nonce=nonce, said=asked.request.sequence)
            if asked.request.nonce:
                self.ledger.use_claim(asked.request.nonce, box.serial, issued.sequence if nonce else 0, self.now)
        return issued

    def hold(self, asked: CheckedRequest, said: str) -> Box:
        """Keep a box's keys without sending it anywhere yet (law 1 holds). Raises LedgerError."""
        with self.ledger.store.writing():
            self._check(asked, said)
            if self.ledger.box(asked.request.serial) is not None:
                raise LedgerError("headquarters holds this box's keys already", advice="sign for it by its serial")
            self._claimed_site(asked)
            box = self._new(asked, HELD, "", "", "")
            self.ledger.use_claim(asked.request.nonce, box.serial, 0, self.now)
        return box

    def full(self, name: str, *, site: str = "", device: str = "", ring: RingSource | None = None) -> Issued:
        """The full envelope for a box whose keys headquarters holds. Raises LedgerError."""
        with self.ledger.store.writing():
            box = self.ledger.known(name)
            return self._full(self._placed(box, site or box.site, device, box.seal_key), ring)

    def renewal(self, name: str, asked: CheckedRequest | None = None) -> Issued:
        """A new certificate alone, over the key that headquarters knows. Raises LedgerError."""
        with self.ledger.store.writing():
            box = self.ledger.known(name)
            if box.state != ENROLLED:
                raise LedgerError(f"{box.serial} stands at no site yet", advice="sign for it first, with --site")
            if asked is not None and not box.has_keys(asked.public_key, asked.request.seal_key):
                raise LedgerError(
                    f"{box.device} asks with another seal key than headquarters knows",
                    advice="call the post, and sign its request with the code that the box shows",
                )
            return self._sealed(box, self._certified(box), said=asked.request.sequence if asked else 0)

    def loose(self, name: str, contents: Mapping[str, bytes]) -> Issued:
        """An envelope of these files alone (acks). Raises LedgerError."""
        with self.ledger.store.writing():
            return self._sealed(self.ledger.known(name), dict(contents))

    def admitted(
        self, asked: CheckedRequest, said: str, *, site: str, device: str, replaces: str
    ) -> Box:
        """The box that asks, as the ledger has it from now on; inside ``writing``. Raises LedgerError (laws 1, 2)."""
        self._check(asked, said)
        box = self.ledger.box(asked.request.serial)
        claimed = self._claimed_site(asked) if box is None or asked.request.nonce else ""
        if box is None:
            box = self._new(asked, HELD, "", "", replaces)
        return self._placed(box, site or box.site or claimed, device, asked.request.seal_key)

    def _check(self, asked: CheckedRequest, said: str) -> None:
        box = self.ledger.box(asked.request.serial)
        if box is not None and box.state == REVOKED:
            self.ledger.known(box.serial)
        if said:
            if not same_code(said, asked.code):
                raise LedgerError(
                    "this is not the code of that request",
                    advice="have it read again from the box itself; if it stays so, the request was changed on its way",
                )
        elif box is None or not box.has_keys(asked.public_key, asked.request.seal_key):
            raise LedgerError(
                f"headquarters does not know the keys of {asked.request.serial}",
                advice="call the post, have the 16 characters read from the box, and give them with --code",
            )

    def _claimed_site(self, asked: CheckedRequest) -> str:
        if not asked.request.nonce:
            raise LedgerError("the request names no claim", advice="put a claim stick into the box first")
        return self.ledger.site_of_claim(asked.request.nonce, asked.request.serial, self.now)

    def _new(self, asked: CheckedRequest, state: str, device: str, site: str, replaces: str) -> Box:
        inventory = msgspec.json.encode(asked.request.inventory).decode()
        box = Box(asked.request.serial, device, site, asked.public_key, asked.request.seal_key, state,
                  0, self.now, replaces, inventory)  # fmt: skip
        self.ledger.put_box(box)
        return box

    def _placed(self, box: Box, site: str, device: str, seal_key: str) -> Box:
        if not site:
            raise LedgerError(f"{box.serial} stands at no site yet", advice="give --site")
        self.ledger.site(site)
        if device and device != box.device:
            if box.device:
                raise LedgerError(f"{box.serial} is {box.device} already", advice="leave --device out")
            self.ledger.check_device(device)
        given = box.device or device or self.ledger.new_device(site)
        self.ledger.place(box.serial, given, site, seal_key)
        if site != box.site:
            self.ledger.note("box", self.now, serial=box.serial, detail=f"{given} stands at {site}")
        return self.ledger.known(box.serial)

    def _nonce(self, asked: CheckedRequest) -> str:
        """Law 4."""
        nonce = asked.request.nonce
        answered = self.ledger.answered(nonce, asked.request.serial) if nonce else 0
        return nonce if nonce and (not answered or asked.request.sequence < answered) else ""

    def _full(self, box: Box, ring: RingSource | None, *, nonce: str = "", said: int = 0) -> Issued:
        site = self.ledger.site(box.site)
        text = templates.fill(site.config, device=box.device, site=site.site, serial=box.serial, package=self.package)
        templates.check(text, where=f"site {site.site}", device=box.device, site=site.site, package=self.package)
        contents = {"edge.toml": text.encode(), **self._certified(box), **site.files}
        if site.lists:
            if ring is None:
                raise AuthorityError(
                    f"boxes of {site.site} get keys of lists ({', '.join(site.lists)})",
                    advice="give --ring and --seal-key, or the file that was sealed for the box with --list-keys",
                )
            contents["list-keys.sealed"] = ring.for_box(box.seal_key, site.lists)
        return self._sealed(box, contents, nonce=nonce, said=said)

    def _certified(self, box: Box) -> dict[str, bytes]:
        certificate = self.authority.device(box.public_key, box.device, self.now)
        data = authority.pem(certificate)
        self.ledger.put_certificate(authority.number_of(certificate), box.device, "device", box.serial, self.now,
                                    certificate.not_valid_after_utc, data.decode())  # fmt: skip
        return {"device.pem": data, "ca.pem": self.folder.ca_bytes()}

    def _sealed(self, box: Box, contents: dict[str, bytes], *, nonce: str = "", said: int = 0) -> Issued:
        if self.package.number > 1:  # in every one: nobody here knows which of them the box could read
            contents["national.json"] = self.folder.national_bytes()
        if self.folder.revoked.exists():
            contents["revoked.json"] = self._revoked()
        sequence = self.ledger.next_sequence(box.serial, said, self.above)
        not_after = self.now + timedelta(days=self.days)
        data = seal_envelope(
            contents, country=self.package.country, serial=box.serial, device_key=box.device_key, sequence=sequence,
            created=self.now, not_before=self.now - EARLY, not_after=not_after, nonce=nonce, key=self.command,
            to=sealing.seal_public_from_text(box.seal_key),
        )  # fmt: skip
        self.ledger.note("envelope", self.now, serial=box.serial, number=sequence, until=not_after, data=data,
                         detail=" ".join(contents))  # fmt: skip
        try:
            files.replace(self.folder.issued(box.serial, sequence), data, files.PRIVATE)
        except OSError as error:
            raise AuthorityError(f"{self.folder.root}: {error.strerror}", advice="make room there") from error
        until = self.ledger.certificate_until(box.serial) if "device.pem" in contents else None
        return Issued(box.serial, box.device, box.site, sequence, tuple(contents), not_after, until, data)

    def _revoked(self) -> bytes:
        """The revocations; a box refuses a whole envelope for one that is signed by a key that has ended."""
        advice = "make it anew: borderpost-provision revoke --again"
        data = files.read(self.folder.revoked, MAX_PAPER, advice=advice)
        try:
            open_paper(data, Revocation, keys_of(self.package.command_keys))
        except ProvisioningError as error:
            raise AuthorityError(f"{self.folder.revoked}: {error.message}", advice=advice) from error
        return data


def digest(issued: Issued) -> str:
    """SHA-256 of the envelope as a file, hexadecimal."""
    return hashlib.sha256(issued.data).hexdigest()
