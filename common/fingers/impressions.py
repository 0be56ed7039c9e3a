"""Which files of a folder are impressions of which finger, and which pairs of them are compared.

Laws:
1. A file is an impression where its name is ``F_I.ext``: finger F and impression I, numbers, and an extension of
   IMAGES or TEMPLATES. Other files are left alone. Where a folder has images, templates are left alone too.
2. Every two different impressions are a pair, once: genuine within a finger, impostor between two fingers. Fingers of
   two folders are never compared.
3. With two fingers to a person, the fingers of a folder in the order of their numbers make persons: first and second,
   third and fourth, and so on; one left over is not used. Impression I of a person is impression I of both.
4. A pair takes some twenty bytes, and there are at most MAX_PAIRS.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.core.fingerprints.model import FingerError

IMAGES: Final = frozenset({".png", ".tif", ".tiff", ".wsq"})
TEMPLATES: Final = frozenset({".iso", ".fmr", ".ist", ".iso-fmr"})
MAX_FILES: Final = 4_000  # of a folder: 8 million pairs, a quarter of an hour of one core
MAX_PAIRS: Final = 8_000_000  # of all folders: 160 MB
_NAME: Final = re.compile(r"(\d{1,9})_(\d{1,9})")


@dataclass(frozen=True, slots=True)
class Impression:
    """One file: ``group`` is the folder's place among those given."""

    group: int
    finger: int
    number: int
    path: Path


@dataclass(frozen=True, slots=True)
class Pairs:
    """Places of impressions, int32[pairs, fingers]: ``first[k]`` is compared with ``second[k]`` finger by finger, and
    the scores are summed. ``genuine`` bool[pairs]; ``finger`` int32[pairs]: whose ``first`` is (finger or person)."""

    first: NDArray[np.int32]
    second: NDArray[np.int32]
    finger: NDArray[np.int32]
    genuine: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.finger)


@dataclass(frozen=True, slots=True)
class _Rows:
    """The impressions of the persons of one folder: int32[impressions, fingers] places, int32[impressions] whose."""

    places: NDArray[np.int32]
    whose: NDArray[np.int32]


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


def pairs_of(impressions: Sequence[Impression], fingers: int = 1) -> Pairs:
    """Every pair (law 2); with ``fingers`` 2 every pair of impressions of persons (law 3). Raises FingerError."""
    groups = list(_groups(impressions, fingers))
    count = sum(len(rows.whose) * (len(rows.whose) - 1) // 2 for rows in groups)
    if count > MAX_PAIRS:
        raise FingerError(f"{count:,} pairs of impressions", advice=f"give fewer: {MAX_PAIRS:,} pairs are the most")
    parts = [_paired(rows) for rows in groups]
    empty = np.zeros((0, fingers), np.int32)
    return Pairs(
        np.concatenate([empty, *(part.first for part in parts)]),
        np.concatenate([empty, *(part.second for part in parts)]),
        np.concatenate([np.zeros(0, np.int32), *(part.finger for part in parts)]),
        np.concatenate([np.zeros(0, np.bool_), *(part.genuine for part in parts)]),
    )


def _paired(rows: _Rows) -> Pairs:
    """Every two rows, once."""
    count = len(rows.whose)
    one = np.repeat(np.arange(count, dtype=np.int32), np.arange(count - 1, -1, -1))
    other = np.concatenate([np.zeros(0, np.int32), *(np.arange(k + 1, count, dtype=np.int32) for k in range(count))])
    whose = rows.whose[one]
    return Pairs(rows.places[one], rows.places[other], whose, whose == rows.whose[other])


def _groups(impressions: Sequence[Impression], fingers: int) -> Iterator[_Rows]:
    """The impressions of each folder's persons (law 3); persons are numbered through."""
    places: dict[tuple[int, int], dict[int, int]] = {}
    for place, one in enumerate(impressions):
        places.setdefault((one.group, one.finger), {})[one.number] = place
    person = 0
    for group in sorted({group for group, _ in places}):
        hands = [places[key] for key in sorted(key for key in places if key[0] == group)]
        rows: list[list[int]] = []
        whose: list[int] = []
        for at in range(0, len(hands) - fingers + 1, fingers):
            together = hands[at : at + fingers]
            for number in sorted(set.intersection(*(set(hand) for hand in together))):
                rows.append([hand[number] for hand in together])
                whose.append(person)
            person += 1
        yield _Rows(np.asarray(rows, np.int32).reshape(-1, fingers), np.asarray(whose, np.int32))
