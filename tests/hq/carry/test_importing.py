"""What came by stick is taken once, from whom it is; what is not is refused, and said."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import carry_kit as kit
import journal_kit
import msgspec
import pytest
from carry_kit import Headquarters, what

from edge.carry.acks import apply_acks, read_acks
from edge.core.acks import AckOutcome
from edge.core.carrying import Fault
from edge.core.sealing import generate_seal_key, key_id
from edge.core.wire import AckPayload, Presence, Signed, Topic, decode, encode, envelope, topic
from edge.journal import Journal
from hq.carry import acks_file
from hq.store import View
from provisioning import authority


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    (tmp_path / "box").mkdir()
    made = kit.filled(tmp_path / "box", 5)
    yield made
    made.close()


@pytest.fixture
def hq(tmp_path: Path) -> Iterator[Headquarters]:
    made = Headquarters(tmp_path)
    yield made
    made.store.close()


def test_rows_go_by_stick_and_their_acks_come_back(journal: Journal, hq: Headquarters, tmp_path: Path) -> None:
    stick = tmp_path / "rows.sealed"
    written = kit.bundle(journal, stick)
    assert (written.count, written.left, written.bytes) == (5, 0, stick.stat().st_size)
    report = hq.take(stick)
    assert (what(report), report.whole, report.problem) == ((5, 0, 0, 0), True, "")
    acks = acks_file.add(tmp_path / "acks", report.device, report.acks)
    applied = apply_acks(acks.read_bytes(), journal, kit.ACK_KEYS, kit.SESSION)
    assert (applied.applied, applied.rows, applied.refused) == (1, 5, {})
    assert applied.time == kit.NOW
    assert applied.newest_held == 5
    assert journal.counts().pending == 0
    assert kit.bundle(journal, stick).count == 0  # nothing left to carry
    assert apply_acks(acks.read_bytes(), journal, kit.ACK_KEYS, kit.SESSION).applied == 1  # and no harm


def test_rows_that_are_imported_three_times_are_acked_and_counted_once(
    journal: Journal, hq: Headquarters, tmp_path: Path
) -> None:
    sticks = [tmp_path / name for name in ("one.sealed", "two.sealed", "three.sealed")]
    sessions = [kit.SESSION, kit.SESSION, "carry-session-2"]
    for stick, session in zip(sticks, sessions, strict=True):
        kit.bundle(journal, stick, session=session)
        for _ in range(2):
            report = hq.take(stick)
            hq.now += timedelta(minutes=1)  # each ack has its own time and signature
            acks = acks_file.add(tmp_path / "acks", report.device, report.acks)
    words = [decode(word.parts()[0], AckPayload) for word in read_acks(acks.read_bytes())]
    assert [(word.kind, word.session) for word in words] == [("ack", "carry-session-2"), ("ack", kit.SESSION)]
    assert words[1].server_time == kit.NOW + timedelta(minutes=3)  # the newest of that bundle
    applied = apply_acks(acks.read_bytes(), journal, kit.ACK_KEYS, set(sessions))
    assert (applied.applied, applied.rows) == (2, 5)
    assert apply_acks(acks.read_bytes(), journal, kit.ACK_KEYS, set(sessions)).rows == 0  # none that was not acked


def test_the_same_stick_twice_changes_nothing_but_counts(
    journal: Journal, hq: Headquarters, tmp_path: Path
) -> None:
    kit.bundle(journal, tmp_path / "rows.sealed")
    assert what(hq.take(tmp_path / "rows.sealed")) == (5, 0, 0, 0)
    again = hq.take(tmp_path / "rows.sealed")
    assert (what(again), len(again.acks)) == ((0, 5, 0, 0), 1)  # a lost ack is made good
    assert hq.held() == 5


def test_a_row_that_came_by_mqtt_before_is_a_duplicate(journal: Journal, hq: Headquarters, tmp_path: Path) -> None:
    intake = hq.intake()
    for item in journal.pending(0, 2):
        message = envelope(
            device=journal.device, epoch=item.epoch, seq=item.seq, body=item.body, at=item.at, clock=item.clock,
            boot=item.boot, mono_ms=item.mono_ms, session="by-mqtt-1",
        )  # fmt: skip
        intake.take([(topic(Topic.PASSAGE, journal.device), encode(message))])
    kit.bundle(journal, tmp_path / "rows.sealed")
    assert what(hq.take(tmp_path / "rows.sealed")) == (3, 2, 0, 0)


def test_other_bytes_under_a_number_that_was_used_are_a_conflict_and_acked_as_themselves(
    journal: Journal, hq: Headquarters, tmp_path: Path
) -> None:
    kit.bundle(journal, tmp_path / "rows.sealed")
    hq.take(tmp_path / "rows.sealed")
    (tmp_path / "clone").mkdir()
    clone = kit.filled(tmp_path / "clone", 3)  # the same epoch and numbers, sealed anew
    try:
        assert clone.epoch == journal.epoch or pytest.skip("epochs differ")
        kit.bundle(clone, tmp_path / "clone.sealed")
        report = hq.take(tmp_path / "clone.sealed")
    finally:
        clone.close()
    assert (what(report), len(report.acks)) == ((0, 0, 3, 0), 1)
    words = msgspec.json.encode([msgspec.json.decode(report.acks[0].payload, type=Signed)])
    assert apply_acks(words, journal, kit.ACK_KEYS, kit.SESSION).refused == {AckOutcome.DIGEST_MISMATCH: 1}
    again = hq.take(tmp_path / "clone.sealed")
    assert what(again) == (0, 3, 0, 0)  # these bytes are held: told once
    assert (journal.device, "conflict") in hq.alarms()


def test_a_bundle_that_was_cut_off_gives_what_stands_before_its_last_mark(hq: Headquarters, tmp_path: Path) -> None:
    (tmp_path / "box").mkdir()
    long = kit.filled(tmp_path / "box", 900)
    try:
        kit.bundle(long, tmp_path / "rows.sealed")
        whole = (tmp_path / "rows.sealed").read_bytes()
        (tmp_path / "cut.sealed").write_bytes(whole[: len(whole) - 1000])
        report = hq.take(tmp_path / "cut.sealed")
        assert report.problem
        assert not report.whole
        assert 0 < report.new < 900
        assert report.new % 200 == 0
        acks = acks_file.add(tmp_path, report.device, report.acks)
        assert apply_acks(acks.read_bytes(), long, kit.ACK_KEYS, kit.SESSION).rows == report.new
        assert kit.bundle(long, tmp_path / "next.sealed").count == 900 - report.new  # the rest comes with the next
        assert what(hq.take(tmp_path / "next.sealed")) == (900 - report.new, 0, 0, 0)
    finally:
        long.close()


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("unsigned", Fault.UNSIGNED), ("other authority", Fault.FORGED), ("other key", Fault.FORGED),
        ("other name", Fault.FORGED), ("a broker's certificate", Fault.FORGED), ("the authority's", Fault.FORGED),
        ("issued by a box", Fault.FORGED), ("not yet valid", Fault.FORGED), ("no pem", Fault.FORGED),
    ],
)  # fmt: skip
def test_who_is_not_proven_is_not_taken(
    journal: Journal, hq: Headquarters, tmp_path: Path, name: str, fault: Fault
) -> None:
    key, other = kit.new_key(), kit.new_key()
    root = ("national authority", kit.CA_KEY)
    chains = {
        "unsigned": "",
        "other authority": kit.pem(kit.certificate(journal.device, key, ("national authority", other))),
        "other key": kit.pem(kit.certificate(journal.device, other, root)),
        "other name": kit.pem(kit.certificate("post-8", key, root)),
        "a broker's certificate": kit.pem(kit.certificate(journal.device, key, root, client=False)),
        "the authority's": kit.pem(kit.certificate(journal.device, key, root, ca=True)),
        "issued by a box": kit.pem(
            kit.certificate(journal.device, key, ("post-9", other)), kit.certificate("post-9", other, root)
        ),
        "not yet valid": kit.pem(kit.certificate(journal.device, key, root, since=kit.NOW + timedelta(days=2))),
        "no pem": "-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n",
    }
    kit.bundle(journal, tmp_path / "rows.sealed", by=kit.sender(key=key, chain=chains[name]))
    report = hq.take(tmp_path / "rows.sealed")
    assert (what(report), report.device, report.acks) == ((0, 0, 0, 0), "", [])
    assert report.problem
    assert report.advice
    assert hq.held() == 0
    assert (("", "forged_bundle") in hq.alarms()) is (fault is Fault.FORGED)


def test_an_authority_between_may_issue(journal: Journal, hq: Headquarters, tmp_path: Path) -> None:
    key, between = kit.new_key(), kit.new_key()
    middle = kit.certificate("regional", between, ("national authority", kit.CA_KEY), ca=True, path=0)
    chain = kit.pem(kit.certificate(journal.device, key, ("regional", between)), middle)
    kit.bundle(journal, tmp_path / "rows.sealed", by=kit.sender(key=key, chain=chain))
    assert what(hq.take(tmp_path / "rows.sealed")) == (5, 0, 0, 0)


def test_a_signature_of_another_key_than_the_certificate_s_is_forged(
    journal: Journal, hq: Headquarters, tmp_path: Path
) -> None:
    true, thief = kit.sender(), kit.sender()
    stolen = kit.Sender(true.device, true.serial, true.site, true.certificate, thief.sign)
    kit.bundle(journal, tmp_path / "rows.sealed", by=stolen)
    report = hq.take(tmp_path / "rows.sealed")
    assert (report.rows, report.device) == (0, "")
    assert "not signed by the key" in report.problem
    assert hq.alarms() == {("", "forged_bundle")}
    with View(hq.path) as view:
        assert view.posts() == []  # not even a visit is believed


def test_rows_of_another_box_in_a_good_bundle_are_refused(journal: Journal, hq: Headquarters, tmp_path: Path) -> None:
    kit.bundle(journal, tmp_path / "rows.sealed", by=kit.sender("post-8"))  # signs what is not its own
    report = hq.take(tmp_path / "rows.sealed")
    assert what(report) == (0, 0, 0, 5)
    assert ("post-8", "foreign_source") in hq.alarms()
    assert hq.held() == 0


def test_an_expired_certificate_still_sends_and_it_is_said(
    journal: Journal, hq: Headquarters, tmp_path: Path
) -> None:
    kit.bundle(journal, tmp_path / "rows.sealed", by=kit.sender(until=kit.NOW - timedelta(hours=1)))
    report = hq.take(tmp_path / "rows.sealed")
    assert (what(report), report.expired) == ((5, 0, 0, 0), True)


def test_a_revoked_box_is_refused_unless_somebody_vouches(journal: Journal, tmp_path: Path) -> None:
    hq = Headquarters(tmp_path, revoked=kit.revoked(tmp_path, kit.revocation(devices=[journal.device])))
    kit.bundle(journal, tmp_path / "rows.sealed")
    report = hq.take(tmp_path / "rows.sealed")
    assert (report.rows, report.device) == (0, "")
    assert ("", "revoked") in hq.alarms()
    assert what(hq.take(tmp_path / "rows.sealed", "post-8")) == (0, 0, 0, 0)  # vouched for another
    report = hq.take(tmp_path / "rows.sealed", journal.device)
    assert (what(report), report.rescued) == ((5, 0, 0, 0), True)
    assert (journal.device, "rescued_rows") in hq.alarms()
    hq.store.close()


def test_a_serial_can_be_revoked_too(journal: Journal, tmp_path: Path) -> None:
    box = kit.sender()
    hq = Headquarters(tmp_path, revoked=kit.revoked(tmp_path, kit.revocation(serials=[box.serial])))
    kit.bundle(journal, tmp_path / "rows.sealed", by=box)
    assert hq.take(tmp_path / "rows.sealed").device == ""
    hq.store.close()


def test_without_an_authority_nothing_is_believed(journal: Journal, tmp_path: Path) -> None:
    hq = Headquarters(tmp_path, authorities=())
    kit.bundle(journal, tmp_path / "rows.sealed")
    report = hq.take(tmp_path / "rows.sealed")
    assert (report.rows, hq.held()) == (0, 0)
    assert "provisioning.ca" in report.advice
    hq.store.close()


def test_a_bundle_that_is_sealed_to_another_key_stays_closed(
    journal: Journal, hq: Headquarters, tmp_path: Path
) -> None:
    kit.bundle(journal, tmp_path / "rows.sealed")
    other = generate_seal_key()
    importer = hq.importer()
    closed = type(importer)(
        importer.store, {key_id(other.public_key()): other}, importer.speaker, importer.senders, importer.limits,
        importer.clock, importer.logs,
    )  # fmt: skip
    report = closed.take(tmp_path / "rows.sealed")
    assert "other keys" in report.problem
    assert hq.alarms() == set()


@pytest.mark.parametrize("content", [b"", b"BPT1", b"BPT1\x01" + bytes(200), b"x" * 10_000])
def test_any_file_is_refused_with_advice(hq: Headquarters, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "rows.sealed").write_bytes(content)
    report = hq.take(tmp_path / "rows.sealed")
    assert report.problem
    assert report.advice
    assert hq.held() == 0


def test_a_flipped_bit_anywhere_takes_nothing_behind_it(journal: Journal, hq: Headquarters, tmp_path: Path) -> None:
    kit.bundle(journal, tmp_path / "rows.sealed")
    whole = (tmp_path / "rows.sealed").read_bytes()
    for at in range(0, len(whole), 997):
        (tmp_path / "bad.sealed").write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        report = hq.take(tmp_path / "bad.sealed")
        assert report.problem
        assert report.rows == 0
    assert hq.held() == 0


def test_a_site_and_a_visit_are_kept_and_the_box_was_not_heard(
    journal: Journal, hq: Headquarters, tmp_path: Path
) -> None:
    kit.bundle(journal, tmp_path / "rows.sealed")
    hq.take(tmp_path / "rows.sealed")
    with View(hq.path) as view:
        (post,) = view.posts(kit.SITE)
        assert (post.sites, post.last_seen, post.online) == ((kit.SITE,), "", False)
        assert post.carried
        counts = journal.counts()
        assert (post.carried_head, post.carried_rows) == (counts.audit_head, counts.audit_rows)
        assert view.held_at(kit.SITE) == 5
        assert view.posts("elsewhere") == []
        assert {m.site for m in view.messages(0)} == {kit.SITE}
        assert len(view.messages(0, site=kit.SITE)) == 5
        assert view.messages(0, site="elsewhere") == []


def test_a_replaced_box_has_its_history_under_the_site(journal: Journal, hq: Headquarters, tmp_path: Path) -> None:
    kit.bundle(journal, tmp_path / "rows.sealed")
    hq.take(tmp_path / "rows.sealed")
    birth = Presence(online=True, session="session-2", epoch="epoch-9", site=kit.SITE, serial="abcdefghijk23")
    hq.intake().take([(topic(Topic.STATE, "post-8"), encode(birth))])
    with View(hq.path) as view:
        assert [post.device for post in view.posts(kit.SITE)] == ["post-7", "post-8"]


def test_every_transaction_is_followed_by_a_pause_as_long(hq: Headquarters, tmp_path: Path) -> None:
    (tmp_path / "box").mkdir()
    long = kit.filled(tmp_path / "box", 450)
    try:
        kit.bundle(long, tmp_path / "rows.sealed")
    finally:
        long.close()
    assert what(hq.take(tmp_path / "rows.sealed")) == (450, 0, 0, 0)
    assert len(hq.pauses) == 3
    assert all(pause > 0 for pause in hq.pauses)


def test_import_beside_a_running_collector_harms_neither(hq: Headquarters, tmp_path: Path) -> None:
    """Two writers on one database: the import's groups and the collector's batches, in turn and interleaved."""
    (tmp_path / "box").mkdir()
    long = kit.filled(tmp_path / "box", 600)
    second = Headquarters(tmp_path)  # another process would open it the same way
    heard: list[int] = []
    collector = second.intake()

    def beside(_pause: float) -> None:
        item = long.pending(len(heard) * 7, 1)[0]
        message = envelope(
            device=long.device, epoch=item.epoch, seq=item.seq, body=item.body, at=item.at, clock=item.clock,
            boot=item.boot, mono_ms=item.mono_ms, session="by-mqtt-1",
        )  # fmt: skip
        outcome = collector.take([(topic(Topic.PASSAGE, long.device), encode(message))])
        collector.look_into(10)
        heard.append(len(outcome.answers))

    try:
        kit.bundle(long, tmp_path / "rows.sealed")
        importer = hq.importer()
        report = type(importer)(
            importer.store, importer.seal_keys, importer.speaker, importer.senders, importer.limits, importer.clock,
            importer.logs, pause=beside,
        ).take(tmp_path / "rows.sealed")  # fmt: skip
    finally:
        long.close()
        second.store.close()
    assert heard == [1, 1, 1]
    assert report.rows == 600
    assert hq.held() == 600
    assert hq.alarms() == set()


def test_acks_of_several_sticks_stand_in_one_file_once(journal: Journal, hq: Headquarters, tmp_path: Path) -> None:
    kit.bundle(journal, tmp_path / "rows.sealed")
    report = hq.take(tmp_path / "rows.sealed")
    first = acks_file.add(tmp_path / "acks", report.device, report.acks).read_bytes()
    assert acks_file.add(tmp_path / "acks", report.device, report.acks).read_bytes() == first
    kit.bundle(journal, tmp_path / "next.sealed", session="carry-session-2")
    again = hq.take(tmp_path / "next.sealed")
    both = acks_file.add(tmp_path / "acks", report.device, again.acks).read_bytes()
    applied = apply_acks(both, journal, kit.ACK_KEYS, [kit.SESSION, "carry-session-2"])
    assert (applied.applied, applied.refused) == (2, {})


def test_a_journal_s_own_key_opens_nothing_of_a_bundle(journal: Journal, tmp_path: Path) -> None:
    kit.bundle(journal, tmp_path / "rows.sealed")
    data = (tmp_path / "rows.sealed").read_bytes()
    for word in (journal.device, kit.SITE, journal_kit.NUMBER, "CERTIFICATE", "passage"):
        assert word.encode() not in data


def test_what_the_national_authority_issues_is_recognised(journal: Journal, tmp_path: Path) -> None:
    """The certificates of `borderpost-provision` itself."""
    key = kit.new_key()
    made = authority.make("UTO", "National authority", kit.NOW - timedelta(days=3))
    chain = authority.pem(made.device(kit.spki(key), journal.device, kit.NOW - timedelta(days=1))).decode()
    hq = Headquarters(tmp_path, authorities=(made.certificate,))
    kit.bundle(journal, tmp_path / "rows.sealed", by=kit.sender(key=key, chain=chain))
    assert what(hq.take(tmp_path / "rows.sealed")) == (5, 0, 0, 0)
    server = authority.pem(made.server(["broker.example"], kit.NOW)[1]).decode()
    kit.bundle(journal, tmp_path / "server.sealed", by=kit.sender(key=key, chain=server))
    assert hq.take(tmp_path / "server.sealed").rows == 0
    hq.store.close()
