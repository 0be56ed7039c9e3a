"""What a source says about one vehicle or one firearm, before it becomes a record.

Laws:
1. A plate, a VIN and a serial number are stored normalised (``edge.core.keyed.keys``), the rest as written.
2. Empty string means "the source does not say"; None likewise for dates.
3. A vehicle is known by its plate with the State of the plate, by its VIN, or by both; a firearm by its serial number
   together with make and calibre, since makers number alike.
4. A VIN's check digit is a remark, never a refusal: only North America and China require one, and a thief's VIN may
   be a made-up one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

VIN_LENGTH: Final = 17
MAX_MAKE: Final = 60        # characters of a make, model, calibre or colour as written

VEHICLE_CATEGORIES: Final = ("stolen", "embezzled", "stolen_plates", "sought")
FIREARM_CATEGORIES: Final = ("stolen", "lost", "trafficked", "sought")

# 49 CFR 565.15 table III and IV; ISO 3779 leaves out I, O and Q
_VALUES: Final = dict(zip("0123456789ABCDEFGHJKLMNPRSTUVWXYZ", "012345678912345678123457923456789", strict=True))
_WEIGHTS: Final = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_WITH_CHECK_DIGIT: Final = frozenset("12345L")  # first character: North America, China


@dataclass(frozen=True, slots=True)
class VehicleEntry:
    """One vehicle. ``plate_state`` is the ICAO code of the State whose plate it is, empty if not stated."""

    plate: str = ""
    plate_state: str = ""
    vin: str = ""
    make: str = ""
    model: str = ""
    colour: str = ""
    category: str = "stolen"
    reported: date | None = None
    review_date: date | None = None
    theft_state: str = ""
    reference: str = ""
    silent: bool = False
    action: str = ""


@dataclass(frozen=True, slots=True)
class FirearmEntry:
    """One firearm. ``origin`` is the ICAO code of the State where it was made, empty if not stated."""

    serial: str
    make: str = ""
    calibre: str = ""
    model: str = ""
    kind: str = ""
    origin: str = ""
    category: str = "stolen"
    reported: date | None = None
    review_date: date | None = None
    theft_state: str = ""
    reference: str = ""
    silent: bool = False
    action: str = ""


def vin_check_digit(vin: str) -> str:
    """The digit (0-9 or X) that position 9 of a normalised VIN should hold; '' if it is no VIN of 17 characters."""
    if len(vin) != VIN_LENGTH or not all(c in _VALUES for c in vin):
        return ""
    total = sum(int(_VALUES[c]) * w for c, w in zip(vin, _WEIGHTS, strict=True))
    return "0123456789X"[total % 11]


def vin_is_doubtful(vin: str) -> bool:
    """True if a VIN of a region that requires the check digit has another one than it should."""
    expected = vin_check_digit(vin)
    return bool(expected) and vin[0] in _WITH_CHECK_DIGIT and vin[8] != expected
