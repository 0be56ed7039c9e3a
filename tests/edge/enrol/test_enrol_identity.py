"""The box's own keys: made once, sealed, never shown, set aside when they do not open."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from enrol_deaths import DyingDisk, deaths, in_child
from enrol_kit import tree

from edge.core.provisioning.request import serial_of
from edge.enrol import identity
from edge.enrol.disk import Disk
from edge.enrol.identity import IdentityError, box_secret, open_if_there, open_or_make


def credential(folder: Path, secret: bytes = b"c" * 32) -> dict[str, str]:
    folder.mkdir(exist_ok=True)
    (folder / "box-secret").write_bytes(secret)
    return {"CREDENTIALS_DIRECTORY": str(folder)}


def test_keys_are_made_once_and_name_the_box(tmp_path: Path) -> None:
    assert open_if_there(tmp_path / "identity", {}) is None
    made = open_or_make(Disk(), tmp_path / "identity", {})
    again = open_or_make(Disk(), tmp_path / "identity", {})
    assert (made.made, again.made) == (True, False)
    assert made.serial == again.serial == serial_of(made.spki)
    assert made.seal_line == again.seal_line
    other = open_or_make(Disk(), tmp_path / "other", {})
    assert other.serial != made.serial


def test_no_private_key_stands_on_the_disk_or_in_words(tmp_path: Path) -> None:
    made = open_or_make(Disk(), tmp_path / "identity", {})
    secret = made.device_key.private_numbers().private_value.to_bytes(32, "big")
    seal = made.seal_key.private_bytes_raw()
    files = tree(tmp_path)
    assert set(files) == {"identity/keys.sealed", "identity/secret"}
    assert not any(secret in data or seal in data or b"PRIVATE" in data for data in files.values())
    assert repr(made) == f"Identity({made.serial})"
    assert all(stat.S_IMODE(p.stat().st_mode) == 0o600 for p in (tmp_path / "identity").iterdir())


def test_with_a_credential_the_disk_alone_opens_nothing(tmp_path: Path) -> None:
    environ = credential(tmp_path / "credentials")
    made = open_or_make(Disk(), tmp_path / "identity", environ)
    assert open_or_make(Disk(), tmp_path / "identity", environ).serial == made.serial
    with pytest.raises(IdentityError):
        open_if_there(tmp_path / "identity", {})
    with pytest.raises(IdentityError):
        open_if_there(tmp_path / "identity", credential(tmp_path / "another", b"d" * 32))


def test_a_credential_that_comes_later_is_used_from_then_on(tmp_path: Path) -> None:
    made = open_or_make(Disk(), tmp_path / "identity", {})
    environ = credential(tmp_path / "credentials")
    assert open_or_make(Disk(), tmp_path / "identity", environ).serial == made.serial
    with pytest.raises(IdentityError):
        open_if_there(tmp_path / "identity", {})


def test_keys_that_do_not_open_are_set_aside_not_written_over(tmp_path: Path) -> None:
    folder = tmp_path / "identity"
    old = open_or_make(Disk(), folder, credential(tmp_path / "credentials"))
    before = tree(folder)
    new = open_or_make(Disk(), folder, {})
    assert new.lost == "identity.lost-1"
    assert new.made
    assert new.serial != old.serial
    assert tree(tmp_path / "identity.lost-1") == before
    assert open_or_make(Disk(), folder, {}).serial == new.serial


def test_keys_set_aside_are_the_box_s_again_where_they_open_again(tmp_path: Path) -> None:
    folder, here, there = tmp_path / "identity", *(credential(tmp_path / name, name[:1].encode() * 32) for name in "ht")
    own = open_or_make(Disk(), folder, here)
    before = tree(folder)
    away = open_or_make(Disk(), folder, there)
    assert open_or_make(Disk(), folder, there).serial == away.serial
    home = open_or_make(Disk(), folder, here)
    assert (home.serial, home.made, home.lost, home.back) == (own.serial, False, "identity.lost-2", "identity.lost-1")
    assert tree(folder) == before
    assert open_or_make(Disk(), folder, here).back == ""
    assert open_or_make(Disk(), folder, there).serial == away.serial, "and there it is the one that it was there"


def test_a_death_at_any_step_of_taking_keys_back_loses_none(tmp_path: Path) -> None:
    here, there = (credential(tmp_path / name, name[:1].encode() * 32) for name in ("here", "there"))

    def moved(folder: Path) -> str:
        serial = open_or_make(Disk(), folder, here).serial
        (folder / "boot.sealed").write_bytes(b"of before it was moved")
        open_or_make(Disk(), folder, there)
        return serial

    moved(tmp_path / "measure")
    for step in deaths(lambda disk: open_or_make(disk, tmp_path / "measure", here)):
        folder = tmp_path / f"at-{step}" / "identity"
        folder.parent.mkdir()
        serial = moved(folder)
        assert in_child(lambda at=step, to=folder: open_or_make(DyingDisk(at), to, here)) == DyingDisk.CODE
        assert open_or_make(Disk(), folder, here).serial == serial
        assert not (folder / "boot.sealed").exists()


def test_every_flipped_bit_of_the_sealed_keys_is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "identity"
    open_or_make(Disk(), folder, {})
    whole = (folder / "keys.sealed").read_bytes()
    for at in range(0, len(whole), 7):
        (folder / "keys.sealed").write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(IdentityError):
            open_if_there(folder, {})


def test_a_death_at_any_step_of_the_making_leaves_a_box_that_can_go_on(tmp_path: Path) -> None:
    for step in deaths(lambda disk: open_or_make(disk, tmp_path / "measure", {})):
        folder = tmp_path / f"at-{step}"
        assert in_child(lambda at=step, to=folder: open_or_make(DyingDisk(at), to, {})) == DyingDisk.CODE
        first = open_or_make(Disk(), folder, {})
        assert first.lost == ""
        assert open_or_make(Disk(), folder, {}).serial == first.serial


def test_an_erased_identity_opens_for_nobody_even_from_its_old_blocks(tmp_path: Path) -> None:
    folder = tmp_path / "identity"
    open_or_make(Disk(), folder, {})
    sealed = (folder / "keys.sealed").read_bytes()
    identity.erase(Disk(), folder)
    identity.erase(Disk(), folder)
    assert not folder.exists()
    folder.mkdir()
    (folder / "keys.sealed").write_bytes(sealed)  # what a flash disk may still hold
    with pytest.raises(IdentityError):
        open_if_there(folder, {})


def test_what_it_signs_verifies_under_the_key_that_names_it(tmp_path: Path) -> None:
    made = open_or_make(Disk(), tmp_path / "identity", {})
    public = serialization.load_der_public_key(made.spki)
    assert isinstance(public, ec.EllipticCurvePublicKey)
    public.verify(made.sign(b"rows"), b"rows", ec.ECDSA(hashes.SHA256()))


def test_the_key_for_tls_is_closed_to_others_and_is_the_box_s(tmp_path: Path) -> None:
    made = open_or_make(Disk(), tmp_path / "identity", {})
    made.show_to_tls(Disk(), tmp_path / "run" / "device.key")
    place = tmp_path / "run" / "device.key"
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    key = serialization.load_pem_private_key(place.read_bytes(), None)
    assert key.public_key() == made.device_key.public_key()  # type: ignore[union-attr]


def test_the_secret_serves_several_uses_that_tell_nothing_of_each_other(tmp_path: Path) -> None:
    assert box_secret(tmp_path / "identity", b"one", {}) is None
    open_or_make(Disk(), tmp_path / "identity", {})
    one, two = (box_secret(tmp_path / "identity", use, {}) for use in (b"one", b"two"))
    assert one is not None
    assert one != two
    assert one == box_secret(tmp_path / "identity", b"one", {})
