"""What a run of power cuts is before any guest: its rounds, and the disk between two of them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from hil_tests.vm.cuts import KINDS, SPANS, fold, planned
from hil_tests.vm.guest import OVERLAY, Guest, make_overlay
from hil_tests.vm.image import Image

CLUSTER = 65536


def test_the_rounds_of_a_seed_are_the_same_again_and_reach_every_kind() -> None:
    plans = [planned(7, number) for number in range(1, 101)]
    assert plans == [planned(7, number) for number in range(1, 101)]
    assert plans != [planned(8, number) for number in range(1, 101)]
    assert {plan.kind for plan in plans[:5]} == set(KINDS)
    assert {plan.begin for plan in plans} == set(SPANS)
    assert all(0 <= plan.moment_s <= SPANS[plan.begin] for plan in plans)
    assert 10 < sum(plan.cable for plan in plans) < 50, "in most rounds headquarters must not know before the cut"
    assert {plan.left_in for plan in plans if plan.kind != "hits"} == {True, False}
    assert {plan.left_in for plan in plans if plan.kind == "hits"} == {False}


@pytest.mark.skipif(shutil.which("qemu-io") is None, reason="qemu-io is not on PATH (Debian: apt install qemu-utils)")
def test_every_round_begins_with_an_empty_overlay_over_all_that_was_written_before(tmp_path: Path) -> None:
    base = tmp_path / "base.ext4"
    base.write_bytes(b"0" * 4 * CLUSTER)
    none = tmp_path / "none"
    image = Image(none, none, none, base, "0", none, None)
    guest = Guest(image, tmp_path / "box", disk=base, broker_port=1, usbip_port=2)
    top = guest.folder / OVERLAY
    for number in (1, 2, 3):
        make_overlay(top, guest.disk)
        _io(top, f"write -P {number} {number * CLUSTER} {CLUSTER}")
        fold(guest)
        assert not top.exists()
    make_overlay(top, guest.disk)
    assert base.read_bytes() == b"0" * 4 * CLUSTER, "what lies under everything is never written"
    for number in (1, 2, 3):
        _io(top, f"read -P {number} {number * CLUSTER} {CLUSTER}")
    _io(top, f"read -P {ord('0')} 0 {CLUSTER}")


def _io(disk: Path, command: str) -> None:
    done = subprocess.run(["qemu-io", "-c", command, str(disk)], capture_output=True, text=True, timeout=60, check=True)
    assert "verification failed" not in done.stdout, done.stdout
