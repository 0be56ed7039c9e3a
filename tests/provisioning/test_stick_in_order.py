"""In which order an answer's bytes reach the stick (``provisioning/stick/back.py``, law 4).

Laws:
1. Every operation that changes the stick is noted where it is made: the layer, the medium, one list for both.
2. What a FAT really keeps when it is pulled between two of them is the bench's to show (test_sticks_pulled.py there).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from stick_kit import SERIAL, Daemon, Post

from provisioning.stick.layer import NEW, Layer
from provisioning.stick.medium import FolderMedium

ROWS = ["in order", "new rows.sealed.part", "as usual", "tables", "sync rows.sealed.part",
        "rename rows.sealed.part rows.sealed", "sync folder"]


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

    def open(self, name: str, flags: int, folder: int) -> int:
        descriptor = super().open(name, flags, folder)
        self._files.pop(descriptor, None)
        if flags == NEW:
            self.notes.append(f"new {name}")
            self._files[descriptor] = name
        return descriptor

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
    assert notes[:15] == [*made[0], *made[1], *ROWS]
    assert notes[-5:-1] == ["tables", "sync RESULT-1.txt.part", "rename RESULT-1.txt.part RESULT-1.txt", "sync folder"]


def test_folders_that_are_there_are_not_made_again(post: Post) -> None:
    (post.papers / "out" / SERIAL).mkdir(parents=True)
    assert changes(post)[:7] == ROWS


def test_what_a_pull_left_goes_from_the_folder_before_anything_takes_its_room(post: Post) -> None:
    folder = post.papers / "out" / SERIAL
    folder.mkdir(parents=True)
    (folder / "rows.sealed.part").write_bytes(b"begun")
    assert changes(post)[:9] == ["remove rows.sealed.part", "sync folder", *ROWS]
    assert not list(folder.glob("*.part"))
