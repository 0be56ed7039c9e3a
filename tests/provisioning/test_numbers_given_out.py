"""Numbers: none twice, whatever happens; and what the ledger says no to."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from authority_kit import SITE, BareBox, Desk, copy_country, enrol, prov
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.core.provisioning.envelope import read_header
from edge.core.provisioning.papers import MAX_STEP
from edge.core.provisioning.signing import keys_of
from hq.revoked import Revoked
from provisioning import broker_files
from provisioning.errors import LedgerError
from provisioning.ledger import ENROLLED, Box, Ledger
from provisioning.store import Store

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    store = Store(tmp_path / "ledger.sqlite", new=True)
    store.put("sites", site=SITE, name="", added="", config="", lists="[]")
    return Ledger(store, "me")


def put(ledger: Ledger, serial: str, device: str = "") -> None:
    with ledger.store.writing():
        ledger.put_box(Box(serial, device, SITE, b"key", "x25519:", ENROLLED, 0, NOW))


class Cut(BaseException):
    """The power went."""


@pytest.mark.parametrize("cut", range(1, 12))
def test_the_power_may_go_at_any_sync_and_no_number_is_given_out_twice(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: int
) -> None:
    stick = tmp_path / "stick"
    box, _ = enrol(desk, stick)
    before = prov(stick, box)
    calls = 0

    def dying(real: Callable[..., None]) -> Callable[..., None]:
        def call(*args: object) -> None:
            nonlocal calls
            calls += 1
            if calls == cut:
                raise Cut
            real(*args)

        return call

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", dying(os.fsync))
        patched.setattr(Path, "replace", dying(Path.replace))
        try:
            desk.signs("renew", "north-gate-1", "--stick", stick)
        except Cut:
            pass
        else:
            assert calls < cut, "nothing was left to cut"
            return
    there = prov(stick, box)
    keys = keys_of(desk.package.command_keys)
    assert there == before or read_header(there, keys).sequence == 2  # the old one or the new one, whole
    if there != before:
        box.takes(there)
    desk.signs("renew", "north-gate-1", "--stick", stick)
    header, _ = box.takes(prov(stick, box))
    (row,) = desk.run("show", "--json").json
    assert row["number"] == header.sequence
    made = [r for r in desk.run("show", "papers", "--json").json if r["kind"] == "envelope"]
    assert len({r["number"] for r in made}) == len(made)
    assert not list(desk.root.rglob(".*.prov*"))[1:]  # at most what the cut left beside its place


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 30)), max_size=30))
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_sequences_rise_for_each_box_whatever_it_says(
    tmp_path_factory: pytest.TempPathFactory, calls: list[tuple[str, int]]
) -> None:
    ledger = Ledger(Store(tmp_path_factory.mktemp("l") / "ledger.sqlite", new=True), "")
    for serial in "ab":
        put(ledger, serial)
    given_out: dict[str, list[int]] = {"a": [0], "b": [0]}
    for serial, said in calls:
        with ledger.store.writing():
            number = ledger.next_sequence(serial, said)
        assert number > max(said, given_out[serial][-1])
        given_out[serial].append(number)


def test_a_number_that_leaps_is_believed_when_a_person_says_so_too(ledger: Ledger) -> None:
    put(ledger, "a")
    with ledger.store.writing():
        assert ledger.next_sequence("a", MAX_STEP) == MAX_STEP + 1
        with pytest.raises(LedgerError, match="headquarters gave out 10001"):
            ledger.next_sequence("a", 2 * MAX_STEP + 2)
        assert ledger.next_sequence("a", 2 * MAX_STEP + 2, above=2 * MAX_STEP + 2) == 2 * MAX_STEP + 3
        for number in (2**53 - 1, 2**60):
            with pytest.raises(LedgerError, match="above what a paper holds"):
                ledger.next_sequence("a", above=number)
        assert ledger.next_sequence("a") == 2 * MAX_STEP + 4


def test_an_altered_or_leaping_request_wastes_no_number_of_its_box(desk: Desk, tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    box, _ = enrol(desk, stick)
    honest = box.asks(device="north-gate-1", kind="renew")
    altered = json.loads(honest) | {"sequence": 2**53 - 2}
    assert "BP-301" in desk.refuses("renew", box.writes(stick, json.dumps(altered).encode()), "--stick", stick)
    box.sequence = 2**53 - 2  # a box that lies, with its own key
    leaping = box.writes(stick, box.asks(device="north-gate-1", kind="renew"))
    assert "headquarters gave out 1" in desk.refuses("renew", leaping, "--stick", stick)
    box.sequence = 1
    desk.signs("renew", box.writes(stick, honest), "--stick", stick)
    assert box.takes(prov(stick, box))[0].sequence == 2
    box.sequence = 50_000  # the ledger was lost, and a person read this number from the box
    asked = box.writes(stick, box.asks(device="north-gate-1", kind="renew"))
    assert "--above" in desk.refuses("renew", asked, "--stick", stick)
    desk.signs("renew", asked, "--above", 50_000, "--stick", stick)
    assert box.takes(prov(stick, box))[0].sequence == 50_001


def test_numbers_of_time_stay_above_those_of_a_lost_ledger(ledger: Ledger) -> None:
    with ledger.store.writing():
        first = ledger.next_number("time", NOW)
        assert ledger.next_number("time", NOW) == first + 1
        assert ledger.next_number("time", NOW - timedelta(days=900)) == first + 2
    ledger.store.set_meta("number:time", "0")  # as in an old copy
    with ledger.store.writing():
        assert ledger.next_number("time", NOW + timedelta(minutes=1)) > first + 2


def test_words_of_the_root_have_numbers_of_their_own_and_let_the_others_fall(desk: Desk, tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    store = Store(desk.root / "ledger.sqlite")
    with store.writing():  # headquarters' clock was forty years ahead once
        store.set_meta("number:time", str(int(datetime.now(UTC).timestamp()) + 40 * 31_557_600))
    store.close()
    assert "numbered too far ahead" in desk.refuses("time", "--stick", stick)
    roots = [word for name in ("root-1", "root-2") for word in ("--root", desk.offline(name))]
    now = int(datetime.now(UTC).timestamp())
    said = desk.signs("time", "--stick", stick, *roots, "--lower", "--json").json
    assert now <= said["number"] <= now + 60
    assert now <= desk.signs("time", "--stick", stick, "--json").json["number"] <= now + 60


def test_what_fails_in_a_transaction_leaves_nothing(ledger: Ledger) -> None:
    def stopped() -> None:
        with ledger.store.writing():
            ledger.new_device(SITE)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    with ledger.store.writing():
        assert ledger.new_device(SITE) == f"{SITE}-1"


def test_two_writers_wait_for_each_other_and_say_so(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("provisioning.store.BUSY_MS", 20)
    other = Store(ledger.store.path)
    with ledger.store.writing(), pytest.raises(LedgerError, match="somebody else is writing"), other.writing():
        pass


def test_a_device_id_is_given_once_and_never_one_that_topics_reserve(ledger: Ledger) -> None:
    put(ledger, "a", f"{SITE}-1")
    with ledger.store.writing():
        assert ledger.new_device(SITE) == f"{SITE}-2"
    for bad in ("all", "renewal", "x", "UPPER", "a/b", f"{SITE}-1", "x" * 41):
        with pytest.raises(LedgerError):
            ledger.check_device(bad)
    ledger.check_device("spare-one")


def test_what_is_no_ledger_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").write_bytes(b"not a database, at all" * 100)
    with pytest.raises(LedgerError, match="not a database"):
        Store(tmp_path / "ledger.sqlite")
    with pytest.raises(LedgerError, match="is there already"):
        Store(tmp_path / "ledger.sqlite", new=True)


def test_the_ledger_comes_back_from_a_copy_taken_while_it_was_used(desk: Desk, tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    box, _ = enrol(desk, stick)
    (tmp_path / "copy").mkdir()
    copy = copy_country(desk, tmp_path / "copy")
    for _ in range(3):
        desk.signs("renew", "north-gate-1", "--stick", stick)
    box.takes(prov(stick, box))
    copy.signs("renew", box.writes(stick, box.asks(device="north-gate-1", kind="renew")), "--stick", stick)
    assert box.takes(prov(stick, box))[0].sequence == 5


def test_show_warns_of_certificates_that_end(desk: Desk, tmp_path: Path) -> None:
    enrol(desk, tmp_path / "stick")
    store = Store(desk.root / "ledger.sqlite")
    for days, said in ((80, "within 90 days"), (20, "within 30 days"), (5, "within 7 days"), (-1, "ran out"), (95, "")):
        until = datetime.now(UTC) + timedelta(days=days, hours=1)
        with store.writing():
            store.change("UPDATE certificates SET until = ? WHERE kind = 'device'", until.isoformat(timespec="seconds"))
        assert desk.run("show", "--json").json[0]["ends"] == said
    store.close()


def test_the_access_list_has_the_topics_of_the_contract() -> None:
    text = broker_files.acl(["box-nine"])
    assert "pattern write bp/v1/%u/up/#\npattern read bp/v1/%u/down/#\npattern read bp/v1/hq/+\n" in text
    assert "\nuser box-nine\ntopic deny #\n" in text


def test_a_box_of_another_country_is_none_of_ours(desk: Desk, tmp_path: Path) -> None:
    box = BareBox(desk.package)
    assert "no box has" in desk.run("show", "--box", box.serial, "--json").err
    assert "no box has" in desk.refuses("renew", box.serial)


def test_headquarters_collector_refuses_who_was_revoked(desk: Desk, tmp_path: Path) -> None:
    box, _ = enrol(desk, tmp_path / "stick")
    other, _ = enrol(desk, tmp_path / "stick")
    desk.signs("revoke", "north-gate-1", "--reason", "stolen")
    revoked = Revoked(str(desk.root / "revoked.json"), str(desk.root / "national.json"), 1.0, lambda: 1.0)
    revoked.read()
    assert revoked.refuses("north-gate-1")
    assert revoked.refuses("", box.serial)
    assert not revoked.refuses("north-gate-2", other.serial)


def test_old_revocations_leave_the_paper_when_no_certificate_can_live(ledger: Ledger) -> None:
    put(ledger, "a", "box-one")
    box = ledger.known("a")
    with ledger.store.writing():
        ledger.revoke(box, "stolen", NOW)
    assert ledger.revoked_names(NOW + timedelta(days=731)) == (["a"], ["box-one"])
    assert ledger.revoked_names(NOW + timedelta(days=900)) == ([], [])
