"""The second line's desk: a virtual fingerprint scanner, a small gallery of invented persons, and fingers for it.

The prints are made here by seed (``drivers.virtual.prints``) and belong to nobody. Headquarters' own command builds the
gallery while the first acts are played, in a folder of its own: two builds never write to one.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from demo.cast import Traveller
from drivers.virtual.control import VirtualReader
from drivers.virtual.prints import png, synthetic_print

COUNTER, READER, SCANNER = "desk-1", "page-2", "finger-1"
LIST = "fingers"
WIDTH, HEIGHT, PPI = 384, 290, 512.0  # of a U.are.U 4500
WANTED = (1000, 1001)                 # seeds of a right and a left index finger
OTHERS = (4000, 4002, 4004)

CONFIG = """
[[counter]]
name = "desk-1"
direction = "entry"
readers = ["page-2"]
scanner = "finger-1"

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
ask = "always"
"""


def missing() -> str:
    """Why this desk can take no fingers; empty if it can."""
    try:
        there = all(find_spec(name) is not None for name in ("nbis", "PIL"))
    except ImportError:
        there = False
    return "" if there else "the packages of the extra `fingers` are not installed"


@dataclass(frozen=True, slots=True)
class Finger:
    """What came of one finger: what was shown, whom it may be, the milliseconds from its image to that."""

    position: str
    shown: str
    names: tuple[str, ...]
    problem: str
    recorded: bool
    elapsed_ms: float

    @property
    def told(self) -> str:
        """For a line of the screen."""
        found = f"perhaps {', '.join(self.names)}" if self.names else "no candidate"
        return f"{self.position}: {self.problem or found}"


class FingerDesk:
    """Scanner and gallery below ``folder``; ``build`` (source, folder, words) runs ``lists build``."""

    def __init__(self, folder: Path, box: Path, lists: Path, build: Callable[..., None]) -> None:
        self._prints, self._made, self._lists, self._build = folder / "prints", folder / "made", lists, build
        self.scanner = VirtualReader(box / f"{SCANNER}.port", box / f"{SCANNER}.ctl", "uru4000")
        self._fault: BaseException | None = None
        self._thread = threading.Thread(target=self._make, name="gallery", daemon=True)

    def start(self) -> str:
        """Plug the scanner in and have the gallery built; the box's configuration of it."""
        self.scanner.start()
        self._thread.start()
        return CONFIG.format(port=self.scanner.port)

    def wait_built(self) -> None:
        """Until headquarters has built the gallery. Raises what went wrong."""
        self._thread.join()
        if self._fault is not None:
            raise self._fault

    def close(self) -> None:
        """Pull the scanner out."""
        with contextlib.suppress(OSError):
            self.scanner.close()

    def lay(self, messages: Callable[[], dict[str, Any]], traveller: Traveller, passage: str) -> Iterator[Finger]:
        """Lay down what the box asks for, until it asks for no more; what came of each finger.

        ``messages`` gives the counter's next message about fingers.
        """
        seeds = dict(zip(("right-index", "left-index"), traveller.fingers, strict=True))
        while True:
            message = messages()
            if message["passage"] != passage:
                continue
            if message["type"] == "fingers":
                yield _finger(message)
                if not message["second"]:
                    return
            elif message["step"] in ("place", "retry"):
                self.scanner.finger(seeds[message["position"]], 1)
            elif message["step"] != "reading":  # the image is still coming then: a finger that leaves spoils it
                self.scanner.remove()

    def _make(self) -> None:
        """Files and index, then the list. Its end is waited for in ``wait_built``."""
        try:
            self._prints.mkdir()
            rows = ["record,reference,position,file,name"]
            rows += [self._row("W-1", "Quenby Ostravane", "right-index", WANTED[0])]
            rows += [self._row("W-1", "Quenby Ostravane", "left-index", WANTED[1])]
            rows += [self._row(f"W-{seed}", f"Invented {seed}", "right-index", seed) for seed in OTHERS]
            index = self._prints / "index.csv"
            index.write_text("\n".join(rows) + "\n", encoding="utf-8")
            self._build(f"fingers-index@{LIST}:{index}", self._made, "--extractor", "mindtct")
            (self._made / LIST).rename(self._lists / LIST)
        except BaseException as fault:  # raised again where it is waited for
            self._fault = fault

    def _row(self, record: str, name: str, position: str, seed: int) -> str:
        file = self._prints / f"{seed}.png"
        file.write_bytes(png(synthetic_print(seed, WIDTH, HEIGHT, PPI), WIDTH, HEIGHT, PPI))
        return f"{record},F-{seed},{position},{file.name},{name}"


def ready(status: dict[str, Any] | None) -> bool:
    """Is the scanner open, the extractor loaded, the gallery in the search?"""
    if not status or not status["fingers"]:
        return False
    extract, search = status["fingers"]["extract"], status["fingers"]["search"]
    return bool(
        all(one["state"] == "ready" for one in status["scanners"])
        and extract["starts"] and not extract["problem"]
        and [one for one in search["galleries"] if one["templates"]]
    )


def _finger(message: dict[str, Any]) -> Finger:
    return Finger(
        message["positions"][-1].replace("-", " "), message["outcome"],
        tuple(c["name"] or c["record"] for c in message["candidates"]), message["problem"], message["recorded"],
        message["elapsed_ms"],
    )
