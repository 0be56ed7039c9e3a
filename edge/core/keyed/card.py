"""The card of a keyed list: what its files' headers do not say of it.

Laws:
1. A card is small JSON beside the files (``card.json``). Generation, date and count of the list stand in the header of
   its newest file alone.
2. The action text holds "confirm with the NCB" and never prejudges: a hit is a lead.
3. Whatever the bytes, ``decode`` raises nothing but ``LayoutError``. A field of a later edition is refused: it may be
   an order that this program would not follow.
4. ``seal`` is the SHA-256 of the card without it: a card with one flipped bit, or one line written in, is refused. It
   shows damage, not forgery; what headquarters signed is the whole file (docs/distribution.md).
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Final, Literal

import msgspec

from edge.core.errors import LayoutError
from edge.core.watch import manifest as manifests

FORMAT: Final = 1
FILE_NAME: Final = "card.json"
MAX_BYTES: Final = 4096

Thing = Literal["documents", "vehicles", "firearms"]
DOCUMENTS: Final = "documents"
VEHICLES: Final = "vehicles"
FIREARMS: Final = "firearms"


class Card(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``card.json``. The ages are seconds from the source date, as in a manifest's policy; None for nothing."""

    list_id: Annotated[str, msgspec.Meta(pattern="^[a-z0-9-]{2,40}$")]
    title: Annotated[str, msgspec.Meta(max_length=200)]
    thing: Thing
    silent: bool
    action: Annotated[str, msgspec.Meta(max_length=500)]
    erase_after_s: manifests.Age | None = None
    warn_after_s: manifests.Age | None = None
    incomplete_after_s: manifests.Age | None = None
    format: int = FORMAT
    seal: str = ""

    @property
    def ages(self) -> manifests.Policy:
        """What the list's owner demands of its age."""
        return manifests.Policy(self.warn_after_s, self.incomplete_after_s, self.erase_after_s)

    def sealed(self) -> Card:
        """The same card with its own digest in ``seal``."""
        return msgspec.structs.replace(self, seal=_digest(self))


def _digest(card: Card) -> str:
    bare = msgspec.structs.replace(card, seal="")
    return hashlib.sha256(msgspec.json.encode(bare, order="sorted")).hexdigest()


def encode(card: Card) -> bytes:
    """The bytes of ``card.json``, sealed. Raises ``LayoutError`` for what ``decode`` would refuse."""
    data = msgspec.json.format(msgspec.json.encode(card.sealed()), indent=2) + b"\n"
    decode(data)
    return data


def decode(data: bytes) -> Card:
    """Read and check a card. Raises ``LayoutError``."""
    if len(data) > MAX_BYTES:
        raise LayoutError(f"a list's card is longer than {MAX_BYTES} bytes")
    try:
        card = msgspec.json.decode(data, type=Card)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise LayoutError("a list's card cannot be read") from None  # the cause would quote what stands there
    if card.format != FORMAT:
        raise LayoutError(f"a list's card has format {card.format}, this program reads {FORMAT}")
    if card.seal != _digest(card):
        raise LayoutError("a list's card does not agree with its own digest")
    if manifests.prejudges(card.action) or manifests.with_ncb(card.action) != card.action:
        raise LayoutError("the action text of a list's card prejudges, or does not say to confirm with the NCB")
    return card
