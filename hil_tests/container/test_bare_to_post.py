"""From the bare machine to a working post and back, by stick, under the real units: every test goes on where the one
before ended."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from hil_tests.bench import report
from hil_tests.bench.country import ROOT, SITE, Country, founded
from hil_tests.bench.target import until
from hil_tests.container.machine import Machine
from hil_tests.container.port import Port, codes
from hil_tests.container.root import Installed

DAEMON = "borderpost.service"
DEVICE = f"{SITE}-1"


@pytest.fixture(scope="module")
def country(tmp_path_factory: pytest.TempPathFactory) -> Country:
    return founded(tmp_path_factory.mktemp("country"))


@pytest.fixture(scope="module")
def bare(
    request: pytest.FixtureRequest, installed: Installed, country: Country, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Machine]:
    installed.obeys(country.national.read_bytes())
    with Machine(installed.root, "borderpost-bare", tmp_path_factory.mktemp("bare") / "console.log") as booted:
        # Of the first screen there is none in a container: a file with its owner and mode takes what is shown.
        booted.pipe("touch /dev/tty1 && chown root:tty /dev/tty1 && chmod 620 /dev/tty1")
        booted.run("systemctl", "restart", DAEMON)
        report.watch(request.config, booted)
        yield booted
        report.unwatch(request.config, booted)


@pytest.fixture(scope="module")
def port(bare: Machine) -> Port:
    return Port(bare)


def log(machine: Machine) -> list[str]:
    return [entry["MESSAGE"] for entry in machine.log(DAEMON)][-40:]


def facts(machine: Machine) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(machine.run("cat", "/run/borderpost/box.json"))
    return found


def identity(machine: Machine) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(machine.user("borderpost", "identity", "--json"))
    return found


def running(machine: Machine) -> bool:
    return machine.show(DAEMON, "SubState") == "running"


def test_the_login_leaves_the_first_screen_to_a_box_that_obeys_a_country(bare: Machine) -> None:
    assert "ConditionPathExists=!/etc/borderpost/national.json" in bare.run("systemctl", "cat", "getty@tty1.service")
    bare.run("systemctl", "start", "getty@tty1.service")
    assert bare.show("getty@tty1.service", "ConditionResult") == "no"


def test_a_claim_is_answered_with_a_request_and_a_code_on_the_screen(
    bare: Machine, country: Country, port: Port, figures: dict[str, str]
) -> None:
    country.signs("claim", SITE, "--stick", "stick")
    begun = time.monotonic()
    result = port.plug(country.stick)
    figures["a claim stick answered"] = f"{time.monotonic() - begun:.1f} s"
    assert codes(result) == {"claim": "BP-101"}, result
    (request,) = country.stick.glob("BORDERPOST/out/*/request.json")
    assert request.parent.name == facts(bare)["serial"]
    assert "BP-101" in (request.parent / "RESULT-1.txt").read_text("utf-8").splitlines()[0]
    shown = re.search(r"((?:[0-9A-Z]{4}   ){3}[0-9A-Z]{4})", bare.run("cat", "/dev/tty1"))
    assert shown
    assert shown[1].split() == identity(bare)["code"].split("-")


def test_an_envelope_with_lists_makes_it_a_post(
    bare: Machine, country: Country, port: Port, figures: dict[str, str]
) -> None:
    before = bare.pid()
    country.signs("sign", "--stick", "stick", "--code", identity(bare)["code"])
    country.publish_lists()
    begun = time.monotonic()
    result = port.plug(country.stick)
    figures["an envelope taken, the daemon up with it, lists taken"] = f"{time.monotonic() - begun:.1f} s"
    assert codes(result).get("envelope") == "BP-102", (result, log(bare))
    assert codes(result).get("lists") == "BP-104", (result, log(bare))
    assert (result["device"], result["site"], result["sequence"]) == (DEVICE, SITE, 1)
    until(lambda: running(bare), 30)
    assert bare.pid() != before
    assert facts(bare)["device"] == DEVICE


def test_doctor_inside_finds_nothing_wrong_with_who_the_box_is(bare: Machine) -> None:
    found = {check["name"]: check for check in json.loads(bare.user("borderpost", "doctor", "--json", check=False))}
    for name in ("state", "keys", "identity", "journal", "audit", "box", "tls.ca", "tls.cert", "tls.key", "list sltd"):
        assert found[name]["grade"] == "ok", found
    wrong = {name for name, check in found.items() if check["grade"] == "error"}
    assert wrong <= {"reader page-1", "link"}, found  # neither is there


def test_keys_lie_sealed_on_the_disk_and_open_in_memory_alone(bare: Machine) -> None:
    place = "/var/lib/borderpost"
    assert bare.run("stat", "-c", "%a %U", place).split() == ["700", "borderpost"]
    assert bare.run("stat", "-c", "%a %U", "/run/borderpost/device.key").split() == ["600", "borderpost"]
    assert bare.run("stat", "-f", "-c", "%T", "/run/borderpost").strip() == "tmpfs"
    assert bare.run("find", place, "-name", "device.key").split() == []
    assert bare.code("grep", "-rq", "PRIVATE KEY", place) == 1
    open_to_others = bare.run("find", place, "-perm", "/077", "-not", "-type", "l").split()
    assert open_to_others == []
    assert bare.run("stat", "-c", "%a", "/etc/credstore.encrypted/box-secret").strip() == "600"


OPEN = """
from pathlib import Path
from edge.enrol.identity import IdentityError, open_if_there
try:
    print("OPEN", open_if_there(Path("/var/lib/borderpost/identity"), {}))
except IdentityError:
    print("CLOSED")
"""


def test_without_the_machine_s_credential_the_disk_opens_no_key(bare: Machine) -> None:
    assert bare.user("/opt/borderpost/current/bin/python", "-I", "-c", OPEN).strip() == "CLOSED"


def test_headquarters_reads_the_log_that_the_stick_brings(country: Country) -> None:
    (bundle,) = country.stick.glob("BORDERPOST/out/*/logs.sealed")
    country.run("hq.cli", "import", str(bundle), "--config", "hq.toml", "--logs", "logs")
    texts = [path.read_text("utf-8", "replace") for path in (country.folder / "logs").rglob("*") if path.is_file()]
    assert any("unprovisioned" in text for text in texts), texts


PRIORITY = "import os; os.nice(19); os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0)); print(os.nice(0))"
FILTER = (
    "SystemCallFilter=@system-service", "SystemCallFilter=~@privileged @resources", "SystemCallErrorNumber=EPERM",
    "RestrictRealtime=yes",
)


def test_the_drop_in_for_weak_machines_gives_back_the_priorities_and_no_more(bare: Machine) -> None:
    words = [word for one in FILTER for word in ("-p", one)]
    python = ("/usr/bin/python3", "-I", "-c", PRIORITY)
    run = ("systemd-run", "--quiet", "--collect", "--wait", "--pipe", "-p", "User=borderpost", *words)
    assert bare.code(*run, *python) != 0
    given = "SystemCallFilter=setpriority sched_setscheduler ioprio_set"
    assert given in (ROOT / "docs/technician.md").read_text("utf-8")
    assert bare.run(*run, "-p", given, *python).strip() == "19"


def test_a_certificate_is_renewed(bare: Machine, country: Country, port: Port) -> None:
    until_before = identity(bare)["certificate_until"]
    time.sleep(1.1)  # a certificate's times are whole seconds
    country.signs("renew", DEVICE, "--stick", "stick")
    result = port.plug(country.stick)
    assert codes(result).get("envelope") == "BP-102", (result, log(bare))
    until(lambda: running(bare), 30)
    after = identity(bare)
    assert after["sequence"] == 2
    assert after["certificate_until"] > until_before


def test_the_same_envelope_again_changes_nothing(bare: Machine, country: Country, port: Port) -> None:
    before = bare.pid()
    result = port.plug(country.stick)
    assert "BP-102" not in codes(result).values(), result
    assert (bare.pid(), identity(bare)["sequence"]) == (before, 2)


def test_a_reset_makes_it_a_blank_box_with_new_keys_and_the_old_numbers(
    bare: Machine, country: Country, port: Port
) -> None:
    old = facts(bare)["serial"]
    country.signs("reset", DEVICE, "--stick", "stick")
    result = port.plug(country.stick)
    assert codes(result).get("reset") == "BP-106", (result, log(bare))
    until(lambda: running(bare) and facts(bare)["serial"] != old, 30)
    assert not facts(bare).get("device")
    assert bare.code("test", "-e", "/run/borderpost/device.key") != 0
    assert bare.run("find", "/var/lib/borderpost/config", "-type", "f", check=False).split() == []
    assert bare.run("systemctl", "--failed", "--no-legend", "--plain").strip() == ""
