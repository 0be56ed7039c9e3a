"""A keyed list on disk: opened, asked, changed under those who ask, and refused when it is not what it should be."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from keyed_kit import KEY, LIST, RING, Told, base_bytes, changed, opened

from edge import compact, keyed_folder, keyed_install
from edge.core.errors import LayoutError
from edge.core.keyed import header as headers
from edge.core.keyed.delta import make_delta
from edge.core.keyed.keys import ListKey, document_text
from edge.core.keyed.record import Record
from edge.keyed_files import Applied, BusyError, KeyedError, KeyedList
from edge.keyed_install import install_base

TEXTS = [document_text("UTO", f"A{i:05d}") for i in range(3000)]
ONE: Told = {(text, Record("P", "stolen", detail=i)): 1 for i, text in enumerate(TEXTS[:2000])}
TWO = changed(ONE, 2, [(t, Record("P", "lost")) for t in TEXTS[2000:2500]], list(ONE)[:100])
THREE = changed(TWO, 3, [(t, Record("P", "revoked")) for t in TEXTS[2500:2600]], list(TWO)[:50])
BASES = {g: base_bytes(told, g) for g, told in ((1, ONE), (2, TWO), (3, THREE))}
TO_2 = make_delta(opened(BASES[1]), opened(BASES[2]))
TO_3 = make_delta(opened(BASES[2]), opened(BASES[3]))
OVER = make_delta(opened(BASES[1]), opened(BASES[3]))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    install_base(tmp_path / "sltd", "sltd", [BASES[1][:10], BASES[1][10:50_000], BASES[1][50_000:]])
    return tmp_path / "sltd"


def open_list(folder: Path) -> KeyedList:
    return KeyedList.open(folder, "sltd", RING.get)


def agrees(here: KeyedList, told: Told, step: int = 7) -> None:
    for text in TEXTS[::step]:
        assert {(f.record, f.layer) for f in here.find(text)} == {(r, n) for (t, r), n in told.items() if t == text}
    assert here.header.count == len(told)
    assert here.header.digest == opened(BASES[here.generation]).header.digest


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"LOCK"}


def test_deltas_compaction_and_what_lies_in_the_folder(folder: Path) -> None:
    here = open_list(folder)
    agrees(here, ONE)
    assert here.overlay_rows == 0
    assert here.apply(TO_2).generation == 2
    agrees(here, TWO)
    assert here.overlay_rows == 600
    assert files(folder) == {"CURRENT", "base-0000000001.sdl", "overlay-0000000002.sdo"}
    applied = here.apply(TO_3)
    assert applied.written == (folder / "overlay-0000000003.sdo").stat().st_size
    agrees(here, THREE)
    assert files(folder) == {"CURRENT", "base-0000000001.sdl", "overlay-0000000003.sdo"}
    child = compact.start(folder, "sltd")
    assert child.wait(60) == 0
    agrees(here, THREE)  # still on the files that were removed
    assert here.refresh()
    agrees(here, THREE)
    assert files(folder) == {"CURRENT", "base-0000000003.sdl"}
    assert (folder / "base-0000000003.sdl").read_bytes() == BASES[3]
    assert compact.compact(folder, "sltd") == 0
    assert len(list(here.verify())) >= 0
    assert here.problem is None


def test_a_delta_over_several_generations_and_the_same_once_more(folder: Path) -> None:
    here = open_list(folder)
    here.apply(OVER)
    agrees(here, THREE)
    for old in (TO_2, TO_3, OVER):
        assert here.apply(old).written == 0
    agrees(here, THREE)


def test_what_does_not_fit_changes_nothing(folder: Path) -> None:
    here = open_list(folder)
    before = files(folder)
    for data in (TO_3, TO_2[:-1], TO_2[:3000] + b"?" + TO_2[3001:], b"", BASES[2]):
        with pytest.raises(LayoutError):
            here.apply(data)
    assert files(folder) == before
    agrees(here, ONE)
    agrees(open_list(folder), ONE)


def test_another_process_changed_the_list_and_apply_goes_on_from_there(folder: Path) -> None:
    here, there = open_list(folder), open_list(folder)
    there.apply(TO_2)
    agrees(here, ONE)
    assert here.refresh()
    assert not here.refresh()
    agrees(here, TWO)
    there.apply(TO_3)
    assert here.apply(TO_2).generation == 3  # it noticed that it stands at 3 already
    agrees(here, THREE)


def test_readers_are_never_between_two_generations(folder: Path) -> None:
    here = open_list(folder)
    wrong: list[object] = []
    stop = threading.Event()
    goes, stays = TEXTS[0], TEXTS[1500]

    def ask() -> None:
        while not stop.is_set():
            if len(here.find(stays)) != 1:
                wrong.append("lost")
            first = bool(here.find(goes))
            came = bool(here.find(TEXTS[2000]))
            if first and came:  # asked in this order: gone before the other came
                wrong.append("both")

    thread = threading.Thread(target=ask)
    thread.start()
    for delta in (TO_2, TO_3):
        here.apply(delta)
    compact.compact(folder, "sltd")
    here.refresh()
    stop.set()
    thread.join(10)
    assert wrong in ([], ["both"])  # "both" once: the swap came between the two questions
    agrees(here, THREE)


def test_one_writer_at_a_time(folder: Path) -> None:
    here = open_list(folder)
    with (folder / "LOCK").open("r+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(BusyError, match="another process"):
            here.apply(TO_2)
        with pytest.raises(BusyError):
            compact.compact(folder, "sltd")
        agrees(here, ONE)
    assert here.apply(TO_2).generation == 2


def test_the_list_key_must_be_on_the_ring(folder: Path) -> None:
    with pytest.raises(KeyedError, match="holds no key") as caught:
        KeyedList.open(folder, "sltd", {bytes(8): KEY}.get)
    assert KEY.hex() not in str(caught.value)
    other = ListKey(bytes(32), LIST.ident)
    assert not KeyedList.open(folder, "sltd", {LIST.ident: bytes(32)}.get).find(TEXTS[0])
    assert other.ident == LIST.ident


def test_a_folder_without_anything_and_one_of_another_list(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(KeyedError, match="nothing is there"):
        KeyedList.open(tmp_path / "none", "sltd", RING.get)
    with pytest.raises(KeyedError):
        KeyedList.open(folder, "tdawn", RING.get)


@pytest.mark.parametrize("text", [b"", b"keyed 1 sltd 0000000009 0000000009 0\n", b"\0" * 256, b"x" * 10_000])
def test_a_damaged_current_leads_to_the_newest_files(folder: Path, text: bytes) -> None:
    open_list(folder).apply(TO_2)
    (folder / "CURRENT").write_bytes(text)
    here = open_list(folder)
    assert here.problem is not None
    agrees(here, TWO)
    install_base(folder, "sltd", [BASES[3]])
    assert here.refresh()
    assert here.problem is None
    agrees(here, THREE)


def test_current_that_is_no_file_waits_for_nobody(folder: Path) -> None:
    (folder / "CURRENT").unlink()
    os.mkfifo(folder / "CURRENT")
    here = open_list(folder)
    assert "no regular file" in str(here.problem)
    agrees(here, ONE)


def test_a_rotten_overlay_lets_the_base_serve_and_says_so(folder: Path) -> None:
    open_list(folder).apply(TO_2)
    name = folder / "overlay-0000000002.sdo"
    data = bytearray(name.read_bytes())
    data[5000] ^= 1
    name.write_bytes(data)
    here = open_list(folder)
    assert here.generation == 1
    assert "damaged" in str(here.problem)
    here.apply(OVER)  # the catch-up from where it stands mends it
    agrees(here, THREE)
    assert here.problem is None


def rot(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def test_a_rotten_base_is_found_at_once_where_it_is_small(folder: Path) -> None:
    rot(folder / "base-0000000001.sdl", 9000)
    with pytest.raises(KeyedError, match="damaged"):
        open_list(folder)
    install_base(folder, "sltd", [BASES[1]])
    agrees(open_list(folder), ONE)


def test_a_rotten_base_is_found_before_a_record_is_believed_and_the_same_base_mends_it(tmp_path: Path) -> None:
    told: Told = {(document_text("D", f"{i:08d}"), Record("P", "lost", detail=i)): 1 for i in range(90_000)}
    data, folder = base_bytes(told, 1, block=90_000), tmp_path / "sltd"
    install_base(folder, "sltd", [data])
    rot(folder / "base-0000000001.sdl", 9000)
    with pytest.raises(LayoutError, match="chunk 0"):
        list(open_list(folder).verify())
    here = open_list(folder)
    refused = 0
    for text, record in list(told)[::300]:
        try:
            found = [f.record for f in here.find(text)]
        except LayoutError:
            refused += 1
            continue
        assert found == [record]
    assert 0 < refused < 300  # what lies in chunk 0, and not the rest
    assert install_base(folder, "sltd", [data]).written == len(data)
    here = open_list(folder)
    assert list(here.verify()) == [0]  # the last chunk was verified for the directory when it was opened
    assert list(here.verify()) == []


def test_a_base_goes_forward_alone(folder: Path) -> None:
    open_list(folder).apply(TO_2)
    assert install_base(folder, "sltd", [BASES[1]]).generation == 2  # sound already: nothing to do
    assert install_base(folder, "sltd", [BASES[2]]) == Applied(2, 0)
    assert install_base(folder, "sltd", [BASES[3]]).generation == 3
    with pytest.raises(LayoutError, match="2 is older than 3"):
        install_base(folder, "sltd", [BASES[2]])
    agrees(open_list(folder), THREE)
    with pytest.raises(LayoutError, match="older"):
        install_base(folder, "sltd", [BASES[1]])
    assert files(folder) == {"CURRENT", "base-0000000003.sdl"}


@pytest.mark.parametrize(
    "data", [BASES[3][:-1], BASES[3] + b"x", BASES[3][:9000] + b"?" + BASES[3][9001:], BASES[3][:100], b""]
)
def test_a_damaged_base_is_not_installed(folder: Path, data: bytes) -> None:
    with pytest.raises(LayoutError):
        install_base(folder, "sltd", [data])
    with pytest.raises(LayoutError, match="not a base"):
        install_base(folder, "tdawn", [BASES[3]])
    agrees(open_list(folder), ONE)
    assert files(folder) == {"CURRENT", "base-0000000001.sdl"}


def test_a_full_disk_changes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = open_list(folder)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        with pytest.raises(KeyedError, match="No space left") as caught:
            here.apply(TO_2)
    assert "free some space" in caught.value.advice
    agrees(here, ONE)
    assert files(folder) == {"CURRENT", "base-0000000001.sdl"}
    agrees(open_list(folder), ONE)


def test_a_compaction_without_room_is_not_begun(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_list(folder).apply(TO_2)
    stat = os.statvfs(folder)
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result((*stat[:4], 1, *stat[5:])))
    with pytest.raises(KeyedError, match="free disk"):
        compact.compact(folder, "sltd")
    agrees(open_list(folder), TWO)


def test_the_compaction_command_says_what_is_wrong(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "edge.compact"]
    wrong = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (wrong.returncode, "usage" in wrong.stderr) == (2, True)
    none = subprocess.run([*command, str(tmp_path / "x"), "sltd"], capture_output=True, text=True, check=False)
    assert (none.returncode, "is not there" in none.stderr) == (1, True)


def test_asking_needs_no_numpy(folder: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from edge.keyed_files import KeyedList\n"
        f"here = KeyedList.open(Path({str(folder)!r}), 'sltd', {RING!r}.get); assert here.find({TEXTS[0]!r})\n"
        "assert 'numpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_files_are_the_owners_alone(folder: Path) -> None:
    open_list(folder).apply(TO_2)
    for path in folder.iterdir():
        assert path.stat().st_mode & 0o077 == 0, path.name
    assert keyed_folder.read_current(folder, "sltd") == keyed_folder.Pair(1, 2)
    assert keyed_install.install_base.__doc__


def test_a_large_file_is_put_on_the_disk_in_small_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written, pieces = [0], [0]
    pwrite, fdatasync = os.pwrite, os.fdatasync

    def counted(target: int, data: bytes, at: int) -> int:
        done = pwrite(target, data, at)
        written[0] += done
        pieces[-1] += done
        return done

    def synced(target: int) -> None:
        pieces.append(0)
        fdatasync(target)

    def body(write: Callable[[bytes], None]) -> bytes:
        for _ in range(30):
            write(bytes(1 << 20))
        return bytes(headers.SIZE)

    monkeypatch.setattr(os, "pwrite", counted)
    monkeypatch.setattr(os, "fdatasync", synced)
    keyed_folder.write_file(tmp_path, "base-0000000009.sdl", body)
    assert written == [(30 << 20) + headers.SIZE]
    assert max(pieces) <= 9 << 20  # a look-up that needs the disk waits for no more than that
