"""Doctor on the keys of lists: from a credential, beside their key on the disk, for another box, lacking."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from box_world import LISTS, BoxWorld
from click.testing import CliRunner
from sealed_kit import bring, publish

from edge import config, list_keys
from edge.checks import Check, Grade, examine
from edge.cli import borderpost
from edge.core import sealing
from edge.core.vault import KeyRing, RingEntry, seal_ring
from edge.list_keys import RING, SEAL_FILE, SEAL_KEY, SEALED, ListKeys

KEYS = KeyRing.of([RingEntry("national", 1, bytes(range(32))), RingEntry("sltd", 1, bytes(range(1, 33)))])


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BoxWorld]:
    """A box with a sealed list of persons and a keyed list of documents, and without keys."""
    with BoxWorld(tmp_path / "box") as made:
        sources = (f"persons-csv:{LISTS / 'persons.csv'}", f"sltd-csv:{LISTS / 'sltd.csv'}")
        publish(tmp_path / "clear", sources, KEYS, keyed=["sltd"])
        bring(tmp_path / "clear", made.lists, KEYS)
        made.state.mkdir(mode=0o700)
        yield made


def found(world: BoxWorld) -> dict[str, list[Check]]:
    by_name: dict[str, list[Check]] = {}
    for check in examine(config.load(world.config)):
        by_name.setdefault(check.name, []).append(check)
        assert (check.grade is Grade.OK) or check.advice
    return by_name


def with_credentials(world: BoxWorld, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What systemd makes while the unit runs."""
    folder = world.folder / "credentials"
    folder.mkdir()
    monkeypatch.setattr(list_keys, "UNIT_CREDENTIALS", folder)
    return folder


def sealed(world: BoxWorld, ring: KeyRing = KEYS) -> None:
    line = ListKeys(world.state, list_keys.beside_the_unit()).public_line()
    (world.state / SEALED).write_bytes(seal_ring(ring, sealing.seal_public_from_text(line)))


def test_lists_without_their_keys_are_named_with_the_step_that_helps(world: BoxWorld) -> None:
    checked = found(world)
    assert "list keys" not in checked
    for name in ("list national", "list sltd"):
        (check,) = checked[name]
        assert (check.grade, "keys seal-ring" in check.advice) == (Grade.ERROR, True), check
    sealed(world, KEYS.only(["national"]))
    checked = found(world)
    assert checked["list national"][0].grade is Grade.OK
    assert KEYS.for_generation("sltd", 1).key_id.hex() in checked["list sltd"][0].found  # type: ignore[union-attr]
    assert "keys seal-ring" in checked["list sltd"][0].advice


@pytest.mark.parametrize("verb", ["inspect", "screen", "vehicle"])
def test_where_no_configuration_is_named_no_key_is_said_to_be_missing(
    world: BoxWorld, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    sealed(world)
    words = {
        "inspect": ["lists", "inspect", str(world.lists)],
        "screen": ["screen", "--lists", str(world.lists), "--surname", "Zarkelly"],
        "vehicle": ["vehicle", "--lists", str(world.lists), "--plate", "AB123"],
    }[verb]
    monkeypatch.delenv("BORDERPOST_CONFIG", raising=False)
    alone = CliRunner().invoke(borderpost, words)
    assert alone.exit_code == 1
    assert "no key was looked for" in alone.output
    assert "give --config FILE" in alone.output
    assert "seal-ring" not in alone.output
    assert "not on this box" not in alone.output
    monkeypatch.setenv("BORDERPOST_CONFIG", str(world.config))
    assert "no key was looked for" not in CliRunner().invoke(borderpost, words).output
    (world.state / SEALED).unlink()
    lost = CliRunner().invoke(borderpost, words)
    assert lost.exit_code == 1
    assert "seal-ring" in lost.output
    assert "from headquarters again" not in lost.output  # to copy the list again does not help


def test_the_keys_of_a_box_for_a_program(world: BoxWorld) -> None:
    sealed(world)
    code, told, _ = world.ask("lists", "keys", "--json")
    assert code == 0
    assert json.loads(told) == {"problem": None, "keys": [
        {"list": e.list_id, "from_generation": e.generation, "key": e.key_id.hex()} for e in KEYS.entries]}
    (world.state / SEALED).write_bytes(b"damaged")
    code, told, _ = world.ask("lists", "keys", "--json")
    assert (code, json.loads(told)["keys"]) == (1, [])
    assert SEALED in json.loads(told)["problem"]


def test_one_ring_opens_both_kinds_and_its_key_beside_it_is_a_warning(world: BoxWorld) -> None:
    sealed(world)
    checked = found(world)
    assert [checked[f"list {name}"][0].grade for name in ("national", "sltd")] == [Grade.OK, Grade.OK]
    (check,) = checked["list keys"]
    assert (check.grade, "same disk" in check.found, "TPM" in check.advice) == (Grade.WARNING, True, True)
    assert "2 key(s) for national, sltd" in check.found
    assert not any(e.key.hex() in str(checked) for e in KEYS.entries)
    code, told, _ = world.ask("lists", "keys")
    assert code == 0
    assert [line.split()[0] for line in told.splitlines()] == ["national", "sltd"]
    assert all(e.key_id.hex() in told and e.key.hex() not in told for e in KEYS.entries)
    code, told, _ = world.ask("lists", "inspect", str(world.lists), "--json")
    assert code == 0
    assert [row["list"] for row in json.loads(told)["lists"] if row["sound"]] == ["national", "sltd"]


def test_a_key_from_a_credential_is_well_and_one_left_on_the_disk_is_not(
    world: BoxWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials = with_credentials(world, monkeypatch)
    (credentials / SEAL_KEY).write_bytes(sealing.private_to_pem(sealing.generate_seal_key()))
    sealed(world)
    (check,) = found(world)["list keys"]
    assert (check.grade, SEAL_KEY in check.found) == (Grade.OK, True)
    assert not (world.state / SEAL_FILE).exists()
    (world.state / SEAL_FILE).write_bytes(sealing.private_to_pem(sealing.generate_seal_key()))
    assert [c.grade for c in found(world)["list keys"]] == [Grade.OK, Grade.WARNING]


def test_a_whole_ring_from_a_credential_is_well(world: BoxWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    (with_credentials(world, monkeypatch) / RING).write_bytes(KEYS.encode())
    checked = found(world)
    assert [(c.grade, RING in c.found) for c in checked["list keys"]] == [(Grade.OK, True)]
    assert checked["list sltd"][0].grade is Grade.OK


def test_a_ring_for_another_box_is_an_error(world: BoxWorld) -> None:
    sealed(world)
    (world.state / SEALED).write_bytes(seal_ring(KEYS, sealing.generate_seal_key().public_key()))
    (check,) = found(world)["list keys"]
    assert (check.grade, "another box" in check.found, "keys seal-ring" in check.advice) == (Grade.ERROR, True, True)
