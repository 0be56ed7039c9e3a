"""In which order an answer's bytes reach the stick (``provisioning/stick/back.py``, law 4).

Laws:
1. Every operation that changes the stick is noted where it is made: the layer, the medium, one list for both. A file's
   writes are one note as long as nothing else comes between them; the closing of a file that was there before is one.
2. What a FAT really keeps when it is pulled between two of them is the bench's to show (test_sticks_pulled.py there).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from stick_kit import SERIAL, Daemon, Post

from edge.core.provisioning.codes import Code, ProvisioningError
from provisioning.stick.layer import NEW, READ, Layer
from provisioning.stick.medium import FolderMedium

ROWS = ["in order", "new rows.sealed.part", "as usual", "write rows.sealed.part", "tables", "sync rows.sealed.part",
        "rename rows.sealed.part rows.sealed", "sync folder", "sync rows.sealed.part"]
BEGUN = ROWS[:3]


class Noted(FolderMedium):
    """A folder that notes what it is asked for."""

    def __init__(self, folder: Path, notes: list[str]) -> None:
        super().__init__(folder)
        self.notes = notes

    @contextlib.contextmanager
    def in_order(self) -> Iterator[None]:
        self.notes.append("in order")
        yield
        self.notes.append("as usual")

    def settle(self) -> None:
        self.notes.append("tables")


class Noting(Layer):
    """Notes every change, with the name of what is open."""

    def __init__(self, notes: list[str]) -> None:
        self.notes = notes
        self._files: dict[int, str] = {}
        self._old: dict[int, str] = {}
        self._answering = False

    def open(self, name: str, flags: int, folder: int) -> int:
        descriptor = super().open(name, flags, folder)
        self._files.pop(descriptor, None)
        if flags == NEW:
            self.notes.append(f"new {name}")
            self._files[descriptor] = name
            self._answering = True
        elif flags == READ and self._answering:
            self._old[descriptor] = name
        return descriptor

    def write(self, descriptor: int, data: memoryview) -> int:
        note = f"write {self._files[descriptor]}"
        if self.notes[-1] != note:
            self.notes.append(note)
        return super().write(descriptor, data)

    def close(self, descriptor: int) -> None:
        if name := self._old.pop(descriptor, ""):
            self.notes.append(f"close the old {name}")
        super().close(descriptor)

    def sync(self, descriptor: int) -> None:
        self.notes.append(f"sync {self._files.get(descriptor, 'folder')}")
        super().sync(descriptor)

    def make(self, name: str, folder: int) -> None:
        self.notes.append(f"make {name}")
        super().make(name, folder)

    def rename(self, name: str, to: str, folder: int) -> None:
        self.notes.append(f"rename {name} {to}")
        super().rename(name, to, folder)

    def remove(self, name: str, folder: int) -> None:
        super().remove(name, folder)
        self.notes.append(f"remove {name}")


@pytest.fixture
def post(tmp_path: Path) -> Post:
    return Post(tmp_path)


def changes(post: Post) -> list[str]:
    """Of one visit, in order."""
    notes: list[str] = []
    with Daemon(post).running():
        post.visit(Noted(post.stick, notes), stick_layer=Noting(notes))
    return notes


def test_names_are_made_in_order_and_a_files_tables_go_before_its_name(post: Post) -> None:
    notes = changes(post)
    made = [["in order", f"make {name}", "sync folder", "as usual"] for name in ("out", SERIAL)]
    assert notes[: 8 + len(ROWS)] == [*made[0], *made[1], *ROWS]
    assert notes[-1 - len(ROWS) : -1] == [note.replace("rows.sealed", "RESULT-1.txt") for note in ROWS]


def test_folders_that_are_there_are_not_made_again(post: Post) -> None:
    (post.papers / "out" / SERIAL).mkdir(parents=True)
    assert changes(post)[: len(ROWS)] == ROWS


def test_what_a_pull_left_goes_from_the_folder_before_anything_takes_its_room(post: Post) -> None:
    folder = post.papers / "out" / SERIAL
    folder.mkdir(parents=True)
    (folder / "rows.sealed.part").write_bytes(b"begun")
    assert changes(post)[: 2 + len(ROWS)] == ["remove rows.sealed.part", "sync folder", *ROWS]
    assert not list(folder.glob("*.part"))


def test_an_older_file_keeps_its_room_until_the_new_one_stands(post: Post) -> None:
    folder = post.papers / "out" / SERIAL
    folder.mkdir(parents=True)
    (folder / "rows.sealed").write_bytes(b"older")
    assert changes(post)[: 1 + len(ROWS)] == [*ROWS, "close the old rows.sealed"]
    assert (folder / "rows.sealed").read_bytes() != b"older"


def test_tables_that_do_not_reach_the_stick_end_the_answer_and_what_was_begun_goes_in_order(post: Post) -> None:
    notes: list[str] = []

    class Pulled(Noted):
        def settle(self) -> None:
            super().settle()
            raise ProvisioningError(Code.READ_ERROR, "No such device or address")

    with Daemon(post).running():
        outcome = post.visit(Pulled(post.stick, notes), stick_layer=Noting(notes))
    assert [one.code for one in outcome.parts if one.part == "stick"] == [Code.READ_ERROR]
    assert notes[8:] == [*BEGUN, "write rows.sealed.part", "tables", "remove rows.sealed.part", "sync folder"]
