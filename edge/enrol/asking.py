"""What a box asks of headquarters: to be enrolled under a claim, or to have its certificate renewed.

Laws:
1. The request of a claim is made once and kept: its code stays the same however often the stick comes.
2. The code is computed here, from what is kept here; nothing of it comes from the stick but the claim's nonce
   and site.
3. At most ``MAX_PENDING`` claims are kept, until the box is enrolled; the newest is the one whose code is shown.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Final

import msgspec
from cryptography import x509

from edge.core.provisioning.codes import Code, ProvisioningError
from edge.core.provisioning.csr import make_csr, read_csr
from edge.core.provisioning.envelope import nonce_mark
from edge.core.provisioning.papers import Claim, Inventory, Request
from edge.core.provisioning.request import code_of, write_request
from edge.core.provisioning.signing import open_paper
from edge.core.trusted import Trusted
from edge.enrol.disk import Disk, disk_error, read
from edge.enrol.identity import Identity
from edge.enrol.kept import Kept
from edge.enrol.places import Places
from edge.enrol.trust import Trust

MAX_PENDING: Final = 4
MAX_BYTES: Final = 256 * 1024
PENDING: Final = "pending.json"


class Asked(msgspec.Struct, frozen=True):
    """One claim that this box has answered with a request."""

    nonce: str
    site: str
    csr: str      # PEM
    serial: str   # of the identity that asked


class _Pending(msgspec.Struct, frozen=True):
    asked: Annotated[tuple[Asked, ...], msgspec.Meta(max_length=MAX_PENDING)] = ()


def judge_claim(data: bytes, trust: Trust, kept: Kept, now: Trusted) -> Claim:
    """A claim that this box may answer. Raises ProvisioningError."""
    claim = open_paper(data, Claim, trust.claim)
    if claim.country != trust.package.country:
        raise ProvisioningError(Code.OTHER_COUNTRY, claim.country)
    if nonce_mark(claim.nonce) in kept.nonces:
        raise ProvisioningError(Code.NONCE_USED, "claim")
    if now.expiry is not None and now.expiry > claim.expires:
        raise ProvisioningError(Code.EXPIRED, "claim")
    return claim


def load(places: Places, identity: Identity) -> tuple[Asked, ...]:
    """The claims that the present identity has answered, oldest first. Raises ProvisioningError."""
    try:
        data = read(places.identity / PENDING, MAX_BYTES)
        pending = _Pending() if data is None else msgspec.json.decode(data, type=_Pending)
    except OSError as error:
        raise disk_error(error) from error
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ()  # asked again under the same claim, with another code
    return tuple(one for one in pending.asked if one.serial == identity.serial)


def waiting(asked: tuple[Asked, ...], kept: Kept) -> tuple[Asked, ...]:
    """Those whose nonce is not used up."""
    return tuple(one for one in asked if nonce_mark(one.nonce) not in kept.nonces)


def answer(disk: Disk, places: Places, identity: Identity, claim: Claim, kept: Kept) -> Asked:
    """The request for a claim, made and kept unless it was before. Raises ProvisioningError."""
    asked = waiting(load(places, identity), kept)
    for one in asked:
        if one.nonce == claim.nonce:
            return one
    new = Asked(claim.nonce, claim.site, make_csr(identity.device_key, identity.serial), identity.serial)
    try:
        disk.write(places.identity / PENDING, msgspec.json.encode(_Pending((*asked, new)[-MAX_PENDING:])))
    except OSError as error:
        raise disk_error(error) from error
    return new


def forget(disk: Disk, places: Places) -> None:
    """The box is enrolled: what other claims asked of it is not asked any more. A second claim that was carried to it
    would otherwise show its code to a technician who has nothing to read. Raises OSError."""
    disk.remove(places.identity / PENDING)


def enrolment(identity: Identity, asked: Asked, kept: Kept, inventory: Inventory, wall: datetime) -> bytes:
    """``request.json`` for a claim."""
    return write_request(Request(
        kind="enrol", serial=identity.serial, site=asked.site, nonce=asked.nonce, csr=asked.csr,
        seal_key=identity.seal_line, sequence=kept.sequence, inventory=inventory, created=wall,
    ), identity.sign)


def renewal(
    identity: Identity, *, device: str, site: str, kept: Kept, inventory: Inventory, wall: datetime
) -> bytes:
    """``request.json`` for a new certificate under the same name; the device id is the request's common name."""
    return write_request(Request(
        kind="renew", serial=identity.serial, site=site, device=device, csr=make_csr(identity.device_key, device),
        seal_key=identity.seal_line, sequence=kept.sequence, inventory=inventory, created=wall,
    ), identity.sign)


def code(identity: Identity, asked: Asked) -> str:
    """``ABCD-EFGH-IJKL-MNOP``, to be read to headquarters (law 2)."""
    seal_key = identity.seal_key.public_key().public_bytes_raw()
    return code_of(read_csr(asked.csr).der, seal_key, asked.nonce, asked.site)


def is_due(certificate: x509.Certificate | None, now: datetime | None, share: float) -> bool:
    """True if at most ``share`` of the certificate's life is left. Unknown time (None): True, asking costs nothing."""
    if certificate is None:
        return False
    if now is None:
        return True
    life: timedelta = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    return certificate.not_valid_after_utc - now <= life * share
