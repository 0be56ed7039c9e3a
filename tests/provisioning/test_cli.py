"""`borderpost-provision` says what it cannot do yet and how it is done until then."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from provisioning import cli
from provisioning.cli import provision


def test_about_says_what_is_there_today() -> None:
    done = CliRunner().invoke(provision, ["about"])
    assert done.exit_code == 0
    assert "cannot prepare sticks yet" in done.output
    for step in ("borderpost-hq keys create", "edge.toml", "borderpost doctor"):
        assert step in done.output


def test_help_and_version_and_a_wrong_word() -> None:
    assert "Not built yet" in CliRunner().invoke(provision, ["--help"]).output
    assert CliRunner().invoke(provision, ["--version"]).exit_code == 0
    assert CliRunner().invoke(provision, ["make-stick"]).exit_code == 2


def test_the_console_script_ends_with_0(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["borderpost-provision", "about"])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 0
