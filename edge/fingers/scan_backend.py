"""What a search compares with: native code where it is there (``native/scan.c``), else the same in NumPy.

Laws:
1. Native code gives the local similarity of the oracle bit for bit, and the comparison score to 1e-4
   (``edge.core.fingerprints.scan``, ``.rigid``). Which of the two runs is a question of time alone (docs/adr/0022).
2. Nothing reaches native code unchecked: kind, shape and layout of every array, and the bounds of every template.
3. No memory becomes executable and nothing is compiled at run time: it runs under MemoryDenyWriteExecute.
4. Native code is called without Python's lock, in ``threads`` threads; it writes into an array of the call alone.
"""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import numpy as np

from edge.core.fingerprints import rigid as rigids
from edge.core.fingerprints import scan as scans
from edge.core.fingerprints.cylinders import BITS, MOST, WORDS, Described
from edge.core.fingerprints.model import FingerError, same_extractor
from edge.core.fingerprints.scan import Scores
from edge.core.fingerprints.shard import Indices, Shard
from edge.fingers.ranking import Backend, Plain

ABI: Final = 1
NATIVE: Final = Path(__file__).parent / "native"
SLICE: Final = 4096  # templates that a thread takes at a time

_SMALL: Final = 256  # templates below which a second thread costs more than it brings


class _Rules(ctypes.Structure):
    """``Rules`` of scan.c: the constants of the oracle, so that each stands in one place."""

    _fields_ = (
        ("window", ctypes.c_int32), ("best", ctypes.c_int32), ("pairs", ctypes.c_int32), ("turn", ctypes.c_int32),
        ("near", ctypes.c_float), ("far", ctypes.c_float), ("straight", ctypes.c_float),
        ("root", ctypes.c_float * (BITS + 1)), ("cosine", ctypes.c_float * 256), ("sine", ctypes.c_float * 256),
    )  # fmt: skip


class _Cylinders(ctypes.Structure):
    """``Cylinders`` of scan.c."""

    _fields_ = tuple((name, ctypes.c_void_p) for name in ("bits", "x", "y", "angle"))


class Native:
    """Both comparisons in native code. May be used by one thread at a time."""

    def __init__(self, path: Path, threads: int = 2) -> None:
        """Raises OSError where the object at ``path`` cannot be loaded, or is of another version."""
        library = ctypes.CDLL(str(path))
        library.borderpost_abi.restype = ctypes.c_int32
        if library.borderpost_abi() != ABI * 1_000_000 + WORDS * 10_000 + MOST * 100 + ctypes.sizeof(_Rules) % 100:
            raise OSError(f"{path.name} is of another version than this program")
        pointer, whole = ctypes.c_void_p, ctypes.c_int64
        self._scan, self._rigid = library.borderpost_scan, library.borderpost_rigid
        self._scan.argtypes = (pointer, pointer, ctypes.c_int32, pointer, pointer, whole, whole, pointer)
        self._rigid.argtypes = (pointer, pointer, ctypes.c_int32, pointer, pointer, pointer, whole, pointer)
        self._scan.restype = self._rigid.restype = None
        self._rules = _rules()
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="scan")

    def scan(self, probe: Described, shard: Shard) -> Scores:
        """float32[templates]: local similarity. Raises FingerError."""
        mine, all_ = self._checked(probe, shard)
        scores = np.zeros(len(shard), np.float32)

        def work(first: int, last: int) -> None:
            self._scan(
                ctypes.byref(self._rules), ctypes.byref(mine), len(probe), ctypes.byref(all_),
                shard.offsets.ctypes.data, first, last, scores.ctypes.data + first * scores.itemsize,
            )  # fmt: skip

        self._shared(work, len(shard), SLICE)
        return scores

    def rigid(self, probe: Described, shard: Shard) -> Scores:
        """float32[templates]: comparison score. Raises FingerError."""
        return self.rigid_of(probe, shard, np.arange(len(shard.offsets) - 1))

    def rigid_of(self, probe: Described, shard: Shard, chosen: Indices) -> Scores:
        """The same of the templates ``chosen`` alone, in their order. Raises FingerError; IndexError outside."""
        mine, all_ = self._checked(probe, shard)
        places = np.ascontiguousarray(chosen, np.int64)
        if len(places) and not 0 <= int(places.min()) <= int(places.max()) < len(shard):
            raise IndexError("a template that the shard does not hold")
        scores = np.zeros(len(places), np.float32)

        def work(first: int, last: int) -> None:
            self._rigid(
                ctypes.byref(self._rules), ctypes.byref(mine), len(probe), ctypes.byref(all_),
                shard.offsets.ctypes.data, places.ctypes.data + first * places.itemsize, last - first,
                scores.ctypes.data + first * scores.itemsize,
            )  # fmt: skip

        self._shared(work, len(places), _SMALL // 4)
        return scores

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()

    def _shared(self, work: Callable[[int, int], None], count: int, step: int) -> None:
        """Law 4. Slices rather than halves: the other core may be busy."""
        if self._threads < 2 or count <= _SMALL:
            work(0, count)
            return
        firsts = range(0, count, step)
        for _ in self._pool.map(work, firsts, [min(first + step, count) for first in firsts]):
            pass

    def _checked(self, probe: Described, shard: Shard) -> tuple[_Cylinders, _Cylinders]:
        """Law 2."""
        same_extractor(probe.extractor_id, shard.extractor_id)
        at = shard.offsets
        fits = at.dtype == np.int64 and at.ndim == 1 and at.flags.c_contiguous and len(at) > 0
        fits = fits and len(probe) <= MOST and _laid_out(probe) and _laid_out(shard)
        if fits:
            lengths = np.diff(at)
            within = int(at[0]) >= 0 and int(at[-1]) <= len(shard.angle)
            fits = within and (not len(lengths) or (int(lengths.min()) >= 0 and int(lengths.max()) <= MOST))
        if not fits:
            raise FingerError(
                "the arrays of a gallery do not fit together", advice="build the gallery again at headquarters"
            )
        return _pointers(probe), _pointers(shard)


def open_backend(threads: int = 2, folder: Path = NATIVE) -> Backend:
    """Native code where there is some for this machine, else NumPy."""
    try:
        return Native(folder / f"scan.{platform.machine()}.so", threads)
    except OSError:
        return Plain()


def _rules() -> _Rules:
    rules = _Rules(window=scans.WINDOW, best=scans.BEST, pairs=rigids.PAIRS, turn=rigids.TURN)
    rules.near, rules.far, rules.straight = float(rigids.NEAR), float(rigids.FAR), float(rigids.STRAIGHT)
    for name, table in (("root", scans.ROOTS), ("cosine", rigids.COSINE), ("sine", rigids.SINE)):
        getattr(rules, name)[:] = table.tolist()
    return rules


def _laid_out(of: Described | Shard) -> bool:
    rows = len(of.angle)
    wanted = (
        (of.bits, np.uint64, (rows, WORDS)), (of.x, np.int16, (rows,)), (of.y, np.int16, (rows,)),
        (of.angle, np.uint8, (rows,)),
    )  # fmt: skip
    return all(
        part.dtype == kind and part.shape == shape and part.flags.c_contiguous and part.flags.aligned
        for part, kind, shape in wanted
    )


def _pointers(of: Described | Shard) -> _Cylinders:
    return _Cylinders(of.bits.ctypes.data, of.x.ctypes.data, of.y.ctypes.data, of.angle.ctypes.data)
