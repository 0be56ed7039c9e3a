"""The cases of ``benchmarks.tampering``: what is wrong, with what, how a box meets it, and what it has to say."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from tuf.api.metadata import Metadata

from benchmarks.document_corpus import entries
from benchmarks.tampering_world import LISTS, T0, Box, Headquarters, header_of
from edge.clock import ClockPolicy, TrustedClock
from edge.core.distribution import role_of
from edge.core.keyed import delta as deltas
from edge.core.keyed.keys import ListKey
from edge.updates import reference
from hq.keyed_build import Edition, assemble, delta_between, spread

ONE, OTHER = LISTS
ANY_FILE: Final = r".*(damaged|keyed list file|a base|a delta).*"  # the words of the files themselves


@dataclass(frozen=True)
class Case:
    """``right`` is a pattern that the refusal's code (or message) matches; ``good`` the generation of what must be
    taken; ``no_change`` where not refusing is right as long as nothing changes."""

    what: str
    name: str
    box: Box
    act: Callable[[], object]
    right: str
    good: int | None = None
    no_change: bool = False
    harmless: Callable[[], bool] | None = None


class Boxes:
    """Boxes at a generation, each new one a copy of one that took the sound repository of that time."""

    def __init__(self, hq: Headquarters, work: Path) -> None:
        self._hq, self._work = hq, work
        self._numbers = itertools.count()
        self._template: dict[int, Box] = {}

    @contextlib.contextmanager
    def at(self, generation: int) -> Iterator[Box]:
        """A box that has this generation; 0: that was never updated."""
        if generation and generation not in self._template:
            made = Box(self._work / f"template-{next(self._numbers)}", self._hq.anchor)
            for step in range(1, generation + 1):
                made.update(self._hq.old[step])
            made.state.close()
            shutil.rmtree(made.folder / "updates")
            self._template[generation] = made
        box = Box(self._work / f"box-{next(self._numbers)}", self._hq.anchor, template=self._template.get(generation))
        try:
            yield box
        finally:
            box.close()

    def drop(self) -> None:
        for box in self._template.values():
            shutil.rmtree(box.folder)


@contextlib.contextmanager
def boxes_of(hq: Headquarters, work: Path) -> Iterator[Boxes]:
    found = Boxes(hq, work)
    try:
        yield found
    finally:
        found.drop()


@contextlib.contextmanager
def instead(path: Path, data: bytes | None) -> Iterator[None]:
    """This file with other content, or none."""
    sound = path.read_bytes()
    path.unlink() if data is None else path.write_bytes(data)
    try:
        yield
    finally:
        path.write_bytes(sound)


@contextlib.contextmanager
def swapped(one: Path, two: Path) -> Iterator[None]:
    with instead(one, two.read_bytes()), instead(two, one.read_bytes()):
        yield


@contextlib.contextmanager
def copied(hq: Headquarters) -> Iterator[Path]:
    """A copy of the repository in which somebody signs."""
    place = shutil.copytree(hq.path, hq.root / "forged")
    try:
        yield place
    finally:
        shutil.rmtree(place)


def read_by(hq: Headquarters) -> Iterator[tuple[str, Path, int]]:
    """What a box reads of the list: kind of thing, file, and the generation from which a box needs it."""
    yield from (("metadata", path, 1) for path in hq.current())
    yield from (("chunk", path, 0) for path in (*hq.parts("base.sdl"), *hq.parts("0-1.card")))
    yield from (("delta", path, 1) for path in hq.parts("delta.sdd"))


def flips(data: bytes, every: int, dice: random.Random) -> Iterator[tuple[int, bytes]]:
    """One flipped bit in each block."""
    for block in range(0, len(data), every):
        at = block + dice.randrange(min(every, len(data) - block))
        bad = bytearray(data)
        bad[at] ^= 1 << dice.randrange(8)
        yield at, bytes(bad)


def flipped(hq: Headquarters, work: Path) -> Iterator[Case]:
    dice = random.Random(3)
    with boxes_of(hq, work) as boxes:
        for what, path, generation in read_by(hq):
            sound = path.read_bytes()
            for at, bad in flips(sound, hq.blocks[what == "metadata"], dice):
                right = "damaged|foreign" if "timestamp" in path.name or "root" in path.name else "damaged"
                with instead(path, bad), boxes.at(generation) as box:
                    yield Case(what, f"{path.name} at {at}", box, lambda b=box: b.update(hq.path), right,
                               harmless=lambda bad=bad, sound=sound, box=box: _same(bad, sound) and
                               box.generation() == 3)  # fmt: skip


def _same(bad: bytes, sound: bytes) -> bool:
    """What is signed is the same, and only what signs it is written in another way."""
    try:
        return bool(json.loads(bad)["signed"] == json.loads(sound)["signed"])
    except (ValueError, KeyError, TypeError):
        return False


def cut(hq: Headquarters, work: Path) -> Iterator[Case]:
    with boxes_of(hq, work) as boxes:
        for what, path, generation in read_by(hq):
            sound = path.read_bytes()
            root = "root" in path.name
            for name, bad in (
                ("nothing left", b""), ("one byte left", sound[:1]), ("half", sound[: len(sound) // 2]),
                ("the last byte gone", sound[:-1]), ("a byte more", sound + b"!"), ("gone", None),
            ):
                right = "foreign|older" if root and bad is None else "damaged|incomplete"
                with instead(path, bad), boxes.at(generation) as box:
                    yield Case(what, f"{path.name}: {name}", box, lambda b=box: b.update(hq.path), right)


def exchanged(hq: Headquarters, work: Path) -> Iterator[Case]:
    timestamp, _, snapshot, targets, role = hq.current()
    other = hq.current(OTHER)[-1]
    base, delta = hq.parts("base.sdl"), hq.parts("delta.sdd")
    older = max((p for p in role.parent.glob(f"*.{role_of(ONE)}.json") if p != role), key=lambda p: p.stat().st_mtime)
    pairs = [
        ("metadata", role, other, 1), ("metadata", snapshot, targets, 1), ("metadata", timestamp, snapshot, 1),
        ("metadata", role, targets, 1), ("metadata", role, older, 1),
        ("chunk", base[0], hq.parts("base.sdl", OTHER)[0], 0), ("chunk", base[0], delta[0], 0),
        ("delta", delta[0], delta[-1], 1), ("delta", delta[0], hq.parts("delta.sdd", OTHER)[0], 1),
        ("delta", delta[0], base[0], 1),
        *(("chunk", one, two, 0) for one, two in itertools.pairwise(base)),
    ]
    with boxes_of(hq, work) as boxes:
        for what, one, two, generation in pairs:
            with swapped(one, two), boxes.at(generation) as box:
                yield Case(what, f"{one.name} and {two.name}", box, lambda b=box: b.update(hq.path),
                           "damaged|incomplete")  # fmt: skip


def older(hq: Headquarters, work: Path) -> Iterator[Case]:
    with boxes_of(hq, work) as boxes:
        for have, given in ((2, 1), (3, 1), (3, 2)):
            with boxes.at(have) as box:
                yield Case("metadata", f"{given} over {have}", box, lambda b=box, g=given: b.update(hq.old[g]), "older")
            with boxes.at(have) as box:
                shutil.rmtree(box.folder / "updates", ignore_errors=True)
                yield Case("metadata", f"{given} over {have}, cache lost", box,
                           lambda b=box, g=given: b.update(hq.old[g]), "older")  # fmt: skip
            for path in hq.current()[2:]:
                role = path.name.split(".", 1)[1]
                before = sorted((hq.old[given] / "metadata").glob(f"*.{role}"), key=lambda p: int(p.name.split(".")[0]))
                if before[-1].read_bytes() != path.read_bytes():
                    with instead(path, before[-1].read_bytes()), boxes.at(have) as box:
                        yield Case("metadata", f"{role} of {given}", box, lambda b=box: b.update(hq.path), "damaged")
        with copied(hq) as forged:  # headquarters itself, every signature good, but the newest generation is gone
            with hq.opened(forged) as repository:
                draft = repository.draft(role_of(ONE))
                for path in [p for p, t in draft.targets.items() if t.custom["to"] == 3]:
                    del draft.targets[path]
                repository.submit(role_of(ONE), draft, [hq.key(role_of(ONE))])
            hq.stamp(forged)
            with boxes.at(3) as box:
                yield Case("metadata", "signed anew without 3", box, lambda b=box: b.update(forged), "older")
        made = hq.lists[ONE]
        for generation in (1, 2):
            with boxes.at(3) as box:
                yield Case("chunk", f"base {generation} past the signature", box,
                           lambda b=box, g=generation: b.install(made.bases[g]), r"a base of generation N is older.*",
                           no_change=generation == 1)  # the very base that serves, below its deltas: nothing to do
        for generation in (2, 3):
            with boxes.at(3) as box:
                yield Case("delta", f"delta to {generation} past the signature", box,
                           lambda b=box, g=generation: b.open().apply(made.deltas[g].read_bytes()), "-", no_change=True)


def foreign(hq: Headquarters, work: Path) -> Iterator[Case]:
    with boxes_of(hq, work) as boxes:
        for name, forge, right in _forgeries(hq):
            with copied(hq) as forged:
                forge(forged)
                for generation in (0, 1):
                    with boxes.at(generation) as box:
                        yield Case("metadata", f"{name}, box at {generation}", box,
                                   lambda b=box: b.update(forged), right)  # fmt: skip
        stranger = Headquarters(hq.root / "stranger", 2000, hq.part_bytes)
        for generation in (0, 1):
            with boxes.at(generation) as box:
                yield Case("metadata", "another headquarters", box, lambda b=box: b.update(stranger.path), "foreign")
        shutil.rmtree(stranger.root)
        base, delta = _with_another_key(work)
        with boxes.at(0) as box:
            yield Case("chunk", "a base of another list key", box, lambda b=box: _installed(b, base),
                       "the box holds no key N for the keyed list .*")
        with boxes.at(1) as box:
            yield Case("delta", "a delta of another list key", box, lambda b=box: b.open().apply(delta),
                       "a delta was made with another list key.*")
        with boxes.at(1) as box:
            theirs = hq.lists[OTHER]
            yield Case("delta", "a delta of another list", box,
                       lambda b=box: b.open().apply(theirs.deltas[2].read_bytes()), "a delta is of another list")
        with boxes.at(1) as box:
            yield Case("chunk", "a base of another list", box, lambda b=box: b.install(theirs.bases[2]),
                       "a file is not a base of this list")


def _forgeries(hq: Headquarters) -> Iterator[tuple[str, Callable[[Path], None], str]]:
    """Name, what is signed by whom in a copy of the repository, and the code."""

    def sign(role: str, *names: str, change: Callable[[Any], None] = lambda _: None) -> Callable[[Path], None]:
        def forge(place: Path) -> None:
            with hq.opened(place) as repository:
                signed = repository.draft(role)
                change(signed)
                forged: Metadata[Any] = Metadata(signed)
                for name in names:
                    forged.sign(hq.key(name), append=True)
                repository.folder.publish(role, forged)
                if role != "root":
                    repository.stamp([hq.key("snapshot"), hq.key("timestamp-2")])

        return forge

    def unstamped(snapshot: str, timestamp: str) -> Callable[[Path], None]:
        def forge(place: Path) -> None:
            with hq.opened(place) as repository:
                for role, name in (("snapshot", snapshot), ("timestamp", timestamp)):
                    metadata = repository.folder.timestamp() if role == "timestamp" else repository.folder.latest(role)
                    assert metadata is not None
                    if role == "timestamp":
                        data = repository.folder.raw("snapshot")
                        meta = metadata.signed.snapshot_meta
                        meta.version, meta.length = repository.folder.version("snapshot"), len(data)
                        meta.hashes = {"sha256": hashlib.sha256(data).hexdigest()} if meta.hashes else None
                    metadata.signed.version += 1
                    metadata.sign(hq.key(name), append=False)
                    repository.folder.publish(role, metadata)

        return forge

    def anothers_path(signed: Any) -> None:
        with hq.opened() as repository:
            path, target = next(iter(repository.draft(role_of(OTHER)).targets.items()))
        signed.targets[path] = target

    role = role_of(ONE)
    yield "timestamp by a stranger", unstamped("snapshot", "stranger"), "foreign"
    yield "timestamp by its replaced key", unstamped("snapshot", "timestamp"), "foreign"
    yield "snapshot by a stranger", unstamped("stranger", "timestamp-2"), "foreign"
    yield "targets by a stranger", sign("targets", "stranger"), "foreign"
    yield "targets by one of three", sign("targets", "root-1"), "foreign"
    yield "the list by a stranger", sign(role, "stranger"), "foreign"
    yield "the list by another list's key", sign(role, role_of(OTHER)), "foreign"
    yield "the list by the timestamp's key", sign(role, "timestamp-2"), "foreign"
    yield "the list names another's files", sign(role, role, change=anothers_path), "foreign_path"
    yield "root by one of three", sign("root", "root-1"), "foreign"
    yield "root by a stranger", sign("root", "stranger"), "foreign"
    yield "root by one of three and a stranger", sign("root", "root-2", "stranger"), "foreign"


def _with_another_key(work: Path) -> tuple[Path, bytes]:
    """Base and delta as headquarters would make them with a list key that no box has."""
    out, key, bases = work / f"another-key-{len(list(work.iterdir()))}", ListKey(b"\xff" * 32), []
    for generation in (1, 2):
        spread(out / "spread", entries(0, 2000 * generation), key, generation)
        edition = Edition(ONE, generation, generation, int(T0.timestamp()), int(T0.timestamp()))
        previous = bases[-1] if bases else None
        bases.append(assemble(out, [out / "spread"], edition, key, previous=previous).path)
    return bases[0], delta_between(*bases)


def _installed(box: Box, base: Path) -> None:
    """Into a folder beside: what was put there without its key must not answer."""
    beside = Box(box.folder / "beside", box.anchor)
    try:
        beside.install(base)
        beside.open()
    finally:
        beside.state.close()


def signed_wrong(hq: Headquarters, work: Path) -> Iterator[Case]:
    """Whoever holds the list's own key signs what is not the list: the last word has what the files themselves say."""
    ours, theirs = hq.lists[ONE], hq.lists[OTHER]
    base, delta = _with_another_key(work)
    unknown, bad = work / "unknown.sdd", work / "bad.sdd"
    unknown.write_bytes(delta)
    bad.write_bytes(next(data for _, data in flips(ours.deltas[2].read_bytes(), 1 << 20, random.Random(6))))
    after = {g: header_of(ours.bases[g], ONE) for g in (1, 2)}
    other = header_of(theirs.bases[1], OTHER)
    decoded = deltas.decode(delta)
    made = (decoded.count_after, decoded.digest_after)
    cases: list[tuple[str, str, int, int, Path, Path, tuple[int, bytes], str]] = [
        ("chunk", "a base of another list", 0, 1, theirs.bases[1], ours.card, other, "not_usable"),
        ("chunk", "a base of a key that the box lacks", 0, 1, base, ours.card, header_of(base, ONE), "no_key"),
        ("chunk", "a base of another digest", 0, 1, ours.bases[1], ours.card, (after[1][0], bytes(32)), "mismatch"),
        ("chunk", "a base of other records", 0, 1, ours.bases[1], ours.card, (7, after[1][1]), "mismatch"),
        ("chunk", "an older base as the next", 0, 2, ours.bases[1], ours.card, after[1], "mismatch"),
        ("chunk", "a base with another list's card", 0, 1, ours.bases[1], theirs.card, after[1], "mismatch"),
        ("delta", "a delta of another list", 1, 2, theirs.deltas[2], ours.card, after[2], "mismatch"),
        ("delta", "a delta of a key that the box lacks", 1, 2, unknown, ours.card, made, "no_key"),
        ("delta", "a delta of another digest", 1, 2, ours.deltas[2], ours.card, (after[2][0], bytes(32)), "mismatch"),
        ("delta", "the delta after the next", 1, 2, ours.deltas[3], ours.card, after[2], "mismatch"),
        ("delta", "a delta with a flipped bit", 1, 2, bad, ours.card, after[2], "not_usable"),
        ("delta", "a delta with another list's card", 1, 2, ours.deltas[2], theirs.card, after[2], "mismatch"),
    ]
    with boxes_of(hq, work) as boxes:
        for what, name, start, to, file, card, told, right in cases:
            place = shutil.copytree(hq.old[1], hq.root / "signed-wrong")
            if not start:  # a list that begins: nothing of it was published before
                with hq.opened(place) as repository:
                    draft = repository.draft(role_of(ONE))
                    draft.targets.clear()
                    repository.submit(role_of(ONE), draft, [hq.key(role_of(ONE))])
            files = {"delta.sdd" if start else "base.sdl": file, "card.json": card}
            hq.publish(place, ONE, start, to, files, told)
            hq.stamp(place)
            with boxes.at(start) as box:
                yield Case(what, name, box, lambda b=box, p=place: b.update(p), right)
            shutil.rmtree(place)


def clocks(hq: Headquarters, work: Path) -> Iterator[Case]:
    floors = {"fresh": T0 + timedelta(days=4), "run out": T0 + timedelta(days=100)}
    with boxes_of(hq, work) as boxes:
        for year, trusted, floor, right, good in (
            (1970, True, "fresh", "clock_behind", None), (2151, True, "fresh", "clock_ahead", None),
            (1970, True, "run out", "expired", None), (2151, True, "run out", "clock_ahead", None),
            (1970, False, "run out", "expired", None), (2151, False, "run out", "expired", None),
            (1970, False, "fresh", "-", 3), (2151, False, "fresh", "-", 3),
        ):
            for generation in (0, 1):
                with boxes.at(generation) as box:
                    if floor == "run out" or not trusted:
                        box.state.raise_floor(floors[floor])
                    clock = TrustedClock(
                        wall=lambda y=year: T0.replace(year=y), mono=lambda: 1.0, state=box.state,
                        policy=ClockPolicy(disciplined=trusted),
                    )
                    box.at = reference(clock.now(), box.state.floor())
                    name = f"{year}, {'vouched for' if trusted else 'not trusted'}, {floor}, box at {generation}"
                    yield Case("metadata", name, box, lambda b=box: b.update(hq.path), right, good=good)


def past_the_signature(hq: Headquarters, work: Path) -> Iterator[Case]:
    """Files that the signature no longer covers: the store refuses them by itself."""
    dice, made, bad_file = random.Random(5), hq.lists[ONE], work / "bad"
    base, delta = made.bases[1].read_bytes(), made.deltas[2].read_bytes()

    def variants(data: bytes) -> Iterator[tuple[str, bytes]]:
        yield from ((f"bit at {at}", bad) for at, bad in flips(data, hq.blocks[0], dice))
        yield from ((f"cut to {n}", data[:n]) for n in (0, 1, 100, len(data) // 2, len(data) - 1))
        yield "longer", data + b"!"

    with boxes_of(hq, work) as boxes, boxes.at(0) as empty, boxes.at(1) as one:
        for name, bad in variants(base):
            bad_file.write_bytes(bad)
            yield Case("chunk", name, empty, lambda: _fresh_install(empty, bad_file), ANY_FILE)
        for name, bad in variants(delta):
            yield Case("delta", name, one, lambda bad=bad: one.open().apply(bad), ANY_FILE)


def _fresh_install(box: Box, base: Path) -> None:
    try:
        box.install(base)
    finally:
        if not (box.lists / "CURRENT").exists():
            shutil.rmtree(box.lists, ignore_errors=True)  # an empty folder with its lock


KINDS: Final[dict[str, Callable[[Headquarters, Path], Iterator[Case]]]] = {
    "one flipped bit per block": flipped, "cut short, longer, missing": cut, "files swapped": exchanged,
    "an older generation": older, "a foreign key": foreign, "signed, but not the list": signed_wrong,
    "clock in 1970 or 2151": clocks, "past the signature: bits, cuts": past_the_signature,
}
