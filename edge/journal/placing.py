"""Which epochs a row of a damaged journal may be of, where not every row says it and the table of epochs may be gone.

Laws:
1. An epoch's start is certain only from the table of epochs or the audit chain, or between two rows that state the same
   epoch. Everywhere else a row may be of each epoch that the file does not rule out, and every one of them is named.
2. No name, and no start, is believed against the rows around it: a name that one row alone states is doubted, so is one
   between rows that agree on another, one that stands alone far from its like, and a start that the nearest row denies.
   What is doubted stays a candidate.
3. A name that no box can have given (``wire.Token``) is none.
Pure.
"""

from __future__ import annotations

import bisect
import heapq
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

MAX_LOOSE: Final = 64  # names without a place that are tried; a sound file remembers no more epochs
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{4,64}")


@dataclass(slots=True)
class _Run:
    """``first..last`` are of ``epoch`` for certain; ``start``: by the table it begins there (where no row says it too
    ``last`` is before ``first``); ``rows`` state it."""

    first: int
    last: int
    epoch: str
    start: bool
    rows: int


def believable(name: str) -> bool:
    """True if ``name`` can be the token of an epoch."""
    return _NAME.fullmatch(name) is not None


class Placed:
    """What is known of the epochs of one file. ``starts`` is the likeliest reading, (first seq, epoch) ascending."""

    def __init__(self, runs: Sequence[Sequence[_Run]], current: str, loose: Sequence[str], lowest: int) -> None:
        self._runs = [(list(some), [run.first for run in some]) for some in runs]
        self._current, self._loose = current, tuple(loose)
        self._cuts = sorted({seq for some in runs for run in some for seq in (run.first, run.last + 1)})
        self.starts = self._likeliest(lowest)

    def of(self, seq: int) -> tuple[str, ...]:
        """Every epoch that ``seq`` may be of, the one before it first; one where it is certain, none where no name is
        left."""
        found: dict[str, None] = {}
        for runs, firsts in self._runs:
            place = bisect.bisect_right(firsts, seq)
            before = runs[place - 1] if place else None
            found |= dict.fromkeys(self._between(seq, before, runs[place] if place < len(runs) else None))
        return tuple(found)

    def spans(self, low: int, high: int) -> Iterator[tuple[str, int, int]]:
        """``low..high`` cut by epoch: (epoch, first, last); '' where it is not certain."""
        cuts = self._cuts[bisect.bisect_right(self._cuts, low) : bisect.bisect_right(self._cuts, high)]
        began, name = low, self._certain(low)
        for cut in cuts:
            if (other := self._certain(cut)) != name:
                yield name, began, cut - 1
                began, name = cut, other
        yield name, began, high

    def _certain(self, seq: int) -> str:
        found = self.of(seq)
        return found[0] if len(found) == 1 else ""

    def _between(self, seq: int, before: _Run | None, after: _Run | None) -> list[str]:
        if before and (seq <= before.last or (after and after.epoch == before.epoch)):
            return [before.epoch]
        found = [before.epoch] if before else []
        if after is None:
            found += [self._current] if self._current else []
        elif before is None or not after.start:
            found.append(after.epoch)
        return [*found, *self._loose]

    def _likeliest(self, lowest: int) -> tuple[tuple[int, str], ...]:
        (every, _), (firm, firsts) = self._runs
        names: dict[str, int] = {}
        for run in firm:
            names.setdefault(run.epoch, run.first)
        for run in every:  # a row that alone states its epoch may be all that is left of it
            place = bisect.bisect_right(firsts, run.first)
            if not place or run.first > firm[place - 1].last:
                names.setdefault(run.epoch, run.first)
        if not names and self._current:
            return ((1, self._current),)
        found = sorted((first, name) for name, first in names.items())
        if found and lowest and not any(run.start and run.first == found[0][0] for run in every):
            found[0] = min(found[0][0], lowest), found[0][1]
        return tuple(found)


def place(
    stated: Sequence[tuple[int, str]], table: Mapping[int, str], *, current: str, named: Iterable[str], lowest: int
) -> Placed:
    """``stated``: what rows say of themselves, ascending; ``table``: first seq -> epoch; ``current``: the epoch under
    which the box wrote last, '' if unknown; ``named``: others that stand anywhere; ``lowest``: the first seq, 0 for
    none."""
    stated = [(seq, name) for seq, name in stated if believable(name)]
    table = {first: name for first, name in table.items() if believable(name)}
    current = current if believable(current) else ""
    times = Counter(name for _, name in stated)
    told = {*table.values(), current}
    firm = [(seq, name) for seq, name in stated if times[name] > 1 or name in told]
    runs = _runs(stated, table), _agreeing(_runs(firm, table))
    known = {run.epoch for some in runs for run in some} | {current}
    loose = [name for name in dict.fromkeys([*table.values(), *named]) if name not in known and believable(name)]
    return Placed(runs, current, loose[:MAX_LOOSE], lowest)


def _runs(stated: Sequence[tuple[int, str]], table: Mapping[int, str]) -> list[_Run]:
    runs: list[_Run] = []
    starts = ((first, False, name) for first, name in sorted(table.items()))
    for seq, said, name in heapq.merge(starts, ((seq, True, name) for seq, name in stated)):
        if said and runs and runs[-1].epoch != name and not runs[-1].rows:
            runs.pop()  # a start that the nearest row denies
        if runs and runs[-1].epoch == name:
            if said:
                runs[-1].last, runs[-1].rows = seq, runs[-1].rows + 1
        else:
            runs.append(_Run(seq, seq if said else seq - 1, name, not said, int(said)))
    return runs


def _agreeing(runs: list[_Run]) -> list[_Run]:
    """Without those that stand between two longer ones of one and the same epoch, and single rows of one that has a
    longer run elsewhere: an epoch is one range."""
    most: dict[str, int] = {}
    for run in runs:
        most[run.epoch] = max(run.rows, most.get(run.epoch, 0))
    doubted = {
        at for at, run in enumerate(runs)
        if not run.start and (_between_longer(runs, at) or run.rows == 1 < most[run.epoch])
    }  # fmt: skip
    found: list[_Run] = []
    for run in (one for at, one in enumerate(runs) if at not in doubted):
        if found and found[-1].epoch == run.epoch:
            found[-1] = _Run(found[-1].first, run.last, run.epoch, found[-1].start, found[-1].rows + run.rows)
        else:
            found.append(run)
    return found


def _between_longer(runs: list[_Run], at: int) -> bool:
    sides = runs[at - 1 : at] + runs[at + 1 : at + 2]
    return len(sides) == 2 and sides[0].epoch == sides[1].epoch and runs[at].rows < min(s.rows for s in sides)
