"""A visit of a whole device: the mounts that are asked for, and a device that goes, is damaged, or answers no more."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from pathlib import Path

import pytest
from stick_device_kit import NoMounts, SysFs
from stick_kit import SERIAL, Daemon, Post, codes, make_image, refused

from edge.core.provisioning.codes import Code
from provisioning.stick import mounting
from provisioning.stick.filesystem import SECTOR, answers
from provisioning.stick.medium import DeviceMedium
from provisioning.stick.mounting import MountCall

OPENED = 2  # calls of mount(2) before the first name is made: to read, then to write
NAMES = 5  # two folders and three files; each is made between two remounts


@pytest.fixture
def sys(tmp_path):
    return SysFs(tmp_path / "sys")


@pytest.fixture
def rig(tmp_path, sys):
    """A post with a whole device: sysfs, the image of a stick, what stands for the kernel's mounts."""
    post = Post(tmp_path)
    post.full_stick()
    sys.disk(sys.device("1-2", ["08"], serial="AA0102"))
    (tmp_path / "dev").mkdir()
    make_image(tmp_path / "dev" / "sda1", post.stick)

    def medium(mounts: NoMounts, environ=(("INVOCATION_ID", "1"),)) -> DeviceMedium:
        return DeviceMedium("sda1", runtime=tmp_path / "run", environ=dict(environ), mounts=mounts, sys=sys.root,
                            dev=tmp_path / "dev")

    return post, sys, medium, tmp_path / "dev" / "sda1"


def test_a_device_is_checked_mounted_remounted_and_let_go(rig):
    post, _, medium, image = rig
    mounts = NoMounts(image)
    with Daemon(post).running() as daemon:
        outcome = post.visit(medium(mounts))
    assert codes(outcome) == [Code.APPLIED, Code.ROWS_WRITTEN]
    assert (daemon.offers[1].stick, daemon.offers[1].file_system) == ("AA0102", "vfat")
    first, again, *made, last = mounts.calls
    assert isinstance(first, MountCall)
    assert again == mounting.writable(first)
    assert made == [mounting.writable(first, in_order=True), again] * NAMES
    assert last == "unmount sda1"
    out = Path(first.target) / "BORDERPOST" / "out" / SERIAL
    assert (out / "RESULT-1.txt").exists()


def test_by_hand_the_process_goes_into_a_namespace_of_its_own_first(rig):
    post, _, medium, image = rig
    mounts = NoMounts(image)
    with Daemon(post).running():
        post.visit(medium(mounts, environ=()))
    assert mounts.calls[0] == "alone"


def test_more_than_storage_is_never_mounted_and_the_box_hears_of_it(rig):
    post, sys, medium, image = rig
    sys.device("1-2", ["08", "03"], serial="AA0102")
    mounts = NoMounts(image)
    with Daemon(post).running() as daemon:
        outcome = post.visit(medium(mounts))
    assert refused(outcome) == [Code.MORE_THAN_STORAGE]
    assert mounts.calls == []
    assert daemon.seen[1] == {}
    assert daemon.offers[1].problems == ((Code.MORE_THAN_STORAGE, "interface class 03"),)


def test_another_file_system_is_never_mounted(rig):
    post, _, medium, image = rig
    image.write_bytes(b"\xeb\x52\x90NTFS    " + bytes(499) + b"\x55\xaa")
    mounts = NoMounts(image)
    with Daemon(post).running():
        assert refused(post.visit(medium(mounts))) == [Code.WRONG_FILE_SYSTEM]
    assert mounts.calls == []


def test_a_stick_with_its_switch_on_read_only_is_told_by_the_light(rig):
    post, _, medium, image = rig
    with Daemon(post).running():
        outcome = post.visit(medium(NoMounts(image, fails={2: errno.EROFS})))
        assert codes(outcome) == [Code.APPLIED, Code.STICK_READ_ONLY]
        assert (post.inbox / "1" / "outcome.json").exists()


@pytest.mark.parametrize("call", range(OPENED + 1, OPENED + 2 * NAMES + 1))
def test_a_stick_that_is_gone_at_any_remount_is_a_read_error_and_the_answer_stays(rig, call):
    post, _, medium, image = rig
    mounts = NoMounts(image, fails={call: errno.EIO})
    before = len(list(Path("/proc/self/fd").iterdir()))
    with Daemon(post).running():
        outcome = post.visit(medium(mounts))
        assert codes(outcome)[-1] is Code.READ_ERROR
        assert (post.inbox / "1" / "outcome.json").exists()
    assert mounts.calls[call:] == ["unmount sda1"]
    there = Path(mounts.calls[0].target) / "BORDERPOST"
    assert there.is_dir()
    assert not list(there.rglob("*.part")), "what was begun is removed"
    assert len(list(Path("/proc/self/fd").iterdir())) <= before


@pytest.mark.parametrize("after", range(OPENED, OPENED + 2 * NAMES))
def test_what_the_kernel_made_read_only_over_a_damaged_table_is_not_made_writable_again(rig, after):
    post, _, medium, image = rig
    mounts = NoMounts(image, damaged_at=after)
    with Daemon(post).running():
        outcome = post.visit(medium(mounts))
        assert codes(outcome)[-1] is Code.STICK_READ_ONLY
        assert (post.inbox / "1" / "outcome.json").exists()
    assert mounts.calls[after:] == ["unmount sda1"]


def test_a_device_whose_node_outlives_it_is_a_read_error(rig):
    """The unit's bind mount of a node stays when the stick goes; opening it is ENXIO then, and so is this socket's."""
    post, _, medium, image = rig

    class Going(NoMounts):
        def mount(self, call: MountCall) -> None:
            super().mount(call)
            if call.flags & mounting.MS_SYNCHRONOUS:
                image.unlink(missing_ok=True)
                with contextlib.closing(socket.socket(socket.AF_UNIX)) as node:
                    node.bind(str(image))

    with Daemon(post).running():
        outcome = post.visit(medium(Going(image)))
    assert codes(outcome)[-1] is Code.READ_ERROR


def test_a_stick_whose_device_is_gone_counts_as_pulled_whatever_the_kernel_still_holds(rig):
    post, sys, medium, image = rig

    class Going(NoMounts):
        def mount(self, call: MountCall) -> None:
            super().mount(call)
            (sys.root / "class/block/sda1").unlink(missing_ok=True)

    with Daemon(post).running() as daemon:
        outcome = post.visit(medium(Going(image)))
    assert Code.READ_ERROR in refused(outcome)
    assert daemon.seen[1] == {}


def test_a_stick_that_reads_no_more_counts_as_pulled_while_the_kernel_still_names_it(rig):
    post, sys, medium, image = rig

    class Going(NoMounts):
        def mount(self, call: MountCall) -> None:
            super().mount(call)
            image.unlink()

    with Daemon(post).running() as daemon:
        outcome = post.visit(medium(Going(image)))
    assert (sys.root / "class/block/sda1").exists()
    assert Code.READ_ERROR in refused(outcome)
    assert daemon.seen[1] == {}


def test_a_device_answers_while_its_first_bytes_are_read_anew(tmp_path):
    image = tmp_path / "sda1"
    assert not answers(image)
    image.write_bytes(b"")
    try:
        os.close(os.open(image, os.O_RDONLY | os.O_DIRECT))
    except OSError:
        pytest.skip(f"{tmp_path} is on a file system that is read through caches alone: see the next test")
    assert not answers(image)
    image.write_bytes(bytes(SECTOR))
    assert answers(image)


def test_an_image_on_a_file_system_that_cannot_read_past_its_caches_counts_as_there(tmp_path, monkeypatch):
    def without(path, flags, *more, **named):
        if flags & os.O_DIRECT:
            raise OSError(errno.EINVAL, "Invalid argument")
        return whole(path, flags, *more, **named)

    whole = os.open
    monkeypatch.setattr(os, "open", without)
    (tmp_path / "sda1").write_bytes(b"")
    assert answers(tmp_path / "sda1")
