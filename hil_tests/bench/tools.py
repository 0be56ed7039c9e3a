"""What the virtual bench stands on: programs of Debian, a root, room. Says what is missing, and installs it if it may.

Laws:
1. Nothing is installed that no test uses, and no service of this computer is started by it.
2. What cannot be had is one line for a person; nothing is tried halfway.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hil_tests.bench.live import Live

PROGRAMS = {  # program -> Debian's package
    "qemu-system-x86_64": "qemu-system-x86", "qemu-img": "qemu-utils", "mmdebstrap": "mmdebstrap",
    "swtpm": "swtpm", "mosquitto": "mosquitto", "mcopy": "mtools", "mkfs.vfat": "dosfstools", "socat": "socat",
    "zstd": "zstd", "systemd-nspawn": "systemd-container", "usbip": "usbip", "mke2fs": "e2fsprogs",
    "debugfs": "e2fsprogs", "nsenter": "util-linux", "ip": "iproute2", "iptables": "iptables",
    "openssl": "openssl", "git": "git", "dpkg-deb": "dpkg",
}
LABORATORY = {"ssh": "openssh-client", "mosquitto": "mosquitto"}  # all that a box with real devices asks of us
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
DISK_LEAST = 5 << 30  # bytes free in the clone: roots, package, image, overlays
MEMORY_LEAST = 2 << 30  # bytes to be had: a guest of 1 GiB, QEMU's own, headquarters
ROOT_WANTED = "a Debian root is made, and a container booted, by root: run it with sudo"
POLICY = Path("/usr/sbin/policy-rc.d")
APT_S = 900.0


def missing(programs: dict[str, str]) -> dict[str, str]:
    """The programs that are not there, with their packages."""
    path = f"{os.environ.get('PATH', '')}:{PATH}"
    return {name: package for name, package in programs.items() if shutil.which(name, path=path) is None}


def obstacle(folder: Path) -> str:
    """Why no guest can stand here, whatever is installed; empty if one can."""
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        return f"the guest is a Debian for x86_64; this is {platform.system()} on {platform.machine()}"
    if os.geteuid() != 0:
        return ROOT_WANTED
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < DISK_LEAST:
        return f"{folder} has {free >> 20} MiB free; {DISK_LEAST >> 20} are needed"
    memory = available()
    if memory < MEMORY_LEAST:
        return f"{memory >> 20} MiB of memory are free; {MEMORY_LEAST >> 20} are needed"
    return ""


def available(meminfo: Path = Path("/proc/meminfo")) -> int:
    """Bytes of memory that can be had without swapping."""
    for line in meminfo.read_text("ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) << 10
    return 0


def provide(programs: dict[str, str], live: Live, *, install: bool) -> str:
    """See that the programs are there. Why not, in one line; empty if they are."""
    lack = missing(programs)
    if not lack:
        return ""
    packages = sorted(set(lack.values()))
    by_hand = f"apt-get install --no-install-recommends {' '.join(packages)}"
    if not install:
        return f"not on PATH: {', '.join(lack)}; --no-install forbids to install them ({by_hand})"
    if os.geteuid() != 0 or not Path("/etc/debian_version").exists() or shutil.which("apt-get") is None:
        return f"not on PATH: {', '.join(lack)}; on Debian, as root: {by_hand}"
    live.step(f"installing {len(packages)} packages of Debian: {' '.join(packages)}")
    with no_services():
        for words in (("update", "-qq"), ("install", "-y", "-qq", "--no-install-recommends", *packages)):
            live.doing(f"apt-get {words[0]}")
            said = apt(words)
            if said:
                return f"apt-get {words[0]} failed: {said}; by hand: {by_hand}"
    still = missing(programs)
    return f"not on PATH although their packages are installed: {', '.join(still)}" if still else ""


def apt(words: Sequence[str]) -> str:
    """Run apt-get; the last line of what it complained about, empty if it did not."""
    try:
        done = subprocess.run(
            ["apt-get", *words], capture_output=True, text=True, timeout=APT_S, check=False, stdin=subprocess.DEVNULL,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "PATH": f"{os.environ.get('PATH', '')}:{PATH}"},
        )
    except subprocess.TimeoutExpired:
        return f"it took longer than {APT_S:.0f} s"
    if done.returncode == 0:
        return ""
    return next(reversed((done.stderr or done.stdout).strip().splitlines()), f"exit code {done.returncode}")


@contextmanager
def no_services() -> Iterator[None]:
    """While this lasts, installing a package starts no service of this computer (law 1)."""
    if POLICY.exists():  # somebody has said so already, or otherwise
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n", "ascii")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)
