"""Birth dates make the search stricter, never blinder: the same reasons as if every name had been looked at."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from memory_lists import TRUSTED, memory_list

from edge.core.documents import DateInterval
from edge.core.matching import Floors, QueryName, index_of
from edge.core.matching.births import Births, Meant, one_digit_apart
from edge.core.matching.bits import members, spread
from edge.core.matching.index import MANY
from edge.core.screening import MAX_REASONS, Screener
from edge.core.screening import by_person as module
from edge.core.screening.by_person import Thresholds, by_person
from edge.core.screening.lists import Asked
from edge.core.screening.namesakes import RULE as NAMESAKES
from edge.core.screening.qualifiers import Birth, compare_births
from edge.core.screening.query import Query
from edge.core.verdicts import Reason
from edge.core.watch import EntryName, PersonEntry, PersonTable, build_persons

DAYS = st.sampled_from([date(1970, 1, 2) + timedelta(days=n) for n in (0, 1, 30, 31, 300, 364, 3652, 3653, 7305)])
EXACT = DAYS.map(lambda d: DateInterval(d, d))
WIDE = st.one_of(
    st.integers(1968, 1982).map(DateInterval.of_year),
    st.tuples(DAYS, st.integers(1, 900)).map(lambda t: DateInterval(t[0], t[0] + timedelta(days=t[1]))),
)
BIRTH = st.one_of(EXACT, WIDE)
NAME = st.lists(
    st.sampled_from("LINDGREN LINDGERN SVEN ARVID MOHAMED MUHAMMAD ALI KARIM ERIKSSON ANNA BIN JALIL".split()),  # noqa: SIM905
    min_size=1, max_size=4,
).map(" ".join)  # fmt: skip
PERSON = st.tuples(st.lists(NAME, min_size=1, max_size=3), st.lists(BIRTH, max_size=2), st.sampled_from(["M", "F", ""]))


def everybody(births: Births) -> Meant:
    every = [(0, births.names)] if births.names else []
    return Meant(spread(every), [], spread([]), [], every)


def listed(people: list[tuple[list[str], list[DateInterval], str]]) -> list[PersonEntry]:
    return [
        PersonEntry(
            f"T{i}", tuple(EntryName(n, "low" if k == 2 else "good" if k else "primary") for k, n in enumerate(names)),
            births=tuple(births), sex=sex, nationalities=("UTO",),
        )
        for i, (names, births, sex) in enumerate(people)
    ]


@given(st.lists(PERSON, min_size=1, max_size=12), NAME, st.none() | BIRTH, st.sampled_from([0.5, 0.84, 1.0]))
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_reasons_are_those_of_a_look_at_every_name(
    people: list[tuple[list[str], list[DateInterval], str]], asked: str, birth: DateInterval | None, review: float
) -> None:
    table = memory_list("t", persons=listed(people)).persons
    on = Asked("t", None, table, False, "", Thresholds(0.92, review))
    query = Query(name=QueryName.of_text(asked), birth=birth, sex="M", nationality="UTO")
    quick = by_person(query, on, None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "floors", lambda *_: Floors(0.0, 0.0, 0.0, 0.0))
        patch.setattr(Births, "meant", lambda births, _: everybody(births))
        slow = by_person(query, on, None)
    assert sorted(map(bare, quick), key=lambda r: r.record) == sorted(map(bare, slow), key=lambda r: r.record)


def bare(reason: Reason) -> Reason:
    """Without the number of namesakes, which may leave out those whose birth date contradicts."""
    return replace(reason, evidence=tuple(e for e in reason.evidence if e.rule != NAMESAKES))


@given(st.lists(st.lists(BIRTH, max_size=3), min_size=1, max_size=10), BIRTH)
def test_who_is_near_and_who_contradicts(births: list[list[DateInterval]], mine: DateInterval) -> None:
    names = (EntryName("ANNA"), EntryName("B C"))
    entries = [PersonEntry(f"T{i}", names, births=tuple(b)) for i, b in enumerate(births)]
    table = PersonTable(build_persons(entries))
    index = index_of(table)
    meant = index.births.meant(mine)
    near = {*spread(meant.near).tolist(), *meant.near_too.tolist()}
    for person, listed_births in enumerate(births):
        rule, _ = compare_births(mine, listed_births)
        own = set(table.person_names(person))
        assert own <= set(meant.equal.tolist()) or rule is not Birth.EXACT
        assert own <= near or rule not in {Birth.EXACT, Birth.SWAPPED, Birth.OVERLAPS}
        assert own <= {*spread(meant.unsure).tolist(), *near} or rule is Birth.CONTRADICTS
        assert own <= set(spread(meant.every).tolist()) or rule is Birth.CONTRADICTS


def test_one_digit_apart() -> None:
    found = {date.fromordinal(d) for d in one_digit_apart(date(1985, 1, 30))}
    assert {date(1985, 1, 20), date(1975, 1, 30), date(1985, 1, 31)} <= found
    assert date(1986, 1, 31) not in found
    assert date(1985, 1, 30) not in found


def test_a_forged_birth_date_is_looked_through_only_for_a_name_that_need_not_be_on_the_list_twice() -> None:
    crowd = [PersonEntry(f"X{i}", (EntryName("Other Crowd", "primary"),)) for i in range(13_000)]
    born = (DateInterval(date(1970, 5, 6), date(1970, 5, 6)),)
    rare = PersonEntry("RARE", (EntryName("Lindgren Arvid Okonkwo", "primary"),), births=born)
    common = PersonEntry("COMMON", (EntryName("Mohamed Ahmed Ali", "primary"),), births=born)
    for people, expected in (((rare, common), {"RARE", "COMMON"}), ((rare, common, *crowd), {"RARE"})):
        on = Asked("t", None, memory_list("t", persons=people).persons, False, "", Thresholds(0.92, 0.84))
        found: set[str] = set()
        for asked in ("Lindgren Arvid Okonkwo", "Mohamed Ahmed Ali"):
            query = Query(name=QueryName.of_text(asked), birth=DateInterval.parse("1981-11-30"))
            found |= {r.record for r in by_person(query, on, None)}
        assert found == expected


def test_the_search_leaves_out_no_name_that_is_rare_enough() -> None:
    names = ["Mohamed Ahmed Ali", "Mohamed Ahmed", "Lindgren Arvid", "Ali Ali Ali", "Bin Ali", "Mohamed"]
    crowd = [PersonEntry(f"X{i}", (EntryName("Other Crowd", "primary"),)) for i in range(13_000)]
    entries = [PersonEntry(f"T{i}", (EntryName(n, "primary"),)) for i, n in enumerate(names)]
    index = index_of(PersonTable(build_persons([*entries, *crowd])))
    rare = set(members(index.rare).tolist())
    assert module.FORGED_NAMESAKES <= MANY
    assert 0 < len(rare) < 13_000
    for name in range(len(names)):
        assert name in rare or not module.rare_enough(index.table, name)


def test_of_many_who_tie_those_that_are_told_are_explained() -> None:
    people = [PersonEntry(f"T{i:02}", (EntryName("Lindgren Arvid", "primary"),)) for i in range(25)]
    on = memory_list("t", persons=people[::-1])
    query = Query(name=QueryName.of_text("Lindgren Arvid"))
    found = Screener().screen(query, [on], TRUSTED).reasons
    assert [r.record for r in found] == [f"T{i:02}" for i in range(MAX_REASONS)]
    assert all(r.name == "Lindgren Arvid" and r.evidence[0].rule == "exact" for r in found)
    assert found[-1].evidence[-1].listed == "15"
