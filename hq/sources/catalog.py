"""Which kinds of source there are, and what a list made of them is called if nothing else is said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge.core.keyed.card import Thing
from hq.sources.base import Source
from hq.sources.fingers_index import FingersIndex
from hq.sources.firearms_csv import FirearmsCsv
from hq.sources.ftm import Ftm
from hq.sources.interpol_json import InterpolJson
from hq.sources.ofac_csv import OfacCsv
from hq.sources.persons_csv import PersonsCsv
from hq.sources.sltd_csv import SltdCsv
from hq.sources.tdawn_csv import TdawnCsv
from hq.sources.un_xml import UnXml
from hq.sources.vehicles_csv import VehiclesCsv


@dataclass(frozen=True, slots=True)
class SourceKind:
    """A format: its reader, and the defaults of a list that is built from it.

    ``thing`` is what a keyed list of it is of; None for what holds persons. ``objects``: vehicles or firearms, which no
    generation of documents and persons can hold. ``fingers``: prints, which a gallery alone holds.
    """

    reader: Callable[[Path], Source]
    list_id: str
    title: str
    action: str
    thing: Thing | None = None
    fingers: bool = False

    @property
    def objects(self) -> bool:
        """True for what only a keyed list holds."""
        return self.thing not in (None, "documents")


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
        thing="documents",
    ),
    "persons-csv": SourceKind(
        PersonsCsv,
        "national",
        "National list of persons",
        "Refer to second line. Confirm with the NCB.",
    ),
    "ofac-csv": SourceKind(
        OfacCsv,
        "ofac",
        "OFAC specially designated nationals",
        "Refer to second line and compare the identity with the record. Confirm with the NCB.",
    ),
    "ftm": SourceKind(
        Ftm,
        "ftm",
        "Persons of a FollowTheMoney dataset",
        "Refer to second line and compare the identity with the record. Confirm with the NCB.",
    ),
    "interpol-json": SourceKind(
        InterpolJson,
        "notices",
        "INTERPOL notices",
        "Refer to second line. Confirm with the NCB.",
    ),
    "tdawn-csv": SourceKind(
        TdawnCsv,
        "tdawn",
        "Travel documents associated with notices",
        "The document belongs to a person named in a notice. Refer to second line. Confirm with the NCB.",
        thing="documents",
    ),
    "vehicles-csv": SourceKind(
        VehiclesCsv,
        "vehicles",
        "Stolen vehicles",
        "Hold the vehicle and refer to second line. Confirm with the NCB.",
        thing="vehicles",
    ),
    "firearms-csv": SourceKind(
        FirearmsCsv,
        "firearms",
        "Lost, stolen and trafficked firearms",
        "Secure the firearm and refer to second line. Confirm with the NCB.",
        thing="firearms",
    ),
    "fingers-index": SourceKind(
        FingersIndex,
        "fingers",
        "Fingers of wanted persons",
        "Refer to second line and let an examiner compare the fingers. Confirm with the NCB.",
        fingers=True,
    ),
}
