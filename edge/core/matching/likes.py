"""One traveller's token against a vocabulary: what may be like it, written together, apart, or cut."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

import numpy.typing as npt

from edge.core.matching.common import is_common
from edge.core.matching.pairs import Likeness, pair, same_sound
from edge.core.matching.scoring import WEAK_WEIGHT, QueryName
from edge.core.names import WEAK
from edge.core.names.sound import skeleton

COMMON_WEIGHT = 0.45
FLOOR_NAMES = 2000           # a smaller list knows nothing of how common a name is
JOINED_MIN = 0.88
JOINED_FACTOR = 0.98
SPLIT_EXACT, SPLIT_SOUND = 0.97, 0.93

Found = dict[int, tuple[Likeness, bool]]  # by token id: the likeness, and whether it counts as agreement


class Vocabulary(Protocol):
    """Tokens by id."""

    def token(self, token_id: int) -> str: ...  # noqa: D102


class NameTable(Vocabulary, Protocol):
    """What candidate search asks of ``edge.core.watch.PersonTable``."""

    token_lengths: npt.NDArray[Any]
    token_masks: npt.NDArray[Any]
    token_counts: npt.NDArray[Any]
    name_offsets: npt.NDArray[Any]
    name_tokens: npt.NDArray[Any]

    @property
    def n_names(self) -> int: ...  # noqa: D102
    @property
    def n_tokens(self) -> int: ...  # noqa: D102
    def token_id(self, token: str) -> int | None: ...  # noqa: D102
    def tokens_by_skeleton(self, skeleton_hash: int) -> npt.NDArray[Any]: ...  # noqa: D102
    def postings(self, token_id: int) -> npt.NDArray[Any]: ...  # noqa: D102


class Prefix(NamedTuple):
    """Listed tokens ``low <= id < high`` begin with a cut token."""

    low: int
    high: int
    likeness: Likeness
    counts: bool


class Split(NamedTuple):
    """Listed tokens whose writing together gives the traveller's token."""

    left: frozenset[int]
    right: frozenset[int]
    likeness: Likeness


class TokenLikes(NamedTuple):
    """Everything of a vocabulary that one traveller's token is like."""

    pairs: Found
    splits: tuple[Split, ...]


def token_weight(token: str, count: int, names: int) -> float:
    """0.1 for particles and initials, 0.45 for very common components, else by rarity in the list up to 1."""
    if token in WEAK or len(token) == 1:
        return WEAK_WEIGHT
    if is_common(token):
        return COMMON_WEIGHT
    share = max(1, count) / max(names, FLOOR_NAMES)
    return round(min(1.0, max(COMMON_WEIGHT, -math.log10(share) / 3)), 4)


def compare(token: str, ids: Iterable[int], table: NameTable) -> Found:
    """``pair`` for these ids; a listed initial is joined to a token that begins with it."""
    found: Found = {}
    counts = len(token) > 1 and token not in WEAK
    for i in ids:
        listed = table.token(i)
        likeness = pair(token, listed)
        if likeness.similarity:
            found[i] = (likeness, counts)
    if len(token) > 1 and (initial := table.token_id(token[0])) is not None:
        found[initial] = (Likeness(0.75, "initial"), False)
    return found


def halves(token: str) -> list[tuple[str, str]]:
    """The ways to take a token of five letters or more apart, two letters at least each."""
    return [(token[:i], token[i:]) for i in range(2, len(token) - 1)] if len(token) >= 5 else []


def half_ids(half: str, ids: Iterable[int], table: Vocabulary) -> frozenset[int]:
    """Those of ``ids`` that are this half: exactly, or by sound where three consonants carry it."""
    sound = len(skeleton(half)) >= 3
    return frozenset(i for i in ids if (t := table.token(i)) == half or (sound and same_sound(half, t)))


def split_of(
    left: str, first: frozenset[int], right: str, second: frozenset[int], table: Vocabulary
) -> Split:
    """The split with its likeness: exact halves or halves by sound."""
    exact = {table.token(i) for i in first} == {left} and {table.token(i) for i in second} == {right}
    return Split(first, second, Likeness(SPLIT_EXACT if exact else SPLIT_SOUND, "split"))


def as_joined(likeness: Likeness) -> Likeness | None:
    """What a token pair is worth when two printed tokens were written together to get it."""
    if likeness.rule.startswith("edit") or likeness.rule == "initial" or likeness.similarity < JOINED_MIN:
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
