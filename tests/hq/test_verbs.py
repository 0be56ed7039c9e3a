"""The verbs at the command line, over a database that the real intake filled."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from common.command import guarded
from edge.core import sealing
from edge.core.trusted import ClockState
from edge.core.verdicts import Outcome
from edge.core.wire import (
    BODY_TYPE,
    BodyDocument,
    BodyReason,
    ClosingBody,
    Health,
    PassageBody,
    Presence,
    Topic,
    encode,
    envelope,
    fit,
    message_id,
    topic,
)
from edge.core.wire.bodies import Body
from hq import keys
from hq.cli import VERBS, headquarters
from hq.collector.answers import Speaker
from hq.collector.intake import Intake
from hq.config import CollectorConfig, load
from hq.store import Store, StoreLock
from hq.verbs.status import state_of

NOW = datetime.now(UTC)
DOCUMENT = BodyDocument(
    format="TD3", type="P", issuing_state="UTO", number="L898902C3", nationality="UTO", birth_date="740812", sex="F",
    surname="ERIKSSON", given_names="ANNA MARIA",
)  # fmt: skip


def reason(outcome: str, *, silent: bool = False) -> BodyReason:
    return BodyReason(
        list="national", record="N-17", kind="person", outcome=outcome, score=0.91, silent=silent,
        category="wanted", action="Hold the document and confirm with the NCB.", name="ERIKSSON ANNA MARIA",
    )  # fmt: skip


def body(name: str, outcome: Outcome, shown: Outcome, *reasons: BodyReason) -> PassageBody:
    return PassageBody(
        passage=name, counter="lane-1", direction="entry", at=NOW, clock=ClockState.SIGNED, outcome=outcome,
        shown=shown, document=DOCUMENT, reasons=reasons,
    )  # fmt: skip


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A headquarters that has heard one box: a CLEAR, a HIT, a silent HIT, a closing; 3 is missing."""
    keys.create(tmp_path / "keys")
    path = tmp_path / "hq.toml"
    path.write_text("[collector]\nhealth_interval_s = 60\n")
    settings = load(path)
    own = keys.load(settings.keys)
    (public,) = (k.public_key() for k in own.seal.values())
    store = Store(Path(settings.store.path), new_id=lambda: "store-one", conflict_rows=9, quarantine_rows=9)
    intake = Intake(store, own.seal, Speaker(store.id, own.ack, lambda: NOW), CollectorConfig(), lambda: NOW)
    bodies: dict[int, Body] = {
        1: body("p-1", Outcome.CLEAR, Outcome.CLEAR),
        2: body("p-2", Outcome.HIT, Outcome.HIT, reason("HIT")),
        4: body("p-4", Outcome.HIT, Outcome.CLEAR, reason("HIT", silent=True)),
        5: ClosingBody(passage="p-2", code="confirmed", at=NOW, clock=ClockState.SIGNED),
    }
    messages = []
    for seq, what in bodies.items():
        sealed = sealing.seal(
            fit(what), message_id=message_id("box-one", "epoch-a", seq), type=BODY_TYPE,
            recipients=[sealing.Recipient.of(public)],
        )  # fmt: skip
        wrapped = envelope(
            device="box-one", epoch="epoch-a", seq=seq, body=sealed, at=NOW, clock=ClockState.SIGNED, boot="b",
            mono_ms=1, session="session-a",
        )  # fmt: skip
        messages.append((topic(Topic.PASSAGE, "box-one"), encode(wrapped)))
    state = Presence(online=True, session="session-a", epoch="epoch-a", software="0.1.0", lists={"un": 3})
    health = Health(at=NOW, clock=ClockState.SIGNED, session="session-a", outbox=7)
    messages += [
        (topic(Topic.STATE, "box-one"), encode(state)),
        (topic(Topic.HEALTH, "box-one"), encode(health)),
        (topic(Topic.SYNC, "box-one"), b"poison"),
    ]
    intake.take(messages)
    intake.look_into(100)
    store.close()
    return path


def run(*words: str) -> Result:
    return CliRunner().invoke(headquarters, list(words), catch_exceptions=False)


def array(result: Result) -> list[dict[str, object]]:
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert isinstance(found, list)
    return found


def lines(result: Result) -> list[dict[str, object]]:
    assert result.exit_code == 0
    return [json.loads(line) for line in result.output.splitlines()]


def test_every_verb_has_help() -> None:
    assert all(verb in run("--help").output for verb in VERBS)
    for verb in VERBS:
        if verb != "lists":
            assert run(verb, "--help").exit_code == 0
    assert run("nonsense").exit_code == 2


def test_status(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hq.verbs.status.now", lambda: NOW)  # three minutes after collection the post would be silent
    (post,) = array(run("status", "--config", str(config), "--json"))
    assert (post["post"], post["state"], post["messages"], post["pending"]) == ("box-one", "online", 4, 7)
    assert (post["missing"], post["gaps"]) == (1, [{"epoch": "epoch-a", "first": 3, "last": 3}])
    text = run("status", "--config", str(config)).output
    assert "box-one" in text
    assert "store store-one: 4 messages" in text
    assert "ERIKSSON" not in text


def test_states_of_a_post_are_three(config: Path) -> None:
    from hq.store import View

    with View(config.parent / "hq.sqlite") as view:
        (post,) = view.posts()
    assert state_of(post, NOW + timedelta(seconds=179), 60) == "online"
    assert state_of(post, NOW + timedelta(seconds=181), 60) == "silent"


def test_watch_once_opens_hits_and_marks_silent_ones(config: Path) -> None:
    found = lines(run("watch", "--config", str(config), "--once", "--json"))
    assert [(f["kind"], f["passage"], f["outcome"], f["silent"], f["closed"]) for f in found] == [
        ("passage", "p-2", "HIT", False, True),
        ("passage", "p-4", "HIT", True, False),
        ("closing", "p-2", "", False, True),
    ]
    assert found[0]["document"]["number"] == "L898902C3"  # type: ignore[index]
    assert found[1]["reasons"][0]["silent"]  # type: ignore[index]
    assert found[2]["code"] == "confirmed"
    text = run("watch", "--config", str(config), "--once").output
    assert "SILENT: the counter was shown CLEAR" in text
    assert "confirm with the NCB" in text
    assert "arrest" not in text.lower()


def test_watch_since(config: Path) -> None:
    assert len(lines(run("watch", "--config", str(config), "--once", "--json", "--since", "1h"))) == 3
    later = (NOW + timedelta(hours=1)).isoformat()
    assert lines(run("watch", "--config", str(config), "--once", "--json", "--since", later)) == []
    assert run("watch", "--config", str(config), "--since", "yesterday").exit_code == 2


def test_watch_without_the_right_key_says_so(config: Path) -> None:
    keys.create(config.parent / "other")
    config.write_text('[keys]\nseal = ["other/seal.pem"]\n')
    found = lines(run("watch", "--config", str(config), "--once", "--json"))
    assert [f["opened"] for f in found] == [False, False, False]
    assert "does not name" in run("watch", "--config", str(config), "--once").output


def test_alarms_are_listed_with_advice_and_settled(config: Path) -> None:
    (alarm,) = array(run("alarms", "--config", str(config), "--json"))
    assert (alarm["code"], alarm["device"]) == ("not_understood", "box-one")
    assert alarm["advice"]
    assert "not_understood" in run("alarms", "--config", str(config)).output
    assert "is done" in run("alarms", "--config", str(config), "--done", str(alarm["n"])).output
    assert run("alarms", "--config", str(config)).output == "no open alarms\n"
    assert array(run("alarms", "--config", str(config), "--json")) == []
    assert len(array(run("alarms", "--config", str(config), "--json", "--all"))) == 1


def test_keys_create_and_show_print_the_same_lines(config: Path) -> None:
    made = run("keys", "create", "--out", str(config.parent / "new"))
    assert made.exit_code == 0
    config.write_text('[keys]\nseal = ["new/seal.pem"]\nack = "new/ack.pem"\n')
    assert run("keys", "show", "--config", str(config)).stdout == made.stdout
    assert json.loads(run("keys", "show", "--config", str(config), "--json").stdout) == tomllib.loads(made.stdout)
    assert made.stdout.startswith("[headquarters]\nseal_key = ")


def test_keys_create_with_a_passphrase(tmp_path: Path) -> None:
    word = "a long enough passphrase"
    made = CliRunner().invoke(
        headquarters, ["keys", "create", "--out", str(tmp_path / "k"), "--passphrase"], input=f"{word}\n{word}\n"
    )
    assert made.exit_code == 0
    assert b"ENCRYPTED" in (tmp_path / "k" / "seal.pem").read_bytes()


def test_keys_create_asks_no_passphrase_without_a_terminal(tmp_path: Path) -> None:
    program = [sys.executable, "-c", "from hq.cli import main; main()", "keys", "create", "--out", str(tmp_path / "k")]
    done = subprocess.run(
        [*program, "--passphrase"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
        start_new_session=True,  # no controlling terminal
    )  # fmt: skip
    assert done.returncode == 1
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["error", "next"]
    assert "on a terminal" in done.stderr
    assert not (tmp_path / "k").exists()


def test_the_operators_page_shows_what_keys_create_prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = run("keys", "create", "--out", "keys")
    page = Path(__file__).resolve().parents[2] / "docs" / "headquarters.md"
    shown = [line.strip() for line in page.read_text(encoding="utf-8").splitlines()]
    assert made.stderr.splitlines()[0] in shown
    for line in made.stdout.splitlines():
        start = line.partition(":")[0]
        assert any(s.startswith(start) for s in shown), start


def test_a_second_collector_on_a_store_ends_at_once(config: Path) -> None:
    program = [sys.executable, "-c", "from hq.cli import main; main()", "run", "--config", str(config)]
    with StoreLock(config.parent / "hq.sqlite"):
        done = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "error: another collector is running on the store of hq.sqlite\nnext:  stop it first" in done.stderr
    with StoreLock(config.parent / "hq.sqlite"):  # given back
        pass


def test_errors_end_with_advice_and_a_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def wrong() -> None:
        headquarters(["status", "--config", str(tmp_path / "hq.toml")], standalone_mode=False)

    assert guarded(wrong) == 78
    assert "next:  give headquarters' hq.toml" in capsys.readouterr().err
    (tmp_path / "hq.toml").write_text("")
    assert guarded(wrong) == 1
    assert "start `borderpost-hq run` first" in capsys.readouterr().err
