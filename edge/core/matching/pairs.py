"""How alike two name tokens are, and by which rule.

Laws:
1. ``pair`` is pure and the only place where two tokens are compared; candidate search may leave out
   only what ``pair`` would reject.
2. Short tokens (up to 3 letters) agree exactly or by a skeleton with near vowels, never by edits:
   LEE and LIE, KIM and TIM are other names.
3. Edits are counted as optimal string alignment (Damerau: a swap of neighbours is one edit).

Similarities are 0..1; 0 means "not the same token".
"""

from __future__ import annotations

from typing import NamedTuple

from rapidfuzz.distance import OSA

from edge.core.names.sound import jeem_variants, keys, shape, skeleton

MIN_SIMILARITY = 0.70      # below this two tokens do not agree
EDIT_MIN_LETTERS = 4       # both tokens, for edits to be allowed at all
EDIT_SHARE = 0.30          # most edits, as a share of the longer token's letters
FIRST_LETTER_COST = 0.05   # typing errors and transcriptions rarely touch the first letter
ARTICLE_FACTOR = 0.97      # ALTIKRITI ~ TIKRITI
SKELETON_BEST = 0.99       # equal consonants and vowels, another spelling

_ARTICLES = ("AL", "EL", "UL")
_SUN = frozenset("RSNTZDL")
_NO_ARTICLE = (
    "ALEX", "ALEKS", "ALBERT", "ALFRED", "ALFONS", "ALISON", "ALLAN", "ALLEN", "ALICE", "ALICIA", "ALEJ",
    "ALESS", "ALDO", "ELIZ", "ELIS", "ELEN", "ELIAS", "ELLEN", "ELEONOR", "ELVIRA", "ULRI", "ALVARO",
    "ALVES", "ALVAREZ", "ALMEIDA", "ALONSO", "ELIJAH",
)


class Likeness(NamedTuple):
    """Similarity 0..1 and the rule that gave it."""

    similarity: float
    rule: str


NONE = Likeness(0.0, "")


def max_edits(letters: int) -> int:
    """Edits allowed when the longer token has this many letters."""
    if letters <= EDIT_MIN_LETTERS:
        return int(letters == EDIT_MIN_LETTERS)
    return int(letters * EDIT_SHARE + 1e-9)


def without_article(token: str) -> str | None:
    """The token without a written-on Arabic article (ALTIKRITI, ENNAJAR), None if it has none."""
    if len(token) < 6 or token.startswith(_NO_ARTICLE):
        return None
    if token.startswith(_ARTICLES):
        return token[2:]
    if token[0] in "AE" and token[1] == token[2] and token[1] in _SUN:
        return token[2:]
    return None


def with_article_skeletons(token: str) -> frozenset[str]:
    """Skeletons of the token with an article written on."""
    return frozenset((skeleton("AL" + token), skeleton("A" + token[0] + token)))


def pair(query: str, listed: str) -> Likeness:
    """The best rule between a traveller's token and a listed one (both canonical, A-Z)."""
    if query == listed:
        return Likeness(1.0, "exact")
    best = max(_by_sound(query, listed), _by_article(query, listed), _by_edits(query, listed))
    return best if best.similarity >= MIN_SIMILARITY else NONE


def same_sound(query: str, listed: str) -> bool:
    """True if the consonant skeletons agree, with G as jeem or not."""
    theirs = skeleton(listed)
    if theirs not in keys(query):
        return False
    own = skeleton(query)
    return own == theirs or theirs in jeem_variants(query) or own in jeem_variants(listed)


def _by_sound(query: str, listed: str) -> Likeness:
    if not same_sound(query, listed):
        return NONE
    return Likeness(vowel_similarity(query, listed), "skeleton")


def _by_article(query: str, listed: str) -> Likeness:
    bare = without_article(query)
    if bare is not None and same_sound(bare, listed):
        return Likeness(round(ARTICLE_FACTOR * vowel_similarity(bare, listed), 4), "article")
    bare = without_article(listed)
    if bare is not None and skeleton(listed) in with_article_skeletons(query):
        return Likeness(round(ARTICLE_FACTOR * vowel_similarity(query, bare), 4), "article")
    return NONE


def _by_edits(query: str, listed: str) -> Likeness:
    shorter, longer = sorted((len(query), len(listed)))
    if shorter < EDIT_MIN_LETTERS:
        return NONE
    limit = max_edits(longer)
    if longer - shorter > limit:
        return NONE
    edits = OSA.distance(query, listed, score_cutoff=limit)
    if edits > limit:
        return NONE
    cost = FIRST_LETTER_COST if query[0] != listed[0] else 0.0
    return Likeness(round(1.0 - edits / longer - cost, 4), f"edit {edits}")


def vowel_similarity(query: str, listed: str) -> float:
    """0..1 for two tokens of one skeleton: what the vowels between the consonants say.

    Vowels that one side does not write (Arabic script, ICAO's letters) cost little; vowels that
    contradict each other cost more, and much more where few consonants carry the name.
    """
    gaps_a, gaps_b = shape(query)[1], shape(listed)[1]
    if len(gaps_a) != len(gaps_b):
        return 0.9  # G as jeem can change how digraphs fall
    last = len(gaps_a) - 1
    cost = 0.0
    for at, (a, b) in enumerate(zip(gaps_a, gaps_b, strict=True)):
        if a != b:
            cost += _gap_cost(a, b) * (0.7 if at == last else 1.0)
    consonants = len(gaps_a) - 1
    factor = 1.0 if consonants >= 3 else 2.0 if consonants == 2 else 3.0
    if query[0] != listed[0]:
        cost += 0.005
    return max(0.0, round(SKELETON_BEST - cost * factor, 4))


def _gap_cost(a: str, b: str) -> float:
    if not a or not b:
        written = a or b
        return 0.025 if written in {"a", "e", "i"} else 0.03 if len(written) == 1 else 0.04
    low_a, low_b = _vowel_classes(a), _vowel_classes(b)
    if low_a == low_b:
        return 0.0
    if low_a & low_b:
        return 0.015
    near = {frozenset("ei"), frozenset("ae")}
    if any(frozenset((x, y)) in near for x in low_a for y in low_b):
        return 0.015
    return 0.06


def _vowel_classes(gap: str) -> frozenset[str]:
    if gap == "ee":
        return frozenset("i")
    return frozenset(gap)
