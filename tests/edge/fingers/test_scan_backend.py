"""Native comparison: the oracle's results, whatever the arrays; checked arrays only; under MemoryDenyWriteExecute."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.finger_gallery import EXTRACTOR, fingers, impression
from edge.core.fingerprints.cylinders import MOST, WORDS, describe, describe_many
from edge.core.fingerprints.model import FingerError
from edge.core.fingerprints.rigid import rigid
from edge.core.fingerprints.scan import scan
from edge.core.fingerprints.shard import Shard, shard_of
from edge.fingers import scan_backend
from edge.fingers.ranking import Plain
from edge.fingers.scan_backend import NATIVE, Native, open_backend

ROOT = Path(__file__).resolve().parents[3]
OBJECT = NATIVE / "scan.x86_64.so"
FINGERS = list(fingers(700, 3))
SHARD = shard_of(EXTRACTOR, describe_many(FINGERS))

pytestmark = pytest.mark.skipif(
    platform.machine() != "x86_64", reason="native code is shipped for x86_64; elsewhere NumPy serves"
)


def test_this_machine_uses_native_code() -> None:
    assert isinstance(open_backend(), Native)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_the_same_as_the_oracle_on_fingers(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan_backend, "SLICE", 97)  # several for each thread, and one that is cut short
    native = Native(OBJECT, threads)
    for seed, of in enumerate(FINGERS[:12]):
        mine = describe(impression(of, seed))
        assert np.array_equal(native.scan(mine, SHARD), scan(mine, SHARD))
        assert native.rigid(mine, SHARD) == pytest.approx(rigid(mine, SHARD), abs=1e-4)
    native.close()


def noise(lengths: list[int], seed: int, sparse: bool) -> Shard:
    """Bits, places and angles without rhyme or reason: many ties, equal places, empty templates."""
    drawn = np.random.default_rng(seed)
    rows = sum(lengths)
    bits = drawn.integers(0, 2**64, (rows, WORDS), np.uint64, endpoint=False)
    if sparse:
        bits &= drawn.integers(0, 2**64, (rows, WORDS), np.uint64) & drawn.integers(0, 2**64, (rows, WORDS), np.uint64)
        bits[drawn.random(rows) < 0.2] = 0
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    angle = drawn.integers(0, 256, rows).astype(np.uint8)
    for first, last in pairwise(offsets.tolist()):
        angle[first:last].sort()
    side = int(drawn.choice([3, 40, 400]))
    x, y = (drawn.integers(-side, side, rows).astype(np.int16) for _ in range(2))
    return Shard("noise", bits, x, y, angle, offsets)


LENGTHS = st.integers(0, MOST)


@settings(max_examples=80, deadline=None)
@given(st.lists(LENGTHS, min_size=1, max_size=12), LENGTHS, st.integers(0, 2**32), st.booleans())
def test_the_same_as_the_oracle_on_anything(lengths: list[int], mine: int, seed: int, sparse: bool) -> None:
    shard = noise([mine, *lengths], seed, sparse)
    probe, rest = shard.one(0), shard.part(1, len(lengths) + 1)
    native = Native(OBJECT, 1)
    assert np.array_equal(native.scan(probe, rest), scan(probe, rest))
    assert native.rigid(probe, rest) == pytest.approx(rigid(probe, rest), abs=1e-4, rel=1e-5)


def test_some_of_a_shard() -> None:
    native, mine = Native(OBJECT, 2), SHARD.one(17)
    chosen = np.random.default_rng(1).permutation(len(SHARD))[:400]
    assert np.array_equal(native.rigid_of(mine, SHARD, chosen), native.rigid(mine, SHARD)[chosen])
    assert np.array_equal(native.rigid(mine, SHARD.take(chosen)), native.rigid(mine, SHARD)[chosen])
    assert len(native.rigid_of(mine, SHARD, chosen[:0])) == 0
    for wrong in ([len(SHARD)], [-1]):
        with pytest.raises(IndexError):
            native.rigid_of(mine, SHARD, np.array(wrong))


def wrong_shards() -> list[Shard]:
    falls, beyond, long_ = SHARD.offsets.copy(), SHARD.offsets.copy(), SHARD.offsets[[0, 4]]
    falls[3] = falls[5] + 1
    beyond[-1] += 1
    return [
        replace(SHARD, offsets=falls), replace(SHARD, offsets=beyond), replace(SHARD, offsets=long_),
        replace(SHARD, offsets=SHARD.offsets - 1), replace(SHARD, offsets=SHARD.offsets[:0]),
        replace(SHARD, offsets=SHARD.offsets[::2]), replace(SHARD, offsets=SHARD.offsets.astype(np.int32)),
        replace(SHARD, bits=SHARD.bits[:, :5]), replace(SHARD, bits=np.asfortranarray(SHARD.bits)),
        replace(SHARD, x=SHARD.x[:-1]), replace(SHARD, y=SHARD.y.astype(np.int32)),
        replace(SHARD, angle=SHARD.angle[1:]),
    ]  # fmt: skip


@pytest.mark.parametrize("which", range(12))
def test_nothing_unchecked_reaches_native_code(which: int) -> None:
    native, shard = Native(OBJECT, 1), wrong_shards()[which]
    for act in (native.scan, native.rigid):
        with pytest.raises(FingerError, match="do not fit together"):
            act(SHARD.one(0), shard)


def test_a_probe_that_does_not_fit() -> None:
    native, mine = Native(OBJECT, 1), SHARD.one(0)
    with pytest.raises(FingerError, match="do not fit together"):
        native.scan(replace(mine, x=mine.x[1:]), SHARD)
    with pytest.raises(FingerError, match="cannot be compared"):
        native.rigid(replace(mine, extractor_id="other"), SHARD)


def test_angles_in_disorder_give_other_scores_and_no_harm() -> None:
    """A damaged gallery has no order to rely on; run under valgrind or a sanitizer this says more."""
    native, drawn = Native(OBJECT, 2), np.random.default_rng(5)
    shuffled = replace(SHARD, angle=drawn.permutation(SHARD.angle))
    for place in range(20):
        found = native.scan(shuffled.one(place), shuffled)
        assert np.all((found >= 0) & (found <= 1))
        assert np.all(np.isfinite(native.rigid(shuffled.one(place), shuffled)))


def test_several_searches_at_a_time() -> None:
    """No state is kept: each thread with a backend of its own gets what it gets alone."""
    wanted = [scan(SHARD.one(place), SHARD) for place in range(8)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda place: Native(OBJECT, 2).scan(SHARD.one(place), SHARD), range(8)))
    assert all(np.array_equal(a, b) for a, b in zip(found, wanted, strict=True))


def test_without_native_code_numpy_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(open_backend(2, tmp_path), Plain)
    (tmp_path / "scan.x86_64.so").write_bytes(b"\x7fELF and then nothing")
    assert isinstance(open_backend(2, tmp_path), Plain)
    monkeypatch.setattr(scan_backend, "ABI", 99)
    assert isinstance(open_backend(), Plain)
    with pytest.raises(OSError, match="another version"):
        Native(OBJECT)


CHILD = """
import sys
from common.fingers.confine import confine
import os
if not confine(os.getppid(), memory_mib=2048, no_new_code=True):
    sys.exit(77)
import ctypes, mmap
try:
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    sys.exit("memory became executable")
except PermissionError:
    pass
import numpy as np
from benchmarks.finger_gallery import EXTRACTOR, fingers, impression
from edge.core.fingerprints.cylinders import describe, describe_many
from edge.core.fingerprints.scan import best_of, scan
from edge.core.fingerprints.shard import shard_of
from edge.fingers.scan_backend import Native, open_backend
backend = open_backend(2)
assert isinstance(backend, Native)
of = list(fingers(600, 3))
shard = shard_of(EXTRACTOR, describe_many(of))
mine = describe(impression(of[417], 1))
found = backend.scan(mine, shard)
assert np.array_equal(found, scan(mine, shard))
best = best_of(found, 100)
print(best[np.argmax(backend.rigid(mine, shard.take(best)))])
"""


def test_it_runs_where_no_memory_may_become_executable() -> None:
    """The child's own confinement (PR_SET_MDWE), which is what MemoryDenyWriteExecute of the unit gives."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", CHILD]
    done = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode == 77:
        pytest.skip("this kernel has no PR_SET_MDWE (before 6.3)")
    assert (done.returncode, done.stdout.strip()) == (0, "417"), done.stderr


def built_by(compiler: str) -> str:
    return subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]


def test_the_object_is_what_its_source_gives(tmp_path: Path) -> None:
    """The same compiler: the same bytes. Another one: the same results."""
    compiler = shutil.which(os.environ.get("CC", "gcc"))
    if compiler is None:
        pytest.skip("no C compiler here")
    fresh = tmp_path / "scan.so"
    subprocess.run(["sh", NATIVE / "build.sh", fresh], check=True, timeout=60)
    if built_by(compiler) == (NATIVE / "COMPILER").read_text("utf-8").strip():
        assert fresh.read_bytes() == OBJECT.read_bytes()
    native, mine = Native(fresh, 2), SHARD.one(3)
    assert np.array_equal(native.scan(mine, SHARD), scan(mine, SHARD))
    assert native.rigid(mine, SHARD) == pytest.approx(rigid(mine, SHARD), abs=1e-4)


def test_it_asks_little_of_the_system() -> None:
    """Any glibc that Python itself runs on; no stack that could be executed."""
    if shutil.which("objdump") is None:
        pytest.skip("no objdump here")
    said = subprocess.run(["objdump", "-p", OBJECT], capture_output=True, text=True, check=True).stdout
    assert {part for part in said.split() if part.startswith("GLIBC_")} <= {"GLIBC_2.2.5", "GLIBC_2.14"}
    stack = said.split("STACK", 1)[1].split("flags", 1)[1].split()[0]
    assert "x" not in stack
