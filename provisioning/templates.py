"""A site's configuration as a template: one edge.toml for all boxes that ever stand there.

What differs from box to box, and what comes from the national package, is written as a word between @ signs:
``@device@ @site@ @serial@ @seal_key@ @ack_key@ @escrow_keys@`` (the last one inside [ ]).

Laws:
1. A template is parsed as a box will parse it before it is stored, and again, filled, before it is sealed: a box never
   sees one that headquarters could have refused.
2. The box's certificate, its key and the authority stand where the envelope and the daemon put them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from common.settings import ConfigError
from edge.config import Config, parse
from edge.core.provisioning.papers import NationalPackage

BASE: Final = Path("/var/lib/borderpost/config/1")  # as a box has it; only its shape matters
DEVICE_KEY: Final = "/run/borderpost/device.key"
SAMPLE_DEVICE, SAMPLE_SERIAL = "sample-1", "a" * 13
_WORD: Final = re.compile(r"@([a-z_]+)@")

START: Final = """\
# {site}: the configuration of every box there. Words between @ are filled in for each box (docs/configuration.md has
# all settings). Check it: borderpost-provision site add {site} --config FILE
[box]
device = "@device@"
site = "@site@"
profiles_dir = "profiles"

[headquarters]
seal_key = "@seal_key@"
ack_key = "@ack_key@"
escrow_keys = [@escrow_keys@]

[uplink]
host = "{broker}"
port = 8883

[uplink.tls]
ca = "ca.pem"
cert = "device.pem"
key = "/run/borderpost/device.key"

[updates]
root = "root.json"

[screening]
# Lists without which no verdict is given: while one is missing, damaged or too old, it is INCOMPLETE. Left empty, a
# list that never arrived is missed by nobody.
required = [{lists}]

# Which reader it is and where it hangs says `borderpost devices` on the box; by-path is the socket, and stays when the
# reader is exchanged. /dev/ttyACM0 and the like are given out in the order of plugging, and are no names.
[[reader]]
name = "reader-1"
port = "/dev/serial/by-path/pci-0000:00:14.0-usb-0:1.2:1.0"
driver = "elyctis"

[[counter]]
name = "lane-1"
direction = "entry"
readers = ["reader-1"]
"""


def fill(template: str, *, device: str, site: str, serial: str, package: NationalPackage) -> str:
    """The edge.toml of one box. Raises ConfigError for a word between @ that is none of ours."""
    words: Mapping[str, str] = {
        "device": device, "site": site, "serial": serial, "seal_key": package.seal_key, "ack_key": package.ack_key,
        "escrow_keys": ", ".join(f'"{line}"' for line in package.escrow_keys),
    }
    unknown = sorted(set(_WORD.findall(template)) - set(words))
    if unknown:
        known = " ".join(f"@{word}@" for word in words)
        raise ConfigError(f"@{unknown[0]}@ is filled in by nobody", advice=f"these are: {known}")
    return _WORD.sub(lambda found: words[found[1]], template)


def check(text: str, *, where: str, device: str, site: str, package: NationalPackage) -> Config:
    """A filled template as a box reads it. Raises ConfigError naming the key."""
    settings = parse(text, where=where, base=BASE)
    problems: list[tuple[bool, str, str]] = [
        (settings.box.device != device, "box.device is the same for every box", 'write device = "@device@"'),
        (settings.box.site != site, f"box.site is not {site}", 'write site = "@site@"'),
        (settings.headquarters.seal_key != package.seal_key, "headquarters.seal_key is not the national package's",
         'write seal_key = "@seal_key@"'),
        (settings.headquarters.ack_key != package.ack_key, "headquarters.ack_key is not the national package's",
         'write ack_key = "@ack_key@"'),
        (sorted(settings.headquarters.escrow_keys) != sorted(package.escrow_keys),
         "headquarters.escrow_keys is not the national package's", "write escrow_keys = [@escrow_keys@]"),
        (bool(settings.updates.root) and not package.tuf_root, "updates.root is given, and boxes know no root of lists",
         "leave [updates] out, or: borderpost-provision package --tuf-root 1.root.json"),
        (settings.updates.root not in ("", str(BASE / "root.json")), "updates.root is no file of an envelope",
         'write root = "root.json"'),
    ]  # fmt: skip
    if settings.uplink is not None:
        tls = settings.uplink.tls
        right = tls is not None and (tls.ca, tls.cert, tls.key) == (
            str(BASE / "ca.pem"), str(BASE / "device.pem"), DEVICE_KEY
        )
        problems.append((not right, "[uplink.tls] does not name what the envelope brings",
                         f'write ca = "ca.pem", cert = "device.pem", key = "{DEVICE_KEY}"'))  # fmt: skip
    for wrong, message, advice in problems:
        if wrong:
            raise ConfigError(f"{where}: {message}", advice=advice)
    return settings


def check_template(template: str, *, where: str, site: str, package: NationalPackage) -> None:
    """Law 1, for a box that does not exist. Raises ConfigError."""
    text = fill(template, device=SAMPLE_DEVICE, site=site, serial=SAMPLE_SERIAL, package=package)
    check(text, where=where, device=SAMPLE_DEVICE, site=site, package=package)
