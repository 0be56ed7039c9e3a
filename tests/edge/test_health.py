"""Snapshots: every figure from its own part, one a second, and a status line that never fails."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import journal_kit
import memory_lists
import pytest

from drivers.api import Feedback, ReaderStatus, Tier
from edge.core.screening import Screener
from edge.core.trusted import Trusted
from edge.core.verdicts import Outcome
from edge.core.watch import DocumentEntry
from edge.health import CACHE_S, Health, Parts
from edge.journal import Journal
from edge.readers import ReaderKeeper
from edge.verbs.status import lines


class Unplugged:
    """A reader that was never opened."""

    name = "swipe-1"

    def open(self) -> None: ...
    def close(self) -> None: ...
    def read(self, timeout_s: float) -> None: ...
    def signal(self, feedback: Feedback) -> None: ...
    def power_cycle(self) -> None: ...

    def present(self) -> bool:
        return False

    @property
    def reading(self) -> bool:
        return False

    def status(self) -> ReaderStatus:
        return ReaderStatus(name=self.name, driver="text", tier=Tier.VIRTUAL, port="none", open=False)


class Rig:
    def __init__(self, journal: Journal, folder: Path) -> None:
        self.mono = 100.0
        self.wall: datetime = journal_kit.START + timedelta(seconds=90)
        self.now: Trusted = memory_lists.TRUSTED
        keeper = ReaderKeeper(
            Unplugged(), deliver=lambda _r: None, announce=lambda *_: None, jitter=lambda: 0.5
        )
        stolen = DocumentEntry(number="S7310442K", issuing_state="UTO")
        self.parts = Parts(
            device="box-1", site="Test crossing", state_dir=folder, now=lambda: self.now, wall=lambda: self.wall,
            mono=lambda: self.mono, readers=[keeper], passing=list, counters=[],
            lists=lambda: [memory_lists.memory_list("sltd", documents=[stolen])],
            screener=Screener(required=frozenset({"sltd", "un"}), max_age_seconds=7 * 86400),
            journal=journal, uplink=lambda: None, restarts=lambda: {"lists": 1},
        )
        self.health = Health(self.parts)


@pytest.fixture
def rig(journal: Journal, tmp_path: Path) -> Rig:
    return Rig(journal, tmp_path)


def test_a_snapshot_holds_every_part_as_plain_json(journal: Journal, rig: Rig) -> None:
    journal_kit.record(journal, [1, 2, 3])
    rig.mono += 61.4
    s = rig.health.snapshot()
    assert json.loads(json.dumps(s)) == s
    assert (s["device"], s["uptime_seconds"], s["restarts"]) == ("box-1", 61, {"lists": 1})
    assert s["clock"] == {"state": "signed", "time": "2026-03-01T12:00:00Z", "records_expire": True}
    assert [(r["name"], r["state"]) for r in s["readers"]] == [("swipe-1", "absent")]
    assert {e["list"]: e["state"] for e in s["lists"]} == {"sltd": "asked", "un": "missing"}
    assert (s["outbox"]["pending"], s["outbox"]["oldest_seconds"]) == (3, 90)
    assert s["uplink"] == {"state": "none"}


def test_one_snapshot_serves_for_a_second(journal: Journal, rig: Rig) -> None:
    first = rig.health.snapshot()
    journal_kit.record(journal, [1])
    rig.mono += CACHE_S / 2
    assert rig.health.snapshot() is first
    rig.mono += CACHE_S
    assert rig.health.snapshot()["outbox"]["pending"] == 1


def test_a_silent_hit_counts_as_a_clear(journal: Journal, rig: Rig) -> None:
    journal_kit.record(journal, [1], Outcome.HIT, shown=Outcome.CLEAR)
    journal_kit.record(journal, [2], Outcome.CLEAR)
    outbox = rig.health.snapshot()["outbox"]
    assert outbox["by_shown"] == {"CLEAR": 2}
    assert outbox["awaiting"] == 0


def test_a_clock_set_back_gives_no_negative_age(journal: Journal, rig: Rig) -> None:
    journal_kit.record(journal, [1])
    rig.wall = journal_kit.START - timedelta(days=3)
    assert rig.health.snapshot()["outbox"]["oldest_seconds"] == 0


def test_untrusted_time_is_said_and_ages_are_unknown(rig: Rig) -> None:
    rig.now = memory_lists.UNTRUSTED
    s = rig.health.snapshot()
    assert s["clock"] == {"state": "untrusted", "time": None, "records_expire": False}
    assert {e["list"]: e["age_seconds"] for e in s["lists"]} == {"sltd": None, "un": None}
    assert "         the age of lists cannot be judged, records do not expire, no list is erased" in lines(s)


def test_a_list_older_than_it_should_be_is_said_in_the_status_and_to_headquarters(rig: Rig) -> None:
    rig.health = Health(replace(rig.parts, screener=Screener(warn_age_seconds=60.0)))
    (told,) = [line for line in lines(rig.health.snapshot()) if line.startswith("list     sltd")]
    assert told.split()[2] == "old"
    assert rig.health.report()["list_states"]["sltd"] == "old"


def test_the_report_to_headquarters_has_no_place_for_persons(journal: Journal, rig: Rig) -> None:
    journal_kit.record(journal, [1], Outcome.HIT)
    report = rig.health.report()
    assert set(report) == {
        "at", "clock", "outbox", "oldest_seconds", "disk_free", "readers", "list_ages", "list_states", "audit_head",
        "audit_number",
    }
    assert report["readers"] == {"swipe-1": "absent"}
    assert report["list_states"] == {"sltd": "asked", "un": "missing"}
    assert report["outbox"] == 1
    assert not [word for word in ("ERIKSSON", "L898902C3") if word in repr(report)]


def test_the_status_line_is_one_line_and_never_fails(journal: Journal, rig: Rig) -> None:
    line = rig.health.line()
    assert line == "0/1 readers, 0 passages, outbox 0, link none, clock signed"
    journal.close()
    rig.mono += 10
    assert rig.health.line().startswith("not well: ")
    assert "\n" not in rig.health.line()


def test_a_state_folder_that_is_gone_has_no_room(journal: Journal, tmp_path: Path) -> None:
    assert Rig(journal, tmp_path / "gone").health.snapshot()["disk_free_mb"] == 0
