"""A new key in the place of one that was lost or stolen. What it means for the boxes: docs/key-ceremony.md, section 6.

Law: the old file is kept under its key id if it is there; the old line ends in the ledger, and the next national
package does not name it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from common.times import rfc3339
from provisioning import authority, files, keyfiles
from provisioning.ceremony import MadeKey, write_pair
from provisioning.errors import AuthorityError
from provisioning.folder import OFFICE, AuthorityFolder
from provisioning.ledger import Ledger


def replace_key(
    folder: AuthorityFolder, ledger: Ledger, name: str, place: Path | None, words: Callable[..., str], now: datetime
) -> MadeKey:
    """A new key in the place of ``name``; the old line ends, its file (if it is still here) gets its key id's name.

    Raises AuthorityError for a name that the ceremony did not make.
    """
    row = ledger.store.row("SELECT * FROM keys WHERE name = ? AND ended = ''", name)
    if row is None or row["role"] in ("seal", "ack"):
        raise AuthorityError(f"the ceremony made no key {name[:40]}", advice="see `borderpost-provision show keys`")
    owner = OFFICE if name in ("claim", "command") else name
    word = keyfiles.check_passphrase(words(owner, confirm=owner != OFFICE), owner)
    if owner == OFFICE:
        folder.authority(word)  # the daily keys share one passphrase: it must be the one that is in use
    inside = folder.root / ("keys" if owner == OFFICE else "offline")
    path = (place or inside) / f"{name}.pem"
    try:
        with ledger.store.writing():
            aside = [file for file in (path, path.with_suffix(".pub")) if file.exists()]
            for file in aside:
                file.rename(file.with_name(f"{name}-{row['kid']}{file.suffix}"))
            made = write_pair(name, word, path.parent, [])
            ledger.store.change("UPDATE keys SET name = ?, ended = ? WHERE name = ?",
                                f"{name}-{row['kid']}", rfc3339(now), name)  # fmt: skip
            ledger.put_key(name, made.role, made.line, made.kid, now, made.place)
    except OSError as error:
        raise AuthorityError(
            f"{error.filename}: {error.strerror}", advice="give a folder that you may write"
        ) from error
    return made


def replace_ca(folder: AuthorityFolder, ledger: Ledger, word: str, now: datetime) -> str:
    """A new certificate authority; its fingerprint. The one before it is believed until ``forget_old_ca``.

    Raises AuthorityError while two are believed already, and for another passphrase than the daily keys'.
    """
    folder.sign_key("command", word)
    if folder.old_ca.exists():
        raise AuthorityError("two authorities are believed already", advice="first: `key ca --forget`")
    old = folder.certificate()
    new = authority.make(ledger.country, ledger.store.meta("name"), now)
    try:
        with ledger.store.writing():
            files.replace(folder.old_ca, authority.pem(old))
            if folder.ca_key.exists():
                folder.ca_key.rename(folder.old_ca.with_suffix(".key"))
            elif folder.crl.exists():  # nobody can sign another: without a list the broker refuses its certificates
                files.replace(folder.old_ca.with_suffix(".crl"), folder.crl.read_bytes())
            files.replace(folder.ca_key, keyfiles.locked(new.key, word), files.PRIVATE)
            files.replace(folder.ca, authority.pem(new.certificate) + authority.pem(old))
            ledger.note("key", now, detail="a new certificate authority", data=authority.pem(new.certificate))
    except OSError as error:
        raise AuthorityError(f"{folder.root}: {error.strerror}", advice="check its rights and space") from error
    return authority.fingerprint(new.certificate)


def forget_old_ca(folder: AuthorityFolder, ledger: Ledger, now: datetime) -> None:
    """The authority before this one is believed no longer: not by the broker, nor by boxes with their next envelope."""
    if not folder.old_ca.exists():
        raise AuthorityError("there is one authority alone", advice="nothing is to be forgotten")
    try:
        with ledger.store.writing():
            files.replace(folder.ca, authority.pem(folder.certificate()))
            ledger.note("key", now, detail="the old certificate authority is forgotten")
            for suffix in (".pem", ".key", ".crl"):
                folder.old_ca.with_suffix(suffix).unlink(missing_ok=True)
    except OSError as error:
        raise AuthorityError(f"{folder.root}: {error.strerror}", advice="check its rights and space") from error
