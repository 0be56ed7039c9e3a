"""The box's keys are sealed to its TPM: its disk in another machine opens none and says so, and at home it is the post.

Every test goes on where the one before ended.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator

import pytest

from hil_tests.bench import papers, report, steps
from hil_tests.bench.target import DAEMON
from hil_tests.vm.guest import TPM
from hil_tests.vm.stages import READER, SERIAL, Bench, Stages

pytestmark = pytest.mark.needs("mains", "emulated tpm")
STORE, STATE = "/etc/credstore.encrypted", "/var/lib/borderpost"
# How a credential begins that host key and TPM sealed together (systemd 252, src/shared/creds-util.h).
BY_HOST_AND_TPM2 = "93a894094874449090caf2fc93cab553"
LINK_S = 240.0
Figure = Callable[[str, object], None]


@pytest.fixture(scope="module")
def moved(request: pytest.FixtureRequest, stages: Stages) -> Iterator[Bench]:
    """One post, whose disk is moved."""
    with stages.opened(stages.post(), "moved") as bench:
        report.watch(request.config, bench.target)
        yield bench
        report.unwatch(request.config, bench.target)


def told(bench: Bench, event: str) -> list[str]:
    """The lines of this boot that tell of an event, as they stand in the journal: JSON, or text where a box of an older
    version has no configuration yet."""
    lines = bench.target.run("journalctl", "-b", "-u", DAEMON, "-o", "cat", "--no-pager").splitlines()
    return [line for line in lines if event in line]


def switched_on(bench: Bench) -> float:
    """Until the daemon runs; the seconds that it took."""
    begun = bench.lab.power_on()
    return begun + bench.target.until(lambda: bench.target.show(DAEMON, "SubState") == "running", 90, every_s=0.5)


def test_the_secret_is_sealed_by_the_tpm(moved: Bench) -> None:
    sealed = base64.b64decode(moved.target.run("cat", f"{STORE}/box-secret"))
    assert sealed[:16].hex() == BY_HOST_AND_TPM2
    assert moved.target.run("stat", "-c", "%a", f"{STORE}/box-secret").strip() == "600"


def test_its_disk_in_another_machine_opens_no_key_and_says_what_to_do(moved: Bench, figure: Figure) -> None:
    box, own = moved.target, moved.target.folder / "tpm.own"
    serial = steps.facts(box)["serial"]
    sealed = box.pipe(f"cat {STATE}/identity/keys.sealed")
    box.run("sync")
    moved.lab.cut_power()
    (box.folder / TPM).rename(own)  # another machine has another TPM (tpm.py, law 1)
    up = switched_on(moved)
    assert box.code("systemd-creds", "decrypt", "--name=box-secret", f"{STORE}/box-secret.lost-1", "-") != 0
    assert steps.facts(box)["serial"] != serial, "it has another name"
    (lost,) = told(moved, "identity_lost")
    assert "enrol this box again" in lost, lost
    assert "identity.lost-1" in lost, lost
    assert box.pipe(f"cat {STATE}/identity.lost-1/keys.sealed") == sealed, "set aside as they were"
    reader = moved.lab.plug_reader("text", serial=SERIAL)
    steps.reader_ready(box, READER.name)
    officer = moved.lab.watch_verdicts()
    reader.present(steps.zone(steps.STOLEN))
    (shown,) = officer.wait(1, 60)
    assert shown["outcome"] == "HIT", "a post does not close for a changed TPM"
    reader.unplug()
    assert moved.hq.rows(kind="passage") == [], "it spoke to headquarters with somebody's certificate"
    figure("the post's disk in another machine", f"up after {up:.0f} s, another name, no key open, a HIT all the same")


def test_back_in_its_own_machine_with_a_stick_in_it_it_is_the_post_again_and_takes_the_stick(
    moved: Bench, figure: Figure
) -> None:
    box, own = moved.target, moved.target.folder / "tpm.own"
    papers.renewal(moved.country, moved.folder / "renewal")
    box.run("sync")
    moved.lab.cut_power()
    (box.folder / TPM).rename(box.folder / "tpm.other")
    own.rename(box.folder / TPM)
    stick = moved.lab.plug_stick(moved.folder / "renewal")  # the machine is off: coldplug and its rule find it
    up = switched_on(moved)
    assert told(moved, "identity_back")
    lines = ("journalctl", "-b", "-u", steps.STICK_UNITS, "-o", "cat", "--no-pager")
    box.until(lambda: "BP-102" in box.run(*lines), 2 * steps.VISIT_S, every_s=0.5)
    stick.pull()
    stick.contents(moved.folder / "back")
    result = steps.newest_result(moved.folder / "back")
    assert {part["code"] for part in result["parts"]} >= {"BP-102", "BP-104"}, result
    assert (result["device"], result["sequence"]) == (steps.DEVICE, 2), result
    box.until(lambda: box.show(DAEMON, "SubState") == "running", 60, every_s=0.5)
    (row,) = moved.hq.wait_rows(1, LINK_S)
    assert (row.device, row.shown) == (steps.DEVICE, "HIT"), "what the other machine wrote comes from here, once"
    figure("back in its own machine, a renewal in its port at power on", f"up after {up:.0f} s, the renewal taken")
