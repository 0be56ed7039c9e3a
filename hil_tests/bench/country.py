"""Headquarters' folder: a country's keys, a site, lists, and a stick as a folder. Real commands, real keys.

Laws:
1. Everything headquarters has lies in one folder, by relative paths: a copy of it is headquarters as it was then.
2. The broker's certificate bears every name by which a box of the bench calls it, and ``localhost``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SITE = "north-gate"
PROVISION, HEADQUARTERS = "provisioning.cli", "hq.cli"
PASSPHRASE = ("--passphrase-file", "passphrase")
COMMAND_S = 120
BY_ID = "/dev/serial/by-id/usb-QEMU_QEMU_USB_SERIAL_{serial}-if00-port0"  # an emulator's FTDI adapter, under udev
HQ = """
[store]
path = "hq.sqlite"
[keys]
seal = ["keys/seal.pem"]
ack = "keys/ack.pem"
[broker]
host = "localhost"
port = @port@
backoff_max_s = 2.0
[broker.tls]
ca = "broker/ca.pem"
cert = "broker/hq/hq.pem"
key = "broker/hq/hq.key"
[updates]
repo = "repo"
[provisioning]
ca = "broker/ca.pem"
national = "authority/national.json"
"""


@dataclass(frozen=True, slots=True)
class Device:
    """A reader or scanner as edge.toml names it: its driver, the port, further lines of its section, its counter."""

    name: str
    driver: str
    port: str
    more: str = ""
    counter: str = "lane-1"

    def text(self, kind: str) -> str:
        """Its section; ``kind`` is reader or scanner."""
        return f'[[{kind}]]\nname = "{self.name}"\ndriver = "{self.driver}"\nport = "{self.port}"\n{self.more}\n'


@dataclass(frozen=True, slots=True)
class Site:
    """The configuration of every box of the site, as ``borderpost-provision site add`` takes it.

    ``uplink`` are lines of [uplink] besides host, port and certificates; ``state`` is a folder for a box that runs
    without its package (None: where the package has it); ``galleries`` are sealed lists of prints; ``more`` is put at
    the end. The scanner (or None) is of the first reader's counter.
    """

    host: str = "127.0.0.1"
    port: int = 8883
    readers: tuple[Device, ...] = (Device("page-1", "text", "/dev/ttyS0"),)
    scanner: Device | None = None
    lists: tuple[str, ...] = ("sltd",)
    galleries: tuple[str, ...] = ()
    uplink: str = ""
    state: Path | None = None
    more: str = ""

    def text(self) -> str:
        """The template, with what differs between boxes between ``@``."""
        here = self.state
        place = f'state_dir = "{here}/state"\nsocket = "{here}/counter.sock"\n' if here else ""
        required = ", ".join(f'"{one}"' for one in self.lists)
        glass = self.scanner
        counters = ""
        for counter in dict.fromkeys(one.counter for one in self.readers):
            readers = ", ".join(f'"{one.name}"' for one in self.readers if one.counter == counter)
            counters += f'[[counter]]\nname = "{counter}"\ndirection = "entry"\nreaders = [{readers}]\n'
            if glass and counter == self.readers[0].counter:
                counters += f'scanner = "{glass.name}"\n{glass.text("scanner")}'
        return (
            f'[box]\ndevice = "@device@"\nsite = "@site@"\n{place}'
            '[headquarters]\nseal_key = "@seal_key@"\nack_key = "@ack_key@"\nescrow_keys = [@escrow_keys@]\n'
            f'[uplink]\nhost = "{self.host}"\nport = {self.port}\n{self.uplink}\n'
            '[uplink.tls]\nca = "ca.pem"\ncert = "device.pem"\nkey = "/run/borderpost/device.key"\n'
            f'[updates]\nroot = "root.json"\n[screening]\nrequired = [{required}]\n'
            f"{counters}{''.join(one.text('reader') for one in self.readers)}{self.more}\n"
        )


@dataclass(frozen=True, slots=True)
class Country:
    """A folder with everything that headquarters has; ``stick`` is the one that travels."""

    folder: Path

    @property
    def stick(self) -> Path:
        """The stick, as headquarters sees it."""
        return self.folder / "stick"

    @property
    def national(self) -> Path:
        """The national package: what makes a bare machine a box of this country."""
        return self.folder / "authority" / "national.json"

    def run(self, module: str, *words: str) -> str:
        """A command of headquarters in that folder; it must succeed. What it wrote to standard output."""
        done = subprocess.run(
            [sys.executable, "-c", f"import sys; from {module} import main; sys.exit(main())", *words], cwd=self.folder,
            capture_output=True, text=True, timeout=COMMAND_S, check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def signs(self, *words: str) -> str:
        """``borderpost-provision WORDS`` with the passphrase."""
        return self.run(PROVISION, *words, *PASSPHRASE)

    def fresh_stick(self) -> Path:
        """The stick, with nothing on it."""
        shutil.rmtree(self.stick, ignore_errors=True)
        self.stick.mkdir()
        return self.stick

    def publish_lists(self) -> None:
        """A new generation of the one list, onto the stick as well."""
        source = f"sltd-csv:{ROOT / 'demo/lists/sltd.csv'}"
        self.run(HEADQUARTERS, "lists", "build", "--out", "lists", "--source", source)
        self.run(HEADQUARTERS, "publish", "list", "repo", "sltd", "--from", "lists", "--key", "rolekeys/list-sltd.pem")
        self.run(HEADQUARTERS, "publish", "timestamp", "repo", "--key", "rolekeys/snapshot.pem", "--key",
                 "rolekeys/timestamp.pem")  # fmt: skip
        place = self.stick / "BORDERPOST" / "tuf"
        place.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-r", self.folder / "repo/metadata", self.folder / "repo/targets", place], check=True)

    def copy(self, to: Path) -> Country:
        """Headquarters as it is now, in another folder that is not there yet (law 1). Nothing of it may be running."""
        shutil.copytree(self.folder, to, symlinks=True, ignore=shutil.ignore_patterns("logs", "*.lock"))
        return Country(to)


def founded(folder: Path, site: Site | None = None, *, names: tuple[str, ...] = ("headquarters",)) -> Country:
    """Ceremony, headquarters' keys, a repository of lists, the national package, one site, the broker's files.

    ``folder`` is there and empty; ``names`` (and localhost) are how boxes reach the broker.
    """
    country = Country(folder)
    (folder / "passphrase").write_text("correct horse battery\n")
    (folder / "hq.toml").write_text(HQ.replace("@port@", "8883"))
    (folder / "site.toml").write_text((site or Site()).text())
    country.stick.mkdir()
    country.signs("init", "--country", "UTO", "--name", "Border Guard of Utopia")
    country.run(HEADQUARTERS, "keys", "create", "--out", "keys")
    site = site or Site()
    named = [word for name in dict.fromkeys(("sltd", *site.galleries)) for word in ("--list", name)]
    country.run(HEADQUARTERS, "publish", "init", "repo", "--keys", "rolekeys", *named)
    (folder / "hq-keys.toml").write_text(country.run(HEADQUARTERS, "keys", "show", "--config", "hq.toml"))
    roots = [word for number in (1, 2) for word in ("--sign", f"authority/offline/root-{number}.pem")]
    country.signs("package", "--headquarters", "hq-keys.toml", "--tuf-root", "repo/metadata/1.root.json", *roots)
    keyed = [word for name in site.galleries for word in ("--list", name)]
    country.run(PROVISION, "site", "add", SITE, "--config", "site.toml", "--name", "North Gate", *keyed)
    called = [word for name in dict.fromkeys(("localhost", *names)) for word in ("--name", name)]
    country.signs("broker", "broker", *called)
    return country
