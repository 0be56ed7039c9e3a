"""Headquarters' folder of lists, a repository, and a box's edge.toml: what the whole way of an update is tested with.

Lists are built by headquarters' own code, published by its own commands, and taken by the box's own commands.
"""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from keyed_kit import KEY, LIST

from common.command import guarded
from edge.core import sealing
from edge.core.keyed import card as cards
from edge.core.keyed.keys import document_text
from edge.core.keyed.record import Record
from edge.core.vault import KeyRing, RingEntry, seal_ring
from edge.list_keys import SEALED, ListKeys
from hq import keys
from hq.cli import headquarters
from hq.keyed_build import Built, Edition, assemble, spread
from hq.publisher import SourceSpec
from hq.publisher import build as build_watch

NOW = datetime.now(UTC).replace(microsecond=0)
STOLEN = document_text("UTO", "A0000001")


class World:
    """One headquarters and one box below ``root``; the keyed list is ``sltd``, the watch list ``un``.

    Headquarters' commands run in this process; with ``apart`` each in one of its own, as people run them.
    """

    def __init__(self, root: Path, lists: Iterable[str] = ("sltd", "un"), *, apart: bool = False) -> None:
        self.apart = apart
        self.root, self.repo, self.keys, self.out = root, root / "repo", root / "keys", root / "out"
        self.built: dict[str, Built] = {}
        self.lists, self.state = root / "box" / "lists", root / "box" / "state"
        self.config = root / "box" / "edge.toml"
        self.state.mkdir(parents=True, mode=0o700)
        words = [word for list_id in lists for word in ("--list", list_id)]
        self.hq("publish", "init", str(self.repo), "--keys", str(self.keys), *words)
        line = ListKeys(self.state).public_line()
        ring = KeyRing.of([RingEntry("sltd", 1, KEY)])
        (self.state / SEALED).write_bytes(seal_ring(ring, sealing.seal_public_from_text(line)))
        self.write_config()

    def write_config(self, **updates: str) -> None:
        public = keys.create(self.root / "hq-keys").toml() if not (self.root / "hq-keys").exists() else self._public
        self._public = public
        more = "\n".join(f'{name} = "{value}"' for name, value in updates.items())
        self.config.write_text(f"""
[box]
device = "test-box"
state_dir = "{self.state}"
lists_dir = "{self.lists}"
socket = "{self.root / 'box.sock'}"

[[counter]]
name = "lane-1"
direction = "entry"
readers = ["page-1"]

[[reader]]
name = "page-1"
driver = "text"
port = "page-1.tty"

[clock]
source = "system"

{public}
[updates]
root = "{self.repo / 'metadata' / '1.root.json'}"
{more}
""", encoding="utf-8")

    def hq(self, *words: str, code: int = 0) -> str:
        if self.apart:
            return self._run("hq.cli", words, code)[0]
        out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out if code else io.StringIO()):
            ended = guarded(lambda: headquarters(list(words), standalone_mode=False))
        out.flush()
        told = out.buffer.getvalue().decode()
        assert ended == code, told
        return str(told)

    def box(self, *words: str, code: int = 0) -> tuple[str, str]:
        return self._run("edge.cli", (*words, "--config", str(self.config)), code)

    def _run(self, module: str, words: Iterable[str], code: int) -> tuple[str, str]:
        command = [sys.executable, "-c", f"from {module} import main; main()", *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout, done.stderr

    def update(self, *words: str, code: int = 0) -> dict[str, Any]:
        return dict(json.loads(self.box("lists", "update", "--json", *words, code=code)[0]))

    def build_keyed(
        self, generation: int, entries: Iterable[tuple[str, Record]], *, as_of: datetime = NOW, list_id: str = "sltd",
        title: str = "Stolen and lost documents",
    ) -> Built:
        """One generation as `lists build` leaves it."""
        folder = self.out / list_id
        work = self.root / f"work-{generation}"
        spread(work, [(text, record.pack()) for text, record in entries], LIST, generation)
        stamp = int(as_of.timestamp())
        before = self.built.get(list_id)
        built = assemble(
            folder, [work], Edition(list_id, generation, generation, stamp, stamp), LIST,
            previous=before.path if before else None,
        )
        self.built[list_id] = built
        card = cards.Card(list_id=list_id, title=title, thing="documents", silent=False, action="Confirm with the NCB.")
        (folder / "card.json").write_bytes(cards.encode(card))
        return built

    def build_watch(self, names: Iterable[str], *, as_of: datetime = NOW, list_id: str = "un") -> None:
        source = self.root / "persons.csv"
        rows = "".join(f"UT-{number},{name.replace(' ', ',', 1)},1979\n" for number, name in enumerate(names, 1))
        source.write_text("reference,surname,given_names,birth_date\n" + rows, encoding="utf-8")
        build_watch(self.out, [SourceSpec.parse(f"persons-csv@{list_id}:{source}")], now=as_of + timedelta(hours=1))

    def publish(self, list_id: str, *words: str, code: int = 0) -> dict[str, Any]:
        key = str(self.keys / f"list-{list_id}.pem")
        out = self.hq("publish", "list", str(self.repo), list_id, "--from", str(self.out), "--key", key, "--json",
                      "--force", *words, code=code)  # fmt: skip
        return dict(json.loads(out)) if not code else {}

    def stamp(self) -> None:
        online = [word for name in ("snapshot", "timestamp") for word in ("--key", str(self.keys / f"{name}.pem"))]
        self.hq("publish", "timestamp", str(self.repo), *online)


def documents(*numbers: int) -> list[tuple[str, Record]]:
    return [(document_text("UTO", f"A{number:07d}"), Record("P", "stolen")) for number in numbers]
