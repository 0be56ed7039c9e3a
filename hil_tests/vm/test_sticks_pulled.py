"""A stick that is pulled at seventeen moments from the plug to the last write: the box is as it was, or as it is to be.

Laws:
1. Each moment is a thing that the box has just done (or the stick: so many writes reached it), and no time on a clock.
2. Afterwards the box is whole: envelope, configuration in use and daemon are of one number, nothing is half done.
3. The same stick once more brings it to the end, and nothing that headquarters put on it was hurt.
4. What an earlier visit left on it is there, until what takes its place is.
"""

from __future__ import annotations

import filecmp
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hil_tests.bench import papers, steps, sticks
from hil_tests.bench.country import Country
from hil_tests.bench.target import DAEMON
from hil_tests.vm.plugged import VmStick
from hil_tests.vm.stages import Bench, Stages

INBOX, CONFIG = "/var/lib/borderpost-inbox", "/var/lib/borderpost/config"
MOMENT_S = 30.0  # of metal, until a moment is reached
# Writes of an answer: its folders and files; RESULT-N.json is whole; it is written over, three times; RESULT-N.txt.
# Without law 4 of provisioning/stick/back.py the stick is torn at the eleventh and the twelfth.
REPLACED = (14, 14, 10, 11, 12, 22)
pytestmark = pytest.mark.needs("emulated moment")

# What the guest waits for, each a shell's condition; MARK is as old as the plug.
MARK = "/run/bench-mark"
STARTED = "systemctl is-active 'borderpost-stick@*' | grep -q activating"
MOUNTED = "grep -qs ' /run/borderpost-stick/sd' /proc/[0-9]*/mountinfo"
STAGING = f"find {INBOX} -maxdepth 1 -name '.staging-*' -newer {MARK} | grep -q ."
OFFERED = f"find {INBOX}/[1-9]* -name offer.json -newer {MARK} | grep -q ."
APPLYING = f"test -e {CONFIG}/pending.json"
RESTARTED = f"test -e {CONFIG}/pending.json && systemctl show -p SubState --value {DAEMON} | grep -qx start"
REACHED = "n=0; until {{ {0}; }} >/dev/null 2>&1; do n=$((n + 1)); [ $n -lt 3000 ] || exit 1; sleep 0.02; done"
# The same, and the visit's processes stand still from before the look until LET_GO: what was seen is so when the stick
# comes out. A visit that has gone past it is an error by name.
STILL = "/sys/fs/cgroup/system.slice/system-borderpost\\\\x2dstick.slice/cgroup.freeze"
LET_GO = f"[ ! -e {STILL} ] || echo 0 >{STILL} || true"
HELD = f"""n=0
while :; do
    [ ! -e {STILL} ] || echo 1 >{STILL}
    ! {{{{ {OFFERED}; }}}} >/dev/null 2>&1 || {{{{ {LET_GO}; echo 'it is offered already' >&2; exit 2; }}}}
    ! {{{{ {{0}}; }}}} >/dev/null 2>&1 || exit 0
    {LET_GO}
    n=$((n + 1)); [ $n -lt 3000 ] || exit 1
    sleep 0.005
done"""
# What the unit left: "whole" once nothing is under way.
SETTLED = f"""
[ ! -e {CONFIG}/pending.json ] || exit 1
for one in {INBOX}/[1-9]*; do [ ! -e $one/offer.json ] || [ -e $one/outcome.json ] || exit 1; done
systemctl show -p SubState --value {DAEMON} | grep -qx running
! systemctl list-units --plain --no-legend --state=activating,deactivating 'borderpost-stick@*' | grep -q .
"""
FINE = (  # of fsck.vfat: what a pull in a write may leave, and every kernel reads over
    "fsck.fat", "Dirty bit is set", "Automatically removing dirty bit", "Leaving filesystem unchanged", "files, ",
    "unused cluster", "Reclaimed", "Free cluster summary", "Auto-correcting", "Free clus", "There are differences",
    "1) Copy original", "2) Copy backup", "This is mostly harmless", "Differences: (offset:", "65:01/00",
    "Not automatically fixing", "FATs differ but appear to be intact", "Using first FAT",
)  # fmt: skip
# What it says of a file of an answer that was begun: its path, and what is wrong with it, indented.
BEGUN = re.compile(r"^/BORDERPOST/out/.+\.part\n(?:[ \t].*\n)*", re.M)


@pytest.fixture(scope="module")
def brought(stages: Stages, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two sticks for the post as it is at its moment: a renewal with lists, and lists alone."""
    folder = tmp_path_factory.mktemp("brought")
    one, other = (Country(stages.post() / "country").copy(folder / name) for name in ("one", "other"))
    return papers.renewal(one, folder / "renewal"), papers.new_lists(other, folder / "lists")


def plugged(bench: Bench, folder: Path) -> VmStick:
    """The stick, just now; nothing of the box has looked at it."""
    bench.target.run("touch", MARK)
    return bench.lab.plug_stick(folder, seen=False)


def reached(bench: Bench, condition: str) -> None:
    """Until the guest sees it; it looks fifty times a second."""
    bench.target.pipe(REACHED.format(condition), limit_s=MOMENT_S * bench.target.slow)


def pulled_at(bench: Bench, stick: VmStick, condition: str) -> None:
    """Law 1: it comes out while the visit stands still at this very moment; then the visit goes on, and finds out.

    By then the kernel has let go of the stick. That nothing of it is taken in the milliseconds before that is held by
    tests/provisioning/test_stick_mounted.py.
    """
    bench.target.pipe(HELD.format(condition), limit_s=MOMENT_S * bench.target.slow)
    try:
        stick.take()
    finally:
        bench.target.pipe(LET_GO)
    stick.unseen()


def written(stick: VmStick, count: int) -> Callable[[], object]:
    """So many writes reached the stick since it was plugged in."""

    def so_far() -> bool:
        """so many writes reached the stick"""
        blocks = stick.guest.qmp.execute("query-blockstats")
        here = (one for one in blocks if one.get("node-name") == f"medium-{stick.name}")
        return any(one["stats"]["wr_operations"] >= count for one in here)

    return so_far


def settled(bench: Bench) -> tuple[int, int]:
    """Law 2: number of the envelope and generation of the list, once nothing is under way."""
    box = bench.target
    box.until(lambda: box.execute(("sh", "-c", SETTLED)).code == 0, 120, every_s=0.5)
    box.until(lambda: steps.facts(box).get("device") == steps.DEVICE, 30, every_s=0.5)
    now = steps.facts(box)
    assert box.run("readlink", f"{CONFIG}/current").strip() == str(now["sequence"]), now
    assert now["lists"]["fingers"] == 1, now
    return now["sequence"], now["lists"]["sltd"]


def unhurt(stick: VmStick, brought: Path, to: Path) -> list[str]:
    """Law 3: what was put on the stick is there, byte for byte; what a check of it says beyond what is harmless.

    Every file is read, without a repair. Of an answer's file that was begun (``.part``) the check may say anything:
    nobody reads it, and the next visit ends it.
    """
    back = stick.contents(to)
    for path in (path for path in brought.rglob("*") if path.is_file()):
        assert filecmp.cmp(path, back / path.relative_to(brought), shallow=False), path
    lines = [line.strip() for line in BEGUN.sub("", sticks.faults(stick.image)).splitlines()]
    return [line for line in lines if line and not any(word in line for word in FINE)]


def answers(folder: Path) -> dict[str, bytes]:
    """Each RESULT on a stick: its name, and what is in it (nothing, if the pull came between name and place)."""
    return {path.name: path.read_bytes() for path in folder.rglob("RESULT-*") if path.suffix in (".json", ".txt")}


def completed(bench: Bench, stick: VmStick, moment: str) -> steps.Visit:
    """The same stick once more, to the end."""
    after = steps.cursor(bench.target)
    stick.put()
    done = steps.ended(bench.lab, stick, after, bench.folder / f"done-{moment}", limit_s=2 * steps.VISIT_S)
    assert {str(part["grade"]) for part in done.result["parts"]} == {"ok"}, done.result
    failed = bench.target.run("systemctl", "list-units", "--failed", "--no-legend", "--plain", "borderpost*").strip()
    assert failed == "", failed
    return done


def test_pulled_before_it_is_offered_nothing_of_it_is_taken(
    post: Bench, brought: tuple[Path, Path], figure: Callable[[str, object], None]
) -> None:
    renewal, _ = brought
    old = settled(post)
    stick = plugged(post, renewal)
    for moment, condition in (
        ("plugged in", ""), ("seen by the kernel", "ls /sys/block | grep -q ^sd"), ("its unit started", STARTED),
        ("mounted", MOUNTED), ("being staged", STAGING),
    ):  # fmt: skip
        post.target.run("touch", MARK)
        stick.put()
        if condition:
            pulled_at(post, stick, condition)
        else:
            stick.pull()
        assert settled(post) == old, moment
        assert unhurt(stick, renewal, post.folder / "pulled") == [], moment
    done = completed(post, stick, "at-last")
    assert {"BP-102", "BP-104"} <= set(done.parts.values()), done.result
    assert settled(post) == (old[0] + 1, old[1] + 1)
    figure("a stick pulled at 5 moments before it was offered", "box as it was each time; then taken whole")


@pytest.mark.parametrize(
    ("moment", "condition"), [("offered", OFFERED), ("being applied", APPLYING), ("daemon starts with it", RESTARTED)],
    ids=["offered", "being-applied", "daemon-starts"],
)
def test_pulled_while_the_box_takes_it_the_box_goes_on_without_it(
    post: Bench, brought: tuple[Path, Path], figure: Callable[[str, object], None], moment: str, condition: str
) -> None:
    renewal, _ = brought
    old = settled(post)
    stick = plugged(post, renewal)
    reached(post, condition)
    stick.pull()
    begun = time.monotonic()
    now = settled(post)
    assert now in (old, (old[0] + 1, old[1] + 1)), now
    taken = time.monotonic() - begun
    assert unhurt(stick, renewal, post.folder / "pulled") == []
    done = completed(post, stick, "again")
    assert settled(post) == (old[0] + 1, old[1] + 1)
    told = "\n".join(path.read_text("utf-8") for path in done.folder.rglob("RESULT-*.txt"))
    assert all(code in told for code in ("BP-102", "BP-104")), "nobody was ever told that it was taken"
    figure(f"a stick pulled when {moment}", f"box on {'new' if now != old else 'old'} state, whole after {taken:.0f} s")


@pytest.mark.parametrize("writes", [1, 3, 12])
def test_pulled_while_the_answer_is_written_the_next_visit_brings_it(
    post: Bench, brought: tuple[Path, Path], figure: Callable[[str, object], None], writes: int
) -> None:
    _, lists = brought
    old = settled(post)
    stick = plugged(post, lists)
    until = written(stick, writes)
    post.target.until(until, MOMENT_S, every_s=0.002)
    stick.pull()
    assert settled(post) == (old[0], old[1] + 1)
    wrong = unhurt(stick, lists, post.folder / "pulled")
    assert not wrong, "\n".join(wrong)
    done = completed(post, stick, "again")
    told = [path.read_text("utf-8") for path in done.folder.rglob("RESULT-*.txt")]
    assert any("BP-104" in text for text in told), "nobody was ever told that it was taken"
    assert not list(done.folder.rglob("*.part")), "what was begun is finished or gone"
    assert sticks.faults(stick.image) in ("",) or unhurt(stick, lists, post.folder / "twice") == []
    figure(f"a stick pulled at write {writes} of the answer", "lists new, papers unhurt, the answer brought next time")


def test_pulled_while_an_answer_takes_an_earlier_ones_place_each_file_is_the_old_or_the_new_one(
    post: Bench, brought: tuple[Path, Path], figure: Callable[[str, object], None]
) -> None:
    _, lists = brought
    stick = plugged(post, lists)
    stood: dict[str, bytes] = {}
    over = 0
    for visit, writes in enumerate(REPLACED):
        if visit:
            stick.put()
        post.target.until(written(stick, writes), MOMENT_S, every_s=0.002)
        stick.pull()
        settled(post)
        back = post.folder / f"pulled-{writes}"
        wrong = unhurt(stick, lists, back)
        assert not wrong, "\n".join([f"at write {writes}:", *wrong])
        now = answers(back)
        assert {name: now.get(name) for name in stood} == stood, f"law 4, at write {writes}"
        over += bool(stood)
        stood |= {name: text for name, text in now.items() if text}
    assert over > 2, f"only {over} times was there an answer to be written over: the moments are others now"
    done = completed(post, stick, "at-last")
    assert not list(done.folder.rglob("*.part")), "what was begun is finished or gone"
    last = answers(done.folder)
    assert {name: last.get(name) for name in stood} == stood, "what had been whole was the answer"
    moments = ", ".join(map(str, REPLACED))
    figure(f"a stick pulled at writes {moments} of its answers", f"whole; {over} times there was one to write over")
