"""Documents, their rows at their seconds, and an assembler that takes them."""

from __future__ import annotations

from collections.abc import Iterable

from edge.core.assembly import Assembler, Sheet
from edge.core.mrz import compose

WAIT = 1.5
Event = tuple[float, str]  # second, row


def td3(number: str = "L898902C3", given_names: str = "Anna Maria", birth: str = "740812") -> tuple[str, ...]:
    return compose.td3(
        issuing_state="UTO", surname="Eriksson", given_names=given_names, number=number, nationality="UTO",
        birth_date=birth, sex="F", expiry_date="310415",
    )


def td1(number: str = "D23145890", given_names: str = "Anna Maria", birth: str = "740812") -> tuple[str, ...]:
    return compose.td1(
        issuing_state="UTO", surname="Eriksson", given_names=given_names, number=number, nationality="UTO",
        birth_date=birth, sex="F", expiry_date="310415",
    )


def td2(number: str = "D23145890", given_names: str = "Anna Maria", birth: str = "740812") -> tuple[str, ...]:
    return compose.td2(
        issuing_state="UTO", surname="Eriksson", given_names=given_names, number=number, nationality="UTO",
        birth_date=birth, sex="F", expiry_date="310415",
    )


def french(number: str = "880692310285", given_names: str = "Corinne", birth: str = "651206") -> tuple[str, ...]:
    return compose.fra_id(
        surname="Berthier", given_names=given_names, number=number, birth_date=birth, sex="F", office="922512"
    )


A, B = td3(), td3("S7310442K", "Bengt Olof", "830207")
CARD_A, CARD_B = td1(), td1("C77120043", "Bengt Olof", "830207")


def run(events: Iterable[Event], wait: float = WAIT) -> list[Sheet]:
    """Feed rows at their seconds, then let time pass until nothing is held."""
    assembler = Assembler(wait)
    sheets = []
    for at, row in events:
        sheets += assembler.take((row,), at)
    while assembler.due is not None:
        sheets += assembler.tick(assembler.due)
    return sheets


def spaced(rows: Iterable[str], step: float = 0.1) -> list[Event]:
    return [(100.0 + step * n, row) for n, row in enumerate(rows)]


def misread(row: str, at: int, as_: str) -> str:
    assert row[at] != as_
    return row[:at] + as_ + row[at + 1 :]
