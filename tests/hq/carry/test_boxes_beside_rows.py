"""Revocations, requests, envelopes and sites: what the collector knows of boxes beside their rows."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import carry_kit as kit
import journal_kit
import pytest
from carry_kit import Headquarters
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from common.settings import ConfigError
from edge.core import sealing
from edge.core.errors import BorderpostError
from edge.core.provisioning.csr import make_csr
from edge.core.provisioning.envelope import seal_envelope
from edge.core.provisioning.papers import Request
from edge.core.provisioning.request import device_key_digest, read_request, serial_of, write_request
from edge.core.wire import MAX_CARRIED, HqState, PassageEnvelope, Presence, Topic, encode, envelope, topic
from hq import config, keys
from hq.cli import headquarters
from hq.collector.post_bag import PostBag
from hq.revoked import Revoked, RevokedError
from hq.store import View, envelopes_of, queue_envelope, requests_of

BOX = "post-7"
KEY = kit.new_key()
SERIAL = serial_of(kit.spki(KEY))
SEAL_KEY = sealing.generate_seal_key()


def request(device: str = BOX) -> bytes:
    return write_request(Request(
        kind="renew", serial=SERIAL, site=kit.SITE, device=device, csr=make_csr(KEY, device),
        seal_key=sealing.public_to_text(SEAL_KEY.public_key()), sequence=3,
    ), lambda data: KEY.sign(data, ec.ECDSA(hashes.SHA256())))  # fmt: skip


def prov(sequence: int, size: int = 100, key: sealing.SignPrivate = kit.COMMAND) -> bytes:
    return seal_envelope(
        {"device.pem": b"x" * size}, country="UTO", serial=SERIAL, device_key=device_key_digest(kit.spki(KEY)),
        sequence=sequence, created=kit.NOW, not_before=kit.NOW, not_after=kit.NOW + timedelta(days=30),
        to=SEAL_KEY.public_key(), key=key,
    )  # fmt: skip


def birth(**fields: object) -> tuple[str, bytes]:
    return topic(Topic.STATE, BOX), encode(Presence(online=True, session="session-1", **fields))  # type: ignore[arg-type]


def row(device: str = BOX) -> tuple[str, bytes]:
    one: PassageEnvelope = envelope(
        device=device, epoch="epoch-1", seq=1, body=b"sealed", at=kit.NOW, clock=kit.ClockState.SIGNED, boot="b",
        mono_ms=1, session="session-1",
    )  # fmt: skip
    return topic(Topic.PASSAGE, device), encode(one)


@pytest.fixture
def hq(tmp_path: Path) -> Iterator[Headquarters]:
    made = Headquarters(tmp_path)
    yield made
    made.store.close()


# -- revocation ------------------------------------------------------------------------------------


def test_nothing_of_a_revoked_box_is_taken_or_answered(tmp_path: Path) -> None:
    hq = Headquarters(tmp_path, revoked=kit.revoked(tmp_path, kit.revocation(devices=[BOX])))
    outcome = hq.intake().take([row(), birth(site="north"), row("post-8")])
    assert [a.topic for a in outcome.answers] == [topic(Topic.ACK, "post-8")]
    assert (BOX, "revoked") in hq.alarms()
    with View(hq.path) as view:
        assert [post.device for post in view.posts()] == ["post-8"]
        assert view.counts()["quarantine"] == 0  # it must not push out what others left there
    hq.store.close()


def test_a_newer_revocation_counts_without_a_restart_and_an_older_or_forged_one_never(tmp_path: Path) -> None:
    now = [0.0]
    found = kit.revoked(tmp_path, kit.revocation(2, devices=["post-1"]), lambda: now[0])
    path = tmp_path / "revoked.json"

    def then(data: bytes | None) -> tuple[bool, bool, bool]:
        if data is None:
            path.unlink()
        else:
            path.with_name("new").write_bytes(data)
            path.with_name("new").replace(path)
        now[0] += 10
        return found.refuses("post-1"), found.refuses("post-2"), found.refuses("", "abcdefghijk23")

    found.read()
    assert then(kit.revocation(2, devices=["post-1"])) == (True, False, False)
    both = kit.revocation(3, devices=["post-1", "post-2"], serials=["abcdefghijk23"])
    assert then(both) == (True, True, True)
    assert then(kit.revocation(2, devices=[])) == (True, True, True)
    assert then(kit.revocation(9, devices=[], key=sealing.generate_sign_key())) == (True, True, True)
    assert then(both[:-9]) == (True, True, True)
    assert then(None) == (True, True, True)
    assert then(kit.revocation(4, devices=["post-2"])) == (False, True, False)


@pytest.mark.parametrize("name", ["revoked.json", "national.json"])
def test_nothing_starts_on_a_revocation_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    found = kit.revoked(tmp_path, kit.revocation())
    found.read()
    (tmp_path / name).write_bytes(b"{}")
    again = Revoked(str(tmp_path / "revoked.json"), str(tmp_path / "national.json"), 5.0, lambda: 0.0)
    with pytest.raises(RevokedError):
        again.read()
    (tmp_path / name).unlink()
    with pytest.raises(RevokedError, match=name):
        again.read()


def test_without_a_revocation_nobody_is_refused() -> None:
    none = Revoked("", "", 5.0, lambda: 0.0)
    none.read()
    assert not none.refuses(BOX, SERIAL)


def test_a_revocation_needs_the_package_that_names_its_keys(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="national"):
        config.parse('[provisioning]\nrevoked = "revoked.json"\n', where="hq.toml", base=tmp_path)
    found = config.parse('[provisioning]\nca = "ca.pem"\n', where="hq.toml", base=tmp_path).provisioning
    assert (found.ca, found.national, found.revoked) == (str(tmp_path / "ca.pem"), "", "")


def test_what_the_page_says_of_a_stolen_box_is_what_the_collector_takes(tmp_path: Path) -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "headquarters-provisioning.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^ *```toml\n(.*?)^ *```", page, re.DOTALL | re.MULTILINE)
    found = config.parse(textwrap.dedent(block), where="hq.toml", base=tmp_path).provisioning
    (tmp_path / "national.json").write_bytes(kit.national())
    (tmp_path / "revoked.json").write_bytes(kit.revocation(devices=[BOX]))
    revoked = Revoked.of(found, lambda: 0.0)
    revoked.read()
    assert revoked.refuses(BOX)


# -- sites -----------------------------------------------------------------------------------------


def test_a_box_that_moves_leaves_its_history_where_it_was(hq: Headquarters) -> None:
    intake = hq.intake()
    intake.take([birth(site="north"), row()])
    hq.now += timedelta(hours=1)
    intake.take([birth(site="south")])
    intake.look_into(10)
    with View(hq.path) as view:
        (post,) = view.posts("north")
        assert post.sites == ("south", "north")
        assert (view.held_at("north"), view.held_at("south")) == (1, 0)


def test_a_box_that_names_no_site_changes_nothing(hq: Headquarters) -> None:
    hq.intake().take([birth(), row()])
    with View(hq.path) as view:
        assert view.posts()[0].sites == ()


# -- requests and envelopes ------------------------------------------------------------------------


def test_the_newest_request_of_a_box_is_kept(hq: Headquarters) -> None:
    intake = hq.intake()
    intake.take([(topic(Topic.REQUEST, BOX), request()), (topic(Topic.REQUEST, BOX), request())])
    (kept,) = requests_of(hq.path)
    assert (kept.device, kept.serial) == (BOX, SERIAL)
    assert read_request(kept.payload).device == BOX


@pytest.mark.parametrize("payload", [request("post-8"), b"{}", b"\xff", encode(HqState(online=True, session="abcd"))])
def test_a_request_in_another_name_or_of_another_kind_is_put_aside(hq: Headquarters, payload: bytes) -> None:
    hq.intake().take([(topic(Topic.REQUEST, BOX), payload)])
    assert requests_of(hq.path) == []
    assert hq.alarms()


def test_an_envelope_goes_until_the_box_took_its_number(hq: Headquarters) -> None:
    bag = PostBag(5.0)
    hq.intake().take([(topic(Topic.REQUEST, BOX), request())])
    assert list(bag.due(0.0, hq.store)) == []
    assert queue_envelope(hq.path, BOX, SERIAL, 4, b"four", kit.NOW)
    assert list(bag.due(1.0, hq.store)) == []  # not looked yet
    assert list(bag.due(6.0, hq.store)) == [(BOX, b"four")]
    assert list(bag.due(12.0, hq.store)) == []
    bag.connected()
    assert list(bag.due(13.0, hq.store)) == [(BOX, b"four")]  # the broker may have forgotten it
    assert not queue_envelope(hq.path, BOX, SERIAL, 3, b"three", kit.NOW)
    assert queue_envelope(hq.path, BOX, SERIAL, 5, b"five", kit.NOW)
    assert list(bag.due(19.0, hq.store)) == [(BOX, b"five")]
    hq.intake().take([birth(sequence=4)])
    assert list(bag.due(25.0, hq.store)) == []
    hq.intake().take([birth(sequence=5)])
    assert list(bag.due(31.0, hq.store)) == [(BOX, b"")]  # clears the retained message
    assert requests_of(hq.path) == []  # answered
    (done,) = envelopes_of(hq.path)
    assert (done.sequence, bool(done.done)) == (5, True)
    bag.connected()
    assert list(bag.due(40.0, hq.store)) == [(BOX, b"")]


def test_another_key_under_the_same_name_begins_its_own_numbers(hq: Headquarters) -> None:
    hq.intake().take([birth()])
    assert queue_envelope(hq.path, BOX, SERIAL, 9, b"nine", kit.NOW)
    assert queue_envelope(hq.path, BOX, "abcdefghijk23", 1, b"one", kit.NOW)


# -- the verbs -------------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Headquarters' folder: hq.toml, keys of the journal's kit, the authority's files; it is where commands run."""
    own = keys.create(tmp_path / "keys")
    assert own
    for name, key in (("seal", journal_kit.HQ_KEY), ("ack", kit.ACK)):
        (tmp_path / "keys" / f"{name}.pem").write_bytes(sealing.private_to_pem(key))
    (tmp_path / "ca.pem").write_text(kit.pem(kit.CA))
    (tmp_path / "national.json").write_bytes(kit.national())
    (tmp_path / "hq.toml").write_text('[provisioning]\nca = "ca.pem"\nnational = "national.json"\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(headquarters, list(arguments))


def stick(home: Path, count: int = 4) -> Path:
    """A stick as a box leaves it."""
    out = home / "stick" / "BORDERPOST" / "out" / SERIAL
    out.mkdir(parents=True)
    journal = kit.filled(home, count)
    try:
        kit.bundle(journal, out / "rows.sealed")
    finally:
        journal.close()
    (out / "RESULT-1.txt").write_text("done")
    return out


def test_import_takes_a_whole_stick_and_leaves_acks(home: Path) -> None:
    stick(home)
    first = run("import", "stick")
    assert first.exit_code == 0, first.output
    assert "4 rows: 4 new, 0 duplicate, 0 conflicting, 0 refused" in first.output
    assert json.loads((home / "acks" / "post-7.acks.json").read_text())
    (again,) = json.loads(run("import", "stick", "--json").output)
    assert (again["new"], again["duplicate"], again["whole"], again["site"]) == (0, 4, True, kit.SITE)
    status = json.loads(run("status", "--json", "--site", kit.SITE).output)
    assert [(post["post"], post["state"], post["site"]) for post in status] == [("post-7", "offline", kit.SITE)]
    assert f"site {kit.SITE}: 1 boxes, 4 messages" in run("status", "--site", kit.SITE).output
    assert run("watch", "--once", "--site", kit.SITE, "--json").exit_code == 0


def test_import_says_what_was_not_taken_and_exits_with_1(home: Path) -> None:
    out = stick(home)
    (out / "rows.sealed").write_bytes((out / "rows.sealed").read_bytes()[:-1])
    refused = run("import", "stick")
    assert refused.exit_code == 1
    assert "NOT TAKEN" in refused.output
    assert "next:" in refused.output
    assert run("import", str(home / "keys")).exit_code == 2  # nothing of the kind there


def test_requests_go_out_as_a_stick_would_bring_them_and_envelopes_come_in(home: Path) -> None:
    hq = Headquarters(home)
    hq.intake().take([birth(serial=SERIAL), (topic(Topic.REQUEST, BOX), request())])
    hq.store.close()
    assert "to be signed" in run("requests", "list").output
    exported = run("requests", "export", "--out", "out")
    assert exported.exit_code == 0, exported.output
    written = home / "out" / "BORDERPOST" / "out" / SERIAL / "request.json"
    assert read_request(written.read_bytes()).device == BOX
    (home / "answer.prov").write_bytes(prov(4))
    sent = run("send", "answer.prov")
    assert sent.exit_code == 0, sent.output
    assert f"envelope 4 goes to {BOX}" in sent.output
    assert isinstance(run("send", "answer.prov").exception, BorderpostError)  # the same number again
    kinds = [line["kind"] for line in json.loads(run("requests", "list", "--json").output)]
    assert kinds == ["request", "envelope"]


def test_an_envelope_for_a_box_that_was_not_heard_yet_is_told_to_wait(home: Path) -> None:
    Headquarters(home).store.close()
    (home / "first.prov").write_bytes(prov(1))
    refused = run("send", "first.prov").exception
    assert isinstance(refused, BorderpostError)
    assert "was not heard from yet" in refused.message
    assert "online once, or say whose it is: --to DEVICE" in refused.advice
    assert run("send", "first.prov", "--to", BOX).exit_code == 0


def test_send_refuses_what_is_no_envelope_of_this_country_or_too_long(home: Path) -> None:
    hq = Headquarters(home)
    hq.intake().take([birth(serial=SERIAL)])
    hq.store.close()
    thief = sealing.generate_sign_key()
    for name, data in (("forged", prov(4, key=thief)), ("cut", prov(4)[:-5]), ("other", b"x" * 100)):
        (home / name).write_bytes(data)
        assert isinstance(run("send", name).exception, BorderpostError), name
    (home / "large").write_bytes(prov(4, MAX_CARRIED))
    assert run("send", "large").exit_code == 2
    (home / "good").write_bytes(prov(4))
    assert run("send", "good", "--to", "NO DEVICE").exit_code == 2
    assert run("send", "good", "--to", "post-9").exit_code == 0
    assert [e.device for e in envelopes_of(home / "hq.sqlite")] == ["post-9"]
