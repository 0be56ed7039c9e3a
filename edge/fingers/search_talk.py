"""What the box and its search child say to each other: requests and replies of the service ``search``.

Laws:
1. A key goes to the child in ``Load`` alone, through the pipe: never by command line, environment or file.
2. Minutiae travel as bytes (``Print``), which are views of the template's own arrays and no copies that nobody could
   erase; none of these has a ``repr`` that shows them or a key.
3. Every reply is small and bounded: at most ``MAX_CANDIDATES`` shown and as many silent.
"""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge.core.fingerprints.answers import MAX_CANDIDATES, FingerCandidate
from edge.core.fingerprints.model import MAX_MINUTIAE, MAX_SIDE, FingerError, Position, Template

SERVICE: Final = "search"
MODULE: Final = "edge.fingers.child_main"
MAX_LISTS: Final = 64  # galleries of one box, as of lists

_Bytes: TypeAlias = Annotated[memoryview, msgspec.Meta(max_length=2 * MAX_MINUTIAE)]


class _Quiet(msgspec.Struct, array_like=True, frozen=True):
    """Says its class and nothing of what it holds."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"


class Options(msgspec.Struct, array_like=True, frozen=True):
    """Of the service: how many threads scan."""

    threads: Annotated[int, msgspec.Meta(ge=1, le=64)] = 2


class Print(_Quiet, array_like=True, frozen=True):
    """A template: arrays as bytes, little-endian."""

    extractor_id: Annotated[str, msgspec.Meta(max_length=100)]
    position: Annotated[int, msgspec.Meta(ge=0, le=10)]
    width: Annotated[int, msgspec.Meta(ge=0, le=MAX_SIDE)]
    height: Annotated[int, msgspec.Meta(ge=0, le=MAX_SIDE)]
    x: _Bytes
    y: _Bytes
    angle: _Bytes
    kind: _Bytes
    quality: _Bytes


class Load(_Quiet, array_like=True, frozen=True, tag="load"):
    """Begin to read one generation beside what serves. ``silent`` and ``action`` are the list's; ``tail`` its own or a
    fallback, as score and rate."""

    list_id: str
    generation: int
    path: str
    length: int
    sha256: str
    key: bytes | None
    extractor_id: str
    positions: tuple[int, ...]
    silent: bool
    action: str
    tail: tuple[float, float]


class Poll(_Quiet, array_like=True, frozen=True, tag="poll"):
    """How far the loading is; what is loaded takes its place now, between two searches."""


class Unload(_Quiet, array_like=True, frozen=True, tag="unload"):
    """Forget a list."""

    list_id: str


class Search(_Quiet, array_like=True, frozen=True, tag="search"):
    """1:N. ``today`` is a proleptic day by trusted time, None where records do not expire."""

    probe: Print
    false_candidates: float
    today: int | None


class Claim(_Quiet, array_like=True, frozen=True):
    """A candidate of the first finger, found among ``templates``, as the second is compared with it."""

    list_id: str
    record: str
    reference: str
    position: int
    score: float
    silent: bool
    templates: int


class Second(_Quiet, array_like=True, frozen=True, tag="second"):
    """Another finger of the candidates of a search, in their order."""

    probe: Print
    claims: Annotated[tuple[Claim, ...], msgspec.Meta(max_length=2 * MAX_CANDIDATES)]
    false_candidates: float
    today: int | None


class Verify(_Quiet, array_like=True, frozen=True, tag="verify"):
    """1:1."""

    probe: Print
    reference: Print


Order: TypeAlias = Load | Poll | Unload | Search | Second | Verify


class Progress(msgspec.Struct, array_like=True, frozen=True):
    """``busy`` with loading; else what the last one came to: ``problem`` empty if it serves. ``loaded``: list and
    generation of what serves; ``locked``: bytes that cannot be swapped out, of ``held``."""

    busy: bool
    problem: str
    loaded: tuple[tuple[str, int], ...]
    held: int
    locked: int


class Found(_Quiet, array_like=True, frozen=True):
    """One candidate, among so many ``templates`` of its kind."""

    list_id: str
    record: str
    reference: str
    position: int
    score: float
    expected: float
    silent: bool
    category: str
    action: str
    name: str
    templates: int


class Part(msgspec.Struct, array_like=True, frozen=True):
    """One gallery's part in a search: templates that could have become candidates; ``problem`` if it was not asked."""

    list_id: str
    generation: int
    templates: int
    problem: str


class Searched(_Quiet, array_like=True, frozen=True):
    """The answer of a search: shown candidates, then silent ones, each group best first."""

    found: Annotated[tuple[Found, ...], msgspec.Meta(max_length=2 * MAX_CANDIDATES)]
    parts: Annotated[tuple[Part, ...], msgspec.Meta(max_length=MAX_LISTS)]


class Summed(msgspec.Struct, array_like=True, frozen=True):
    """Of one claim: sum of both scores, how many strangers reach it, whether that agrees; None without a reference."""

    score: float
    expected: float
    agrees: bool


class Added(msgspec.Struct, array_like=True, frozen=True):
    """The answer to ``Second``, one a claim."""

    sums: Annotated[tuple[Summed | None, ...], msgspec.Meta(max_length=2 * MAX_CANDIDATES)]


class Compared(msgspec.Struct, array_like=True, frozen=True):
    """The answer to ``Verify``."""

    score: float


def print_of(template: Template) -> Print:
    """A template as it is sent."""
    x, y = (_view(one, "<i2") for one in (template.x, template.y))
    angle, kind, quality = (_view(one, "u1") for one in (template.angle, template.kind, template.quality))
    return Print(
        template.extractor_id, int(template.position), template.width, template.height, x, y, angle, kind, quality
    )


def _view(array: NDArray[np.generic], dtype: str) -> memoryview:
    return np.ascontiguousarray(array, dtype).view(np.uint8).data


def template_of(sent: Print) -> Template:
    """A template as it came, over the memory that it came in. Raises FingerError for arrays of unlike lengths."""
    x, y = np.frombuffer(sent.x, "<i2"), np.frombuffer(sent.y, "<i2")
    angle, kind, quality = (np.frombuffer(one, "u1") for one in (sent.angle, sent.kind, sent.quality))
    if not len(x) == len(y) == len(angle) == len(kind) == len(quality):
        raise FingerError("a template's columns are of unlike lengths", advice="take the finger again")
    return Template(
        sent.extractor_id, Position(sent.position), sent.width, sent.height, x.astype(np.int16, copy=False),
        y.astype(np.int16, copy=False), angle, kind, quality,
    )  # fmt: skip


def candidate_of(found: Found) -> FingerCandidate:
    """A candidate as the box knows it."""
    return FingerCandidate(
        found.list_id, found.record, found.reference, Position(found.position), found.score, found.expected,
        found.silent, found.category, found.action, found.name, templates=found.templates,
    )  # fmt: skip


def claim_of(candidate: FingerCandidate) -> Claim:
    """A candidate as the child is asked about it."""
    return Claim(
        candidate.list_id, candidate.record, candidate.reference, int(candidate.position), candidate.score,
        candidate.silent, candidate.templates,
    )  # fmt: skip
