"""The package in a clean Debian without a network: installed, booted, hurt, and judged by systemd itself."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest

from hil_tests.bench.target import until
from hil_tests.container.machine import Machine
from hil_tests.container.root import Installed

UNITS = Path(__file__).resolve().parents[2] / "systemd"
WATCHDOG_S = 30.0
CONFIG = """
[box]
device = "post-1"
[[counter]]
name = "lane-1"
direction = "entry"
readers = ["page-1"]
[[reader]]
name = "page-1"
driver = "text"
port = "/dev/ttyS0"
[headquarters]
seal_key = "x25519:DHZQUnqZ299AKMoMKWCngQuXgZzGBPHcP6OAMCDz5wI="
ack_key = "ed25519:dncTLURa2anrKQfCoBVUNUiWl5VPKDpAVIWyNQO+qCI="
"""


def configured(machine: Machine) -> None:
    """A configuration that a hand made, and the daemon up with it."""
    if machine.code("test", "-e", "/etc/borderpost/edge.toml") != 0:
        machine.write("/etc/borderpost/edge.toml", CONFIG)
        machine.run("chown", "root:borderpost", "/etc/borderpost/edge.toml")
        machine.run("chmod", "0640", "/etc/borderpost/edge.toml")
        machine.run("systemctl", "restart", "borderpost.service")
    until(lambda: machine.show("borderpost.service", "ActiveState") == "active", 60)


def test_it_installs_with_no_network(installed: Installed, figures: dict[str, str]) -> None:
    assert installed.said.startswith("0\n"), installed.said
    assert (installed.root / "opt/borderpost/current").readlink() == Path(f"versions/{installed.version}")
    figures["package"] = f"{installed.package.stat().st_size / 1e6:.0f} MB"
    used = sum(p.lstat().st_size for p in (installed.root / "opt/borderpost").rglob("*") if not p.is_symlink())
    figures["installed"] = f"{used / 1e6:.0f} MB"


def every_unit(installed: Installed) -> list[str]:
    names = [path.name for path in sorted([*UNITS.glob("*.service"), *UNITS.glob("*.timer")])]
    for short, instance in (("borderpost-stick@", "sdb1"), ("borderpost-selftest@", installed.version)):
        names = [name.replace(f"{short}.", f"{short}{instance}.") for name in names]
    return names


def test_systemd_takes_the_installed_units_without_a_word(installed: Installed) -> None:
    own = "PRETTY_NAME=" + (installed.root / "etc/os-release").read_text().partition("PRETTY_NAME=")[2].splitlines()[0]
    if own not in Path("/etc/os-release").read_text():
        pytest.skip("this computer's systemd does not know the settings of that release's own units")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", f"--root={installed.root}", *every_unit(installed)],
        capture_output=True, text=True, timeout=120, check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_so_does_the_systemd_of_the_release_itself(machine: Machine, installed: Installed) -> None:
    assert machine.run("sh", "-c", f"systemd-analyze verify --man=no {' '.join(every_unit(installed))} 2>&1") == ""


def test_a_bare_machine_comes_up_without_a_fault(
    machine: Machine, installed: Installed, figures: dict[str, str]
) -> None:
    figures.update(installed.figures)
    assert machine.run("systemctl", "--failed", "--no-legend", "--plain").strip() == ""
    assert machine.show("borderpost-update.timer", "ActiveState") == "active"


def test_a_blank_box_is_up_waits_for_a_stick_and_says_who_it_is(machine: Machine) -> None:
    until(lambda: machine.show("borderpost.service", "ActiveState") == "active", 60)
    facts = json.loads(machine.run("cat", "/run/borderpost/box.json"))
    assert len(facts["serial"]) == 13
    assert not facts.get("device")
    assert facts["country"] == "UTO"
    assert any(entry.get("BORDERPOST_EVENT") == "unprovisioned" for entry in machine.log("borderpost.service"))


def test_the_box_has_a_secret_that_is_on_the_disk_encrypted_alone(machine: Machine) -> None:
    configured(machine)
    assert machine.run("stat", "-c", "%a %U", "/etc/credstore.encrypted/box-secret").split() == ["600", "root"]
    secret = "/run/credentials/borderpost.service/box-secret"
    assert machine.user("stat", "-c", "%s", secret).strip() == "32"
    assert machine.run("stat", "-c", "%a", secret).strip() in ("400", "440")  # newer systemd: root's, with an ACL
    nobody = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")
    assert machine.code(*nobody, "test", "-r", secret) != 0


def test_a_box_without_the_secret_starts_all_the_same(machine: Machine) -> None:
    configured(machine)
    machine.run("mv", "/etc/credstore.encrypted/box-secret", "/root/box-secret")
    try:
        machine.run("systemctl", "mask", "--runtime", "borderpost-keys.service")
        machine.run("systemctl", "restart", "borderpost.service")
        assert machine.show("borderpost.service", "ActiveState") == "active"
    finally:
        machine.run("systemctl", "unmask", "--runtime", "borderpost-keys.service")
        machine.run("mv", "/root/box-secret", "/etc/credstore.encrypted/box-secret")
        machine.run("systemctl", "restart", "borderpost.service")


def test_the_daemon_has_no_capability_and_says_that_it_is_ready(machine: Machine) -> None:
    configured(machine)
    status = machine.run("cat", f"/proc/{machine.pid()}/status")
    for line in ("CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"):
        assert line in status
    assert "readers" in machine.show("borderpost.service", "StatusText")


def test_killed_it_is_back_within_seconds(machine: Machine, figures: dict[str, str]) -> None:
    configured(machine)
    before = machine.pid()
    machine.signal(before, "KILL")
    took = until(
        lambda: machine.pid() not in (0, before) and machine.show("borderpost.service", "SubState") == "running", 30
    )
    figures["up again after kill -9"] = f"{took:.1f} s"


def test_the_watchdog_bites_a_daemon_that_hangs(machine: Machine, figures: dict[str, str]) -> None:
    configured(machine)
    before = machine.pid()
    machine.signal(before, "STOP")
    took = until(lambda: machine.pid() not in (0, before), WATCHDOG_S + 30)
    until(lambda: machine.show("borderpost.service", "SubState") == "running", 30)
    figures["a stopped daemon replaced after"] = f"{took:.1f} s (WatchdogSec={WATCHDOG_S:.0f})"
    assert any("atchdog" in entry["MESSAGE"] for entry in machine.log("borderpost.service"))


def test_doctor_inside_knows_what_is_missing(machine: Machine) -> None:
    configured(machine)
    found = json.loads(machine.user("borderpost", "doctor", "--json", check=False))
    grades = {check["name"]: check["grade"] for check in found}
    for name in ("state", "keys", "journal", "audit", "box"):
        assert grades[name] == "ok", found
    assert all(check["advice"] for check in found if check["grade"] == "error")


def test_the_log_lives_in_memory_alone(machine: Machine) -> None:
    paths = [line for line in machine.run("journalctl", "--header").splitlines() if "File path" in line]
    assert paths
    assert all("/run/log/journal" in line for line in paths)
    assert machine.run("sh", "-c", "find /var/log/journal -type f 2>/dev/null || true") == ""


def test_a_log_line_is_explained_by_the_catalogue(machine: Machine) -> None:
    configured(machine)
    lost = [entry for entry in machine.log("borderpost.service") if entry.get("BORDERPOST_EVENT") == "reader_lost"]
    assert lost
    explained = machine.run("journalctl", "--catalog", "--no-pager", f"MESSAGE_ID={lost[0]['MESSAGE_ID']}")
    assert "reader_lost" in explained
    assert "What to do" in explained


def test_the_self_test_runs_in_its_own_cell(machine: Machine, installed: Installed, figures: dict[str, str]) -> None:
    configured(machine)
    begun = time.monotonic()
    machine.run("systemctl", "start", f"borderpost-selftest@{installed.version}.service")
    figures["self-test of a version"] = f"{time.monotonic() - begun:.1f} s"


CELL = """
import ctypes, os, socket
libc = ctypes.CDLL(None, use_errno=True)
there = sorted(name for name in ("/etc/passwd", "/root/x", "/var/lib/borderpost", "/etc/credstore.encrypted",
                                 "/home/x", "/etc/borderpost/edge.toml") if os.path.exists(name))
os.mkdir("/run/borderpost-stick/m")
mounted = libc.mount(b"tmpfs", b"/run/borderpost-stick/m", b"tmpfs", 15, b"size=1m") == 0  # ro,nosuid,nodev,noexec
umounted = libc.umount2(b"/run/borderpost-stick/m", 2) == 0
try:
    socket.socket(socket.AF_UNIX)
    sockets = True
except OSError:
    sockets = False
device = os.path.exists("/dev/zero") and sorted(name for name in os.listdir("/dev") if name.startswith(("sd", "loop")))
open("/var/lib/borderpost-inbox/cell", "w").close()
status = dict(line.split(":\\t") for line in open("/proc/self/status") if ":\\t" in line)
print("CELL", there, mounted, umounted, sockets, device, os.getuid() != 0, status["CapEff"].strip(), flush=True)
"""


def test_who_looks_into_sticks_sees_the_stick_and_nothing_else(machine: Machine, installed: Installed) -> None:
    # The unit as it is, but for what it waits for and what it runs.
    configured(machine)
    text = (UNITS / "borderpost-stick@.service").read_text()
    lines = [line for line in text.splitlines() if not line.startswith(("BindsTo", "After", "Wants", "ExecStart"))]
    python = f"/opt/borderpost/versions/{installed.version}/bin/python"
    lines.insert(lines.index("[Service]") + 1, f"ExecStart={python} -I /opt/borderpost/cell.py")
    machine.write("/opt/borderpost/cell.py", CELL)
    machine.write("/run/systemd/system/cell@.service", "\n".join(lines) + "\n")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "start", "cell@zero.service", check=False)  # /dev/zero stands for the stick's device
    log = [entry["MESSAGE"] for entry in machine.log("cell@zero.service")]
    assert "CELL [] True True False [] True 0000000000200000" in log, log
    assert machine.run("stat", "-c", "%U:%G %a", "/var/lib/borderpost-inbox/cell").split() == [
        "borderpost-stick:borderpost", "660",
    ]


def test_a_version_that_does_not_start_gives_way_to_the_one_before(
    machine: Machine, installed: Installed, figures: dict[str, str]
) -> None:
    configured(machine)
    broken = "/opt/borderpost/versions/9.9/bin"
    machine.run("mkdir", "-p", broken)
    machine.write(f"{broken}/borderpost", "#!/bin/sh\nexit 70\n")
    machine.run("chmod", "755", f"{broken}/borderpost")
    begin = ("import runpy, sys; from pathlib import Path; runpy.run_path('/usr/lib/borderpost/trial.py')['begin']"
             f"(Path('/opt/borderpost'), '9.9', '{installed.version}', 1)")  # fmt: skip
    machine.run("python3", "-I", "-c", begin)
    begun = time.monotonic()
    machine.run("systemctl", "restart", "--no-block", "borderpost.service")
    until(lambda: machine.run("readlink", "/opt/borderpost/current").strip() == f"versions/{installed.version}", 60)
    until(lambda: machine.show("borderpost.service", "SubState") == "running", 30)
    figures["back from a version that does not start"] = f"{time.monotonic() - begun:.1f} s"
    assert json.loads(machine.run("cat", "/opt/borderpost/outcome.json"))["outcome"] == "returned"
    machine.run("systemctl", "start", "borderpost-update.service")
    said = [entry["MESSAGE"] for entry in machine.log("borderpost-update.service")]
    assert any("software_returned" in line for line in said), said


def test_a_version_that_calls_the_configuration_wrong_gives_way_too(machine: Machine, installed: Installed) -> None:
    configured(machine)
    machine.run("rm", "-rf", "/opt/borderpost/bad.json")
    machine.run("mkdir", "-p", "/opt/borderpost/versions/9.8/bin")
    machine.write("/opt/borderpost/versions/9.8/bin/borderpost", "#!/bin/sh\nexit 78\n")
    machine.run("chmod", "755", "/opt/borderpost/versions/9.8/bin/borderpost")
    begin = ("import runpy, sys; from pathlib import Path; runpy.run_path('/usr/lib/borderpost/trial.py')['begin']"
             f"(Path('/opt/borderpost'), '9.8', '{installed.version}', 1)")  # fmt: skip
    machine.run("python3", "-I", "-c", begin)
    machine.run("systemctl", "restart", "--no-block", "borderpost.service")
    until(lambda: machine.run("readlink", "/opt/borderpost/current").strip() == f"versions/{installed.version}", 60)
    until(lambda: machine.show("borderpost.service", "SubState") == "running", 30)


def test_power_off_and_on_leaves_a_version_on_trial(machine: Machine, installed: Installed) -> None:
    # What a cut leaves: a start of another boot that nobody saw the end of.
    configured(machine)
    machine.write("/opt/borderpost/trial.json", json.dumps({
        "version": installed.version, "previous": "0.0", "boot": "another", "failures": 0, "state": "starting",
        "since": 1.0,
    }))
    machine.run("systemctl", "restart", "borderpost.service")
    told = json.loads(machine.run("cat", "/opt/borderpost/trial.json"))
    assert told["failures"] == 0
    assert told["state"] == "ready"
    machine.run("rm", "/opt/borderpost/trial.json")


@pytest.mark.parametrize("word", ["remove", "purge"])
def test_removing_the_package_leaves_what_the_box_recorded(machine: Machine, word: str) -> None:
    configured(machine) if word == "remove" else None
    machine.run("dpkg", f"--{word}", "borderpost")
    assert machine.code("test", "-s", "/var/lib/borderpost/journal.sqlite") == 0
    assert machine.code("test", "-e", "/opt/borderpost/current") != 0
    assert machine.code("systemctl", "is-active", "borderpost.service") != 0
