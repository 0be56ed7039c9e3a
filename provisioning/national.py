"""Making the national package: composed from the ledger and what is said, in force when the roots have signed.

Laws:
1. A package that follows another needs the threshold of the old roots and of its own: a box takes no other
   (``edge.core.provisioning.signing.open_national``).
2. What waits is never changed, only signed; what is said anew begins a new one.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from edge.core import sealing
from edge.core.provisioning.papers import MAX_PAPER, KeyLine, NationalPackage
from edge.core.provisioning.signing import attach, check_signatures, keys_of, open_national, signatures
from edge.core.wire import encode
from provisioning import files
from provisioning.errors import AuthorityError
from provisioning.folder import AuthorityFolder
from provisioning.ledger import Ledger

MAX_ROOT: Final = 40_000  # bytes of 1.root.json: the signed package has ``MAX_PAPER``


@dataclass(frozen=True, slots=True)
class Said:
    """What a person said of the next package; None where it is to stay as it is."""

    seal: str | None = None
    ack: str | None = None
    escrow: tuple[str, ...] = ()
    tuf_root: str | None = None
    name: str | None = None

    @classmethod
    def of(cls, lines: Path | None, tuf_root: Path | None, escrow: tuple[str, ...], name: str | None) -> Said:
        """From files. Raises AuthorityError."""
        advice = "give what `borderpost-hq keys show` prints"
        seal = ack = text = None
        if lines is not None:
            try:
                table = tomllib.loads(files.read(lines, 64 << 10, advice=advice).decode())["headquarters"]
                seal, ack = msgspec.convert(table["seal_key"], KeyLine), msgspec.convert(table["ack_key"], KeyLine)
            except (ValueError, KeyError, TypeError, msgspec.ValidationError) as error:
                raise AuthorityError(f"{lines}: no seal_key and ack_key under [headquarters]", advice=advice) from error
        if tuf_root is not None:
            text = files.read(tuf_root, MAX_ROOT, advice="give metadata/1.root.json of the repository").decode("utf-8")
        return cls(seal, ack, escrow, text, name)

    @property
    def anything(self) -> bool:
        """True if a new package is wanted."""
        return self != Said()


@dataclass(frozen=True, slots=True)
class State:
    """The newest package: its number, and how many root signatures it lacks."""

    number: int
    missing: int


def advance(
    folder: AuthorityFolder, ledger: Ledger, said: Said, keys: Sequence[sealing.SignPrivate], now: datetime
) -> State:
    """Compose a new package or go on with the one that waits; sign it; put it in force when it is complete.

    Raises AuthorityError, ProvisioningError for keys or lines that do not serve.
    """
    current = folder.package() if folder.national.exists() else None
    waiting = b""
    if folder.waiting.exists():
        waiting = files.read(folder.waiting, MAX_PAPER, advice="remove it and begin again")
    if waiting and not said.anything:
        payload, before = signatures(waiting)[0].parts()[0], waiting
    else:
        payload, before = encode(_composed(ledger, said, current, now)), b""
    package = msgspec.json.decode(payload, type=NationalPackage)
    roots = {*keys_of(package.root_keys), *(keys_of(current.root_keys) if current else ())}
    for key in keys:
        if sealing.key_id(key.public_key()) not in roots:
            raise AuthorityError("one of the keys is no root key", advice="see `borderpost-provision show keys`")
    if not keys and not before:
        raise AuthorityError("nobody signs the package", advice="give a root key with --sign")
    try:
        data = attach(payload, NationalPackage, *keys, before=before)
        missing = max(_missing(data, p) for p in (package, current) if p is not None)
        with ledger.store.writing():
            if missing:
                files.replace(folder.waiting, data)
            else:
                open_national(data, current)
                _in_force(folder, ledger, package, data, now)
    except OSError as error:
        raise AuthorityError(f"{folder.root}: {error.strerror}", advice="check its rights and space") from error
    if not missing:
        folder.waiting.unlink(missing_ok=True)
    return State(package.number, missing)


def _composed(ledger: Ledger, said: Said, current: NationalPackage | None, now: datetime) -> NationalPackage:
    seal, ack = said.seal or (current and current.seal_key), said.ack or (current and current.ack_key)
    if not seal or not ack:
        raise AuthorityError("headquarters' seal key and ack key are not known", advice="give --headquarters FILE")
    escrow = tuple(dict.fromkeys([*ledger.lines("escrow"), *said.escrow]))
    return NationalPackage(
        country=ledger.country, name=said.name if said.name is not None else ledger.store.meta("name"),
        claim_keys=tuple(ledger.lines("claim")), command_keys=tuple(ledger.lines("command")),
        root_keys=tuple(ledger.lines("root")), root_threshold=int(ledger.store.meta("threshold")), seal_key=seal,
        escrow_keys=escrow, ack_key=ack, number=current.number + 1 if current else 1, created=now,
        tuf_root=said.tuf_root if said.tuf_root is not None else current.tuf_root if current else "",
    )


def _missing(data: bytes, package: NationalPackage) -> int:
    """How many signatures lack for that package's roots."""
    keys, signed = keys_of(package.root_keys), signatures(data)
    held = {message.kid for message in signed} & set(keys)
    if not held:
        return package.root_threshold
    check_signatures(signed, NationalPackage, keys, 1)
    return max(package.root_threshold - len(held), 0)


def _in_force(
    folder: AuthorityFolder, ledger: Ledger, package: NationalPackage, data: bytes, now: datetime
) -> None:
    """Inside ``writing``: the file last, so that the ledger never names a package that is not there."""
    for name, line in (("seal", package.seal_key), ("ack", package.ack_key)):
        kid = sealing.key_id(
            sealing.seal_public_from_text(line) if name == "seal" else sealing.sign_public_from_text(line)
        )
        ledger.put_key(name, name, line, kid, now, "headquarters")
    ledger.note("national", now, number=package.number, data=data, detail=f"{len(signatures(data))} signatures")
    files.replace(folder.national, data)


