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

from functools import lru_cache
from typing import NamedTuple

from rapidfuzz.distance import OSA

from edge.core.names.nicknames import other_forms
from edge.core.names.sound import jeem_variants, keys, readings, shape, skeleton

MIN_SIMILARITY = 0.70      # below this two tokens do not agree
EDIT_MIN_LETTERS = 4       # both tokens, for edits to be allowed at all
EDIT_SHARE = 0.30          # most edits, as a share of the longer token's letters
SWAP = 0.5                 # edits that a swap of neighbours counts for
FIRST_LETTER_COST = 0.05   # typing errors and transcriptions rarely touch the first letter
SHORT = 3                  # letters up to which only an exact token or one of equal sound agrees
SHORT_SOUND_MIN = 0.965    # what "equal sound" needs there: LI ~ LEE, not SE ~ SEO
ARTICLE_FACTOR = 0.97      # ALTIKRITI ~ TIKRITI
INITIAL_VOWEL_COST = 0.02  # OMAR, UMAR
JEEM_COST = 0.01           # GAMAL, JAMAL
NICKNAME = 0.90            # BILL for WILLIAM, VOLODYMYR for VLADIMIR
SILENT_E = 0.015           # ZINE, ZIN
CONTRADICTING = 0.06       # what two vowels cost that have nothing in common
SKELETON_BEST = 0.99       # equal consonants and vowels, another spelling

_ARTICLES = ("AL", "EL", "UL")
_HARD_K = frozenset("CKQ")
_VOWELS = frozenset("AEIOU")
MAGHREB_LETTERS = 6        # a longer token in L and a vowel may be the article and a name: LASNAMI, AL-ASNAMI
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


@lru_cache(maxsize=65536)
def without_article(token: str) -> str | None:
    """The token without a written-on Arabic article (ALTIKRITI, ENNAJAR, LAKHDAR), None if it has none."""
    if len(token) < 6 or token.startswith(_NO_ARTICLE):
        return None
    if token.startswith(_ARTICLES):
        return token[2:]
    if token[0] in "AE" and token[1] == token[2] and token[1] in _SUN:
        return token[2:]
    if token[0] == "L" and token[1] in _VOWELS and len(token) > MAGHREB_LETTERS:
        return token[1:]
    return None


@lru_cache(maxsize=16384)
def with_article_skeletons(token: str) -> frozenset[str]:
    """Skeletons of the token with an article written on."""
    forms = [skeleton("AL" + token), skeleton("A" + token[0] + token)]
    return frozenset([*forms, skeleton("L" + token)] if token[0] in _VOWELS else forms)


def pair(query: str, listed: str) -> Likeness:
    """The best rule between a traveller's token and a listed one (both canonical, A-Z)."""
    if query == listed:
        return Likeness(1.0, "exact")
    best = max(_by_sound(query, listed), _by_article(query, listed), _by_nickname(query, listed))
    if skeleton(listed) in readings(query):
        best = max(best, _by_spelling(query, listed))
    if best.similarity <= 1.0 - SWAP / max(len(query), len(listed)):  # no edit is worth more
        best = max(best, _by_edits(query, listed))
    return best if best.similarity >= MIN_SIMILARITY else NONE


def _by_nickname(query: str, listed: str) -> Likeness:
    return Likeness(NICKNAME, "nickname") if listed in other_forms(query) else NONE


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
    similarity = vowel_similarity(query, listed)
    if skeleton(query) != skeleton(listed):
        if _vowels_contradict(query, listed):
            return NONE
        similarity = round(similarity - JEEM_COST, 4)
    if min(len(query), len(listed)) <= SHORT and len(skeleton(query)) < 3:
        same_start = query[0] == listed[0] or {query[0], listed[0]} <= _HARD_K
        unwritten = not (any(shape(query)[1]) and any(shape(listed)[1]))  # BN for BEN: Arabic script
        if not same_start or (similarity < SHORT_SOUND_MIN and not unwritten):
            return NONE
    return Likeness(similarity, "skeleton")


def _by_spelling(query: str, listed: str) -> Likeness:
    """A habit that changes a consonant: OTHMAN and OSMAN, RAMADAN and RAMAZAN."""
    found = [
        round(vowel_similarity(one.letters, listed) - one.cost, 4)
        for one in readings(query).get(skeleton(listed), ()) if one.needs in listed
    ]
    return Likeness(max(found), "spelling") if found else NONE


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
    return Likeness(edit_similarity(query, listed, edits), f"edit {edits}")


def edit_similarity(query: str, listed: str, edits: int) -> float:
    """0..1 for two tokens so many edits apart. One swap of neighbours counts half: all the letters are there."""
    swapped = edits == 1 and len(query) == len(listed) and sorted(query) == sorted(listed)
    cost = FIRST_LETTER_COST if query[0] != listed[0] else 0.0
    return round(1.0 - (SWAP if swapped else edits) / max(len(query), len(listed)) - cost, 4)


def vowel_similarity(query: str, listed: str) -> float:
    """0..1 for two tokens of one skeleton: what the vowels between the consonants say.

    Vowels that one side does not write (Arabic script, ICAO's letters) cost little; vowels that
    contradict each other cost more, and much more where few consonants carry the name.
    """
    (letters, gaps_a), (_, gaps_b) = shape(query), shape(listed)
    if len(gaps_a) != len(gaps_b):
        return 0.9  # G as jeem can change how digraphs fall
    consonants = len(letters) - letters.startswith("A")
    factor = 1.0 if consonants >= 3 else 1.4 if consonants == 2 else 2.6
    last = len(gaps_a) - 1
    cost = 0.0 if query[0] == listed[0] else 0.005
    for at, (a, b) in enumerate(zip(gaps_a, gaps_b, strict=True)):
        if a == b:
            continue
        if not (a and b):
            cost += _unwritten_cost(a or b, final=at == last) * (factor if at == last else 1.0)
        elif at == 1 and letters[0] == "A":
            cost += INITIAL_VOWEL_COST  # alef and ain carry any vowel
        else:
            cost += _contrast_cost(a, b) * factor
    return max(0.0, round(SKELETON_BEST - cost, 4))


def _vowels_contradict(query: str, listed: str) -> bool:
    """True if a vowel is another one for both: GINTA, JANETT. An initial one (alef, ain) may be any."""
    (letters, gaps_a), (_, gaps_b) = shape(query), shape(listed)
    pairs = list(zip(gaps_a, gaps_b, strict=False))[2 if letters.startswith("A") else 0 :]
    return any(a and b and _contrast_cost(a, b) >= CONTRADICTING for a, b in pairs)


def _unwritten_cost(gap: str, *, final: bool) -> float:
    """A vowel that only one side has: Arabic script and ICAO's letters leave the short ones out."""
    if final:  # a family name in -I or -U is not the given name it comes from; a final A or E is silent
        return SILENT_E if gap == "e" else 0.02 if gap in {"a", "ae", "ea"} else 0.06
    return 0.025 if len(gap) == 1 else 0.04


def _contrast_cost(a: str, b: str) -> float:
    """Two written vowels (or runs of them) that differ."""
    mine, theirs = _vowel_classes(a), _vowel_classes(b)
    longer = 0.03 * max(0, abs(len(a) - len(b)) - 2)  # a run of vowels is a syllable more
    if mine == theirs:
        return longer
    apart = mine ^ theirs
    if apart <= {"a", "e"} or apart <= {"e", "i"} or bool(mine & theirs and "i" not in apart):
        return 0.015 + longer
    return (0.04 if mine & theirs else CONTRADICTING) + longer


def _vowel_classes(gap: str) -> frozenset[str]:
    if gap == "ee":
        return frozenset("i")
    return frozenset(gap)
