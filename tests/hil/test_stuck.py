"""Which starts of a guest are the emulator's fault: lines as a kernel 6.1 wrote them to its console."""

from __future__ import annotations

import pytest

from hil_tests.vm.stuck import stuck

BEGUN = "[    1.182806] ima: Can not allocate sha384 (reason: -2)\r\n"
INIT = "[    2.518529] systemd[1]: Failed to find module 'autofs4'\r\n"
STALL = "[   22.219578] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:\r\n"
LOCKUP = "[   48.513722] watchdog: BUG: soft lockup - CPU#0 stuck for 45s! [migration/0:16]\r\n"


def test_a_kernel_that_stands_before_init_is_the_emulators() -> None:
    assert stuck(BEGUN + STALL + LOCKUP) == "watchdog: BUG: soft lockup - CPU#0 stuck for 45s!"


@pytest.mark.parametrize("console", [
    "", BEGUN, BEGUN + INIT, BEGUN + STALL, BEGUN + INIT + LOCKUP, BEGUN + STALL + INIT + LOCKUP,
    BEGUN + "[    2.0] Kernel panic - not syncing: softlockup: hung tasks\r\n",
], ids=["silent", "begun", "up", "a stall alone", "stuck when up", "stuck late", "a panic"])  # fmt: skip
def test_every_other_one_is_the_boxs(console: str) -> None:
    assert stuck(console) == ""
