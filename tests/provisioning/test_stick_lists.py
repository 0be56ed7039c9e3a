"""Lists on a stick: only what the box lacks is staged, every byte of it signed; the daemon's own update takes it."""

from __future__ import annotations

import errno
import shutil
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from software_kit import PLATFORM, archive, entries, installed
from stick_kit import SERIAL, Daemon, FailingLayer, Headquarters, Post, codes, refused
from update_kit import NOW, World, documents

from edge.core.distribution import Described
from edge.core.provisioning.codes import Code
from edge.core.provisioning.inbox import BoxFacts
from edge.core.provisioning.result_text import part
from edge.update_report import Task
from edge.updates.run import update
from provisioning.stick.layer import Layer
from provisioning.stick.limits import Limits


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Two lists in three generations of one and two of the other."""
    found = World(tmp_path_factory.mktemp("world"))
    for generation in (1, 2, 3):
        found.build_keyed(generation, documents(*range(generation * 50)))
        found.publish("sltd")
    found.build_watch(["Anna Example"])
    found.publish("un", "--in-clear")
    found.build_watch(["Anna Example", "Bert Example"], as_of=NOW + timedelta(hours=2))
    found.publish("un", "--in-clear")
    found.stamp()
    return found


@pytest.fixture
def post(tmp_path, world):
    hq = Headquarters(tuf_root=(world.repo / "metadata" / "1.root.json").read_text())
    found = Post(tmp_path, hq=hq, facts=BoxFacts(serial=SERIAL, device="box-7", site="north-gate"))
    for name in ("metadata", "targets"):
        shutil.copytree(world.repo / name, found.papers / "tuf" / name)
    return found


def staged(daemon: Daemon, number: int = 1) -> dict[str, bytes]:
    return {name: data for name, data in daemon.seen[number].items() if name.startswith("tuf/")}


def lists_of(names) -> set[str]:
    return {name.split("/")[3] for name in names if name.startswith("tuf/targets/lists/")}


def test_a_bare_box_gets_the_newest_and_takes_it_by_its_own_update(post, world, tmp_path):
    reports = []

    def answer(folder, _offer, _out):
        task = Task(state_dir=str(tmp_path / "state"), lists_dir=str(tmp_path / "lists"), source=str(folder / "tuf"),
                    root=str(world.repo / "metadata" / "1.root.json"), lists=("un",))
        (tmp_path / "state").mkdir(exist_ok=True)
        reports.append(update(task, now=NOW))
        return (part("lists", Code.LISTS_UPDATED),)

    with Daemon(post, answer).running() as daemon:
        outcome = post.visit()
    assert codes(outcome) == [Code.LISTS_UPDATED]
    assert [(one.list, one.outcome, one.refused) for one in reports[0].lists] == [("un", "updated", None)]
    files = staged(daemon)
    assert lists_of(files) == {"sltd", "un"}
    for name, data in files.items():
        assert (post.papers / name).read_bytes() == data
    assert any("MB of lists" in line for line in post.told)


def test_no_more_is_copied_than_the_box_lacks(post, world):
    with Daemon(post).running() as daemon:
        post.visit()
        newest = {"sltd": 3, "un": world_generation(world, "un")}
        post.say(msgspec.structs.replace(post.facts, lists={**newest, "sltd": 2}))
        assert refused(post.visit()) == []
        post.say(msgspec.structs.replace(post.facts, lists=newest))
        assert refused(post.visit()) == []
    whole, some, none = (staged(daemon, number) for number in (1, 2, 3))
    assert lists_of(whole) == {"sltd", "un"}
    assert lists_of(some) == {"sltd"}
    assert sum(map(len, some.values())) < sum(map(len, whole.values()))
    assert lists_of(none) == set()
    assert "tuf/metadata/timestamp.json" in none  # the daemon sees for itself that there is nothing newer


def world_generation(world: World, list_id: str) -> int:
    found = 0
    for path in world.repo.glob(f"metadata/*.list-{list_id}.json"):
        for target in msgspec.json.decode(path.read_bytes())["signed"]["targets"].values():
            found = max(found, msgspec.convert(target["custom"], Described).to)
    return found


def test_a_flipped_bit_in_every_4_kb_of_every_file_is_refused_or_never_staged(post):
    """Metadata and targets alike: whatever is altered, what reaches the daemon is what was signed."""
    with Daemon(post).running() as daemon:
        post.visit()
    good = staged(daemon)
    flips = told = 0
    for path in sorted((post.papers / "tuf").rglob("*")):
        if not path.is_file():
            continue
        whole = path.read_bytes()
        for at in range(0, len(whole), 4096):
            spoiled = bytearray(whole)
            spoiled[min(at + 2048, len(whole) - 1)] ^= 0x10
            path.write_bytes(spoiled)
            with Daemon(post).running() as daemon:
                outcome = post.visit()
            (files,) = daemon.seen.values()
            for name, data in files.items():
                assert good[name] == data, f"{path.name} at {at}: {name}"
            name = str(path.relative_to(post.papers))
            if name in good:
                assert {*refused(outcome)} & {Code.LISTS_REFUSED, Code.SOFTWARE_REFUSED}, f"{path.name} at {at}"
                assert name not in files, f"{path.name} at {at}"
                told += 1
            flips += 1
        path.write_bytes(whole)
    assert told >= 10
    assert flips > told


def test_of_software_the_file_for_this_platform_alone_is_copied_and_once(post, tmp_path):
    own = World(tmp_path / "own", ["un"])
    packed = [str(archive(own.root / f"2.0-{release}.tar.xz", entries("2.0", release=release)))
              for release in ("debian12", "debian13")]
    for role, words in (("software", packed), ("timestamp", [])):
        names = ("software-1", "software-2") if words else ("snapshot", "timestamp")
        keys = [word for name in names for word in ("--key", str(own.keys / f"{name}.pem"))]
        own.hq("publish", role, str(own.repo), *words, *keys)
    shutil.rmtree(post.papers / "tuf")
    for name in ("metadata", "targets"):
        shutil.copytree(own.repo / name, post.papers / "tuf" / name)
    post.hq.tuf_root = (own.repo / "metadata" / "1.root.json").read_text()
    post.national.write_bytes(post.hq.package())
    version = installed(tmp_path / "opt") / "versions" / "1.0"
    with Daemon(post).running() as daemon:
        assert refused(post.visit(version=version)) == []
        post.say(msgspec.structs.replace(post.facts, lists={"software": 1}))
        assert refused(post.visit(version=version)) == []
        assert refused(post.visit()) == []  # a checkout is no version that could be replaced
    targets = [[name for name in files if name.startswith("tuf/targets/software/")] for files in daemon.seen.values()]
    assert [len(names) for names in targets] == [1, 0, 0]
    assert PLATFORM in targets[0][0]


def test_a_list_that_is_damaged_stops_no_other(post):
    for path in (post.papers / "tuf/targets/lists/un").iterdir():
        path.write_bytes(path.read_bytes()[:-1])
    with Daemon(post).running() as daemon:
        outcome = post.visit()
    assert refused(outcome) == [Code.LISTS_REFUSED]
    assert "sltd" in lists_of(staged(daemon))
    assert any(one.detail.startswith("un: ") for one in outcome.parts)


def test_an_envelope_beside_damaged_lists_is_taken_all_the_same(post):
    post.put(f"prov/{SERIAL}.prov", post.hq.envelope())
    (post.papers / "tuf/metadata/timestamp.json").write_bytes(b"{" * 50_000)
    with Daemon(post).running() as daemon:
        outcome = post.visit()
    assert codes(outcome) == [Code.LISTS_REFUSED, Code.APPLIED, Code.ROWS_WRITTEN]
    assert set(daemon.seen[1]) == {"envelope.prov"}


@pytest.mark.parametrize("name", ["timestamp.json", "2.root.json"])
def test_metadata_that_nothing_vouches_for_are_not_parsed_beyond_64_kb(post, name):
    place = post.papers / "tuf/metadata" / name
    place.write_bytes(b'{"signed": "' + b"x" * 70_000 + b'"}')
    layer = FailingLayer(None, errno.EIO, calls=("read",))
    with Daemon(post).running() as daemon:
        outcome = post.visit(stick_layer=layer)
    assert refused(outcome) == [Code.LISTS_REFUSED]
    assert staged(daemon) == {}
    assert layer.count <= 4


def test_json_without_an_end_of_depth_is_damaged_and_no_fault(post):
    for depth in (900, 5000, 30_000):
        (post.papers / "tuf/metadata/timestamp.json").write_bytes(b"[" * depth + b"]" * depth)
        with Daemon(post).running():
            assert refused(post.visit()) == [Code.LISTS_REFUSED]


def test_a_repository_of_somebody_else_is_refused(post, tmp_path):
    other = World(tmp_path / "other", ["un"])
    post.hq.tuf_root = (other.repo / "metadata" / "1.root.json").read_text()
    post.national.write_bytes(post.hq.package())
    with Daemon(post).running() as daemon:
        assert refused(post.visit()) == [Code.LISTS_REFUSED]
        post.hq.tuf_root = ""
        post.national.write_bytes(post.hq.package())
        assert refused(post.visit()) == [Code.LISTS_REFUSED]
    assert not any(staged(daemon, number) for number in daemon.seen)


def test_lists_that_do_not_fit_on_the_box_are_left_and_the_rest_is_taken(post):
    post.put("time/a.time", post.hq.time_paper())
    with Daemon(post).running() as daemon:
        outcome = post.visit(limits=Limits(spare=1 << 60, outcome_s=20))
        assert refused(outcome) == [Code.DISK_FULL]
        assert refused(post.visit(limits=Limits(spare=0, staged=1000, outcome_s=20))) == [Code.TOO_LARGE]
    assert [set(files) for files in daemon.seen.values()] == [{"time.json"}] * 2


def test_a_target_that_is_sparse_or_longer_than_signed_is_not_read(post):
    target = max((post.papers / "tuf/targets/lists/sltd").iterdir(), key=lambda path: path.stat().st_size)
    with target.open("r+b") as file:
        file.truncate(10 << 30)
    layer = FailingLayer(None, errno.EIO, calls=("read",))
    with Daemon(post).running():
        assert refused(post.visit(stick_layer=layer)) in ([Code.LISTS_REFUSED], [])
    assert layer.count < 200


def test_a_stick_pulled_while_lists_are_copied_leaves_nothing_of_it(post):
    layer = FailingLayer(None, 0)
    with Daemon(post).running() as daemon:
        post.visit(stick_layer=layer)
    good = daemon.seen[1]
    for at in range(3, layer.count, max(1, layer.count // 60)):
        with Daemon(post).running() as daemon:
            post.visit(stick_layer=FailingLayer(at, errno.ENODEV))
        assert all(files in ({}, good) for files in daemon.seen.values()), f"operation {at}"
        shutil.rmtree(post.inbox)
        post.inbox.mkdir()
        shutil.rmtree(post.papers / "out", ignore_errors=True)


def test_a_link_that_takes_the_place_of_a_target_is_not_followed(post):
    target = max((post.papers / "tuf/targets/lists/sltd").iterdir(), key=lambda path: path.stat().st_size)

    class Swapping(Layer):
        def open(self, name, flags, folder):
            if name == target.name and not target.is_symlink():
                moved = Path(str(target) + "x")
                target.rename(moved)
                target.symlink_to(moved)
            return super().open(name, flags, folder)

    post.say(msgspec.structs.replace(post.facts, lists={}))
    with Daemon(post).running() as daemon:
        outcome = post.visit(stick_layer=Swapping())
    if target.is_symlink():
        assert refused(outcome) == [Code.LISTS_REFUSED]
        assert f"tuf/targets/lists/sltd/{target.name}" not in daemon.seen[1]
