"""What `borderpost doctor` says of galleries of fingers: whether they can be searched, and by this box's extractor.

Laws:
1. A gallery has no say in a document's verdict: one in screening.required makes every verdict INCOMPLETE for ever, and
   is a mistake of the configuration.
2. One in fingers.required that is not here makes every finger INCOMPLETE: the line says which. A list of documents
   there is a mistake of the configuration.
3. What keeps fingers from being searched is an error where a scanner is configured, else a warning: nobody asks then.
4. Texts name lists, extractors and counts, nothing from inside a gallery.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from edge.checks import Check, Grade
from edge.checks_keys import SEAL_AGAIN, lacks_key
from edge.checks_lists import dated
from edge.config import Config
from edge.core.watch.manifest import GalleryInfo
from edge.opened_list import OpenList

_MIB: Final = 1 << 20
_FIXED_MB: Final = 200  # of the search child besides its galleries


def galleries(
    config: Config, lists: Sequence[OpenList], ages: Mapping[str, float | None], *, stopped: bool
) -> Iterator[Check]:
    """A line for each gallery, and one for the memory that they need; ``ages`` in seconds by list id."""
    bad = Grade.ERROR if config.scanner else Grade.WARNING
    found = [one for one in lists if one.fingers]
    for one in found:
        name = f"gallery {one.list_id}"
        if one.list_id in config.screening.required:
            yield Check(name, Grade.ERROR, "stands in screening.required, but is a gallery of fingers: no verdict on a "
                        "document is CLEAR", f"take {one.list_id} out of screening.required")
        yield from _gallery(config, one, ages.get(one.list_id), bad, stopped=stopped)
    yield from _required(config, lists, bad)
    if config.scanner and not found:
        yield Check("galleries", Grade.WARNING, "a scanner is configured, and no prints of wanted persons are here",
                    "bring a gallery: borderpost-hq lists build --source fingers-…")
    yield from _memory(config, found, bad)


def search(said: Mapping[str, Any] | None) -> Iterator[Check]:
    """What the running box says of extraction and search; None of one without scanners."""
    if said is None:
        return
    searching = said["search"]
    if searching["problem"]:
        yield Check("search", Grade.ERROR, searching["problem"], "wait a moment and look again; then look at the log")
    for one in searching["galleries"]:
        if one["generation"] is None:
            yield Check("search", Grade.ERROR, f"{one['list']} is not loaded: {one['problem'] or 'it is being read'}",
                        "wait a moment and look again; then bring the gallery again")
        elif one["problem"]:
            yield Check("search", Grade.WARNING, f"{one['list']}: {one['problem']}; generation {one['generation']} "
                        "serves", "bring a newer generation")


def _required(config: Config, lists: Sequence[OpenList], bad: Grade) -> Iterator[Check]:
    """Law 2."""
    there = {one.list_id: one.fingers for one in lists}
    for list_id in config.fingers.required:
        if list_id not in there:
            yield Check(f"gallery {list_id}", bad, "stands in fingers.required and is not here: no finger is searched "
                        "for certain", "bring the gallery, or take it out of fingers.required")
        elif not there[list_id]:
            yield Check(f"gallery {list_id}", Grade.ERROR, "stands in fingers.required, but is no gallery of fingers",
                        f"take {list_id} out of fingers.required")


def _gallery(config: Config, one: OpenList, age: float | None, bad: Grade, *, stopped: bool) -> Iterator[Check]:
    name = f"gallery {one.list_id}"
    gallery, manifest = one.gallery, one.manifest
    if one.problem or gallery is None or manifest is None:
        yield Check(name, bad, one.problem or "no sound generation",
                    SEAL_AGAIN if lacks_key(one.problem) else "bring a fresh generation")
        return
    info = gallery.info
    yield Check(name, Grade.OK, f"generation {manifest.generation}, {info.templates} templates of {info.persons} "
                f"persons, {info.extractor_id}, {dated(manifest.source_date, age, stopped=stopped)}")
    if info.extractor_id.partition("-")[0] != config.fingers.extractor:
        yield Check(name, bad, f"was made by {info.extractor_id}, and this box extracts by {config.fingers.extractor}: "
                    "its templates are never compared", "set fingers.extractor, or have the gallery built anew from "
                    "images")
    elif info.tail is None:
        yield Check(name, Grade.INFO, "brings no impostor tail of its own: thresholds follow from what the extractor "
                    "showed elsewhere", _tail_advice(info))


def _tail_advice(info: GalleryInfo) -> str:
    return f"{info.templates} templates are few for one: expect thresholds that are a little off"


def _memory(config: Config, found: Sequence[OpenList], bad: Grade) -> Iterator[Check]:
    """A new generation is read beside the old one."""
    sizes = [one.gallery.digest.bytes / _MIB for one in found if one.gallery is not None]
    need = sum(sizes) + max(sizes, default=0) + _FIXED_MB
    if sizes and need > config.fingers.search_mb:
        yield Check("search memory", bad, f"galleries of {sum(sizes):.0f} MiB, and the newer generation of one beside "
                    f"them, need {need:.0f} MiB; fingers.search_mb is {config.fingers.search_mb}",
                    f"set fingers.search_mb to {round(need / 256 + 0.5) * 256} or more, if the box has it")
