"""Everything that a box must refuse, each with its own code and with the old state untouched."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from enrol_kit import BOX, NONCE, NOW, Authority, Headquarters, Life, Post, codes, tree

from edge.core import sealing
from edge.core.provisioning import inbox
from edge.enrol import kept

Make = Callable[[Headquarters, Life], bytes]


@pytest.fixture(scope="module")
def enrolled(tmp_path_factory: pytest.TempPathFactory) -> Post:
    """A box with generation 1, that no test here may change."""
    post = Post(tmp_path_factory.mktemp("post"), Headquarters())
    post.enrol()
    return post


def toml_with(text: str) -> Make:
    return lambda hq, life: hq.envelope(life.box, 2, {"edge.toml": hq.toml(more=text)})


def header(**said: object) -> Make:
    return lambda hq, life: hq.envelope(life.box, 2, {"edge.toml": hq.toml(more="[log]\n")}, **said)


def certificate(**said: object) -> Make:
    return lambda hq, life: hq.envelope(life.box, 2, {
        "device.pem": hq.authority.issue(life.box.identity.device_key.public_key(), **{"device": BOX, **said}),
    })


def cut(share: float) -> Make:
    def make(hq: Headquarters, life: Life) -> bytes:
        data = hq.envelope(life.box, 2, {"edge.toml": hq.toml(more="[log]\n")})
        return data[: int(len(data) * share)]

    return make


def flipped(at: float) -> Make:
    def make(hq: Headquarters, life: Life) -> bytes:
        data = bytearray(hq.envelope(life.box, 2, {"edge.toml": hq.toml(more="[log]\n")}))
        data[int(len(data) * at)] ^= 1
        return bytes(data)

    return make


def foreign_key(hq: Headquarters, life: Life) -> bytes:
    other = Authority()
    pem = hq.authority.issue(other.key.public_key(), BOX)
    return hq.envelope(life.box, 2, {"device.pem": pem})


def foreign_authority(hq: Headquarters, life: Life) -> bytes:
    pem = Authority().issue(life.box.identity.device_key.public_key(), BOX)
    return hq.envelope(life.box, 2, {"device.pem": pem})


REFUSED: dict[str, tuple[str, Make]] = {
    "another box's": ("BP-304", header(serial="a" * 13)),
    "another key of the same box": ("BP-304", header(device_key="0" * 64)),
    "another country's": ("BP-310", header(country="NTL")),
    "an old number": ("BP-305", lambda hq, life: hq.envelope(life.box, 1, {"edge.toml": hq.toml(more="[log]\n")})),
    "a nonce that was used": ("BP-309", header(nonce=NONCE)),
    "a nonce that nobody asked under": ("BP-308", header(nonce="never-asked-0123456789")),
    "expired": ("BP-306", header(created=NOW - timedelta(days=90), not_before=NOW - timedelta(days=91),
                                 not_after=NOW - timedelta(days=2))),
    "not yet valid": ("BP-307", header(not_before=NOW + timedelta(days=2))),
    "sealed to another key": ("BP-311", header(to=sealing.generate_seal_key().public_key())),
    "signed by the claim key": ("BP-302", lambda hq, life: hq.envelope(
        life.box, 2, {"edge.toml": hq.toml()}, key=hq.claim)),
    "signed by nobody we know": ("BP-302", header(key=sealing.generate_sign_key())),
    "cut in its header": ("BP-303", cut(0.1)),
    "cut in its content": ("BP-303", cut(0.9)),
    "empty": ("BP-303", cut(0.0)),
    "altered at the end": ("BP-303", flipped(0.99)),
    "altered in the middle": ("BP-303", flipped(0.7)),
    "no such setting": ("BP-312", toml_with("[journal]\nmax_gb = 1\n")),
    "no TOML": ("BP-312", toml_with("[")),
    "a driver nobody knows": ("BP-312", toml_with(
        '[[reader]]\nname = "two"\ndriver = "unheard-of"\nport = "/dev/x"\n'
        '[[counter]]\nname = "lane-2"\ndirection = "exit"\nreaders = ["two"]\n')),
    "a state folder of its own": ("BP-312", lambda hq, life: hq.envelope(
        life.box, 2, {"edge.toml": hq.toml(box='state_dir = "/tmp/elsewhere"')})),
    "a ring for another box": ("BP-312", lambda hq, life: hq.envelope(life.box, 2, {"list-keys.sealed": b"BPKR" * 20})),
    "another box's certificate": ("BP-313", foreign_key),
    "a certificate of another name": ("BP-313", certificate(device="north-2")),
    "a certificate from another authority": ("BP-313", foreign_authority),
    "a certificate for servers": ("BP-313", certificate(usage=ExtendedKeyUsageOID.SERVER_AUTH)),
    "a certificate that has ended": ("BP-313", certificate(start=NOW - timedelta(days=9),
                                                           end=NOW - timedelta(days=1))),
    "no certificate": ("BP-313", lambda hq, life: hq.envelope(life.box, 2, {"device.pem": b"nothing"})),
    "a national package of another root": ("BP-302", lambda hq, life: hq.envelope(
        life.box, 2, {"national.json": Headquarters().national()})),
    "a revocation that nobody signed": ("BP-303", lambda hq, life: hq.envelope(life.box, 2, {"revoked.json": b"{}"})),
    "acks that are none": ("BP-303", lambda hq, life: hq.envelope(life.box, 2, {"acks.json": b"{"})),
}


@pytest.mark.parametrize("case", REFUSED)
def test_an_envelope_is_refused_with_its_code_and_nothing_changes(enrolled: Post, case: str) -> None:
    code, make = REFUSED[case]
    config = tree(enrolled.places.config)
    before = kept.load(enrolled.places)
    with enrolled.process() as life:
        data = make(enrolled.hq, life)
    outcome = enrolled.plug({inbox.ENVELOPE: data})
    assert codes(outcome)[0] == code
    assert outcome.sequence == 1
    assert tree(enrolled.places.config) == config
    assert kept.load(enrolled.places) == before


def test_the_very_envelope_that_is_in_use_is_nothing_new_and_no_fault(tmp_path: Path) -> None:
    post = Post(tmp_path, Headquarters())
    post.plug({inbox.CLAIM: post.hq.claim_paper()})
    with post.process() as life:
        data = post.hq.envelope(life.box, 1, post.hq.files(life.box), nonce=NONCE)
    assert codes(post.plug({inbox.ENVELOPE: data})) == ["BP-102"]
    before = tree(post.places.config)
    assert codes(post.plug({inbox.ENVELOPE: data})) == ["BP-103"]
    assert tree(post.places.config) == before


def test_a_first_envelope_without_a_configuration_is_refused(tmp_path: Path) -> None:
    post = Post(tmp_path, Headquarters())
    with post.process() as life:
        files = post.hq.files(life.box)
        files.pop("edge.toml")
        data = post.hq.envelope(life.box, 1, files)
    assert codes(post.plug({inbox.ENVELOPE: data})) == ["BP-319"]


@pytest.mark.parametrize(
    ("code", "changes"),
    [("BP-310", {"country": "NTL"}), ("BP-306", {"expires": NOW - timedelta(days=1)})],
)
def test_a_claim_is_refused(tmp_path: Path, code: str, changes: dict[str, object]) -> None:
    post = Post(tmp_path, Headquarters())
    outcome = post.plug({inbox.TIME: post.hq.time_paper(1, NOW), inbox.CLAIM: post.hq.claim_paper(**changes)})
    assert codes(outcome) == ["BP-107", code]
    assert not (post.places.identity / "pending.json").exists()


def test_a_claim_that_another_country_signed_is_refused(tmp_path: Path) -> None:
    post = Post(tmp_path, Headquarters())
    assert codes(post.plug({inbox.CLAIM: Headquarters().claim_paper()})) == ["BP-302"]


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("BP-304", {"serial": "b" * 13}), ("BP-304", {"device_key": "1" * 64}), ("BP-310", {"country": "NTL"}),
        ("BP-305", {"sequence": 1}), ("BP-306", {"expires": NOW - timedelta(days=3)}),
    ],
)
def test_a_reset_is_refused(enrolled: Post, code: str, changes: dict[str, object]) -> None:
    with enrolled.process() as life:
        token = enrolled.hq.reset_paper(life.box, **{"sequence": 2, **changes})
        serial = life.box.identity.serial
    outcome = enrolled.plug({inbox.RESET: token})
    assert codes(outcome)[0] == code
    with enrolled.process() as life:
        assert life.box.identity.serial == serial
        assert life.config is not None
