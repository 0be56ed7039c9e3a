"""OFAC's Specially Designated Nationals as CSV: the main file, its aliases and the remarks that did not fit.

The files have no header; ``-0-`` stands for nothing. The path names the main file (``sdn.csv``, or
``cons_prim.csv`` of the consolidated list) or the folder it lies in; ``alt.csv`` must lie beside it, since
a list without its aliases would miss people unsaid. ``sdn_comments.csv`` goes on where remarks were cut.
``add.csv`` holds addresses, by which nobody is screened, and is not read.

Laws:
1. Rows read are individuals and rows that cannot be read. Entities, vessels and aircraft are counted in a remark.
2. A line is UTF-8, or else Latin-1.
3. An alias or a continuation that cannot be read, or that no record owns, is left out and reported with its line.
4. The files end with a 1A hexadecimal byte; without it the list may be cut short (``unended``), and is not published
   without somebody's word.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from edge.core.watch.entries import EntryName, PersonEntry
from hq.sources import ofac_remarks
from hq.sources.base import Complaint, Item, SourceError
from hq.sources.csv_rows import numbered_lines, split_fields
from hq.sources.person_parts import births, comparable, distinct_documents, nationalities

MAX_SIDE_ROWS: Final = 1_000_000  # aliases or continuations of one list, held in memory

_NULL: Final = "-0-"
_END: Final = b"\x1a"
_MAIN: Final = ("sdn.csv", "cons_prim.csv")
_SIDES: Final = {"sdn": ("alt.csv", "sdn_comments.csv"), "cons_prim": ("cons_alt.csv", "cons_comments.csv")}
_CUT: Final = 1_000  # characters at which OFAC goes on in the comments file
_KINDS: Final = ("individual", "vessel", "aircraft", "entity")
_ALIASES: Final = ("aka", "fka", "nka")
_ADVICE: Final = "download sdn.csv, alt.csv, add.csv and sdn_comments.csv again, into one folder"

Row = tuple[int, list[str]]


class OfacCsv:
    """A source of kind ``ofac-csv``."""

    source_date: datetime | None = None  # the files do not say how old they are

    def __init__(self, path: Path) -> None:
        self._path = path
        self._others: Counter[str] = Counter()
        self._unended: list[str] = []
        self._files: list[Path] = []
        self.tally = ofac_remarks.Tally()

    @property
    def files(self) -> tuple[Path, ...]:
        """The main file, the aliases and the remarks that go on."""
        return tuple(self._files)

    @property
    def unended(self) -> tuple[str, ...]:
        """Files without their end mark."""
        return tuple(self._unended)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What was passed over on purpose, how much of the free text was read, and files without their end mark."""
        said = []
        if self._others:
            counts = ", ".join(f"{n:,} {k}" for k, n in sorted(self._others.items()))
            said.append(f"not persons and not screened: {counts}")
        if self.tally.parts:
            said.append(
                f"{self.tally.parts:,} parts of remarks: {self.tally.read:,} read, "
                f"{self.tally.passed_over.total():,} passed over, {self.tally.not_understood:,} not understood"
            )
            said += [f"  passed over: {n:,} {what}" for what, n in self.tally.passed_over.most_common()]
        said += [f"warning: {name} has no end mark and may be cut short" for name in self._unended]
        return tuple(said)

    def __iter__(self) -> Iterator[Item]:
        """Stream the individuals. Raises ``SourceError``."""
        main = self._main()
        alias_name, comments_name = _SIDES.get(main.stem.casefold(), _SIDES["sdn"])
        alias_path, comments_path = _beside(main, alias_name), _beside(main, comments_name)
        if alias_path is None:
            raise SourceError(f"{alias_name} does not lie beside {main.name}", advice=_ADVICE)
        aliases: dict[str, list[EntryName]] = {}
        lines: dict[str, int] = {}
        yield from self._aliases(alias_path, aliases, lines)
        more: dict[str, str] = {}
        if comments_path is not None:
            yield from self._comments(comments_path, more)
        yield from self._persons(main, aliases, more, lines)
        for line in lines.values():
            yield Complaint(alias_path.name, line, "an alias belongs to no record of the list", lost=False)

    def _main(self) -> Path:
        if not self._path.is_dir():
            return self._path
        found = next((p for name in _MAIN if (p := _beside(self._path / name, name))), None)
        if found is None:
            raise SourceError(f"the folder {self._path.name} holds no sdn.csv", advice=_ADVICE)
        return found

    def _persons(
        self, path: Path, aliases: dict[str, list[EntryName]], more: dict[str, str], lines: dict[str, int]
    ) -> Iterator[Item]:
        first = True
        for row in self._rows(path, 12):
            if isinstance(row, Complaint):
                yield row
                continue
            line, texts = row
            kind = texts[2].casefold() or "entity"
            if first and (kind not in _KINDS or not texts[0].isdigit()):
                raise SourceError(f"{path.name} is not a list of OFAC", advice=_ADVICE)
            first = False
            names = aliases.pop(texts[0], [])
            lines.pop(texts[0], None)
            if kind not in _KINDS or not texts[0].isdigit():
                yield Complaint(path.name, line, "the row has no record number or is of no known type", lost=True)
            elif kind != "individual":
                self._others[{"entity": "entities", "vessel": "vessels"}.get(kind, kind)] += 1
            else:
                remarks = texts[11] + more.pop(texts[0], "")
                yield from self._person(path.name, line, texts, names, remarks)

    def _person(
        self, file: str, line: int, texts: list[str], aliases: list[EntryName], remarks: str
    ) -> Iterator[Item]:  # fmt: skip
        said: list[str] = []
        reference = f"OFAC-{texts[0]}"
        if len(remarks) == _CUT:
            said.append("remarks are cut and go on in no comments file")
        found = ofac_remarks.read(remarks, reference, said.append, self.tally)
        own = comparable([EntryName(texts[1], "primary")], lambda _: None)
        if not own:
            yield Complaint(file, line, "an individual has no name that can be compared", lost=True)
            return
        entry = PersonEntry(
            reference=reference,
            names=comparable([*own, *aliases, *found.names], said.append),
            births=births(found.births, said.append),
            sex=found.sex,
            nationalities=nationalities(found.nationalities, said.append),
            documents=distinct_documents(found.documents, said.append),
            notice="national",
        )
        for reason in said:
            yield Complaint(file, line, reason, lost=False)
        yield entry

    def _aliases(
        self, path: Path, into: dict[str, list[EntryName]], lines: dict[str, int]
    ) -> Iterator[Complaint]:
        for count, row in enumerate(self._rows(path, 5)):
            _check_size(count, path)
            if isinstance(row, Complaint):
                yield Complaint(row.file, row.line, row.reason, lost=False)
                continue
            line, texts = row
            if texts[2].casefold() not in _ALIASES or not texts[3]:
                yield Complaint(path.name, line, "an alias is of no known kind or holds no name", lost=False)
                continue
            into.setdefault(texts[0], []).append(EntryName(texts[3], "good"))
            lines.setdefault(texts[0], line)

    def _comments(self, path: Path, into: dict[str, str]) -> Iterator[Complaint]:
        for count, row in enumerate(self._rows(path, 2)):
            _check_size(count, path)
            if isinstance(row, Complaint):
                yield Complaint(row.file, row.line, row.reason, lost=False)
            else:
                into[row[1][0]] = into.get(row[1][0], "") + row[1][1]

    def _rows(self, path: Path, width: int) -> Iterator[Row | Complaint]:
        """The rows of one file, nulls as empty texts."""
        last = b""
        self._files.append(path)
        try:
            with path.open("rb") as file:
                for line, raw in numbered_lines(file):
                    last = raw if raw is not None else last
                    if raw is not None and not raw.strip(b" \t\x1a"):
                        continue
                    fields = split_fields(raw, ",", coding="latin-1")
                    if isinstance(fields, list) and len(fields) != width:
                        fields = f"the row has not {width} fields"
                    if isinstance(fields, str):
                        yield Complaint(path.name, line, fields, lost=True)
                    else:
                        yield line, ["" if f.strip() == _NULL else f.strip() for f in fields]
        except OSError as error:
            raise SourceError(f"{path.name} cannot be read: {error.strerror}", advice="check the path") from error
        if not last.endswith(_END) and width > 2:  # the comments file has none
            self._unended.append(path.name)


def _beside(path: Path, name: str) -> Path | None:
    """The file of this name in the same folder, whatever its case."""
    try:
        found = sorted(p for p in path.parent.iterdir() if p.name.casefold() == name)
    except OSError as error:
        raise SourceError(f"the folder of {path.name} cannot be read", advice="check the path") from error
    return found[0] if found else None


def _check_size(count: int, path: Path) -> None:
    if count >= MAX_SIDE_ROWS:
        raise SourceError(f"{path.name} has more than {MAX_SIDE_ROWS:,} rows", advice=_ADVICE)
