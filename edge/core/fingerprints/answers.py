"""What a search over the galleries answers, and what a capture gives: values that threads hand each other.

Laws:
1. "No candidate" is an answer about so many templates of such generations; it is no clearance, and its text says so.
2. Candidates that are shown and silent ones are bounded apart (``MAX_CANDIDATES`` each), so that what is shown never
   depends on what is silent (ARCHITECTURE law 8). ``shown()`` is the only projection for the counter.
3. A candidate is POSSIBLE, never a HIT by itself.
4. Pixels and minutiae are in no ``repr``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from edge.core.fingerprints.model import FingerImage, Position, Template
from edge.core.verdicts import Coverage

MAX_CANDIDATES = 10  # of a search, and of the silent ones apart


@dataclass(frozen=True, slots=True)
class FingerCandidate:
    """One person of a gallery whose reference resembles the probe.

    ``reference`` names the reference within the list (invented by its owner), ``record`` the person's record there.
    ``score`` is the comparison score (>= 0; the sum of both where a second finger was compared, ``fingers`` says how
    many); ``expected`` how many strangers of the ``templates`` among which this candidate stood (the shown ones, or the
    silent ones) would reach this score by chance, in one search.
    ``agrees``: whether two fingers together reach the threshold of two, None where one was compared. A second finger
    that does not agree takes no candidate away: it may be the wrong one, or badly taken.
    """

    list_id: str
    record: str
    reference: str
    position: Position
    score: float
    expected: float
    silent: bool
    category: str = ""
    action: str = ""
    name: str = ""
    fingers: int = 1
    agrees: bool | None = None
    templates: int = 0


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """``candidates`` best first; ``coverage`` one entry a gallery (``records`` = templates that were searched)."""

    candidates: tuple[FingerCandidate, ...]
    coverage: tuple[Coverage, ...]
    extractor_id: str
    problem: str = ""  # why nothing could be searched; then no candidates, and nothing is CLEAR by it
    image_wanted: frozenset[str] = frozenset()  # lists whose policy asks for the image with a candidate of theirs

    def shown(self) -> SearchAnswer:
        """As if silent references did not exist."""
        return replace(self, candidates=tuple(c for c in self.candidates if not c.silent))

    @property
    def templates(self) -> int:
        """How many references were searched."""
        return sum(one.records for one in self.coverage)


@dataclass(frozen=True, slots=True)
class FingerTaken:
    """The best of up to three tries of one finger. ``quality`` 0..100 of the gate, ``nfiq2`` 0..100 or 255 unknown.

    ``packed``: the image as WSQ for the report; empty where no gallery wants images or none could be made.
    """

    position: Position
    template: Template
    image: FingerImage = field(repr=False)
    quality: int
    nfiq2: int
    tries: int
    packed: bytes = field(default=b"", repr=False)
