"""Who says so: a paper is signed by keys of one role, and is read only after that has been seen.

Laws:
1. The signature is verified over the bytes as they came, before a single field of the paper is read. The one exception
   is the national package that was installed with the software: it names the keys that sign it.
2. The domain of a signature is ``paper:KIND``: a claim is worth nothing as a reset, whoever signed it.
3. A threshold counts different keys, not signatures. A signature that names a key of the role and does not fit
   spoils the paper, also if there are enough others: somebody altered it.
4. A signed paper has one form: Base64 that is written in another way than the encoder's is refused.

A signed paper is the JSON of one ``edge.core.wire.Signed``, or for several signatures a JSON array of at most
``MAX_SIGNATURES`` of them over the same payload.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypeVar

from edge.core import sealing
from edge.core.provisioning.codes import Code, ProvisioningError
from edge.core.provisioning.papers import MAX_PAPER, NationalPackage, Paper
from edge.core.wire import Signed, WireError, decode, encode

MAX_SIGNATURES: Final = 8
P = TypeVar("P", bound=Paper)
Keys = Mapping[str, sealing.SignPublic]  # kid -> key, as ``keys_of`` makes it


def sign_paper(paper: Paper, *keys: sealing.SignPrivate) -> bytes:
    """The paper as a file, signed by each of 1 to ``MAX_SIGNATURES`` keys.

    Raises ProvisioningError: TOO_LARGE_PAPER when the file would exceed ``MAX_PAPER`` bytes; DAMAGED_PAPER for a paper
    that breaks its own limits, and that nobody could read.
    """
    try:
        payload = encode(paper)
    except WireError as error:
        raise ProvisioningError(Code.TOO_LARGE_PAPER, f"{kind_of(type(paper))}: {error.message}") from error
    data = attach(payload, type(paper), *keys)
    _decoded(payload, type(paper))
    return data


def attach(payload: bytes, kind: type[Paper], *keys: sealing.SignPrivate, before: bytes = b"") -> bytes:
    """``payload`` with the signatures of ``keys``; ``before``: a signed file of the same payload, whose signatures
    stay (roots sign one after the other, each where its key is kept). Errors as ``sign_paper`` and ``signatures``.
    """
    signed = [Signed.of(payload, _kid(key), sealing.sign(_domain(kind), payload, key)) for key in keys]
    held = signatures(before) if before else ()
    if held and _payload(held) != payload:
        raise ProvisioningError(Code.DAMAGED_PAPER, "the signatures before are over another paper")
    new = {message.kid for message in signed}
    all_ = [message for message in held if message.kid not in new] + signed
    if not 1 <= len(all_) <= MAX_SIGNATURES:
        raise ProvisioningError(Code.DAMAGED_PAPER, f"{len(all_)} signatures; between 1 and {MAX_SIGNATURES}")
    try:
        data = encode(all_[0] if len(all_) == 1 else all_)
    except WireError as error:
        raise ProvisioningError(Code.TOO_LARGE_PAPER, kind_of(kind)) from error
    if len(data) > MAX_PAPER or len(all_[0].payload) > MAX_PAPER:
        raise ProvisioningError(Code.TOO_LARGE_PAPER, f"{kind_of(kind)}: {len(data)} bytes, at most {MAX_PAPER}")
    return data


def open_paper(data: bytes, kind: type[P], keys: Keys, threshold: int = 1) -> P:
    """The paper of that kind in ``data``, if ``threshold`` different ones of ``keys`` signed it.

    Raises ProvisioningError: TOO_LARGE_PAPER; DAMAGED_PAPER (no signed paper, or none of this kind although the
    signature is right); UNKNOWN_KEY (nobody of ``keys`` signed); BAD_SIGNATURE (one that does not fit, or too few).
    """
    signed = signatures(data)
    payload = _payload(signed)
    check_signatures(signed, kind, keys, threshold)
    return _decoded(payload, kind)


def check_signatures(signed: Iterable[Signed], kind: type[Paper], keys: Keys, threshold: int) -> None:
    """Nothing if ``threshold`` different keys signed; else ProvisioningError UNKNOWN_KEY or BAD_SIGNATURE."""
    name, found = kind_of(kind), set[bytes]()
    for message in signed:
        key = keys.get(message.kid)
        if key is None:
            continue
        payload, signature = _parts(message)
        if not sealing.verify(_domain(kind), payload, signature, key):
            raise ProvisioningError(Code.BAD_SIGNATURE, f"{name}: the signature of key {message.kid} does not fit")
        found.add(key.public_bytes_raw())
    if not found:
        raise ProvisioningError(Code.UNKNOWN_KEY, f"{name}: signed by no key that may sign it")
    if len(found) < threshold:
        raise ProvisioningError(Code.BAD_SIGNATURE, f"{name}: {len(found)} of {threshold} signatures")


def signatures(data: bytes) -> tuple[Signed, ...]:
    """The signatures of a file, none verified yet: 1 to ``MAX_SIGNATURES``, all over one payload.

    Raises ProvisioningError TOO_LARGE_PAPER or DAMAGED_PAPER.
    """
    if len(data) > MAX_PAPER:
        raise ProvisioningError(Code.TOO_LARGE_PAPER, f"{len(data)} bytes, at most {MAX_PAPER}")
    try:
        found = decode(data, list[Signed]) if data[:1] == b"[" else [decode(data, Signed)]
    except WireError as error:
        raise ProvisioningError(Code.DAMAGED_PAPER, f"{len(data)} bytes are no signed paper") from error
    if not 1 <= len(found) <= MAX_SIGNATURES or len({message.payload for message in found}) != 1:
        raise ProvisioningError(Code.DAMAGED_PAPER, f"{len(found)} signatures that are not over one paper")
    _parts(found[0])
    return tuple(found)


def keys_of(lines: Iterable[str]) -> dict[str, sealing.SignPublic]:
    """kid -> key of ``ed25519:BASE64`` lines; ProvisioningError(DAMAGED_PAPER) for a line that is none."""
    try:
        found = [sealing.sign_public_from_text(line) for line in lines]
    except sealing.KeyTextError as error:
        raise ProvisioningError(Code.DAMAGED_PAPER, "a key line is no Ed25519 key") from error
    return {sealing.key_id(key): key for key in found}


def open_national(data: bytes, trusted: NationalPackage | None) -> NationalPackage:
    """The national package in ``data``, with every key line looked at.

    Without ``trusted`` (the file that came with the software) it must be signed by the threshold of the root keys that
    it names: damage shows, trust comes from who installed it. With ``trusted`` it must be signed by the threshold of
    that package's root keys as well, be of the same country, and have a higher number; the very same package is
    taken as it is. Raises ProvisioningError: as ``open_paper``, OTHER_COUNTRY, OLD_NUMBER.
    """
    signed = signatures(data)
    payload = _payload(signed)
    if trusted is not None:
        check_signatures(signed, NationalPackage, keys_of(trusted.root_keys), trusted.root_threshold)
    package = _decoded(payload, NationalPackage)
    _check_keys(package)
    check_signatures(signed, NationalPackage, keys_of(package.root_keys), package.root_threshold)
    if trusted is None or package == trusted:
        return package
    if package.country != trusted.country:
        raise ProvisioningError(Code.OTHER_COUNTRY, f"a package of {package.country}")
    if package.number <= trusted.number:
        raise ProvisioningError(Code.OLD_NUMBER, f"package {package.number}, the box has {trusted.number}")
    return package


def kind_of(kind: type[Paper]) -> str:
    """``claim``, ``envelope``, ...: the name of a kind of paper."""
    return str(kind.__struct_config__.tag)


def _check_keys(package: NationalPackage) -> None:
    for lines in (package.claim_keys, package.command_keys, (package.ack_key,)):
        keys_of(lines)
    if len(keys_of(package.root_keys)) < package.root_threshold:
        raise ProvisioningError(Code.DAMAGED_PAPER, "the package names fewer root keys than have to sign")
    try:
        for line in (package.seal_key, *package.escrow_keys):
            sealing.seal_public_from_text(line)
    except sealing.KeyTextError as error:
        raise ProvisioningError(Code.DAMAGED_PAPER, "a key line is no X25519 key") from error


def _decoded(payload: bytes, kind: type[P]) -> P:
    try:
        return decode(payload, kind)
    except WireError as error:
        raise ProvisioningError(Code.DAMAGED_PAPER, f"signed, but no {kind_of(kind)} of this version") from error


def _payload(signed: tuple[Signed, ...]) -> bytes:
    return _parts(signed[0])[0]


def _parts(message: Signed) -> tuple[bytes, bytes]:
    """Payload and signature, in the encoder's own Base64 (law 4)."""
    try:
        payload, signature = message.parts()
    except WireError as error:
        raise ProvisioningError(Code.DAMAGED_PAPER, "no Base64") from error
    if Signed.of(payload, message.kid, signature) != message:
        raise ProvisioningError(Code.DAMAGED_PAPER, "Base64 in another form than the encoder's")
    return payload, signature


def _domain(kind: type[Paper]) -> str:
    return f"paper:{kind_of(kind)}"


def _kid(key: sealing.SignPrivate) -> str:
    return sealing.key_id(key.public_key())
