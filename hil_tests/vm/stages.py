"""The moments that tests begin from: a blank box just booted, and a working post with its headquarters.

Laws:
1. A moment is made once a run, by the story's own steps, and is memory, disk, TPM and headquarters' folder of that
   moment: a headquarters that knew later rows of the same epoch would call the restored ones a conflict.
2. The cable is out while a moment is kept: no connection is half in it.
3. A test gets copies; what it does is nobody else's.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hil_tests.bench import gallery, steps
from hil_tests.bench.country import BY_ID, Country, Device, Site, founded
from hil_tests.bench.headquarters import Headquarters, free_port
from hil_tests.bench.target import DAEMON, TargetError
from hil_tests.vm.guest import Guest, restore
from hil_tests.vm.lab import VmLab
from hil_tests.vm.root import lay_down

if TYPE_CHECKING:
    from hil_tests.vm.image import Image

NATIONAL = "/etc/borderpost/national.json"
Say = Callable[[str], None]
Watch = Callable[[Guest], contextlib.AbstractContextManager[object]]  # keeps the logs of a box that fails
SERIAL = "SN0001"
READER = Device("page-1", "text", BY_ID.format(serial=SERIAL))
SCANNER = Device("finger-1", "uru4000", "usb:05ba:000a")
SITE = Site(
    host="headquarters", readers=(READER,), scanner=SCANNER, galleries=(gallery.LIST,),
    uplink="backoff_max_s = 2.0", more="[assembly]\nsame_document_s = 0\n" + gallery.SETTINGS,
)


@dataclass(slots=True)
class Bench:
    """A box with its lab and its headquarters. ``folder`` is the test's own."""

    lab: VmLab
    hq: Headquarters
    country: Country
    folder: Path

    @property
    def target(self) -> Guest:
        """The box."""
        return self.lab.guest


class Stages:
    """Makes the moments below ``folder`` and gives copies of them."""

    def __init__(self, image: Image, folder: Path, say: Say, watch: Watch) -> None:
        self.image, self.folder, self.say, self.watch = image, folder, say, watch
        self.figures: dict[str, str] = {}

    def founded(self) -> Country:
        """Headquarters' folder before any box."""
        at = self.folder / "country"
        if not at.exists():
            self.say("a country: its keys, its certificates, its lists")
            fresh = at.with_name("country.new")
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir(parents=True)
            made = founded(fresh, SITE)
            gallery.publish_gallery(made)
            fresh.rename(at)
        return Country(at)

    def blank(self) -> Path:
        """A blank box of the country, booted, its keys made."""
        at = self.folder / "blank"
        if not at.exists():
            with ThreadPoolExecutor(1) as pool:
                country = pool.submit(self.founded)
                base = self._base()
                country.result()
                self._national(base)
            self._boot(base, at)
        return at

    def post(self) -> Path:
        """The same box after claim and envelope: lists, certificate, everything but a link."""
        at = self.folder / "post"
        if not at.exists():
            with self.opened(self.blank(), "making-post") as bench:
                self.provision(bench)
                self.keep(bench, at)
        return at

    def provision(self, bench: Bench) -> None:
        """Claim stick, code from the screen, envelope stick: the box comes up as a post."""
        self.say("a claim stick, and the code that the box shows")
        claimed = steps.claim(bench.lab, bench.country, bench.folder / "claimed")
        assert claimed.parts == {"claim": "BP-101"}, claimed.result
        code = steps.screen_code(bench.target)
        self.say("an envelope stick with lists: the box becomes a post")
        taken = steps.envelope(bench.lab, bench.country, bench.folder / "taken", code, *gallery.RING)
        assert (taken.parts.get("envelope"), taken.parts.get("lists")) == ("BP-102", "BP-104"), taken.result
        bench.target.until(lambda: steps.facts(bench.target).get("device") == steps.DEVICE, 30, every_s=0.5)
        bench.target.until(lambda: bench.target.show(DAEMON, "SubState") == "running", 30, every_s=0.5)

    def keep(self, bench: Bench, at: Path) -> None:
        """Keep this moment (law 2)."""
        bench.hq.stop()
        bench.lab.link(up=False)
        fresh = at.with_name(at.name + ".new")
        shutil.rmtree(fresh, ignore_errors=True)
        saved = bench.lab.guest.snapshot(fresh)
        bench.country.copy(fresh / "country")
        fresh.rename(at)
        bench.lab.link(up=True)
        bench.hq.start()
        self.figures[f"the moment '{at.name}' kept"] = f"{saved.seconds:.1f} s, {saved.memory_mib:.0f} MiB of memory"

    @contextlib.contextmanager
    def opened(self, moment: Path, name: str) -> Iterator[Bench]:
        """A box that goes on from a moment, its headquarters beside it; all of it is ended afterwards."""
        folder = self.folder / "tests" / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        country = Country(moment / "country").copy(folder / "country")
        hq = Headquarters(country)
        with contextlib.ExitStack() as ends:
            ends.enter_context(hq)
            guest = restore(
                self.image, moment, folder / "box", broker_port=hq.port, usbip_port=free_port()
            )
            ends.callback(guest.close)
            lab = VmLab(guest)
            ends.callback(lab.close)
            lab.link(up=True)
            ends.enter_context(self.watch(guest))
            yield Bench(lab, hq, country, folder)

    def _base(self) -> Path:
        """A copy of the image's disk for this run's country."""
        base = self.folder / "base.ext4"
        if not base.exists():
            subprocess.run(["cp", "--sparse=always", "--reflink=auto", str(self.image.disk), str(base)], check=True,
                           timeout=300)  # fmt: skip
        return base

    def _national(self, base: Path) -> None:
        """What an installer leaves behind: the national package, in the file system of the disk."""
        data = (self.folder / "country" / "authority" / "national.json").read_bytes()
        lay_down(base, {NATIONAL: data}, self.folder, _run)

    def _boot(self, base: Path, at: Path) -> None:
        self.say("power on: a blank box boots")
        folder = self.folder / "tests" / "booting"
        shutil.rmtree(folder, ignore_errors=True)
        fresh = at.with_name("blank.new")
        shutil.rmtree(fresh, ignore_errors=True)
        off = Guest(self.image, folder, disk=base, broker_port=free_port(), usbip_port=free_port())
        with off as guest, self.watch(guest):
            answered = guest.boot()
            self.figures["power on to the guest's agent"] = f"{answered:.1f} s"
            self.figures["power on to every unit up, a blank box"] = f"{answered + guest.wait_up():.1f} s"
            guest.until(lambda: steps.facts(guest).get("serial"), 60, every_s=0.5)
            guest.qmp.set_link("net0", up=False)
            saved = guest.snapshot(fresh)
        Country(self.folder / "country").copy(fresh / "country")
        fresh.rename(at)
        self.figures["the moment 'blank' kept"] = f"{saved.seconds:.1f} s, {saved.memory_mib:.0f} MiB of memory"


def _run(*words: object) -> str:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0:
        raise TargetError(f"{words[0]}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout
