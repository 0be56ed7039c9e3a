"""A clean Debian, the package of `make dist` in it, and the machine that boots it. Root alone can do this."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "hil_tests" / "container")]

from machine import Machine, without_network  # noqa: E402

from edge.core import sealing  # noqa: E402
from edge.core.provisioning.papers import NationalPackage  # noqa: E402
from edge.core.provisioning.signing import sign_paper  # noqa: E402

CODENAMES = {"12": "bookworm", "13": "trixie"}
PACKAGES = "systemd,systemd-sysv,dbus,udev,python3,libusb-1.0-0,kmod"
FIGURES = pytest.StashKey[dict[str, str]]()
PROGRAMS = ("mmdebstrap", "systemd-nspawn", "nsenter", "dpkg-deb")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Which Debian, and where its root is made and kept."""
    parser.addoption("--release", default="12", help="Debian's number")
    parser.addoption("--work", default=str(ROOT / "build"), help="where roots are made")


@dataclass
class Installed:
    """A root with the package in it. ``said``: dpkg's own words; ``figures`` are told at the end."""

    root: Path
    package: Path
    version: str
    said: str
    figures: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="session")
def installed(request: pytest.FixtureRequest) -> Iterator[Installed]:
    release, work = request.config.getoption("--release"), Path(request.config.getoption("--work"))
    if os.geteuid() != 0:
        pytest.skip("a machine is booted by root")
    for program in PROGRAMS:
        if shutil.which(program) is None:
            pytest.skip(f"{program} not on PATH")
    packages = sorted((ROOT / "dist").glob(f"borderpost_*~deb{release}_*.deb"))
    if not packages:
        pytest.skip(f"there is no package: make dist RELEASE={release}")
    archive = work / f"clean-{release}.tar"
    if not archive.exists():
        work.mkdir(parents=True, exist_ok=True)
        words = ["mmdebstrap", "--mode=root", "--variant=minbase", "--quiet", f"--include={PACKAGES}", "--format=tar"]
        fresh = archive.with_suffix(".new")
        subprocess.run([*words, CODENAMES[release], fresh], check=True)
        fresh.rename(archive)  # whole, or not there
    root = work / f"clean-{release}"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    subprocess.run(["tar", "-xf", archive, "-C", root, "--numeric-owner"], check=True)
    shutil.copy(packages[-1], root / "borderpost.deb")
    done = without_network("chroot", root, "dpkg", "-i", "/borderpost.deb")
    (root / "borderpost.deb").unlink()
    version = packages[-1].name.split("_")[1].partition("~")[0]
    yield Installed(root, packages[-1], version, f"{done.returncode}\n{done.stdout}{done.stderr}")
    shutil.rmtree(root)


def national() -> bytes:
    """A national package: what makes a bare machine a box that waits for a stick."""
    key, seal = sealing.generate_sign_key(), sealing.generate_seal_key()
    line = sealing.public_to_text(key.public_key())
    return sign_paper(NationalPackage(
        country="UTO", name="Utopia", claim_keys=(line,), command_keys=(line,), root_keys=(line,),
        seal_key=sealing.public_to_text(seal.public_key()), ack_key=line, created=datetime(2026, 1, 1, tzinfo=UTC),
    ), key)


@pytest.fixture(scope="session")
def machine(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """One machine for all tests: blank, but for the national package."""
    (installed.root / "etc/borderpost").mkdir(exist_ok=True)
    (installed.root / "etc/borderpost/national.json").write_bytes(national())
    with Machine(installed.root, "borderpost-test", tmp_path_factory.mktemp("machine") / "console.log") as booted:
        installed.figures["from systemd's start to every unit up"] = f"{booted.booted_s:.1f} s"
        yield booted


@pytest.fixture(scope="session")
def figures(request: pytest.FixtureRequest) -> dict[str, str]:
    """What was measured; printed at the end."""
    return request.config.stash.setdefault(FIGURES, {})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Tell the figures as docs/security.md has them."""
    for name, figure in config.stash.get(FIGURES, {}).items():
        terminalreporter.write_line(f"| {name} | {figure} |")
