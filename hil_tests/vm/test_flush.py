"""What a power cut leaves on the guest's disk: all that was flushed, nothing that was not (argv.py, law 3).

Were either half not so, no test of this folder that cuts the power would mean anything.
"""

from __future__ import annotations

import json

from hil_tests.vm.stages import Bench

FILES = 50
# The last MiB of the disk is the file system's, and free; it is written past every cache of the guest (O_DIRECT).
WRITE = """
import mmap, os
place = "/var/lib/flush"
os.makedirs(place)
folder = os.open(place, os.O_RDONLY)
for number in range(50):
    file = os.open(f"{place}/flushed-{number}", os.O_WRONLY | os.O_CREAT)
    os.write(file, b"f" * 5000)
    os.fsync(file)
os.fsync(folder)
for number in range(50):
    with open(f"{place}/loose-{number}", "wb") as file:
        file.write(b"l" * 5000)
disk = os.open("/dev/vda", os.O_WRONLY | os.O_DIRECT)
size = os.lseek(disk, 0, os.SEEK_END)
block = mmap.mmap(-1, 65536)
block.write(b"D" * 65536)
os.pwrite(disk, block, size - (2 << 20))
os.fsync(disk)
os.pwrite(disk, block, size - (1 << 20))
"""
READ = """
import glob, json, os
place = "/var/lib/flush"
whole = lambda kind: sum(os.path.getsize(name) == 5000 for name in glob.glob(f"{place}/{kind}-*"))
disk = os.open("/dev/vda", os.O_RDONLY)
size = os.lseek(disk, 0, os.SEEK_END)
there = lambda back: os.pread(disk, 65536, size - back) == b"D" * 65536
print(json.dumps([whole("flushed"), whole("loose"), there(2 << 20), there(1 << 20)]))
"""


def test_a_power_cut_loses_what_was_not_flushed_and_nothing_else(blank: Bench) -> None:
    box = blank.target
    box.run("sync")
    box.pipe("python3 -", WRITE.encode())
    box.kill()
    box.boot()
    flushed, loose, flushed_block, loose_block = json.loads(box.pipe("python3 -", READ.encode()))
    assert (flushed, flushed_block) == (FILES, True)
    assert loose < FILES, "files that nobody flushed outlived the power"
    assert not loose_block, "the drive kept what was in its cache"
