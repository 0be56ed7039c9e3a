"""What the authority signs, as the box's own code judges it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from authority_kit import BareBox, Desk, prov

from edge.core.provisioning.codes import Code, ProvisioningError
from edge.enrol.disk import Disk
from edge.enrol.identity import Identity, open_or_make
from edge.enrol.places import Places
from edge.enrol.validation import validate


def joined(tmp_path: Path, desk: Desk) -> tuple[BareBox, Identity, Mapping[str, bytes]]:
    """A box with a real identity on disk, and what its first envelope brings."""
    identity = open_or_make(Disk(), tmp_path / "identity", {})
    box = BareBox(desk.package, identity.device_key, identity.seal_key)
    claim = desk.claim(tmp_path / "stick")
    data = box.asks(claim)
    desk.signs("sign", box.writes(tmp_path / "stick", data), "--code", box.shows(data), "--stick", tmp_path / "stick")
    return box, identity, box.takes(prov(tmp_path / "stick", box))[1]


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "state")


def test_a_first_envelope_is_all_that_a_box_wants(desk: Desk, tmp_path: Path, places: Places) -> None:
    _, identity, files = joined(tmp_path, desk)
    config = validate(files, identity, places, 1, datetime.now(UTC))
    assert config.box.device == tomllib.loads(files["edge.toml"].decode())["box"]["device"]
    with pytest.raises(ProvisioningError) as refused:
        validate(files, identity, places, 1, datetime(2050, 1, 1, tzinfo=UTC))
    assert refused.value.code is Code.BAD_CERTIFICATE


def test_a_certificate_of_a_new_authority_is_taken_beside_the_old_one(
    desk: Desk, tmp_path: Path, places: Places
) -> None:
    box, identity, files = joined(tmp_path, desk)
    desk.signs("key", "ca")
    desk.signs("renew", box.serial, "--stick", tmp_path / "stick")
    renewed = {**files, **box.takes(prov(tmp_path / "stick", box))[1]}
    assert renewed["device.pem"] != files["device.pem"]
    validate(renewed, identity, places, 2, datetime.now(UTC))
    desk.run("key", "ca", "--forget")
    desk.signs("renew", box.serial, "--stick", tmp_path / "stick")
    validate({**files, **box.takes(prov(tmp_path / "stick", box))[1]}, identity, places, 3, datetime.now(UTC))


def test_another_box_s_certificate_is_refused(desk: Desk, tmp_path: Path, places: Places) -> None:
    _, identity, files = joined(tmp_path, desk)
    (tmp_path / "two").mkdir()
    _, _, others = joined(tmp_path / "two", desk)
    with pytest.raises(ProvisioningError) as refused:
        validate({**files, "device.pem": others["device.pem"]}, identity, places, 1, datetime.now(UTC))
    assert refused.value.code is Code.BAD_CERTIFICATE
