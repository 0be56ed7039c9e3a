"""A copied disk, a moved one, a journal put back: noticed by what was sealed at the last start."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from enrol_kit import Headquarters, Post

from edge.enrol.cloning import BootState, copied
from edge.enrol.hardware import Marks, inventory, marks

HERE = Marks("board", ("card-1", "card-2"), ("disk",))


@pytest.mark.parametrize(
    ("now", "epoch", "newest", "why"),
    [
        (HERE, "e1", 9, ""),
        (Marks("board", ("card-2",), ("disk", "stick")), "e1", 9, ""),  # one card fewer, one disk more
        (Marks("board", ("card-1",), ()), "e1", 9, ""),  # what cannot be read tells nothing
        (Marks("other", ("card-1",), ("disk",)), "e1", 9, "machine_changed"),
        (Marks("board", ("card-9",), ("disk",)), "e1", 9, "machine_changed"),
        (Marks("board", ("card-1",), ("other",)), "e1", 9, "disk_changed"),
        (HERE, "e1", 4, "journal_restored"),
        (HERE, "e2", 4, ""),  # a journal that was begun anew
    ],
)
def test_what_tells_a_copy(now: Marks, epoch: str, newest: int, why: str) -> None:
    assert copied(BootState(HERE, "e1", 5), now, epoch, newest) == why
    assert copied(None, now, epoch, newest) == ""


def machine(system: Path, board: str, card: str, disk: str) -> None:
    """The parts of /sys that count."""
    def put(name: str, text: str) -> None:
        (system / name).parent.mkdir(parents=True, exist_ok=True)
        (system / name).write_text(text + "\n")

    shutil.rmtree(system, ignore_errors=True)
    put("class/dmi/id/sys_vendor", "Invented")
    put("class/dmi/id/product_name", "Mini 1")
    put("class/dmi/id/board_serial", board)
    put("class/net/eth0/address", card)
    put("class/net/eth0/device/vendor", "0x8086")
    put("class/net/lo/address", "00:00:00:00:00:00")
    put("block/sda/device/wwid", disk)
    put("block/loop0/size", "0")
    put("bus/usb/devices/1-1/idVendor", "05ba")
    put("bus/usb/devices/1-1/idProduct", "000a")
    put("bus/usb/devices/usb1/idVendor", "1d6b")
    put("bus/usb/devices/usb1/idProduct", "0002")
    put("bus/usb/devices/usb1/bDeviceClass", "09")


def test_a_disk_in_another_machine_gets_a_new_epoch_and_an_alarm_once(tmp_path: Path) -> None:
    post = Post(tmp_path, Headquarters())
    machine(post.places.system, "board-1", "02:00:00:00:00:01", "disk-1")
    with post.process() as life:
        epoch = life.journal.epoch
        assert life.alarms == []
    with post.process() as life:
        assert life.journal.epoch == epoch
    machine(post.places.system, "board-2", "02:00:00:00:00:02", "disk-1")
    with post.process() as life:
        assert life.alarms == ["machine_changed"]
        second = life.journal.epoch
        assert second != epoch
    with post.process() as life:
        assert life.alarms == []
        assert life.journal.epoch == second


def test_the_inventory_names_the_machine_and_what_is_plugged_in(tmp_path: Path) -> None:
    machine(tmp_path / "sys", "board-1", "02:00:00:00:00:01", "disk-1")
    found = inventory(tmp_path / "sys", tmp_path, "1.0")
    assert (found.vendor, found.model, found.board_serial) == ("Invented", "Mini 1", "board-1")
    assert (found.network, found.devices, found.tpm) == (("eth0",), ("05ba:000a",), False)
    assert found.disk_mb > 0


def test_a_machine_that_tells_nothing_has_empty_marks(tmp_path: Path) -> None:
    assert marks(tmp_path / "nothing") == Marks()
