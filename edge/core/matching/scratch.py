"""Columns over a list's vocabulary that are filled for one question and empty again after it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


class Columns:
    """The scratch of one list: columns that are all zero between questions."""

    def __init__(self, tokens: int) -> None:
        self._size = tokens + 1
        self._room: dict[str, npt.NDArray[Any]] = {}
        self._laid: dict[str, npt.NDArray[np.int64]] = {}

    def lay(
        self, name: str, kind: type[np.generic], ids: npt.NDArray[np.int64], values: npt.NDArray[Any]
    ) -> npt.NDArray[Any]:
        """A column with these values."""
        column = self._room.get(name)
        if column is None:
            column = self._room[name] = np.zeros(self._size, dtype=kind)
        if name in self._laid:
            column[self._laid[name]] = 0
        column[ids] = values
        self._laid[name] = ids
        return column

    def clear(self) -> None:
        """Zero what was laid out."""
        for name, ids in self._laid.items():
            self._room[name][ids] = 0
        self._laid.clear()

    @property
    def clean(self) -> bool:
        """True if nothing is laid out and every column is zero."""
        return not self._laid and not any(column.any() for column in self._room.values())


class Seen:
    """Which names one question has looked at."""

    def __init__(self, names: int) -> None:
        self._marks = np.zeros(names, dtype=np.bool_)
        self._all: list[npt.NDArray[np.int64]] = []

    def new(self, names: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Those not seen before, rising, each once."""
        found = np.sort(names[~self._marks[names]])
        found = found[np.append(True, found[1:] != found[:-1])] if len(found) else found
        self._marks[found] = True
        self._all.append(found)
        return found

    def has(self, names: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """For each name: was it seen?"""
        found: npt.NDArray[np.bool_] = self._marks[names]
        return found

    def clear(self) -> None:
        """Forget all."""
        for names in self._all:
            self._marks[names] = False
        self._all.clear()
