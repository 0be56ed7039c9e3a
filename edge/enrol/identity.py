"""The box's own keys: made here once, sealed on the disk, never leaving the box.

Laws:
1. Device key (P-256: the box's name and its certificate) and seal key (X25519: what headquarters sends it) stand in
   ``keys.sealed``, AES-GCM under the box secret; ``secret`` beside it holds the half of that secret that a reset
   destroys. The other half is the systemd credential ``box-secret`` where the unit has one (TPM2, or the host's key).
2. Keys that do not open are set aside, never written over: the box has another name from then on, and headquarters has
   to enrol it again; it goes on screening meanwhile. Where those that are set aside open again (the disk is back in its
   own machine), they are the box's keys again, unless a reset has destroyed them. What the boot state beside them says
   is of the time before and goes first, so that no cut leaves it to be believed (``cloning``, law 5).
3. Keys that were sealed without the credential are sealed again as soon as there is one.
4. ``repr`` shows the serial alone.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from edge.core import sealing
from edge.core.errors import BorderpostError
from edge.core.provisioning.codes import ProvisioningError
from edge.core.provisioning.request import device_key_digest, serial_of
from edge.enrol.disk import Disk, read

CREDENTIALS: Final = "CREDENTIALS_DIRECTORY"  # the environment variable that systemd sets
CREDENTIAL: Final = "box-secret"
KEYS, SECRET = "keys.sealed", "secret"
BOOT: Final = "boot.sealed"  # ``cloning`` keeps it here
MAX_BYTES: Final = 16_384
MAX_LOST: Final = 100  # identities set aside that are looked at
_CONTEXT: Final = b"borderpost identity 1"
_LABEL: Final = b"borderpost box secret 1"


class IdentityError(BorderpostError):
    """The keys are there and cannot be opened."""


class _Keys(msgspec.Struct, frozen=True):
    device: bytes  # PKCS #8 DER
    seal: bytes    # raw


class Identity:
    """The opened keys of one box. ``made`` is True if they were made just now; ``lost`` names what was set aside,
    ``back`` what was taken out from there."""

    def __init__(self, keys: _Keys, *, made: bool = False, lost: str = "", back: str = "") -> None:
        device = serialization.load_der_private_key(keys.device, password=None)
        assert isinstance(device, ec.EllipticCurvePrivateKey)
        self._device = device
        self.seal_key = sealing.SealPrivate.from_private_bytes(keys.seal)
        self.spki = device.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.serial = serial_of(self.spki)
        self.device_key_digest = device_key_digest(self.spki)
        self.made, self.lost, self.back = made, lost, back

    def __repr__(self) -> str:
        return f"Identity({self.serial})"

    @property
    def device_key(self) -> ec.EllipticCurvePrivateKey:
        """For a request of a certificate, and nothing else outside this file."""
        return self._device

    @property
    def seal_line(self) -> str:
        """The public half of the seal key as requests carry it."""
        return sealing.public_to_text(self.seal_key.public_key())

    def sign(self, data: bytes) -> bytes:
        """ECDSA with SHA-256 over ``data`` (DER, at most 72 bytes)."""
        return self._device.sign(data, ec.ECDSA(hashes.SHA256()))

    def show_to_tls(self, disk: Disk, place: Path) -> None:
        """Write the device key where OpenSSL reads it: a folder in memory, mode 0600. Raises OSError."""
        disk.folder(place.parent, 0o750)
        disk.write(place, self._device.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ))


def open_or_make(disk: Disk, folder: Path, environ: Mapping[str, str] | None = None) -> Identity:
    """The identity in ``folder``, made there if there is none. Raises OSError where the disk refuses."""
    credential = _credential(environ)
    disk.folder(folder)
    lost = back = ""
    try:
        keys, weak = _opened(folder, credential)
    except IdentityError:
        lost = _set_aside(disk, folder)
        keys, weak = None, False
    if keys is None:
        back = _taken_back(disk, folder, credential)
        keys, weak = _opened(folder, credential) if back else (None, False)
    made = keys is None
    if keys is None:
        keys = _Keys(
            ec.generate_private_key(ec.SECP256R1()).private_bytes(
                serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ),
            sealing.generate_seal_key().private_bytes_raw(),
        )
    if made or weak:
        half = _half(folder)
        if half is None:
            half = sealing.generate_box_key()
            disk.write(folder / SECRET, half)
        sealed = sealing.box_seal(_secret(half, credential), msgspec.msgpack.encode(keys), _CONTEXT)
        disk.write(folder / KEYS, sealed)
    return Identity(keys, made=made, lost=lost, back=back)


def open_if_there(folder: Path, environ: Mapping[str, str] | None = None) -> Identity | None:
    """The identity as it stands, for who only looks; None where there is none. Raises IdentityError, OSError."""
    keys, _ = _opened(folder, _credential(environ))
    return Identity(keys) if keys else None


def box_secret(folder: Path, purpose: bytes, environ: Mapping[str, str] | None = None) -> bytes | None:
    """32 bytes for one more use of the box secret, named by ``purpose``; None before there is an identity."""
    half = _half(folder)
    return hmac.digest(_secret(half, _credential(environ)), purpose, "sha256") if half else None


def is_any_lost(folder: Path) -> bool:
    """Were keys of ``folder`` set aside that are there still?"""
    return any(folder.parent.glob(f"{folder.name}.lost-*"))


def erase(disk: Disk, folder: Path) -> None:
    """Destroy the half of the secret that is here, then the keys: nothing that they sealed can be opened again."""
    for name in (SECRET, KEYS):
        disk.shred(folder / name)
    disk.remove_tree(folder)


def _opened(folder: Path, credential: bytes | None) -> tuple[_Keys | None, bool]:
    """The keys, and whether they are sealed without the credential although there is one."""
    sealed = _bounded(folder / KEYS)
    if sealed is None:
        return None, False
    half = _half(folder)
    if half is None:
        raise IdentityError("the box's keys are there, their secret is not",
                            advice="enrol this box again: a claim stick, then an envelope")
    for with_credential in (credential, None) if credential else (None,):
        try:
            plain = sealing.box_open(_secret(half, with_credential), sealed, _CONTEXT)
            return msgspec.msgpack.decode(plain, type=_Keys), credential is not with_credential
        except (sealing.SealError, msgspec.MsgspecError):
            continue
    raise IdentityError("the box's keys do not open: another machine, another TPM, or damage",
                        advice="enrol this box again: a claim stick, then an envelope")


def _half(folder: Path) -> bytes | None:
    data = _bounded(folder / SECRET)
    return data if data is not None and len(data) == sealing.KEY_SIZE else None


def _bounded(path: Path) -> bytes | None:
    try:
        return read(path, MAX_BYTES)
    except ProvisioningError as error:
        raise IdentityError(f"{path.name} is no file of this box", advice="enrol this box again") from error


def _secret(half: bytes, credential: bytes | None) -> bytes:
    return hmac.digest(half, _LABEL + hashlib.sha256(credential or b"").digest(), "sha256")


def _credential(environ: Mapping[str, str] | None) -> bytes | None:
    folder = (os.environ if environ is None else environ).get(CREDENTIALS)
    return _bounded(Path(folder) / CREDENTIAL) if folder else None


def _set_aside(disk: Disk, folder: Path) -> str:
    number = 1
    while (target := folder.with_name(f"{folder.name}.lost-{number}")).exists():
        number += 1
    folder.rename(target)
    disk.folder(folder)
    return target.name


def _taken_back(disk: Disk, folder: Path, credential: bytes | None) -> str:
    """The keys that were set aside and open now, in the place of the empty ``folder``; the name that they had, or "".

    A cut leaves ``folder`` empty or absent: the next start comes here again.
    """
    for number in range(1, MAX_LOST + 1):
        place = folder.with_name(f"{folder.name}.lost-{number}")
        try:
            found = _opened(place, credential)[0] if place.is_dir() else None
        except IdentityError:
            continue
        if found is not None:
            disk.remove(place / BOOT)
            disk.remove_tree(folder)
            place.rename(folder)
            disk.sync_folder(folder.parent)
            return place.name
    return ""
