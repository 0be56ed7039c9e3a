"""The machine that the container tier boots: see root.py for what is in it, machine.py for how."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge.core import sealing
from edge.core.provisioning.papers import NationalPackage
from edge.core.provisioning.signing import sign_paper
from hil_tests.bench import report
from hil_tests.bench.country import ROOT
from hil_tests.container.machine import Machine
from hil_tests.container.root import Installed, Unavailable, made


def pytest_addoption(parser: pytest.Parser) -> None:
    """Which Debian, and where its root is made and kept."""
    parser.addoption("--release", default="12", help="Debian's number")
    parser.addoption("--work", default=str(ROOT / "build"), help="where roots are made")


@pytest.fixture(scope="session")
def installed(request: pytest.FixtureRequest) -> Installed:
    # The options are not there when pytest was started on a folder above this one.
    asked = request.config.getoption
    package = asked("--package", default="")
    try:
        return made(asked("--release", default="12"), Path(asked("--work", default=str(ROOT / "build"))),
                    Path(package) if package else None)  # fmt: skip
    except Unavailable as reason:
        pytest.skip(str(reason))


def national() -> bytes:
    """A national package: what makes a bare machine a box that waits for a stick."""
    key, seal = sealing.generate_sign_key(), sealing.generate_seal_key()
    line = sealing.public_to_text(key.public_key())
    return sign_paper(NationalPackage(
        country="UTO", name="Utopia", claim_keys=(line,), command_keys=(line,), root_keys=(line,),
        seal_key=sealing.public_to_text(seal.public_key()), ack_key=line, created=datetime(2026, 1, 1, tzinfo=UTC),
    ), key)


@pytest.fixture(scope="module")
def machine(
    request: pytest.FixtureRequest, installed: Installed, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Machine]:
    """One machine for all tests of a file: blank, but for the national package."""
    installed.obeys(national())
    with Machine(installed.root, "borderpost-test", tmp_path_factory.mktemp("machine") / "console.log") as booted:
        installed.figures["from systemd's start to every unit up"] = f"{booted.booted_s:.1f} s"
        report.watch(request.config, booted)
        yield booted
        report.unwatch(request.config, booted)


@pytest.fixture(scope="session")
def figures(request: pytest.FixtureRequest) -> dict[str, str]:
    """What was measured; printed at the end."""
    return request.config.stash.setdefault(report.FIGURES, {})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Tell the figures as docs/security.md has them (make bench has a table of its own)."""
    if config.stash.get(report.LIVE, None) is None:
        for name, figure in config.stash.get(report.FIGURES, {}).items():
            terminalreporter.write_line(f"| {name} | {figure} |")
