"""A box with a fingerprint scanner as it runs at a post: the real command, a U.are.U over USB/IP, a gallery that
headquarters' command built of synthetic prints of nobody.

Everything is a process of its own, started and ended by its id.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from box_world import BoxWorld, Listener, until, zone

from drivers.virtual.control import VirtualReader
from drivers.virtual.prints import png, synthetic_print
from edge.desk import DeskClient

WIDTH, HEIGHT, PPI = 384, 290, 512.0  # of a U.are.U
LOADED_S = 60.0                       # for both children on a busy machine
CLEAR_ZONE = zone()
LEAD_ZONE = zone("S7310442K", "Brandeau", "Colette")  # a number on the demo's invented list
POSSIBLE_ZONE = zone("L04508178", "Dunmore", "Peregrine")  # one look-alike away from another

SECTION = """
[[counter]]
name = "lane-2"
direction = "exit"
readers = ["page-2"]

[[reader]]
name = "page-2"
driver = "text"
port = "page-2.tty"

[[scanner]]
name = "finger-1"
driver = "uru4000"
port = "{port}"

[fingers]
extractor = "mindtct"
ask = "{ask}"
capture_wait_s = {wait_s}
work_s = {work_s}
"""


@dataclass(frozen=True)
class Person:
    """Somebody nobody is: the record, and which fingers (by seed) are at which positions."""

    record: str
    right: int
    left: int
    silent: bool = False
    name: str = ""


WANTED = Person("W-0001", 1000, 1001, name="Invented Wantedson")
DISCREET = Person("D-0001", 2000, 2001, silent=True, name="Invented Discreetson")
STRANGER = Person("", 3000, 3001)
STRANGER_WANTED = Person("W-0002", STRANGER.right, STRANGER.left, name="Invented Newcomer")
CROWD = tuple(Person(f"C-{n:04d}", 4000 + 2 * n, 4001 + 2 * n, name=f"Invented Crowd {n}") for n in range(6))


def build_gallery(folder: Path, persons: Iterable[Person], *more: str, list_id: str = "prints") -> Path:
    """Have headquarters build one generation from both index fingers of each; the lists folder."""
    place = folder / "prints"
    place.mkdir(parents=True, exist_ok=True)
    rows = ["record,reference,position,file,name,silent"]
    for person in persons:
        for seed, position in ((person.right, "right-index"), (person.left, "left-index")):
            (place / f"{seed}.png").write_bytes(png(synthetic_print(seed, WIDTH, HEIGHT, PPI), WIDTH, HEIGHT, PPI))
            silent = "yes" if person.silent else "no"
            rows.append(f"{person.record},F-{seed},{position},{seed}.png,{person.name},{silent}")
    index = place / "index.csv"
    index.write_text("\n".join(rows) + "\n", encoding="utf-8")
    words = ["lists", "build", "--out", str(folder / "lists"), "--source", f"fingers-index@{list_id}:{index}"]
    command = [str(Path(sys.executable).parent / "borderpost-hq"), *words, "--extractor", "mindtct", *more]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "lists"


class FingerWorld(BoxWorld):
    """One box whose counter ``lane-1`` has a scanner, and ``lane-2`` none; ``gallery`` is a lists folder to copy from.

    ``second`` is the reader of ``lane-2``.
    """

    def __init__(
        self, folder: Path, gallery: Path | None, *, ask: str = "always", wait_s: float = 20.0, work_s: float = 10.0,
        more: str = "",
    ) -> None:
        super().__init__(folder)
        self.scanner = VirtualReader(folder / "finger.port", folder / "finger.ctl", "uru4000").start()
        self.second = VirtualReader(folder / "page-2.tty", folder / "page-2.ctl", "text").start()
        self._ears: dict[str, Listener] = {}
        section = SECTION.format(port=self.scanner.port, ask=ask, wait_s=wait_s, work_s=work_s)
        text, desk = self.config.read_text("utf-8"), 'readers = ["page-1"]\n'
        text = text.replace(desk, desk + 'scanner = "finger-1"\n')
        self.config.write_text(text + section + more, encoding="utf-8")
        self.publish()
        for one in gallery.iterdir() if gallery is not None else ():
            if one.is_dir():
                shutil.copytree(one, self.lists / one.name)

    def start(self, **more: Any) -> FingerWorld:
        """Start the box; wait until a finger can be taken and every gallery is searched."""
        self._ears.clear()
        super().start(**more)
        until(self.fingers_ready, "scanner, extractor and gallery are ready", LOADED_S)
        return self

    def fingers_ready(self) -> bool:
        """Is the scanner open, is the extractor loaded, is every gallery in the search child?"""
        status = self.status() or {}
        scanners, fingers = status.get("scanners") or [], status.get("fingers") or {}
        search = fingers.get("search", {})
        return bool(
            scanners and all(one["state"] == "ready" for one in (*scanners, *status["readers"]))
            and fingers["extract"]["starts"] and not fingers["extract"]["problem"]
            and all(one["templates"] for one in search["galleries"]) and not search["loading"]
        )

    def hear(self, name: str = "") -> Listener:
        """Everything that the counters are told from now on; of one name there is one at a time (a desk has few)."""
        ear = self._ears.get(name) or self._ears.setdefault(name, Listener(self))
        while not ear.messages.empty():
            ear.messages.get_nowait()
        return ear

    def read(self, lines: Sequence[str] = CLEAR_ZONE) -> None:
        """Lay a document down; nothing is waited for."""
        assert self.reader.present(tuple(lines)) is not None

    def lay(
        self, ear: Listener, *touches: tuple[int, int], passage: str = "", heard: list[dict[str, Any]] | None = None
    ) -> dict[str, Any]:
        """Do as the screen says with these (finger, impression), one a try; the ``fingers`` message of it.

        ``passage``: look at its messages alone; ``heard`` gets every message about fingers.
        """
        left = list(touches)
        while True:
            message = ear.messages.get(timeout=LOADED_S)
            if passage and message.get("passage") != passage:
                continue
            if heard is not None and message["type"] in ("finger", "fingers"):
                heard.append(message)
            if message["type"] == "fingers":
                self.scanner.remove()
                return message
            if message["type"] != "finger":
                continue
            if message["step"] in ("place", "retry") and left:
                self.scanner.finger(*(left.pop(0) if len(left) > 1 else left[0]))
            elif message["step"] in ("lift", "working", "failed"):
                self.scanner.remove()

    def ask_desk(self, **request: Any) -> dict[str, Any]:
        """One request of an officer; the answer."""
        with DeskClient(self.socket, 10.0) as desk:
            return dict(desk.ask(request))

    @property
    def pid(self) -> int:
        """Of the daemon."""
        assert self.process is not None
        return self.process.pid

    def child(self, module: str) -> int:
        """The process id of the daemon's child that runs ``module``; 0 without one."""
        return next((pid for pid in children(self.pid) if module in command_of(pid)), 0)

    def close(self) -> None:
        """End what runs."""
        super().close()
        self.scanner.close()
        self.second.close()


EXTRACT, SEARCH = "common.fingers.child_main", "edge.fingers.child_main"


def children(pid: int) -> list[int]:
    """Process ids of all children of all threads of ``pid``, also those that nobody reaped."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            found += [int(word) for word in (task / "children").read_text().split()]
        except OSError:
            continue  # the thread has ended
    return found


def command_of(pid: int) -> str:
    """Its command line, empty for a zombie or for one that is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def zombies(pid: int) -> list[int]:
    """Children that have ended and that nobody reaped."""
    found = []
    for one in children(pid):
        try:
            state = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state == "Z":
            found.append(one)
    return found


def descriptors(pid: int) -> int:
    """How many files it has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def settled(count: Any, seconds: float = 15.0) -> int:
    """What ``count()`` comes to once it has not changed for a second."""
    end, last, since = time.monotonic() + seconds, count(), time.monotonic()
    while time.monotonic() < end and time.monotonic() - since < 1.0:
        time.sleep(0.05)
        now = count()
        if now != last:
            last, since = now, time.monotonic()
    return int(last)
