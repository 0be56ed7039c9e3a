"""One traveller's token against listed tokens: alike, written together, apart, or cut; and what tokens weigh."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy.typing as npt

from edge.core.matching.common import is_common
from edge.core.matching.pairs import Likeness, pair, same_sound
from edge.core.matching.scoring import PATRONYMIC_SHARE, WEAK_WEIGHT, QueryName
from edge.core.names import WEAK
from edge.core.names.sound import skeleton

COMMON_WEIGHT = 0.45
FLOOR_NAMES = 2000           # a smaller list knows nothing of how common a name is
INITIAL = Likeness(0.75, "initial")
PATRONYMICS = ("OVICH", "EVICH", "OVNA", "EVNA", "ICHNA")
PATRONYMIC_LETTERS = 7
JOINED_MIN = 0.88
JOINED_FACTOR = 0.98
SPLIT_EXACT, SPLIT_SOUND = 0.97, 0.93
SPLIT_LETTERS = 5            # a shorter token is not taken apart
SPLIT_MOST = 34              # nor a longer one
SOUND_CONSONANTS = 3         # half a token agrees by sound only if it has as many


class NameTable(Protocol):
    """What candidate search asks of ``edge.core.watch.PersonTable``."""

    token_lengths: npt.NDArray[Any]
    token_masks: npt.NDArray[Any]
    token_counts: npt.NDArray[Any]
    token_offsets: npt.NDArray[Any]
    token_blob: memoryview
    name_offsets: npt.NDArray[Any]
    name_tokens: npt.NDArray[Any]
    name_persons: npt.NDArray[Any]
    name_qualities: npt.NDArray[Any]
    person_first_names: npt.NDArray[Any]
    person_name_counts: npt.NDArray[Any]
    birth_offsets: npt.NDArray[Any]
    birth_first: npt.NDArray[Any]
    birth_last: npt.NDArray[Any]

    @property
    def n_names(self) -> int: ...  # noqa: D102
    @property
    def n_tokens(self) -> int: ...  # noqa: D102
    def token(self, token_id: int) -> str: ...  # noqa: D102
    def token_id(self, token: str) -> int | None: ...  # noqa: D102
    def tokens_by_skeleton(self, skeleton_hash: int) -> npt.NDArray[Any]: ...  # noqa: D102
    def postings(self, token_id: int) -> npt.NDArray[Any]: ...  # noqa: D102
    def holders(self, token_ids: npt.NDArray[Any]) -> npt.NDArray[Any]: ...  # noqa: D102


class Single(NamedTuple):
    """How one listed token agrees with one of the traveller's; ``counts`` if that is agreement (law 3 of scoring)."""

    likeness: Likeness
    counts: bool


def token_weight(token: str, count: int, listed: int) -> float:
    """0.1 for particles and initials, 0.45 for very common components, else by rarity in the list up to 1."""
    if token in WEAK or len(token) == 1:
        return WEAK_WEIGHT
    if is_common(token):
        return COMMON_WEIGHT
    share = max(1, count) / max(listed, FLOOR_NAMES)
    return round(min(1.0, max(COMMON_WEIGHT, -math.log10(share) / 3)), 4)


def left_share(listed: str) -> float:
    """How much of its weight a listed token costs where it is left over: passports of many States leave out the
    patronymic (ROMANOVICH) that a list of another one has."""
    return PATRONYMIC_SHARE if len(listed) >= PATRONYMIC_LETTERS and listed.endswith(PATRONYMICS) else 1.0


def counts_as_agreement(token: str) -> bool:
    """False for particles, titles and initials of the traveller."""
    return len(token) > 1 and token not in WEAK


def alike(token: str, listed: str) -> Single | None:
    """``pair``, or an initial and a token that begins with it; None if they do not agree."""
    if 1 in (len(token), len(listed)) and len(token) != len(listed) and token[0] == listed[0]:
        return Single(INITIAL, False)
    likeness = pair(token, listed)
    counts = counts_as_agreement(token) or likeness.rule == "nickname"  # BEN for BENJAMIN is no particle
    return Single(likeness, counts) if likeness.similarity else None


def halves(token: str) -> list[tuple[str, str]]:
    """The ways to take a token of 5 to 34 letters apart, two letters at least each: 31 at most."""
    if not SPLIT_LETTERS <= len(token) <= SPLIT_MOST:
        return []
    return [(token[:i], token[i:]) for i in range(2, len(token) - 1)]


def is_half(half: str, listed: str) -> bool:
    """True if the listed token is this half: exactly, or by sound where three consonants carry it."""
    return half == listed or (len(skeleton(half)) >= SOUND_CONSONANTS and same_sound(half, listed))


def split_likeness(token: str, left: str, right: str) -> Likeness | None:
    """What it is worth that two listed tokens written together give the traveller's; None if they do not."""
    whole = None
    for first, second in halves(token):
        if first == left and second == right:
            return Likeness(SPLIT_EXACT, "split")
        if whole is None and is_half(first, left) and is_half(second, right):
            whole = Likeness(SPLIT_SOUND, "split")
    return whole


def joined_likeness(first: str, second: str, listed: str) -> Likeness | None:
    """What it is worth that two printed tokens written together give a listed one; None if they do not."""
    if len(first) < 2 or len(second) < 2:
        return None
    likeness = pair(first + second, listed)
    if likeness.rule.startswith(("edit", "nickname")) or likeness.similarity < JOINED_MIN:
        return None
    return Likeness(round(likeness.similarity * JOINED_FACTOR, 4), "joined")


def cut_likeness(query: QueryName, unit: int) -> Likeness | None:
    """What it is worth that a listed token begins with this one; None where the zone cannot have cut it.

    Doc 9303-4 section 4.2.3: the end may be cut off, and inner components shortened or made initials.
    """
    if not query.cut:
        return None
    size = len(query.tokens[unit])
    if unit == len(query.tokens) - 1:
        return Likeness((0.80, 0.85, 0.92)[size - 1] if size <= 3 else 0.96, "prefix")
    if size == 1:
        return Likeness(0.85, "initial")
    if size >= 3 and query.shortened:
        return Likeness(0.92, "prefix")
    if size >= 4:
        return Likeness(0.88, "prefix")
    if size >= 2 and unit == len(query.tokens) - 2 and len(query.tokens[-1]) == 1:
        return Likeness(0.85, "prefix")  # gave letters so that the last component could begin
    return None


def cut_counts(token: str) -> bool:
    """True if the beginning is long enough to be agreement."""
    return len(token) >= 3


class Known:
    """``scoring.Likenesses`` computed pair by pair: the one meaning of every rule.

    ``words`` are the listed tokens by id, ``weights`` what they weigh, ``query_weights`` the same for the
    traveller's tokens.
    """

    def __init__(
        self, query: QueryName, words: Sequence[str], weights: Sequence[float], query_weights: Sequence[float]
    ) -> None:
        self._query, self._words = query, words
        self._weights, self._query_weights = weights, query_weights

    def single(self, unit: int, token_id: int) -> Single | None:
        """Likeness of a query token and a listed one, and whether it counts as agreement."""
        token, listed = self._query.tokens[unit], self._words[token_id]
        found = alike(token, listed)
        cut = cut_likeness(self._query, unit)
        if cut is not None and listed.startswith(token) and (found is None or found[0].similarity < cut.similarity):
            return Single(cut, cut_counts(token))
        return found

    def joined(self, first: int, token_id: int) -> Likeness | None:
        """Two neighbouring query tokens written together against a listed token."""
        return joined_likeness(self._query.tokens[first], self._query.tokens[first + 1], self._words[token_id])

    def split(self, unit: int, left: int, right: int) -> Likeness | None:
        """A query token against two listed tokens written together."""
        return split_likeness(self._query.tokens[unit], self._words[left], self._words[right])

    def query_weight(self, unit: int) -> float:
        """Weight of a query token."""
        return self._query_weights[unit]

    def weight(self, token_id: int) -> float:
        """Weight of a listed token."""
        return float(self._weights[token_id])

    def left_weight(self, token_id: int) -> float:
        """Weight of a listed token that is left over."""
        return float(self._weights[token_id]) * left_share(self._words[token_id])

    def token(self, token_id: int) -> str:
        """The listed token's letters."""
        return self._words[token_id]


def known_of(query: QueryName, listed: Sequence[str]) -> tuple[Known, list[int]]:
    """Two names without a list: weights from the built-in table alone; and the ids of the listed tokens."""
    words = sorted(set(listed))
    known = Known(
        query, words, [token_weight(w, 1, 0) for w in words], [token_weight(t, 1, 0) for t in query.tokens]
    )
    return known, [words.index(t) for t in listed]


