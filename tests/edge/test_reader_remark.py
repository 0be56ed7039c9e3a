"""What a device refused when it was set up is shown by the running box and by the doctor."""

from __future__ import annotations

import json
from pathlib import Path

from box_world import BoxWorld, until

from drivers.virtual.control import VirtualReader


def test_status_and_doctor_show_what_the_device_refused(tmp_path: Path) -> None:
    with BoxWorld(tmp_path) as world:
        text = world.config.read_text()
        world.config.write_text(text.replace('driver = "text"', 'driver = "honeywell"'))
        options = ["--unknown", "OCRENA"]
        world.reader = VirtualReader(tmp_path / "page-1.tty", tmp_path / "page-1.ctl", "honeywell", options)
        world.start()
        until(lambda: reader(world)["remark"], "the remark is known")
        remark = str(reader(world)["remark"])
        assert remark == "refused: ocrena1! (unknown)"
        assert reader(world)["state"] == "ready"
        told = world.run("status")
        assert told.returncode == 0
        assert f"the device: {remark}" in told.stdout
        checks = json.loads(world.run("doctor", "--json").stdout)
        found = [check for check in checks if check["name"] == "reader page-1" and remark in check["found"]]
        assert [check["grade"] for check in found] == ["warning"]
        assert found[0]["advice"]


def reader(world: BoxWorld) -> dict[str, object]:
    """As `status --json` has it."""
    (one,) = json.loads(world.run("status", "--json").stdout)["readers"]
    return dict(one)
