"""Kills a box at random moments while fingers are laid down, searched and recorded, and counts what is missing.

    python tests/system/finger_kills.py --rounds 200 --seed 1

Law under test (ARCHITECTURE law 3): what the counter showed as recorded of a finger is at headquarters, once, with the
reasons that were shown; and the passage at the box says the same. Real processes, a real broker, SIGKILL. The kill
falls between the finger's touch and four times what its result usually takes. The same harness with a few rounds is
a test.
"""

from __future__ import annotations

import argparse
import json
import queue
import random
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # as a command; under pytest tests/conftest.py does it
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from box_world import Listener, until
from broker import Broker
from finger_world import CROWD, DISCREET, STRANGER, WANTED, FingerWorld, Person, build_gallery, children, command_of
from link_world import Headquarters

from drivers.virtual.control import VirtualReaderFault
from edge.core.mrz import compose
from hq.verbs import watch

BEYOND = 4.0  # a kill falls within so many times what a finger usually takes
DRAIN_S = 60.0
WHO = (WANTED, DISCREET, STRANGER)


@dataclass
class Findings:
    """What a run counted."""

    rounds: int = 0
    killed_before_result: int = 0
    killed_after_result: int = 0
    acknowledged: int = 0        # results of fingers shown as recorded
    at_headquarters: int = 0     # rows about fingers
    missing: int = 0
    twice: int = 0
    contradictions: list[str] = field(default_factory=list)  # headquarters or the box says something else
    orphans: int = 0             # child processes that outlived their daemon
    seconds: float = 0.0


class Kills:
    """One post whose box is killed."""

    def __init__(self, folder: Path, seed: int, stack: ExitStack) -> None:
        self.dice = random.Random(seed)
        gallery = build_gallery(folder / "gallery", [WANTED, DISCREET, *CROWD])
        broker = stack.enter_context(Broker(folder / "broker"))
        link = f'\n[uplink]\nhost = "127.0.0.1"\nport = {broker.port}\nbackoff_min_s = 0.2\n'
        self.box = stack.enter_context(FingerWorld(folder / "box", gallery, more=link))
        self.hq = Headquarters(folder / "box", broker.port)
        stack.callback(self.hq.stop)
        self.hq.start()
        self.shown: dict[tuple[str, str], dict[str, Any]] = {}  # (passage, purpose) -> the message
        self.found = Findings()
        self.usual_s = 1.0

    def run(self, rounds: int) -> Findings:
        """All rounds, then the count."""
        started = time.monotonic()
        self.measure()
        for _ in range(rounds):
            self.box.start()
            self.round(self.dice.choice(WHO))
            self.found.rounds += 1
        self.box.start()
        until(self._drained, "headquarters acks everything", DRAIN_S)
        self.count()
        self.found.seconds = round(time.monotonic() - started, 1)
        return self.found

    def measure(self) -> None:
        """What a finger takes on this machine, from the touch to the screen, and how an undisturbed one ends."""
        self.box.start()
        ear = self.box.hear()
        for _ in range(2):  # the first is slow
            self.box.read(self._document())
            while ear.next("finger")["step"] != "place":
                pass
            touched = time.monotonic()
            self.box.scanner.finger(STRANGER.right, 1)
            message = ear.next("fingers")
            self.usual_s = time.monotonic() - touched
            self._lift()
            self.shown[message["passage"], message["purpose"]] = message
        assert self.box.end() == 0

    def round(self, who: Person) -> None:
        """A traveller, a finger, and SIGKILL."""
        ear = self.box.hear()
        self.box.read(self._document())
        passage = str(ear.next("verdict")["passage"])
        while ear.next("finger")["step"] != "place":
            pass
        self.box.scanner.finger(who.right, 1)
        time.sleep(self.dice.uniform(0.0, BEYOND * self.usual_s))
        process = self.box.process
        assert process is not None
        below = children(process.pid)
        process.kill()
        process.wait(20)
        self.box.process = None
        self._lift()
        before = len(self.shown)
        self._hear(ear, passage)
        if len(self.shown) > before:
            self.found.killed_after_result += 1
        else:
            self.found.killed_before_result += 1
        end = time.monotonic() + 5.0
        while any(command_of(pid) for pid in below) and time.monotonic() < end:
            time.sleep(0.01)
        self.found.orphans += sum(bool(command_of(pid)) for pid in below)

    def count(self) -> None:
        """What was shown against headquarters and the box."""
        found = self.found
        with self.hq.view() as view:
            lines = [dict(watch.record(m, self.hq.keys.seal)) for m in _all(view) if m.kind == "fingers"]
        held = Counter((str(line["passage"]), str(line["purpose"])) for line in lines)
        found.acknowledged, found.at_headquarters = len(self.shown), len(lines)
        found.missing = sum(key not in held for key in self.shown)
        found.twice = sum(number - 1 for number in held.values())
        told = {(str(line["passage"]), str(line["purpose"])): line for line in lines}
        rows = {row["passage"]: row for row in self.box.ask_desk(do="passages", limit=500)["passages"]}
        for key, message in self.shown.items():
            line, row = told.get(key), rows.get(key[0])
            if line is not None:
                seen = [r["record"] for r in line["reasons"] if not r["silent"]]
                if (line["shown"], seen) != (message["outcome"], [c["record"] for c in message["candidates"]]):
                    found.contradictions.append(f"headquarters: {key}")
            if row is not None and row["shown"] != message["outcome"]:
                found.contradictions.append(f"the box: {key}")

    def _hear(self, ear: Listener, passage: str) -> None:
        """Every result that left the box before it died."""
        while True:
            try:
                message = ear.messages.get(timeout=0.3)
            except queue.Empty:
                return
            if message["type"] == "fingers" and message["passage"] == passage and message["recorded"]:
                self.shown[passage, message["purpose"]] = message

    def _lift(self) -> None:
        try:
            self.box.scanner.remove()
        except VirtualReaderFault:  # it had nothing to lift
            return

    def _drained(self) -> bool:
        return bool((self.box.status() or {"outbox": {"pending": -1}})["outbox"]["pending"] == 0)

    def _document(self) -> tuple[str, ...]:
        number = "X" + "".join(self.dice.choices("0123456789", k=8))
        return compose.td3(
            issuing_state="UTO", surname="Quilligan", given_names="Perpetua", number=number, nationality="UTO",
            birth_date="740812", sex="F", expiry_date="310415",
        )


def _all(view: Any) -> list[Any]:
    found: list[Any] = []
    while rows := view.messages(found[-1].n if found else 0):
        found += rows
    return found


def run(rounds: int, seed: int, folder: Path | None = None) -> Findings:
    """One run in a folder of its own."""
    with ExitStack() as stack:
        return Kills(folder or Path(tempfile.mkdtemp(prefix="bp-fk-")), seed, stack).run(rounds)


def main() -> int:
    """Run, print the figures as JSON, exit 1 if the law was broken."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--rounds", type=int, default=200)
    words.add_argument("--seed", type=int, default=1)
    asked = words.parse_args()
    found = run(asked.rounds, asked.seed)
    sys.stdout.write(json.dumps(asdict(found), indent=2) + "\n")
    return 1 if found.missing or found.twice or found.contradictions or found.orphans else 0


if __name__ == "__main__":
    raise SystemExit(main())
