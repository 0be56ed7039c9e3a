"""Boxes that count no longer: the signed Revocation for posts and headquarters, the revocation list for the broker.

Law: the ledger says first that a box is revoked; both files are made from it, and can be made again at any time.
"""

from __future__ import annotations

from datetime import datetime

from edge.core import sealing
from edge.core.provisioning.papers import Revocation
from edge.core.provisioning.signing import sign_paper
from provisioning import files
from provisioning.errors import AuthorityError
from provisioning.folder import AuthorityFolder
from provisioning.ledger import Box, Ledger


def revoke(
    folder: AuthorityFolder, ledger: Ledger, box: Box, reason: str, word: str, command: sealing.SignPrivate,
    now: datetime,
) -> int:  # fmt: skip
    """Revoke a box with all its certificates and make both files. How many certificates that were."""
    with ledger.store.writing():
        count = ledger.revoke(box, reason[:200], now)
    publish(folder, ledger, word, command, now)
    return count


def publish(
    folder: AuthorityFolder, ledger: Ledger, word: str, command: sealing.SignPrivate, now: datetime
) -> int:
    """Write ``revoked.json`` and ``ca/crl.pem`` anew from the ledger; their number. Raises AuthorityError.

    ``word``: the authority's passphrase.
    """
    with ledger.store.writing():
        number = ledger.next_number("revoked", now)
        serials, devices = ledger.revoked_names(now)
        paper = Revocation(
            country=ledger.country, number=number, created=now, serials=tuple(serials), devices=tuple(devices)
        )
        data = sign_paper(paper, command)
        ledger.note("revoked", now, number=number, data=data, detail=f"{len(serials)} boxes")
    try:
        crl = folder.revocations(word, ledger.revoked_certificates(now), now, number)
        files.replace(folder.crl, crl)
        files.replace(folder.revoked, data)
    except OSError as error:
        raise AuthorityError(f"{folder.root}: {error.strerror}", advice="then: revoke --again") from error
    return number
