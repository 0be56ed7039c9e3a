"""One update of this box from one source: check, plan, fetch, put in place, and only then raise the marks.

Laws:
1. A list that is refused stops no other list; what a box has stays in use whatever happens here.
2. The order for each list is: files verified by signature, their content checked, put in place, looked at again, then
   both marks. A kill between any two leaves the old generation or the new one, and the next run goes on from there.
3. A mark falls only for a list whose keys a newer root replaced (``anew``), and only to what was taken since.
4. A list that its own policy erased is taken again only in a newer generation.
5. A list whose copy here is damaged, or is not headquarters', is taken whole; never to a lower generation than it had.
6. Of a parcel only what it holds is told: the metadata of other lists are not in it.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

from tuf.api.metadata import Timestamp

from common.files import open_regular
from edge import tombstones
from edge.core.distribution import CARD, SOFTWARE, Plan, Way
from edge.core.distribution.offers import Offer
from edge.core.errors import BorderpostError
from edge.core.trusted import ClockState, Trusted
from edge.list_keys import ListKeys, beside_the_unit
from edge.state import State, StateError, damage_note
from edge.update_report import FOLDER, MAX_PROBLEMS, ListOutcome, Refusal, Report, Task, keep
from edge.updates.errors import UpdateError
from edge.updates.fetchers import DirFetcher, Fetcher
from edge.updates.gallery_place import STEP_NAMES, GalleryPlace
from edge.updates.https import HttpsFetcher, Tls
from edge.updates.keyed_place import BASE, DELTA, KeyedPlace
from edge.updates.marks import StateMarks
from edge.updates.parcels import ParcelFetcher
from edge.updates.placing import DivergedError, KeyOf, Place, Standing, read_limited
from edge.updates.reference import reference
from edge.updates.software import hand_over, handover
from edge.updates.updater import ListOffer, Updates
from edge.updates.watch_place import NAMES, WatchPlace

MAX_ROOT: Final = 512_000  # bytes of the root file
MAX_PARCEL: Final = 64_000  # bytes, as edge.core.distribution.parcel packs

Progress = Callable[[str, str, int, int], None]
"""``progress(list id, file name, bytes that are there, bytes of the whole)``."""


def update(task: Task, *, now: datetime, progress: Progress | None = None) -> Report:
    """Run one update; the report is also kept for `borderpost status`. Raises nothing but faults of this program."""
    state_dir = Path(task.state_dir)
    try:
        report = _updated(task, now, progress)
    except BorderpostError as error:
        report = Report(source=_told_source(task), at=now, refused=_refusal(error))
    if not (task.is_parcel and report.is_old_news):
        keep(state_dir, report)
    return report


def _updated(task: Task, now: datetime, progress: Progress | None) -> Report:
    with contextlib.closing(State(Path(task.state_dir) / "state.sqlite")) as state:
        marks = StateMarks(state)
        at = reference(Trusted(ClockState(task.clock), task.time, task.expiry), state.floor())
        keys = ListKeys(Path(task.state_dir), beside_the_unit())  # by hand too, where the service alone has the ring

        def key_of(list_id: str, ident: bytes) -> bytes | None:
            entry = keys.ring().find(ident)
            return entry.key if entry is not None and entry.list_id == list_id else None

        root = _root(Path(task.root))
        folder = Path(task.state_dir) / FOLDER
        with _source(task) as source, Updates(folder, root, source, marks=marks, at=at) as updates:
            offered = updates.check()
            wanted = set(task.lists)
            outcomes = []
            for list_id in sorted({*offered.lists, *offered.refused} - {SOFTWARE}):
                if wanted and list_id not in wanted:
                    continue
                own_key = functools.partial(key_of, list_id)
                one = _OneList(updates, state, Path(task.lists_dir), list_id, own_key, progress, task.thorough)
                refused = offered.refused.get(list_id)
                outcome = one.refused(refused) if refused else one.bring(offered.lists[list_id])
                if not (task.is_parcel and outcome.refused and outcome.refused.code in ("incomplete", "no_way")):
                    outcomes.append(outcome)
            if task.software and not task.is_parcel:
                outcomes += _software(updates, offered.lists.get(SOFTWARE), folder)
            unknown = wanted - {*offered.lists, *offered.refused}
            outcomes += [] if task.is_parcel else map(_not_offered, sorted(unknown))
            version = marks.get(Timestamp.type).version
    return Report(
        source=_told_source(task), at=now, issued=offered.issued, version=version,
        lists=tuple(outcomes[:MAX_PROBLEMS]),
    )


class _OneList:
    """One list of one update."""

    def __init__(
        self, updates: Updates, state: State, lists: Path, list_id: str, key_of: KeyOf, progress: Progress | None,
        thorough: bool,
    ) -> None:  # fmt: skip
        self._updates, self._state, self._lists, self._list_id = updates, state, lists, list_id
        self._key_of, self._progress, self._thorough = key_of, progress, thorough
        self._before = self._now = Standing()
        self._fetched = (0, 0)
        self._compacting = False
        self._had = 0  # the generation that was accepted before

    def bring(self, offered: ListOffer) -> ListOutcome:
        """Take what is newer; never raises UpdateError."""
        offer = offered.offer
        try:
            if not offer.newest and not offered.mark:
                return self._outcome("current", offer)  # nothing was ever published, and nothing was ever taken
            place = self._place(offer)
            self._before = self._now = place.standing()
            self._had = self._mark()
            if self._erased(offered):
                return self._outcome("current", offer)
            thorough = self._thorough or self._state.get(damage_note(self._list_id)) == (place.stamp() or None)
            whole = not place.sound(thorough=thorough, told=self._told)
            try:
                self._go(place, offered, whole=whole)
            except DivergedError:
                if whole:
                    raise
                self._go(place, offered, whole=True)
            if self._now.generation:
                self._accept(place, offered)
            self._compacting = place.compact()
        except UpdateError as error:
            error.list_id = error.list_id or self._list_id
            return self.refused(error)
        except (StateError, OSError) as error:
            detail = error.message if isinstance(error, StateError) else error.strerror or ""
            return self.refused(UpdateError("disk", detail, list_id=self._list_id))
        return self._outcome("updated" if self._now != self._before or self._fetched[0] else "current", offer)

    def refused(self, error: UpdateError) -> ListOutcome:
        """The outcome of a list that was not taken, or not to its end."""
        return ListOutcome(
            list=self._list_id, outcome="refused", before=self._before.generation, now=self._now.generation,
            files=self._fetched[0], bytes=self._fetched[1], records=self._now.records, refused=_refusal(error),
        )

    def _outcome(self, outcome: str, offer: Offer) -> ListOutcome:
        as_of = next((step.as_of for step in offer.steps if step.to == self._now.generation), None)
        return ListOutcome(
            list=self._list_id, outcome="updated" if outcome == "updated" else "current",
            before=self._before.generation, now=self._now.generation, files=self._fetched[0], bytes=self._fetched[1],
            records=self._now.records, as_of=as_of, compacting=self._compacting,
            repaired=outcome == "updated" and self._now.generation == self._had,
        )

    def _place(self, offer: Offer) -> Place:
        """What kind of list it is, as the names of its files say."""
        for step in offer.steps:
            names = {file.name for file in step.files}
            if not step.start and names == NAMES:
                kind: type[Place] = WatchPlace
            elif names == (STEP_NAMES if step.start else GalleryPlace.names):
                kind = GalleryPlace
            elif names - {CARD} == {DELTA if step.start else BASE}:
                kind = KeyedPlace
            else:
                raise UpdateError("bad_offer", "files that this program does not know", list_id=self._list_id)
            if step.to == offer.newest:
                return kind(self._lists, self._list_id, self._key_of)
        raise UpdateError("older", f"0, this box has taken {self._mark()}", list_id=self._list_id)

    def _mark(self) -> int:
        return self._state.high_water().get(self._list_id, 0)

    def _erased(self, offered: ListOffer) -> bool:
        """True if what is offered was erased here by the list's own policy (law 4)."""
        stone = tombstones.read(self._lists / self._list_id)
        return stone is not None and not offered.anew and offered.offer.newest <= stone.generation

    def _go(self, place: Place, offered: ListOffer, *, whole: bool) -> None:
        plan = self._updates.plan(offered, self._now.generation, have_digest=self._now.digest, whole=whole)
        if plan.way is Way.FORWARD:
            self._take(place, plan, offered)
        elif isinstance(place, KeyedPlace):
            self._mend_card(place, plan, offered.offer)

    def _mend_card(self, place: KeyedPlace, plan: Plan, offer: Offer) -> None:
        """Fetch the card alone where the records are the newest and the card is damaged, or not headquarters'."""
        step = next(step for step in offer.steps if step.to == offer.newest)
        card = tuple(file for file in step.files if file.name == CARD)
        if [part.sha256 for file in card for part in file.parts] in ([], [self._now.card]):
            return
        thin = replace(plan, way=Way.FORWARD, steps=(replace(step, files=card),))
        (files,) = self._updates.take(thin, self._told).files
        self._fetched = (self._fetched[0] + thin.files, self._fetched[1] + thin.bytes)
        self._now = place.put_card(files[CARD])

    def _told(self, name: str, there: int, whole: int) -> None:
        if self._progress is not None:
            self._progress(self._list_id, name, there, whole)

    def _take(self, place: Place, plan: Plan, offered: ListOffer) -> None:
        thin = plan.without_cards(self._now.card)
        taken = self._updates.take(thin, self._told)
        self._fetched = (self._fetched[0] + thin.files, self._fetched[1] + thin.bytes)
        begun = self._now.generation
        if not plan.steps[0].start:
            place.check(plan.steps, taken.files)
        try:
            for step, files in zip(plan.steps, taken.files, strict=True):
                self._now = place.put(step, files, anew=offered.anew and not step.start)
        except UpdateError:
            if self._now.generation > begun:  # as far as it went it is sound, and there is no way back
                self._accept(place, offered)
            raise

    def _accept(self, place: Place, offered: ListOffer) -> None:
        """Raise the marks to what stands; let them fall to it where the list began anew (laws 2 and 3)."""
        generation = self._now.generation
        if offered.anew:
            self._state.reset_high_water(self._list_id, generation)
        else:
            self._state.raise_high_water(self._list_id, generation)
        place.tidy(anew=offered.anew)
        if offered.anew or generation > offered.mark:
            self._updates.accepted(self._list_id, generation)


def _software(updates: Updates, offered: ListOffer | None, folder: Path) -> list[ListOutcome]:
    """Lay a newer version down for who installs it; its refusal is that of one list (law 1)."""
    place = handover()
    if offered is None or place is None:
        return []
    try:
        told = hand_over(updates, offered, folder, place)
    except UpdateError as error:
        return [ListOutcome(list=SOFTWARE, outcome="refused", before=0, now=0, refused=_refusal(error))]
    return [told] if told else []


def _not_offered(list_id: str) -> ListOutcome:
    error = UpdateError("not_offered", list_id=list_id)
    return ListOutcome(list=list_id, outcome="refused", before=0, now=0, refused=_refusal(error))


def _root(path: Path) -> bytes:
    try:
        return read_limited(path, MAX_ROOT)
    except OSError as error:
        raise UpdateError("damaged_root", f"{path}: {error.strerror}") from error


@contextlib.contextmanager
def _source(task: Task) -> Iterator[Fetcher]:
    if task.is_parcel:
        try:
            with open_regular(Path(task.source)) as file:
                data = file.read(MAX_PARCEL + 1)
        except OSError as error:
            raise UpdateError("disk", error.strerror or "") from error
        yield ParcelFetcher(data)
    elif "://" in task.source:
        tls = Tls(*(Path(text) if text else None for text in (task.ca, task.cert, task.key)))
        fetcher = HttpsFetcher(task.source, tls=tls, connect_s=task.connect_s, read_s=task.read_s)
        try:
            yield fetcher
        finally:
            fetcher.close()
    else:
        yield DirFetcher(Path(task.source))


def _told_source(task: Task) -> str:
    return "message from headquarters" if task.is_parcel else task.source


def _refusal(error: BorderpostError) -> Refusal:
    code = error.code if isinstance(error, UpdateError) else "disk"
    return Refusal(code, error.message, error.advice)
