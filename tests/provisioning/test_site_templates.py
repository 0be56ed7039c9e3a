"""A site's template: what a box could not use is refused at headquarters, and the message names the key."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from authority_kit import SITE, Desk

from provisioning.templates import DEVICE_KEY, START


@pytest.mark.parametrize(("old", "new", "problem"), [
    ('device = "@device@"', 'device = "box-one"', "box.device is the same for every box"),
    ('site = "@site@"', 'site = "elsewhere"', "box.site is not south"),
    ("@seal_key@", "x25519:" + "A" * 43 + "=", "headquarters.seal_key is not the national package's"),
    ("@ack_key@", "ed25519:" + "A" * 43 + "=", "headquarters.ack_key is not the national package's"),
    ('ca = "ca.pem"', 'ca = "other.pem"', "[uplink.tls] does not name"),
    (DEVICE_KEY, "/root/key.pem", "[uplink.tls] does not name"),
    ('root = "root.json"', 'root = "/etc/root.json"', "updates.root is no file of an envelope"),
    ("@serial@" if "@serial@" in START else "reader-1", "@wrong@", "@wrong@ is filled in by nobody"),
    ("readers = ", "raeders = ", "raeders"),
    ("[box]", "[box", "not TOML"),
])  # fmt: skip
def test_what_no_box_could_use_is_refused(desk: Desk, tmp_path: Path, old: str, new: str, problem: str) -> None:
    path = tmp_path / "south.toml"
    text = desk.run("site", "template", "south").out
    assert old in text
    path.write_text(text.replace(old, new))
    done = desk.run("site", "add", "south", "--config", path)
    assert done.code == 78
    assert problem in done.err
    assert [row["site"] for row in desk.run("show", "sites", "--json").json] == [SITE]


def test_profiles_travel_with_the_template(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "own-reader.toml").write_text("# a profile\n")
    done = desk.run("site", "set", SITE, "--config", desk.folder / "site.toml",
                    "--profile", tmp_path / "own-reader.toml")  # fmt: skip
    assert done.code == 0, done.err
    (row,) = desk.run("show", "sites", "--json").json
    assert row["files"] == ["profiles/own-reader.toml"]
    assert row["name"] == "North Gate"
    (tmp_path / "Own Reader.toml").write_text("")
    done = desk.run("site", "set", SITE, "--config", desk.folder / "site.toml",
                    "--profile", tmp_path / "Own Reader.toml")  # fmt: skip
    assert done.code == 2


def test_a_site_is_added_once_and_changed_only_if_it_is_there(desk: Desk) -> None:
    done = desk.run("site", "add", SITE, "--config", desk.folder / "site.toml")
    assert (done.code, "site set" in done.err) == (1, True)
    done = desk.run("site", "set", "south", "--config", desk.folder / "site.toml")
    assert (done.code, "site add" in done.err) == (1, True)
    assert desk.run("site", "add", "South Gate", "--config", desk.folder / "site.toml").code == 2


def test_lists_without_a_root_that_boxes_know_are_refused(desk: Desk) -> None:
    (desk.folder / "1.root.json").write_text("")
    desk.signs("package", "--tuf-root", desk.folder / "1.root.json", "--sign", desk.offline("root-1"),
               "--sign", desk.offline("root-2"))  # fmt: skip
    done = desk.run("site", "set", SITE, "--config", desk.folder / "site.toml")
    assert done.code == 78
    assert "boxes know no root of lists" in done.err


def test_a_template_names_the_lists_that_must_be_there_and_no_port_by_its_number(desk: Desk, tmp_path: Path) -> None:
    text = desk.run("site", "template", "south", "--list", "un", "--list", "sltd").out
    settings = tomllib.loads(text.replace("@escrow_keys@", ""))
    assert settings["screening"]["required"] == ["un", "sltd"]
    assert all(reader["port"].startswith("/dev/serial/by-") for reader in settings["reader"])
    assert "\nrequired = []\n" in desk.run("site", "template", "south").out
    (tmp_path / "south.toml").write_text(text)
    assert desk.run("site", "add", "south", "--config", tmp_path / "south.toml", "--list", "un").code == 0
