"""The way of a box from the generation it has to the newest one that is offered.

Laws:
1. Forward only: what is offered and older than what the box has is never taken, unless the list's keys were replaced
   since (``reset``): then the newest is taken whole, because what the box has may come from a stolen key.
2. A box whose set is not the one that the offer describes at that number (``have_digest``), or is damaged (``whole``),
   gets a base, and the deltas after it, that lead at least as far as it stood: no delta fits what it has.
3. Deltas where there is a way of at most ``MAX_FILES`` files that is shorter in bytes than starting anew; else the
   newest base and the deltas after it; else the longer way of deltas. Of several ways the one with the fewest files,
   then the fewest bytes. A list's card (``CARD``) describes the list and not the step: of several the last one is
   fetched, and only if the box has another; it does not count, and neither does the manifest of a generation.
4. If the newest cannot be reached, the highest that can, but never below ``floor``.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from edge.core.distribution.offers import Offer, Step
from edge.core.watch.manifest import FILE_NAME as MANIFEST

CARD: Final = "card.json"
MAX_FILES: Final = 15  # deltas from any generation of the last six months: headquarters publishes so


class Way(enum.StrEnum):
    """What there is to do."""

    CURRENT = "current"  # the box has the newest
    FORWARD = "forward"  # there is something to take
    OLDER = "older"  # what is offered is older than what the box has
    NO_WAY = "no_way"  # newer generations are offered, but none that this box can reach


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps in their order. The first may be a base (``start`` 0), which replaces what the box has."""

    list_id: str
    way: Way
    have: int
    to: int
    steps: tuple[Step, ...] = ()

    @property
    def files(self) -> int:
        """How many files are fetched."""
        return sum(len(step.files) for step in self.steps)

    @property
    def bytes(self) -> int:
        """How many bytes are fetched."""
        return sum(step.bytes for step in self.steps)

    def without_cards(self, have_sha256: str) -> Plan:
        """The same without the cards that need not be fetched; ``have_sha256``: the box's own card, in hex.

        The newest is fetched if it is another one; a box without any also takes the first, since no list stands
        without its card, not even between two steps.
        """
        steps = []
        for step in self.steps:
            wanted = step is self.steps[-1] or (not have_sha256 and step is self.steps[0])
            files = tuple(
                file for file in step.files
                if file.name != CARD or (wanted and [part.sha256 for part in file.parts] != [have_sha256])
            )
            steps.append(replace(step, files=files))
        return replace(self, steps=tuple(steps))


def plan(
    offer: Offer, have: int, *, reset: bool = False, have_digest: str = "", whole: bool = False, floor: int = 0
) -> Plan:  # fmt: skip
    """The way from generation ``have`` (0: nothing) to the newest.

    ``reset``: the list's keys were replaced since ``have`` was taken. ``have_digest``: the digest of the box's whole
    set, if known. ``whole``: what the box has is not to be built upon. ``floor``: the highest generation ever taken.
    """
    newest = offer.newest
    whole = whole or _contradicts(offer, have, have_digest)
    if newest == have and not whole:
        return Plan(offer.list_id, Way.CURRENT, have, have)
    if newest < have and not reset:
        return Plan(offer.list_id, Way.OLDER, have, newest)
    begin = have if newest > have and not whole else 0
    lowest = 1 if reset else max(floor, have if whole else begin + 1, 1)
    targets = sorted({step.to for step in offer.steps if step.to >= max(lowest, begin + 1)}, reverse=True)
    from_have = _ways(offer.steps, begin) if begin else {}
    from_nothing = _ways(offer.steps, 0)
    for to in targets:
        steps = _best(from_have.get(to), from_nothing.get(to))
        if steps is not None:
            return Plan(offer.list_id, Way.FORWARD, have, to, steps)
    return Plan(offer.list_id, Way.NO_WAY, have, newest)


def _contradicts(offer: Offer, have: int, digest: str) -> bool:
    """True if the offer tells of the generation that the box has, and of another set."""
    told = {step.digest_after for step in offer.steps if step.to == have and step.digest_after}
    return bool(digest and told and digest not in told)


def _best(deltas: tuple[Step, ...] | None, anew: tuple[Step, ...] | None) -> tuple[Step, ...] | None:
    if deltas is None or anew is None:
        return deltas if anew is None else anew
    few = _cost(deltas)[0] <= MAX_FILES
    return deltas if few and _cost(deltas)[1] <= _cost(anew)[1] else anew


def _cost(steps: Iterable[Step]) -> tuple[int, int]:
    steps = tuple(steps)
    return sum(_files(step) for step in steps), sum(step.bytes for step in steps)


def _files(step: Step) -> int:
    return sum(file.name not in (CARD, MANIFEST) for file in step.files)


def _ways(steps: Iterable[Step], begin: int) -> dict[int, tuple[Step, ...]]:
    """The best way from ``begin`` to every generation that can be reached; a base can only be a way's first step.

    Steps go upwards only, so that one pass in the order of ``start`` is enough.
    """
    best: dict[int, tuple[tuple[int, int], Step | None, int]] = {begin: ((0, 0), None, begin)}
    for step in sorted(steps, key=lambda s: (s.start, s.to)):
        if step.start not in best or (not step.start and begin):
            continue
        files, size = best[step.start][0]
        cost = (files + _files(step), size + step.bytes)
        if step.to not in best or cost < best[step.to][0]:
            best[step.to] = (cost, step, step.start)
    ways: dict[int, tuple[Step, ...]] = {}
    for to in sorted(best):
        _, last, before = best[to]
        ways[to] = () if last is None else (*ways[before], last)
    return {to: way for to, way in ways.items() if way}
