"""A copied disk, a moved one, a journal put back: noticed by what was sealed at the last start."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import pytest
import structlog
from enrol_kit import Headquarters, Post, codes
from journal_kit import new_passage

from edge.core.provisioning import inbox
from edge.enrol.cloning import MAX_BYTES, MOVED, BootState, copied, tell_of
from edge.enrol.disk import Disk
from edge.enrol.engine import Engine
from edge.enrol.hardware import Marks, inventory, marks
from edge.enrol.identity import BOOT, is_any_lost, open_or_make

PASSAGES = itertools.count(1)
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


def tpm(folder: Path, name: str) -> dict[str, str]:
    """The environment of the unit on a machine whose TPM opens one secret, its own."""
    place = folder / f"credentials-{name}"
    place.mkdir(exist_ok=True)
    (place / "box-secret").write_bytes(name.encode().ljust(32, b"."))
    return {"CREDENTIALS_DIRECTORY": str(place)}


def started(post: Post) -> tuple[str, list[str], str]:
    """One life with one passage: the epoch that it ended under, its alarms, the id of the passage's message."""
    with post.process() as life:
        written = life.journal.record(new_passage(next(PASSAGES))).result(5)
        return life.journal.epoch, list(life.alarms), written.message_id


def test_a_disk_under_another_tpm_and_back_gets_a_new_epoch_each_time_and_an_alarm_once(tmp_path: Path) -> None:
    post, ids, epochs = Post(tmp_path, Headquarters()), set(), []
    here, there = tpm(tmp_path, "here"), tpm(tmp_path, "there")
    for number, place in enumerate((here, there, here, there, here)):
        post.environ = place
        epoch, alarms, first = started(post)
        assert alarms == ([MOVED] if number else [])
        again, alarms, second = started(post)
        assert (again, alarms) == (epoch, [])
        epochs.append(epoch)
        ids |= {first, second}
    assert len(set(epochs)) == 5
    assert len(ids) == 10


def test_of_a_copied_disk_both_go_on_and_no_id_is_used_twice(tmp_path: Path) -> None:
    own, copy = (Post(tmp_path / name, Headquarters()) for name in ("own", "copy"))
    own.environ, copy.environ = tpm(tmp_path, "own"), tpm(tmp_path, "copy")
    before = started(own)[2]
    shutil.copytree(own.places.state, copy.places.state)
    ids = [before, *(started(post)[2] for post in (own, copy, own, copy))]
    assert len(set(ids)) == 5
    shutil.rmtree(own.places.state)
    shutil.copytree(copy.places.state, own.places.state)  # and the copy comes back, and stays there too
    ids += [started(post)[2] for post in (own, copy, own, copy)]
    assert len(set(ids)) == 9


def test_a_moved_disk_whose_marks_are_damaged_gets_a_new_epoch_too(tmp_path: Path) -> None:
    post = Post(tmp_path, Headquarters())
    post.environ = tpm(tmp_path, "here")
    before = started(post)[0]
    for name in ("kept.json", "kept.copy.json"):
        (post.places.state / name).write_bytes(b"{damaged")
    post.environ = tpm(tmp_path, "there")
    with post.process() as life:
        assert life.box.fault
        assert life.alarms == [MOVED]
        assert life.journal.epoch != before


@pytest.mark.parametrize("way", [("there",), ("there", "here")])
def test_a_cut_before_the_comparison_hides_no_move(tmp_path: Path, way: tuple[str, ...]) -> None:
    post = Post(tmp_path, Headquarters())
    post.environ = tpm(tmp_path, "here")
    epochs = [started(post)[0]]
    for name in way:
        post.environ = tpm(tmp_path, name)
        open_or_make(Disk(), post.places.identity, post.environ)  # and the power is gone
        epoch, alarms, _ = started(post)
        assert alarms == [MOVED]
        epochs.append(epoch)
        assert started(post)[:2] == (epoch, [])
    assert len(set(epochs)) == len(epochs)


@pytest.mark.parametrize("data", [b"", b"not of this box", bytes(MAX_BYTES + 1)])
def test_a_boot_state_that_does_not_open_is_another_machine_s_once(tmp_path: Path, data: bytes) -> None:
    post = Post(tmp_path, Headquarters())
    epoch = started(post)[0]
    (post.places.identity / BOOT).write_bytes(data)
    renewed, alarms, _ = started(post)
    assert (renewed != epoch, alarms) == (True, [MOVED])
    assert started(post)[:2] == (renewed, [])


def test_a_credential_that_comes_later_is_no_other_machine(tmp_path: Path) -> None:
    post = Post(tmp_path, Headquarters())
    epoch = started(post)[0]
    post.environ = tpm(tmp_path, "here")
    assert started(post)[:2] == (epoch, [])
    assert started(post)[:2] == (epoch, [])


def test_a_box_that_is_enrolled_again_or_reset_under_another_tpm_gives_no_second_alarm(tmp_path: Path) -> None:
    post = Post(tmp_path, Headquarters())
    post.environ = tpm(tmp_path, "here")
    post.enrol()
    post.environ = tpm(tmp_path, "there")
    epoch, alarms, _ = started(post)
    assert alarms == [MOVED]
    with post.process() as life:
        again = post.hq.envelope(life.box, 2, post.hq.files(life.box))
    assert "BP-102" in codes(post.plug({inbox.ENVELOPE: again}))
    assert started(post)[:2] == (epoch, [])
    with post.process() as life:
        token = post.hq.reset_paper(life.box, 3, lose_rows=True)
    folder, told = post.offer({inbox.RESET: token}), []
    for _ in range(6):
        with post.process() as life:
            life.look()
            told += life.alarms
    assert "BP-106" in codes(post.outcome(folder))
    assert not is_any_lost(post.places.identity)
    assert started(post)[0] != epoch
    assert (told, started(post)[1]) == ([], [])


@pytest.mark.parametrize(
    ("lost", "back", "event", "words"),
    [
        ("identity.lost-1", "", "identity_lost", ("if the disk was moved, put it back into its own machine",
                                                  "enrol this box again: a claim stick",
                                                  "if the TPM was cleared or replaced, only a claim stick helps")),
        ("identity.lost-2", "identity.lost-1", "identity_back", ("nothing, if the disk was moved and is back",)),
    ],
)
def test_what_it_says_of_keys_that_were_set_aside(
    tmp_path: Path, lost: str, back: str, event: str, words: tuple[str, ...]
) -> None:
    opened = open_or_make(Disk(), tmp_path / "identity", {})
    opened.lost, opened.back = lost, back
    with structlog.testing.capture_logs() as lines:
        tell_of(opened)
    (line,) = lines
    assert (line["event"], line["path"]) == (event, back or lost)
    assert all(word in line["advice"] for word in words)


def test_a_new_epoch_without_a_passage_is_no_journal_that_was_put_back(tmp_path: Path) -> None:
    post = Post(tmp_path, Headquarters())
    started(post)
    (post.places.identity / BOOT).write_bytes(b"not of this box")
    for alarms in ([MOVED], [], []):
        with post.process() as life:
            assert life.alarms == alarms


def test_a_box_that_lost_its_keys_answers_a_claim_and_gets_a_name_again(tmp_path: Path) -> None:
    """It screens on under its old configuration, and shows the code that headquarters signs for."""
    post = Post(tmp_path, Headquarters())
    post.environ = tpm(tmp_path, "here")
    post.enrol()
    assert codes(post.plug({inbox.CLAIM: post.hq.claim_paper()})) == ["BP-103"], "a box that has its name"
    with post.process() as life:
        named, serial = life.box.device, life.box.identity.serial
        assert life.box.code() == ""
        assert Engine(life.box, life.daemon)._sender().certificate
    post.environ = tpm(tmp_path, "there")
    again = "claim-nonce-of-another-day"
    assert "BP-101" in codes(post.plug({inbox.CLAIM: post.hq.claim_paper(nonce=again)}))
    request = post.request().request
    for _ in range(2):  # the code stays, also when the process is another
        with post.process() as life:
            assert (life.box.device, life.box.may_ask) == (named, True)
            assert life.box.identity.serial == request.serial != serial
            code = life.box.code()
            assert len(code) == 19
            # It sends its rows as nobody's: under the certificate of keys that it lost headquarters would see a forger.
            assert life.box.renewal(None, post.wall, "0.0-test") is None
            assert Engine(life.box, life.daemon)._sender().certificate == ""
            envelope = post.hq.envelope(life.box, 2, post.hq.files(life.box), nonce=again)
    assert "BP-102" in codes(post.plug({inbox.ENVELOPE: envelope}))
    with post.process() as life:
        assert (life.box.may_ask, life.box.code()) == (False, "")
