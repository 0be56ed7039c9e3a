"""Which kinds of source there are, and what a list made of them is called if nothing else is said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hq.sources.base import Source
from hq.sources.persons_csv import PersonsCsv
from hq.sources.sltd_csv import SltdCsv
from hq.sources.un_xml import UnXml


@dataclass(frozen=True, slots=True)
class SourceKind:
    """A format: its reader, and the defaults of a list that is built from it."""

    reader: Callable[[Path], Source]
    list_id: str
    title: str
    action: str


KINDS: Final[dict[str, SourceKind]] = {
    "un-xml": SourceKind(
        UnXml,
        "un",
        "United Nations Security Council consolidated list",
        "Refer to second line and compare the identity with the record. Confirm with the NCB.",
    ),
    "sltd-csv": SourceKind(
        SltdCsv,
        "sltd",
        "Stolen and lost travel documents",
        "Keep the document and refer to second line. Confirm with the NCB.",
    ),
    "persons-csv": SourceKind(
        PersonsCsv,
        "national",
        "National list of persons",
        "Refer to second line. Confirm with the NCB.",
    ),
}
