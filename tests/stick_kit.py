"""Makes sticks and boxes: keys, papers, envelopes, folders and FAT images, and a small daemon that answers offers.

The daemon here is the edge of the stick's part: it does what ``edge.core.provisioning.inbox`` says and nothing more.
"""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.core import sealing
from edge.core.provisioning import inbox
from edge.core.provisioning.codes import Code, Grade
from edge.core.provisioning.envelope import seal_envelope
from edge.core.provisioning.inbox import BoxFacts, Offer, Part, StickOutcome
from edge.core.provisioning.papers import Claim, NationalPackage, Reset, TimeWord
from edge.core.provisioning.result_text import part
from edge.core.provisioning.signing import sign_paper
from provisioning.stick.layer import Layer
from provisioning.stick.light import Light
from provisioning.stick.limits import Limits
from provisioning.stick.medium import FolderMedium, Medium
from provisioning.stick.visit import Box, visit

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SERIAL = "abcdefghij234"
OTHER = "zyxwvutsrq765"
KEY_HASH = "ab" * 32
LIMITS = Limits(spare=0, read_s=60, facts_s=2, lock_s=2, outcome_s=20, write_s=60)


def line(key: Any) -> str:
    """A private key's public half as the national package writes it."""
    return str(sealing.public_to_text(key.public_key()))


@dataclass
class Headquarters:
    """One country's keys, and what it signs with them."""

    claim: Any = field(default_factory=sealing.SignPrivate.generate)
    command: Any = field(default_factory=sealing.SignPrivate.generate)
    roots: tuple[Any, ...] = field(default_factory=lambda: tuple(sealing.SignPrivate.generate() for _ in range(3)))
    seal: Any = field(default_factory=sealing.SealPrivate.generate)
    ack: Any = field(default_factory=sealing.SignPrivate.generate)
    box: Any = field(default_factory=sealing.SealPrivate.generate)  # the box's own, whose public half it knows
    tuf_root: str = ""
    country: str = "UTO"

    def package(self, **changes: Any) -> bytes:
        values: dict[str, Any] = {
            "country": self.country, "claim_keys": (line(self.claim),),
            "command_keys": (line(self.command),),
            "root_keys": tuple(line(key) for key in self.roots), "root_threshold": 2,
            "seal_key": line(self.seal), "ack_key": line(self.ack),
            "tuf_root": self.tuf_root, "created": NOW,
        }
        return sign_paper(NationalPackage(**{**values, **changes}), *self.roots[:2])

    def claim_paper(self, site: str = "north-gate", nonce: str = "n" * 22, *, key: Any = None, **changes: Any) -> bytes:
        values: dict[str, Any] = {"country": self.country, "site": site, "nonce": nonce, "created": NOW,
                                  "expires": NOW + timedelta(days=30)}
        return sign_paper(Claim(**{**values, **changes}), key or self.claim)

    def reset_paper(self, serial: str = SERIAL, **changes: Any) -> bytes:
        values: dict[str, Any] = {"country": self.country, "serial": serial, "device_key": KEY_HASH, "sequence": 9,
                                  "created": NOW, "expires": NOW + timedelta(days=30)}
        return sign_paper(Reset(**{**values, **changes}), self.command)

    def time_paper(self, number: int = 1, *keys: Any, **changes: Any) -> bytes:
        values: dict[str, Any] = {"country": self.country, "time": NOW, "number": number}
        return sign_paper(TimeWord(**{**values, **changes}), *(keys or (self.command,)))

    def envelope(self, serial: str = SERIAL, sequence: int = 1, *, size: int = 3000, key: Any = None,
                 country: str | None = None) -> bytes:
        files = {"edge.toml": b"[box]\n", "acks.json": bytes(range(256)) * (size // 256 + 1)}
        return seal_envelope(
            files, country=country or self.country, serial=serial, device_key=KEY_HASH, sequence=sequence, created=NOW,
            not_before=NOW, not_after=NOW + timedelta(days=30), to=self.box.public_key(), key=key or self.command,
        )


@dataclass
class Post:
    """A box below ``root``: inbox, facts, national package; and a stick's folder."""

    root: Path
    hq: Headquarters = field(default_factory=Headquarters)
    facts: BoxFacts = field(default_factory=lambda: BoxFacts(serial=SERIAL, country="UTO"))

    def __post_init__(self) -> None:
        self.inbox, self.run = self.root / "inbox", self.root / "run"
        self.stick = self.root / "stick"
        self.papers = self.stick / "BORDERPOST"
        for folder in (self.inbox, self.run, self.papers):
            folder.mkdir(parents=True)
        self.national = self.root / "national.json"
        self.national.write_bytes(self.hq.package())
        self.say()
        self.told: list[str] = []

    def say(self, facts: BoxFacts | None = None) -> None:
        self.facts = facts or self.facts
        (self.run / "box.json").write_bytes(msgspec.json.encode(self.facts))

    def put(self, path: str, data: bytes) -> Path:
        place = self.papers / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        return place

    def full_stick(self) -> None:
        """One of each paper, for this box, and some for others."""
        self.put("claim/north.claim", self.hq.claim_paper())
        self.put(f"prov/{SERIAL}.prov", self.hq.envelope())
        self.put(f"prov/{OTHER}.prov", self.hq.envelope(OTHER))
        self.put(f"reset/{SERIAL}.reset", self.hq.reset_paper())
        self.put("time/now.time", self.hq.time_paper())

    def box(self, **changes: Any) -> Box:
        import time

        values: dict[str, Any] = {
            "inbox": self.inbox, "facts": self.run / "box.json", "national": self.national,
            "newer_national": self.run / "national.json", "now": time.monotonic, "nap": lambda _: time.sleep(0.001),
            "tell": self.told.append, "limits": LIMITS,
        }
        return Box(**{**values, **changes})

    def visit(self, medium: Medium | None = None, **changes: Any) -> StickOutcome:
        return visit(medium or FolderMedium(self.stick), self.box(**changes), Light(()))

    def results(self, serial: str = SERIAL) -> list[str]:
        folder = self.papers / "out" / serial
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []

    def offers(self) -> list[Offer]:
        return [msgspec.json.decode((self.inbox / name / "offer.json").read_bytes(), type=Offer)
                for name in sorted(path.name for path in self.inbox.iterdir() if path.name.isdigit())]


Answer = Callable[[Path, Offer, Path], tuple[Part, ...]]


def plain_answer(folder: Path, offer: Offer, out: Path) -> tuple[Part, ...]:
    """What was refused, and a part for every paper that came."""
    (out / inbox.ROWS).write_bytes(b"sealed rows" * 100)
    parts = [part("stick", code, detail) for code, detail in offer.problems]
    parts += [part("envelope", Code.APPLIED)] if (folder / inbox.ENVELOPE).exists() else []
    return (*parts, part("rows", Code.ROWS_WRITTEN))


class Daemon:
    """Looks into the inbox as the contract says, once (``turn``) or from a thread. ``seen``: staged files by number."""

    def __init__(self, post: Post, answer: Answer = plain_answer) -> None:
        self._post, self._answer = post, answer
        self.seen: dict[int, dict[str, bytes]] = {}
        self.offers: dict[int, Offer] = {}

    def turn(self) -> None:
        for folder in sorted(self._post.inbox.iterdir()):
            if not folder.name.isdigit() or (folder / inbox.OUTCOME).exists():
                continue
            try:
                self._one(folder)
            except FileNotFoundError:
                continue  # the visit let go of it meanwhile

    def _one(self, folder: Path) -> None:
        offer = msgspec.json.decode((folder / inbox.OFFER).read_bytes(), type=Offer)
        number = int(folder.name)
        assert offer.number == number
        self.offers[number] = offer
        self.seen[number] = {
            str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(folder.rglob("*")) if path.is_file() and path.name != inbox.OFFER
        }
        out = folder / inbox.OUT
        out.mkdir(exist_ok=True)
        facts = self._post.facts
        outcome = StickOutcome(number=number, serial=facts.serial, device=facts.device, site=facts.site,
                               parts=self._answer(folder, offer, out), sequence=facts.sequence)
        beside = folder / "outcome.new"
        beside.write_bytes(msgspec.json.encode(outcome))
        beside.rename(folder / inbox.OUTCOME)

    @contextmanager
    def running(self) -> Iterator[Daemon]:
        ended = threading.Event()

        def turns() -> None:
            while not ended.wait(0.001):
                self.turn()

        thread = threading.Thread(target=turns)
        thread.start()
        try:
            yield self
        finally:
            ended.set()
            thread.join()


class FailingLayer(Layer):
    """Fails with ``error`` at operation ``at`` and, unless ``once``, at every later one: a stick that was pulled."""

    def __init__(self, at: int | None, error: int, *, once: bool = False, calls: tuple[str, ...] = ()) -> None:
        self.count, self.failed = 0, False
        self._at, self._error, self._once, self._calls = at, error, once, calls

    def _step(self, call: str) -> None:
        if self._calls and call not in self._calls:
            return
        self.count += 1
        if self._at is not None and (self.count == self._at or (self.count > self._at and not self._once)):
            self.failed = True
            raise OSError(self._error, "injected")

    def top(self, path: Path) -> int:
        self._step("top")
        return super().top(path)

    def open(self, name: str, flags: int, folder: int) -> int:
        self._step("open")
        return super().open(name, flags, folder)

    def names(self, folder: int) -> Iterator[str]:
        for name in super().names(folder):
            self._step("names")
            yield name

    def look(self, name: str, folder: int) -> Any:
        self._step("look")
        return super().look(name, folder)

    def status(self, descriptor: int) -> Any:
        self._step("status")
        return super().status(descriptor)

    def read(self, descriptor: int, size: int) -> bytes:
        self._step("read")
        return super().read(descriptor, size)

    def seek(self, descriptor: int, offset: int) -> None:
        self._step("seek")
        super().seek(descriptor, offset)

    def write(self, descriptor: int, data: memoryview) -> int:
        self._step("write")
        return super().write(descriptor, data)

    def sync(self, descriptor: int) -> None:
        self._step("sync")
        super().sync(descriptor)

    def make(self, name: str, folder: int) -> None:
        self._step("make")
        super().make(name, folder)

    def rename(self, name: str, to: str, folder: int) -> None:
        self._step("rename")
        super().rename(name, to, folder)

    def remove(self, name: str, folder: int) -> None:
        self._step("remove")
        super().remove(name, folder)

    def room(self, descriptor: int) -> int:
        self._step("room")
        return super().room(descriptor)


def codes(outcome: StickOutcome) -> list[Code]:
    return [one.code for one in outcome.parts]


def refused(outcome: StickOutcome) -> list[Code]:
    return [one.code for one in outcome.parts if one.grade is not Grade.OK]


# -- FAT images: packed and unpacked in user space, never mounted ----------------------------------------------------


def need_mtools() -> None:
    for tool in ("mkfs.vfat", "mcopy"):
        if shutil.which(tool) is None and not Path("/usr/sbin", tool).exists():
            pytest.skip(f"{tool} is not on PATH")


def make_image(image: Path, folder: Path, size_mb: int = 8) -> None:
    """A FAT image labelled BORDERPOST that holds what ``folder`` holds."""
    need_mtools()
    image.write_bytes(b"")
    with image.open("r+b") as file:
        file.truncate(size_mb << 20)
    mkfs = shutil.which("mkfs.vfat") or "/usr/sbin/mkfs.vfat"
    _run(mkfs, "-n", "BORDERPOST", str(image))
    for path in sorted(folder.iterdir()):
        _run("mcopy", "-s", "-i", str(image), str(path), "::/")


def unpack(image: Path, folder: Path) -> None:
    """What the image holds, as a folder."""
    folder.mkdir()
    _run("mcopy", "-s", "-n", "-i", str(image), "::/*", str(folder))


def pack_out(image: Path, folder: Path) -> None:
    """What the visit wrote below out/ goes back into the image."""
    _run("mcopy", "-s", "-o", "-i", str(image), str(folder / "BORDERPOST" / "out"), "::/BORDERPOST/")


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
