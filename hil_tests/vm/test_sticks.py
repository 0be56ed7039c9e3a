"""Sticks as a technician brings them: FAT under real udev and a real mount, good ones and those that were meddled with.

Each begins from a working post (or a blank box), and ends with what the box says on the stick and with what it is then.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from hil_tests.bench import gallery, papers, steps, sticks
from hil_tests.bench.country import founded
from hil_tests.bench.target import DAEMON, Target
from hil_tests.vm.stages import READER, SERIAL, Bench

LINK_S = 180.0
pytestmark = pytest.mark.needs("stick")
Figure = Callable[[str, object], None]


@dataclass(frozen=True, slots=True)
class Stand:
    """What a stick may change of a box: number of the envelope and its lists, configuration in use, the daemon."""

    sequence: int
    lists: dict[str, int]
    current: str
    pid: int


def stand(box: Target) -> Stand:
    """As it is now; the daemon runs."""
    box.until(lambda: box.show(DAEMON, "SubState") == "running", 60, every_s=0.5)
    now = steps.facts(box)
    current = box.run("readlink", "/var/lib/borderpost/config/current").strip()
    return Stand(now["sequence"], now["lists"], current, box.pid())


def test_a_renewal_with_new_lists_is_taken_once_and_an_older_stick_takes_nothing_back(
    post: Bench, figure: Figure
) -> None:
    lab, box, country = post.lab, post.target, post.country
    before = stand(box)
    old = papers.as_it_was(country, post.folder / "old")
    fresh = papers.renewal(country, post.folder / "fresh")
    after = steps.cursor(box)
    stick = lab.plug_stick(fresh)
    taken = steps.ended(lab, stick, after, post.folder / "taken", limit_s=2 * steps.VISIT_S)
    assert taken.parts == {"envelope": "BP-102", "lists": "BP-104"}, taken.result
    assert sticks.faults(stick.image) == "", "the light said that it may be pulled"
    now = stand(box)
    assert (now.sequence, now.lists["sltd"]) == (before.sequence + 1, before.lists["sltd"] + 1)
    assert (now.pid, now.current) != (before.pid, before.current)

    after = steps.cursor(box)
    stick.put()
    again = steps.ended(lab, stick, after, post.folder / "again")
    assert set(again.parts.values()) == {"BP-103"}, again.result
    assert stand(box) == now

    older = steps.visit(lab, old, post.folder / "older")
    assert older.parts["envelope"] == "BP-305", older.result
    assert older.parts.get("lists", "BP-103") in ("BP-103", "BP-401"), older.result
    assert stand(box) == now

    officer = lab.watch_verdicts()
    reader = lab.plug_reader("text", serial=SERIAL)
    steps.reader_ready(box, READER.name)
    reader.present(steps.zone(steps.STOLEN))
    (shown,) = officer.wait(1, 60)
    assert shown["outcome"] == "HIT", shown
    post.hq.wait_rows(1, LINK_S)
    assert post.hq.passages() == {shown.passage: 1}
    figure("after a renewal, the same stick again and an older one", "the new certificate sends, 1 passage, once")


@pytest.mark.parametrize(
    ("what", "at", "code"),
    [("header", 200, "BP-301"), ("content", -40, "BP-303"), ("list", 200, "BP-401")],
)
def test_one_byte_of_a_stick_that_was_changed_is_refused_by_name(
    post: Bench, figure: Figure, what: str, at: int, code: str
) -> None:
    box = post.target
    before = stand(box)
    stick = papers.new_lists(post.country, post.folder / "stick") if what == "list" else papers.renewal(
        post.country, post.folder / "stick", lists=False)
    if what == "list":
        newest = max((stick / papers.TOP / "tuf/metadata").glob("*.snapshot.json"), key=_number)
        papers.changed(newest, at)
    else:
        papers.changed(papers.envelope(stick), at)
    refused = steps.visit(post.lab, stick, post.folder / "refused")
    assert refused.parts == {"stick": code}, refused.result
    (text,) = refused.folder.glob("BORDERPOST/out/*/RESULT-*.txt")
    assert code in text.read_text("utf-8")
    assert stand(box) == before
    figure(f"one byte changed in the {what} of a stick", code)


def _number(path: Path) -> int:
    return int(path.name.partition(".")[0])


def test_the_envelope_of_another_box_is_refused_under_this_box_s_name(post: Bench) -> None:
    box = post.target
    before = stand(box)
    stick = papers.of_another_box(post.country, post.folder / "other", *gallery.RING)
    serial = steps.facts(box)["serial"]
    theirs = papers.envelope(stick)
    other = theirs.stem
    theirs.rename(theirs.with_name(f"{serial}.prov"))
    refused = steps.visit(post.lab, stick, post.folder / "refused")
    assert refused.parts == {"stick": "BP-304"}, refused.result
    assert other in str(refused.result["parts"])
    assert stand(box) == before


def test_another_country_s_claim_is_refused_and_the_own_one_is_answered(blank: Bench) -> None:
    lab, box = blank.lab, blank.target
    abroad = blank.folder / "abroad"
    abroad.mkdir()
    foreign = papers.claim(founded(abroad), blank.folder / "foreign")
    refused = steps.visit(lab, foreign, blank.folder / "refused")
    assert refused.parts == {"stick": "BP-302"}, refused.result
    assert not list(refused.folder.rglob("request.json")), "it asked another country to be enrolled"
    assert not steps.facts(box).get("code")
    own = papers.claim(blank.country, blank.folder / "own")
    answered = steps.visit(lab, own, blank.folder / "answered")
    assert answered.parts == {"claim": "BP-101"}, answered.result
    assert steps.screen_code(box) == steps.facts(box)["code"]
    (request,) = answered.folder.rglob("request.json")
    assert request.parent.name == steps.facts(box)["serial"]


VFAT = "test -d /sys/module/vfat && echo there; true"


@pytest.mark.needs("composite")
def test_a_stick_with_a_keyboard_in_it_is_refused_unopened(blank: Bench, figure: Figure) -> None:
    """The kernel's FAT is a module, and no stick was in this box before: it is loaded by the first mount there is."""
    lab, box = blank.lab, blank.target
    folder = papers.claim(blank.country, blank.folder / "claim")
    assert box.pipe(VFAT) == b""
    after = steps.cursor(box)
    stick = lab.composite_stick(folder)
    before = box.run("sha256sum", "/run/bench-stick.img")
    box.until(lambda: steps.visit_over(box, after), steps.VISIT_S, every_s=0.5)
    assert steps.visit_over(box, after) == ["BP-203"], steps.said(box, after)
    assert box.pipe(VFAT) == b"", "it was mounted"
    inbox = json.loads(box.pipe("cat /var/lib/borderpost-inbox/*/outcome.json"))
    assert [part["code"] for part in inbox["parts"]] == ["BP-203"], inbox
    assert box.pipe("cd /var/lib/borderpost-inbox && find . -name '*.claim' -o -name claim") == b""
    assert not steps.facts(box).get("code")
    assert box.run("sha256sum", "/run/bench-stick.img") == before
    stick.pull()
    answered = steps.visit(lab, folder, blank.folder / "answered")
    assert answered.parts == {"claim": "BP-101"}, answered.result
    assert box.pipe(VFAT) == b"there\n"
    earlier = {path.name for path in answered.folder.rglob("RESULT-*.txt")}
    figure("a stick with a keyboard in it", f"BP-203, never mounted; the next stick carries {len(earlier)} results")
    assert len(earlier) == 2, "the refusal is told by the next stick"
