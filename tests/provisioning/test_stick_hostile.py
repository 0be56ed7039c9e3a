"""Sticks that were made to do harm, or that are broken: each is refused with its own code, nothing of it is staged."""

from __future__ import annotations

import errno
import itertools
import os
import socket
from pathlib import Path

import pytest
from stick_kit import LIMITS, SERIAL, Daemon, FailingLayer, Post, codes, refused

from edge.core.provisioning import inbox
from edge.core.provisioning.codes import Code
from edge.core.provisioning.papers import MAX_ENVELOPE
from provisioning.stick.layer import Layer
from provisioning.stick.limits import Limits


@pytest.fixture
def post(tmp_path):
    found = Post(tmp_path)
    found.full_stick()
    (tmp_path / "secret").write_text("the box's own")
    return found


def refused_whole(post: Post, code: Code, **changes: object) -> None:
    """The stick is refused with that code, the daemon hears of it, nothing was staged, and the text says so."""
    with Daemon(post).running() as daemon:
        outcome = post.visit(**changes)
    assert refused(outcome) == [code]
    assert daemon.seen[outcome.number] == {}
    assert [problem for problem, _ in daemon.offers[outcome.number].problems] == [code]
    assert code.value in (post.papers / f"out/{SERIAL}/RESULT-1.txt").read_text(encoding="utf-8-sig").splitlines()[0]
    assert not list(post.inbox.glob(".staging*"))


@pytest.mark.parametrize("place", [
    "claim/x.claim", f"prov/{SERIAL}.other", "tuf", "link", "claim/.hidden", "time/deep/er/link",
])
def test_a_symbolic_link_anywhere_refuses_the_stick(post, place):
    path = post.papers / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(post.root / "secret")
    refused_whole(post, Code.ODD_FILE)


def test_the_folder_itself_may_be_no_link(post):
    post.papers.rename(post.root / "elsewhere")
    post.papers.symlink_to(post.root / "elsewhere")
    with Daemon(post).running() as daemon:
        outcome = post.visit()
    assert refused(outcome) == [Code.ODD_FILE]
    assert daemon.seen[1] == {}
    assert not (post.root / "elsewhere" / "out").exists()  # nothing was written through it either


def test_a_pipe_a_socket_and_a_device_are_odd_and_nobody_waits_for_them(post):
    os.mkfifo(post.papers / "claim" / "x.claim")
    refused_whole(post, Code.ODD_FILE)
    (post.papers / "claim" / "x.claim").unlink()
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(post.papers / "s"))
        with Daemon(post).running():
            assert refused(post.visit()) == [Code.ODD_FILE]
    (post.papers / "s").unlink()
    try:
        os.mknod(post.papers / "n", 0o020600, os.makedev(1, 3))  # a character device: the null device's numbers
    except PermissionError:
        pytest.skip("needs root to make a device node")
    with Daemon(post).running():
        assert refused(post.visit()) == [Code.ODD_FILE]


@pytest.mark.parametrize("name", [
    b"\xff\xfe.claim", b"caf\xe9.claim", b"new\nline.claim", b"esc\x1b[2J.claim", b"x" * 210 + b".claim",
    "turn\u202eed.claim".encode(),
])
def test_a_name_that_is_no_plain_text_refuses_the_stick_and_is_not_repeated(post, name):
    (Path(os.fsdecode(os.path.join(os.fsencode(post.papers), b"claim", name)))).write_bytes(b"x")  # noqa: PTH118
    refused_whole(post, Code.ODD_FILE)
    text = (post.papers / f"out/{SERIAL}/RESULT-1.txt").read_bytes()
    assert name not in text
    assert b"\x1b" not in text


@pytest.mark.parametrize("names", [
    ("claim/North.claim",), (f"prov/{SERIAL.upper()}.PROV",), ("CLAIM/x",),
    ("claim/\u00e9.claim", "claim/e\u0301.claim"), ("claim/stra\u00dfe", "claim/STRASSE"),
])
def test_names_that_a_pc_takes_for_one_refuse_the_stick(post, names):
    for name in names:
        post.put(name, b"x")
    refused_whole(post, Code.ODD_FILE)


def test_two_folders_of_the_name_refuse_the_stick(post):
    (post.stick / "Borderpost").mkdir()
    with Daemon(post).running() as daemon:
        assert refused(post.visit()) == [Code.ODD_FILE]
    assert daemon.seen[1] == {}


def test_65_000_files_are_too_many_and_are_not_all_looked_at(post):
    folder = post.papers / "tuf"
    folder.mkdir()
    for number in range(65_000):
        os.close(os.open(folder / f"{number}", os.O_CREAT | os.O_WRONLY, 0o600))
    layer = FailingLayer(None, errno.EIO, calls=("look",))
    refused_whole(post, Code.TOO_MANY_FILES, stick_layer=layer)
    assert layer.count <= Limits().names + 20


class Endless(Layer):
    """A folder that never ends: a cluster chain that leads back to itself."""

    def __init__(self, folder: Path | None) -> None:
        self._place = os.stat(folder).st_ino if folder else 0  # noqa: PTH116
        self.count = 0

    def names(self, folder):
        yield from super().names(folder)
        if os.fstat(folder).st_ino == self._place:
            for number in itertools.count():
                self.count += 1
                yield f"n{number}"

    def look(self, name, folder):
        return super().look(name if os.access(name, os.F_OK, dir_fd=folder) else "north.claim", folder)


def test_a_folder_without_end_ends(post):
    layer = Endless(post.papers / "claim")
    refused_whole(post, Code.TOO_MANY_FILES, stick_layer=layer)
    assert layer.count <= Limits().names + 1


def test_a_top_folder_without_end_ends(post):
    layer = Endless(post.stick)
    with Daemon(post).running():
        outcome = post.visit(stick_layer=layer)
    assert refused(outcome) == [Code.TOO_MANY_FILES]
    assert layer.count <= 2 * Limits().names


def test_folders_that_go_too_deep_refuse_the_stick(post):
    post.put("a/b/c/d/e/f/g/h/x", b"x")
    refused_whole(post, Code.TOO_MANY_FILES)


def test_ten_gigabytes_of_nothing_are_not_read(post):
    for place in (f"prov/{SERIAL}.prov", "claim/north.claim", f"reset/{SERIAL}.reset", "time/now.time"):
        with (post.papers / place).open("r+b") as file:
            file.truncate(10 << 30)
    layer = FailingLayer(None, errno.EIO, calls=("read",))
    with Daemon(post).running() as daemon:
        outcome = post.visit(stick_layer=layer)
    assert set(refused(outcome)) == {Code.TOO_LARGE_PAPER, Code.DAMAGED_PAPER}
    assert daemon.seen[1] == {}
    assert layer.count < 10  # of 256 kB each: the header of the envelope, and the one block that shows it is too long


def test_an_envelope_is_never_read_beyond_its_limit(post):
    """Signed for more than there may be, as a stolen key could: the limit holds whatever was signed."""
    place = post.papers / f"prov/{SERIAL}.prov"
    with place.open("r+b") as file:
        file.truncate(MAX_ENVELOPE + 1)
    with Daemon(post).running() as daemon:
        outcome = post.visit()
    assert refused(outcome)
    assert inbox.ENVELOPE not in daemon.seen[1]


class Swapping(Layer):
    """Puts a link to the box's own file in the place of a file, between the look and the opening."""

    def __init__(self, place: Path, secret: Path) -> None:
        self._place, self._secret = place, secret

    def open(self, name, flags, folder):
        if name == self._place.name and not self._place.is_symlink():
            if self._place.is_dir():
                self._place.rename(self._place.with_name("moved"))
            else:
                self._place.unlink()
            self._place.symlink_to(self._secret)
        return super().open(name, flags, folder)


@pytest.mark.parametrize("place", ["claim/north.claim", f"prov/{SERIAL}.prov"])
def test_what_becomes_a_link_after_it_was_looked_at_is_not_followed(post, place):
    with Daemon(post).running() as daemon:
        outcome = post.visit(stick_layer=Swapping(post.papers / place, post.root / "secret"))
    assert refused(outcome) == [Code.ODD_FILE]
    assert not any(b"the box's own" in data for data in daemon.seen[1].values())


def test_an_out_folder_that_is_a_link_is_not_written_through(post):
    (post.root / "elsewhere").mkdir()

    class Late(Layer):
        """The link comes after the survey."""

        def names(self, folder):
            yield from super().names(folder)
            out = post.papers / "out"
            if not out.exists() and post.inbox.joinpath("1", "outcome.json").exists():
                out.symlink_to(post.root / "elsewhere")

        def make(self, name, folder):
            if name == "out":
                (post.papers / "out").symlink_to(post.root / "elsewhere")
            super().make(name, folder)

    with Daemon(post).running():
        outcome = post.visit(stick_layer=Late())
    assert Code.READ_ERROR in codes(outcome) or Code.ODD_FILE in codes(outcome)
    assert list((post.root / "elsewhere").iterdir()) == []


def test_a_bad_block_in_one_file_refuses_that_file_alone(post):
    class BadBlock(Layer):
        """The envelope's file cannot be read to its end."""

        bad: int | None = None

        def open(self, name, flags, folder):
            descriptor = super().open(name, flags, folder)
            self.bad = descriptor if name.endswith(".prov") else self.bad
            return descriptor

        def read(self, descriptor, size):
            if descriptor == self.bad:
                self.bad = None
                raise OSError(errno.EIO, "Input/output error")
            return super().read(descriptor, size)

    with Daemon(post).running() as daemon:
        outcome = post.visit(stick_layer=BadBlock())
    assert refused(outcome) == [Code.READ_ERROR]
    assert set(daemon.seen[1]) == {inbox.CLAIM, inbox.RESET, inbox.TIME}


@pytest.mark.parametrize(("number", "code"), [
    (errno.EROFS, Code.STICK_READ_ONLY), (errno.EACCES, Code.STICK_READ_ONLY), (errno.ENOSPC, Code.STICK_FULL),
    (errno.EIO, Code.READ_ERROR),
])
def test_a_stick_that_cannot_be_written_is_told_by_the_light_and_the_next_one_carries_the_text(post, number, code):
    layer = FailingLayer(1, number, calls=("make", "write"))
    with Daemon(post).running():
        outcome = post.visit(stick_layer=layer)
        assert codes(outcome) == [Code.APPLIED, code]  # rows that are not on the stick were not written to it
        assert post.results() == []
        assert (post.inbox / "1" / "outcome.json").exists()
        assert not (post.inbox / "1" / "out" / inbox.ROWS).exists()  # the daemon writes them anew
        post.visit()
    assert {"RESULT-1.txt", "RESULT-2.txt", "rows.sealed"} <= set(post.results())
    assert post.offers() == []


def test_rows_that_do_not_fit_are_left_out_and_the_text_says_so(post):
    class Small(Layer):
        def room(self, descriptor):
            return LIMITS.result_room + 50

    with Daemon(post).running():
        outcome = post.visit(stick_layer=Small())
    assert codes(outcome) == [Code.APPLIED, Code.STICK_FULL]
    assert post.results() == ["RESULT-1.json", "RESULT-1.txt"]
    assert "BP-208" in (post.papers / f"out/{SERIAL}/RESULT-1.txt").read_text(encoding="utf-8-sig").splitlines()[0]
    assert post.offers() == []


def test_a_stick_that_fills_in_the_middle_of_the_rows_still_takes_the_text(post):
    layer = FailingLayer(1, errno.ENOSPC, once=True, calls=("write",))
    with Daemon(post).running():
        outcome = post.visit(stick_layer=layer)
    assert codes(outcome) == [Code.APPLIED, Code.STICK_FULL]
    assert post.results() == ["RESULT-1.json", "RESULT-1.txt"]


def test_a_paper_of_three_megabytes_is_too_large_but_an_envelope_may_be(post):
    """An envelope may have 64 MiB: of three that are none it is said that they are none, not that they are too many."""
    huge = bytes(3 << 20)
    for kind, name in (("claim", "a.claim"), ("reset", f"{SERIAL}.reset"), ("time", "a.time")):
        post.put(f"{kind}/{name}", huge)
    post.put(f"prov/{SERIAL}.prov", huge)
    with Daemon(post).running():
        outcome = post.visit()
    assert sorted(refused(outcome)) == [Code.DAMAGED_PAPER, *[Code.TOO_LARGE_PAPER] * 3]


def test_a_stick_that_answers_ever_more_slowly_is_given_up(post):
    clock = itertools.count(0, 10)
    with Daemon(post).running() as daemon:
        limits = Limits(spare=0, read_s=100, outcome_s=10**6, write_s=10**6)
        outcome = post.visit(now=lambda: float(next(clock)), limits=limits)
    assert refused(outcome) == [Code.TOOK_TOO_LONG]
    assert daemon.seen[1] == {}


def test_more_papers_of_a_kind_than_anybody_needs_are_not_looked_at(post):
    for number in range(70):
        post.put(f"time/{number}.time", b"x")
    with Daemon(post).running() as daemon:
        outcome = post.visit()
    assert refused(outcome) == [Code.TOO_MANY_FILES]
    assert inbox.TIME not in daemon.seen[1]
    assert inbox.ENVELOPE in daemon.seen[1]
