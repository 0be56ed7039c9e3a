"""Somebody who sits at headquarters' desk for the first time: what each verb says, and where it sends him."""

from __future__ import annotations

from pathlib import Path

import pytest
from authority_kit import BareBox, Desk, enrol, prov

from edge.core.provisioning.papers import Reset
from edge.core.provisioning.signing import keys_of, open_paper


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    (tmp_path / "stick").mkdir()
    return tmp_path / "stick"


def reset_on(desk: Desk, stick: Path, box: BareBox) -> Reset:
    """The reset that a box finds on the stick."""
    data = (stick / "BORDERPOST" / "reset" / f"{box.serial}.reset").read_bytes()
    return open_paper(data, Reset, keys_of(desk.package.command_keys))


def to_do(desk: Desk, serial: str) -> str:
    (row,) = desk.run("show", "boxes", "--box", serial, "--json").json
    return str(row["to_do"])


def test_a_revoked_box_is_sent_to_its_reset_and_gets_one(desk: Desk, stick: Path) -> None:
    box, _ = enrol(desk, stick)
    desk.signs("revoke", "north-gate-1", "--reason", "stolen, and found again")
    assert "borderpost-provision reset north-gate-1" in desk.refuses("sign", "north-gate-1", "--stick", stick)
    done = desk.signs("reset", "north-gate-1", "--stick", stick)
    assert "enrol it like a new box" in done.err
    paper = reset_on(desk, stick, box)
    assert (paper.serial, paper.sequence) == (box.serial, 2)
    assert "was revoked" in desk.refuses("sign", box.serial, "--stick", stick)  # its keys stay dead
    assert to_do(desk, box.serial) == ""


def test_a_box_that_was_replaced_is_reset_too(desk: Desk, stick: Path) -> None:
    old, _ = enrol(desk, stick)
    new = BareBox(desk.package)
    data = new.asks(desk.claim(stick))
    desk.signs("replace", "north-gate-1", new.writes(stick, data), "--code", new.shows(data), "--stick", stick)
    desk.signs("reset", old.serial, "--stick", stick, "--lose-rows")
    assert reset_on(desk, stick, old).lose_rows


def test_show_reminds_of_keys_that_still_count_after_a_reset(desk: Desk, stick: Path) -> None:
    box, _ = enrol(desk, stick)
    assert to_do(desk, box.serial) == ""
    done = desk.signs("reset", "north-gate-1", "--stick", stick)
    assert f"borderpost-provision revoke {box.serial}" in done.err
    assert to_do(desk, box.serial).startswith("reset signed on 20")
    assert "revoke it" in desk.run("show").out
    desk.signs("renew", "north-gate-1", "--stick", stick)  # in a batch of all that end: says nothing of this box
    assert "reset signed" in to_do(desk, box.serial)
    desk.signs("sign", "north-gate-1", "--stick", stick)  # a person wants it to go on
    assert to_do(desk, box.serial) == ""
    desk.signs("reset", "north-gate-1", "--stick", stick)
    desk.signs("revoke", "north-gate-1", "--reason", "given away")
    assert to_do(desk, box.serial) == ""


def test_papers_are_shown_with_the_time_and_who_signed(desk: Desk, stick: Path) -> None:
    enrol(desk, stick)
    (row, *_) = desk.run("show", "papers", "--json").json
    assert len(row["at"]) == len("2026-11-22T20:08:39Z")
    head, first, *_ = desk.run("show", "papers").out.splitlines()
    assert first.split()[0] == row["at"]
    assert " who " in head
    assert not row["who"] or row["who"] in first.split()


@pytest.mark.parametrize("what", ["boxes", "papers", "certificates"])
def test_a_box_that_nobody_knows_is_no_empty_table(desk: Desk, stick: Path, what: str) -> None:
    enrol(desk, stick)
    for form in ([], ["--json"]):
        done = desk.run("show", what, "--box", "nobody", *form)
        assert (done.code, done.out) == (1, "")
        assert "no box has the serial or device id nobody" in done.err
    assert desk.run("show", what, "--box", "north-gate-1").code == 0


def test_a_stick_without_that_box_s_request_says_so(desk: Desk, stick: Path) -> None:
    box = BareBox(desk.package)
    box.writes(stick, box.asks(desk.claim(stick)))
    assert desk.run("show", "requests", "--stick", stick, "--box", box.serial).code == 0
    done = desk.run("show", "requests", "--stick", stick, "--box", "nobody")
    assert (done.code, "no request of nobody" in done.err) == (1, True)


def test_a_wrong_passphrase_is_typed_again_before_the_key_is_given_up(desk: Desk, stick: Path, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("some other five words\n")
    done = desk.run("claim", "north-gate", "--stick", stick, "--passphrase-file", tmp_path / "wrong")
    assert "next:  type it again; if nobody knows it any more: docs/key-ceremony.md, section 6.6" in done.err


@pytest.mark.parametrize("said", ["ABCD-EFGH-IJKL-MNO", "ABCD-EFGH-IJKL-MNOPQ", "none"])
def test_a_code_of_another_length_is_a_slip_and_no_alarm(desk: Desk, stick: Path, said: str) -> None:
    box = BareBox(desk.package)
    place = box.writes(stick, box.asks(desk.claim(stick)))
    done = desk.run("sign", place, "--stick", stick, "--code", said)
    assert done.code == 2
    assert "a code has 16 characters" in done.err


def test_a_stick_that_is_not_there_is_not_one_without_a_request(desk: Desk, stick: Path) -> None:
    assert "no folder" in desk.refuses("sign", "--stick", stick / "nope")
    assert "no folder" in desk.run("show", "requests", "--stick", stick / "nope").err
    assert "no request" in desk.refuses("sign", "--stick", stick)


@pytest.mark.parametrize("named", [False, True])
def test_replace_finds_the_request_on_the_stick_as_sign_does(desk: Desk, stick: Path, tmp_path: Path, named: bool
                                                             ) -> None:  # fmt: skip
    enrol(desk, tmp_path / "first")
    new = BareBox(desk.package)
    data = new.asks(desk.claim(stick))
    new.writes(stick, data)
    assert desk.run("replace", "north-gate-1").code == 2
    desk.signs("replace", "north-gate-1", *[stick] * named, "--code", new.shows(data), "--stick", stick)
    header, _ = new.takes(prov(stick, new))
    assert header.serial == new.serial
    rows = {row["serial"]: row["state"] for row in desk.run("show", "--json").json}
    assert rows[new.serial] == "enrolled"
    assert sorted(rows.values()) == ["enrolled", "revoked"]
    other = BareBox(desk.package)
    other.writes(stick, other.asks(desk.claim(stick)))
    assert "2 requests" in desk.refuses("replace", "north-gate-2", "--code", new.shows(data), "--stick", stick)
