"""A clean Debian with the package of `make dist` in it: what a machine is booted from. Root alone can make it."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from hil_tests.bench.country import ROOT
from hil_tests.container.machine import without_network

CODENAMES = {"12": "bookworm", "13": "trixie"}
PACKAGES = "systemd,systemd-sysv,dbus,udev,python3,libusb-1.0-0,kmod"
PROGRAMS = ("mmdebstrap", "systemd-nspawn", "nsenter", "dpkg-deb")


class Unavailable(Exception):  # noqa: N818 - no error: this computer cannot do it
    """Its text is the reason with which a test is skipped."""


@dataclass
class Installed:
    """A root with the package in it. ``said``: dpkg's own words; ``figures`` are told at the end."""

    root: Path
    package: Path
    version: str
    said: str
    figures: dict[str, str] = field(default_factory=dict)

    def obeys(self, national: bytes) -> None:
        """From now on its machines belong to the country of that national package."""
        (self.root / "etc/borderpost").mkdir(exist_ok=True)
        path = self.root / "etc/borderpost/national.json"
        path.write_bytes(national)
        path.chmod(0o644)


def made(release: str, work: Path, package: Path | None = None) -> Installed:
    """The root of that release under ``work``, with the newest package of dist/ or the one that is named.

    The clean root is made once and kept as an archive, the newest one with a package in it as a folder: machines are
    booted from it and leave it as it was. Raises Unavailable.
    """
    if os.geteuid() != 0:
        raise Unavailable("a machine is booted by root")
    for program in PROGRAMS:
        if shutil.which(program) is None:
            raise Unavailable(f"{program} not on PATH")
    packages = [package] if package else sorted((ROOT / "dist").glob(f"borderpost_*~deb{release}_*.deb"))
    if not packages:
        raise Unavailable(f"there is no package: make dist RELEASE={release}")
    archive = _archive(release, work)
    root = work / f"appliance-{release}-{_key(packages[-1], archive)}"
    said = root.with_name(f"{root.name}.said")
    if not said.exists():
        _install(packages[-1], archive, root, said, work.glob(f"appliance-{release}-*"))
    version = packages[-1].name.split("_")[1].partition("~")[0]
    return Installed(root, packages[-1], version, said.read_text("utf-8"))


def _key(package: Path, archive: Path) -> str:
    with package.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    digest.update(str(archive.stat().st_mtime_ns).encode())
    return digest.hexdigest()[:16]


def _install(package: Path, archive: Path, root: Path, said: Path, former: Iterable[Path]) -> None:
    for old in former:  # one of each release is kept
        shutil.rmtree(old) if old.is_dir() else old.unlink()
    root.mkdir(parents=True)
    subprocess.run(["tar", "-xf", archive, "-C", root, "--numeric-owner"], check=True)
    shutil.copy(package, root / "borderpost.deb")
    done = without_network("chroot", root, "dpkg", "-i", "/borderpost.deb")
    (root / "borderpost.deb").unlink()
    said.write_text(f"{done.returncode}\n{done.stdout}{done.stderr}", "utf-8")  # last: with it the root is whole


def _archive(release: str, work: Path) -> Path:
    archive = work / f"clean-{release}.tar"
    if not archive.exists():
        work.mkdir(parents=True, exist_ok=True)
        words = ["mmdebstrap", "--mode=root", "--variant=minbase", "--quiet", f"--include={PACKAGES}", "--format=tar"]
        fresh = archive.with_suffix(".new")
        subprocess.run([*words, CODENAMES[release], fresh], check=True)
        fresh.rename(archive)  # whole, or not there
    return archive
