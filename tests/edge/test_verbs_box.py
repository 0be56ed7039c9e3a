"""The verbs about a box, running and stopped: status, doctor, passages, audit, close, counter, run."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from box_world import STOLEN, WAIT_S, BoxWorld, until, zone
from click.testing import CliRunner

from edge.core.codes import OUTCOME_CODES
from edge.verbs import status as status_verb


@pytest.fixture(scope="module")
def post(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BoxWorld]:
    """A running box with three passages: a CLEAR, an open lead, and one on a silent list."""
    with BoxWorld(tmp_path_factory.mktemp("post")) as world:
        world.publish()
        world.start()
        world.scan()
        world.scan(zone(STOLEN))
        silent = list(zone("Q33108217", "Velmirov", "Dragosin Pavel"))
        assert world.scan(tuple(silent))["outcome"] == "CLEAR"
        yield world


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BoxWorld]:
    """A box that ran, has one open lead, and was stopped."""
    with BoxWorld(tmp_path_factory.mktemp("stopped")) as world:
        world.publish()
        world.start()
        world.scan(zone(STOLEN))
        assert world.end() == 0
        yield world


def test_status_as_json_and_as_text(post: BoxWorld) -> None:
    until(lambda: json.loads(post.ask("status", "--json")[1])["outbox"]["pending"] == 3, "status keeps up")
    code, out, _ = post.ask("status", "--json")
    status = json.loads(out)
    assert code == 0
    assert set(status) == {
        "device", "site", "uptime_seconds", "clock", "disk_free_mb", "readers", "scanners", "fingers", "passthrough",
        "counters", "lists", "galleries", "updates", "outbox", "uplink", "restarts",
    }
    assert status["counters"][0]["passages"] == 3
    assert status["counters"][0]["shown"] == {"HIT": 1, "POSSIBLE": 0, "UNREADABLE": 0, "INCOMPLETE": 0, "CLEAR": 2}
    code, text, _ = post.ask("status")
    assert code == 0
    assert [line.split()[0] for line in text.splitlines()] == [
        "box", "clock", "reader", "counter", "list", "list", "outbox", "link", "disk"
    ]
    assert status["clock"]["time"].endswith("Z")
    assert "3 waiting" in text
    assert "passages 3  repeats 0  HIT 1  CLEAR 2  not recorded 0" in text
    assert "open leads 1" in text


def test_status_says_of_a_reader_what_is_not_as_it_should_be(post: BoxWorld) -> None:
    status = json.loads(post.ask("status", "--json")[1])
    (well,) = status["readers"]
    (line,) = [text for text in status_verb.lines(status) if text.startswith("reader ")]
    assert "text (virtual: unproven)" in line
    assert (well["state"], well["opens"], well["losses"], well["power_cycles"]) == ("ready", 1, 0, 0)
    ill = {
        **well, "state": "backoff", "losses": 2, "problem": "another program holds it", "advice": "stop it",
        "swapped": "serial number 2 is plugged in where 1 was set up", "profile": "kiosk", "proven": True,
        "tier": "certified", "firmware": "4.07",
    }
    text = "\n".join(status_verb.lines({**status, "readers": [ill]}))
    for said in ("backoff", "text, profile kiosk (certified)", "firmware 4.07", "lost 2", "holds it; next: stop it",
                 "not the one that was set up"):
        assert said in text
    pc = {"to": "pty:/run/borderpost/pc", "state": "ready", "connected": 1, "emitted": 7, "dropped": 0, "unheard": 2}
    assert "passed on 7" in "\n".join(status_verb.lines({**status, "passthrough": [pc]}))


def test_a_missing_list_is_said_in_words(post: BoxWorld) -> None:
    status = json.loads(post.ask("status", "--json")[1])
    gone = {"list": "un", "state": "missing", "generation": None, "records": 0, "age_seconds": None, "problem": None}
    (line,) = [text for text in status_verb.lines({**status, "lists": [gone]}) if text.startswith("list ")]
    assert "None" not in line
    assert line.split()[:3] == ["list", "un", "missing"]


def test_status_of_a_box_that_does_not_run_says_how_to_start_it(stopped: BoxWorld) -> None:
    code, out, said = stopped.ask("status")
    assert (code, out) == (1, "")
    assert "does not answer" in said
    assert "borderpost run" in said


def test_doctor_on_a_running_box_finds_no_error(post: BoxWorld) -> None:
    code, out, _ = post.ask("doctor", "--json")
    found = {c["name"]: c for c in json.loads(out)}
    assert code == 0, out
    assert found["box"]["grade"] == found["audit"]["grade"] == found["clock"]["grade"] == "ok"
    assert set(found["box"]) == {"name", "grade", "found", "advice"}
    code, text, _ = post.ask("doctor")
    assert code == 0
    assert "next: " in text  # no link is configured: a warning with its advice


def test_doctor_on_a_stopped_box_says_so_with_exit_1(stopped: BoxWorld) -> None:
    code, out, _ = stopped.ask("doctor", "--json")
    found = {c["name"]: c for c in json.loads(out)}
    assert code == 1
    assert found["box"]["grade"] == "error"
    assert "borderpost run" in found["box"]["advice"]
    assert found["journal"]["grade"] == found["audit"]["grade"] == "ok"


@pytest.mark.parametrize("which", ["post", "stopped"])
def test_passages_show_what_was_shown_running_or_not(which: str, request: pytest.FixtureRequest) -> None:
    world: BoxWorld = request.getfixturevalue(which)
    code, out, _ = world.ask("passages", "--json")
    rows = json.loads(out)
    assert code == 0
    assert [r["shown"] for r in rows] == (["CLEAR", "HIT", "CLEAR"] if which == "post" else ["HIT"])
    (lead,) = json.loads(world.ask("passages", "--open", "--json")[1])
    assert (lead["shown"], lead["state"], lead["delivered"]) == ("HIT", "awaiting", False)
    assert world.ask("passages", "--limit", "1")[1].count("\n") == 1
    text = world.ask("passages")[1]
    assert lead["passage"] in text
    assert {line.split()[2]: line.split("  ")[-1].strip() for line in text.splitlines()} == (
        {"HIT": "waiting to be sent", "CLEAR": "-"} if which == "post" else {"HIT": "waiting to be sent"}
    )
    everything = (out + text).upper()
    assert not [word for word in ("ERIKSSON", "VELMIROV", "Q33108217", STOLEN) if word in everything]


@pytest.mark.parametrize("which", ["post", "stopped"])
def test_the_audit_chain_is_whole_running_or_not(which: str, request: pytest.FixtureRequest) -> None:
    world: BoxWorld = request.getfixturevalue(which)
    code, out, _ = world.ask("audit", "verify", "--json")
    check = json.loads(out)
    assert (code, check["sound"], check["first_bad"]) == (0, True, None)
    kinds = [kind for (kind,) in sqlite3.connect(world.state / "journal.sqlite").execute("select kind from audit")]
    assert kinds.count("passage") == (3 if which == "post" else 1)
    assert kinds.count("list_in_use") >= 1
    assert check["rows"] == len(kinds)
    assert world.ask("audit", "verify")[1].startswith("the chain is whole: ")


def test_an_edited_audit_row_is_named(tmp_path: Path) -> None:
    with BoxWorld(tmp_path) as world:
        world.publish()
        world.start()
        for _ in range(3):
            world.scan()
        world.end()
        with sqlite3.connect(world.state / "journal.sqlite") as db:
            changed = db.execute("update audit set body = replace(body, 'CLEAR', 'HIT') where kind = 'passage'")
            assert changed.rowcount == 3
            (first,) = db.execute("select min(number) from audit where kind = 'passage'").fetchone()
        code, out, _ = world.ask("audit", "verify", "--json")
        assert code == 1
        assert json.loads(out)["sound"] is False
        assert world.ask("audit", "verify")[1].startswith(f"the chain is broken at row {first}:")
        assert world.ask("doctor")[0] == 1


def test_the_chain_goes_out_as_a_file_and_is_verified_without_the_box(post: BoxWorld, tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    code, _, said = post.ask("audit", "export", str(file))
    assert (code, said) == (0, "")
    text = file.read_text(encoding="utf-8").upper()
    assert not [word for word in ("ERIKSSON", "VELMIROV", "Q33108217", STOLEN) if word in text]
    head = json.loads(post.ask("audit", "verify", "--json")[1])["head"]
    without = [str(file), "--config", str(tmp_path / "none.toml")]
    code, out, _ = post.ask("audit", "verify", *without, "--head", head)
    assert code == 0
    assert f"head {head}" in out
    assert "not verified: give the box's --certificate" in out
    code, out, _ = post.ask("audit", "verify", *without, "--head", "0" * 63 + "1", "--json")
    assert (code, json.loads(out)["sound"]) == (1, False)
    assert post.ask("audit", "verify", *without, "--head", "HEAD")[0] == 2
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join([*lines[:2], *lines[3:]]))
    code, out, _ = post.ask("audit", "verify", *without)
    assert (code, out) == (1, "the chain is broken at row 2: is missing, or stands elsewhere\n")
    file.write_bytes(b"".join(lines[:-1]))
    code, _, said = post.ask("audit", "verify", *without)
    assert code != 0
    assert "audit export" in said  # what to do


def test_close_knows_the_codes_and_says_what_is_wrong(post: BoxWorld, stopped: BoxWorld) -> None:
    code, _, said = post.ask("close", "ABC", "--outcome", "guilty")
    assert code == 2
    assert "not-same-person" in said
    code, _, said = post.ask("close", "AAAAA-AAAAA", "--outcome", "confirmed")
    assert code == 1
    assert "AAAAA-AAAAA" in said
    (lead,) = json.loads(stopped.ask("passages", "--open", "--json")[1])
    code, _, said = stopped.ask("close", lead["passage"], "--outcome", "confirmed")
    assert code == 1
    assert "borderpost run" in said
    helped = post.ask("close", "--help")[1]
    assert all(code in helped for code in OUTCOME_CODES)


def counter(world: BoxWorld, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(world.words("counter", *words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_the_counters_view_shows_verdicts_as_they_come(post: BoxWorld) -> None:
    as_json, as_text = counter(post, "--json", "--count", "1"), counter(post, "--count", "1")
    assert as_json.stdout is not None
    assert as_text.stdout is not None
    hello = json.loads(as_json.stdout.readline())
    assert (hello["type"], hello["device"], len(hello["open"])) == ("hello", "test-box", 1)
    assert "box test-box" in as_text.stdout.readline()
    post.scan(zone("L04508178", "Dunmore", "Peregrine"))
    verdict = json.loads(as_json.stdout.readline())
    assert verdict["outcome"] == "POSSIBLE"
    shown, _ = as_text.communicate(timeout=WAIT_S)
    assert "POSSIBLE" in shown
    assert "Confirm with the NCB" in shown or "confirm with the NCB" in shown
    assert f"borderpost close {verdict['passage']} --outcome CODE" in shown
    assert as_json.wait(WAIT_S) == as_text.returncode == 0
    assert post.ask("close", verdict["passage"], "--outcome", "misread")[0] == 0


def test_a_counter_that_the_box_does_not_have_is_an_error(post: BoxWorld) -> None:
    code, out, said = post.ask("counter", "--counter", "lane-9")
    assert (code, out) == (1, "")
    assert "no counter 'lane-9'" in said
    assert "lane-1" in said


def test_a_lead_that_is_closed_is_said_to_be_closed(post: BoxWorld) -> None:
    lead = post.scan(zone("L04508178", "Dunmore", "Peregrine"))["passage"]
    assert post.ask("close", lead, "--outcome", "misread")[0] == 0
    code, _, said = post.ask("close", lead, "--outcome", "confirmed")
    assert code == 1
    assert f"{lead} is closed already (code misread)" in said


@contextlib.contextmanager
def another_user(world: BoxWorld) -> Iterator[None]:
    """As a user who may use the socket, but not look into the state folder."""
    root = os.geteuid() == 0
    outside = [p for p in (world.folder, *world.folder.parents) if root and p.stat().st_mode & 0o011 != 0o011]
    modes = [(p, p.stat().st_mode) for p in [*outside, world.state, *([world.socket] if world.socket.exists() else [])]]
    for p in outside:
        p.chmod(p.stat().st_mode | 0o011)
    world.state.chmod(0o700 if root else 0)
    if root:
        if world.socket.exists():
            world.socket.chmod(0o666)
        world.config.chmod(0o644)
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        for p, mode in modes:
            p.chmod(mode)


def test_a_user_without_the_state_folder_is_told_by_the_box_or_told_why(post: BoxWorld, stopped: BoxWorld) -> None:
    (lead,) = json.loads(post.ask("passages", "--open", "--json")[1])
    with another_user(post):
        code, out, said = post.ask("passages", "--open", "--json")
        audit = post.ask("audit", "verify")
    assert code == 0, said
    assert json.loads(out) == [lead]
    assert lead["at"].endswith("Z")
    for code, said in ((audit[0], audit[2]),):
        assert code == 1
        assert said.splitlines()[0] == "error: the journal journal.sqlite cannot be read: permission denied"
        assert said.splitlines()[1].startswith("next: ")
    with another_user(stopped):
        code, _, said = stopped.ask("passages")
        assert stopped.ask("doctor")[0] == 1
    assert code == 1
    assert "permission denied; " in said
    assert "does not answer" in said


def test_the_view_outlives_a_restart_of_the_box(tmp_path: Path) -> None:
    with BoxWorld(tmp_path) as world:
        world.publish()
        world.start()
        view = counter(world)
        assert view.stdout is not None
        view.stdout.readline()
        world.end()
        assert "the box went away" in view.stdout.readline()
        world.start()
        assert view.stdout.readline().startswith("box ")
        view.send_signal(signal.SIGINT)
        view.communicate(timeout=WAIT_S)
    assert view.returncode == 130


def test_run_explains_its_exit_codes() -> None:
    from edge.verbs.run import command

    text = CliRunner().invoke(command, ["--help"]).output
    assert "70" in text
    assert "78" in text
