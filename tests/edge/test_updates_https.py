"""Updates over HTTPS from a real server on loopback, also from one that breaks off, stalls or answers wrongly."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from distribution_kit import Box, Headquarters
from tls_kit import Server, certificates, serving

from edge.updates import UpdateError
from edge.updates.https import HttpsFetcher, Tls

DATA = bytes(range(256)) * 2000  # 512 kB


@dataclasses.dataclass
class World:
    hq: Headquarters
    box: Box
    server: Server
    source: HttpsFetcher
    address: str


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    hq = Headquarters(tmp_path / "hq")
    hq.add("un", 0, 1, DATA)
    hq.stamp()
    ca, own = certificates(tmp_path / "tls")
    with serving(tmp_path / "hq", own) as (server, address):
        source = HttpsFetcher(f"{address}/repo", tls=Tls(ca=ca), read_s=1.0)
        yield World(hq, Box(tmp_path / "box", hq.root()), server, source, address)
        source.close()


def test_a_list_comes_over_https(world: World) -> None:
    assert world.box.take(world.source) == [{"documents.bin": DATA}]


def test_a_link_that_breaks_goes_on_where_it_stopped(world: World) -> None:
    world.server.cut_after = 100_000
    for _ in range(5):
        with pytest.raises(UpdateError) as refused:
            world.box.take(world.source)
        assert refused.value.code in ("source_unreachable", "incomplete")
    world.server.cut_after = None
    assert world.box.take(world.source) == [{"documents.bin": DATA}]
    offsets = [int(r.removeprefix("bytes=").rstrip("-")) for path, r in world.server.asked if "/targets/" in path and r]
    assert offsets == sorted(offsets)
    assert offsets[-1] >= 400_000  # five pieces were not sent again


def test_a_server_without_ranges_sends_it_again(world: World) -> None:
    world.server.cut_after, world.server.ranges = 100_000, False
    with pytest.raises(UpdateError):
        world.box.take(world.source)
    world.server.cut_after = None
    assert world.box.take(world.source) == [{"documents.bin": DATA}]


def test_a_server_that_stops_sending_is_not_waited_for(world: World) -> None:
    world.server.cut_after, world.server.stall = 50_000, True
    with pytest.raises(UpdateError) as refused:
        world.box.take(world.source)
    assert refused.value.code == "source_slow"


@pytest.mark.parametrize("status", [301, 403, 404, 500, 503])
def test_an_answer_that_is_no_file_is_named(world: World, status: int) -> None:
    world.server.status = status
    with pytest.raises(UpdateError) as refused:
        world.box.take(world.source)
    assert refused.value.code == ("incomplete" if status in (403, 404) else "source_unreachable")


def test_a_certificate_of_somebody_else_is_refused(world: World, tmp_path: Path) -> None:
    ca, _ = certificates(tmp_path / "other")
    with pytest.raises(UpdateError) as refused:
        world.box.take(HttpsFetcher(f"{world.address}/repo", tls=Tls(ca=ca)))
    assert refused.value.code == "certificate"
    with pytest.raises(UpdateError) as refused:
        HttpsFetcher(world.address, tls=Tls(ca=tmp_path / "absent.pem"))
    assert refused.value.code == "certificate"


def test_a_server_that_is_not_there_or_not_https(world: World) -> None:
    with pytest.raises(UpdateError) as refused:
        HttpsFetcher("http://127.0.0.1:1/repo")
    assert refused.value.code == "source_unreachable"
    with pytest.raises(UpdateError) as refused:
        world.box.take(HttpsFetcher("https://127.0.0.1:1/repo", connect_s=1.0))
    assert refused.value.code == "source_unreachable"
