"""Power cuts of a working post, one after another: the box of a round is the one that the round before left.

Laws:
1. What a round does follows from the seed and its number alone (``planned``). The moment of the cut counts from where
   the work begins: the burst of hits, the stick put in, or, in half of the rounds with one, what it brought staged for
   the daemon: the swap itself is short, and would be met by few cuts.
2. The link is out while documents are acknowledged before a cut, in three rounds of four: what headquarters has
   already is no loss, and would hide one.
3. Every boot begins with an overlay that has no cluster yet (``fold``), so what the guest wrote into a new cluster and
   did not flush is gone with QEMU (argv.py, law 3). The page cache of the guest's kernel is gone in any case: unsynced
   pages of SQLite lie there for up to half a minute.
4. After the mains are back nobody touches the box until it says that it is ready.
"""

from __future__ import annotations

import json
import random
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from subprocess import run
from typing import Any, Final

from hil_tests.bench import papers, steps
from hil_tests.bench.target import DAEMON, TargetError
from hil_tests.vm.guest import OVERLAY, Guest
from hil_tests.vm.lane import Lane
from hil_tests.vm.plugged import VmStick
from hil_tests.vm.stages import READER, Bench

KINDS: Final = ("lists", "stick", "hits")
SPANS: Final = {"plugged": 16.0, "staged": 6.0, "burst": 8.0}  # after what, in seconds, the cut may come
PAUSES: Final = {"lists": 0.3, "stick": 0.3, "hits": 0.0}  # s between a verdict and the next document
LIST = "sltd"
STAGED = "ls -d /var/lib/borderpost-inbox/[0-9]*/offer.json 2>/dev/null; true"
STAGED_S = 30.0  # of a box of metal
LEAST = 3  # acknowledged before a cut: a round that could lose nothing shows nothing
# What the box was at, as it is on its disk: asked in the last moment before the mains go.
AT_WORK = """
cd /var/lib/borderpost-inbox 2>/dev/null || exit 0
systemctl is-active 'borderpost-stick@*' | grep -q activating && echo visiting
ls -d .staging-* >/dev/null 2>&1 && echo staging
for one in [0-9]*; do [ ! -e $one/offer.json ] || [ -e $one/outcome.json ] || { echo taking; break; }; done
[ ! -e /var/lib/borderpost/config/pending.json ] || echo applying
systemctl show -p SubState --value borderpost.service | grep -qx start && echo starting
true
"""
UNDER = "under.qcow2"
WELL: Final = {"BP-102", "BP-103", "BP-104", "BP-105"}  # applied, nothing newer, lists updated, rows written
ARRIVED_S = 240.0  # of this computer: until the box has nothing more for headquarters
FOLD_S = 120.0
# Of the box's own account, with the system's Python: nothing of the product says here that the product is well.
LOOK = """
import json, sqlite3
db = sqlite3.connect("file:/var/lib/borderpost/journal.sqlite?mode=ro", uri=True)
one = lambda text: db.execute(text).fetchone()
audit = one("select count(*), coalesce(max(number) - min(number) + 1, 0) from audit")
print(json.dumps({
    "integrity": one("pragma integrity_check(1)")[0],
    "audit": audit[0] == audit[1],
    "passages": [row[0] for row in db.execute("select passage from passages")],
}))
"""
# What a box would be whose journal does not wait for the disk: file, what stands there, what is put in its place.
SABOTAGE: Final = {"synchronous": ("edge/journal/schema.py", '"synchronous = full"', '"synchronous = normal"')}
SPOIL = """
set -e
for file in /opt/borderpost/versions/*/lib/python3*/site-packages/{file}; do
    grep -q '{before}' $file
    sed -i 's/{before}/{after}/' $file
    rm -f ${{file%/*}}/__pycache__/schema.*.pyc
    grep -q '{after}' $file
done
sync
systemctl restart borderpost.service
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """One round. ``moment_s`` counts from ``begin``; ``cable``: the link is in; ``left_in``: the stick stays."""

    number: int
    kind: str
    begin: str
    moment_s: float
    cable: bool
    left_in: bool


@dataclass(frozen=True, slots=True)
class Round:
    """What came of one. ``acknowledged`` in it before the cut; ``lost`` of these; ``faults`` in words, none if well."""

    number: int
    kind: str
    begin: str
    moment_s: float
    cable: bool
    left_in: bool
    under_way: str  # when the mains went, of visiting, staging, taking, applying, starting
    acknowledged: int
    lost: int
    twice: int
    sequence: tuple[int, int]  # before and after
    lists: tuple[int, int]
    agent_s: float  # mains to the agent's answer
    ready_s: float  # mains to a post that reads
    arrived_s: float  # ready until it had nothing more for headquarters
    codes: tuple[str, ...]
    faults: tuple[str, ...]


def planned(seed: int, number: int) -> Plan:
    """Law 1. ``number`` counts from 1; kinds in rotation."""
    dice = random.Random(f"{seed}-{number}")
    kind = KINDS[(number - 1) % len(KINDS)]
    begin = "burst" if kind == "hits" else dice.choice(("plugged", "staged"))
    moment = dice.uniform(0.0, SPANS[begin])
    return Plan(number, kind, begin, moment, cable=dice.random() < 0.25, left_in=kind != "hits" and dice.random() < 0.5)


class Chain:
    """Rounds on one post. ``sabotage``: one of SABOTAGE, or "". Raises TargetError when the box does not come up."""

    def __init__(self, bench: Bench, *, sabotage: str = "", begin: int = 0) -> None:
        self.bench = bench
        if sabotage:
            file, before, after = SABOTAGE[sabotage]
            bench.target.pipe(SPOIL.format(file=file, before=before, after=after), limit_s=300.0)
        self.lane = Lane(bench, begin=begin)
        told = steps.facts(bench.target)
        self._newest = {"sequence": int(told["sequence"]), LIST: int(told["lists"][LIST])}  # what headquarters has made
        self._known_lost: set[str] = set()
        self._known_twice: set[str] = set()
        self._seen_conflicts = 0

    def round(self, plan: Plan) -> Round:
        """Work, cut, mains, and what is there then."""
        box, lab = self.bench.target, self.bench.lab
        before, known = steps.facts(box), self.lane.acknowledged()
        stick, under_way = self._worked(plan)
        wanted = self.lane.acknowledged()
        shown = wanted - known
        fold(box)
        if stick is not None and not plan.left_in:
            stick.take()
        mains = time.monotonic()
        agent_s = lab.power_on()
        steps.reader_ready(box, READER.name)
        ready = time.monotonic()
        codes = self._pulled(plan, stick) if stick is not None and plan.left_in else ()
        faults = [] if set(codes) <= WELL else [f"the stick's second visit came to {codes}"]
        if len(shown) < LEAST:
            faults.append(f"{len(shown)} passages were acknowledged before the cut: it shows nothing")
        arrived_s = self._arrived(faults)
        lost = wanted - set(self.lane.ledger.look()) - self._known_lost
        after = self._settled()
        faults += self._whole(before, after, shown)
        twice = {one for one, times in self.lane.ledger.look().items() if times > 1} - self._known_twice
        self._known_lost |= lost
        self._known_twice |= twice
        return Round(
            plan.number, plan.kind, plan.begin, round(plan.moment_s, 2), plan.cable, plan.left_in, under_way,
            len(shown), len(lost), len(twice), (before["sequence"], after.get("sequence", 0)),
            (before["lists"][LIST], after.get("lists", {}).get(LIST, 0)), round(agent_s, 1),
            round(ready - mains, 1), round(arrived_s, 1), codes, tuple(faults),
        )  # fmt: skip

    def _worked(self, plan: Plan) -> tuple[VmStick | None, str]:
        """The work, up to the cut: the stick that was in, and what the box was at."""
        box, lab, folder = self.bench.target, self.bench.lab, self.bench.folder / f"round-{plan.number}"
        shutil.rmtree(folder, ignore_errors=True)
        stick = None
        if plan.kind == "lists":
            papers.new_lists(self.bench.country, folder)
            self._newest[LIST] += 1
        elif plan.kind == "stick":
            papers.renewal(self.bench.country, folder, lists=False)
            self._newest["sequence"] += 1
        lab.link(up=plan.cable)
        hits = plan.kind == "hits"
        with self.lane.steadily(pause_s=PAUSES[plan.kind], hit_every=1 if hits else 4):
            if not hits:
                staged = box.pipe(STAGED)
                stick = lab.plug_stick(folder, seen=False)
            if plan.begin == "staged":
                box.until(lambda: box.pipe(STAGED) not in (staged, b""), STAGED_S, every_s=0.05)
            time.sleep(plan.moment_s)
            under_way = "" if hits else " ".join(box.pipe(AT_WORK).decode().split())
            lab.cut_power()
        return stick, under_way

    def _pulled(self, plan: Plan, stick: VmStick) -> tuple[str, ...]:
        """The visit of the stick that was there at power on, until what it brings is in use: the codes of this boot."""
        box = self.bench.target

        def taken() -> bool:
            """what the stick brings is in use, and the box has said so"""
            now = steps.facts(box)
            name, stands = (LIST, now.get("lists", {}).get(LIST)) if plan.kind == "lists" else (
                "sequence", now.get("sequence"))
            return bool(stands == self._newest[name] and said())

        def said() -> tuple[str, ...]:
            lines = box.run("journalctl", "-b", "-u", steps.STICK_UNITS, "-o", "cat", "--no-pager", check=False)
            return tuple(sorted({found[1] for line in lines.splitlines() if (found := steps.PART.match(line))}))

        box.until(taken, 2 * steps.VISIT_S, every_s=1.0)
        stick.pull()
        return said()

    def _arrived(self, faults: list[str]) -> float:
        """Until headquarters has acknowledged all that the box has; the seconds. What is in the way is a fault."""
        box, begun = self.bench.target, time.monotonic()

        def nothing_pending() -> bool:
            """the box has nothing more for headquarters"""
            if self.lane.ledger.conflicts() > self._seen_conflicts:
                raise TargetError("headquarters holds other rows under the same ids")
            return bool(steps.status(box).get("outbox", {}).get("pending") == 0)

        try:
            box.until(nothing_pending, ARRIVED_S / box.slow, every_s=0.5)
        except TargetError as error:
            faults.append(str(error))
        self._seen_conflicts = self.lane.ledger.conflicts()
        return time.monotonic() - begun

    def _settled(self) -> dict[str, Any]:
        """What the box says of itself once its daemon runs and reads; a stick's envelope may just have restarted it."""
        box = self.bench.target
        box.until(lambda: box.show(DAEMON, "SubState") == "running" and steps.facts(box).get("device"), 60, every_s=0.5)
        steps.reader_ready(box, READER.name)
        return steps.facts(box)

    def _whole(self, before: dict[str, Any], after: dict[str, Any], shown: set[str]) -> list[str]:
        """What is wrong with a box that is up again: its journal, who it is, its lists."""
        found: list[str] = []
        look = json.loads(self.bench.target.user("python3", "-I", "-c", LOOK))
        if look["integrity"] != "ok" or not look["audit"]:
            found.append(f"the journal: {look['integrity']}, every audit row there: {look['audit']}")
        if missing := len(shown - set(look["passages"])):
            found.append(f"{missing} acknowledged passages are not in the journal")
        if any(before[name] != after.get(name) for name in ("device", "site", "serial", "country", "software")):
            found.append(f"it is another box: {after}")
        stands = {"sequence": (before["sequence"], after["sequence"])}
        stands[LIST] = before["lists"][LIST], after["lists"][LIST]
        # What an earlier round's stick brought may be taken late: it lay staged when the mains went.
        for name, (old, new) in stands.items():
            if not old <= new <= self._newest[name]:
                found.append(f"{name}: {old} -> {new}, and headquarters has made {self._newest[name]}")
        if {**before["lists"], LIST: 0} != {**after["lists"], LIST: 0}:
            found.append(f"lists {before['lists']} -> {after['lists']}")
        return found + self._reads()

    def _reads(self) -> list[str]:
        """What is wrong with its work: a stolen passport must be a recorded hit. A busy disk may take a few tries."""
        said: dict[str, Any] = {}
        for _ in range(3):
            seen = len(self.lane.officer.verdicts())
            self.lane.scan(1, hit_every=1)
            answer = self.lane.officer.verdicts()[seen]
            if (answer["outcome"], answer["recorded"]) == ("HIT", True):
                return []
            said = answer.message
        return [f"a stolen passport after the cut: {said}"]


def fold(guest: Guest) -> None:
    """Law 3: what the disk of a guest that is off holds goes into the file under it; the next overlay begins empty."""
    top, under = guest.folder / OVERLAY, guest.folder / UNDER
    if guest.running():
        raise TargetError("the machine is on")
    if guest.disk != under:
        top.rename(under)
        guest.disk = under
        return
    _qemu_img("commit", "-q", str(top))
    top.unlink()


def _qemu_img(*words: str) -> None:
    done = run(["qemu-img", *words], capture_output=True, text=True, timeout=FOLD_S, check=False)
    if done.returncode != 0:
        raise TargetError(f"{words}: {done.stderr}")


def kept_in(folder: Path, seed: int, of: str) -> Path:
    """Where the rounds of a seed are kept, one line of JSON each; ``of`` names what was cut (commit, sabotage)."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"power-{seed}-{of}.jsonl"
