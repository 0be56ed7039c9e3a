"""Under MemoryDenyWriteExecute: search, LEADER and mindtct work, and memory cannot be made executable there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from search_kit import INDEX, Box, Wanted, again, finger, people, put

from common.fingers.child import Child
from common.fingers.extraction import NAME, ExtractOptions, extract_in
from edge.core.fingerprints.model import FingerImage
from edge.fingers.scan_backend import Native, open_backend

# What a run-time compiler would do, and a library that does not: tried in a process that gave new code up.
TRIES = """
import ctypes, mmap, sys
from common.fingers.confine import confine
import os
granted = confine(os.getppid(), memory_mib=0, no_new_code=True)
libc = ctypes.CDLL(None, use_errno=True)
PR_GET_MDWE = 66
told = [granted, libc.prctl(PR_GET_MDWE, 0, 0, 0, 0)]
try:
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    told.append("mapped")
except PermissionError:
    told.append("refused")
data = mmap.mmap(-1, 4096)
at = ctypes.addressof(ctypes.c_char.from_buffer(data))
told.append(libc.mprotect(ctypes.c_void_p(at), 4096, mmap.PROT_READ | mmap.PROT_EXEC))
print(*told)
"""


@pytest.fixture(scope="module")
def granted() -> None:
    done = subprocess.run([sys.executable, "-c", TRIES], capture_output=True, text=True, timeout=60, check=True)
    if done.stdout.startswith("False"):
        pytest.skip("this kernel has no PR_SET_MDWE (Linux 6.3)")
    assert done.stdout.split() == ["True", "1", "refused", "-1"]


@pytest.mark.usefixtures("granted")
def test_the_search_runs_with_the_backend_of_the_box(tmp_path: Path) -> None:
    """The child has asked for it (``no_new_code``) before it loads anything, and says that it was granted."""
    put(tmp_path, 1, [*people(600), Wanted("R-9", 9)])
    with Box(tmp_path) as box:
        assert [c.record for c in box.searcher.search(again(finger(9)), INDEX).candidates] == ["R-9"]
        assert box.searcher._keeping._child.ready().no_new_code
        process = Path(f"/proc/{box.searcher.pid}")
        maps = (process / "maps").read_text().splitlines()
        executable = [line.split() for line in maps if "x" in line.split()[1]]
        assert executable
        assert not [line for line in executable if "w" in line[1]]
        assert all(len(line) == 6 for line in executable)  # code of files and of the kernel, none of the heap
        if isinstance(open_backend(), Native):
            assert any("edge/fingers/native/scan." in line[-1] for line in executable)


@pytest.mark.usefixtures("granted")
@pytest.mark.parametrize("name", ["leader", "mindtct"])
def test_the_extractors_run(name: str) -> None:
    pytest.importorskip("onnxruntime" if name == "leader" else "nbis")
    from drivers.virtual.prints import synthetic_print

    width, height = 256, 300
    pixels = np.frombuffer(synthetic_print(seed=7, width=width, height=height), np.uint8).reshape(height, width)
    with Child({NAME: ExtractOptions(name, 2)}, no_new_code=True) as child:
        assert child.ready(60).no_new_code
        template = extract_in(child, FingerImage(pixels), INDEX, quality=True, timeout_s=60)
    assert len(template) > 10
    assert template.position is INDEX


