"""A post at rest: how long it takes to be one after power on, what it takes meanwhile, and how slow the emulation is.

Laws:
1. Seconds in the guest mean nothing without the emulation's slow-down of the same run: both are told together.
2. What is measured is asked for inside, once, so that asking is not what is measured.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from hil_tests.bench import steps, traffic
from hil_tests.bench.target import DAEMON, Target
from hil_tests.vm.officer import Officer
from hil_tests.vm.stages import READER, SERIAL, Bench

Figure = Callable[[str, object], None]
READY_S = 60.0  # of a box of metal: power on to a reader that is open
DAEMON_MIB = 512  # what borderpost.service promises for the daemon itself
IDLE_S = 30
IDLE_SHARE = 0.05  # of one processor of metal
pytestmark = pytest.mark.needs("mains", "reader", "verdicts")

# Run in the guest and on this computer, by Python's own library: seconds of the best of three.
WORK = """
import hashlib, json, sqlite3, time
def loop():
    number = 0
    for one in range(1_000_000):
        number = (number * 31 + one) & 0xFFFF
def inserts():
    db = sqlite3.connect(":memory:")
    db.execute("create table t (a integer primary key, b text)")
    db.executemany("insert into t (b) values (?)", ((str(one),) for one in range(50_000)))
    db.commit()
def digest():
    hashlib.sha256(bytes(10_000_000)).hexdigest()
def best(work):
    taken = []
    for _ in range(3):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return min(taken)
print(json.dumps({work.__name__: best(work) for work in (loop, inserts, digest)}))
"""
KINDS = {"loop": "a loop in Python", "inserts": "inserts in SQLite", "digest": "SHA-256"}
IDLE = f"""
at=/sys/fs/cgroup$(systemctl show -p ControlGroup --value {DAEMON})/cpu.stat
grep usage_usec $at; cut -d ' ' -f 1 /proc/uptime
sleep {IDLE_S}
grep usage_usec $at; cut -d ' ' -f 1 /proc/uptime
"""
# Seconds since the kernel's first: until systemd, and until the unit counts as active, ExecStartPost= included.
TIMES = f"""
begun=$(systemctl show -p UserspaceTimestampMonotonic --value)
ready=$(systemctl show -p ActiveEnterTimestampMonotonic --value {DAEMON})
awk -v a=$begun -v b=$ready 'BEGIN {{ print a / 1e6, b / 1e6 }}'
"""


def _opened(officer: Officer, since: float) -> float | None:
    """When the officer's view knew of an open reader, this computer's monotonic seconds; None: not yet."""
    for one in officer.everything():
        if one.at <= since:
            continue
        if one.kind == "hello" and not one["readers"]:
            return one.at
        if one.kind == "reader" and (one["reader"], one["state"]) == (READER.name, "ready"):
            return one.at
    return None


def test_power_on_to_a_reader_that_is_open(post: Bench, figure: Figure, say: Callable[[str], None]) -> None:
    lab, box, officer = post.lab, post.target, post.lab.officer
    lab.watch_verdicts()
    reader = lab.plug_reader("text", serial=SERIAL)
    steps.reader_ready(box, READER.name)
    say("shut down, and power on")
    lab.guest.stop()
    begun = time.monotonic()
    agent = lab.power_on()

    def ready() -> bool:
        """a document could be read"""
        return _opened(officer, begun) is not None

    box.until(ready, READY_S, every_s=0.1)
    opened = _opened(officer, begun)
    assert opened is not None
    traffic.served(box, post.hq, reader, officer, ["R0000001"])
    slow = _slow_down(box)
    kernel, active = (float(one) for one in box.pipe(TIMES).split())
    figure("power on to a reader that is open", f"{opened - begun:.1f} s in the guest; python there {slow['loop']:.0f} "
           f"times slower (kernel {kernel:.1f} s, agent {agent:.1f} s, unit active {active:.1f} s)")  # fmt: skip


def test_what_a_post_at_rest_takes(post: Bench, figure: Figure, say: Callable[[str], None]) -> None:
    lab, box = post.lab, post.target
    officer = lab.watch_verdicts()
    reader = lab.plug_reader("text", serial=SERIAL)
    steps.reader_ready(box, READER.name)
    traffic.served(box, post.hq, reader, officer, ["R0000011", "R0000012"])  # connected, and nothing is left to tell
    slow = _slow_down(box)
    figure("emulation's slow-down", ", ".join(f"{KINDS[name]} {times:.0f} times" for name, times in slow.items()))
    say(f"nothing happens for {IDLE_S} s")
    used, lasted = _used(box)
    share = used / lasted
    figure("the daemon's idle CPU", f"{share:.1%} of one processor of the guest, over {lasted:.0f} s; as a loop in "
           f"Python counts, {share / slow['loop']:.2%} of this computer's")  # fmt: skip
    assert share / slow["loop"] < IDLE_SHARE
    main, rest = _memory(box)
    figure("the daemon's memory", f"RSS {main['Rss']:.0f} MiB, PSS {main['Pss']:.0f} MiB; "
           f"its children for fingers beside it PSS {rest:.0f} MiB")  # fmt: skip
    assert main["Rss"] < DAEMON_MIB


def _used(box: Target) -> tuple[float, float]:
    """Processor seconds of the unit, children included, and the guest's seconds meanwhile."""
    words = box.pipe(IDLE, limit_s=IDLE_S * 10.0).decode().split()
    numbers = [float(word) for word in words if word != "usage_usec"]
    return (numbers[2] - numbers[0]) / 1e6, numbers[3] - numbers[1]


def _memory(box: Target) -> tuple[dict[str, float], float]:
    """MiB: of the daemon ``Rss`` and ``Pss``, and the ``Pss`` of its children together."""
    main = _smaps(box, box.pid())
    group = box.show(DAEMON, "ControlGroup")
    others = {int(one) for one in box.pipe(f"cat /sys/fs/cgroup{group}/cgroup.procs").split()} - {box.pid()}
    return main, sum(_smaps(box, one)["Pss"] for one in others)


def _smaps(box: Target, pid: int) -> dict[str, float]:
    lines = box.run("cat", f"/proc/{pid}/smaps_rollup").splitlines()[1:]
    kept = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines}
    return {name: kept[name] for name in ("Rss", "Pss")}


def _slow_down(box: Target) -> dict[str, float]:
    """How many times longer the guest takes than this computer, by kind of work."""
    inside: dict[str, Any] = json.loads(box.run("python3", "-I", "-c", WORK))
    done = subprocess.run([sys.executable, "-I", "-c", WORK], capture_output=True, text=True, timeout=120, check=True)
    here: dict[str, Any] = json.loads(done.stdout)
    return {name: inside[name] / here[name] for name in KINDS}
