"""`borderpost-hq publish` as people use it, from the first key to a box that takes the list."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from distribution_kit import Box

from edge.core.errors import BorderpostError
from edge.updates.parcels import ParcelFetcher
from hq.cli import headquarters


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("un.bin").write_bytes(b"the list")
    Path("word").write_text("a long passphrase\n")
    return tmp_path


def run(*words: str, code: int = 0) -> Result:
    done = CliRunner().invoke(headquarters, ["publish", *words])
    if isinstance(done.exception, BorderpostError):
        raise done.exception
    assert done.exit_code == code, done.output
    return done


def as_json(*words: str, code: int = 0) -> dict[str, Any]:
    found = json.loads(run(*words, "--json", code=code).stdout)
    assert isinstance(found, dict)
    return found


ADD = ("add", "repo", "--list", "un", "--generation", "1", "--file", "documents.bin=un.bin", "--as-of", "2026-03-01")
ONLINE = ("--key", "keys/snapshot.pem", "--key", "keys/timestamp.pem")


def test_from_the_first_key_to_a_box(place: Path) -> None:
    begun = as_json("init", "repo", "--keys", "keys", "--list", "un", "--list", "sltd")
    assert len(begun["made"]) == 9
    assert all(role["published"] for role in begun["signed"])
    assert begun["until"].endswith("Z")
    assert as_json(*ADD, "--key", "keys/list-un.pem") == {
        "signed": [{"role": "list-un", "version": 2, "published": True, "missing": 0}], "wanted": [],
    }
    assert "posts take this until" in run("timestamp", "repo", *ONLINE).stdout
    box = Box(place / "box", (place / "repo/metadata/1.root.json").read_bytes(), datetime.now(UTC))
    assert box.take(place / "repo") == [{"documents.bin": b"the list"}]
    state = as_json("status", "repo")
    (un,) = [row for row in state["lists"] if row["list"] == "un"]
    assert un == {"list": "un", "newest": 1, "as_of": "2026-03-01T00:00:00Z", "steps": 1, "bytes": 8, "missing": 0}
    assert "list-un    2" in run("status", "repo").stdout
    assert run("wanted", "repo", "--list", "un").stdout == "nothing is missing\n"
    run("add", "repo", "--list", "un", "--generation", "2", "--from", "1", "--file", "delta=un.bin", "--as-of",
        "2026-03-02", "--key", "keys/list-un.pem")  # fmt: skip
    run("timestamp", "repo", *ONLINE)
    made = as_json("parcel", "repo", "--list", "un", "--from", "1", "--generation", "2", "--out", "un.parcel")
    assert made == {"file": "un.parcel", "bytes": (place / "un.parcel").stat().st_size}
    assert box.take(ParcelFetcher((place / "un.parcel").read_bytes())) == [{"delta": b"the list"}]
    assert as_json("sweep", "repo")["freed"] > 0  # what `add` and `timestamp` replaced
    assert as_json("sweep", "repo") == {"freed": 0}


def test_holders_who_sign_at_home(place: Path) -> None:
    for name in ("root-1", "root-2", "root-3", "list-un"):
        run("key", f"{name}/{name}.pem", "--passphrase-file", "word")
        (place / "keys").mkdir(exist_ok=True)
        (place / f"{name}/{name}.pub").rename(place / f"keys/{name}.pub")
    begun = as_json("init", "repo", "--keys", "keys", "--list", "un")
    assert begun["until"] is None
    assert {r["role"]: r["missing"] for r in begun["signed"]} == {
        "root": 2, "targets": 2, "software": 0, "list-un": 1,
    }  # fmt: skip
    with pytest.raises(BorderpostError, match="not signed yet"):
        run("timestamp", "repo", *ONLINE)
    with pytest.raises(BorderpostError, match="locked by a passphrase"):
        run("sign", "repo", "root", "--key", "root-1/root-1.pem")
    word = ("--passphrase-file", "word")
    for role in ("root", "targets"):
        assert "waits for 1 more" in run("sign", "repo", role, "--key", "root-1/root-1.pem", *word).stdout
        assert "published" in run("sign", "repo", role, "--key", "root-3/root-3.pem", *word).stdout
    run("sign", "repo", "list-un", "--key", "list-un/list-un.pem", "--passphrase-file", "word")
    run(*ADD, "--key", "list-un/list-un.pem", "--passphrase-file", "word")
    assert as_json("timestamp", "repo", *ONLINE)["waiting"] == []
    with pytest.raises(BorderpostError, match="nothing of root waits"):
        run("sign", "repo", "root", "--key", "root-1/root-1.pem", "--passphrase-file", "word")


def test_keys_that_change(place: Path) -> None:
    run("init", "repo", "--keys", "keys", "--list", "un")
    root = (place / "repo/metadata/1.root.json").read_bytes()
    holders = ("--key", "keys/root-1.pem", "--key", "keys/root-2.pem")
    run("key", "new/timestamp.pem")
    assert as_json("rotate", "repo", "timestamp", "--new", "new/timestamp.pub")["signed"][0]["missing"] == 2
    run("sign", "repo", "root", *holders)
    with pytest.raises(BorderpostError, match="not among those given"):
        run("timestamp", "repo", *ONLINE)
    run("key", "new/list-un.pem")
    run("delegate", "repo", "--list", "un", "--key", "new/list-un.pub")
    run("sign", "repo", "targets", *holders)
    with pytest.raises(BorderpostError, match="may not sign"):
        run(*ADD, "--key", "keys/list-un.pem")
    run(*ADD, "--key", "new/list-un.pem")
    run("key", "new/list-eu.pem")
    done = as_json("delegate", "repo", "--list", "eu", "--key", "new/list-eu.pub", "--sign", "keys/root-1.pem",
                   "--sign", "keys/root-3.pem")  # fmt: skip
    assert [(r["role"], r["published"]) for r in done["signed"]] == [("targets", True), ("list-eu", False)]
    run("sign", "repo", "list-eu", "--key", "new/list-eu.pem")
    run("timestamp", "repo", "--key", "keys/snapshot.pem", "--key", "new/timestamp.pem")
    box = Box(place / "box", root, datetime.now(UTC))
    assert box.take(place / "repo") == [{"documents.bin": b"the list"}]
    with pytest.raises(BorderpostError, match="which holder"):
        run("rotate", "repo", "root", "--new", "new/timestamp.pub")
    run("key", "new/root-4.pem")
    run("rotate", "repo", "root", "--new", "new/root-4.pub", "--old", "keys/root-3.pub")
    assert "published" in run("sign", "repo", "root", *holders).stdout
    assert as_json("status", "repo")["waiting"] == []


def test_wrong_usage_is_named(place: Path) -> None:
    with pytest.raises(BorderpostError, match="no repository"):
        run("status", "repo")
    with pytest.raises(BorderpostError, match="given twice"):
        run("init", "repo", "--keys", "keys", "--list", "un", "--list", "un")
    Path("short").write_text("short")
    with pytest.raises(BorderpostError, match="fewer than 8"):
        run("key", "k.pem", "--passphrase-file", "short")
    run("key", "k.pem")
    with pytest.raises(BorderpostError, match="is there already"):
        run("key", "k.pem")
    run("init", "repo", "--keys", "keys", "--list", "un")
    with pytest.raises(BorderpostError, match="there is a repository already"):
        run("init", "repo", "--keys", "keys", "--list", "un")
    assert "written NAME=PATH" in run(*ADD[:6], "--file", "x", "--as-of", "2026-01-01", "--key", "k.pem", code=2).output
    assert "not YYYY-MM-DD" in run(*ADD[:-1], "yesterday", "--key", "keys/list-un.pem", code=2).output
    run(*ADD, "--key", "keys/list-un.pem")
    Path("k.pub").write_text("nonsense")
    with pytest.raises(BorderpostError, match="not a line"):
        run("delegate", "repo", "--list", "un", "--key", "k.pub")
    assert as_json("wanted", "repo", "--list", "un") == {"wanted": []}


def test_what_is_missing_ends_with_exit_code_1(place: Path) -> None:
    run("init", "repo", "--keys", "keys", "--list", "un")
    run(*ADD, "--key", "keys/list-un.pem")
    run("add", "repo", "--list", "un", "--generation", "3", "--from", "2", "--file", "delta=un.bin", "--as-of",
        "2026-03-03", "--key", "keys/list-un.pem")  # fmt: skip
    assert as_json("wanted", "repo", "--list", "un", code=1) == {"wanted": [{"from": 1, "to": 3}]}
    ahead = as_json("wanted", "repo", "--list", "un", "--generation", "4", "--as-of", "2026-03-05", code=1)
    assert {(row["from"], row["to"]) for row in ahead["wanted"]} == {(1, 3), (3, 4)}
