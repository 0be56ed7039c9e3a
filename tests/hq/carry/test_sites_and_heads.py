"""Where a box stands and how its audit chain goes on: by its own word first, and by sticks as old as they are."""

from __future__ import annotations

import shutil
import sqlite3
from datetime import timedelta
from pathlib import Path

import carry_kit as kit
import journal_kit
import msgspec
import pytest
from carry_kit import Headquarters
from click.testing import CliRunner

from edge.carry.acks import apply_acks
from edge.carry.bundle import message
from edge.core.acks import AckOutcome
from edge.core.trusted import ClockState
from edge.core.verdicts import Outcome
from edge.core.wire import AckPayload, Health, Presence, Signed, SyncRequest, Topic, decode, encode, topic
from hq.carry import acks_file
from hq.store import View
from hq.store.schema import open_writing
from hq.verbs.heads import command

SESSION = "session-000000001"


@pytest.fixture
def hq(tmp_path: Path) -> Headquarters:
    return Headquarters(tmp_path)


def say(hq: Headquarters, kind: Topic, body: object) -> None:
    hq.intake().take([(topic(kind, journal_kit.DEVICE), encode(body))])  # type: ignore[arg-type]


def birth(hq: Headquarters, site: str) -> None:
    say(hq, Topic.STATE, Presence(online=True, session=SESSION, epoch="epoch-0", site=site))


def head(hq: Headquarters, number: int, digest: str) -> None:
    say(hq, Topic.HEALTH, Health(at=hq.now, clock=ClockState.SIGNED, session=SESSION, outbox=0, audit_head=digest * 64,
                                 audit_number=number))  # fmt: skip


def test_an_old_stick_does_not_move_a_box_back(hq: Headquarters, tmp_path: Path) -> None:
    journal = kit.filled(tmp_path, 4)
    kit.bundle(journal, tmp_path / "old", by=kit.sender(site="old-gate"), max_rows=2)
    hq.now += timedelta(days=30)
    birth(hq, "new-gate")
    hq.now += timedelta(days=1)
    hq.take(tmp_path / "old")
    live = list(journal.pending_all())[2:]
    rows = [(topic(Topic.PASSAGE, journal.device), message(journal.device, item, SESSION)) for item in live]
    intake = hq.intake()
    intake.take(rows)
    intake.look_into(100)
    journal.close()
    with View(hq.path) as view:
        assert view.posts()[0].sites == ("new-gate", "old-gate")
        assert [m.site for m in view.messages(0)] == ["old-gate"] * 2 + ["new-gate"] * 2


def test_a_newer_stick_moves_a_box_but_no_clock_that_is_wrong_does(hq: Headquarters) -> None:
    with hq.store.batch(hq.now):
        hq.store.known("post-7", limit=9)
    birth(hq, "here")
    later = "2026-05-27T08:00:00.000Z"
    for carried, trusted, expected in (("2027-01-01T00:00:00.000Z", True, "here"), (later, False, "here"),
                                       (later, True, "there")):  # fmt: skip
        with hq.store.batch(kit.NOW + timedelta(days=20)):
            hq.store.site("post-7", "there", carried=carried, trusted=trusted)
            hq.store.site("post-7", "here", carried="2026-05-01T00:00:00.000Z")
        with View(hq.path) as view:
            assert view.posts()[0].sites[0] == expected
    assert hq.store.site_of("post-7") == "here"  # rows over the link stand where the box itself said


def test_a_chain_that_falls_or_changes_is_alarmed_once(hq: Headquarters) -> None:
    birth(hq, "here")
    for number, digest in ((5, "a"), (9, "b"), (9, "b")):
        head(hq, number, digest)
    assert not {code for _, code in hq.alarms() if code.startswith("audit")}
    head(hq, 9, "c")
    assert ("post-7", "audit_rewritten") in hq.alarms()
    say(hq, Topic.SYNC, SyncRequest(epoch="epoch-0", session=SESSION, oldest=0, newest=0, pending=0,
                                    audit_head="d" * 64, audit_number=4))  # fmt: skip
    assert ("post-7", "audit_shorter") in hq.alarms()
    for number in (5, 6, 7):
        head(hq, number, "e")
    with View(hq.path) as view:
        told = {a.code: a.times for a in view.alarms() if a.code.startswith("audit")}
        assert told == {"audit_rewritten": 1, "audit_shorter": 1}
        assert view.posts()[0].heads[0].number == 7


def test_a_stick_is_compared_with_what_was_said_at_its_time(hq: Headquarters, tmp_path: Path) -> None:
    journal = kit.filled(tmp_path, 3)
    counts = journal.counts()
    assert counts.audit_number == counts.audit_rows > 0
    kit.bundle(journal, tmp_path / "rows")
    hq.now += timedelta(days=3)
    head(hq, counts.audit_number + 50, "a")
    hq.take(tmp_path / "rows")
    hq.take(tmp_path / "rows")
    assert not {code for _, code in hq.alarms() if code.startswith("audit")}  # it is older: no chain fell
    with View(hq.path) as view:
        assert (counts.audit_number, counts.audit_head) in {(h.number, h.hash) for h in view.posts()[0].heads}
    with hq.store.batch(hq.now):
        hq.store.head("post-7", counts.audit_number, "f" * 64, carried="2026-05-17T09:00:00.000Z")
    assert ("post-7", "audit_rewritten") in hq.alarms()
    journal.close()


def test_one_head_a_day_is_kept_and_the_newest(hq: Headquarters) -> None:
    birth(hq, "here")
    for hour in range(24 * 5):
        hq.now = kit.NOW + timedelta(hours=hour)
        head(hq, hour + 1, "a")
    with View(hq.path) as view:
        assert [h.number for h in view.posts()[0].heads] == [120, 97, 73, 49, 25, 1]


def test_the_verb_prints_arguments_for_verify(hq: Headquarters, tmp_path: Path) -> None:
    birth(hq, "here")
    head(hq, 3, "a")
    hq.now += timedelta(days=2)
    head(hq, 9, "b")
    keys = "".join(f'{name} = "none"\n' for name in ("ack",)) + 'seal = ["none"]\n'
    config = f'[broker]\nhost = "localhost"\n[store]\npath = "{hq.path}"\n[keys]\n{keys}'
    (tmp_path / "hq.toml").write_text(config)
    done = CliRunner().invoke(command, ["--config", str(tmp_path / "hq.toml"), "post-7"], catch_exceptions=False)
    assert done.output.split() == ["--head", "b" * 64, "--head", "a" * 64]


def test_hits_of_a_disk_that_was_put_back_are_shown_and_their_rows_end(hq: Headquarters, tmp_path: Path) -> None:
    by = kit.sender()
    kit.filled(tmp_path, 5).close()
    shutil.copy2(tmp_path / "journal.sqlite", tmp_path / "image")
    journal = journal_kit.journal(tmp_path / "journal.sqlite")
    journal.start()
    journal_kit.record(journal, range(6, 16))
    kit.bundle(journal, tmp_path / "s1", by=by)
    hq.take(tmp_path / "s1")
    journal.close()
    for path in tmp_path.glob("journal.sqlite*"):
        path.unlink()
    shutil.copy2(tmp_path / "image", tmp_path / "journal.sqlite")
    journal = journal_kit.journal(tmp_path / "journal.sqlite")
    journal.start()
    journal_kit.record(journal, [200, 201], Outcome.HIT)
    kit.bundle(journal, tmp_path / "s2", by=by, session="carry-session-2")
    report = hq.take(tmp_path / "s2")
    assert report.conflicting == 2
    with View(hq.path) as view:
        assert [hit.passage for hit in view.hits(0)] == ["passage-000200", "passage-000201"]
    acks = acks_file.add(tmp_path / "acks", report.device, report.acks)
    applied = apply_acks(acks.read_bytes(), journal, kit.ACK_KEYS, "carry-session-2")
    assert (applied.newest_held, list(journal.pending_all())) == (15, [])
    acks = acks_file.add(tmp_path / "acks", report.device, [*report.acks, *report.holdings])  # as import gives it
    apply_acks(acks.read_bytes(), journal, kit.ACK_KEYS, "carry-session-2")
    assert list(journal.pending_all()) == []
    sync = SyncRequest(epoch=journal.epoch, session="link-session-1", oldest=1, newest=7, pending=0)
    said = hq.intake().take([(topic(Topic.SYNC, journal.device), encode(sync))]).holdings[journal.device]
    words = [decode(msgspec.json.decode(one.payload, type=Signed).parts()[0], AckPayload) for one in said]
    assert [(one.silent, journal.apply_holdings(one)) for one in words] == [([(6, 7)], AckOutcome.APPLIED)]
    assert list(journal.pending_all()) == []
    journal.close()


def test_a_store_of_a_former_version_is_brought_up_and_its_conflicts_are_looked_into(tmp_path: Path) -> None:
    journal = kit.filled(tmp_path, 1)
    journal_kit.record(journal, [9], Outcome.HIT)
    (first, second) = journal.pending_all()
    journal.close()
    path = tmp_path / "hq.sqlite"
    former(path, first.body, second.body)
    hq = Headquarters(tmp_path)
    intake = hq.intake()
    intake.look_into(10)
    with View(path) as view:
        assert [(m.id, m.kind) for m in view.messages(0)] == [
            ("post-7:epoch-0:2", "unopened"), ("post-7:epoch-0:2", "passage")
        ]
        assert [hit.passage for hit in view.hits(0)] == ["passage-000009"]
        assert view.posts()[0].sites == ("gate",)
    assert hq.store.site_of("post-7") == "gate"


def former(path: Path, first: bytes, second: bytes) -> None:
    """A store as it was before conflicts were looked into: row 2 with the wrong body first."""
    open_writing(path).close()
    with sqlite3.connect(path) as db:
        db.execute("DROP VIEW every_message")
        db.execute("DROP TABLE heads")
        db.execute("DROP TABLE conflicts")
        db.execute("CREATE TABLE conflicts (n INTEGER PRIMARY KEY AUTOINCREMENT, device TEXT NOT NULL, epoch TEXT NOT"
                   " NULL, seq INTEGER NOT NULL, received TEXT NOT NULL, digest BLOB NOT NULL, sealed BLOB NOT NULL,"
                   " UNIQUE (device, epoch, seq, digest)) STRICT")  # fmt: skip
        db.execute("ALTER TABLE sites DROP COLUMN live")
        db.execute("DELETE FROM _sqlite_migrations WHERE name IN ('beside', 'sites_by_time', 'audit_heads')")
        at = "2026-01-01T00:00:00.000Z"
        db.execute("INSERT INTO devices (device, first_seen, last_seen) VALUES ('post-7', ?1, ?1)", (at,))
        db.execute("INSERT INTO epochs (device, epoch, first_seen, last_seen) VALUES ('post-7', 'epoch-0', ?1, ?1)",
                   (at,))  # fmt: skip
        db.execute("INSERT INTO sites VALUES ('post-7', 'gate', ?1, ?1)", (at,))
        db.execute("INSERT INTO messages (device, epoch, seq, received, time, clock, boot, mono, digest, sealed)"
                   " VALUES ('post-7', 'epoch-0', 2, ?1, ?1, 'SIGNED', 'b', 1, x'00', ?2)", (at, first))  # fmt: skip
        db.execute("INSERT INTO conflicts (device, epoch, seq, received, digest, sealed)"
                   " VALUES ('post-7', 'epoch-0', 2, ?, x'01', ?)", (at, second))  # fmt: skip
