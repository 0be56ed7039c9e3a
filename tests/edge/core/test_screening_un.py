"""The real UN list: everybody on it is found by the own name, ordinary invented people are not.

Failures are told by counts and reference numbers, never by names.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

import pytest
import shared_data
from memory_lists import NOW, TRUSTED, MemoryList, memory_list

from edge.core.documents import DateInterval
from edge.core.mrz import compose, parse
from edge.core.screening import Query, screen
from edge.core.verdicts import Outcome, ReasonKind
from edge.core.watch import PersonEntry
from hq.sources.un_xml import UnXml

pytestmark = pytest.mark.shared_data

TODAY = NOW.date()

# Ordinary given and family names, put together by hand: nobody in particular.
EUROPEAN = """
LINDGREN SVEN ARVID/BERGSTROM KARIN/NIELSEN LARS/KOWALSKI PIOTR/NOVAK ZUZANA/HORVAT IVANA/SCHNEIDER KLAUS
WEBER GRETA/DUBOIS CLAIRE/MOREAU JULIEN/LEFEBVRE LUC/ROSSI GIULIA/BIANCHI MARCO/FERRARI LUCA/GARCIA CARMEN
FERNANDEZ JOSE MANUEL/PEREIRA JOAO/COSTA RITA/VAN DIJK WILLEM/DE VRIES SANNE/JANSSEN PIET/PEETERS JOKE
O'BRIEN AOIFE/MURPHY LIAM/WALSH SEAN/SMITH OLIVER JOHN/TAYLOR EMMA/WRIGHT GEORGE/POPESCU ANDREI/IONESCU ELENA
PETROV NIKOLAI/IVANOVA NATALIA/DIMITROV GEORGI/NAGY LASZLO/SZABO EVA/KISS BALAZS/VIRTANEN MATTI/KORHONEN ANNIKA
PAPADOPOULOS NIKOS/GEORGIOU DIMITRIS/KAZLAUSKAS JONAS/BERZINS INGA/TAMM MILA/SIMIC DRAGAN/JOVANOVIC MILAN
MULLER JORG/FISCHER HANS PETER/HANSEN OLE/JOHANSSON ERIK/VOGEL SABINE
"""
EAST_ASIAN = """
TANAKA HIROSHI/SUZUKI KENJI/SATO YUKI/YAMAMOTO HANAKO/WATANABE TAKASHI/ITO SAKURA/NAKAMURA HARUTO/KOBAYASHI AYUMI
KATO DAISUKE/YOSHIDA KEIKO/YAMADA RYO/SASAKI NAOMI/MORI SHOTA/HAYASHI AKIRA/INOUE MASAKO
KIM MIN JUN/LEE SEO YEON/PARK JI HOON/CHOI SOO JIN/JUNG HYUN WOO/KANG YE JIN/YOON DONG HYUN/LIM EUN JI
HAN JAE WON/OH SUNG MIN/SEO JI WOO/SHIN YOUNG HO/KWON MI KYUNG/PAK YE RIN/BAEK HA NA
WANG XIAOMING/LI XIUYING/ZHANG WEI/LIU QIANG/CHEN LIHUA/YANG MIN/HUANG GUOQIANG/ZHAO MEILING/WU FANG/ZHOU LEI
NGUYEN VAN ANH/TRAN THI LAN/LE MINH DUC/PHAM QUANG HUY/HOANG THU HA/PHAN NGOC LINH/VU VAN HUNG/BUI DUC THANH
WONG KA MING/TAN WEI LING
"""


def names_of(text: str) -> list[tuple[str, str]]:
    people = [p.strip() for line in text.strip().splitlines() for p in line.split("/")]
    found = []
    for person in people:
        parts = person.split()
        size = 2 if parts[0] in {"VAN", "DE"} else 1
        found.append((" ".join(parts[:size]), " ".join(parts[size:])))
    return found


INVENTED = names_of(EUROPEAN) + names_of(EAST_ASIAN)


@pytest.fixture(scope="module")
def people() -> list[PersonEntry]:
    source = UnXml(shared_data.path("lists/un/UN_consolidated.xml"))
    entries = [item for item in source if isinstance(item, PersonEntry)]
    return [replace(p, documents=tuple(replace(d, person=i) for d in p.documents)) for i, p in enumerate(entries)]


@pytest.fixture(scope="module")
def un(people: list[PersonEntry]) -> MemoryList:
    return memory_list("un", persons=people)


def zone(surname: str, given: str, birth: str) -> tuple[str, str]:
    return compose.td3(
        issuing_state="UTO", surname=surname, given_names=given, number="L898902C3", nationality="UTO",
        birth_date=birth, expiry_date="300101",
    )  # fmt: skip


def six(births: tuple[DateInterval, ...]) -> str | None:
    """A birth date as a zone prints it: a listed day if there is one, else the first day of the interval."""
    chosen = next((b for b in births if b.is_exact), births[0] if births else None)
    return chosen.earliest.strftime("%y%m%d") if chosen else None


def splits(name: str) -> dict[str, tuple[str, str]]:
    """How a passport office may have cut a listed name into surname and given names."""
    parts = name.split()
    return {
        "last": (parts[-1], " ".join(parts[:-1])),
        "last two": (" ".join(parts[-2:]), " ".join(parts[:-2])),
        "first": (parts[0], " ".join(parts[1:])),
        "surname only": (name, ""),
    }


@pytest.mark.parametrize("how", ["last", "last two", "first", "surname only"])
def test_everybody_is_found_by_the_own_name(people: list[PersonEntry], un: MemoryList, how: str) -> None:
    missed: list[tuple[str, str]] = []
    tally: Counter[tuple[str, str]] = Counter()
    for person in people:
        surname, given = splits(person.names[0].text)[how]
        own = six(person.births)
        for kind, birth in (("own", own), ("unknown", "<<<<<<"), ("contradicting", "010203")):
            if birth is None:
                continue
            query = Query.of_document(parse(zone(surname, given, birth), today=TODAY))
            verdict = screen(query, (un,), now=TRUSTED)
            mine = [r for r in verdict.reasons if r.record == person.reference and r.kind is ReasonKind.PERSON]
            tally[kind, str(mine[0].outcome) if mine else "nothing"] += 1
            if not mine and kind != "contradicting":
                missed.append((person.reference, kind))
    assert len(people) == 730
    assert missed == []
    assert tally["contradicting", "POSSIBLE"] >= 680  # forged birth dates: the rest have too common a name
    assert tally["contradicting", "HIT"] == 0
    assert tally["own", "HIT"] >= 480


def test_every_listed_paper_is_found_by_its_number(people: list[PersonEntry], un: MemoryList) -> None:
    papers = [d for p in people for d in p.documents]
    assert len(papers) >= 300
    for paper in papers:
        fields = {"document_number": paper.number, "issuing_state": paper.issuing_state}
        verdict = screen(Query.of_fields(fields), (un,), now=TRUSTED)
        assert any(r.kind is ReasonKind.DOCUMENT for r in verdict.reasons)


@pytest.mark.parametrize("with_birth", [True, False])
def test_a_hundred_invented_names_are_clear(un: MemoryList, with_birth: bool) -> None:
    assert len(INVENTED) >= 100
    alarms = []
    for at, (surname, given) in enumerate(INVENTED):
        born = date(1955, 1, 1) + timedelta(days=173 * at)
        birth = born.strftime("%y%m%d") if with_birth else "<<<<<<"
        verdict = screen(Query.of_document(parse(zone(surname, given, birth), today=TODAY)), (un,), now=TRUSTED)
        if verdict.outcome is not Outcome.CLEAR:
            alarms.append((surname, given))
    assert alarms == []
