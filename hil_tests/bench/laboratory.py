"""A post in a laboratory: a box with the package, made a post by a person with sticks, once for a whole run.

Laws:
1. The box is blank when it begins: one that is a post already is left alone, and the tests are skipped for that.
2. The steps are those of the emulated box; only the hands are others.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hil_tests.bench import steps
from hil_tests.bench.country import Country, Device, Site, founded
from hil_tests.bench.hands import Ask, HandReader, SshLab, at_terminal
from hil_tests.bench.headquarters import Headquarters
from hil_tests.bench.lab import Cannot
from hil_tests.bench.ssh import Address, SshTarget
from hil_tests.bench.target import DAEMON

NATIONAL = "/etc/borderpost/national.json"
TAKEN = "test -e /etc/borderpost/edge.toml || test -e /var/lib/borderpost/config/current"  # also with its daemon down
READY_S = 60.0
HOSTS = "grep -qw headquarters /etc/hosts || echo 127.0.0.1 headquarters >> /etc/hosts"


@dataclass(slots=True)
class LabBench:
    """What a test of ``hil_tests/vm`` is given, of real parts. ``reader`` is in the box from the beginning."""

    lab: SshLab
    hq: Headquarters
    country: Country
    folder: Path
    reader: HandReader

    @property
    def target(self) -> SshTarget:
        """The box."""
        return self.lab.box


@contextlib.contextmanager
def post(
    address: Address, folder: Path, say: Callable[[str], None], *, family: str = "text", options: Sequence[str] = (),
    ask: Ask = at_terminal,
) -> Iterator[LabBench]:
    """A post at that address, until the end of the block. Raises Cannot (law 1), TargetError."""
    with contextlib.ExitStack() as ends:
        box = ends.enter_context(SshTarget(address, options=options))
        if box.code("test", "-x", "/usr/bin/borderpost") != 0:
            raise Cannot(f"{address.host} has no borderpost: install the package (docs/technician.md, section 1)")
        if steps.facts(box).get("device") or box.code("sh", "-c", TAKEN) == 0:
            raise Cannot(f"{address.host} is a post already: take a box that is blank, or reset it (docs/stick.md)")
        say("a reader for the box: its name goes into the site's configuration")
        reader = SshLab(box, ask=ask).plug_reader(family)
        folder.mkdir(parents=True, exist_ok=True)
        site = Site(host="headquarters", readers=(Device("page-1", family, reader.port),), uplink="backoff_max_s = 2.0")
        say("a country: its keys, its certificates, its lists")
        country = founded(folder, site)
        hq = ends.enter_context(Headquarters(country))
        lab = SshLab(box, ask=ask, broker_port=hq.port)
        ends.callback(lab.link, up=False)
        reader.lab = lab
        box.pipe(HOSTS)
        box.pipe(f"umask 022; cat > {NATIONAL}", country.national.read_bytes())
        box.run("systemctl", "restart", DAEMON)
        box.until(lambda: steps.facts(box).get("serial"), READY_S, every_s=0.5)
        say("a claim stick, and the code that the box shows")
        steps.claim(lab, country, folder / "claimed")
        code = steps.screen_code(box)
        say("an envelope stick with lists: the box becomes a post")
        steps.envelope(lab, country, folder / "taken", code)
        box.until(lambda: steps.facts(box).get("device") == steps.DEVICE, READY_S, every_s=0.5)
        box.until(lambda: box.show(DAEMON, "SubState") == "running", READY_S, every_s=0.5)
        yield LabBench(lab, hq, country, folder, reader)
