"""Kills box, broker and headquarters at random moments while travellers pass, and counts what is missing.

    python tests/system/reliability.py --rounds 200 --passages 2000 --seed 1

Law under test (ARCHITECTURE law 3): what the counter acknowledged is at headquarters, once. Real processes,
a real broker without persistence, SIGKILL. The same harness with a few rounds is a test; its long run writes
the figures of docs/reliability.md.
"""

from __future__ import annotations

import argparse
import base64
import json
import random
import shutil
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from demo.play import Ear
from demo.stage import Stage, StageError, source_of
from edge.core.mrz import compose
from hq.store import View

VICTIMS = ("box", "broker", "hq")
SURNAMES = ("QUILLIGAN", "OSTROVELLE", "MARENZATO", "THYSSELBERG", "KADAVERO", "UMBERLEIGH", "ZANDERVOORT")
GIVEN = ("PERPETUA", "OCTAVIAN", "ISOLDE", "BARNABAS", "CALLIOPE", "EUSTACE", "WILHELMINA")
LISTED = ("S7310442K", "L0450817S", "K90217733")  # numbers on the demo's lists
DRAIN_LIMIT_S = 120.0


@dataclass(slots=True)
class Findings:
    """What the run counted."""

    rounds: int = 0
    presented: int = 0
    acknowledged: int = 0          # shown at the counter as recorded
    at_headquarters: int = 0       # passages, distinct
    rows_at_headquarters: int = 0  # passages, all rows
    missing: int = 0               # acknowledged and not at headquarters
    twice: int = 0
    not_recorded: int = 0
    duplicates_removed: int = 0
    kills: dict[str, int] = field(default_factory=dict)
    refilled_after_restore: int = 0  # rows that headquarters lacked after its old copy was put back, and has again
    missing_after_restore: int = 0
    in_clear: list[str] = field(default_factory=list)
    wire_bytes: int = 0
    disk_files: int = 0
    seconds: float = 0.0


class Travellers:
    """Invented travellers, and every name and number they carried, for the search afterwards."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self.secrets: set[str] = set()

    def next(self) -> tuple[str, ...]:
        """The lines of one document; one in eight carries a listed number."""
        dice = self._dice
        surname = dice.choice(SURNAMES) + "".join(dice.choices("BCDFGHJKLMNP", k=3))
        given = dice.choice(GIVEN)
        number = "X" + "".join(dice.choices("0123456789", k=8))
        self.secrets |= {surname, number}
        if dice.random() < 0.125:
            number = dice.choice(LISTED)
        return compose.td3(
            issuing_state="UTO", surname=surname, given_names=given, number=number, nationality="UTO",
            birth_date=f"{dice.randint(50, 99)}0{dice.randint(1, 9)}1{dice.randint(0, 9)}", sex=dice.choice("MF"),
            expiry_date="310101",
        )


class Soak:
    """One post under attack."""

    def __init__(self, folder: Path, seed: int, say: Callable[[str], None]) -> None:
        self.stage = Stage(folder, broker="mosquitto", keep_wire=True)
        self.dice = random.Random(seed)
        self.travellers = Travellers(self.dice)
        self.say = say
        self.found = Findings()
        self.acknowledged: set[str] = set()
        self.kills: Counter[str] = Counter()
        self.old_copy = folder / "hq-an-hour-ago.sqlite"

    def run(self, rounds: int, passages: int) -> Findings:
        """All rounds, the restored backup, the count, the search."""
        started = time.monotonic()
        stage = self.stage
        stage.set_up()
        for kind in ("sltd-csv", "persons-csv"):
            stage.publish_list(source_of(kind))
        stage.start_headquarters()
        stage.start_readers()
        stage.start_box()
        stage.wait_ready()
        ear = Ear(stage)
        try:
            share = -(-passages // rounds)
            for number in range(rounds):
                self.round(ear, share, self.dice.choice(VICTIMS))
                self.found.rounds += 1
                if number == rounds // 2:
                    self.copy_headquarters()
                if number % 10 == 9:
                    self.say(
                        f"round {number + 1}/{rounds}: {self.found.presented} presented, "
                        f"{len(self.acknowledged)} acknowledged, {time.monotonic() - started:.0f} s"
                    )
            self.hear(ear, 1.0)
            self.drain()
            self.count()
            self.put_old_copy_back()
        finally:
            ear.close()
            stage.close()
        self.search()
        self.found.kills = dict(self.kills)
        self.found.seconds = round(time.monotonic() - started, 1)
        return self.found

    def round(self, ear: Ear, share: int, victim: str) -> None:
        """Scan ``share`` documents; kill the victim somewhere in between, at a random millisecond."""
        at = self.dice.randrange(share)
        for number in range(share):
            present = self.stage.readers["swipe-1" if number % 2 else "page-1"].present
            if number == at:
                # The kill falls between the last byte and up to 60 ms later: before, in or after the commit.
                present(list(self.travellers.next()), wait_s=0.5)
                time.sleep(self.dice.random() * 0.06)
                self.kill(victim)
            else:
                present(list(self.travellers.next()), wait_s=2.0)
            self.found.presented += 1
            self.hear(ear, 0.25)
        self.revive()

    def hear(self, ear: Ear, timeout_s: float) -> None:
        """Take every verdict that is there; wait a little for the first."""
        try:
            message = ear.next(timeout_s)
            while True:
                if message["recorded"]:
                    self.acknowledged.add(message["passage"])
                else:
                    self.found.not_recorded += 1
                message = ear.next(0.0 if ear.verdicts.empty() else 0.01)
        except StageError:
            return

    def kill(self, victim: str) -> None:
        """SIGKILL, as a power cut would."""
        self.kills[victim] += 1
        if victim == "broker":
            self.stage.broker.kill()
        else:
            self.stage.end(victim, kill=True)

    def revive(self) -> None:
        """Start whatever is down."""
        stage = self.stage
        if not stage.broker.running:
            stage.broker.start()
        if "hq" not in stage.processes:
            stage.start_headquarters()
        if "box" not in stage.processes:
            stage.start_box()
            stage.wait_for(
                lambda: all(r["state"] == "ready" for r in (stage.status() or {"readers": [{"state": ""}]})["readers"]),
                "readers did not come back", "box",
            )

    def drain(self) -> None:
        """Wait until the box says that headquarters has everything."""
        deadline = time.monotonic() + DRAIN_LIMIT_S
        while time.monotonic() < deadline:
            status = self.stage.status()
            if status and status["outbox"]["pending"] == 0 and Stage.linked(status):
                return
            time.sleep(0.2)

    def held(self) -> Counter[str]:
        """Passage ids at headquarters, with how often each is there."""
        after, passages = 0, Counter[str]()
        with View(self.stage.hq / "hq.sqlite") as view:
            while rows := view.messages(after):
                passages.update(row.passage for row in rows if row.kind == "passage")
                after = rows[-1].n
        return passages

    def count(self) -> None:
        """The acknowledged against the held."""
        held = self.held()
        found = self.found
        found.acknowledged = len(self.acknowledged)
        found.at_headquarters = len(held)
        found.rows_at_headquarters = sum(held.values())
        found.missing = len(self.acknowledged - set(held))
        found.twice = sum(n - 1 for n in held.values())
        with View(self.stage.hq / "hq.sqlite") as view:
            found.duplicates_removed = view.counts()["duplicates"]

    def copy_headquarters(self) -> None:
        """A backup as an administrator would take it, with the collector running."""
        source = sqlite3.connect(self.stage.hq / "hq.sqlite")
        target = sqlite3.connect(self.old_copy)
        with target:
            source.backup(target)
        source.close()
        target.close()

    def put_old_copy_back(self) -> None:
        """Headquarters' disk dies; its backup is older than what it acknowledged since."""
        before = set(self.held())
        self.stage.end("hq", kill=True)
        for name in ("hq.sqlite-wal", "hq.sqlite-shm"):
            (self.stage.hq / name).unlink(missing_ok=True)
        shutil.copy(self.old_copy, self.stage.hq / "hq.sqlite")
        lacked = before - set(self.held())
        self.stage.start_headquarters()
        deadline = time.monotonic() + DRAIN_LIMIT_S
        while time.monotonic() < deadline and before - set(self.held()):
            time.sleep(0.2)
        again = self.held()
        self.found.missing_after_restore = len(before - set(again))
        self.found.refilled_after_restore = len(lacked & set(again))
        self.found.twice += sum(n - 1 for n in again.values())

    def search(self) -> None:
        """Look for every traveller's name and number on the wire and on every disk."""
        needles = [s.encode() for s in sorted(self.travellers.secrets)]
        places: list[tuple[str, bytes]] = []
        if self.stage.link:
            self.found.wire_bytes = len(self.stage.link.seen)
            places.append(("wire", bytes(self.stage.link.seen)))
        for path in sorted(self.stage.folder.rglob("*")):
            if path.is_file() and not path.is_symlink() and self.stage.lists not in path.parents:
                places.append((str(path.relative_to(self.stage.folder)), path.read_bytes()))
        self.found.disk_files = len(places) - 1
        for name, data in places:
            hay = data.upper()
            if any(n in hay or base64.b64encode(n) in data for n in needles):
                self.found.in_clear.append(name)


def soak(rounds: int, passages: int, seed: int, say: Callable[[str], None], folder: Path | None = None) -> Findings:
    """One run in a folder of its own."""
    where = folder or Path(tempfile.mkdtemp(prefix="bp-soak-"))
    return Soak(where, seed, say).run(rounds, passages)


def main() -> int:
    """Run, print the figures as JSON, exit 1 if the law was broken."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--rounds", type=int, default=200)
    words.add_argument("--passages", type=int, default=2000)
    words.add_argument("--seed", type=int, default=1)
    asked = words.parse_args()
    found = soak(asked.rounds, asked.passages, asked.seed, lambda line: print(line, file=sys.stderr, flush=True))  # noqa: T201
    print(json.dumps(asdict(found), indent=2))  # noqa: T201
    broken = found.missing or found.twice or found.missing_after_restore or found.in_clear
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
