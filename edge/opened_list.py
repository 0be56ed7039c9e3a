"""One list as it stands on this box: what ``edge.watchlists`` gives to whoever asks it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from edge.core.keyed.card import Card
from edge.core.vault import KeyRing
from edge.core.watch.documents import DocumentTable
from edge.core.watch.manifest import Manifest
from edge.core.watch.persons import PersonTable
from edge.fingers.galleries import OpenGallery
from edge.keyed_files import KeyedList
from edge.tombstones import Tombstone

Keys = Callable[[], KeyRing]
Stamp = tuple[str, int, int, int]
"""Path, inode, length and modification time of a file: what tells it from another without reading it."""


@dataclass(frozen=True, slots=True)
class OpenList:
    """One list as it stands: its newest sound generation, and what is wrong if anything is.

    ``manifest``, ``documents`` and ``persons`` are of a list in generations, ``manifest`` and ``gallery`` of one of
    fingers (``fingers`` is then True, also where none of its generations can be used), ``keyed`` and ``card`` of a
    keyed one; each group is None together, and all are None when nothing can be used, but for a ``card`` that could be
    read. ``keyed`` serves one generation as long as this value lives: a question sees one pair of files, whatever
    happens on disk. ``erased`` is there if the list was erased at the age that its policy demands, and nothing newer
    came since.
    """

    list_id: str
    manifest: Manifest | None
    documents: DocumentTable | None
    persons: PersonTable | None
    problem: str | None
    behind: bool = False  # the generation in use is older than one that was accepted before
    seen: tuple[int, ...] = field(default=(), repr=False)  # generations that were on disk, newest first
    stamps: tuple[Stamp, ...] = field(default=(), repr=False)  # the files in use, as they were when they were opened
    erased: Tombstone | None = None
    keyed: KeyedList | None = None
    card: Card | None = None
    gallery: OpenGallery | None = None
    fingers: bool = False

    @property
    def generation(self) -> int | None:
        """The generation in use; None if there is none."""
        if self.keyed is not None:
            return self.keyed.generation
        return self.manifest.generation if self.manifest is not None else None
