"""What hangs is ended by who still lives: the daemon by systemd, the kernel by the board's watchdog."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hil_tests.bench import steps, traffic
from hil_tests.bench.target import DAEMON, Target
from hil_tests.vm.lab import VmLab
from hil_tests.vm.plugged import VmReader
from hil_tests.vm.stages import READER, SERIAL, Bench

Figure = Callable[[str, object], None]
Say = Callable[[str], None]
BITE_S = 30  # WatchdogSec= of borderpost.service
ABORT_S = 5  # TimeoutAbortSec=, for a process that does not hear
BOARD_S = 60  # RuntimeWatchdogSec= of the package
SHORT_S = 20  # instead of BOARD_S in a test: what is fed every 10 s, by an emulated systemd too
PANIC_S = 10  # kernel.panic of the package
DIE_S = 400.0  # of this computer: bite or panic, and a whole boot
MANAGER = ("org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager")
pytestmark = pytest.mark.needs("reader", "verdicts")


def _counter(bench: Bench) -> VmReader:
    """A reader in the post, ready, and an officer who looks."""
    bench.lab.watch_verdicts()
    reader = bench.lab.plug_reader("text", serial=SERIAL)
    steps.reader_ready(bench.target, READER.name)
    return reader


def _again(bench: Bench, reader: VmReader, number: str) -> None:
    """The box serves by itself what is laid down now, and nothing that was acknowledged is missing."""
    lab, box = bench.lab, bench.target
    traffic.running(box)
    lab.watch_verdicts()
    steps.reader_ready(box, READER.name)
    traffic.served(box, bench.hq, reader, lab.officer, [number])


def test_systemd_ends_a_daemon_that_hangs_and_nothing_acknowledged_is_missing(post: Bench, figure: Figure) -> None:
    box, officer = post.target, post.lab.officer
    reader = _counter(post)
    traffic.scanned(box, reader, officer, ["H0000001", "H0000002", "H0000003"])
    hung, restarts = box.pid(), int(box.show(DAEMON, "NRestarts"))
    box.signal(hung, "STOP")
    reader.side.present(steps.zone("H0000004"))  # nobody reads it: no verdict, and so nothing that could be missing
    replaced = box.until(lambda: box.pid() not in (0, hung), BITE_S + ABORT_S, every_s=0.5)
    assert replaced > BITE_S / 2, "something else than the watchdog ended it"
    ready = replaced + traffic.running(box, but=hung)
    figure("a stopped daemon replaced after", f"{replaced:.0f} s (WatchdogSec={BITE_S}), ready after {ready:.0f} s")
    said = box.run("journalctl", "-b", "-o", "cat", "--no-pager", "-u", DAEMON, "--grep", "Watchdog timeout")
    assert "Watchdog timeout" in said
    _again(post, reader, "H0000005")
    assert int(box.show(DAEMON, "NRestarts")) == restarts + 1


def _crash(box: Target) -> None:
    """Stop the kernel a second from now: this call still ends."""
    box.run("systemd-run", "--quiet", "--no-block", "sh", "-c", "sleep 1; echo 1 > /proc/sys/kernel/sysrq; "
            "echo c > /proc/sysrq-trigger")  # fmt: skip


def _armed(box: Target) -> None:
    """The package's own setting holds, and it is the board's watchdog that counts."""
    asked = box.run("systemctl", "show", "-p", "RuntimeWatchdogUSec", "--value").strip()
    assert asked in ("1min", f"{BOARD_S}s"), asked
    assert box.run("cat", "/sys/class/watchdog/watchdog0/identity").strip() == "i6300ESB timer"
    assert box.run("cat", "/sys/class/watchdog/watchdog0/state").strip() == "active"
    assert box.run("cat", "/proc/sys/kernel/panic").strip() == str(PANIC_S)


def _restarted(lab: VmLab, before: str) -> float:
    """The guest went down by itself and is up: the seconds. Another boot, and a post again without a hand."""
    took = lab.guest.wait_reboot(DIE_S)
    assert lab.target.boot_id() != before
    return took


@pytest.mark.needs("watchdog")
def test_the_boards_watchdog_resets_a_kernel_that_stands_still(post: Bench, figure: Figure, say: Say) -> None:
    # RuntimeWatchdogSec is lowered while the box runs, by the property that systemd has for it, so that the test need
    # not wait for the package's 60 s; that these are set, and counted by the board, is asserted before.
    lab, box = post.lab, post.target
    reader = _counter(post)
    _armed(box)
    box.run("busctl", "set-property", *MANAGER, "RuntimeWatchdogUSec", "t", str(SHORT_S * 1_000_000))
    assert box.run("cat", "/sys/class/watchdog/watchdog0/timeout").strip() == str(SHORT_S)
    traffic.scanned(box, reader, lab.officer, ["H0000011", "H0000012", "H0000013"])
    before = box.boot_id()
    box.pipe("echo 0 > /proc/sys/kernel/panic")  # for ever, as Debian has it: nothing but the board can help
    lab.guest.qmp.forget("WATCHDOG")
    say("the kernel is stopped; the board's watchdog counts")
    _crash(box)
    bite = lab.guest.qmp.wait_event("WATCHDOG", DIE_S)
    assert bite.data.get("action") == "reset", bite
    up = _restarted(lab, before)
    _again(post, reader, "H0000014")
    figure("a kernel that stands still", f"reset by the board's watchdog; its agent answered {up:.0f} s later")
    assert box.run("systemctl", "show", "-p", "RuntimeWatchdogUSec", "--value").strip() in ("1min", f"{BOARD_S}s")


@pytest.mark.long
@pytest.mark.needs("watchdog")
def test_a_kernel_that_panics_starts_again_by_itself(post: Bench, figure: Figure, say: Say) -> None:
    lab, box = post.lab, post.target
    reader = _counter(post)
    _armed(box)
    traffic.scanned(box, reader, lab.officer, ["H0000021", "H0000022", "H0000023"])
    before = box.boot_id()
    lab.guest.qmp.forget("WATCHDOG")
    say(f"the kernel panics; {PANIC_S} s later it starts again")
    _crash(box)
    up = _restarted(lab, before)
    assert not [one for one in lab.guest.qmp.events() if one.name == "WATCHDOG"], "the panic was left to the board"
    _again(post, reader, "H0000024")
    figure("a panic to the guest's agent", f"{up:.0f} s (kernel.panic={PANIC_S})")
