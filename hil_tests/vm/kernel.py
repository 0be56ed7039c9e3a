"""The guest's kernel: Debian's own package, the modules that the bench needs, and an initrd that finds the disk.

Laws:
1. Nothing is compiled, and nothing of this computer's kernel is used: kernel, modules and busybox are Debian's.
2. The initrd mounts one disk and hands over to its systemd; all else (coldplug, modules by alias) is the guest's.
3. The archive is the one that this computer installs from: a mirror, a proxy's, Debian's own. Its lists are left alone.
4. The same packages give the same bytes: members are sorted and their times are 0.
"""

from __future__ import annotations

import platform
import re
import shutil
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hil_tests.vm.parts import BuildError

# The modules that bring up the disk: the initrd holds them and what they ask for.
DISK = ("virtio_pci", "virtio_blk", "ext4", "crc32c_generic")
# On the disk, for udev to find by alias, or for a test to load by name.
MODULES = (
    *DISK, "virtio_net", "virtio_console", "virtio_rng", "virtio_balloon",
    "xhci_pci", "usbserial", "ftdi_sio", "cp210x", "cdc_acm", "usb_storage", "uas", "sd_mod",
    "usbhid", "hid_generic", "evdev", "vfat", "nls_cp437", "nls_iso8859_1", "nls_ascii", "nls_utf8",
    "vhci_hcd", "usbip_core", "dummy_hcd", "libcomposite", "usb_f_mass_storage", "usb_f_hid", "usb_f_acm",
    "i6300esb", "pcspkr", "sch_netem", "af_packet",
)  # fmt: skip
META = "linux-image-amd64"  # the cloud flavour has no USB at all
BUSYBOX = "busybox-static"
Run = Callable[..., str]
_DEPENDS = re.compile(rb"\0depends=([^\0]*)\0")
INIT = """#!/bin/busybox sh
# The first program: the disk's modules, the disk, and over to its systemd (hil_tests/vm/kernel.py).
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs devtmpfs /dev
exec < /dev/console > /dev/console 2>&1
for module in $(/bin/busybox cat /modules/order); do /bin/busybox insmod /modules/$module; done
tries=0
until [ -b /dev/vda ]; do
  tries=$((tries + 1))
  [ $tries -lt 600 ] || { echo "no disk within 60 s"; exec /bin/busybox poweroff -f; }
  /bin/busybox sleep 0.1
done
# Read and written from the start: ext4 plays its journal back after a power cut.
/bin/busybox mount -t ext4 -o rw /dev/vda /root || { echo "no file system"; exec /bin/busybox poweroff -f; }
/bin/busybox umount /proc /sys
/bin/busybox mount -o move /dev /root/dev
exec /bin/busybox switch_root /root /sbin/init
"""


class KernelError(BuildError):
    """A package is not what it was; its text says what is missing."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """A folder with ``vmlinuz``, ``initrd`` and ``lib/modules/RELEASE`` (without depmod's indexes)."""

    folder: Path

    @property
    def vmlinuz(self) -> Path:
        """What QEMU's -kernel takes."""
        return self.folder / "vmlinuz"

    @property
    def initrd(self) -> Path:
        """What QEMU's -initrd takes."""
        return self.folder / "initrd"

    @property
    def release(self) -> str:
        """As uname -r has it."""
        (modules,) = (self.folder / "lib/modules").iterdir()
        return modules.name


def make_kernel(folder: Path, suite: str, run: Run) -> Kernel:
    """Fetch and unpack Debian's kernel of ``suite`` into ``folder``, which exists and is empty.

    ``run`` runs a program and gives its standard output, or raises. Raises KernelError when a module is missing.
    """
    fetched = folder / "fetched"
    linux, busybox = _fetch(fetched, suite, run)
    whole = folder / "whole"
    for package in (linux, busybox):
        run("dpkg-deb", "-x", package, whole)
    (image,) = (whole / "boot").glob("vmlinuz-*")
    release = image.name.removeprefix("vmlinuz-")
    source, target = whole / "lib/modules" / release, folder / "lib/modules" / release
    files = {_plain(path.stem): path for path in source.rglob("*.ko")}
    built_in = {_plain(Path(line).stem) for line in (source / "modules.builtin").read_text().split()}
    wanted = closure(MODULES, files, built_in)
    for path in (files[name] for name in wanted):
        to = target / path.relative_to(source)
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, to)
    for name in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
        shutil.copyfile(source / name, target / name)
    order = [files[name] for name in closure(DISK, files, built_in)]
    shutil.copyfile(image, folder / "vmlinuz")
    shutil.copyfile(whole / "boot" / f"config-{release}", folder / "config")
    (folder / "initrd").write_bytes(initrd(_busybox(whole), order))
    shutil.rmtree(whole)
    shutil.rmtree(fetched)
    return Kernel(folder)


def _busybox(whole: Path) -> bytes:
    for place in ("bin/busybox", "usr/bin/busybox"):
        if (whole / place).is_file():
            return (whole / place).read_bytes()
    raise KernelError(f"{BUSYBOX} has no busybox")


def _fetch(folder: Path, suite: str, run: Run) -> tuple[Path, Path]:
    """The two packages, by apt with lists of its own, from where this computer has its Debian (law 3)."""
    for name in ("lists/partial", "archives/partial", "debs"):
        (folder / name).mkdir(parents=True)
    (folder / "status").touch()
    here = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    lines = sources(run("apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(COMPONENT)"), here, suite)
    (folder / "sources.list").write_text("".join(f"{line}\n" for line in lines))
    options = [
        f"Dir::State={folder}", f"Dir::State::lists={folder}/lists", f"Dir::State::status={folder}/status",
        f"Dir::Cache={folder}", f"Dir::Etc::SourceList={folder}/sources.list", "Dir::Etc::SourceParts=/dev/null",
        "Dir::Etc::PreferencesParts=/dev/null", "APT::Architecture=amd64", "APT::Architectures=amd64",
        "Acquire::Languages=none", "Acquire::Retries=3", "APT::Sandbox::User=root",
    ]  # fmt: skip
    words = [word for option in options for word in ("-o", option)]

    run("apt-get", *words, "-qq", "update")
    shown = run("apt-cache", *words, "show", "--no-all-versions", META)
    found = re.search(r"^Depends:.*?\b(linux-image-[0-9][^ ,]*)", shown, re.MULTILINE)
    if found is None:
        raise KernelError(f"{META} of {suite} names no kernel")
    run("apt-get", *words, "-qq", "download", found[1], BUSYBOX, cwd=folder / "debs")
    (linux,), (busybox,) = (folder / "debs").glob("linux-image-*.deb"), (folder / "debs").glob("busybox*.deb")
    return linux, busybox


def sources(targets: str, here: str, suite: str) -> list[str]:
    """apt's lines for the release ``suite``, from the archives of a computer whose release is ``here``.

    ``targets`` has lines of address, codename and component, as apt tells them of its own sources. Raises KernelError.
    """
    lines = dict.fromkeys(
        f"deb {words[0]} {suite}{words[1].removeprefix(here)} main"
        for words in map(str.split, targets.splitlines())
        if len(words) == 3 and words[2] == "main" and here and words[1] in {here, f"{here}-updates", f"{here}-security"}
    )
    if not lines:
        raise KernelError("apt of this computer knows no archive of Debian: the bench is built on Debian 12 or 13")
    return list(lines)


def _plain(name: str) -> str:
    """A module's name: the kernel takes - and _ for the same."""
    return name.replace("-", "_")


def depends(module: bytes) -> tuple[str, ...]:
    """The modules that a module (the bytes of its .ko) asks for, from its section .modinfo."""
    found = _DEPENDS.search(module)
    return tuple(_plain(name) for name in found[1].decode("ascii").split(",") if name) if found else ()


def closure(names: Sequence[str], files: Mapping[str, Path], built_in: Iterable[str]) -> list[str]:
    """The modules and all that they ask for, each after what it asks for; without those built into the kernel.

    Raises KernelError for one that is in neither.
    """
    inside, ordered = set(built_in), dict[str, None]()

    def take(name: str) -> None:
        if name in inside or name in ordered:
            return
        if name not in files:
            raise KernelError(f"the kernel has no module {name}")
        for other in depends(files[name].read_bytes()):
            take(other)
        ordered[name] = None

    for name in names:
        take(_plain(name))
    return list(ordered)


def initrd(busybox: bytes, modules: Sequence[Path]) -> bytes:
    """The archive: busybox, the modules in the order in which they are loaded, and INIT."""
    order = "".join(f"{path.name}\n" for path in modules).encode("ascii")
    members: list[tuple[str, int, bytes]] = [
        *((name, stat.S_IFDIR | 0o755, b"") for name in ("bin", "dev", "modules", "proc", "root", "sys")),
        ("bin/busybox", stat.S_IFREG | 0o755, busybox),
        ("init", stat.S_IFREG | 0o755, INIT.encode()),
        ("modules/order", stat.S_IFREG | 0o644, order),
        *((f"modules/{path.name}", stat.S_IFREG | 0o644, path.read_bytes()) for path in modules),
    ]
    return cpio(members)


def cpio(members: Sequence[tuple[str, int, bytes]]) -> bytes:
    """A "new ASCII" cpio archive (the kernel's Documentation/driver-api/early-userspace/buffer-format.rst) of
    (name, mode with its type, contents), all root's and of time 0."""
    parts: list[bytes] = []
    for number, (name, mode, body) in enumerate([*members, ("TRAILER!!!", 0, b"")], 1):
        text = name.encode("ascii") + b"\0"
        fields = (number, mode, 0, 0, 1, 0, len(body), 0, 0, 0, 0, len(text), 0)
        header = b"070701" + b"".join(b"%08x" % field for field in fields)
        for part in (header + text, body):
            parts.append(part + b"\0" * (-len(part) % 4))
    return b"".join(parts)
