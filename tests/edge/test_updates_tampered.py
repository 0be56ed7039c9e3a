"""Every tampering is refused with a message that says what to do, and changes nothing."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from distribution_kit import LISTS, T0, Box, Headquarters, days, key, roots

from edge.clock import ClockPolicy, TrustedClock
from edge.core.distribution import targets
from edge.core.trusted import ClockState, Trusted
from edge.state import State
from edge.updates import CATALOGUE, DirFetcher, Reference, UpdateError, reference
from edge.updates.client import Client

BASE = random.Random(1).randbytes(30_000)
DELTA = random.Random(2).randbytes(9_000)


@pytest.fixture
def hq(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Headquarters:
    monkeypatch.setattr(targets, "PART_BYTES", 16_384)
    made = Headquarters(tmp_path / "hq")
    made.add("un", 0, 1, BASE)
    made.add("un", 1, 2, DELTA)
    made.add("sltd", 0, 1, b"another list")
    made.stamp()
    return made


def refused(box: Box, source: Path, list_id: str = "un") -> UpdateError:
    """The refusal; the box has exactly what it had before."""
    had, marks = dict(box.have), dict(box.marks.kept)
    with pytest.raises(UpdateError) as caught:
        box.take(source, list_id)
    assert box.have == had
    assert all(box.marks.get(role).generation == mark.generation for role, mark in marks.items())
    assert caught.value.advice == CATALOGUE[caught.value.code][1]
    return caught.value


def files(repo: Path) -> Iterator[Path]:
    return (path for top in ("metadata", "targets") for path in sorted((repo / top).rglob("*")) if path.is_file())


def content(box: Box, source: Path) -> list[bytes]:
    return [data for step in box.take(source) for data in step.values()]


def test_one_flipped_bit_in_every_4_kb_of_every_file(tmp_path: Path, hq: Headquarters) -> None:
    where = random.Random(3)
    codes: dict[str, set[str]] = {}
    for path in list(files(hq.path)):
        sound = path.read_bytes()
        for block in range(0, len(sound), 4096):
            at = block + where.randrange(min(4096, len(sound) - block))
            bad = bytearray(sound)
            bad[at] ^= 1 << where.randrange(8)
            path.write_bytes(bad)
            box = Box(tmp_path / "box", hq.root())
            try:
                taken = content(box, hq.path)
            except UpdateError as error:
                codes.setdefault(path.name.removesuffix(".json").split(".")[-1], set()).add(error.code)
            else:  # a bit that changes nothing signed (the case of a hexadecimal digit), or a file that is not needed
                assert taken == [BASE, DELTA]
                assert path.parent.name != "un"
                assert "snapshot" not in path.name
            shutil.rmtree(box.folder)
        path.write_bytes(sound)
    assert codes["timestamp"] == {"damaged"}
    assert codes["000"] == codes["001"] == {"damaged"}  # every part
    assert codes["snapshot"] == {"damaged"}
    assert codes["list-un"] == codes["targets"] == {"damaged"}
    assert content(Box(tmp_path / "box", hq.root()), hq.path) == [BASE, DELTA]


@pytest.mark.parametrize("name", ["timestamp.json", "2.root.json"])
def test_any_flipped_bit_of_what_no_digest_covers(tmp_path: Path, hq: Headquarters, name: str) -> None:
    hq.rotate("timestamp", "timestamp-2")
    hq.stamp("snapshot", "timestamp-2")
    path = hq.path / "metadata" / name
    sound = path.read_bytes()
    where = random.Random(4)
    codes = []
    for at in range(0, len(sound), 7):
        bad = bytearray(sound)
        bad[at] ^= 1 << where.randrange(8)
        path.write_bytes(bad)
        box = Box(tmp_path / f"box-{at}", hq.root())
        try:
            taken = content(box, hq.path)
        except UpdateError as error:
            codes.append(error.code)
        else:
            assert _signed(bytes(bad)) == _signed(sound)
            assert taken == [BASE, DELTA]
    assert codes.count("damaged") > 0.8 * len(codes)
    assert {*codes} <= {"damaged", "foreign"}  # foreign: the flipped bit is in the name of the key


def _signed(data: bytes) -> object:
    return json.loads(data)["signed"]


def test_a_part_that_was_cut_short_or_made_longer(tmp_path: Path, hq: Headquarters) -> None:
    for path in (hq.path / "targets/lists/un").iterdir():
        sound = path.read_bytes()
        for bad, code in ((sound[:-1], "incomplete"), (sound + b"!", "damaged"), (b"", "incomplete")):
            path.write_bytes(bad)
            assert refused(Box(tmp_path / f"box-{len(bad)}-{path.name}", hq.root()), hq.path).code == code
        path.write_bytes(sound)


def test_metadata_that_were_cut_short_or_are_missing(tmp_path: Path, hq: Headquarters) -> None:
    with hq.open() as repository:
        needed = [f"{repository.folder.version(role)}.{role}.json" for role in ("snapshot", "targets", "list-un")]
    for number, name in enumerate(["timestamp.json", *needed]):
        path = hq.path / "metadata" / name
        sound = path.read_bytes()
        for cut in (0, 1, len(sound) // 2, len(sound) - 1):
            path.write_bytes(sound[:cut])
            assert refused(Box(tmp_path / f"box-{number}-{cut}", hq.root()), hq.path).code in ("damaged", "incomplete")
        path.unlink()
        assert refused(Box(tmp_path / f"box-{number}", hq.root()), hq.path).code == "incomplete"
        path.write_bytes(sound)


def test_files_that_were_swapped(tmp_path: Path, hq: Headquarters) -> None:
    one, two, *_ = sorted((hq.path / "targets/lists/un").iterdir())
    _swap(one, two)
    assert refused(Box(tmp_path / "a", hq.root()), hq.path).code in ("damaged", "incomplete")
    _swap(one, two)
    un, sltd = (next((hq.path / "metadata").glob(f"*.list-{name}.json")) for name in LISTS)
    _swap(un, sltd)
    assert refused(Box(tmp_path / "b", hq.root()), hq.path).code == "damaged"
    assert refused(Box(tmp_path / "b", hq.root()), hq.path, "sltd").code == "damaged"


def _swap(one: Path, two: Path) -> None:
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)


def test_one_list_that_is_damaged_stops_no_other(tmp_path: Path, hq: Headquarters) -> None:
    path = max((hq.path / "metadata").glob("*.list-un.json"), key=lambda p: int(p.name.split(".")[0]))
    path.write_bytes(path.read_bytes()[:-10])
    box = Box(tmp_path / "box", hq.root())
    assert refused(box, hq.path).code == "damaged"
    assert box.take(hq.path, "sltd") == [{"documents.bin": b"another list"}]


def test_the_key_of_one_list_cannot_publish_anothers_path(tmp_path: Path, hq: Headquarters) -> None:
    with hq.open() as repository:
        sltd, un = repository.draft("list-sltd"), repository.draft("list-un")
        path, target = next(iter(un.targets.items()))
        sltd.targets[path] = target
        repository.submit("list-sltd", sltd, [key("sltd")])
    hq.stamp()
    box = Box(tmp_path / "box", hq.root())
    assert refused(box, hq.path, "sltd").code == "foreign_path"
    assert content(box, hq.path) == [BASE, DELTA]


def test_a_list_signed_with_the_key_of_another_is_foreign(tmp_path: Path, hq: Headquarters) -> None:
    from tuf.api.metadata import Metadata

    with hq.open() as repository:
        forged = Metadata(repository.draft("list-un"))
        forged.sign(key("sltd"))
        repository.folder.publish("list-un", forged)  # as one who broke into headquarters' online machine
        repository.stamp([key("snapshot"), key("timestamp")])
    assert refused(Box(tmp_path / "box", hq.root()), hq.path).code == "foreign"


def test_another_headquarters_is_foreign(tmp_path: Path, hq: Headquarters) -> None:
    stranger = Headquarters.__new__(Headquarters)
    shutil.copytree(hq.path, tmp_path / "stranger")
    stranger.path, stranger.now, stranger.files = tmp_path / "stranger", T0, hq.files
    with stranger.open() as repository:
        signed = repository.draft("root")
        for role in ("snapshot", "timestamp"):
            for keyid in list(signed.roles[role].keyids):
                signed.revoke_key(keyid, role)
            signed.add_key(key("stranger").public_key, role)
        from tuf.api.metadata import Metadata

        forged = Metadata(signed)
        forged.sign(key("stranger"))
        forged.sign(key("root-1"), append=True)  # one of three is not enough
        repository.folder.publish("root", forged)
        repository.stamp([key("stranger")])
    assert refused(Box(tmp_path / "box", hq.root()), stranger.path).code == "foreign"


def test_a_stick_without_a_root_file_between(tmp_path: Path, hq: Headquarters) -> None:
    hq.rotate("timestamp", "timestamp-2")
    hq.rotate("timestamp", "timestamp-3")
    hq.stamp("snapshot", "timestamp-3")
    (hq.path / "metadata/2.root.json").unlink()
    assert refused(Box(tmp_path / "box", hq.root()), hq.path).code == "root_gap"


def test_links_pipes_and_folders_on_a_stick(tmp_path: Path, hq: Headquarters) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(BASE)
    timestamp = hq.path / "metadata/timestamp.json"
    sound = timestamp.read_bytes()
    for number, make in enumerate((
        lambda: timestamp.symlink_to(secret), lambda: os.mkfifo(timestamp), timestamp.mkdir,
    )):  # fmt: skip
        timestamp.unlink()
        make()
        assert refused(Box(tmp_path / f"box-{number}", hq.root()), hq.path).code == "unsafe_path"
        timestamp.rmdir() if timestamp.is_dir() else timestamp.unlink()
        timestamp.write_bytes(sound)
    (hq.path / "metadata").rename(tmp_path / "elsewhere")
    (hq.path / "metadata").symlink_to(tmp_path / "elsewhere")
    assert refused(Box(tmp_path / "box", hq.root()), hq.path).code == "unsafe_path"
    with pytest.raises(UpdateError) as caught:
        DirFetcher(hq.path).open("metadata/../../secret")
    assert caught.value.code == "unsafe_path"
    with pytest.raises(UpdateError) as caught:
        DirFetcher(tmp_path / "absent")
    assert caught.value.code == "nothing_there"


# -- the clock ---------------------------------------------------------------------------------------------------


def judged(state: ClockState, wall_year: int, floor: object = None) -> Reference:
    wall = T0.replace(year=wall_year)
    known = state is ClockState.SYSTEM
    return reference(Trusted(state, wall if known else None, wall if known else None), floor)  # type: ignore[arg-type]


def test_a_clock_in_1970_makes_no_old_update_young(tmp_path: Path, hq: Headquarters) -> None:
    box = Box(tmp_path / "box", hq.root())
    box.at = judged(ClockState.UNTRUSTED, 1970, floor=T0 + days(91))
    error = refused(box, hq.path)
    assert error.code == "expired"
    assert "until 2026-05-30" in error.message
    box.at = judged(ClockState.UNTRUSTED, 1970, floor=T0 + days(89))
    assert content(box, hq.path) == [BASE, DELTA]


def test_a_clock_in_2151_that_nobody_vouches_for_refuses_nothing_good(tmp_path: Path, hq: Headquarters) -> None:
    box = Box(tmp_path / "box", hq.root())
    box.at = judged(ClockState.UNTRUSTED, 2151, floor=T0)
    assert content(box, hq.path) == [BASE, DELTA]


def test_a_disciplined_clock_that_signatures_contradict_is_named(tmp_path: Path, hq: Headquarters) -> None:
    box = Box(tmp_path / "box", hq.root())
    box.at = judged(ClockState.SYSTEM, 2151)
    error = refused(box, hq.path)
    assert error.code == "clock_ahead"
    assert "2151-03-01" in error.message
    box.at = judged(ClockState.SYSTEM, 1970)
    error = refused(box, hq.path)
    assert error.code == "clock_behind"
    assert "1970-03-01" in error.message
    assert "set the clock" in error.advice


def test_the_boxs_own_clock_gives_the_time(tmp_path: Path, hq: Headquarters) -> None:
    state = State(tmp_path / "state.sqlite")
    state.raise_floor(T0 + days(91))
    for year in (1970, 2151):
        clock = TrustedClock(wall=lambda: T0.replace(year=year), mono=lambda: 1.0, state=state)  # noqa: B023
        at = reference(clock.now(), state.floor())
        assert at == Reference(T0 + days(91), vouched=False)
        box = Box(tmp_path / f"box-{year}", hq.root())
        box.at = at
        assert refused(box, hq.path).code == "expired"
    clock = TrustedClock(wall=lambda: T0.replace(year=2151), mono=lambda: 1.0, state=state,
                         policy=ClockPolicy(disciplined=True))  # fmt: skip
    assert reference(clock.now(), state.floor()).vouched
    state.close()


def test_a_box_without_any_time_takes_what_is_signed(tmp_path: Path, hq: Headquarters) -> None:
    box = Box(tmp_path / "box", hq.root())
    box.at = reference(Trusted(ClockState.UNTRUSTED, None, None), None)
    assert content(box, hq.path) == [BASE, DELTA]


def test_each_role_runs_out_by_itself(tmp_path: Path, hq: Headquarters) -> None:
    for at, code in ((days(89), None), (days(91), "expired"), (days(731), "root_expired")):
        box = Box(tmp_path / f"box-{at.days}", hq.root(), T0 + at)
        if code is None:
            assert content(box, hq.path) == [BASE, DELTA]
        else:
            assert refused(box, hq.path).code == code
    hq.now = T0 + days(170)
    hq.add("sltd", 1, 2, b"newer")
    hq.now = T0 + days(175)
    hq.stamp()
    box = Box(tmp_path / "late", hq.root(), T0 + days(181))  # the list that nobody signed for 180 days has run out
    assert refused(box, hq.path).code == "expired"
    assert len(content_of(box, hq.path, "sltd")) == 2


def content_of(box: Box, source: Path, list_id: str) -> list[bytes]:
    return [data for step in box.take(source, list_id) for data in step.values()]


def test_the_time_that_tuf_judges_by_is_ours(tmp_path: Path, hq: Headquarters) -> None:
    """Pins private names of tuf: if this fails after an upgrade, read edge/updates/client.py before anything else."""
    import tuf
    from tuf.ngclient import Updater
    from tuf.ngclient._internal.trusted_metadata_set import TrustedMetadataSet

    from edge.updates.client import PRIVATE
    from edge.updates.store import MetadataStore

    assert tuf.__version__.split(".")[:2] == ["7", "0"]
    assert all(callable(getattr(Updater, name)) for name in PRIVATE)
    at = Reference(T0 + days(5), vouched=False)
    box = Box(tmp_path / "box", hq.root())
    client = Client(hq.root(), DirFetcher(hq.path), MetadataStore(tmp_path / "m"), box.marks, at)
    assert isinstance(client._trusted_set, TrustedMetadataSet)
    assert client._trusted_set.reference_time == at.at
    client._trusted_set.reference_time = T0 + days(91)
    from tuf.api.exceptions import ExpiredMetadataError

    with pytest.raises(ExpiredMetadataError):
        client.refresh()


def test_every_code_has_a_cause_and_a_next_step() -> None:
    for code, (cause, advice) in CATALOGUE.items():
        assert cause, code
        assert advice, code
        assert UpdateError(code).message == cause
    assert roots()
