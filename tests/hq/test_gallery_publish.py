"""A gallery by the commands of headquarters: sealed, published, changed, its delta made with the ring; inspected."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from gallery_kit import AS_OF, generation, some

from edge.cli import borderpost
from edge.core.errors import BorderpostError
from hq.cli import headquarters

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Headquarters' folder: keys, a ring with the list's key, a repository; the sealed copy of a first generation."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("hq.verbs.options.now", lambda: AS_OF)

    def invoke(words: str, code: int = 0) -> Result:
        done = CliRunner().invoke(headquarters, words.split())
        if isinstance(done.exception, BorderpostError) and code:
            return done
        assert done.exit_code == code, (done.output, done.exception)
        return done

    (tmp_path / "hq.toml").write_text('[keys]\nseal = ["keys/seal.pem"]\nack = "keys/ack.pem"\n', encoding="utf-8")
    invoke("keys create --out keys")
    invoke("keys list-key --list fingers --generation 1")
    invoke("publish init repo --keys signing --list fingers")
    generation(tmp_path / "lists", some(40), 1, list_id="fingers", as_of=AS_OF)
    invoke("keys seal-lists --lists lists --out sealed")
    return invoke


PUBLISH = "publish list repo fingers --key signing/list-fingers.pem --json --from "


def test_from_the_first_generation_to_a_delta(run: Run, tmp_path: Path) -> None:
    refused = run(PUBLISH + "lists", code=1)
    assert isinstance(refused.exception, BorderpostError)
    assert refused.exception.message == "fingers holds 40 templates of fingers in clear"
    first = json.loads(run(PUBLISH + "sealed").stdout)
    assert (first["kind"], first["steps"], first["records"]) == ("gallery", [{"from": 0, "to": 1}], 40)
    fewer = dict(list(some(44).items())[1:])
    generation(tmp_path / "lists", fewer, 2, list_id="fingers", as_of=AS_OF)
    run("keys seal-lists --lists lists --out sealed")
    second = json.loads(run(PUBLISH + "sealed --ring keys/list-keys.ring").stdout.splitlines()[-1])
    assert (second["steps"], second["unmade"], second["kept_bases"]) == ([{"from": 1, "to": 2}], [], [1, 2])
    assert "is published already" in run(PUBLISH.replace("--json ", "") + "sealed").stdout
    told = run("lists diff sealed/fingers/0000000001 sealed/fingers/0000000002 --ring keys/list-keys.ring").stdout
    assert "references: 40 -> 43: 4 new, 1 gone, 0 changed" in told
    verified = run("lists verify sealed --ring keys/list-keys.ring").stdout
    assert "generation 2 of 2026-03-01, 43 records (templates by invented-1, sealed), digests agree" in verified
    assert "Invented 3" not in told + verified


def test_half_a_gallery_reaches_no_post_unsaid(run: Run, tmp_path: Path) -> None:
    run(PUBLISH + "sealed")
    generation(tmp_path / "lists", some(18), 2, list_id="fingers", as_of=AS_OF)
    run("keys seal-lists --lists lists --out sealed")
    refused = run(PUBLISH + "sealed --ring keys/list-keys.ring", code=1)
    assert isinstance(refused.exception, BorderpostError)
    assert "leaves out at least 11 of the 20 persons" in refused.exception.message
    run(PUBLISH + "sealed --ring keys/list-keys.ring --force")


def test_the_box_inspects_without_printing_a_record(run: Run, tmp_path: Path) -> None:
    done = CliRunner().invoke(borderpost, ["lists", "inspect", "lists"])
    assert done.exit_code == 0, done.output
    assert "fingers" in done.output
    assert "invented-1" in done.output
    assert "40" in done.output
    assert "Invented 3" not in done.output
    assert "R-00001" not in done.output
