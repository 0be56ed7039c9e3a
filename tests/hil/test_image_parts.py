"""What the guest's image is made of: parts that are whole or not there, an initrd, modules after what they ask for."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest

from hil_tests.vm import kernel, parts, root
from hil_tests.vm.kernel import KernelError, closure, cpio, depends, sources
from hil_tests.vm.parts import BuildError, Workshop, digest


def module(asks: bytes) -> bytes:
    return b"\x7fELF...\0license=GPL\0depends=" + asks + b"\0retpoline=Y\0"


def test_a_module_comes_after_what_it_asks_for_and_what_is_built_in_does_not_come(tmp_path: Path) -> None:
    files = {}
    for name, asks in (("ext4", b"jbd2,mbcache,crc16"), ("jbd2", b"crc16"), ("mbcache", b""),
                       ("virtio_blk", b"virtio-ring")):
        files[name] = tmp_path / f"{name}.ko"
        files[name].write_bytes(module(asks))
    order = closure(["ext4", "virtio-blk", "jbd2"], files, {"crc16", "virtio_ring"})
    assert order == ["jbd2", "mbcache", "ext4", "virtio_blk"]
    with pytest.raises(KernelError, match="no module raw_gadget"):
        closure(["raw_gadget"], files, set())


def test_what_asks_for_nothing_and_what_is_no_module_ask_for_nothing() -> None:
    assert depends(module(b"")) == depends(b"text") == ()
    assert depends(module(b"usb-storage,scsi_mod")) == ("usb_storage", "scsi_mod")


def test_the_kernel_comes_from_where_the_computer_has_its_own_packages() -> None:
    told = """\
http://mirror.example/debian/ bookworm main
http://mirror.example/debian/ bookworm main
http://mirror.example/debian/ bookworm contrib
http://mirror.example/debian/ bookworm-updates main
http://mirror.example/debian-security/ bookworm-security main
http://others.example/apt tool-bookworm main
http://others.example/ nodistro main
"""
    assert sources(told, "bookworm", "trixie") == [
        "deb http://mirror.example/debian/ trixie main",
        "deb http://mirror.example/debian/ trixie-updates main",
        "deb http://mirror.example/debian-security/ trixie-security main",
    ]
    for here in ("trixie", ""):
        with pytest.raises(KernelError, match="no archive of Debian"):
            sources(told, here, "bookworm")


def test_cpio_itself_reads_the_archive(tmp_path: Path) -> None:
    made = cpio([("bin", 0o40755, b""), ("bin/busybox", 0o100755, b"#!x"), ("init", 0o100755, b"hello")])
    assert len(made) % 4 == 0
    assert made.startswith(b"070701")
    program = shutil.which("cpio") or shutil.which("busybox")
    if program is None:
        pytest.skip("neither cpio nor busybox on PATH")
    words = [program, "cpio"] if program.endswith("busybox") else [program]
    subprocess.run([*words, "-i", "-d"], input=made, cwd=tmp_path, check=True, capture_output=True, timeout=30)
    assert (tmp_path / "init").read_bytes() == b"hello"
    assert (tmp_path / "bin/busybox").stat().st_mode & 0o777 == 0o755


def test_the_initrd_loads_its_modules_in_order(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / f"{name}.ko").write_bytes(module(b""))
    made = kernel.initrd(b"busybox", [tmp_path / "b.ko", tmp_path / "a.ko"])
    assert b"b.ko\na.ko\n" in made
    assert kernel.INIT.encode() in made


def test_a_part_is_made_once_and_kept_under_its_key(tmp_path: Path) -> None:
    said: list[str] = []
    made: list[Path] = []
    with Workshop(tmp_path, said.append) as shop:
        first = shop.part("base", digest("a"), lambda folder: (folder / "x").write_text("1"))
        assert shop.part("base", digest("a"), made.append) == first
        assert shop.part("base", digest("b"), made.append) != first
    assert (first / "x").read_text() == "1"
    assert len(made) == 1
    assert [line.split(":")[0] for line in said] == ["base", "base"]


def test_a_part_that_fails_is_not_there_and_is_made_anew(tmp_path: Path) -> None:
    def half(folder: Path) -> None:
        (folder / "x").write_text("half")
        raise BuildError("no more disk")

    with pytest.raises(BuildError, match="no more disk"), Workshop(tmp_path, print) as shop:
        shop.part("base", digest("a"), half)
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]
    with Workshop(tmp_path, print) as shop:
        assert list(shop.part("base", digest("a"), lambda folder: None).iterdir()) == []


def test_an_interruption_ends_a_program_and_all_that_it_started(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    ended: list[BaseException] = []

    def work() -> None:
        try:
            shop.run("sh", "-c", f"sleep 300 & echo $! > {told}; wait")
        except BuildError as error:
            ended.append(error)

    with Workshop(tmp_path / "shop", print) as shop:
        thread = threading.Thread(target=work)
        thread.start()
        until = time.monotonic() + 20
        while not (told.exists() and told.read_text().strip()):
            assert time.monotonic() < until
            time.sleep(0.02)
        shop.stop()
        thread.join(20)
        with pytest.raises(BuildError, match="interrupted"):
            shop.run("true")
    assert ended
    status = Path(f"/proc/{told.read_text().strip()}/stat")
    assert not status.exists() or status.read_text().split()[2] == "Z"


def test_the_last_words_of_a_program_that_fails_are_told(tmp_path: Path) -> None:
    with Workshop(tmp_path, print) as shop:
        with pytest.raises(BuildError, match=r"(?s)ended with 3.*no such mirror"):
            shop.run("sh", "-c", "echo no such mirror >&2; exit 3")
        with pytest.raises(BuildError, match="longer than 0 s"):
            shop.run("sleep", "30", limit_s=0.1)
        assert shop.run("echo", "fine") == "fine\n"


def test_of_each_part_the_last_used_stay(tmp_path: Path) -> None:
    with Workshop(tmp_path, print) as shop:
        for number in range(parts.KEPT + 2):
            shop.part("base", digest(str(number)), lambda folder: None)
            time.sleep(0.02)
    assert len(list(tmp_path.glob("base-*"))) == parts.KEPT
    assert shop.find("base", digest(str(parts.KEPT + 1))) is not None


def test_files_are_laid_down_on_a_disk_without_mounting_it(tmp_path: Path) -> None:
    for program in ("mke2fs", "debugfs"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} not on PATH")
    disk, work = tmp_path / "disk", tmp_path / "work"
    work.mkdir()
    with Workshop(tmp_path / "shop", print) as shop:
        shop.run("mke2fs", "-q", "-t", "ext4", disk, "8M")
        for text in (b"old", b"new, and longer"):
            root.lay_down(disk, {"/etc/borderpost/national.json": text, "/etc/x": b""}, work, shop.run)
        out = shop.run("debugfs", "-R", "cat /etc/borderpost/national.json", disk)
        assert out == "new, and longer"
        shop.run("e2fsck", "-f", "-n", disk)
        with pytest.raises(ValueError, match="no plain path"):
            root.lay_down(disk, {"/etc/a b": b""}, work, shop.run)
