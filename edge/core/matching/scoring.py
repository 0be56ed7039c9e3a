"""The score of a traveller's name against one listed name, explained token by token.

    score = sum(w * s of joined pairs) / (sum(w of joined pairs) + 0.4 * w of the traveller's tokens left
            over + 0.25 * w of listed tokens left over)

Laws:
1. Fewer than two agreeing distinct tokens give no score, except for records of one token (rule
   ``one_token``), which need an exact or skeleton equality.
2. Where the zone cut the name, listed tokens left over cost nothing, and the last token may be the
   beginning of a listed one.
3. Particles (ABD, BIN, AL-DIN, titles) weigh little and are not agreement by themselves.
4. A listed name more in front, that is no common one, costs 0.60 instead of 0.25: NOOR BARZAN IBRAHIM is a child of
   BARZAN IBRAHIM; a name more behind or between is an ancestor more. A patronymic left over costs 0.1:
   ROMANOVICH, and what stands after BIN if the traveller has no other name in its place.
5. Where both sides keep a token that weighs, the two contradict each other (brothers): all that is left over costs
   twice as much. Not where the zone cut the name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from edge.core import names
from edge.core.matching.pairs import Likeness
from edge.core.verdicts import Evidence

MAX_UNITS = 24             # tokens of a traveller that are compared
LEFT_QUERY = 0.40          # weight of a traveller's token without partner
LEFT_LISTED = 0.25         # weight of a listed token without partner
LEADING_EXTRA = 0.35       # what a distinctive listed token in front costs beyond that
CONTRADICTS = 2.0          # both sides keep a token that weighs
WEAK_WEIGHT = 0.10
PATRONYMIC_SHARE = 0.4     # of its weight, what a patronymic costs that is left over
SON_OF = frozenset({"BIN", "BEN", "BINT", "BINTI", "OULD", "WALAD"})
SHORT_LETTERS = 5          # a full name field without a longer token was shortened token by token
ONE_TOKEN_MIN = 0.92       # similarity that a record of one token needs
DISTINCTIVE = 0.6          # weight from which a token is not a common one
NEAR_EXACT = 0.94          # score from which a name counts as the same name


@dataclass(frozen=True, slots=True)
class QueryName:
    """A traveller's name: canonical tokens in order, surname first if known.

    ``cut`` says that the zone may have cut the name: ``tokens[-1]`` may be a beginning, and others may
    have been shortened (Doc 9303-4 section 4.2.3).
    """

    tokens: tuple[str, ...]
    cut: bool = False

    @classmethod
    def of(cls, primary: Sequence[str], secondary: Sequence[str] = (), *, cut: bool = False) -> QueryName:
        """From name components as printed (any script)."""
        return cls.of_text(" ".join((*primary, *secondary)), cut=cut)

    @classmethod
    def of_text(cls, text: str, *, cut: bool = False) -> QueryName:
        """From one string in any script, or a raw MRZ name field."""
        tokens = names.tokens(text)
        if cut:
            tokens = tuple(part for token in tokens for part in names.of_cut(token))
        return cls(tokens[:MAX_UNITS], cut)

    @property
    def strong(self) -> int:
        """How many distinct tokens weigh: no particles, no initials."""
        return len({t for t in self.tokens if t not in names.WEAK and len(t) > 1})

    @property
    def shortened(self) -> bool:
        """True if the components themselves look shortened: initials, or a full field of short ones."""
        return self.cut and (
            any(len(t) == 1 for t in self.tokens[:-1]) or max(map(len, self.tokens), default=0) <= SHORT_LETTERS
        )


class Match(NamedTuple):
    """One joined pair: places in the query and in the listed name, and why."""

    query: tuple[int, ...]
    listed: tuple[int, ...]
    likeness: Likeness
    weight: float
    counts: bool


@dataclass(frozen=True, slots=True)
class NameScore:
    """``score`` 0..1; ``agreeing`` distinct listed tokens that agree, ``distinctive`` of them not common;
    ``one_token`` for a record that has only one to compare; ``complete`` if nothing listed was left over,
    ``contained`` if nothing of the traveller's name was (the record may have more ancestors)."""

    score: float
    agreeing: int
    distinctive: int
    one_token: bool
    complete: bool
    contained: bool
    evidence: tuple[Evidence, ...]


class Likenesses(Protocol):
    """What is known of a query's tokens against the vocabulary of a list."""

    def single(self, unit: int, token_id: int) -> tuple[Likeness, bool] | None:
        """Likeness of a query token and a listed one, and whether it counts as agreement."""

    def joined(self, first: int, token_id: int) -> Likeness | None:
        """Query tokens ``first`` and ``first + 1`` written together against a listed token."""

    def split(self, unit: int, left: int, right: int) -> Likeness | None:
        """A query token against two listed tokens written together."""

    def query_weight(self, unit: int) -> float:
        """Weight of a query token, 0..1."""

    def weight(self, token_id: int) -> float:
        """Weight of a listed token, 0..1."""

    def left_weight(self, token_id: int) -> float:
        """What the listed token weighs where it is left over."""

    def token(self, token_id: int) -> str:
        """The listed token's letters."""


def assign(query: QueryName, listed: Sequence[int], known: Likenesses) -> list[Match]:
    """Join query tokens and listed tokens one to one, best first; then tokens written joined or apart."""
    units = len(query.tokens)
    options: list[tuple[float, int, int, Likeness, float, bool]] = []
    for at, token_id in enumerate(listed):
        for unit in range(units):
            found = known.single(unit, token_id)
            if found is not None:
                likeness, counts = found
                weight = (known.query_weight(unit) + known.weight(token_id)) / 2
                options.append((-likeness.similarity * (1 + weight), unit, at, likeness, weight, counts))
    options.sort(key=lambda o: o[:3])
    free_query, free_listed = set(range(units)), set(range(len(listed)))
    matches: list[Match] = []
    for _, unit, at, likeness, weight, counts in options:
        if unit in free_query and at in free_listed:
            free_query.discard(unit)
            free_listed.discard(at)
            matches.append(Match((unit,), (at,), likeness, weight, counts))
    if free_query and free_listed:
        _join(listed, known, free_query, free_listed, matches)
    return matches


def _join(
    listed: Sequence[int],
    known: Likenesses,
    free_query: set[int],
    free_listed: set[int],
    matches: list[Match],
) -> None:
    for unit in sorted(free_query):
        if unit + 1 not in free_query or unit not in free_query:
            continue
        for at in sorted(free_listed):
            likeness = known.joined(unit, listed[at])
            if likeness is not None:
                weight = max(known.weight(listed[at]), known.query_weight(unit))
                matches.append(Match((unit, unit + 1), (at,), likeness, weight, True))
                free_query -= {unit, unit + 1}
                free_listed.discard(at)
                break
    for at in sorted(free_listed):
        if at + 1 not in free_listed or at not in free_listed:
            continue
        for unit in sorted(free_query):
            likeness = known.split(unit, listed[at], listed[at + 1])
            if likeness is not None:
                weight = max(known.query_weight(unit), known.weight(listed[at]))
                matches.append(Match((unit,), (at, at + 1), likeness, weight, True))
                free_listed -= {at, at + 1}
                free_query.discard(unit)
                break


def score(
    query: QueryName, listed: Sequence[int], known: Likenesses, *, explain: bool = True
) -> NameScore | None:
    """The score of one listed name (token ids in order); None if too little agrees.

    ``known`` must hold every pair that ``pairs.pair`` accepts; a superset changes nothing.
    """
    matches = assign(query, listed, known)
    if not matches:
        return None
    strong_listed = {t for t in listed if known.weight(t) > WEAK_WEIGHT}
    agreed = {listed[p] for m in matches if m.counts for p in m.listed}
    strong_agreed = agreed & strong_listed
    one_token = len(strong_listed) <= 1
    if one_token:
        if not _one_token(listed, matches, strong_listed):
            return None
    elif len(strong_agreed) < 2:
        return None
    joined = sum(m.weight for m in matches)
    gained = sum(m.weight * m.likeness.similarity for m in matches)
    used_query = {u for m in matches for u in m.query}
    used_listed = {p for m in matches for p in m.listed}
    left_query = [u for u in range(len(query.tokens)) if u not in used_query and not cut_away(query, u)]
    left_listed = [p for p in range(len(listed)) if p not in used_listed]
    loss = 0.0 if one_token else LEFT_QUERY * sum(known.query_weight(u) for u in left_query)
    strong_left = [p for p in left_listed if listed[p] in strong_listed]
    heavy_left = any(known.query_weight(u) > WEAK_WEIGHT for u in left_query)
    factor = 1.0
    if not query.cut:
        loss += LEFT_LISTED * sum(left_weight(listed, p, known, heavy_left) for p in left_listed)
        if 0 in left_listed and known.weight(listed[0]) >= DISTINCTIVE:
            loss += LEADING_EXTRA * known.left_weight(listed[0])
        if heavy_left and strong_left and not one_token:
            factor = CONTRADICTS
            loss *= factor
    return NameScore(
        score=round(min(1.0, gained / (joined + loss)), 4),
        agreeing=len(strong_agreed),
        distinctive=sum(1 for t in strong_agreed if known.weight(t) >= DISTINCTIVE),
        one_token=one_token,
        complete=not strong_left or query.cut,
        contained=not heavy_left,
        evidence=_explain(query, listed, known, matches, (left_query, left_listed), factor) if explain else (),
    )


def left_weight(listed: Sequence[int], place: int, known: Likenesses, other: bool) -> float:
    """What a listed token weighs that is left over: little for a patronymic, and for what stands after BIN unless the
    traveller has an ``other`` name in its place."""
    weight = known.left_weight(listed[place])
    skipped = place > 0 and not other and known.token(listed[place - 1]) in SON_OF
    return weight * PATRONYMIC_SHARE if skipped else weight


_SAME_TOKEN = frozenset({"exact", "skeleton", "article", "joined", "split"})


def _one_token(listed: Sequence[int], matches: Sequence[Match], strong: set[int]) -> bool:
    """Every token of the record agrees, the one that weighs exactly or by skeleton."""
    used = {p for m in matches for p in m.listed}
    for match in matches:
        if any(listed[p] in strong for p in match.listed) or not strong:
            if strong and not match.counts:
                return False
            if match.likeness.rule not in _SAME_TOKEN or match.likeness.similarity < ONE_TOKEN_MIN:
                return False
    return len(used) == len(listed)


def cut_away(query: QueryName, unit: int) -> bool:
    """One or two letters at a cut are the rest of anything, also of an article that tokens drop."""
    return query.cut and unit == len(query.tokens) - 1 and len(query.tokens[unit]) <= 2


def _explain(
    query: QueryName,
    listed: Sequence[int],
    known: Likenesses,
    matches: Sequence[Match],
    left: tuple[Sequence[int], Sequence[int]],
    factor: float,
) -> tuple[Evidence, ...]:
    left_query, left_listed = left
    heavy_left = any(known.query_weight(u) > WEAK_WEIGHT for u in left_query)

    def cost(place: int) -> float:
        front = place == 0 and known.weight(listed[0]) >= DISTINCTIVE
        share = LEFT_LISTED + (LEADING_EXTRA if front else 0.0)
        return share * left_weight(listed, place, known, heavy_left) * factor

    lines = [
        Evidence(
            " ".join(query.tokens[u] for u in m.query),
            " ".join(known.token(listed[p]) for p in m.listed),
            m.likeness.rule,
            m.likeness.similarity,
            round(m.weight, 3),
        )
        for m in sorted(matches)
    ]
    lines += [
        Evidence(query.tokens[u], "", "unmatched", 0.0, round(LEFT_QUERY * known.query_weight(u) * factor, 3))
        for u in left_query
    ]
    free = query.cut
    lines += [
        Evidence("", known.token(listed[p]), "cut away" if free else "unmatched", 0.0,
                 0.0 if free else round(cost(p), 3))
        for p in left_listed
    ]
    return tuple(lines)
