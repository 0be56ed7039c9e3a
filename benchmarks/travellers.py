"""Invented travellers of Libya and its neighbours, with names as frequent as they are there.

Written from general knowledge of how names are given and spelt; nobody real is in it.

1. Given names by a Zipf law over an order of frequency: every eighth man is a MOHAMED.
2. Family names: words that Arabic grammar makes of roots (HADDAD, MANSOURI, BEN SALEM, AL-WERFALLI), some 4,700, and
   the given names themselves; again by a Zipf law, so that few are very common and most are rare.
3. A Libyan's and an Egyptian's passport has the chain given, father, grandfather, family; a Tunisian's and an
   Algerian's given and family in French spelling; Sahel, Turkish and Italian names stand for the rest.
4. Ages by a pyramid of travellers; 2 % have a year of birth alone or none at all.

Everything follows from the seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate
from random import Random

from benchmarks.names_corpus import HABITS, LETTERS

MEN = """MOHAMED AHMED ALI OMAR KHALID MAHMOUD YOUSEF IBRAHIM HASSAN HUSSEIN MUSTAFA ABDULLAH SALEM SALAH TAREK WALID
ABDULSALAM FATHI ABDULRAHMAN NASSER JAMAL FARAJ MUFTAH RAMADAN ISMAIL HAMZA BILAL ANAS AYOUB MILAD SAMIR NABIL
ADEL MOUSA SULEIMAN OSAMA HISHAM HAITHAM TAHA MUAADH HATEM RIYADH RASHID ABDULKARIM ABDULAZIZ SAAD SAEED IDRIS
SHARIF ZIYAD YASIN MARWAN KAMAL NURI BASHIR ABDULHAKIM MANSOUR AMJAD LOTFI MOUNIR TAWFIK ABDELHAMID ANWAR EMAD
SAIF ASHRAF ESSAM MAHDI JABER MUHANNAD ABUBAKR OTHMAN ZAKARIA YAHYA SIRAJ MISBAH SHABAN RAJAB KHALIFA MASOUD""".split()  # noqa: SIM905
WOMEN = """FATIMA AISHA MARIAM KHADIJA SALMA NOURA AMAL HANAN HUDA LEILA ZAINAB SALWA NAJWA INTISAR ASMA SARA RANIA HANA
IMAN SAMIRA MABROUKA HALIMA AMINA RABIA SUMAYA ZAHRA NADIA LATIFA WAFA NAJAT SAMIA MONIA RIM YASMIN DALIA MERVAT
SHEREEN NESRIN GHADA MAY HIBA ALA TIBRA JAMILA SAFA MARWA ESRA DOAA""".split()  # noqa: SIM905
ROOTS = """HDD NSR MNS SLM KRM HMD SLH JBL GRB FRJ HRB ZRQ HSN BRK MSR TRB SHB RFL QDF WRF GDD DRS ZWY MGR TJR NJR SBG
KHL GHN FTR DBB SBR NWR BDR QSM HLL MLK WHB SDQ FDL RBH NJH SWS BJW JRB QFS KSR SHR ZLT MRS FYT TWR GHR BRB HWT KSH
RJB SHT DGH HJJ ZBR MZG FLL TLB BHR KTB RSH SHF DWD NFT WDN JMM LBD SKR RML GHZ ZMR HLF TBL FNN SMR NBL DHB HYB
KHD""".split()  # noqa: SIM905
SAHEL = (
    "MAHAMAT IDRISS HASSAN MOUSSA ABAKAR OUMAR ISSOUFOU SALEY HAROUNA IBRAHIM ADAM AMADOU ALI SEIDOU".split(),  # noqa: SIM905
    "DEBY MAHAMAT ABAKAR HAMIDOU MAIGA DIALLO SOULEY BRAHIM ADOUM YACOUBA TAHIR KOURSAMI ISSA GARBA".split(),  # noqa: SIM905
)
NORTH = (
    "GIUSEPPE MARCO LUCA ANNA MARIA GIULIA PAOLO MEHMET AHMET AYSE FATMA EMRE JOSEPH CARMEN MARIO STEFANO".split(),  # noqa: SIM905
    "ROSSI FERRARI ESPOSITO BORG CAMILLERI VELLA YILMAZ KAYA DEMIR CELIK RUSSO COLOMBO RICCI ZAMMIT OZTURK".split(),  # noqa: SIM905
)
NATIONS = {  # share, how names are made
    "LBY": (0.45, "chain"), "EGY": (0.17, "chain"), "SDN": (0.05, "chain"), "SYR": (0.02, "pair"),
    "TUN": (0.18, "french"), "DZA": (0.05, "french"), "TCD": (0.02, "sahel"), "NER": (0.02, "sahel"),
    "TUR": (0.02, "north"), "ITA": (0.015, "north"), "MLT": (0.005, "north"),
}  # fmt: skip
FRENCH = (("SH", "CH"), ("EE", "I"), ("U", "OU"), ("OOU", "OU"), ("W", "OU"), ("YOUSEF", "YOUSSEF"))
AGES = ((0, 14, 0.18), (15, 24, 0.16), (25, 34, 0.23), (35, 44, 0.19), (45, 54, 0.13), (55, 64, 0.07), (65, 85, 0.04))
UNSURE = 0.02              # travellers with a year of birth alone, or none
TODAY = date(2026, 3, 1)


@dataclass(frozen=True, slots=True)
class Traveller:
    """As a passport prints it; ``birth`` is ``YYYY-MM-DD``, ``YYYY`` or empty."""

    surname: str
    given: str
    birth: str
    sex: str
    nationality: str


class People:
    """Draws them."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self._families = _families()
        self._nations = list(NATIONS)
        self._shares = list(accumulate(share for share, _ in NATIONS.values()))
        self._zipf: dict[int, list[float]] = {}

    def traveller(self) -> Traveller:
        """One of them."""
        nation = self.random.choices(self._nations, cum_weights=self._shares)[0]
        sex = "M" if self.random.random() < 0.64 else "F"
        surname, given = self._name(NATIONS[nation][1], sex)
        return Traveller(surname, given, self._birth(), sex, nation)

    def _pick(self, names: list[str], flat: float) -> str:
        weights = self._zipf.get(id(names))
        if weights is None:
            weights = self._zipf[id(names)] = list(accumulate(1 / (rank + flat) for rank in range(len(names))))
        return self.random.choices(names, cum_weights=weights)[0]

    def _name(self, how: str, sex: str) -> tuple[str, str]:
        first = self._pick(MEN if sex == "M" else WOMEN, 1.2 if sex == "M" else 4)
        if how == "chain":
            fathers = [self._pick(MEN, 1.2) for _ in range(self.random.choices((0, 1, 2), (15, 50, 35))[0])]
            family = self._pick(self._families, 25) if self.random.random() < 0.85 else self._pick(MEN, 1.2)
            return family, " ".join([first, *fathers])
        if how in {"sahel", "north"}:
            given, families = SAHEL if how == "sahel" else NORTH
            return self._pick(families, 6), self._pick(given, 6)
        if how == "french" and self.random.random() < 0.12:
            first += " " + self._pick(MEN if sex == "M" else WOMEN, 4)
        family = self._pick(self._families, 25)
        return (french(family), french(first)) if how == "french" else (family, first)

    def _birth(self) -> str:
        low, high, _ = self.random.choices(AGES, [share for *_, share in AGES])[0]
        day = TODAY - timedelta(days=self.random.randrange(low * 365, (high + 1) * 365))
        if self.random.random() < UNSURE:
            return self.random.choice(("", str(day.year)))
        return str(day)

    def respelt(self, text: str) -> str:
        """As another clerk writes it: one habit or two, rarely a wrong letter."""
        lower = text.lower()
        fits = [(a, b) for a, b in HABITS if a in lower]
        for a, b in self.random.sample(fits, min(len(fits), self.random.choice((1, 1, 2)))):
            lower = lower.replace(a, b, 1)
        if self.random.random() < 0.05:
            at = self.random.randrange(1, len(lower) - 1)
            if lower[at] != " ":
                lower = lower[:at] + self.random.choice(LETTERS) + lower[at + 1 :]
        return lower.upper()


def french(text: str) -> str:
    """As Tunis and Algiers write it."""
    for ours, theirs in FRENCH:
        text = text.replace(ours, theirs)
    return text


def _families() -> list[str]:
    """Family names, an order that a Zipf law is laid over."""
    shapes = ("{0}A{1}{1}A{2}", "{0}A{1}I{2}", "MA{0}{1}OU{2}", "{0}A{1}{2}I", "{0}U{1}AY{2}", "{0}A{1}A{2}I",
              "A{0}{1}A{2}I", "{0}E{1}{2}AWI", "{0}I{1}{2}ANI")  # fmt: skip
    letters = {"SH": "$", "GH": "%", "KH": "&", "DH": "#"}
    found: dict[str, None] = {}
    for written in ROOTS:
        root = written
        for long, short in letters.items():
            root = root.replace(long, short)
        three = (root + root[-1])[:3]
        for shape in shapes:
            word = shape.format(*three)
            for long, short in letters.items():
                word = word.replace(short, long)
            found |= dict.fromkeys((word, f"AL {word}", f"EL {word}", f"BEN {word}", f"BU {word}", f"{word}I"))
    names = [*found, *MEN[:40], *(f"BEN {name}" for name in MEN[:60])]
    Random(1).shuffle(names)
    return names
