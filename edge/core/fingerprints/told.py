"""What an officer is told of a search over fingers, in words.

Laws:
1. Takes an answer and projects it itself (``SearchAnswer.shown``): nothing silent can reach the counter by it.
2. Where nothing is found it says in how many templates of which generations, and that this is no clearance.
3. A gallery that was not searched for certain is named, and so is one without a print of this finger. An answer without
   one searched template never says "none".
"""

from __future__ import annotations

from collections.abc import Sequence

from edge.core.fingerprints.answers import SearchAnswer
from edge.core.texts import text
from edge.core.verdicts import Coverage, CoverageState


def told(language: str, answer: SearchAnswer) -> tuple[str, ...]:
    """One sentence or two in ``language`` (``edge.core.texts.LANGUAGES``)."""
    shown = answer.shown()
    if shown.problem:
        return (text(language, "say.finger_failed"),)
    return sentences(language, len(shown.candidates), shown.coverage)


def sentences(language: str, candidates: int, coverage: Sequence[Coverage]) -> tuple[str, ...]:
    """The same for a search that was made and whose number of shown ``candidates`` is known."""
    if not coverage:
        return (text(language, "say.finger_nothing"),)
    there = [one for one in coverage if one.generation is not None]
    searched, without = [one for one in there if one.records], [one for one in there if not one.records]
    doubtful = [one for one in coverage if one.state is not CoverageState.ASKED]
    said = []
    if searched:
        key = "say.finger_candidates" if candidates else "say.finger_none"
        templates = sum(one.records for one in searched)
        said.append(text(language, key, count=candidates, n=templates, lists=_editions(language, searched)))
    if without:
        said.append(text(language, "say.finger_no_print", lists=_editions(language, without)))
    if doubtful:
        said.append(text(language, "say.finger_unsearched", lists="; ".join(_why(language, o) for o in doubtful)))
    return tuple(said)


def _editions(language: str, them: Sequence[Coverage]) -> str:
    return "; ".join(
        text(language, "say.finger_generation", list=one.list_id, generation=one.generation) for one in them
    )


def _why(language: str, one: Coverage) -> str:
    return f"{one.list_id} ({text(language, f'coverage.{one.state}')})"
