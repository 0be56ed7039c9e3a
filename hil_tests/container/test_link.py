"""A post with reader, daemon and link under the real units: what it reads is at headquarters once, whatever happens.

Headquarters stands in a network namespace of its own, with the machine's only cable to it. Every test goes on where the
one before ended.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from drivers.virtual.control import VirtualReader
from edge.core.mrz import compose
from edge.core.wire import PassageBody
from hil_tests.bench import report
from hil_tests.bench.country import SITE, Device, Site, founded
from hil_tests.bench.headquarters import Headquarters
from hil_tests.bench.target import DAEMON, until
from hil_tests.container import wire
from hil_tests.container.machine import Machine
from hil_tests.container.officer import Officer
from hil_tests.container.port import Port, codes
from hil_tests.container.root import Installed
from hil_tests.container.wire import Wire
from hil_tests.vm.children import Child

pytestmark = pytest.mark.timeout(300)

PORT = 8883
READER = "/dev/ttyUSB0"
PC = "/run/borderpost/pc"
LISTED = "L0450817S"  # a number of demo/lists/sltd.csv
AWAY = 500  # passages without a broker
UPLINK = "backoff_max_s = 2.0\nkeepalive_s = 5\nconnect_timeout_s = 5.0"
WORDS = f"""
[assembly]
same_document_s = 0
[[passthrough]]
to = "pty:{PC}"
readers = ["page-1"]
"""
DROP_IN = "/etc/systemd/system/borderpost.service.d"


def document(number: int) -> tuple[str, ...]:
    """An invented traveller's; one in eight carries a listed number."""
    listed = number % 8 == 0
    return compose.td3(
        issuing_state="UTO", surname="OSTROVELLE", given_names="CALLIOPE", nationality="UTO", birth_date="740812",
        sex="F", expiry_date="310101", number=LISTED if listed else f"X{number:08d}",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scene:
    """A post that works: its machine, its reader, the officer before it, the cable, and headquarters at its end."""

    machine: Machine
    reader: VirtualReader
    officer: Officer
    cable: Wire
    headquarters: Headquarters

    def scan(self, count: int) -> float:
        """So many travellers, each laid down when the one before had a verdict; the seconds that took."""
        begun = time.monotonic()
        for _ in range(count):
            seen = len(self.officer.verdicts())
            assert self.reader.present(document(seen)) is not None
            until(partial(self._more, seen), 20, every_s=0.01)
        return time.monotonic() - begun

    def _more(self, seen: int) -> bool:
        return len(self.officer.verdicts()) > seen

    def all_there(self, limit_s: float) -> float:
        """Whatever the officer saw as recorded is at headquarters, each once; the seconds until it was."""
        passed = self.officer.recorded()
        assert len(passed) == len(self.officer.verdicts())
        begun = time.monotonic()
        self.headquarters.wait_rows(len(passed), limit_s)
        held = self.headquarters.passages()
        assert set(held) == passed
        assert set(held.values()) == {1}
        assert self.headquarters.counts()["conflicts"] == 0
        return time.monotonic() - begun


@pytest.fixture(scope="module")
def scene(
    request: pytest.FixtureRequest, installed: Installed, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    for program in (*wire.PROGRAMS, "mosquitto"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} not on PATH (Debian: apt install mosquitto iptables iproute2)")
    folder = tmp_path_factory.mktemp("link")
    (folder / "country").mkdir()
    country = founded(folder / "country", Site(
        host="headquarters", port=PORT, readers=(Device("page-1", "text", READER),), uplink=UPLINK,
        more=WORDS,
    ))  # fmt: skip
    installed.obeys(country.national.read_bytes())
    with VirtualReader(folder / "page", folder / "page.ctl", "text") as reader:
        pty = str((folder / "page").readlink())
        with Machine(installed.root, "borderpost-link", folder / "console.log", ports={READER: pty}) as machine:
            report.watch(request.config, machine)
            machine.pipe("touch /dev/tty1 && chown root:tty /dev/tty1 && chmod 620 /dev/tty1")
            # What udev's rules for serial ports do, where there is no udev; and the officer's PC of technician.md, 9.
            machine.pipe(f"chown root:dialout {READER} && chmod 660 {READER}")
            machine.pipe(f"mkdir -p {DROP_IN} && cp /usr/share/borderpost/borderpost-pty.conf {DROP_IN}/")
            machine.pipe(f"echo '{wire.HEADQUARTERS} headquarters' >> /etc/hosts && systemctl daemon-reload")
            machine.run("systemctl", "restart", DAEMON)
            with Wire(machine, folder / "wire.log") as cable:
                post = Port(machine)
                country.signs("claim", SITE, "--stick", "stick")
                assert codes(post.plug(country.stick)) == {"claim": "BP-101"}
                code = json.loads(machine.user("borderpost", "identity", "--json"))["code"]
                country.signs("sign", "--stick", "stick", "--code", code)
                country.publish_lists()
                assert codes(post.plug(country.stick))["envelope"] == "BP-102"
                with (
                    Headquarters(country, port=PORT, address="0.0.0.0", inside=cable.inside) as headquarters,
                    Officer(machine, folder / "officer.log") as officer,
                ):
                    until(lambda: "ready" in machine.user("borderpost", "status"), 30)
                    yield Scene(machine, reader, officer, cable, headquarters)
            report.unwatch(request.config, machine)


def test_a_document_at_a_port_of_the_machine_is_a_hit_at_headquarters(scene: Scene, figures: dict[str, str]) -> None:
    begun = time.monotonic()
    scene.scan(1)
    (row,) = scene.headquarters.wait_rows(1, 30)
    figures["from a document laid down to the hit at headquarters"] = f"{(time.monotonic() - begun) * 1000:.0f} ms"
    assert (row.device, row.site, row.outcome) == (f"{SITE}-1", SITE, "HIT")
    assert isinstance(row.body, PassageBody)
    assert row.body.document
    assert row.body.document.number == LISTED
    assert {row.passage} == scene.officer.recorded()


def test_the_broker_s_certificate_was_asked_for_and_the_box_s_given(scene: Scene) -> None:
    said = (scene.headquarters.logs / "mosquitto.log").read_text()
    assert f"u'{SITE}-1'" in said  # the name in the box's certificate: there are no passwords
    assert f"from {wire.BOX}:" in said


def test_the_officer_s_pc_has_the_document_through_a_pty(scene: Scene, tmp_path: Path) -> None:
    # Of the documented drop-in: without it the daemon may give the pty to nobody.
    row = document(len(scene.officer.verdicts()))[1]
    assert scene.machine.run("stat", "-L", "-c", "%G %a", PC).split() == ["borderpost", "660"]
    pc = Child(scene.machine.words("timeout", "20", "head", "-c", "88", PC), tmp_path / "read")
    until(lambda: scene_status(scene, "connected") == 1, 10)
    scene.scan(1)
    assert pc.wait(20)
    assert row[:40] in (tmp_path / "read").read_text()


def scene_status(scene: Scene, name: str) -> object:
    """One thing that the daemon says of the officer's PC."""
    (one,) = json.loads(scene.machine.user("borderpost", "status", "--json"))["passthrough"]
    return one[name]


def test_with_20_of_100_packets_lost_each_passage_arrives_once(scene: Scene, figures: dict[str, str]) -> None:
    scene.cable.lose(20)
    try:
        took = scene.scan(40)
        after = scene.all_there(120)
        up, down = scene.cable.lost()
    finally:
        scene.cable.lose(0)
    assert up > 5
    assert down > 5
    figures["40 passages with 20 % of packets lost"] = (
        f"{took:.1f} s at the counter, {after:.2f} s more until headquarters had all; {up + down} packets lost"
    )


def test_a_link_that_flaps_costs_nobody_a_passage(scene: Scene, figures: dict[str, str]) -> None:
    dice = random.Random(7)
    try:
        for _ in range(5):
            scene.cable.link(up=False)
            scene.scan(4)
            time.sleep(dice.random())
            scene.cable.link(up=True)
            scene.scan(4)
            time.sleep(dice.random() * 2)
    finally:
        scene.cable.link(up=True)
    figures["5 cuts of the link, 40 passages"] = f"{scene.all_there(120):.2f} s after the last until all had arrived"


def test_a_dead_cable_is_noticed_and_the_box_comes_back_by_itself(scene: Scene, figures: dict[str, str]) -> None:
    until(lambda: uplink(scene) == "sending", 20)
    scene.cable.link(up=False)
    try:
        before = sum(scene.headquarters.passages().values())
        scene.scan(5)
        noticed = until(lambda: uplink(scene) != "sending", 40)
        assert sum(scene.headquarters.passages().values()) == before
    finally:
        scene.cable.link(up=True)
    after = scene.all_there(60)
    figures["a cable pulled"] = f"noticed after {noticed:.0f} s; {after:.1f} s after it was back all had arrived"
    until(lambda: uplink(scene) == "sending", 20)


def uplink(scene: Scene) -> str:
    """How the daemon says its link is."""
    return str(json.loads(scene.machine.user("borderpost", "status", "--json"))["uplink"]["state"])


def test_500_passages_without_a_broker_come_when_it_is_back(scene: Scene, figures: dict[str, str]) -> None:
    before = sum(scene.headquarters.passages().values())
    scene.headquarters.stop_broker(kill=True)
    took = scene.scan(AWAY)
    assert sum(scene.headquarters.passages().values()) == before
    scene.headquarters.start_broker()
    after = scene.all_there(120)
    figures[f"{AWAY} passages without a broker"] = (
        f"{took:.0f} s at the counter, {after:.1f} s after the broker's return until headquarters had all"
    )


def test_a_collector_killed_over_and_over_holds_each_passage_once(scene: Scene) -> None:
    for _ in range(3):
        scene.scan(3)
        scene.headquarters.stop_collector(kill=True)
        scene.scan(3)
        scene.headquarters.start_collector()
    scene.all_there(120)


def test_nothing_of_the_bench_is_in_this_computer_s_own_network(scene: Scene) -> None:
    own = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, timeout=20, check=True).stdout
    assert "post@" not in own
    assert os.readlink("/proc/self/ns/net") != os.readlink(f"/proc/{scene.machine.leader}/ns/net")  # noqa: PTH115
