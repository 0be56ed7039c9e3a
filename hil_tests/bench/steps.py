"""What people do around a box: a technician's visit with a stick, headquarters' answer, an officer's document.

Laws:
1. A visit is over when the box has said so in its log, and not before; its result is read from the stick, as a
   technician does.
2. The code that headquarters signs for is read from the box's own screen, never from the stick.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hil_tests.bench.country import SITE, Country
from hil_tests.bench.lab import Lab, Stick
from hil_tests.bench.target import Target, TargetError

VISIT_S = 30.0  # of a box of metal, lists and a start of the daemon included
DEVICE = f"{SITE}-1"
STICK_UNITS = "borderpost-stick@*.service"
PART = re.compile(r"^[a-z_]+: (BP-\d+)")
CODE = re.compile(r"((?:[0-9A-Z]{4} +){3}[0-9A-Z]{4})")
FACTS = "/run/borderpost/box.json"
STOLEN = "S7310442K"  # a document number of demo/lists/sltd.csv
SPECIMEN = ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10")


@dataclass(frozen=True, slots=True)
class Visit:
    """One stick: ``parts`` is what each of its parts came to; ``folder`` is what was on it when it was pulled."""

    folder: Path
    result: dict[str, Any]

    @property
    def parts(self) -> dict[str, str]:
        """Part -> code (BP-…)."""
        return {str(part["part"]): str(part["code"]) for part in self.result["parts"]}


def facts(target: Target) -> dict[str, Any]:
    """What the daemon says of the box; empty while it says nothing."""
    text = target.run("cat", FACTS, check=False)
    found: dict[str, Any] = json.loads(text) if text else {}
    return found


def cursor(target: Target) -> str:
    """This moment of the box's log."""
    text = target.run("journalctl", "-n", "0", "--show-cursor", "--no-pager")
    return text.rpartition("cursor: ")[2].strip()


def said(target: Target, after: str, unit: str = STICK_UNITS) -> list[str]:
    """What the unit has written to the log since then."""
    return target.run(
        "journalctl", "-u", unit, "-o", "cat", "--no-pager", f"--after-cursor={after}", check=False
    ).splitlines()


def visit_over(target: Target, after: str) -> list[str]:
    """The codes of the parts, once the visit is over (law 1): the stick may be pulled."""
    return [found[1] for line in said(target, after) if (found := PART.match(line))]


def visit(lab: Lab, folder: Path, to: Path, *, limit_s: float = VISIT_S) -> Visit:
    """Plug a stick with what lies in ``folder``, wait for the light, pull it; it lies in ``to`` then."""
    after = cursor(lab.target)
    stick = lab.plug_stick(folder)
    return ended(lab, stick, after, to, limit_s=limit_s)


def ended(lab: Lab, stick: Stick, after: str, to: Path, *, limit_s: float = VISIT_S) -> Visit:
    """The end of a visit that has begun ``after``."""
    try:
        lab.target.until(lambda: visit_over(lab.target, after), limit_s, every_s=0.5)
    except TargetError as error:
        error.add_note("\n".join(said(lab.target, after, "*")[-60:]))
        raise
    stick.pull()
    return Visit(stick.contents(to), newest_result(to))


def newest_result(folder: Path) -> dict[str, Any]:
    """The last RESULT of the box on a stick."""
    results = list(folder.glob("BORDERPOST/out/*/RESULT-*.json"))
    if not results:
        raise TargetError(f"no result on the stick: {sorted(str(p.relative_to(folder)) for p in folder.rglob('*'))}")
    newest = max(results, key=lambda path: int(path.stem.partition("-")[2]))
    found: dict[str, Any] = json.loads(newest.read_text("utf-8"))
    return found


def screen_code(target: Target) -> str:
    """The code that the box's first screen shows, as headquarters types it."""
    text = target.run("cat", "/dev/vcs1")
    found = CODE.search(text)
    if not found:
        raise TargetError(f"no code on the screen:\n{text}")
    return "-".join(found[1].split())


def claim(lab: Lab, country: Country, to: Path) -> Visit:
    """A claim stick, and the box's request; afterwards ``country.stick`` is the stick as it came back."""
    country.fresh_stick()
    country.signs("claim", SITE, "--stick", "stick")
    return _back(country, visit(lab, country.stick, to))


def envelope(lab: Lab, country: Country, to: Path, code: str, *ring: str) -> Visit:
    """Headquarters signs for the code; the stick with envelope and lists goes to the box."""
    country.signs("sign", "--stick", "stick", "--code", code, *ring)
    country.publish_lists()
    return _back(country, visit(lab, country.stick, to, limit_s=2 * VISIT_S))


def _back(country: Country, done: Visit) -> Visit:
    shutil.rmtree(country.stick)
    shutil.copytree(done.folder, country.stick)
    return done


# `borderpost status --json` without its own start, which takes an emulated box five seconds.
ASK = """
import json, socket, sys
desk = socket.socket(socket.AF_UNIX)
desk.settimeout(60)
desk.connect("/run/borderpost/counter.sock")
desk.sendall(sys.argv[1].encode() + b"\\n")
for line in desk.makefile():
    message = json.loads(line)
    if message.get("type") == "reply":
        print(line)
        break
"""


def ask(target: Target, request: dict[str, Any]) -> dict[str, Any]:
    """What the box's desk answers (edge/answers.py); empty while it does not."""
    done = target.execute(("python3", "-I", "-S", "-c", ASK, json.dumps(request)))
    try:
        found: dict[str, Any] = json.loads(done.out)
    except ValueError:
        return {}
    return found


def status(target: Target) -> dict[str, Any]:
    """As `borderpost status --json`; empty while the daemon does not answer."""
    found: dict[str, Any] = ask(target, {"do": "status"}).get("status") or {}
    return found


def reader_ready(target: Target, name: str, *, state: str = "ready") -> None:
    """Wait until the box says that of a reader."""

    def there() -> bool:
        """the box says so of the reader"""
        return any((one["name"], one["state"]) == (name, state) for one in status(target).get("readers", []))

    target.until(there, 30, every_s=0.5)


def fingers_ready(target: Target) -> None:
    """Wait until the box can take a finger: scanner, extractor and search."""

    def there() -> bool:
        """scanner, extractor and search are ready"""
        now = status(target)
        if not all(one["state"] == "ready" for one in now.get("scanners", [])) or not now.get("fingers"):
            return False
        search = now["fingers"]["search"]
        loaded = not (search["problem"] or search["loading"]) and search["galleries"]
        return bool(loaded and not now["fingers"]["extract"]["problem"])

    target.until(there, 60, every_s=1.0)


def zone(number: str, *, name: str = "SPECIMEN<<BENCH") -> Sequence[str]:
    """An invented passport (TD3) of Utopia with that document number (up to nine characters): check digits and all."""
    number = number.ljust(9, "<")
    birth, expiry, personal = "740812", "300415", "<" * 14
    fields = f"{number}{_digit(number)}", f"{birth}{_digit(birth)}", f"{expiry}{_digit(expiry)}", f"{personal}<"
    lower = f"{fields[0]}UTO{fields[1]}F{fields[2]}{fields[3]}"
    return f"P<UTO{name}".ljust(44, "<"), f"{lower}{_digit(fields[0] + fields[1] + fields[2] + fields[3])}"


def _digit(text: str) -> int:
    """The check digit of Doc 9303-3, section 4.9: weights 7, 3, 1; letters count from 10, the filler is 0."""
    values = (0 if c == "<" else int(c, 36) for c in text)
    return sum(value * (7, 3, 1)[place % 3] for place, value in enumerate(values)) % 10
