"""Where a box has its list keys from: credential, sealed file; both, neither, damaged, renewed."""

from __future__ import annotations

import mmap
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from edge.core import sealing
from edge.core.vault import KeyRing, RingEntry, seal_ring
from edge.list_keys import RING, SEAL_FILE, SEAL_KEY, SEALED, ListKeys
from edge.secret_memory import allocate, locked

UN = RingEntry("un", 1, bytes(range(32)))
SLTD = RingEntry("sltd", 1, bytes(range(1, 33)))
NEWER = RingEntry("un", 9, bytes(range(2, 34)))


def sealed_to(line: str, *entries: RingEntry) -> bytes:
    return seal_ring(KeyRing.of(entries), sealing.seal_public_from_text(line))


@pytest.fixture
def credentials(tmp_path: Path) -> Path:
    folder = tmp_path / "credentials"
    folder.mkdir()
    return folder


def on(state: Path, credentials: Path | None = None) -> ListKeys:
    return ListKeys(state, {"CREDENTIALS_DIRECTORY": str(credentials)} if credentials else {})


def test_a_box_without_keys_has_an_empty_ring_and_no_problem(tmp_path: Path) -> None:
    keys = on(tmp_path)
    assert keys.ring() == KeyRing()
    assert keys.problem is None
    assert list(tmp_path.iterdir()) == []


def test_the_seal_key_is_made_once_and_private(tmp_path: Path) -> None:
    line = on(tmp_path).public_line()
    assert line == on(tmp_path).public_line()
    assert stat.S_IMODE((tmp_path / SEAL_FILE).stat().st_mode) == 0o600


def test_a_ring_in_a_credential_leaves_nothing_on_the_disk(tmp_path: Path, credentials: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (credentials / RING).write_bytes(KeyRing.of([UN]).encode())
    keys = on(state, credentials)
    assert keys.ring().entries == (UN,)
    assert list(state.iterdir()) == []


def test_a_sealed_file_is_opened_and_taken_up_when_it_is_renewed(tmp_path: Path) -> None:
    keys = on(tmp_path)
    line = keys.public_line()
    assert keys.ring() == KeyRing()
    (tmp_path / SEALED).write_bytes(sealed_to(line, UN))
    assert keys.ring().entries == (UN,)
    assert keys.ring() is keys.ring()  # not read again while nothing changed
    (tmp_path / "new").write_bytes(sealed_to(line, UN, NEWER, SLTD))
    (tmp_path / "new").rename(tmp_path / SEALED)
    assert keys.ring().for_generation("un", 9) == NEWER


def test_the_seal_key_may_be_a_credential_too(tmp_path: Path, credentials: Path) -> None:
    private = sealing.generate_seal_key()
    (credentials / SEAL_KEY).write_bytes(sealing.private_to_pem(private))
    keys = on(tmp_path, credentials)
    (tmp_path / SEALED).write_bytes(sealed_to(keys.public_line(), UN))
    assert keys.ring().entries == (UN,)
    assert not (tmp_path / SEAL_FILE).exists()


def test_both_are_one_ring_and_the_sealed_one_is_newer(tmp_path: Path, credentials: Path) -> None:
    keys = on(tmp_path, credentials)
    (credentials / RING).write_bytes(KeyRing.of([UN, SLTD]).encode())
    (tmp_path / SEALED).write_bytes(sealed_to(keys.public_line(), RingEntry("un", 1, NEWER.key)))
    assert {e.list_id: e.key for e in keys.ring().entries} == {"un": NEWER.key, "sltd": SLTD.key}


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "other box", "pipe", "huge", "no key"])
def test_what_cannot_be_used_is_named_and_stops_nothing(tmp_path: Path, credentials: Path, damage: str) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (credentials / RING).write_bytes(KeyRing.of([SLTD]).encode())
    keys = on(state, credentials)
    blob = bytearray(sealed_to(keys.public_line(), UN))
    place = state / SEALED
    if damage == "flip":
        blob[-1] ^= 1
    elif damage == "other box":
        blob = bytearray(seal_ring(KeyRing.of([UN]), sealing.generate_seal_key().public_key()))
    elif damage == "no key":
        (state / SEAL_FILE).unlink()
    if damage == "pipe":
        os.mkfifo(place)
    else:
        place.write_bytes({"cut": bytes(blob[:30]), "empty": b"", "huge": b"x" * (2 << 20)}.get(damage, bytes(blob)))
    assert keys.ring().entries == (SLTD,)
    assert keys.problem
    assert SEALED in keys.problem
    (credentials / RING).write_bytes(b'{"keys": 7}')
    assert keys.ring() == KeyRing()
    assert keys.problem.count(";") == 1


def test_a_seal_key_that_is_none_is_named(tmp_path: Path) -> None:
    line = on(tmp_path).public_line()
    (tmp_path / SEALED).write_bytes(sealed_to(line, UN))
    (tmp_path / SEAL_FILE).write_text("no key")
    keys = on(tmp_path)
    assert keys.ring() == KeyRing()
    assert SEAL_FILE in (keys.problem or "")


# -- the memory that lists are opened into ---------------------------------------------------------------------------


def flags_of(size_kb: int) -> list[str]:
    """The flags of every private mapping of this size, as the kernel tells them."""
    found, matching = [], False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if line.startswith("Size:"):
            matching = int(line.split()[1]) == size_kb
        elif line.startswith("VmFlags:") and matching:
            found.append(line)
    return found


def test_the_memory_is_in_no_core_dump_and_in_no_child_and_has_no_file() -> None:
    memory = allocate(3_333 * 4096)
    assert len(memory) == 3_333 * 4096
    assert not any(memory[:4096])
    assert any(" dd" in line and " wf" in line for line in flags_of(3_333 * 4))
    memory[0] = 7
    child = os.fork()
    if child == 0:
        os._exit(memory[0])
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0  # blank there
    assert memory[0] == 7


def test_memory_that_may_not_be_locked_is_given_all_the_same() -> None:
    memory = allocate(5000, lock=lambda _: False)
    memory[:3] = b"abc"
    assert bytes(memory[:4]) == b"abc\0"
    assert len(allocate(0)) == 0
    mapping = mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    assert locked(mapping) in {True, False}
    mapping.close()  # no view of it is left behind


@pytest.mark.parametrize("guarded", [False, True])
def test_a_guarded_process_leaves_no_core_dump_whatever_the_limit(tmp_path: Path, guarded: bool) -> None:
    program = (
        "import os, resource; from edge.secret_memory import guard_process\n"
        "hard = resource.getrlimit(resource.RLIMIT_CORE)[1]; resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))\n"
        f"assert not {guarded} or guard_process()\n"
        "os.abort()"
    )
    child = subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path)
    _, status = os.waitpid(child.pid, 0)
    child.returncode = status  # it is gone: nobody else need wait for it
    assert os.WTERMSIG(status) == signal.SIGABRT
    if guarded:
        assert not os.WCOREDUMP(status)
        assert list(tmp_path.iterdir()) == []
    elif not os.WCOREDUMP(status):
        pytest.skip("this machine writes no core dumps at all: there is nothing to compare with")
