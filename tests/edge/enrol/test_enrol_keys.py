"""Whose keys a configuration may name: the national package's, whatever command key signed the envelope."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from enrol_kit import Headquarters, Post, codes, tree

from edge.core import sealing
from edge.core.provisioning import inbox
from edge.keys import headquarters

EVIL = Headquarters()
LINE = sealing.public_to_text(EVIL.seal.public_key())


def seal(hq: Headquarters, text: str) -> str:
    return text.replace(hq.package.seal_key, EVIL.package.seal_key)


def ack(hq: Headquarters, text: str) -> str:
    return text.replace(hq.package.ack_key, EVIL.package.ack_key)


def escrow(_: Headquarters, text: str) -> str:
    return text.replace("[headquarters]", f'[headquarters]\nescrow_keys = ["{LINE}"]')


def root(_: Headquarters, text: str) -> str:
    return text + '\n[updates]\nroot = "profiles/evil.toml"\nfolder = "/srv/lists"\n'


@pytest.mark.parametrize("change", [seal, ack, escrow, root])
def test_a_command_key_alone_redirects_no_passage_no_ack_and_no_list(
    tmp_path: Path, change: Callable[[Headquarters, str], str]
) -> None:
    post = Post(tmp_path / "post", Headquarters())
    post.enrol()
    before = tree(post.places.config)
    with post.process() as life:
        files = {"edge.toml": change(post.hq, post.hq.toml().decode()).encode(), "profiles/evil.toml": b"{}"}
        data = post.hq.envelope(life.box, 2, files)
    outcome = post.plug({inbox.ENVELOPE: data})
    assert codes(outcome) == ["BP-312"]
    assert outcome.parts[0].detail.endswith("is not the national package's")
    assert tree(post.places.config) == before
    with post.process() as life:
        assert life.config is not None
        assert life.box.trust is not None
        recipients, acks = headquarters(life.config)
        assert [r.key_id for r in recipients] == [r.key_id for r in life.box.trust.recipients]
        assert [sealing.key_id(key) for key in acks] == [sealing.key_id(post.hq.ack.public_key())]


def test_a_bare_box_asks_the_same_of_its_first_envelope(tmp_path: Path) -> None:
    post = Post(tmp_path / "post", Headquarters())
    post.plug({inbox.CLAIM: post.hq.claim_paper()})
    with post.process() as life:
        files = post.hq.files(life.box) | {"edge.toml": seal(post.hq, post.hq.toml().decode()).encode()}
        data = post.hq.envelope(life.box, 1, files)
    assert codes(post.plug({inbox.ENVELOPE: data})) == ["BP-312"]


def test_the_root_of_lists_is_the_packages_own(tmp_path: Path) -> None:
    hq = Headquarters()
    hq.package = msgspec.structs.replace(hq.package, tuf_root='{"signed": {}}')
    post = Post(tmp_path / "post", hq)
    post.enrol(more='[updates]\nroot = "root.json"\n')
    assert (post.places.config / "current" / "root.json").read_text() == '{"signed": {}}'


def test_a_package_with_new_keys_ends_no_renewal_but_every_new_configuration_has_them(tmp_path: Path) -> None:
    hq = Headquarters()
    post = Post(tmp_path / "post", hq)
    post.enrol()
    old = hq.toml()
    hq.package = msgspec.structs.replace(hq.package, number=2, seal_key=EVIL.package.seal_key)  # the root says so
    with post.process() as life:
        renewal = {name: data for name, data in hq.files(life.box).items() if name != "edge.toml"}
        data = hq.envelope(life.box, 2, {**renewal, "national.json": hq.national()})
    assert codes(post.plug({inbox.ENVELOPE: data}))[0] == "BP-102"
    with post.process() as life:
        stale = hq.envelope(life.box, 3, {"edge.toml": old + b"# changed\n"})
        fresh = hq.envelope(life.box, 4, {"edge.toml": hq.toml()})
    assert codes(post.plug({inbox.ENVELOPE: stale})) == ["BP-312"]
    assert codes(post.plug({inbox.ENVELOPE: fresh}))[0] == "BP-102"
