"""Headquarters' ring: made once, sealed at rest, cut to what a box may have; sealed copies of lists."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edge.core import sealing
from edge.core.distribution import Offer
from edge.core.vault import open_ring
from edge.core.watch import manifest as manifests
from edge.list_keys import SEALED, ListKeys
from edge.watchlists import Watchlists
from hq import keys
from hq.distribution.editions import prepare
from hq.distribution.errors import PublishError
from hq.errors import KeyFileError
from hq.list_keys import RingFile, for_box, seal_newest
from hq.publisher import SourceSpec, build
from hq.verbs.keys import command

DEMO = Path(__file__).resolve().parents[2] / "demo" / "lists"


@pytest.fixture
def ring(tmp_path: Path) -> RingFile:
    keys.create(tmp_path / "keys")
    return RingFile(tmp_path / "keys/list-keys.ring", keys.load_seal([tmp_path / "keys/seal.pem"], None))


def lists(out: Path) -> Path:
    build(out, [SourceSpec.parse(f"persons-csv:{DEMO / 'persons.csv'}")], now=datetime.now(UTC))
    return out


def test_a_key_is_made_once_and_the_file_is_private_and_sealed(ring: RingFile) -> None:
    assert ring.read().entries == ()
    first, second = ring.add("national", 1), ring.add("national", 8)
    assert first.key != second.key
    assert ring.read().for_generation("national", 7) == first
    assert stat.S_IMODE(ring.path.stat().st_mode) == 0o600
    assert first.key not in ring.path.read_bytes()
    before = ring.path.read_bytes()
    for list_id, generation in (("national", 8), ("NO LIST", 1), ("un", 0)):
        with pytest.raises(KeyFileError):
            ring.add(list_id, generation)
    assert ring.path.read_bytes() == before
    assert [p.name for p in ring.path.parent.iterdir() if p.name.startswith(".")] == []


def test_the_ring_opens_with_headquarters_keys_alone(ring: RingFile, tmp_path: Path) -> None:
    ring.add("national", 1)
    keys.create(tmp_path / "next")
    newer = keys.load_seal([tmp_path / "next/seal.pem"], None)
    with pytest.raises(KeyFileError, match=r"seal key [0-9a-f]{16}, which hq.toml does not name") as caught:
        RingFile(ring.path, newer).read()
    assert "keys.seal" in caught.value.advice
    both = RingFile(ring.path, {**newer, **ring.keys})
    both.add("national", 2)  # sealed to the newest key from here on
    assert len(RingFile(ring.path, newer).read().entries) == 2
    ring.path.write_bytes(b"x" * 100)
    with pytest.raises(KeyFileError):
        both.read()


def test_a_box_gets_the_keys_of_its_own_lists(ring: RingFile) -> None:
    ring.add("national", 1)
    ring.add("un", 1)
    box = sealing.generate_seal_key()
    line = sealing.public_to_text(box.public_key())
    assert {e.list_id for e in open_ring(for_box(ring.read(), line, ["un"]), box).entries} == {"un"}
    assert len(open_ring(for_box(ring.read(), line, []), box).entries) == 2
    with pytest.raises(KeyFileError, match="sltd"):
        for_box(ring.read(), line, ["un", "sltd"])
    with pytest.raises(KeyFileError, match="no box's key"):
        for_box(ring.read(), "x25519:AAAA", [])


def test_the_newest_generation_is_copied_once_and_damage_is_not_sealed(ring: RingFile, tmp_path: Path) -> None:
    clear, out = lists(lists(tmp_path / "clear")), tmp_path / "sealed"
    with pytest.raises(KeyFileError, match="no key for generation 2 of national"):
        seal_newest(clear, out, ring.read())
    assert not (out / "national").exists()
    entry = ring.add("national", 2)
    assert seal_newest(clear, out, ring.read()) == [("national", 2, entry.key_id.hex())]
    assert seal_newest(clear, out, ring.read()) == []
    (opened,) = Watchlists.open(out, keys=ring.read).lists
    assert opened.problem is None
    assert opened.persons is not None
    assert opened.persons.person(0).reference == "UT-2026-014"
    place = lists(clear) / "national" / manifests.folder_name(3) / manifests.PERSONS
    place.write_bytes(place.read_bytes()[:-1] + b"\1")
    with pytest.raises(KeyFileError, match="digest"):
        seal_newest(clear, out, ring.read())
    with pytest.raises(KeyFileError):
        seal_newest(tmp_path / "none", out, ring.read())
    assert [p.name for p in (out / "national").iterdir()] == [manifests.folder_name(2)]


def test_the_verbs_from_a_key_to_a_box_that_screens(tmp_path: Path) -> None:
    keys.create(tmp_path / "keys")
    config = tmp_path / "hq.toml"
    config.write_text('[keys]\nseal = ["keys/seal.pem"]\nack = "keys/ack.pem"\n', encoding="utf-8")
    state = tmp_path / "state"
    state.mkdir()
    box = ListKeys(state, {})

    def run(verb: str, *more: str) -> Result:
        ring = str(tmp_path / "keys/list-keys.ring")
        return CliRunner().invoke(command, [verb, "--config", str(config), "--ring", ring, *more])

    made = run("list-key", "--list", "national", "--generation", "1")
    assert made.exit_code == 0, made.output
    assert "key " in made.output
    sealed = run("seal-ring", "--box", box.public_line(), "--list", "national", "--out", str(state / SEALED))
    assert sealed.exit_code == 0, sealed.output
    copied = run("seal-lists", "--lists", str(lists(tmp_path / "clear")), "--out", str(tmp_path / "out"))
    assert copied.exit_code == 0, copied.output
    assert "sealed national generation 1" in copied.output
    again = run("seal-lists", "--lists", str(tmp_path / "clear"), "--out", str(tmp_path / "out"))
    assert again.output == "nothing new to seal\n"
    assert Watchlists.open(tmp_path / "out", keys=box.ring).generations() == {"national": 1}


def test_what_has_a_key_is_sealed_and_what_has_none_is_told(tmp_path: Path) -> None:
    keys.create(tmp_path / "keys")
    (tmp_path / "hq.toml").write_text('[keys]\nseal = ["keys/seal.pem"]\nack = "keys/ack.pem"\n', encoding="utf-8")
    specs = [f"persons-csv:{DEMO / 'persons.csv'}", f"persons-csv@other:{DEMO / 'persons.csv'}"]
    build(tmp_path / "clear", list(map(SourceSpec.parse, specs)), now=datetime.now(UTC))

    def run(verb: str, *more: str) -> Result:
        words = ["--config", str(tmp_path / "hq.toml"), "--ring", str(tmp_path / "keys/list-keys.ring")]
        return CliRunner().invoke(command, [verb, *words, *more])

    def seal(*more: str) -> Result:
        return run("seal-lists", "--lists", str(tmp_path / "clear"), "--out", str(tmp_path / "out"), *more)

    assert run("list-key", "--list", "other", "--generation", "1").exit_code == 0
    strange = seal("--list", "nosuch")
    assert isinstance(strange.exception, KeyFileError)
    assert "there are: national, other" in str(strange.exception.advice)
    part = seal()
    assert (part.exit_code, part.stdout.startswith("sealed other generation 1 by key ")) == (1, True)
    assert part.stderr.splitlines() == [
        "not sealed: national: the ring holds no key for generation 1 of national",
        "next:  make one: borderpost-hq keys list-key --list national --generation 1",
    ]
    assert sorted(p.name for p in (tmp_path / "out").iterdir() if p.is_dir()) == ["other"]
    named = seal("--list", "other")
    assert (named.exit_code, named.output) == (0, "nothing new to seal\n")
    with pytest.raises(PublishError) as said:
        prepare(tmp_path / "out", "national", Offer("national", ()), (), tmp_path)
    assert "keys seal-lists" in said.value.advice
