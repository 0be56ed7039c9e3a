"""kill -9 at moments spread evenly over the change of a keyed list, and what stands on the disk afterwards."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from edge import keyed_folder as folders
from edge.core.errors import BorderpostError
from edge.core.keyed import delta as deltas
from edge.core.keyed.header import Header
from edge.keyed_files import KeyedList, KeyOf, check_whole

Change = Callable[[Header, bool], tuple[bytes, bool]]
"""``change(header, there)``: a delta over this header, and whether the asked-for documents are listed after it."""


def killed(
    folder: Path, list_id: str, key_of: KeyOf, probe: Sequence[str], change: Change, points: int,
) -> dict[str, Any]:
    """Apply a change in a child that is killed at each of ``points`` moments, and open the folder as a start does.

    Counts what then serves: the ``old`` generation or the ``new`` one, whole (header, digest and answers agree);
    ``neither``; or one from before the old (``back``). A child that ended before it was killed is no point: its moment
    is tried again.
    """
    dice, reached, seen = random.Random(10), Counter[str](), Counter[str]()
    # half of the moments are spread over the whole of a change; the other half over its end, after the new file has its
    # name: that is a hundredth of the time, and where a generation could be lost
    moments = [(n // 2 + dice.random()) / points * 2 for n in range(points)]
    late = [bool(n % 2) for n in range(points)]
    turns = list(zip(moments, late, strict=True))
    dice.shuffle(turns)
    here = KeyedList.open(folder, list_id, key_of)
    took: dict[tuple[bool, bool], float] = {}  # seconds of a whole change and of its end, by whether it removes
    end = 0.0
    there, generation, data, then = bool(here.find(probe[0])), -1, b"", False
    while turns and not reached["neither"] and not reached["back"]:
        if here.generation != generation:
            generation = here.generation
            data, then = change(here.header, there)
        after = deltas.decode(data)
        moment, at_the_end = turns[-1]
        named = folder / folders.overlay_name(after.to)
        begin = time.perf_counter()
        child = _apply(folder, list_id, key_of, data)
        known = (there, True) in took
        if at_the_end or not known:
            while not named.exists() and not _ended(child):
                time.sleep(0.0001)
            end = time.perf_counter()
        ended = True
        if known:
            since = end if at_the_end else begin
            time.sleep(max(0.0, since + moment * took[there, at_the_end] - time.perf_counter()))
            os.kill(child, signal.SIGKILL)
            ended = not os.WIFSIGNALED(os.waitpid(child, 0)[1])
            took[there, at_the_end] *= 0.95 if ended else 1.01  # follows the load of the machine
        else:
            os.waitpid(child, 0)
            took[there, False], took[there, True] = time.perf_counter() - begin, time.perf_counter() - end
        place = _on_disk(folder, list_id, generation)
        now, what = _opened(folder, list_id, key_of, probe, {
            generation: (there, here.header.count, here.header.digest),
            after.to: (then, after.count_after, after.digest_after),
        })
        if not ended or what in ("neither", "back"):
            turns.pop()
            seen[place] += 1
            reached[what] += 1
        if now is not None and what == "new":
            there = then
        here = now or here
    return {
        "points": points, **{what: reached[what] for what in ("old", "new", "neither", "back")},
        "on_disk": dict(seen.most_common()), "whole_change_s": round(max(took.values(), default=0.0), 3),
    }


def _opened(
    folder: Path, list_id: str, key_of: KeyOf, probe: Sequence[str], wanted: dict[int, tuple[bool, int, bytes]],
) -> tuple[KeyedList | None, str]:
    """The list as a start finds it, and which generation it is; ``wanted``: are the documents there, count, digest."""
    try:
        now = KeyedList.open(folder, list_id, key_of)
        overlay = folder / folders.overlay_name(now.generation)
        if overlay.exists():
            check_whole(overlay)  # every byte of what the change wrote
        answers = {len(now.find(what)) for what in probe}
    except BorderpostError:
        return None, "neither"
    if now.generation < min(wanted):
        return now, "back"
    stands = wanted.get(now.generation)
    if now.problem or stands != (answers == {1}, now.header.count, now.header.digest) or not answers <= {0, 1}:
        return now, "neither"
    return now, "new" if now.generation == max(wanted) else "old"


def _apply(folder: Path, list_id: str, key_of: KeyOf, data: bytes) -> int:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            KeyedList.open(folder, list_id, key_of).apply(data)
            code = 0
        finally:
            os._exit(code)
    return child


def _ended(child: int) -> bool:
    """True for a child that ended and was not waited for yet."""
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _on_disk(folder: Path, list_id: str, generation: int) -> str:
    """How far a change had come when it was killed, by the names in the folder."""
    current = folders.read_current(folder, list_id)
    names = {path.name for path in folder.iterdir()}
    overlays = [name for name in names if name.endswith(".sdo")]
    if current is not None and current.newest > generation:
        return "CURRENT new, old overlay not removed yet" if len(overlays) > 1 else "CURRENT new, all done"
    if "CURRENT.part" in names:
        return "new overlay whole, new CURRENT half written"
    if any(name.endswith(".part") for name in names):
        return "new overlay half written"
    if folders.overlay_name(generation + 1) in names:
        return "new overlay whole, CURRENT old"
    return "nothing written yet"
