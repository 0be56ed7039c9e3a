"""Stolen and sought vehicles as CSV (docs/sources.md).

One row, one vehicle: its plate or its VIN must be readable, or the row is lost; whatever else cannot
be read is left out and reported.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from edge.core.keyed.keys import MAX_NUMBER, VIN_LENGTHS, normal_plate, normal_vin
from edge.core.watch.objects import VEHICLE_CATEGORIES, VIN_LENGTH, VehicleEntry, vin_is_doubtful
from hq.sources import fields
from hq.sources.csv_source import CsvSource

REQUIRED: Final = ("plate", "plate_state", "vin", "category")
OPTIONAL: Final = (
    "make", "model", "colour", "reported_date", "review_date", "theft_state", "reference", "action", "silent",
)
MIN_PLATE: Final = 2  # letters and digits


def vehicle(texts: Mapping[str, str], complain: fields.Complain) -> VehicleEntry:
    """One row -> one vehicle. Raises ``RowError``."""
    category = fields.category(texts["category"], "category", VEHICLE_CATEGORIES)
    plate, vin = _plate(texts["plate"], complain), _vin(texts["vin"], complain)
    if not plate and not vin:
        raise fields.RowError("the row has neither a plate nor a VIN that can be compared")
    return VehicleEntry(
        plate=plate,
        plate_state=fields.state_or_none(texts["plate_state"], "plate_state", complain) if plate else "",
        vin=vin,
        make=fields.word(texts.get("make", ""), "make", complain),
        model=fields.word(texts.get("model", ""), "model", complain),
        colour=fields.word(texts.get("colour", ""), "colour", complain),
        category=category,
        reported=fields.day(texts.get("reported_date", ""), "reported_date", complain),
        review_date=fields.day(texts.get("review_date", ""), "review_date", complain),
        theft_state=fields.state_or_none(texts.get("theft_state", ""), "theft_state", complain),
        reference=fields.reference(texts.get("reference", ""), complain),
        silent=fields.silent(texts.get("silent", ""), complain),
        action=fields.action(texts.get("action", ""), complain),
    )


def _plate(text: str, complain: fields.Complain) -> str:
    normal = normal_plate(text)
    if text and not MIN_PLATE <= len(normal) <= MAX_NUMBER:
        complain(f"plate has not {MIN_PLATE} to {MAX_NUMBER} letters and digits; it is left out")
        return ""
    return normal


def _vin(text: str, complain: fields.Complain) -> str:
    normal = normal_vin(text)
    if text and len(normal) not in VIN_LENGTHS:
        complain(f"vin has not {VIN_LENGTHS.start} to {VIN_LENGTH} letters and digits; it is left out")
        return ""
    if normal and len(normal) != VIN_LENGTH:
        complain(f"vin has not {VIN_LENGTH} characters; it is kept as written")
    elif vin_is_doubtful(normal):
        complain("vin has a check digit that does not agree; it is kept as written")
    return normal


class VehiclesCsv(CsvSource):
    """A source of kind ``vehicles-csv``."""

    told_in = "docs/sources.md"
    required = REQUIRED
    optional = OPTIONAL

    def entry(self, texts: Mapping[str, str], complain: fields.Complain) -> VehicleEntry:
        """See ``CsvSource``."""
        return vehicle(texts, complain)
