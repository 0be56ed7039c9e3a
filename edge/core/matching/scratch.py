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

    def lay(self, name: str, kind: type[np.generic], ids: npt.NDArray[np.int64], values: npt.NDArray[Any]) -> npt.NDArray[Any]:
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
