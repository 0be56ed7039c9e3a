"""What is asked of the lists about one vehicle or one firearm, from typed fields.

| what agrees                                                                   | outcome  |
|-------------------------------------------------------------------------------|----------|
| plate and its State                                                           | HIT      |
| plate, where question or record does not state the State                      | POSSIBLE |
| plate with a look-alike exchanged (O/0, I/1, B/8, S/5, Z/2)                   | POSSIBLE |
| VIN of 17 characters                                                          | HIT      |
| shorter VIN (vehicles before 1981)                                            | POSSIBLE |
| serial number, make and calibre                                               | HIT      |
| serial number, whatever question or record leaves open, or writes otherwise   | POSSIBLE |

Laws:
1. What a field holds that cannot be compared is a doubt named after it: then nothing is CLEAR. Nothing raises.
2. Who says more than another never finds less: make and calibre are written in many ways, and an officer who adds
   one loses no lead by it.
3. A list of things is no list for a traveller, and a traveller's list none for a thing: both are NOT_APPLICABLE.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from edge.core import states
from edge.core.keyed import card as cards
from edge.core.keyed import keys
from edge.core.normal import is_comparable, normal_number
from edge.core.screening.by_keyed import KeyedQuestion, best
from edge.core.screening.query import MAX_FIELD
from edge.core.verdicts import Evidence, Outcome
from edge.core.watch.objects import VIN_LENGTH

VEHICLE_FIELDS: Final = ("state", "plate", "vin")
FIREARM_FIELDS: Final = ("serial", "make", "calibre")
_PART: Final = 0.9  # of the score where one side leaves something open
_OTHER: Final = 0.7  # where make or calibre of the record is not what was typed
_ALIKE: Final = 0.8  # where a look-alike of the plate is listed
MAX_ALIKE: Final = 12  # look-alikes of a plate that are asked, one character exchanged in each
_TWINS: Final = dict(zip("0O1I5S8B2Z", "O0I1S5B8Z2", strict=True))


@dataclass(frozen=True, slots=True)
class ThingQuery:
    """One question about a thing. ``thing`` is a card's; ``doubts`` name the fields that were not understood."""

    thing: str
    questions: tuple[KeyedQuestion, ...] = ()
    doubts: tuple[str, ...] = ()

    @classmethod
    def of_vehicle(cls, fields: Mapping[str, Any]) -> ThingQuery:
        """Any of ``VEHICLE_FIELDS``; ``state`` is an ICAO code or English name, and says whose plate it is."""
        text, doubts = _texts(fields, VEHICLE_FIELDS)
        state = states.code_of(text["state"]) or ""
        if text["state"] and not state:
            doubts.append("state")
        found = [*_of_plate(state, text["plate"]), *_of_vin(text["vin"])]
        if text["plate"] and not keys.plate_text("", text["plate"]):
            doubts.append("plate")
        if text["vin"] and not (keys.vin_text(text["vin"]) and is_comparable(text["vin"])):
            doubts.append("vin")
        return cls(cards.VEHICLES, best(found), tuple(doubts if found or doubts else ("empty",)))

    @classmethod
    def of_firearm(cls, fields: Mapping[str, Any]) -> ThingQuery:
        """Any of ``FIREARM_FIELDS``; without a serial number nothing is asked."""
        text, doubts = _texts(fields, FIREARM_FIELDS)
        found = list(_of_serial(text["make"], text["calibre"], text["serial"]))
        if text["serial"] and not (found and is_comparable(text["serial"])):
            doubts.append("serial")
        return cls(cards.FIREARMS, best(found), tuple(doubts if found or doubts else ("empty",)))


def _of_plate(state: str, plate: str) -> Iterator[KeyedQuestion]:
    normal = keys.normal_plate(plate)
    yield from _of_reading(state, normal, Evidence(normal, "", "plate", 1.0, 1.0), Outcome.HIT)
    sites = (at for at, letter in enumerate(normal) if letter in _TWINS)
    for at in islice(sites, MAX_ALIKE):
        other = normal[:at] + _TWINS[normal[at]] + normal[at + 1 :]
        line = Evidence(normal, other, "plate look-alike", _ALIKE, 1.0)
        yield from _of_reading(state, other, line, Outcome.POSSIBLE)


def _of_reading(state: str, plate: str, line: Evidence, best_outcome: Outcome) -> Iterator[KeyedQuestion]:
    for text in keys.plate_questions(state, plate):
        listed = text.split("|", 3)[2]
        if state and listed:
            equal = Evidence(state, listed, "State of the plate equal")
            yield KeyedQuestion(text, best_outcome, line.similarity, (line, equal))
        else:
            unknown = Evidence(state, listed, "State of the plate not known on both sides")
            yield KeyedQuestion(text, Outcome.POSSIBLE, round(line.similarity * _PART, 4), (line, unknown))


def _of_vin(vin: str) -> Iterator[KeyedQuestion]:
    text, normal = keys.vin_text(vin), keys.normal_vin(vin)
    if text:
        whole = len(normal) == VIN_LENGTH
        outcome, score = (Outcome.HIT, 1.0) if whole else (Outcome.POSSIBLE, _PART)
        yield KeyedQuestion(text, outcome, score, (Evidence(normal, "", "VIN", score, 1.0),))


def _of_serial(make: str, calibre: str, serial: str) -> Iterator[KeyedQuestion]:
    line = Evidence(normal_number(serial), "", "serial number", 1.0, 1.0)
    said = f"{make} {calibre}".strip()
    for text in keys.firearm_questions(make, calibre, serial):
        other_make, other_calibre = keys.differs(make, calibre, text)
        if other_make or other_calibre:
            lines = [Evidence(make, "", "make differs from the record")] if other_make else []
            lines += [Evidence(calibre, "", "calibre differs from the record")] if other_calibre else []
            yield KeyedQuestion(text, Outcome.POSSIBLE, _OTHER, (line, *lines), once=True)
        elif not {"", keys.STATED} & set(text.split("|")[2:4]):
            equal = Evidence(said, "", "make and calibre equal")
            yield KeyedQuestion(text, Outcome.HIT, 1.0, (line, equal), once=True)
        else:
            opened = Evidence(said, "", "make or calibre not known on both sides")
            yield KeyedQuestion(text, Outcome.POSSIBLE, _PART, (line, opened), once=True)


def _texts(fields: Mapping[str, Any], names: tuple[str, ...]) -> tuple[dict[str, str], list[str]]:
    """The fields as bounded texts, and those that are none."""
    wrong = [name for name in names if not isinstance(fields.get(name, ""), str | None)]
    text = {n: "" if n in wrong else (fields.get(n) or "").strip()[:MAX_FIELD] for n in names}
    return text, wrong
