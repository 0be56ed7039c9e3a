"""The UN Security Council consolidated list (XML), streamed one INDIVIDUAL at a time.

Laws:
1. Document type declarations and entities are refused: the list has none, and what has one is not it.
2. Memory holds one chunk and one individual, whatever the file's size.
3. A file that is not well-formed to its end raises ``SourceError``: nobody can say what it lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from xml.parsers import expat

from hq.sources.base import Complaint, Item, SourceError
from hq.sources.un_person import Node, person

_CHUNK: Final = 1 << 16          # bytes
_MAX_DEPTH: Final = 12           # elements within elements
_MAX_TEXT: Final = 1 << 20       # characters of one individual
_MAX_ELEMENTS: Final = 20_000    # elements of one individual
_ADVICE: Final = "download the consolidated list (XML) again"


class UnXml:
    """A source of kind ``un-xml``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._date: datetime | None = None
        self._entities = 0

    @property
    def source_date(self) -> datetime | None:
        """The list's ``dateGenerated``."""
        return self._date

    @property
    def files(self) -> tuple[Path, ...]:
        """The file itself."""
        return (self._path,)

    @property
    def remarks(self) -> tuple[str, ...]:
        """How many entities (organizations) were passed over."""
        return (f"{self._entities} entities are not persons and are not screened",) if self._entities else ()

    def __iter__(self) -> Iterator[Item]:
        """Stream the individuals. Raises ``SourceError``."""
        builder = _Builder()
        parser = builder.parser
        try:
            with self._path.open("rb") as file:
                last = False
                while not last:
                    chunk = file.read(_CHUNK)
                    last = not chunk
                    parser.Parse(chunk, last)
                    self._date, self._entities = builder.date, builder.entities
                    yield from self._finished(builder)
        except expat.ExpatError as error:
            raise SourceError(
                f"{self._path.name} is not well-formed XML at line {error.lineno}", advice=_ADVICE
            ) from error
        except OSError as error:
            raise SourceError(
                f"{self._path.name} cannot be read: {error.strerror}", advice="check the path"
            ) from error
        if builder.date is None:
            raise SourceError(f"{self._path.name} does not say when it was generated", advice=_ADVICE)

    def _finished(self, builder: _Builder) -> Iterator[Item]:
        for node in builder.take():
            parts: list[Complaint] = []

            def complain(line: int, reason: str, parts: list[Complaint] = parts) -> None:
                parts.append(Complaint(self._path.name, line, reason, lost=False))

            made = person(node, complain) if node else "an individual is larger than this program reads"
            if isinstance(made, str):
                yield Complaint(self._path.name, node.line if node else builder.line, made, lost=True)
            else:
                yield from parts
                yield made


class _Builder:
    """Expat's handlers: builds a small tree for each INDIVIDUAL and forgets the rest."""

    def __init__(self) -> None:
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.EntityDeclHandler = self._refuse
        self.date: datetime | None = None
        self.entities = 0
        self.line = 1
        self._path: list[str] = []
        self._open: list[Node] = []
        self._done: list[Node | None] = []
        self._size = self._count = 0

    def take(self) -> list[Node | None]:
        """The individuals completed since the last call; None for one beyond the limits."""
        done, self._done = self._done, []
        return done

    def _refuse(self, *_: object) -> None:
        raise SourceError("the XML declares a document type or an entity", advice=_ADVICE)

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if not self._path:
            self._root(tag, attributes)
        self._path.append(tag)
        if len(self._path) > _MAX_DEPTH:
            raise SourceError("the XML is nested deeper than the consolidated list", advice=_ADVICE)
        if self._open:
            self._count += 1
            if self._count <= _MAX_ELEMENTS:
                node = Node(tag, self.parser.CurrentLineNumber)
                self._open[-1].children.append(node)
                self._open.append(node)
            else:
                self._open.append(Node(tag, 0))
        elif tag == "INDIVIDUAL":
            self.line = self.parser.CurrentLineNumber
            self._open = [Node(tag, self.line)]
            self._size = self._count = 0
        elif tag == "ENTITY":
            self.entities += 1

    def _root(self, tag: str, attributes: dict[str, str]) -> None:
        if tag != "CONSOLIDATED_LIST":
            raise SourceError("the XML is not a UN consolidated list", advice=_ADVICE)
        try:
            self.date = datetime.fromisoformat(attributes.get("dateGenerated", ""))
        except ValueError:
            return
        if self.date.tzinfo is None:
            self.date = self.date.replace(tzinfo=UTC)

    def _text(self, text: str) -> None:
        if self._open:
            self._size += len(text)
            if self._size <= _MAX_TEXT:
                self._open[-1].text += text

    def _end(self, _tag: str) -> None:
        self._path.pop()
        if self._open:
            node = self._open.pop()
            if not self._open:
                self._done.append(node if self._size <= _MAX_TEXT and self._count <= _MAX_ELEMENTS else None)
