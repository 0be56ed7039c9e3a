"""The machine's USB port, as far as a folder can stand for a stick."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from hil_tests.container.machine import Machine

UNIT = "/usr/lib/systemd/system/borderpost-stick@.service"
OURS = "/run/systemd/system/plugged@.service"
COMMAND = "/opt/borderpost/current/bin/borderpost-provision stick --folder /media --show 0 --wait 60"
STICK = "/run/bench-stick"  # a file system in one piece, as a stick is; the machine's own root is an overlay
OTHER = ("BindsTo=", "After=", "Wants=", "ExecStart=")


class Port:
    """The installed unit with everything that it may and may not do, but for the device that it waits for and the
    words of its command. A FAT stick belongs, file by file, to who mounted it; so does the folder."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        lines = [line for line in machine.run("cat", UNIT).splitlines() if not line.startswith(OTHER)]
        at = lines.index("[Service]") + 1
        lines[at:at] = [f"ExecStart={COMMAND}", f"BindPaths={STICK}:/media"]
        machine.write(OURS, "\n".join(lines) + "\n")
        machine.run("systemctl", "daemon-reload")

    def plug(self, stick: Path) -> dict[str, Any]:
        """One visit; the stick then holds what the box wrote. The newest RESULT of this box."""
        packed = subprocess.run(["tar", "-C", stick, "-c", "BORDERPOST"], capture_output=True, check=True).stdout
        self._machine.pipe(f"rm -rf {STICK} && mkdir {STICK} && tar -C {STICK} -x --no-same-owner && "
                           f"chown -R borderpost-stick: {STICK} && chmod -R u+rwX {STICK}", packed)
        self._machine.run("systemctl", "start", "plugged@zero.service", check=False)  # /dev/zero for the block device
        packed = self._machine.pipe(f"tar -C {STICK} -c BORDERPOST")
        subprocess.run(["tar", "-C", stick, "-x", "--no-same-owner"], input=packed, check=True)
        results = list(stick.glob("BORDERPOST/out/*/RESULT-*.json"))
        said = [entry["MESSAGE"] for entry in self._machine.log("plugged@zero.service")]
        assert results, said
        newest = max(results, key=lambda path: int(path.stem.partition("-")[2]))
        found: dict[str, Any] = json.loads(newest.read_text("utf-8"))
        return found


def codes(result: dict[str, Any]) -> dict[str, str]:
    """What each part of a visit came to."""
    return {part["part"]: part["code"] for part in result["parts"]}
