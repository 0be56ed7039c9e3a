"""The child process: whatever happens to it, the caller gets an answer or one clear error, and a fresh child."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from finger_kit import finger

from common.fingers.child import AGAIN, Child, ChildFailedError
from common.fingers.extraction import ExtractOptions, extract_file_in, extract_in
from common.fingers.extractors import open_extractor
from common.fingers.frames import Fault
from common.fingers.images import png_bytes
from edge.core.fingerprints.model import FingerError, FingerImage, Position

HERE = Path(__file__).resolve().parent


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(HERE))


def made(options: dict[str, object] | None = None, **settings: Any) -> Child:
    return Child({"act": options or {}}, module="crashing_child", **settings)


@pytest.fixture
def child() -> Iterator[Child]:
    with made() as one:
        one.ready()
        yield one


def act(child: Child, what: str, value: object = None, timeout_s: float = 10.0, reply: type[Any] = object) -> Any:
    return child.call("act", (what, msgspec.Raw(msgspec.msgpack.encode(value))), reply, timeout_s)


def works(child: Child) -> bool:
    return bool(act(child, "echo", "still here") == "still here")


def descriptors() -> set[str]:
    return {entry.name for entry in Path("/proc/self/fd").iterdir()}


def gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("value", [1, "x", b"y" * 5_000_000, list(range(1000))])
def test_a_request_is_answered(child: Child, value: object) -> None:
    assert act(child, "echo", value) == value
    assert child.starts == 1


def test_what_the_service_refuses_is_told_and_the_child_stays(child: Child) -> None:
    pid = child.pid
    with pytest.raises(FingerError, match="this image cannot be used") as caught:
        act(child, "refuse")
    assert not isinstance(caught.value, ChildFailedError)
    assert caught.value.advice == "take another"
    assert works(child)
    assert child.pid == pid


@pytest.mark.parametrize(
    ("what", "fault"),
    [
        ("bug", Fault.BUG),
        ("memory", Fault.MEMORY),
        ("native memory", Fault.MEMORY),
        ("segfault", Fault.KILLED),
        ("exit", Fault.KILLED),
        ("rubbish", Fault.GARBAGE),
    ],
)
def test_what_native_code_does_ends_in_one_clear_error_and_a_fresh_child(what: str, fault: Fault) -> None:
    with made(memory_mib=400) as child:
        child.ready()
        pid = child.pid
        assert pid is not None
        with pytest.raises(ChildFailedError, match="capture failed") as caught:
            act(child, what)
        assert caught.value.fault is fault
        assert caught.value.advice == AGAIN
        assert "secret" not in str(caught.value)
        assert gone(pid)
        assert child.starts == 2  # already loading, before anybody asks
        assert works(child)


def test_kill_minus_nine_in_the_middle_of_a_request(child: Child) -> None:
    assert child.pid is not None
    killer = threading.Timer(0.3, os.kill, (child.pid, signal.SIGKILL))
    killer.start()
    began = time.monotonic()
    with pytest.raises(ChildFailedError, match="signal 9") as caught:
        act(child, "hang", timeout_s=30)
    assert caught.value.fault is Fault.KILLED
    assert time.monotonic() - began < 5
    assert works(child)


def test_a_child_that_was_killed_between_two_calls_costs_nothing_but_time(child: Child) -> None:
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while Path(f"/proc/{child.pid}/stat").read_text().split(") ")[1][0] != "Z" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert works(child)
    assert child.starts == 2


@pytest.mark.parametrize("how", ["hang", "stopped"])
def test_a_child_that_hangs_is_ended_at_the_deadline(child: Child, how: str) -> None:
    pid = child.pid
    assert pid is not None
    if how == "stopped":
        os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    with pytest.raises(ChildFailedError) as caught:
        act(child, "hang" if how == "hang" else "echo", timeout_s=0.5)
    assert caught.value.fault is Fault.HUNG
    assert time.monotonic() - began < 3
    assert gone(pid)
    assert works(child)


def test_a_stopped_child_that_reads_nothing_does_not_hold_a_large_request_up(child: Child) -> None:
    assert child.pid is not None
    os.kill(child.pid, signal.SIGSTOP)
    with pytest.raises(ChildFailedError) as caught:
        act(child, "echo", bytes(8 << 20), timeout_s=0.5)
    assert caught.value.fault is Fault.HUNG


def test_an_answer_of_another_shape_is_garbage(child: Child) -> None:
    with pytest.raises(ChildFailedError) as caught:
        act(child, "echo", "a word", reply=int)
    assert caught.value.fault is Fault.GARBAGE


def test_libraries_that_print_disturb_nobody(child: Child) -> None:
    assert act(child, "print") == "printed"
    assert works(child)


def test_a_service_that_does_not_load_says_why_and_is_not_begun_again() -> None:
    with made({"refuse": True}) as child:
        with pytest.raises(FingerError, match="the model is missing"):
            child.ready()
        assert child.pid is None
        assert child.starts == 1
    with made({"break": True}) as child, pytest.raises(ChildFailedError, match="KeyError") as caught:
        child.ready()
    assert "secret" not in str(caught.value)


def test_a_service_that_loads_for_ever_is_given_up() -> None:
    with made({"slow": True}, start_s=1.0) as child:
        with pytest.raises(ChildFailedError) as caught:
            act(child, "echo")
        assert caught.value.fault is Fault.NOT_STARTED
        assert (child.starts, child.load_s) == (2, 2.0)


def test_a_module_that_is_not_there() -> None:
    with Child({}, module="common.fingers.no_such_module") as child, pytest.raises(ChildFailedError) as caught:
        child.ready()
    assert caught.value.fault is Fault.NOT_STARTED


def test_an_unknown_service() -> None:
    with Child({"weather": {}}) as child, pytest.raises(FingerError, match="weather"):
        child.ready()


def test_several_threads_take_turns(child: Child) -> None:
    found: list[object] = []
    threads = [threading.Thread(target=lambda n=n: found.append(act(child, "echo", n))) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(8))  # type: ignore[type-var]


def test_close_leaves_neither_process_nor_descriptor() -> None:
    before = descriptors()
    for what in ("echo", "segfault", "hang"):
        child = made()
        child.start()
        pid = child.pid
        assert pid is not None
        if what == "echo":
            act(child, what)
        else:
            with pytest.raises(ChildFailedError):
                act(child, what, timeout_s=0.3)
            pid = child.pid or pid
        child.close()
        child.close()
        assert gone(pid)
    assert descriptors() == before
    with pytest.raises(ChildFailedError, match="closed"):
        child.start()


def test_close_does_not_wait_for_a_call_that_hangs(child: Child) -> None:
    found: list[BaseException] = []

    def call() -> None:
        try:
            act(child, "hang", timeout_s=50)
        except ChildFailedError as error:
            found.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    pid, began = child.pid, time.monotonic()
    assert pid is not None
    while not child.busy:
        time.sleep(0.01)
    child.close()
    thread.join()
    assert time.monotonic() - began < 5
    assert len(found) == 1
    assert gone(pid)
    assert child.pid is None


def test_it_ends_with_its_parent() -> None:
    program = (
        "import os, sys\n"
        "from common.fingers.child import Child\n"
        "child = Child({'act': {}}, module='crashing_child')\n"
        "child.start(); child.ready()\n"
        "print(child.pid, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    path = os.pathsep.join([str(HERE), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=False, timeout=60,
        env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    pid = int(done.stdout)
    deadline = time.monotonic() + 5
    while not gone(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert gone(pid)


def test_what_it_has_given_up(child: Child) -> None:
    limits = Path(f"/proc/{child.pid}/limits").read_text()
    assert "Max core file size        0                    0" in limits
    assert f"Max data size             {1536 << 20}" in limits
    assert Path(f"/proc/{child.pid}/mem").stat().st_uid == 0  # not dumpable: root's, whoever runs it
    assert os.getsid(child.pid) == child.pid  # Ctrl-C at our terminal does not reach it


def test_no_memory_becomes_executable_where_that_is_asked() -> None:
    with made(no_new_code=True) as child:
        if not child.ready().no_new_code:
            pytest.skip("PR_SET_MDWE came with Linux 6.3")
        assert act(child, "executable") is True
    with made() as child:
        assert act(child, "executable") is False


@pytest.mark.parametrize("name", ["mindtct", "leader"])
def test_extraction_in_a_child_is_that_of_the_extractor_also_where_no_code_can_be_made(name: str) -> None:
    pytest.importorskip("nbis", reason="nbis-py comes with the extra fingers")
    image = finger(1)
    alone = open_extractor(name).extract(image, Position.RIGHT_INDEX)
    with Child({"extract": ExtractOptions(name)}, no_new_code=True) as child:
        found = extract_in(child, image, Position.RIGHT_INDEX, quality=True)
        filed = extract_file_in(child, png_bytes(image.pixels), "a.png", Position.RIGHT_INDEX)
        with pytest.raises(FingerError, match=r"b\.png: neither PNG"):
            extract_file_in(child, b"no image", "b.png", Position.RIGHT_INDEX)
        assert child.starts == 1
    for field in ("x", "y", "angle", "kind", "quality"):
        assert np.array_equal(getattr(alone, field), getattr(found, field))
        assert np.array_equal(getattr(alone, field), getattr(filed, field))
    assert (found.extractor_id, found.position) == (alone.extractor_id, Position.RIGHT_INDEX)
    assert 0 < found.image_quality <= 100
    assert filed.image_quality == 255


def test_an_image_that_needs_more_memory_than_there_is_ends_the_child_and_not_us() -> None:
    pytest.importorskip("onnxruntime", reason="onnxruntime comes with the extra fingers")
    rows = (128 + 90 * np.sin(np.arange(800) * 2 * np.pi / 9)).astype(np.uint8)
    large = FingerImage(np.repeat(rows[:, None], 800, axis=1))
    with Child({"extract": ExtractOptions("leader", quality=False)}, memory_mib=450) as child:
        assert len(extract_in(child, finger(1), Position.UNKNOWN)) > 20
        with pytest.raises(ChildFailedError) as caught:
            extract_in(child, large, Position.UNKNOWN)
        assert caught.value.fault is Fault.MEMORY
        assert len(extract_in(child, finger(1), Position.UNKNOWN)) > 20
        assert child.starts == 2
    assert resource.getrlimit(resource.RLIMIT_DATA)[0] == resource.RLIM_INFINITY
