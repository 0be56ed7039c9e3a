"""A box asks, headquarters answers: who is answered, with what, and what becomes of the numbers."""

from __future__ import annotations

import json
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from authority_kit import SITE, BareBox, Desk, enrol, nonce, prov
from cryptography import x509

from edge.core import sealing
from edge.core.acks import sign_ack
from edge.core.provisioning.codes import Code, ProvisioningError
from edge.core.provisioning.papers import Claim, Reset, Revocation, TimeWord
from edge.core.provisioning.signing import keys_of, open_paper
from edge.core.vault import KeyRing, RingEntry, open_ring, seal_ring
from edge.core.wire import AckPayload, Signed, digest_of
from provisioning.authority import spki


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    (tmp_path / "stick").mkdir()
    return tmp_path / "stick"


def asked(desk: Desk, stick: Path, claim: Claim | None = None) -> tuple[BareBox, bytes, Path]:
    """A new box, its request, and where it lies."""
    box = BareBox(desk.package)
    data = box.asks(claim or desk.claim(stick))
    return box, data, box.writes(stick, data)


def test_the_way_from_a_claim_to_a_box_that_runs(desk: Desk, stick: Path) -> None:
    box, files = enrol(desk, stick)
    settings = tomllib.loads(files["edge.toml"].decode())
    assert settings["box"] | {"profiles_dir": ""} == {"device": "north-gate-1", "site": SITE, "profiles_dir": ""}
    assert settings["headquarters"]["seal_key"] == desk.package.seal_key
    assert settings["headquarters"]["escrow_keys"] == list(desk.package.escrow_keys)
    certificate = x509.load_pem_x509_certificate(files["device.pem"])
    assert certificate.subject.rfc4514_string() == "CN=north-gate-1"
    assert spki(certificate.public_key()) == box.spki
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(files["ca.pem"]))
    (row,) = desk.run("show", "--json").json
    assert (row["device"], row["serial"], row["state"], row["number"]) == ("north-gate-1", box.serial, "enrolled", 1)


def test_a_wrong_code_and_no_code_are_refused_and_the_right_one_is_never_told(desk: Desk, stick: Path) -> None:
    box, data, place = asked(desk, stick)
    right = box.shows(data)
    other = BareBox(desk.package)
    wrong = other.shows(other.asks())
    for said in ([], ["--code", wrong]):
        error = desk.refuses("sign", place, "--stick", stick, *said)
        assert right not in error
        assert right.replace("-", "") not in error
    assert "code" in error
    assert right not in desk.run("show", "requests", "--stick", stick, "--json").out
    assert not (stick / "BORDERPOST" / "prov").exists()
    assert desk.run("show", "--json").json == []
    desk.signs("sign", place, "--stick", stick, "--code", right.lower().replace("-", " "))  # as people type it


def test_a_seal_key_that_was_exchanged_on_the_way_changes_the_code(desk: Desk, stick: Path) -> None:
    box, data, place = asked(desk, stick)
    thief = sealing.public_to_text(sealing.generate_seal_key().public_key())
    place.write_text(json.dumps(json.loads(data) | {"seal_key": thief}))
    assert "BP-301" in desk.refuses("sign", place, "--stick", stick, "--code", box.shows(data))
    box.seal = sealing.generate_seal_key()  # signed by the box's own key, but it is not what the box showed
    place.write_bytes(box.asks(desk.claim(stick)))
    assert "not the code" in desk.refuses("sign", place, "--stick", stick, "--code", box.shows(data))
    other = BareBox(desk.package, pending=box.pending)  # the whole request exchanged
    exchanged = other.writes(stick, other.asks(desk.claim(stick)))
    assert "not the code" in desk.refuses("sign", exchanged, "--stick", stick, "--code", box.shows(data))


def test_a_known_box_needs_no_code_but_one_with_another_seal_key_is_a_stranger(desk: Desk, stick: Path) -> None:
    box, _ = enrol(desk, stick)
    again = box.asks(desk.claim(stick))
    desk.signs("sign", box.writes(stick, again), "--stick", stick)
    box.takes(prov(stick, box))
    box.seal = sealing.generate_seal_key()
    place = box.writes(stick, box.asks(desk.claim(stick)))
    assert "does not know the keys" in desk.refuses("sign", place, "--stick", stick)
    (row,) = desk.run("show", "requests", "--stick", stick, "--json").json
    assert row["known"] == "other keys"
    place = box.writes(stick, box.asks(device="north-gate-1", kind="renew"))
    assert "another seal key" in desk.refuses("renew", place, "--stick", stick)


def test_a_claim_serves_as_many_boxes_as_it_says_and_the_same_box_again(desk: Desk, stick: Path) -> None:
    claim = desk.claim(stick)
    first, data, place = asked(desk, stick, claim)
    desk.signs("sign", place, "--stick", stick, "--code", first.shows(data))
    second, other, there = asked(desk, stick, claim)
    assert "as many as it allows" in desk.refuses("sign", there, "--code", second.shows(other))
    desk.signs("sign", place, "--stick", stick)  # its stick was lost: it asks again, the nonce still serves it
    header, _ = first.takes(prov(stick, first))
    assert (header.sequence, header.nonce) == (2, claim.nonce)


def test_a_nonce_that_the_box_has_spent_is_not_named_again(desk: Desk, stick: Path) -> None:
    claim = desk.claim(stick)
    box, data, place = asked(desk, stick, claim)
    desk.signs("sign", place, "--stick", stick, "--code", box.shows(data))
    box.takes(prov(stick, box))
    desk.signs("sign", box.writes(stick, box.asks(claim)), "--stick", stick)
    header, _ = box.takes(prov(stick, box))
    assert (header.sequence, header.nonce) == (2, "")


def test_an_invented_and_a_withdrawn_claim_open_nothing(desk: Desk, stick: Path) -> None:
    claim = desk.claim(stick)
    box, data, place = asked(desk, stick, msgspec.structs.replace(claim, nonce=nonce()))
    assert "no such claim" in desk.refuses("sign", place, "--code", box.shows(data))
    other, theirs, there = asked(desk, stick, claim)
    assert desk.run("claim", SITE, "--withdraw").code == 0
    assert "withdrawn" in desk.refuses("sign", there, "--code", other.shows(theirs))
    assert desk.run("show", "--json").json == []


def test_boxes_of_a_depot_are_held_and_sent_out_later_without_a_code(desk: Desk, stick: Path) -> None:
    desk.run("site", "add", "south-gate", "--config", desk.folder / "site.toml")
    box, data, place = asked(desk, stick)
    desk.signs("sign", place, "--hold", "--code", box.shows(data))
    assert desk.run("show", "--json").json[0]["state"] == "held"
    assert "stands at no site" in desk.refuses("sign", box.serial, "--stick", stick)
    desk.signs("sign", box.serial, "--site", "south-gate", "--stick", stick)
    header, files = box.takes(prov(stick, box))
    assert header.nonce == ""
    assert tomllib.loads(files["edge.toml"].decode())["box"]["device"] == "south-gate-1"


def test_several_requests_on_a_stick_must_be_named(desk: Desk, stick: Path) -> None:
    claim = desk.claim(stick, "--uses", 2)
    first, data, _ = asked(desk, stick, claim)
    assert desk.signs("sign", "--stick", stick, "--code", first.shows(data)).code == 0
    asked(desk, stick, claim)
    error = desk.refuses("sign", "--stick", stick, "--code", first.shows(data))
    assert "2 requests" in error
    assert first.serial in error


def test_an_envelope_is_copied_again_without_a_new_number(desk: Desk, stick: Path, tmp_path: Path) -> None:
    box, _ = enrol(desk, stick)
    (tmp_path / "other").mkdir()
    assert desk.run("sign", "--again", "north-gate-1", "--stick", tmp_path / "other").code == 0
    assert prov(tmp_path / "other", box) == prov(stick, box)
    assert desk.run("show", "--json").json[0]["number"] == 1


def test_list_keys_come_from_the_ring_and_are_wanted_where_a_site_has_lists(desk: Desk, stick: Path) -> None:
    seal = sealing.seal_private_from_pem((desk.folder / "keys" / "seal.pem").read_bytes())
    ring = KeyRing.of([RingEntry("un", 1, bytes(32)), RingEntry("sltd", 1, bytes(31) + b"1")])
    (desk.folder / "ring").write_bytes(seal_ring(ring, seal.public_key()))
    desk.run("site", "set", SITE, "--config", desk.folder / "site.toml", "--list", "un")
    box, data, place = asked(desk, stick)
    assert "--ring" in desk.refuses("sign", place, "--code", box.shows(data))
    desk.signs("sign", place, "--stick", stick, "--code", box.shows(data), "--ring", desk.folder / "ring",
               "--seal-key", desk.folder / "keys" / "seal.pem")  # fmt: skip
    _, files = box.takes(prov(stick, box))
    assert [entry.list_id for entry in open_ring(files["list-keys.sealed"], box.seal).entries] == ["un"]


def test_a_renewal_brings_a_certificate_alone(desk: Desk, stick: Path) -> None:
    box, before = enrol(desk, stick)
    desk.signs("renew", "--due", 731, "--stick", stick)
    _, files = box.takes(prov(stick, box))
    assert sorted(files) == ["ca.pem", "device.pem"]
    assert files["device.pem"] != before["device.pem"]
    assert spki(x509.load_pem_x509_certificate(files["device.pem"]).public_key()) == box.spki
    request = box.writes(stick, box.asks(device="north-gate-1", kind="renew"))
    desk.signs("renew", request, "--stick", stick)
    assert box.takes(prov(stick, box))[0].sequence == 3
    assert "no certificate ends" in desk.signs("renew", "--due", 30).out


def test_a_box_that_says_a_higher_number_than_the_ledger_is_answered_above_it(desk: Desk, stick: Path) -> None:
    box, _ = enrol(desk, stick)
    box.sequence = 40  # the ledger was put back from an old copy
    desk.signs("renew", box.writes(stick, box.asks(device="north-gate-1", kind="renew")), "--stick", stick)
    assert box.takes(prov(stick, box))[0].sequence == 41
    desk.signs("renew", "north-gate-1", "--above", 90, "--stick", stick)
    assert box.takes(prov(stick, box))[0].sequence == 91


def test_a_replaced_box_keeps_the_site_and_its_old_one_never_comes_back(desk: Desk, stick: Path) -> None:
    old, _ = enrol(desk, stick)
    new, data, place = asked(desk, stick)
    desk.signs("replace", "north-gate-1", place, "--code", new.shows(data), "--stick", stick)
    _, files = new.takes(prov(stick, new))
    assert tomllib.loads(files["edge.toml"].decode())["box"]["device"] == "north-gate-2"
    rows = {row["serial"]: row for row in desk.run("show", "--json").json}
    assert (rows[old.serial]["state"], rows[new.serial]["replaces"]) == ("revoked", old.serial)
    assert rows[new.serial]["site"] == SITE
    revoked = open_paper((desk.root / "revoked.json").read_bytes(), Revocation, keys_of(desk.package.command_keys))
    assert (revoked.serials, revoked.devices) == ((old.serial,), ("north-gate-1",))
    for words in (["sign", "north-gate-1"], ["renew", old.serial],
                  ["sign", old.writes(stick, old.asks(desk.claim(stick)))]):  # fmt: skip
        assert "was revoked" in desk.refuses(*words)
    desk.signs("sign", "north-gate-2", "--stick", stick)
    assert "revoked.json" in new.takes(prov(stick, new))[1]


def test_a_reset_is_for_one_box_and_takes_a_number(desk: Desk, stick: Path) -> None:
    box, _ = enrol(desk, stick)
    desk.signs("reset", "north-gate-1", "--stick", stick)
    data = (stick / "BORDERPOST" / "reset" / f"{box.serial}.reset").read_bytes()
    paper = open_paper(data, Reset, keys_of(desk.package.command_keys))
    assert (paper.serial, paper.sequence, paper.lose_rows) == (box.serial, 2, False)
    desk.signs("reset", "north-gate-1", "--stick", stick, "--lose-rows")
    data = (stick / "BORDERPOST" / "reset" / f"{box.serial}.reset").read_bytes()
    assert open_paper(data, Reset, keys_of(desk.package.command_keys)).lose_rows


def test_time_falls_only_by_the_roots(desk: Desk, stick: Path) -> None:
    done = desk.run("time", "--stick", stick, "--lower")
    assert (done.code, "root keys" in done.err) == (2, True)
    error = desk.refuses("time", "--stick", stick, "--lower", "--root", desk.offline("root-3"))
    assert "1 root keys sign, 2 must" in error
    assert "no root key" in desk.refuses("time", "--stick", stick, "--lower", "--root", desk.offline("spare"))
    found = desk.signs("time", "--stick", stick, "--lower", "--root", desk.offline("root-3"), "--at", "2031-05-01",
                       "--root", desk.offline("root-1"), "--json").json  # fmt: skip
    package = desk.package
    word = open_paper(Path(found["file"]).read_bytes(), TimeWord, keys_of(package.root_keys), package.root_threshold)
    assert (word.lower, word.time) == (True, datetime(2031, 5, 1, tzinfo=UTC))
    roots = ("--root", desk.offline("root-3"), "--root", desk.offline("root-1"))
    assert desk.signs("time", "--stick", stick, *roots, "--json").json["number"] > word.number
    first = desk.signs("time", "--stick", stick, "--json").json
    later = desk.signs("time", "--stick", stick, "--json").json  # words of command keys are counted by themselves
    assert later["number"] > first["number"]
    plain = open_paper(Path(later["file"]).read_bytes(), TimeWord, keys_of(package.command_keys))
    assert abs(plain.time - datetime.now(UTC)) < timedelta(minutes=5)
    with pytest.raises(ProvisioningError) as refused:
        open_paper(Path(later["file"]).read_bytes(), TimeWord, keys_of(package.root_keys), package.root_threshold)
    assert refused.value.code is Code.UNKNOWN_KEY


def ack(device: str, key: sealing.SignPrivate) -> Signed:
    at = datetime(2026, 1, 2, tzinfo=UTC)
    payload = AckPayload(
        kind="ack", device=device, epoch="epoch-1", store="store-1", session="carry-1", server_time=at, span=(1, 1),
        ranges=[(1, 1)], digest=digest_of([(1, bytes(32))]),
    )  # fmt: skip
    return sign_ack(payload, key)


def test_acks_are_sealed_to_the_box_that_they_are_for(desk: Desk, stick: Path) -> None:
    box, _ = enrol(desk, stick)
    key = sealing.sign_private_from_pem((desk.folder / "keys" / "ack.pem").read_bytes())
    path = desk.folder / "acks.json"
    path.write_bytes(msgspec.json.encode([ack("north-gate-1", key), ack("who-is-this", key)]))
    done = desk.signs("acks", path, "--stick", stick)
    assert "left out: who-is-this" in done.err
    _, files = box.takes(prov(stick, box))
    assert [len(files), len(json.loads(files["acks.json"]))] == [1, 1]
    path.write_bytes(msgspec.json.encode([ack("north-gate-1", sealing.generate_sign_key())]))
    assert "not signed by headquarters' ack key" in desk.refuses("acks", path)
