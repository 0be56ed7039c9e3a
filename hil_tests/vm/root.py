"""The guest's disk: a small Debian, the product's package put in by dpkg, and what the bench adds; as one ext4 file.

Laws:
1. The package goes in as on a box: by dpkg, with its own scripts, without a network.
2. What the product uses stays Debian's own: systemd, udev with its rules and coldplug, journald, logind, getty@tty1.
   TRIMMED holds only what no unit of the product names, and what would cost seconds under an emulator.
3. What the bench adds lies in guest_files/ or in this file and is named "bench", but for hosts, hostname and fstab.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

FILES = Path(__file__).resolve().parent / "guest_files"
SUITE = "bookworm"
# What a box has: systemd and udev as Debian installs them, and what the package depends on and recommends. Then the
# bench's: agent, usbip, tc (iproute2), modprobe and depmod (kmod).
PACKAGES = (
    "systemd", "systemd-sysv", "dbus", "udev", "adduser", "python3", "libusb-1.0-0",
    "libtss2-esys-3.0.2-0", "libtss2-rc0", "libtss2-tcti-device0", "libtss2-mu0",
    "qemu-guest-agent", "usbip", "iproute2", "kmod",
)  # fmt: skip
LEFT_OUT = ("/usr/share/man/*", "/usr/share/locale/*", "/usr/share/doc/*", "/usr/share/info/*")
DISK_MIB = 2048  # three versions of the software and room for a box's own; the file is sparse
TRIMMED_UNITS = (
    # Debian's housekeeping, which would wake up in the middle of a test.
    "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "e2scrub_reap.service",
    "fstrim.timer", "systemd-tmpfiles-clean.timer",
    # Modules and file systems that nobody here uses.
    "modprobe@drm.service", "modprobe@efi_pstore.service", "modprobe@fuse.service", "modprobe@loop.service",
    "modprobe@dm_mod.service", "proc-sys-fs-binfmt_misc.automount", "systemd-binfmt.service", "systemd-pstore.service",
    "sys-fs-fuse-connections.mount", "sys-kernel-debug.mount", "sys-kernel-tracing.mount", "dev-hugepages.mount",
    "dev-mqueue.mount",
    # First boot, measured boot, passwords asked at boot, records of logins.
    "systemd-firstboot.service", "systemd-repart.service", "systemd-machine-id-commit.service",
    "systemd-pcrphase.service", "systemd-pcrphase-sysinit.service", "systemd-ask-password-console.path",
    "systemd-ask-password-wall.path", "systemd-update-utmp.service", "systemd-update-utmp-runlevel.service",
)  # fmt: skip
TRIMMED_GENERATORS = (
    "systemd-cryptsetup-generator", "systemd-debug-generator", "systemd-fstab-generator", "systemd-getty-generator",
    "systemd-gpt-auto-generator", "systemd-hibernate-resume-generator", "systemd-integritysetup-generator",
    "systemd-rc-local-generator", "systemd-run-generator", "systemd-system-update-generator",
    "systemd-sysv-generator", "systemd-veritysetup-generator",
)  # fmt: skip

_PLAIN = re.compile(r"[\w./-]{1,255}", re.ASCII)
UNSAFE = "force-unsafe-io"  # a root that is made anew at every failure needs no fsync

Run = Callable[..., str]


def make_base(folder: Path, run: Run) -> None:
    """``folder``/base.tar: Debian with PACKAGES, from Debian's archive. ``run`` runs a program or raises."""
    left_out = [f"--dpkgopt=path-exclude={pattern}" for pattern in LEFT_OUT]
    run("mmdebstrap", "--mode=root", "--variant=minbase", "--quiet", "--format=tar", *left_out, f"--dpkgopt={UNSAFE}",
        "--aptopt=Acquire::Languages none", f"--include={','.join(PACKAGES)}", SUITE,
        folder / "base.tar")


def make_disk(folder: Path, base: Path, modules: Path, package: Path, run: Run) -> Path:
    """``folder``/root.ext4, from a base.tar, a folder ``lib/modules/RELEASE`` and the product's package."""
    root = folder / "root"
    root.mkdir()
    run("tar", "-xf", base, "-C", root, "--numeric-owner")
    (kernel,) = modules.iterdir()
    shutil.copytree(kernel, root / "usr/lib/modules" / kernel.name)
    run("chroot", root, "/sbin/depmod", kernel.name)
    shutil.copyfile(package, root / "borderpost.deb")
    run("unshare", "-n", "chroot", root, "/usr/bin/dpkg", f"--{UNSAFE}", "-i", "/borderpost.deb",
        env=ENVIRONMENT)  # law 1
    (root / "borderpost.deb").unlink()
    _dress(root, run)
    disk = folder / "root.ext4"
    # No work is left for the guest's kernel: tables are written now.
    run("mke2fs", "-q", "-t", "ext4", "-L", "bench", "-E", "lazy_itable_init=0,lazy_journal_init=0", "-d", root, disk,
        f"{DISK_MIB}M")
    shutil.rmtree(root)
    return disk


ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}


def lay_down(disk: Path, files: Mapping[str, bytes], work: Path, run: Run) -> None:
    """Write small files into a disk that no guest has open: ``/etc/borderpost/national.json`` before the first boot.

    They are root's and everybody may read them (0644), as their folders (0755) where those are not there yet; tmpfiles
    of the product gives /etc/borderpost its own rights at boot. ``work`` is a folder for what goes in between. Raises
    ValueError for a path that debugfs would take for something else, and what ``run`` raises.
    """
    commands: list[str] = []
    made: set[PurePosixPath] = set()
    for number, (name, data) in enumerate(sorted(files.items())):
        path = PurePosixPath(name)
        if not path.is_absolute() or not _PLAIN.fullmatch(name):
            raise ValueError(f"no plain path: {name!r}")
        source = work / f"lay-down-{number}"
        source.write_bytes(data)
        for folder in reversed(path.parents[:-1]):  # debugfs 1.47 loses a block when it makes what is there already
            if folder not in made and "Type: directory" not in run("debugfs", "-R", f"stat {folder}", disk):
                commands.append(f"mkdir {folder}")
            made.add(folder)
        commands += [f"rm {path}", f"write {source} {path}", f"set_inode_field {path} mode 0100644"]
    script = work / "lay-down"
    script.write_text("".join(f"{line}\n" for line in commands))
    run("debugfs", "-w", "-f", script, disk)
    for number, name in enumerate(sorted(files)):  # debugfs ends with 0 whatever happened
        there = work / f"lay-down-{number}.back"
        run("debugfs", "-R", f"dump {name} {there}", disk)
        if there.read_bytes() != files[name]:
            raise ValueError(f"{name} is not on the disk")
        there.unlink()
        (work / f"lay-down-{number}").unlink()


def _dress(root: Path, run: Run) -> None:
    """What the bench adds and what it trims (laws 2 and 3)."""
    for path in sorted(FILES.rglob("*")):
        if path.is_file():
            to = root / path.relative_to(FILES)
            to.parent.mkdir(parents=True, exist_ok=True)
            to.unlink(missing_ok=True)
            shutil.copyfile(path, to)
            to.chmod(0o644)
    system = root / "etc/systemd"
    for name in TRIMMED_UNITS:
        _link(system / "system" / name, "/dev/null")
    for name in TRIMMED_GENERATORS:
        _link(system / "system-generators" / name, "/dev/null")
    _link(system / "system/default.target", "/lib/systemd/system/multi-user.target")
    _link(system / "system/multi-user.target.wants/bench-network.service", "../bench-network.service")
    _link(system / "network/99-default.link", "/dev/null")  # the card is eth0, wherever it is plugged in
    (root / "etc/machine-id").write_text("")  # made at the first boot: no two boxes have the same
    (root / "etc/resolv.conf").write_text("")
    run("chroot", root, "/usr/bin/passwd", "-q", "-d", "root")


def _link(path: Path, to: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(to)
