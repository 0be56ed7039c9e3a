"""Which files of a folder are impressions of which finger, and which pairs of them are compared.

Laws:
1. A file is an impression where its name is ``F_I.ext``: finger F and impression I, numbers, and an extension of
   IMAGES or TEMPLATES. Other files are left alone. Where a folder has images, templates are left alone too.
2. Every two different impressions are a pair, once: genuine within a finger, impostor between two fingers. Fingers of
   two folders are never compared.
3. With two fingers to a person, the fingers of a folder in the order of their numbers make persons: first and second,
   third and fourth, and so on; one left over is not used. Impression I of a person is impression I of both.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Final

from edge.core.fingerprints.model import FingerError

IMAGES: Final = frozenset({".png", ".tif", ".tiff", ".wsq"})
TEMPLATES: Final = frozenset({".iso", ".fmr", ".ist", ".iso-fmr"})
MAX_FILES: Final = 20_000  # of a folder: 200 million pairs, a day
_NAME: Final = re.compile(r"(\d{1,9})_(\d{1,9})")


@dataclass(frozen=True, slots=True)
class Impression:
    """One file: ``group`` is the folder's place among those given."""

    group: int
    finger: int
    number: int
    path: Path


@dataclass(frozen=True, slots=True)
class Pair:
    """Places of impressions: ``first[k]`` is compared with ``second[k]``, and the scores are summed.

    ``finger`` numbers the finger (or person) of a genuine pair within the experiment.
    """

    first: tuple[int, ...]
    second: tuple[int, ...]
    finger: int
    genuine: bool


def impressions_of(folder: Path, group: int = 0) -> list[Impression]:
    """The impressions of a folder, in order. Raises FingerError: unreadable, none, too many, one named twice."""
    try:
        names = sorted(entry for entry in folder.iterdir() if _NAME.fullmatch(entry.stem))
    except OSError as error:
        raise FingerError(f"{folder}: cannot be read: {error.strerror}", advice="name a folder of F_I.ext") from error
    images = [name for name in names if name.suffix.lower() in IMAGES]
    taken = images or [name for name in names if name.suffix.lower() in TEMPLATES]
    if len(taken) > MAX_FILES:
        raise FingerError(f"{folder}: {len(taken)} impressions", advice=f"take at most {MAX_FILES} at a time")
    found: dict[tuple[int, int], Impression] = {}
    for path in taken:
        match = _NAME.fullmatch(path.stem)
        assert match
        key = int(match[1]), int(match[2])
        if key in found:
            raise FingerError(
                f"{folder}: two files are impression {key[1]} of finger {key[0]}", advice="leave one of them there"
            )
        found[key] = Impression(group, *key, path)
    if not found:
        raise FingerError(
            f"{folder}: no impressions", advice="name the files F_I.ext: finger, impression; png, tif, wsq or iso"
        )
    return [found[key] for key in sorted(found)]


def pairs_of(impressions: Sequence[Impression], fingers: int = 1) -> list[Pair]:
    """Every pair (law 2); with ``fingers`` 2 every pair of impressions of persons (law 3)."""
    persons = _persons(impressions, fingers)
    found: list[Pair] = []
    for who, (_, mine) in enumerate(persons):
        found += [Pair(mine[one], mine[two], who, True) for one, two in combinations(sorted(mine), 2)]
    for (who, (group, mine)), (_, (other_group, other)) in combinations(enumerate(persons), 2):
        if group == other_group:
            found += [Pair(mine[one], other[two], who, False) for one in sorted(mine) for two in sorted(other)]
    return found


def _persons(impressions: Sequence[Impression], fingers: int) -> list[tuple[int, dict[int, tuple[int, ...]]]]:
    """Group and places by impression number, of every finger or person."""
    places: dict[tuple[int, int], dict[int, int]] = {}
    for place, one in enumerate(impressions):
        places.setdefault((one.group, one.finger), {})[one.number] = place
    found: list[tuple[int, dict[int, tuple[int, ...]]]] = []
    for group in sorted({group for group, _ in places}):
        hands = [places[key] for key in sorted(key for key in places if key[0] == group)]
        for at in range(0, len(hands) - fingers + 1, fingers):
            together = hands[at : at + fingers]
            common = set.intersection(*(set(hand) for hand in together))
            found.append((group, {number: tuple(hand[number] for hand in together) for number in common}))
    return found
