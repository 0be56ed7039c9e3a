"""Carrying beside a running collector and a real broker: envelopes until they are taken, sticks while rows come."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import carry_kit as kit
import journal_kit
import msgspec
import pytest
from broker_world import World
from link_world import Headquarters, until

from edge.carry.bundle import write_rows
from edge.core import sealing
from edge.core.wire import BODY_TYPE, Presence, Topic, encode, topic
from hq.config import ProvisioningConfig
from hq.store import View, envelopes_of, queue_envelope

pytestmark = [pytest.mark.broker, pytest.mark.timeout(60)]
ROWS = 1500


def quick(hq: Headquarters) -> Headquarters:
    hq.config = msgspec.structs.replace(hq.config, provisioning=ProvisioningConfig(look_s=0.1))
    return hq.start()


def test_an_envelope_waits_with_the_broker_until_its_box_took_it(world: World) -> None:
    world.start_broker()
    hq = quick(world.make_hq())
    first = world.spy("bp/v1/post-7/down/envelope")
    assert queue_envelope(hq.path, "post-7", "abcdefghijk23", 4, b"sealed envelope", kit.NOW)
    until(lambda: first.of("/envelope") == [b"sealed envelope"], "the envelope goes out")
    first.close()
    late = world.spy("bp/v1/post-7/down/envelope")  # the box was away
    until(lambda: late.of("/envelope") == [b"sealed envelope"], "it is retained")
    late.publish(topic(Topic.STATE, "post-7"), encode(Presence(online=True, session="session-1", sequence=3)))
    late.publish(topic(Topic.STATE, "post-7"), encode(Presence(online=True, session="session-2", sequence=4)))
    until(lambda: late.of("/envelope") == [b"sealed envelope", b""], "the topic is cleared")
    late.close()
    assert world.spy("bp/v1/post-7/down/envelope").of("/envelope") == []
    (one,) = envelopes_of(hq.path)
    assert one.done


def test_a_stick_is_imported_by_another_process_while_a_post_sends(world: World, tmp_path: Path) -> None:
    world.start_broker()
    hq = world.make_hq().start()
    (public,) = (key.public_key() for key in hq.keys.seal.values())
    recipient = sealing.Recipient.of(public)
    journal = journal_kit.journal(
        tmp_path / "journal.sqlite", sealer=sealing.make_sealer([recipient], type=BODY_TYPE)
    )
    journal.start()
    try:
        for done in [journal.record(journal_kit.new_passage(number)) for number in range(1, ROWS + 1)]:
            done.result(20)
        write_rows(
            tmp_path / "rows.sealed", journal, sender=kit.sender(), recipients=[recipient], session=kit.SESSION,
            created=kit.NOW,
        )  # fmt: skip
    finally:
        journal.close()
    (hq.folder / "ca.pem").write_text(kit.pem(kit.CA))
    (hq.folder / "hq.toml").write_text('[provisioning]\nca = "ca.pem"\n')
    post = world.start_post()
    command = "from hq.cli import main; main()"
    arguments = ["import", str(tmp_path / "rows.sealed"), "--acks", str(tmp_path / "acks"), "--json"]
    importing = subprocess.Popen(
        [sys.executable, "-c", command, *arguments, "--config", str(hq.folder / "hq.toml")], stdout=subprocess.PIPE
    )
    try:
        while importing.poll() is None:
            post.record(5)
        output = importing.communicate(timeout=30)[0]
    finally:
        importing.kill()
        importing.wait()
    assert importing.returncode == 0
    (report,) = msgspec.json.decode(output)
    assert (report["new"], report["refused"], report["whole"]) == (ROWS, 0, True)
    post.drained()
    assert hq.collector is not None
    assert hq.alarms() == set()
    with View(hq.path) as view:
        held = {seen.device: (seen.held, seen.gaps, seen.conflicts) for seen in view.posts()}
    assert held["post-7"] == (ROWS, (), 0)
    assert held["box-one"] == (post.journal.counts().newest, (), 0)
    assert post.uplink.status().tally.disbelieved == {}
