"""A million invented persons for the name benchmark, from names that may be used freely.

    pip install faker
    python benchmarks/names_corpus.py --data ../shared/data --names 1000000 --out corpus.jsonl

Recipe (the file is never committed: the real persons of the lists are in it):

1. Real names as they stand: the persons of the UN list and of OFAC's list with their aliases (public domain).
2. Components: given and family names of Faker's locales (MIT) that fold to A-Z, grouped by region; the tokens
   of both lists join the Arabic, Slavic, Spanish and East Asian groups through their persons' States of birth.
3. Invented combinations: a region by share, then given names and family names by a Zipf law over a shuffled
   order. Arabic names are chains (given, father, grandfather, family) in which a MOHAMED stands about every
   third time: 45 % of the corpus is Arabic, which is harder than the world.
4. Habits: Arabic names are respelled by what French, English and German clerks write (OU/U, KH/H, DJ/J, Q/K,
   doubled letters, AL- joined, apart or left out); one token in 120 has a typing error; 30 % have aliases.
5. Birth dates: 15 % unknown, 10 % a year alone, 3 % an interval, the rest days between 1935 and 2007.

Everything follows from the seed: the same packages and lists give the same file.
"""

from __future__ import annotations

import argparse
import csv
import importlib
import json
import pkgutil
import re
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Any
from xml.etree import ElementTree

SEED = 20260227
REGIONS: dict[str, tuple[float, str]] = {  # share, Faker locales
    "arabic": (0.45, "ar_AA ar_DZ ar_PS ar_SA fr_DZ fa_IR en_PK az_AZ uz_UZ"),
    "slavic": (0.12, "ru_RU uk_UA bg_BG pl_PL cs_CZ sk_SK hr_HR sl_SI mk_MK lt_LT lv_LV"),
    "east_asian": (0.10, "ko_KR vi_VN"),
    "spanish": (0.10, "es_AR es_CL es_CO es_ES es_MX pt_BR pt_PT"),
    "african": (0.08, "en_KE en_NG ha_NG ig_NG yo_NG sw tw_GH zu_ZA fr_FR"),
    "south_asian": (0.07, "en_IN id_ID"),
    "european": (
        0.08, "en_GB en_US en_IE de_DE fr_FR fr_BE it_IT nl_NL sv_SE da_DK fi_FI no_NO hu_HU ro_RO tr_TR el_GR",
    ),
}
MOHAMEDS = ["Mohamed", "Muhammad", "Mohammed", "Mohammad", "Muhammed", "Mohamad", "Mohd", "Mehmet"]
COMMON_ARABIC = [
    "Ahmed", "Ali", "Hassan", "Hussein", "Mahmoud", "Omar", "Ibrahim", "Khalid", "Abdullah", "Mustafa", "Yusuf",
    "Said", "Salem", "Abdulrahman", "Abdelkader", "Ismail", "Hamid", "Karim", "Rashid", "Saleh", "Tariq",
    "Nasser", "Jamal", "Faisal", "Walid", "Samir", "Abdulaziz", "Hamza", "Bilal", "Idris", "Musa", "Isa",
    "Yahya", "Abbas", "Jafar", "Reza", "Mahdi", "Mansour", "Fatima", "Aisha", "Khadija", "Maryam", "Zainab",
    "Layla",
]
NATIONS = {
    "arabic": ["EGY", "DZA", "MAR", "TUN", "LBY", "SDN", "IRQ", "SYR", "JOR", "SAU", "YEM", "AFG", "IRN", "PAK"],
    "slavic": ["RUS", "UKR", "BLR", "BGR", "SRB", "POL"], "east_asian": ["PRK", "KOR", "CHN", "VNM"],
    "spanish": ["MEX", "COL", "VEN", "ESP", "BRA"], "african": ["NGA", "KEN", "GHA", "SOM", "COD", "MLI"],
    "south_asian": ["IND", "IDN", "BGD"], "european": ["DEU", "FRA", "GBR", "ITA", "NLD", "TUR"],
}
HABITS = (  # one of these is applied where it fits
    ("ou", "u"), ("u", "ou"), ("kh", "h"), ("dj", "j"), ("j", "dj"), ("j", "g"), ("q", "k"), ("k", "q"), ("sh", "ch"),
    ("ch", "sh"), ("ee", "i"), ("i", "ee"), ("ei", "ai"), ("ai", "ei"), ("w", "ou"), ("y", "i"), ("e", "a"), ("a", "e"),
    ("o", "u"), ("ss", "s"), ("mm", "m"), ("dh", "d"), ("th", "t"), ("f", "ff"), ("z", "zz"), ("ia", "iya"),
    ("ah", "a"),
)  # fmt: skip
LETTERS = "abcdefghijklmnoprstuvyz"


def components() -> dict[str, tuple[list[str], list[str]]]:
    """Given and family names by region."""
    import faker.providers.person as persons

    there = {m.name for m in pkgutil.iter_modules(persons.__path__)}
    found = {}
    for region, (_, locales) in REGIONS.items():
        given: dict[str, None] = {}
        family: dict[str, None] = {}
        for locale in locales.split():
            if locale not in there:
                continue
            provider = importlib.import_module(f"faker.providers.person.{locale}").Provider
            for name in sorted(dir(provider)):
                values = getattr(provider, name)
                if isinstance(values, (tuple, list, dict)):
                    if name.startswith("first_names"):
                        given |= dict.fromkeys(map(str, values))
                    elif name.startswith("last_names"):
                        family |= dict.fromkeys(map(str, values))
        found[region] = (list(given), list(family))
    return found


def listed(data: Path) -> Iterator[tuple[str, list[str]]]:
    """(region guessed from the letters, names) of the real persons."""
    for person in ElementTree.parse(data / "lists/un/UN_consolidated.xml").getroot().iter("INDIVIDUAL"):
        parts = [person.findtext(f"{n}_NAME") or "" for n in ("FIRST", "SECOND", "THIRD", "FOURTH")]
        aliases = [a.findtext("ALIAS_NAME") or "" for a in person.iter("INDIVIDUAL_ALIAS")]
        yield "", [n for n in (" ".join(filter(None, parts)), *aliases) if n.strip()]
    aliases_of: dict[str, list[str]] = {}
    with (data / "lists/ofac/alt.csv").open(encoding="latin-1", newline="") as file:
        for row in csv.reader(file):
            if len(row) > 3:
                aliases_of.setdefault(row[0], []).append(row[3])
    with (data / "lists/ofac/sdn.csv").open(encoding="latin-1", newline="") as file:
        for row in csv.reader(file):
            if len(row) > 2 and row[2].strip() == "individual":
                yield "", [row[1], *aliases_of.get(row[0], [])]


class Corpus:
    """Draws persons."""

    def __init__(self, data: Path, seed: int = SEED) -> None:
        self.random = Random(seed)
        self.real = [(region, names) for region, names in listed(data) if names]
        self.parts = components()
        self._borrow()
        self._weights: dict[tuple[str, int], list[float]] = {}
        for region, both in self.parts.items():
            for which, names in enumerate(both):
                self.random.shuffle(names)
                self._weights[region, which] = list(accumulate(1 / (rank + 12) for rank in range(len(names))))
        self._regions = list(REGIONS)
        self._shares = list(accumulate(share for share, _ in REGIONS.values()))

    def _borrow(self) -> None:
        """Tokens of the real lists as family names: those with an Arabic habit to the Arabic group."""
        arabic = re.compile(r"^(al|el|abd|abu)|kh|dh|gh|ll?ah$|ddin|q|aa|h$|[aeiou]i$", re.IGNORECASE)
        slavic = re.compile(r"(ov|ev|in|sky|skiy|ovich|evich|enko|ova|eva|ic)$", re.IGNORECASE)
        spanish = re.compile(r"(ez|os|as|illo|ado|ano)$", re.IGNORECASE)
        tokens = {t for _, names in self.real for n in names for t in re.findall(r"[A-Za-z]{3,}", n)}
        for token in sorted(tokens):
            word = token.capitalize()
            region = "slavic" if slavic.search(word) else "spanish" if spanish.search(word) else (
                "arabic" if arabic.search(word) else "east_asian" if len(word) <= 5 else "european"
            )
            self.parts[region][1].append(word)
            if region in {"east_asian", "arabic"}:
                self.parts[region][0].append(word)

    def _draw(self, region: str, which: int) -> str:
        names = self.parts[region][which]
        return self.random.choices(names, cum_weights=self._weights[region, which])[0]

    def _arabic_given(self) -> str:
        chance = self.random.random()
        if chance < 0.20:
            return self.random.choice(MOHAMEDS)
        if chance < 0.60:
            return COMMON_ARABIC[min(int(self.random.expovariate(0.12)), len(COMMON_ARABIC) - 1)]
        return self._draw("arabic", 0)

    def name(self, region: str) -> str:
        """One invented name, given names first."""
        pick = self.random
        if region == "arabic":
            chain = [self._arabic_given() for _ in range(pick.choices((1, 2, 3), (45, 40, 15))[0])]
            family = self._draw(region, 1) if pick.random() < 0.9 else self._arabic_given()
            if family.isascii() and len(family) > 4 and pick.random() < 0.25:
                family = pick.choice(("al-", "Al ", "El ", "Al")) + family
            if pick.random() < 0.05:
                chain.insert(1, "bin")
            return " ".join([*chain, family])
        given = [self._draw(region, 0) for _ in range(pick.choices((1, 2), (70, 30))[0])]
        families = [self._draw(region, 1) for _ in range(2 if region == "spanish" else 1)]
        return " ".join([*given, *families])

    def respelled(self, text: str) -> str:
        """As another clerk writes it."""
        lower = text.lower()
        fits = [(a, b) for a, b in HABITS if a in lower]
        if not fits or not text.isascii():
            return text
        for a, b in self.random.sample(fits, min(len(fits), self.random.choice((1, 1, 2)))):
            lower = lower.replace(a, b, 1)
        return lower.title()

    def mistyped(self, word: str) -> str:
        """With one typing error."""
        if len(word) < 4:
            return word
        at = self.random.randrange(1, len(word) - 1)
        how = self.random.random()
        letter = self.random.choice(LETTERS)
        if how < 0.25:
            return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        return word[:at] + (letter if how < 0.75 else "") + word[at + (1 if how < 0.5 else 0 if how < 0.75 else 1) :]

    def worn(self, text: str, region: str) -> str:
        """The name as it ends up on a list."""
        if region == "arabic" and self.random.random() < 0.35:
            text = self.respelled(text)
        return " ".join(self.mistyped(w) if self.random.random() < 1 / 120 else w for w in text.split())

    def birth(self) -> str:
        """``edge.core.documents.DateInterval.parse`` reads it; empty for unknown."""
        chance = self.random.random()
        if chance < 0.15:
            return ""
        day = date(1935, 1, 1) + timedelta(days=int(self.random.betavariate(2.5, 2) * 72 * 365))
        if chance < 0.25:
            return str(day.year)
        return f"{day.year - 2}/{day.year + 2}" if chance < 0.28 else str(day)

    def person(self) -> dict[str, Any]:
        """One invented person."""
        region = self.random.choices(self._regions, cum_weights=self._shares)[0]
        first = self.name(region)
        names = [self.worn(first, region)]
        if self.random.random() < 0.30:
            for _ in range(self.random.choice((1, 1, 2, 3))):
                parts = self.respelled(first).split()
                if len(parts) > 2 and self.random.random() < 0.5:
                    parts.pop(self.random.randrange(1, len(parts) - 1))
                names.append(" ".join(parts) if self.random.random() < 0.93 else "Abu " + self._arabic_given())
        return self._whole(names, region)

    def real_people(self) -> Iterator[dict[str, Any]]:
        """The lists' own persons, with invented dates."""
        for _, names in self.real:
            yield self._whole(names, "arabic")

    def _whole(self, names: list[str], region: str) -> dict[str, Any]:
        sex = self.random.choices(("M", "F", ""), (68, 22, 10))[0]
        nation = self.random.choice(NATIONS[region]) if self.random.random() < 0.8 else ""
        return {"names": names, "birth": self.birth(), "sex": sex, "nationality": nation, "region": region}


def generate(data: Path, wanted: int) -> Iterator[dict[str, Any]]:
    """Persons until ``wanted`` names are there."""
    corpus, count = Corpus(data), 0
    for person in corpus.real_people():
        if count < wanted // 4:
            count += len(person["names"])
            yield person
    while count < wanted:
        person = corpus.person()
        count += len(person["names"])
        yield person


def travellers(data: Path, count: int, people: list[dict[str, Any]], seed: int = 7) -> list[dict[str, Any]]:
    """Questions: half are ordinary people, half are persons of the list, respelled, mistyped, cut or exact."""
    corpus = Corpus(data)
    corpus.random.seed(seed)
    pick, found = corpus.random, []
    for at in range(count):
        day = str(date(1940, 1, 1) + timedelta(days=pick.randrange(66 * 365)))
        if at % 2:
            region = pick.choices(corpus._regions, cum_weights=corpus._shares)[0]
            asked = {"name": corpus.worn(corpus.name(region), region), "birth": day, "kind": "ordinary"}
        else:
            person = pick.choice(people)
            name, how = pick.choice(person["names"]), pick.choice(("exact", "respelled", "mistyped", "order"))
            if how == "respelled":
                name = corpus.respelled(name)
            elif how == "mistyped":
                words = name.split()
                place = pick.randrange(len(words))
                name = " ".join(corpus.mistyped(w) if i == place else w for i, w in enumerate(words))
            elif how == "order":
                words = name.split()
                name = " ".join([words[-1], *words[:-1]])
            birth = person["birth"]
            asked = {"name": name, "birth": birth if len(birth) == 10 else day, "kind": how}
        found.append({**asked, "sex": pick.choice("MF")})
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    default = Path(__file__).resolve().parents[1].parent / "shared/data"
    parser.add_argument("--data", type=Path, default=default, help="the shared data folder")
    parser.add_argument("--names", type=int, default=1_000_000)
    parser.add_argument("--questions", type=int, default=4000)
    parser.add_argument("--out", type=Path, required=True, help="JSON lines; questions go beside it")
    given = parser.parse_args()
    people = []
    with given.out.open("w", encoding="utf-8") as file:
        for person in generate(given.data, given.names):
            people.append(person)
            file.write(json.dumps(person, ensure_ascii=False) + "\n")
    with given.out.with_suffix(".questions.jsonl").open("w", encoding="utf-8") as file:
        for asked in travellers(given.data, given.questions, people):
            file.write(json.dumps(asked, ensure_ascii=False) + "\n")
    print(f"{len(people)} persons, {sum(len(p['names']) for p in people)} names")


if __name__ == "__main__":
    main()
