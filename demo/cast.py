"""Who travels in the demo: invented persons with specimen documents of Utopia, as their zones are printed.

The first act is played before the national list has arrived, the third while the link is cut. What each
should come to is said here, and the demo fails when it does not.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge.core.mrz import compose
from edge.core.verdicts import Outcome


@dataclass(frozen=True, slots=True)
class Traveller:
    """One document to scan: what it is, its lines, the reader it goes to, and what must come of it.

    ``fingers``: right and left index finger, by seed, of whom is asked for one; ``with_finger`` is what is shown then.
    """

    what: str
    lines: tuple[str, ...]
    reader: str
    outcome: Outcome
    shown: Outcome
    fingers: tuple[int, ...] = ()
    with_finger: Outcome | None = None


def _passport(
    surname: str, given: str, number: str, born: str, sex: str = "M", state: str = "UTO", nationality: str = "UTO"
) -> tuple[str, ...]:
    return compose.td3(
        document_code="P", issuing_state=state, surname=surname, given_names=given, number=number,
        nationality=nationality, birth_date=born, sex=sex, expiry_date="310415",
    )


def _misread(lines: tuple[str, ...]) -> tuple[str, ...]:
    # One digit of the birth date read as another: its check digit and the composite digit both disagree.
    lower = lines[1]
    return (lines[0], lower[:14] + ("7" if lower[14] != "7" else "4") + lower[15:])


def before_the_list() -> tuple[Traveller, ...]:
    """Act one: a required list is missing."""
    return (
        Traveller(
            "passport, before the national list arrived",
            _passport("Eriksson", "Anna Maria", "L898902C3", "740812", "F"),
            "swipe-1", Outcome.INCOMPLETE, Outcome.INCOMPLETE,
        ),
    )


def with_link() -> tuple[Traveller, ...]:
    """Act two: all lists, link up."""
    card = compose.td1(
        document_code="I", issuing_state="UTO", surname="Lindqvara", given_names="Esme", number="D23145890",
        nationality="UTO", birth_date="890614", sex="F", expiry_date="300101",
    )
    visa = compose.mrva(
        document_code="V", issuing_state="UTO", surname="Harrowgate", given_names="Miles", number="R5502901",
        nationality="XXB", birth_date="771130", sex="M", expiry_date="270630",
    )
    clear, hit, possible, unreadable = Outcome.CLEAR, Outcome.HIT, Outcome.POSSIBLE, Outcome.UNREADABLE
    return (
        Traveller("passport, nothing known", _passport("Eriksson", "Anna Maria", "L898902C3", "740812", "F"),
                  "swipe-1", clear, clear),
        Traveller("identity card; its number is a record past review", card, "page-1", clear, clear),
        Traveller("stolen blank passport", _passport("Brandeau", "Colette", "S7310442K", "830207", "F"),
                  "swipe-1", hit, hit),
        Traveller("visa that names a revoked passport", visa, "page-1", hit, hit),
        Traveller("person on a red notice, other spelling", _passport("Zarkelly", "Tamour", "P44019921", "790823"),
                  "swipe-1", hit, hit),
        Traveller("number one look-alike away from a lost passport",
                  _passport("Dunmore", "Peregrine", "L04508178", "660319"), "swipe-1", possible, possible),
        Traveller("other transcription of a listed name, year agrees",
                  _passport("Almarwaza", "Hussam Aldin Qutaiba", "B70112284", "840511"),
                  "page-1", hit, hit),
        Traveller("birth date misread", _misread(_passport("Castellmore", "Ines", "A10299384", "950730", "F")),
                  "page-1", unreadable, unreadable),
        Traveller("person on a silent list", _passport("Velmirov", "Dragosin Pavel", "Q33108217", "681205"),
                  "swipe-1", hit, clear),
    )


def at_the_desk() -> tuple[Traveller, ...]:
    """Between the acts, at the second line: documents that say nothing, and a finger each."""
    return (
        Traveller("passport in another name, finger of a wanted person",
                  _passport("Pellworth", "Idony", "F30061782", "870919", "F"),
                  "page-2", Outcome.CLEAR, Outcome.CLEAR, (1000, 1001), Outcome.POSSIBLE),
        Traveller("passport, finger that no gallery knows", _passport("Umbergale", "Tobin", "F77120934", "931002"),
                  "page-2", Outcome.CLEAR, Outcome.CLEAR, (3000, 3001), Outcome.CLEAR),
    )


def without_link() -> tuple[Traveller, ...]:
    """Act three: the link is cut."""
    return (
        Traveller("passport, link cut", _passport("Haldorsen", "Brynja", "N55810043", "011122", "F"),
                  "swipe-1", Outcome.CLEAR, Outcome.CLEAR),
        Traveller("passport of a listed person, link cut",
                  _passport("Okonvara", "Ifeyande Solace", "K90217733", "910214", "F"),
                  "page-1", Outcome.HIT, Outcome.HIT),
        Traveller("passport, link cut", _passport("Tanvale", "Oriel", "M20993816", "880909"),
                  "page-1", Outcome.CLEAR, Outcome.CLEAR),
    )
