"""Spoilt sticks through the whole visit: none may crash it, none may stage a byte that headquarters did not sign.

    python -m benchmarks.stick_fuzz --count 1000 --seed 1          (also: make fuzz-sticks)

Each stick begins as a good one (papers of every kind, an envelope, two lists) and is spoilt in one to four places:
bits, cuts, insertions, exchanged and renamed files, links, pipes, odd names, garbage, nested JSON, sparse files; in one
of five the reading itself fails from some operation on. A small daemon answers as the contract says. Ends with a count
by what was done and by code; anything but a proper outcome ends it with the stick's number.
"""

from __future__ import annotations

import argparse
import errno
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

if TYPE_CHECKING:
    from stick_kit import Post

STEP: Final = 100  # sticks between two signs of progress


class WrongStickError(Exception):
    """A stick that came to something it must not."""


def flip(rng: random.Random, path: Path, _: Path) -> None:
    """One to eight bits."""
    data = bytearray(path.read_bytes() or b"\0")
    for _n in range(rng.randint(1, 8)):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


def cut(rng: random.Random, path: Path, _: Path) -> None:
    """The end is missing."""
    data = path.read_bytes()
    path.write_bytes(data[: rng.randrange(len(data) + 1)])


def grow(rng: random.Random, path: Path, _: Path) -> None:
    """Something stands in the middle that does not belong there."""
    data, at = path.read_bytes(), rng.randrange(path.stat().st_size + 1)
    path.write_bytes(data[:at] + rng.randbytes(rng.randint(1, 5000)) + data[at:])


def exchange(rng: random.Random, path: Path, root: Path) -> None:
    """The bytes of another file."""
    others = [other for other in root.rglob("*") if other.is_file() and not other.is_symlink()]
    path.write_bytes(rng.choice(others).read_bytes())


def garbage(rng: random.Random, path: Path, _: Path) -> None:
    """Random bytes, or something that looks like JSON."""
    texts = [b"{" * 3000, b"[" * 20_000 + b"]" * 20_000, b'{"payload":"","kid":"","signature":""}', b"[]", b"null", b"",
             b'{"signed":{},"signatures":[]}', b'{"a":' * 900 + b"1" + b"}" * 900, b"BPE1\xff\xff\xff\xff",
             b"BPE1\x00\x00\x00\x02{}", rng.randbytes(rng.randint(0, 70_000)), b"1" * 50_000, b'"\\ud800"']
    path.write_bytes(rng.choice(texts))


def sparse(rng: random.Random, path: Path, _: Path) -> None:
    """Far longer than what is written in it."""
    with path.open("r+b") as file:
        file.truncate(rng.choice([60_001, 1 << 20, 1 << 26, 1 << 33]))


def gone(_rng: random.Random, path: Path, _: Path) -> None:
    """It is not there."""
    path.unlink()


def link(rng: random.Random, path: Path, root: Path) -> None:
    """A link stands in its place."""
    path.unlink()
    path.symlink_to(rng.choice(["/etc/hostname", "..", str(root), path.name, "/dev/zero"]))


def pipe(_rng: random.Random, path: Path, _: Path) -> None:
    """A pipe stands in its place, and nobody writes into it."""
    path.unlink()
    os.mkfifo(path)


def folder(rng: random.Random, path: Path, _: Path) -> None:
    """A folder stands in its place."""
    path.unlink()
    (path / ("x/" * rng.randint(0, 9))).mkdir(parents=True)


def rename(rng: random.Random, path: Path, _: Path) -> None:
    """Another name: odd bytes, other case, another kind of paper."""
    names = [rng.randbytes(rng.randint(1, 60)).replace(b"/", b"_").replace(b"\0", b"_"), path.name.upper().encode(),
             b"x" * rng.randint(1, 250), b"a.claim", b"a.time", b".hidden", "\u202egnp.claim".encode(),
             b"caf\xe9.claim"]
    name = rng.choice(names)
    if name not in (b".", b".."):
        path.rename(path.parent / os.fsdecode(name))


def copy(rng: random.Random, path: Path, root: Path) -> None:
    """It stands in another folder too, or beside itself in other case."""
    places = [path.parent / path.name.upper(), root / path.name, root / "claim" / "c.claim", root / "time" / "t.time",
              root / "tuf" / "metadata" / "2.root.json", path.parent / path.name.swapcase()]
    place = rng.choice(places)
    if place.parent.is_dir() and not place.exists():
        shutil.copyfile(path, place)


CASES: Final[tuple[Callable[[random.Random, Path, Path], None], ...]] = (
    flip, flip, cut, grow, exchange, exchange, garbage, sparse, gone, link, pipe, folder, rename, copy,
)


class Bench:
    """A box, and a good stick that each spoilt one is made from."""

    def __init__(self, place: Path) -> None:
        from stick_kit import OTHER, SERIAL, BoxFacts, Headquarters, Post
        from update_kit import World, documents

        world = World(place / "world")
        world.build_keyed(1, documents(*range(200)))
        world.publish("sltd")
        world.build_watch(["Anna Example", "Bert Example"])
        world.publish("un", "--in-clear")
        world.stamp()
        hq = Headquarters(tuf_root=(world.repo / "metadata" / "1.root.json").read_text())
        self.post: Post = Post(place / "box", hq=hq, facts=BoxFacts(serial=SERIAL, device="box-7", site="north-gate"))
        self.post.full_stick()
        self.post.put("claim/older.claim", hq.claim_paper(nonce="o" * 20))
        self.post.put("time/root.time", hq.time_paper(2, *hq.roots))
        for name in ("metadata", "targets"):
            shutil.copytree(world.repo / name, self.post.papers / "tuf" / name)
        self.good = place / "good"
        shutil.copytree(self.post.stick, self.good)
        self._signed = {path.read_bytes() for path in self.good.rglob("*") if path.is_file()}
        self._own = (self.post.papers / f"prov/{SERIAL}.prov").read_bytes()
        self._other = (self.post.papers / f"prov/{OTHER}.prov").read_bytes()

    def one(self, rng: random.Random, done: Counter[str], codes: Counter[str]) -> None:
        """Spoil, visit, look. Raises WrongStickError, or whatever broke."""
        from stick_kit import Daemon, FailingLayer

        stick, root = self.post.stick, self.post.papers
        shutil.rmtree(stick)
        shutil.copytree(self.good, stick)
        for _ in range(rng.randint(1, 4)):
            files = sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
            case = rng.choice(CASES)
            case(rng, rng.choice(files), root)
            done[case.__name__] += 1
        layer = None
        if rng.randrange(5) == 0:
            layer = FailingLayer(rng.randint(1, 400), rng.choice([errno.EIO, errno.ENODEV, errno.ENOSPC, errno.EROFS]),
                                 once=rng.random() < 0.5)
            done["failing"] += 1
        with Daemon(self.post).running() as daemon:
            outcome = self.post.visit(**({"stick_layer": layer} if layer else {}))
        self._look(daemon.seen, outcome)
        codes.update({part.code.name for part in outcome.parts})

    def _look(self, seen: dict[int, dict[str, bytes]], outcome: Any) -> None:
        for files in seen.values():
            for name, data in files.items():
                if data not in self._signed or data == self._other or (name == "envelope.prov" and data != self._own):
                    raise WrongStickError(f"{name} was staged, and is not what was signed for this box")
                if name.startswith("tuf/") and data != (self.good / "BORDERPOST" / name).read_bytes():
                    raise WrongStickError(f"{name} was staged with the bytes of another file")
        if not outcome.parts:
            raise WrongStickError("an outcome without a part")
        if [path for path in self.post.inbox.iterdir() if path.name.startswith((".staging", ".scratch"))]:
            raise WrongStickError("something was left half staged")


def run(
    count: int, seed: int, place: Path, told: Callable[[int], None] = lambda _: None
) -> tuple[Counter[str], Counter[str]]:
    """``count`` sticks; (what was done, codes of the outcomes). The damage is the same for the same seed."""
    bench, done, codes = Bench(place), Counter[str](), Counter[str]()
    for number in range(count):
        try:
            bench.one(random.Random(f"{seed}-{number}"), done, codes)
        except Exception as error:
            raise WrongStickError(f"stick {number} of seed {seed}: {type(error).__name__}: {error}") from error
        if (number + 1) % STEP == 0:
            told(number + 1)
    return done, codes


def main() -> int:
    """Run it; 0 if nothing broke."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--count", type=int, default=1000)
    arguments.add_argument("--seed", type=int, default=1)
    options = arguments.parse_args()
    wall, cpu = time.monotonic(), time.process_time()
    place = Path(tempfile.mkdtemp(prefix="sticks-"))
    try:
        done, codes = run(options.count, options.seed, place, lambda number: print(f"{number} sticks", flush=True))
    finally:
        shutil.rmtree(place, ignore_errors=True)
    print("done to them:", ", ".join(f"{name} {count}" for name, count in sorted(done.items())))
    print("sticks by code:", ", ".join(f"{name} {count}" for name, count in sorted(codes.items())))
    took = f"{time.monotonic() - wall:.1f} s, {time.process_time() - cpu:.1f} s of CPU"
    print(f"{options.count} sticks in {took}: none broke")
    return 0


if __name__ == "__main__":
    sys.exit(main())
