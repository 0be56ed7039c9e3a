"""The search child killed, hung, out of memory: an answer in time, a fresh child with its galleries, nothing left."""

from __future__ import annotations

import os
import re
import resource
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import search_kit as kit
from search_kit import INDEX, OTHER, Box, Wanted, again, finger, people, put

from edge.core.fingerprints.answers import SearchAnswer
from edge.core.fingerprints.model import FingerError
from edge.core.fingerprints.told import told
from edge.core.verdicts import CoverageState
from edge.crew import Pulse
from edge.fingers.search_keeping import AGAIN_S
from edge.fingers.searcher import FAILED, SearchPolicy

WORK_S = 3.0


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    put(tmp_path, 1, [*people(30), Wanted("R-9", 9), Wanted("R-9", 9, OTHER)])
    with Box(tmp_path, policy=SearchPolicy(work_s=WORK_S, memory_mib=2048)) as found:
        assert [c.record for c in found.searcher.search(again(finger(9)), INDEX).candidates] == ["R-9"]
        yield found


def pid_of(box: Box) -> int:
    assert box.searcher.pid is not None
    return box.searcher.pid


def unlooked(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next question goes to the child without a look at it before: what befalls it, befalls it in mid-search."""
    monkeypatch.setattr(box.searcher._keeping, "tend", lambda: False)


def is_failed(answer: SearchAnswer) -> None:
    assert answer.problem == FAILED
    assert answer.candidates == ()
    assert [(c.generation, c.records, c.state) for c in answer.coverage] == [(None, 0, CoverageState.DAMAGED)]
    assert told("en", answer) == ("the finger was not searched: take it again, or follow the post's fallback",)


def is_well(box: Box) -> None:
    answer = box.searcher.search(again(finger(9)), INDEX)
    assert (answer.problem, [c.record for c in answer.candidates]) == ("", ["R-9"])


def test_killed_in_mid_search(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    victim = pid_of(box)
    with monkeypatch.context() as patched:
        unlooked(box, patched)
        os.kill(victim, signal.SIGSTOP)  # what is asked now stays unanswered until the kill
        killer = threading.Timer(0.3, os.kill, (victim, signal.SIGKILL))
        killer.start()
        begun = time.monotonic()
        is_failed(box.searcher.search(again(finger(9)), INDEX))
        assert time.monotonic() - begun < WORK_S
        killer.join()
    is_well(box)
    assert pid_of(box) != victim


def test_hung_in_mid_search(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    victim = pid_of(box)
    with monkeypatch.context() as patched:
        unlooked(box, patched)
        os.kill(victim, signal.SIGSTOP)
        begun = time.monotonic()
        is_failed(box.searcher.search(again(finger(9)), INDEX))
        assert WORK_S <= time.monotonic() - begun < WORK_S + 2
    with pytest.raises(ProcessLookupError):
        os.kill(victim, 0)
    is_well(box)


def test_second_and_verify_say_what_failed(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = box.searcher.search(again(finger(9)), INDEX)
    for ask in (
        lambda: box.searcher.second(again(finger(9, OTHER)), OTHER, answer),
        lambda: box.searcher.verify(again(finger(9)), finger(9)),
    ):
        with monkeypatch.context() as patched:
            unlooked(box, patched)
            victim = pid_of(box)
            os.kill(victim, signal.SIGSTOP)
            killer = threading.Timer(0.2, os.kill, (victim, signal.SIGKILL))
            killer.start()
            with pytest.raises(FingerError, match="was ended"):
                ask()
            killer.join()
        is_well(box)


def test_killed_between_two_searches_costs_only_the_reading(box: Box) -> None:
    os.kill(pid_of(box), signal.SIGKILL)
    is_well(box)


def test_hung_between_two_searches_is_found_by_the_look(box: Box) -> None:
    victim = pid_of(box)
    os.kill(victim, signal.SIGSTOP)
    assert box.searcher.tend()
    assert pid_of(box) != victim
    is_well(box)


def data_of(box: Box) -> int:
    """Private writable memory of the child, in bytes."""
    status = Path(f"/proc/{pid_of(box)}/status").read_text()
    return int(re.findall(r"VmData:\s+(\d+) kB", status)[0]) << 10


def test_out_of_memory_in_mid_search(tmp_path: Path) -> None:
    put(tmp_path, 1, [*people(30), Wanted("R-9", 9)])
    put(tmp_path, 1, [], list_id="crowd", key=None, plain=kit.crowd(4_000))
    with Box(tmp_path, policy=SearchPolicy(work_s=10.0)) as box:
        is_well(box)
        victim, held = pid_of(box), data_of(box)
        resource.prlimit(victim, resource.RLIMIT_DATA, (held, held))
        answer = box.searcher.search(again(finger(9)), INDEX)
        assert (answer.problem, answer.candidates) == (FAILED, ())
        is_well(box)
        assert pid_of(box) != victim


def test_a_generation_that_does_not_fit_is_told_and_the_old_one_serves(tmp_path: Path) -> None:
    put(tmp_path, 1, [*people(30), Wanted("R-9", 9)], key=None)
    with Box(tmp_path) as box:
        is_well(box)
        victim = pid_of(box)
        limit = data_of(box) + (40 << 20)  # enough to search
        resource.prlimit(victim, resource.RLIMIT_DATA, (limit, limit))
        put(tmp_path, 3, [], key=None, plain=kit.crowd(30_000))  # 56 MB
        box.refresh()
        box.settle()
        answer = box.searcher.search(again(finger(9)), INDEX)
        assert [c.record for c in answer.candidates] == ["R-9"]
        assert (answer.coverage[0].generation, answer.coverage[0].state) == (1, CoverageState.DAMAGED)
        (row,) = box.searcher.status()["galleries"]
        assert row["problem"] == "generation 3 does not fit into fingers.search_mb beside what serves"
        assert pid_of(box) == victim


def test_a_generation_that_ends_the_child_three_times_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, 1, [*people(10), Wanted("R-9", 9)])
    put(tmp_path, 1, [], list_id="deadly", key=None, plain=kit.crowd(20_000))
    with Box(tmp_path, policy=SearchPolicy(work_s=WORK_S)) as box:
        keeping = box.searcher._keeping
        for _ in range(400):
            box.searcher.tend()
            loading = keeping._state.loading
            if loading is not None and loading.list_id == "deadly":
                os.kill(pid_of(box), signal.SIGKILL)
            if "deadly" in keeping.holding().refused:
                break
            time.sleep(0.01)
        (row,) = [r for r in box.searcher.status()["galleries"] if r["list"] == "deadly"]
        assert row["problem"] == "generation 1 ended the search 3 times while it was read"
        answer = box.searcher.search(again(finger(9)), INDEX)
        assert [c.record for c in answer.candidates] == ["R-9"]
        assert {c.list_id: c.state for c in answer.coverage} == {
            "deadly": CoverageState.DAMAGED, "wanted": CoverageState.ASKED}


def rotten(box: Box) -> tuple[Path, bytes]:
    """A newer generation that rots between the box's look and the child's; refused. Its file, and what it was."""
    put(box.root, 2, [*people(3), Wanted("NEW", 9)], key=None)
    box.refresh()
    path = box.root / "wanted" / "0000000002" / "gallery.bin"
    good = path.read_bytes()
    path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    box.settle()
    (row,) = box.searcher.status()["galleries"]
    assert row["problem"] == "generation 2 is damaged: gallery.bin does not agree with its digest"
    assert not box.searcher.tend()  # not read for ever
    return path, good


def found_by(box: Box) -> tuple[list[str], CoverageState]:
    answer = box.searcher.search(again(finger(9)), INDEX)
    return [c.record for c in answer.candidates], answer.coverage[0].state


@pytest.mark.parametrize("how", ["mended", "replaced"])
def test_a_refused_generation_is_read_again_when_its_file_is_another(tmp_path: Path, how: str) -> None:
    put(tmp_path, 1, [Wanted("OLD", 9)], key=None)
    with Box(tmp_path) as box:
        assert found_by(box) == (["OLD"], CoverageState.ASKED)
        path, good = rotten(box)
        assert found_by(box) == (["OLD"], CoverageState.DAMAGED)
        if how == "mended":
            path.write_bytes(good)
        else:
            path.with_name("new").write_bytes(good)
            path.with_name("new").rename(path)
        box.settle()
        assert found_by(box) == (["NEW"], CoverageState.ASKED)
        assert box.searcher.status()["galleries"][0]["problem"] == ""


def test_a_refused_generation_is_read_again_after_minutes(tmp_path: Path) -> None:
    """The same file, and a reason that went: here a limit of memory."""
    put(tmp_path, 1, [*people(30), Wanted("R-9", 9)], key=None)
    clock = [0.0]
    with Box(tmp_path) as box:
        box.searcher._keeping._mono = lambda: clock[0]
        is_well(box)
        victim = pid_of(box)
        _, hard = resource.prlimit(victim, resource.RLIMIT_DATA)
        resource.prlimit(victim, resource.RLIMIT_DATA, (data_of(box) + (40 << 20), hard))
        put(tmp_path, 3, [], key=None, plain=kit.crowd(30_000))
        box.refresh()
        box.settle()
        assert "does not fit" in box.searcher.status()["galleries"][0]["problem"]
        resource.prlimit(victim, resource.RLIMIT_DATA, (hard, hard))
        clock[0] = AGAIN_S - 1
        assert not box.searcher.tend()
        clock[0] = AGAIN_S
        assert box.searcher.tend()
        box.settle()
        (row,) = box.searcher.status()["galleries"]
        assert (row["generation"], row["problem"], pid_of(box)) == (3, "", victim)


def test_a_finger_does_not_end_a_child_that_reads_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gallery that takes longer to read than a finger may wait: told as not searched, and read on."""
    put(tmp_path, 1, [], key=None, plain=kit.crowd(30_000))
    with Box(tmp_path, policy=SearchPolicy(work_s=2.0)) as box:
        keeping = box.searcher._keeping
        monkeypatch.setattr(keeping, "waits", lambda: True)
        box.searcher.tend()
        victim = pid_of(box)
        assert box.searcher.search(again(finger(9)), INDEX).candidates == ()  # waited half of its time
        box.settle()
        assert box.searcher.search(finger(9), INDEX).problem == ""
        assert pid_of(box) == victim


def test_nothing_is_left_over(tmp_path: Path) -> None:
    put(tmp_path, 1, [*people(10), Wanted("R-9", 9)])
    before, pids = descriptors(), []
    for _ in range(3):
        with Box(tmp_path, policy=SearchPolicy(work_s=WORK_S)) as box:
            is_well(box)
            pids.append(pid_of(box))
            os.kill(pid_of(box), signal.SIGKILL)
            is_well(box)
            pids.append(pid_of(box))
    assert descriptors() == before
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)  # a zombie would still be there


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_the_thread_of_the_search_keeps_the_child_and_ends_it(tmp_path: Path) -> None:
    put(tmp_path, 1, [*people(10), Wanted("R-9", 9)])
    box = Box(tmp_path, policy=SearchPolicy(work_s=WORK_S))
    stopping = threading.Event()
    thread = threading.Thread(target=box.searcher.run, args=(Pulse(stopping, time.monotonic),))
    thread.start()
    try:
        until = time.monotonic() + 10
        while not box.searcher._keeping.holding().held and time.monotonic() < until:
            time.sleep(0.02)
        first = pid_of(box)
        os.kill(first, signal.SIGKILL)
        while (box.searcher.pid == first or not box.searcher._keeping.holding().held) and time.monotonic() < until:
            time.sleep(0.02)
        assert pid_of(box) != first  # found and begun anew without anybody asking
        is_well(box)
    finally:
        stopping.set()
        thread.join(10)
    assert box.searcher.pid is None


def test_keys_and_people_stand_in_the_memory_of_the_child_alone(tmp_path: Path) -> None:
    put(tmp_path, 1, [*people(2_000), Wanted("R-9", 9)])
    with Box(tmp_path) as box:
        is_well(box)
        process = Path(f"/proc/{pid_of(box)}")
        secrets = (kit.KEY.key, kit.KEY.key.hex().encode(), b"Invented R-9")
        for told_of in ("cmdline", "environ"):
            assert not any(secret in (process / told_of).read_bytes() for secret in secrets), told_of
        for file in tmp_path.rglob("*"):
            assert not file.is_file() or not any(secret in file.read_bytes() for secret in secrets)
        opened = [str(place.readlink()) for place in (process / "fd").iterdir()]
        assert not [name for name in opened if name.startswith("/") and not name.startswith("/dev/")]
        status = (process / "status").read_text()
        limits = (process / "limits").read_text()
        assert re.search(r"Max core file size\s+0\s+0", limits)
        assert int((process / "oom_score_adj").read_text()) >= 500  # the child goes before the daemon does
        assert process.stat().st_uid == 0  # not dumpable: its entries belong to root, whoever runs it
        held = box.searcher.status()
        if resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] == resource.RLIM_INFINITY:
            assert held["locked_mb"] == held["memory_mb"] > 1
            assert int(re.findall(r"VmLck:\s+(\d+)", status)[0]) * 1024 > 1e6


def test_the_answer_is_the_same_after_every_fault(box: Box) -> None:
    before = box.searcher.search(again(finger(9)), INDEX)
    os.kill(pid_of(box), signal.SIGKILL)
    assert replace(box.searcher.search(again(finger(9)), INDEX)) == before
