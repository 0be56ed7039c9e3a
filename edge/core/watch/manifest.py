"""The manifest of a generation: what the list is, how old, what it holds, and the files' digests.

Laws:
1. A generation is never changed after it has been published; a new one gets a higher number.
2. ``seal`` is the SHA-256 of the manifest without it: a manifest with one flipped bit is refused.
   It shows damage, not forgery; signatures come with the deltas.
3. A generation's files are those of documents and persons, or one gallery of fingers (``gallery`` describes it).
4. Every list's action text says "confirm with the NCB" and never prejudges (ARCHITECTURE law 2).
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from typing import Annotated, Final

import msgspec

from edge.core.watch.layout import LayoutError

FORMAT: Final = 1
FILE_NAME: Final = "manifest.json"
DOCUMENTS: Final = "documents.bin"
PERSONS: Final = "persons.bin"
GALLERY: Final = "gallery.bin"
SETS: Final = (frozenset({DOCUMENTS, PERSONS}), frozenset({GALLERY}))  # the files of a generation, by its kind
SEALED_KINDS: Final = {DOCUMENTS: "DOCS", PERSONS: "PERS", GALLERY: "GALL"}  # what a sealed file says it is
MAX_BYTES: Final = 65_536
MAX_GENERATION: Final = 9_999_999_999
MAX_AGE: Final = 10 * 366 * 86_400  # seconds: ten years

_LIST_ID: Final = re.compile(r"[a-z0-9-]{2,40}")
_EXTRACTOR_ID: Final = re.compile(r"[!-~]{1,100}")
_PREJUDGING: Final = re.compile(r"\b(arrest|guilty)", re.IGNORECASE)

Count = Annotated[int, msgspec.Meta(ge=0)]
Age = Annotated[int, msgspec.Meta(ge=3600, le=MAX_AGE)]
Ratio = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Records(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much the generation holds."""

    documents: Count
    persons: Count
    names: Count


class Lost(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rows of the sources that could not be read, of all rows."""

    rows: Count
    of: Count


class FileDigest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Length in bytes and SHA-256 (hex) of one file."""

    bytes: Count
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class Thresholds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Name scores (0..1) that make a HIT (alert) or a POSSIBLE (review); None = screening's own."""

    alert: Ratio | None = None
    review: Ratio | None = None


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the list's owner demands of its age, in seconds from the source date; None for nothing.

    From ``warn_after_s`` on officers are told, from ``incomplete_after_s`` on no verdict is CLEAR by it, and past
    ``erase_after_s`` every box erases it.
    """

    warn_after_s: Age | None = None
    incomplete_after_s: Age | None = None
    erase_after_s: Age | None = None


NO_POLICY: Final = Policy()


class Tail(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"rate": "lambda"}):
    """The impostor tail fitted to a gallery's own pairs: above ``score`` the FMR falls as exp(-rate (s - score)).

    ``score`` is the comparison score at FMR 1e-3, ``rate`` per unit of score; ``pairs`` strangers were compared, drawn
    by ``seed``.
    """

    score: Annotated[float, msgspec.Meta(ge=0, le=1e6)]
    rate: Annotated[float, msgspec.Meta(gt=0, le=1e6)]
    pairs: Annotated[int, msgspec.Meta(ge=1)]
    seed: Count
    fitted_at: datetime


class GalleryInfo(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a gallery holds. ``extractor_id``: printable ASCII, no blank. ``positions``: templates by finger position
    (0..10, ISO/IEC 19794-2 table 2), 11 counts.

    ``image``: the sealed report of a candidate carries the image of the finger that was taken. ``tail`` is left out
    where there were too few strangers to fit one.
    """

    extractor_id: Annotated[str, msgspec.Meta(pattern="^[!-~]{1,100}$")]
    templates: Count
    persons: Count
    positions: Annotated[tuple[Count, ...], msgspec.Meta(min_length=11, max_length=11)]
    image: bool = False
    tail: Tail | None = None


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``manifest.json``. Dates are RFC 3339 in UTC."""

    list_id: Annotated[str, msgspec.Meta(pattern="^[a-z0-9-]{2,40}$")]
    title: Annotated[str, msgspec.Meta(max_length=200)]
    generation: Annotated[int, msgspec.Meta(ge=1, le=MAX_GENERATION)]
    source_date: datetime
    built_at: datetime
    records: Records
    lost: Lost
    files: dict[str, FileDigest]
    silent: bool
    action: Annotated[str, msgspec.Meta(max_length=500)]
    thresholds: Thresholds = Thresholds()
    format: int = FORMAT
    seal: str = ""
    policy: Policy | msgspec.UnsetType = msgspec.UNSET  # left out where there is none: older programs read it too
    gallery: GalleryInfo | msgspec.UnsetType = msgspec.UNSET  # of a gallery alone

    @property
    def ages(self) -> Policy:
        """The policy, an empty one where the manifest has none."""
        return self.policy if isinstance(self.policy, Policy) else NO_POLICY

    @property
    def fingers(self) -> GalleryInfo | None:
        """What the gallery holds; None for documents and persons."""
        return self.gallery if isinstance(self.gallery, GalleryInfo) else None

    @property
    def held(self) -> int:
        """How many records the generation holds: documents and persons, or the templates of a gallery."""
        return self.records.documents + self.records.persons if self.fingers is None else self.fingers.templates

    def sealed(self) -> Manifest:
        """The same manifest with its own digest in ``seal``."""
        return msgspec.structs.replace(self, seal=_digest(self))


def _digest(manifest: Manifest) -> str:
    bare = msgspec.structs.replace(manifest, seal="")
    return hashlib.sha256(msgspec.json.encode(bare, order="sorted")).hexdigest()


def encode(manifest: Manifest) -> bytes:
    """The bytes of ``manifest.json``, sealed."""
    return msgspec.json.format(msgspec.json.encode(manifest.sealed()), indent=2) + b"\n"


def decode(data: bytes) -> Manifest:
    """Read and check a manifest. Raises ``LayoutError``."""
    if len(data) > MAX_BYTES:
        raise LayoutError(f"a manifest is longer than {MAX_BYTES} bytes")
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise LayoutError("a manifest cannot be read") from error
    if manifest.format != FORMAT:
        raise LayoutError(f"a manifest has format {manifest.format}, this program reads {FORMAT}")
    if set(manifest.files) not in SETS:
        raise LayoutError("a manifest does not name exactly the files of a generation")
    _check_gallery(manifest)
    if manifest.source_date.tzinfo is None or manifest.built_at.tzinfo is None:
        raise LayoutError("a manifest holds a date without a zone")
    if manifest.seal != _digest(manifest):
        raise LayoutError("a manifest does not agree with its own digest")
    return manifest


def _check_gallery(manifest: Manifest) -> None:
    info = manifest.fingers
    if (info is not None) != (GALLERY in manifest.files):
        raise LayoutError("a manifest describes a gallery and names other files, or the other way round")
    if info is None:
        return
    if not is_extractor_id(info.extractor_id):  # a pattern of JSON schema lets the end of a line pass
        raise LayoutError("a gallery's manifest does not name its extractor")
    if sum(info.positions) != info.templates or info.persons != manifest.records.persons:
        raise LayoutError("the counts of a gallery's manifest contradict each other")
    if info.tail is not None and info.tail.fitted_at.tzinfo is None:
        raise LayoutError("a manifest holds a date without a zone")


def is_list_id(text: str) -> bool:
    """True for what may name a list and its folder: 2 to 40 of a-z, 0-9, hyphen."""
    return _LIST_ID.fullmatch(text) is not None


def is_extractor_id(text: str) -> bool:
    """True for what may name an extractor: 1 to 100 printable ASCII characters, no blank."""
    return _EXTRACTOR_ID.fullmatch(text) is not None


def folder_name(generation: int) -> str:
    """The folder of a generation: ten digits."""
    return f"{generation:010d}"


def generation_of(folder: str) -> int | None:
    """The generation that a folder name stands for, or None."""
    number = int(folder) if re.fullmatch(r"[0-9]{10}", folder) else 0
    return number or None


def prejudges(action: str) -> bool:
    """True if an action text holds a word that a lead must never carry."""
    return _PREJUDGING.search(action) is not None


def with_ncb(action: str) -> str:
    """The action text with the sentence that always stands there."""
    text = " ".join(action.split())
    if "confirm with the ncb" in text.casefold():
        return text
    return f"{text.rstrip('.')}. Confirm with the NCB." if text else "Confirm with the NCB."
