"""`doctor` and `status` of a box that headquarters configures, or will."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from enrol_kit import Headquarters, Post

from edge.core.provisioning import inbox
from edge.errors import EXIT_CONFIG, EXIT_NO
from edge.verbs import doctor, status

LINK = """
[uplink]
host = "127.0.0.1"
port = 1

[uplink.tls]
ca = "ca.pem"
cert = "device.pem"
key = "/run/borderpost/device.key"
"""


@pytest.fixture
def post(tmp_path: Path) -> Post:
    return Post(tmp_path, Headquarters())


def ask(post: Post, verb: str, *more: str) -> Result:
    places = post.places
    words = ["--config", str(places.state.parent / "none.toml"), "--state", str(places.state),
             "--national", str(places.national), *more]  # fmt: skip
    return CliRunner().invoke({"doctor": doctor, "status": status}[verb].command, words)


def findings(post: Post) -> dict[str, list[dict[str, str]]]:
    said = ask(post, "doctor", "--runtime", str(post.places.runtime), "--json")
    found: dict[str, list[dict[str, str]]] = {}
    for one in json.loads(said.stdout):
        found.setdefault(one["name"], []).append(one)
    return found


@pytest.mark.parametrize("verb", ["doctor", "status"])
def test_a_bare_box_is_told_to_be_one(post: Post, verb: str) -> None:
    said = ask(post, verb)
    text = said.output + getattr(said.exception, "message", "") + getattr(said.exception, "advice", "")
    assert said.exit_code == EXIT_NO
    assert "is not enrolled" in text
    assert "claim stick" in text
    post.plug({inbox.CLAIM: post.hq.claim_paper()})
    said = ask(post, verb)
    text = said.output + getattr(said.exception, "message", "") + getattr(said.exception, "advice", "")
    with post.process() as life:
        assert life.box.identity.serial in text
    assert "read them the code" in text


@pytest.mark.parametrize("verb", ["doctor", "status"])
def test_without_a_national_package_that_is_what_is_missing(post: Post, verb: str) -> None:
    post.places.national.unlink()
    said = ask(post, verb)
    assert "BP-501" in getattr(said.exception, "message", "")
    assert EXIT_CONFIG == 78


def test_doctor_looks_where_the_daemon_does(post: Post) -> None:
    post.enrol(more=LINK)
    found = findings(post)
    assert [one["grade"] for one in found["tls.key"]] == ["ok"]
    assert found["tls.key"][0]["found"] == str(post.places.device_key)
    assert found["state"][0]["found"].startswith(str(post.places.state))
    assert not any("/var/lib" in one["found"] or "/run/borderpost" in one["found"] for several in found.values()
                   for one in several if one["name"] != "box")


def test_a_list_of_such_a_box_is_looked_for_where_it_lies(post: Post) -> None:
    post.enrol(more='[screening]\nrequired = ["sltd"]\n')
    (line,) = findings(post)["list sltd"]
    assert str(post.places.state / "lists") in line["found"]
