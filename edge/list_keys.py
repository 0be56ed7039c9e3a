"""Where a box has its list keys from: a systemd credential, or a file sealed to the box.

Laws:
1. A key ring in clear is read from the credentials folder alone, which systemd keeps in memory; on the box's own disk
   stands a ring only as ``list-keys.sealed``, sealed to the box's seal key: in the state folder, or in the generation
   of the configuration that an envelope brought.
2. The seal key comes from the credential ``box-seal-key`` where the site has one, from the box's identity where it was
   enrolled (edge.enrol.identity), or from ``box-seal.pem`` in the state folder, made once. With that file ring and key
   stand on one disk: names cannot be read from it by searching, but whoever has the disk can open it
   (docs/adr/0020-at-rest.md says what to do about it).
3. No ring, or one that cannot be used, never stops the box: its sealed lists cannot be asked and say why.
4. Nothing of a ring is logged. ``problem`` names files, never what is in them.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from common.files import open_regular
from edge.core import sealing
from edge.core.vault import KeyRing, RingEntry, RingError, open_ring
from edge.core.vault.ring import OtherKeyError
from edge.enrol.identity import KEYS, IdentityError, open_if_there
from edge.keys import make_file

CREDENTIALS: Final = "CREDENTIALS_DIRECTORY"  # the environment variable that systemd sets
RING, SEALED = "list-keys", "list-keys.sealed"
SEAL_KEY, SEAL_FILE = "box-seal-key", "box-seal.pem"
IDENTITY: Final = "identity"  # below the state folder
UNIT_CREDENTIALS: Final = Path("/run/credentials/borderpost.service")  # the same folder, for who looks from outside
MAX_BYTES: Final = 1 << 20  # of a credential, as systemd bounds it

_Stamp = tuple[tuple[int, int, int] | None, ...]


@dataclass(frozen=True, slots=True)
class Places:
    """Where something lies: a ring and a seal key in credentials, a sealed ring and a seal key on the disk."""

    ring: bool
    key: bool
    sealed: bool
    key_on_disk: bool


def beside_the_unit() -> dict[str, str]:
    """The environment for ``ListKeys`` in a program that runs beside the service, as its user or as root."""
    found = {CREDENTIALS: os.environ[CREDENTIALS]} if os.environ.get(CREDENTIALS) else {}
    return found or ({CREDENTIALS: str(UNIT_CREDENTIALS)} if os.access(UNIT_CREDENTIALS, os.R_OK | os.X_OK) else {})


class ListKeys:
    """The box's ring, read again when a file of it has changed."""

    def __init__(self, state_dir: Path, environ: Mapping[str, str] | None = None) -> None:
        credentials = (os.environ if environ is None else environ).get(CREDENTIALS)
        folder = Path(credentials) if credentials else None
        self._state_dir = state_dir
        self._credential = folder / RING if folder else None
        self._private = folder / SEAL_KEY if folder else None
        self._sealed = state_dir / SEALED
        self._brought = state_dir / "config" / "current" / SEALED
        self._environ = environ
        self._stamp: _Stamp | None = None
        self._ring = KeyRing()
        self.problem: str | None = None  # what is wrong with the ring, None if nothing is

    def ring(self) -> KeyRing:
        """The keys as they stand; never raises (law 3)."""
        places = (
            self._credential, self._private, self._sealed, self._brought, self._state_dir / SEAL_FILE,
            self._state_dir / IDENTITY / KEYS,
        )
        stamp = tuple(_stamp(place) for place in places)
        if stamp != self._stamp:
            self._stamp, self._ring, self.problem = stamp, KeyRing(), None
            self._ring = self._read()
        return self._ring

    def places(self) -> Places:
        """Which of the four files are there."""
        on_disk = self._state_dir / SEAL_FILE
        ring, key, sealed, brought, private = (
            place is not None and place.exists()
            for place in (self._credential, self._private, self._sealed, self._brought, on_disk)
        )
        return Places(ring, key, sealed or brought, private)

    def public_line(self) -> str:
        """The line that headquarters seals this box's ring to; makes the key if there is none.

        Raises ``RingError`` for a key that is not one, ``OSError`` where it cannot be read or made.
        """
        if not self._seal_keys():
            make_file(self._state_dir / SEAL_FILE, sealing.private_to_pem(sealing.generate_seal_key()))
        return sealing.public_to_text(self._seal_keys()[0].public_key())

    def _read(self) -> KeyRing:
        found: dict[tuple[str, int], RingEntry] = {}
        problems = []
        sources = ((self._credential, self._in_clear), (self._sealed, self._opened), (self._brought, self._opened))
        for place, read in sources:
            try:
                if place is not None and place.exists():
                    found.update({(e.list_id, e.generation): e for e in read(place).entries})  # the sealed one is newer
            except RingError as error:
                problems.append(f"{place}: {error.message}")
            except OSError as error:
                problems.append(f"{place}: {error.strerror or 'cannot be read'}")
        self.problem = "; ".join(problems) or None
        try:
            return KeyRing.of(found.values())
        except RingError as error:
            self.problem = error.message
            return KeyRing()

    @staticmethod
    def _in_clear(place: Path) -> KeyRing:
        return KeyRing.decode(_bytes(place))

    def _opened(self, place: Path) -> KeyRing:
        blob, found = _bytes(place), self._seal_keys()
        if not found:
            raise RingError("this box has no key to open it")
        for private in found[:-1]:
            with contextlib.suppress(OtherKeyError):
                return open_ring(blob, private)
        return open_ring(blob, found[-1])

    def _seal_keys(self) -> list[sealing.SealPrivate]:
        """Every key that a ring may be sealed to, the first one that to which it should be."""
        found = []
        for place in (self._private, self._state_dir / SEAL_FILE):
            if place is not None and place.exists():
                try:
                    found.append(sealing.seal_private_from_pem(_bytes(place)))
                except sealing.KeyTextError as error:
                    raise RingError(f"{place.name} holds no X25519 private key") from error
        try:
            enrolled = open_if_there(self._state_dir / IDENTITY, self._environ)
        except IdentityError as error:
            raise RingError(error.message) from error
        if enrolled is not None:
            found.insert(1 if self._private is not None and self._private.exists() else 0, enrolled.seal_key)
        return found


def _bytes(place: Path) -> bytes:
    with open_regular(place) as file:
        return file.read(MAX_BYTES + 1)


def _stamp(place: Path | None) -> tuple[int, int, int] | None:
    try:
        stat = place.stat() if place is not None else None
    except OSError:
        return None
    return (stat.st_ino, stat.st_size, stat.st_mtime_ns) if stat is not None else None
