"""The day a box is stolen: the commands of the operator's page, and what the thief's ring opens afterwards."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from edge.core.errors import LayoutError
from edge.core.keyed import header as headers
from edge.core.keyed.keys import ListKey, document_text
from edge.core.vault import KeyRing, header_of, open_into
from edge.keyed_files import KeyedList
from edge.keyed_folder import KeyedError
from edge.keyed_install import install_base
from edge.list_keys import SEALED, ListKeys
from edge.watchlists import Watchlists

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "headquarters.md").read_text(encoding="utf-8")
STOLEN = document_text("UTO", "S7310442K")
LISTS = ("national", "sltd")


def shell(folder: Path, commands: str) -> None:
    """Run commands as the operator would, with this tree's programs on the path."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-e", "-c", commands], cwd=folder, capture_output=True, text=True, timeout=100, check=False,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stdout + done.stderr


def step_five() -> str:
    """The block of the page, without the margin of its step."""
    (block,) = (b for b in re.findall(r"^ *```sh\n(.*?)^ *```", PAGE, re.DOTALL | re.MULTILINE) if "seal-ring" in b)
    return textwrap.dedent(block)


def files_of(folder: Path, lists: Path) -> None:
    """Bring what headquarters' folders hold to a box: sealed generations, the newest base and its card."""
    shutil.copytree(folder / "sealed" / "national", lists / "national", dirs_exist_ok=True)
    base = max((folder / "lists" / "sltd").glob("base-*.sdl"))
    (lists / "sltd").mkdir(parents=True, exist_ok=True)
    shutil.copy(folder / "lists" / "sltd" / "card.json", lists / "sltd" / "card.json")
    install_base(lists / "sltd", "sltd", [base.read_bytes()])


def generations(lists: Path, ring: KeyRing) -> Mapping[str, int]:
    return Watchlists.open(lists, keys=lambda: ring).generations()


@pytest.fixture
def office(tmp_path: Path) -> Path:
    """Headquarters with one generation of both lists out, and two boxes that have them with their keys."""
    folder = tmp_path / "headquarters"
    folder.mkdir()
    for name in ("persons.csv", "sltd.csv"):
        shutil.copy(ROOT / "demo" / "lists" / name, folder / name)
    (folder / "hq.toml").write_text('[keys]\nseal = ["keys/seal.pem"]\nack = "keys/ack.pem"\n', encoding="utf-8")
    (folder / "boxes").mkdir()
    for box in ("box-one", "box-two"):
        (tmp_path / box / "state").mkdir(parents=True)
        line = ListKeys(tmp_path / box / "state", {}).public_line()
        (folder / "boxes" / f"{box}.line").write_text(line + "\n", encoding="utf-8")
    shell(folder, """
        borderpost-hq keys create --out keys
        borderpost-hq keys list-key --list national --generation 1
        borderpost-hq keys list-key --list sltd --generation 1
        borderpost-hq publish init repo --keys signing --list national --list sltd
        borderpost-hq lists build --out lists --source persons-csv:persons.csv \
            --source sltd-csv:sltd.csv --keyed sltd=keys/list-keys.ring
        borderpost-hq keys seal-lists --lists lists --out sealed
        borderpost-hq publish list repo national --from sealed --key signing/list-national.pem
        borderpost-hq publish list repo sltd --from lists --key signing/list-sltd.pem
        borderpost-hq publish timestamp repo --key signing/snapshot.pem --key signing/timestamp.pem
        for box in box-one box-two; do
            borderpost-hq keys seal-ring --box "$(cat boxes/$box.line)" --out rings/$box/list-keys.sealed
        done
    """)
    for box in ("box-one", "box-two"):
        shutil.copy(folder / "rings" / box / SEALED, tmp_path / box / "state" / SEALED)
        files_of(folder, tmp_path / box / "lists")
    return folder


def test_after_the_procedure_the_old_ring_opens_none_of_the_new_files_and_the_other_box_all(
    office: Path, tmp_path: Path
) -> None:
    thief = ListKeys(tmp_path / "box-one" / "state", {}).ring()
    assert generations(tmp_path / "box-one" / "lists", thief) == {"national": 1, "sltd": 1}  # what it held, it holds
    before = set((office / "repo" / "targets").rglob("*"))
    shell(office, step_five())
    new = [p for p in set((office / "repo" / "targets").rglob("*")) - before if p.is_file()]
    assert {p.parent.parent.name for p in new} | {p.parent.name for p in new} >= set(LISTS)
    opened = 0

    def by_trial(key: bytes) -> Callable[[bytes], bytes]:
        return lambda _: key

    for path in new:
        data = path.read_bytes()
        for entry in thief.entries:  # also by trial, against what the file says of its key
            if data.startswith(b"BPVAULT\0"):
                opened += 1
                assert header_of(data).key_id != entry.key_id
                with pytest.raises(LayoutError):
                    open_into(data, entry.key, memoryview(bytearray(header_of(data).length)))
            elif data.startswith(b"BPKEYED\0"):
                opened += 1
                assert headers.decode(data).key_id != entry.key_id
                tried = tmp_path / f"tried-{opened}"
                install_base(tried, "sltd", [data])
                with pytest.raises(KeyedError, match="holds no key"):
                    KeyedList.open(tried, "sltd", lambda ident: e.key if (e := thief.find(ident)) else None)
                assert KeyedList.open(tried, "sltd", by_trial(entry.key)).find(STOLEN) == ()
                assert ListKey(entry.key).mac(STOLEN)[:8] not in data
    assert opened == len(thief.entries) * 3  # two files of the one list, one of the other
    assert not [p for p in new if "delta" in p.name]  # nothing leads from what the thief has to what is new

    other = tmp_path / "box-two"
    shutil.copy(office / "rings" / "box-two" / SEALED, other / "state" / SEALED)
    ring = ListKeys(other / "state", {}).ring()
    assert [(e.list_id, e.generation) for e in ring.entries] == [(i, g) for i in LISTS for g in (1, 2)]
    assert generations(other / "lists", ring) == {"national": 1, "sltd": 1}  # the ring comes first: nothing is lost
    files_of(office, other / "lists")
    assert generations(other / "lists", ring) == {"national": 2, "sltd": 2}
    lists = {entry.list_id: entry for entry in Watchlists.open(other / "lists", keys=lambda: ring).lists}
    assert lists["sltd"].keyed is not None
    assert len(lists["sltd"].keyed.find(STOLEN)) == 1
    persons = lists["national"].persons
    assert persons is not None
    assert persons.person(0).reference == "UT-2026-014"
    files_of(office, tmp_path / "box-one" / "lists")  # a stick that the thief gets hold of
    assert generations(tmp_path / "box-one" / "lists", thief) == {"national": 1}
