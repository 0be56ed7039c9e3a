"""A box that was really used, switched off: lists of every kind, updates from a stick, travellers, and nothing to read.

Headquarters builds, seals and publishes with its own commands; the box takes the lists with its own, screens hits and
others, and ends. Then every file of it is searched (``disk_search``) for every name and number.
"""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import shared_data
from box_world import BoxWorld, until, zone
from disk_search import Search, forms, searchable

from edge.core import names
from edge.core.mrz import compose
from edge.core.watch import PersonEntry
from edge.core.watch.entries import DocumentEntry
from edge.core.watch.objects import FirearmEntry, VehicleEntry
from edge.list_keys import SEALED
from hq.build_options import SourceSpec
from hq.sources.catalog import KINDS

DEMO = Path(__file__).resolve().parents[2] / "demo" / "lists"
KEYED = ("sltd", "tdawn", "vehicles", "firearms")
OFAC_ROWS = 400  # of the list of 2026: the first persons, whose aliases and remarks are kept with them
STOLEN, TRAVELLER, TRAVELLER_NUMBER = "S7310442K", "Quillonbrecht", "X4471902Z"


def of_ofac(folder: Path) -> Path:
    """The first persons of OFAC's list with what the other files say of them."""
    folder.mkdir()
    ids: set[str] = set()
    for name in ("sdn.csv", "alt.csv", "add.csv", "sdn_comments.csv"):
        with shared_data.path(f"lists/ofac/{name}").open(encoding="latin-1", newline="") as file:
            rows = [r for r in csv.reader(file) if r]
        if name == "sdn.csv":
            rows = [r for r in rows if len(r) > 2 and r[2].strip() == "individual"][:OFAC_ROWS]
            ids = {r[0] for r in rows}
        with (folder / name).open("w", encoding="latin-1", newline="") as file:
            csv.writer(file).writerows(r for r in rows if r[0] in ids)
            file.write("\x1a" if name in ("sdn.csv", "alt.csv") else "")  # the list's own end mark
    return folder / "sdn.csv"


def invented(folder: Path) -> dict[str, Path]:
    """Vehicles, firearms and documents of notices."""
    rows = {
        "tdawn": ["document_number,issuing_state,notice_id,document_type,notice,review_date,action,silent",
                  *(f"T{n}88{n}1Q,UTO,2026/9{n:04},P,red,2034-01-01,,no" for n in range(10, 60))],
        "vehicles": ["plate,plate_state,vin,category,make,reported_date,theft_state,reference",
                     *(f"BUT {n}34,D,1M8GDM9AXKP0427{n},stolen,Utopia,2026-01-02,FRA,V-{n}" for n in range(10, 60))],
        "firearms": ["serial,make,calibre,category,origin,reference",
                     *(f"ZQ-{n}77{n}5,Utopia Arms,9 x 19 mm,trafficked,D,F-{n}" for n in range(10, 60))],
    }  # fmt: skip
    for name, lines in rows.items():
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return {name: folder / f"{name}.csv" for name in rows}


def secrets(sources: list[str]) -> set[str]:
    """Every name and every longer word of one, every number, plate, VIN and serial."""
    words: set[str] = set()
    numbers: set[str] = set()
    for spec in map(SourceSpec.parse, sources):
        for item in KINDS[spec.kind].reader(spec.path):
            if isinstance(item, PersonEntry):
                for name in item.names:
                    words |= {name.text, *names.tokens(name.text)}
                numbers |= {d.number for d in item.documents}
            elif isinstance(item, DocumentEntry):
                numbers.add(item.number)
            elif isinstance(item, VehicleEntry):
                numbers |= {item.plate, item.vin}
            elif isinstance(item, FirearmEntry):
                numbers.add(item.serial)
    return searchable(words, numbers)


class Headquarters:
    """The commands of headquarters in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.run("keys", "create", "--out", "keys")
        (folder / "hq.toml").write_text('[keys]\nseal = ["keys/seal.pem"]\nack = "keys/ack.pem"\n', encoding="utf-8")

    def run(self, *words: str) -> str:
        command = [sys.executable, "-c", "from hq.cli import main; main()", *words]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=100, check=False)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout

    def publish(self, sources: list[str], *more: str) -> list[str]:
        """Build, seal and publish one generation of every list of these sources; the lists."""
        ids = sorted({SourceSpec.parse(s).list_id for s in sources})
        keyed = [word for i in ids if i in KEYED for word in ("--keyed", f"{i}=keys/list-keys.ring")]
        self.run("lists", "build", "--out", "clear", *(w for s in sources for w in ("--source", s)), *keyed, *more)
        self.run("keys", "seal-lists", "--lists", "clear", "--out", "sealed")
        if not (self.folder / "repo").exists():
            self.run("publish", "init", "repo", "--keys", "signing", *(w for i in ids for w in ("--list", i)))
        for list_id in ids:
            place = "clear" if list_id in KEYED else "sealed"
            self.run("publish", "list", "repo", list_id, "--from", place, "--key", f"signing/list-{list_id}.pem")
        self.run("publish", "timestamp", "repo", "--key", "signing/snapshot.pem", "--key", "signing/timestamp.pem")
        return ids


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BoxWorld]:
    with BoxWorld(tmp_path / "box") as made:
        yield made


def test_the_search_finds_every_form() -> None:
    search = Search(["Zarqelli Tamur", "S7310442K"])
    for secret in ("Zarqelli Tamur", "S7310442K"):
        for form in forms(secret):
            assert search.within(b"\0\1some bytes" + form + b"and more") == {secret}, form
    assert search.within(b"Zarqelli and Tamur, S7310442 K" * 1000) == set()
    assert search.within(b"x" * ((1 << 20) - 3) + b"ZARQELLI TAMUR") == {"Zarqelli Tamur"}  # over two pieces


def test_of_a_used_box_that_is_switched_off_no_listed_name_or_number_can_be_read(
    world: BoxWorld, tmp_path: Path
) -> None:
    made = invented(tmp_path)
    sources = [
        f"un-xml:{shared_data.path('lists/un/UN_consolidated.xml')}", f"ofac-csv:{of_ofac(tmp_path / 'ofac')}",
        f"ftm:{shared_data.path('lists/ftm/yente_t1_entities.ftm.json')}", f"persons-csv:{DEMO / 'persons.csv'}",
        f"interpol-json:{shared_data.path('lists/interpol/notice_detail_synthetic.json')}",
        f"sltd-csv:{DEMO / 'sltd.csv'}", *(f"{name}-csv:{path}" for name, path in made.items()),
    ]
    listed = secrets(sources)
    assert len(listed) > 3000
    office = Headquarters(tmp_path / "headquarters")
    ids = sorted({SourceSpec.parse(s).list_id for s in sources})
    for list_id in ids:
        office.run("keys", "list-key", "--list", list_id, "--generation", "1")
    office.publish(sources, "--max-lost", "100%")
    assert Search(listed).on([tmp_path / "headquarters" / "clear"])  # there they can be read
    _, line, _ = world.ask("lists", "box-key")
    office.run("keys", "seal-ring", "--box", line.strip(), "--out", str(world.state / SEALED))
    with world.config.open("a", encoding="utf-8") as file:
        file.write(f'\n[updates]\nroot = "{office.folder / "repo/metadata/1.root.json"}"\n')
    world.start()
    taken = world.run("lists", "update", "--from", str(office.folder / "repo"))
    assert taken.returncode == 0, taken.stdout + taken.stderr
    in_use = [f'"list": "{i}"' for i in ids]
    until(lambda: all(i in world.log.read_text() for i in in_use), "every list is in use", 60)
    assert world.scan(zone(number=STOLEN))["outcome"] == "HIT"
    assert world.scan(zone(number="T1088101Q"))["outcome"] == "HIT"
    assert world.scan(compose.td3(
        issuing_state="UTO", surname="Zarqelli", given_names="Tamur Yadiel", number="L898902C3", nationality="UTO",
        birth_date="790823", sex="M", expiry_date="310415",
    ))["outcome"] == "HIT"  # fmt: skip
    clear = world.scan(zone(number=TRAVELLER_NUMBER, surname=TRAVELLER, given="Ottiviane Marisetta"))
    assert clear["outcome"] == "CLEAR", clear
    office.publish([f"sltd-csv:{DEMO / 'sltd.csv'}", f"persons-csv:{DEMO / 'persons.csv'}"])
    assert world.run("lists", "update", "--from", str(office.folder / "repo")).returncode == 0
    assert world.end() == 0
    travellers = {TRAVELLER, TRAVELLER_NUMBER, "Ottiviane", "Marisetta", "ERIKSSON", "L898902C3"}
    disk = [world.state, world.lists, world.config, world.log]
    files = [p for d in disk[:2] for p in d.rglob("*") if p.is_file()]
    assert sum(p.stat().st_size for p in files) > 1_000_000
    assert any("updates" in p.parts for p in files)
    assert Search(listed | travellers).on(disk) == {}


def test_the_same_search_on_a_box_with_lists_in_clear_does_find(world: BoxWorld) -> None:
    world.publish()
    world.start()
    world.scan(zone())
    assert world.end() == 0
    listed = secrets([f"persons-csv:{DEMO / 'persons.csv'}"])
    assert {p.name for p in Search(listed).on([world.lists])} == {"persons.bin"}
    assert Search(listed).on([world.state, world.log]) == {}
    shutil.rmtree(world.lists)
