"""Headquarters with a folder of built lists and one box, in this process: for what needs many updates."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from distribution_kit import T0, Headquarters, key
from keyed_kit import KEY, RING, Told, base_bytes, changed, some

from edge.core import sealing
from edge.core.keyed import card as cards
from edge.core.keyed.header import SIZE
from edge.core.keyed.header import decode as header_of
from edge.core.keyed.header import encode as encoded
from edge.core.keyed.keys import document_text
from edge.core.keyed.record import Record
from edge.core.vault import KeyRing, RingEntry, seal_ring
from edge.keyed_files import KeyedList
from edge.list_keys import SEALED, ListKeys
from edge.state import accepted
from edge.update_report import ListOutcome, Report, Task
from edge.updates.run import update
from hq.distribution import editions, history
from hq.distribution.publishing import add, offer_of
from hq.publisher import SourceSpec, build

CARD = cards.Card(list_id="sltd", title="Documents", thing="documents", silent=False, action="Confirm with the NCB.")
ONE = some(300)
TWO = changed(ONE, 2, [(document_text("UTO", f"N{i}"), Record("P", "lost")) for i in range(40)], list(ONE)[:20])


class World:
    """Headquarters with a folder of built lists, and one box."""

    def __init__(self, root: Path) -> None:
        self.hq, self.out = Headquarters(root / "hq"), root / "out"
        self.state, self.lists = root / "state", root / "lists"
        self.state.mkdir(mode=0o700)
        (self.out / "sltd").mkdir(parents=True)
        self.root = root / "root.json"
        self.root.write_bytes(self.hq.root())
        self.bring_ring(KeyRing.of([RingEntry("sltd", 1, KEY)]))

    def bring_ring(self, ring: KeyRing) -> None:
        line = ListKeys(self.state).public_line()
        (self.state / SEALED).write_bytes(seal_ring(ring, sealing.seal_public_from_text(line)))

    def keyed(self, told: Told, generation: int, as_of: datetime = T0) -> None:
        (self.out / "sltd" / "card.json").write_bytes(cards.encode(CARD))
        data = base_bytes(told, generation, last_layer=max(told.values()))
        header = dataclasses.replace(header_of(data), as_of=int(as_of.timestamp()))
        data = encoded(header) + data[SIZE:]
        (self.out / "sltd" / f"base-{generation:010d}.sdl").write_bytes(data)

    def watch(self, *names: str) -> None:
        source = self.out.parent / "persons.csv"
        rows = "".join(f"UT-{n},{name},Tamur,1979\n" for n, name in enumerate(names))
        source.write_text("reference,surname,given_names,birth_date\n" + rows, encoding="utf-8")
        build(self.out, [SourceSpec.parse(f"persons-csv@un:{source}")], now=datetime.now(T0.tzinfo))

    def publish(
        self, list_id: str = "sltd", *, whole: bool = False, ring: KeyRing | None = None, change_kind: bool = False,
        in_clear: bool = True,
    ) -> editions.Prepared:  # fmt: skip
        with self.hq.open() as repository:
            offer = offer_of(list_id, repository.draft(f"list-{list_id}"))
            known = history.read(repository.folder, list_id)
            work = self.out.parent / "work"
            work.mkdir(exist_ok=True)
            made = editions.prepare(
                self.out, list_id, offer, known, work, in_clear=in_clear, whole=whole, ring=ring,
                change_kind=change_kind,
            )  # fmt: skip
            if made.editions:
                add(repository, made.editions, [key(list_id)], begins=made.begins)
        self.hq.stamp()
        return made

    def update(self, at: datetime = T0, lists: tuple[str, ...] = ()) -> Report:
        return update(Task(
            state_dir=str(self.state), lists_dir=str(self.lists), root=str(self.root), source=str(self.hq.path),
            clock="held", time=at, expiry=at, lists=lists,
        ), now=at)  # fmt: skip

    def one(self, list_id: str = "sltd") -> ListOutcome:
        return next(row for row in self.update().lists if row.list == list_id)

    def marks(self) -> Mapping[str, int]:
        return accepted(self.state / "state.sqlite")

    def box(self) -> KeyedList:
        return KeyedList.open(self.lists / "sltd", "sltd", RING.get)

    def standing(self) -> tuple[int, str]:
        return self.box().generation, self.box().header.digest.hex()
