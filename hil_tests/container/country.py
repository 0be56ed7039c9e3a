"""Headquarters beside the machine: a country's keys, a site, lists, and a stick as a folder. Real commands and keys."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SITE = "north-gate"
PROVISION, HEADQUARTERS = "provisioning.cli", "hq.cli"
PASSPHRASE = ("--passphrase-file", "passphrase")
TEMPLATE = """
[box]
device = "@device@"
site = "@site@"
[headquarters]
seal_key = "@seal_key@"
ack_key = "@ack_key@"
escrow_keys = [@escrow_keys@]
[uplink]
host = "127.0.0.1"
port = 8883
[uplink.tls]
ca = "ca.pem"
cert = "device.pem"
key = "/run/borderpost/device.key"
[updates]
root = "root.json"
[screening]
required = ["sltd"]
[[counter]]
name = "lane-1"
direction = "entry"
readers = ["page-1"]
[[reader]]
name = "page-1"
driver = "text"
port = "/dev/ttyS0"
"""
HQ = """
[store]
path = "hq.sqlite"
[keys]
seal = ["keys/seal.pem"]
ack = "keys/ack.pem"
[broker]
host = "localhost"
[broker.tls]
ca = "broker/ca.pem"
cert = "broker/hq/hq.pem"
key = "broker/hq/hq.key"
[provisioning]
ca = "broker/ca.pem"
"""


@dataclass(frozen=True, slots=True)
class Country:
    """A folder with everything that headquarters has; ``stick`` is the one that travels."""

    folder: Path

    @property
    def stick(self) -> Path:
        """The stick, as headquarters sees it."""
        return self.folder / "stick"

    def run(self, module: str, *words: str) -> str:
        """A command of headquarters in that folder; it must succeed. What it wrote to standard output."""
        done = subprocess.run(
            [sys.executable, "-c", f"import sys; from {module} import main; sys.exit(main())", *words], cwd=self.folder,
            capture_output=True, text=True, timeout=120, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def signs(self, *words: str) -> str:
        """``borderpost-provision WORDS`` with the passphrase."""
        return self.run(PROVISION, *words, *PASSPHRASE)

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


def founded(folder: Path) -> Country:
    """Ceremony, headquarters' keys, a repository of lists, the national package, one site."""
    country = Country(folder)
    (folder / "passphrase").write_text("correct horse battery\n")
    (folder / "hq.toml").write_text(HQ)
    (folder / "site.toml").write_text(TEMPLATE)
    country.stick.mkdir()
    country.signs("init", "--country", "UTO", "--name", "Border Guard of Utopia")
    country.run(HEADQUARTERS, "keys", "create", "--out", "keys")
    country.run(HEADQUARTERS, "publish", "init", "repo", "--keys", "rolekeys", "--list", "sltd")
    (folder / "hq-keys.toml").write_text(country.run(HEADQUARTERS, "keys", "show", "--config", "hq.toml"))
    roots = [word for number in (1, 2) for word in ("--sign", f"authority/offline/root-{number}.pem")]
    country.signs("package", "--headquarters", "hq-keys.toml", "--tuf-root", "repo/metadata/1.root.json", *roots)
    country.run(PROVISION, "site", "add", SITE, "--config", "site.toml", "--name", "North Gate")
    country.signs("broker", "broker", "--name", "localhost")
    return country


