"""Keys of lists for one box: from headquarters' ring, or from a file that was sealed for that box elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from edge.core import sealing
from edge.core.vault import KeyRing, RingError, open_ring, seal_ring
from provisioning import files, keyfiles
from provisioning.errors import AuthorityError

MAX_RING: Final = 512 << 10  # bytes


@dataclass(frozen=True, slots=True)
class RingSource:
    """A ring in clear, in memory; or ``sealed``, made by `borderpost-hq keys seal-ring` for this one box."""

    ring: KeyRing | None = field(default=None, repr=False)
    sealed: bytes = field(default=b"", repr=False)

    def for_box(self, seal_line: str, lists: Sequence[str]) -> bytes:
        """``list-keys.sealed``. Raises AuthorityError for a list whose key is not there."""
        if self.ring is None:
            return self.sealed
        wanted = self.ring.only(lists)
        missing = sorted(set(lists) - {entry.list_id for entry in wanted.entries})
        if missing:
            raise AuthorityError(
                f"the ring holds no key of {missing[0]}",
                advice=f"make one: borderpost-hq keys list-key --list {missing[0]} --generation N",
            )
        return seal_ring(wanted, sealing.seal_public_from_text(seal_line))


def opened(ring: Path, seal_key: Path, passphrase: str | None) -> RingSource:
    """The ring at ``ring``, by headquarters' seal key. Raises AuthorityError."""
    advice = "give keys/list-keys.ring of headquarters"
    try:
        return RingSource(open_ring(files.read(ring, MAX_RING, advice=advice), keyfiles.seal_key(seal_key, passphrase)))
    except RingError as error:
        raise AuthorityError(f"{ring}: {error.message}", advice=f"{advice}, and its seal.pem") from error


def from_file(path: Path) -> RingSource:
    """A file of `borderpost-hq keys seal-ring`. Raises AuthorityError."""
    return RingSource(sealed=files.read(path, MAX_RING, advice="make it: borderpost-hq keys seal-ring"))
