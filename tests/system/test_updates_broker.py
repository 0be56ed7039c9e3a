"""A withdrawal over a real broker: published, sent by the collector, applied by a box without HTTPS or stick."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from box_world import BoxWorld, until, zone
from broker import Broker
from keyed_kit import KEY
from link_world import Headquarters
from update_kit import World, documents

from edge.core import sealing
from edge.core.vault import KeyRing, RingEntry, seal_ring
from edge.list_keys import SEALED, ListKeys
from hq.config import UpdatesConfig

pytestmark = [pytest.mark.broker, pytest.mark.timeout(120)]


def test_a_withdrawal_comes_by_message(tmp_path: Path) -> None:
    world = World(tmp_path / "hq", ["sltd"])
    world.build_keyed(1, documents(1, 2, 3))
    world.publish("sltd")
    world.stamp()
    with Broker(tmp_path / "broker", acl="topic readwrite #\n") as broker, BoxWorld(tmp_path / "post") as box:
        text = box.config.read_text(encoding="utf-8").replace('"national", "sltd"', '"sltd"')
        box.config.write_text(
            f'{text}\n[updates]\nroot = "{world.repo}/metadata/1.root.json"\n\n'
            f'[uplink]\nhost = "127.0.0.1"\nport = {broker.port}\n', encoding="utf-8",
        )  # fmt: skip
        box.state.mkdir(mode=0o700)
        ring = seal_ring(KeyRing.of([RingEntry("sltd", 1, KEY)]),
                         sealing.seal_public_from_text(ListKeys(box.state).public_line()))  # fmt: skip
        (box.state / SEALED).write_bytes(ring)
        done = box.run("lists", "update", "--from", str(world.repo))
        assert done.returncode == 0, done.stderr
        box.start()
        assert box.scan(zone(number="A0000002"))["outcome"] == "HIT"

        world.build_keyed(2, documents(1, 3))
        world.publish("sltd")
        world.stamp()
        world.hq("publish", "parcel", str(world.repo), "--list", "sltd", "--from", "1", "--generation", "2", "--send")
        headquarters = Headquarters(box.folder, broker.port)  # with the keys that this box knows
        headquarters.config = msgspec.structs.replace(
            headquarters.config, updates=UpdatesConfig(repo=str(world.repo), look_s=0.2)
        )
        headquarters.start()
        try:
            until(lambda: any(e["event"] == "list_in_use" and e.get("generation") == 2 for e in box.events()),
                  "the withdrawal is in use", 60)  # fmt: skip
            assert box.scan(zone(number="A0000002"))["outcome"] == "CLEAR"
            assert box.scan(zone(number="A0000003"))["outcome"] == "HIT"
        finally:
            headquarters.stop()
        until(lambda: _source(box) == "message from headquarters", "status tells of it")


def _source(box: BoxWorld) -> str:
    status = box.status()
    return str(status["updates"]["source"]) if status else ""
