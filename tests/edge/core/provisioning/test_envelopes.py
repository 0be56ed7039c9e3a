"""Envelopes: for one box, once, and nothing out of them that headquarters did not put in."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.envelope_cases import COUNTRY, NONCE, NOW, World, opened, signed
from edge.core import sealing
from edge.core.provisioning import envelope
from edge.core.provisioning.codes import Code, ProvisioningError
from edge.core.provisioning.envelope import check_content, judge, nonce_mark, open_envelope, read_header
from edge.core.provisioning.papers import ENVELOPE_FILES, MAX_ENVELOPE, EnvelopeHeader
from edge.core.provisioning.stream import SEALED_CHUNK, WRAP_SIZE

WORLD, OTHER = World(), World(2)
SENT = WORLD.sent
HEAD = 8 + int.from_bytes(SENT[4:8], "big")
CONTENTS = st.binary(max_size=3000)
NAMES = st.sampled_from(["edge.toml", "device.pem", "ca.pem", "acks.json", "revoked.json", "profiles/a-1.toml"])


def refused(run: Callable[[], object]) -> Code:
    with pytest.raises(ProvisioningError) as caught:
        run()
    return caught.value.code


@given(st.dictionaries(NAMES, CONTENTS, min_size=1))
def test_files_come_back_as_they_were(files: dict[str, bytes]) -> None:
    data = WORLD.envelope(files)
    assert opened(data, WORLD) == files
    assert list(opened(data, WORLD)) == list(files)


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 4096, (1 << 20) - 100, 1 << 20, (2 << 20) + 1, 16 << 20])
def test_sizes_around_a_chunk_come_back(size: int) -> None:
    files = {"acks.json": bytes(range(256)) * (size // 256) + bytes(size % 256)}
    assert opened(WORLD.envelope(files), WORLD) == files


def test_the_header_is_read_from_the_beginning_of_the_file() -> None:
    header = read_header(SENT[: envelope.PREFIX], WORLD.keys)
    assert msgspec.structs.replace(header, size=0, sha256="0" * 64) == WORLD.header()
    assert header.size == len(SENT) - HEAD
    assert read_header(memoryview(SENT), WORLD.keys) == header


def test_a_stolen_stick_shows_a_serial_a_number_and_times_alone() -> None:
    clear = SENT[:HEAD]
    assert set(msgspec.json.decode(_payload(clear))) == {
        "paper", "country", "serial", "device_key", "sequence", "nonce", "created", "not_before", "not_after", "size",
        "sha256",
    }
    for word in (b"north", b"edge.toml", b"CERTIFICATE", b"profiles"):
        assert word not in SENT


def _payload(clear: bytes) -> bytes:
    message = msgspec.json.decode(clear[8:])
    return msgspec.json.decode(b'"' + message["payload"].encode() + b'"', type=bytes)


def test_length_tells_little() -> None:
    sizes = {len(WORLD.envelope({"edge.toml": bytes(n)})) for n in range(1, 800, 60)}
    assert len(sizes) == 1


# -- altered -----------------------------------------------------------------------------------------------------


def test_a_flipped_bit_anywhere_is_refused() -> None:
    for place in range(len(SENT)):
        spoilt = bytearray(SENT)
        spoilt[place] ^= 1 << (place % 8)
        code = refused(lambda spoilt=spoilt: opened(bytes(spoilt), WORLD))
        if place >= HEAD:
            assert code is Code.DAMAGED_PAPER
            with pytest.raises(ProvisioningError):  # seen without any private key
                check_content(bytes(spoilt), read_header(SENT, WORLD.keys))


def test_a_flipped_bit_in_every_4_kib_of_a_large_one_is_refused() -> None:
    data = WORLD.envelope({"acks.json": bytes(3 << 20)})
    header, spoilt = read_header(data, WORLD.keys), bytearray(data)
    for place in range(0, len(data), 4096):
        spoilt[place] ^= 0x10
        if place < len(data) - header.size:
            assert refused(lambda: read_header(bytes(spoilt), WORLD.keys)) is Code.DAMAGED_PAPER
        else:
            assert refused(lambda: check_content(spoilt, header)) is Code.DAMAGED_PAPER
        spoilt[place] ^= 0x10
    assert check_content(spoilt, header) == memoryview(data)[-header.size:]


def test_every_cut_and_every_addition_is_refused() -> None:
    for length in range(len(SENT)):
        assert refused(lambda n=length: opened(SENT[:n], WORLD)) is Code.DAMAGED_PAPER
    assert refused(lambda: opened(SENT + b"\x00", WORLD)) is Code.DAMAGED_PAPER
    assert refused(lambda: opened(b"\x00" + SENT, WORLD)) is Code.DAMAGED_PAPER


@given(st.binary(max_size=200), st.integers(0, 2**32 - 1))
def test_other_bytes_are_damaged(data: bytes, length: int) -> None:
    for odd in (data, envelope.MAGIC + data, envelope.MAGIC + length.to_bytes(4, "big") + data):
        assert refused(lambda odd=odd: opened(odd, WORLD)) is Code.DAMAGED_PAPER


def test_too_large_is_said_before_anything_is_read() -> None:
    assert refused(lambda: read_header(bytes(MAX_ENVELOPE + 1), {})) is Code.TOO_LARGE_PAPER


# -- for another -------------------------------------------------------------------------------------------------


def test_a_header_and_a_content_belong_together() -> None:
    first, second = WORLD.envelope({"edge.toml": b"1"}), WORLD.envelope({"edge.toml": b"2"}, sequence=8)
    cut = 8 + int.from_bytes(first[4:8], "big")
    mixed = first[:cut] + second[8 + int.from_bytes(second[4:8], "big") :]
    assert refused(lambda: opened(mixed, WORLD)) is Code.DAMAGED_PAPER


@pytest.mark.parametrize("changes", [
    {"sequence": 99}, {"serial": OTHER.serial}, {"device_key": "ab" * 32}, {"nonce": ""}, {"country": "XXX"},
    {"not_after": NOW + timedelta(days=9999)}, {"created": NOW + timedelta(seconds=1)},
])
def test_a_header_signed_anew_does_not_open_the_content(changes: dict[str, object]) -> None:
    header = msgspec.structs.replace(read_header(SENT, WORLD.keys), **changes)
    head = signed(msgspec.json.encode(header), EnvelopeHeader, WORLD.command)
    moved = envelope.MAGIC + len(head).to_bytes(4, "big") + head + SENT[HEAD:]
    assert read_header(moved, WORLD.keys) == header
    assert refused(lambda: opened(moved, WORLD)) is Code.DOES_NOT_OPEN


def test_another_box_cannot_open_it_and_another_headquarters_cannot_send_it() -> None:
    header = read_header(SENT, WORLD.keys)
    assert refused(lambda: open_envelope(SENT, header, OTHER.seal)) is Code.DOES_NOT_OPEN
    assert refused(lambda: read_header(SENT, OTHER.keys)) is Code.UNKNOWN_KEY
    assert refused(lambda: read_header(OTHER.sent, WORLD.keys)) is Code.UNKNOWN_KEY


def test_two_envelopes_of_the_same_files_have_nothing_in_common() -> None:
    one, two = WORLD.envelope()[HEAD:], WORLD.envelope()[HEAD:]
    assert not any(one[at : at + 16] == two[at : at + 16] for at in range(0, min(len(one), len(two)), 16))


def test_chunks_keep_their_order_and_their_end() -> None:
    data = WORLD.envelope({"acks.json": bytes(5 << 20)})
    content = bytes(check_content(data, read_header(data, WORLD.keys)))
    chunks = [content[at : at + SEALED_CHUNK] for at in range(WRAP_SIZE, len(content), SEALED_CHUNK)]
    assert len(chunks) == 6
    for order in ("102345", "01234", "0012345", "01345", "5", "0123455"):
        body = content[:WRAP_SIZE] + b"".join(chunks[int(n)] for n in order)
        assert refused(lambda body=body: opened(_again(body), WORLD)) is Code.DAMAGED_PAPER
    assert refused(lambda: opened(_again(content[:WRAP_SIZE]), WORLD)) is Code.DAMAGED_PAPER
    assert refused(lambda: opened(_again(content[: WRAP_SIZE - 1]), WORLD)) is Code.DOES_NOT_OPEN


def _again(content: bytes) -> bytes:
    """Headquarters' own key signs a content that nobody made whole."""
    header = WORLD.header(size=len(content), sha256=hashlib.sha256(content).hexdigest())
    head = signed(msgspec.json.encode(header), EnvelopeHeader, WORLD.command)
    return envelope.MAGIC + len(head).to_bytes(4, "big") + head + content


# -- names and sizes ---------------------------------------------------------------------------------------------

BAD_NAMES = (
    "", ".", "..", "../edge.toml", "/etc/passwd", "edge.toml/", "EDGE.TOML", "edge.toml\n", "edge.toml\x00", "edge.tom",
    "profiles/.toml", "profiles/../edge.toml", "profiles/A.toml", "profiles/a/b.toml", "profiles\\a.toml", "device.key",
    "profiles/" + "a" * 65 + ".toml", "\u202eedge.toml", "edgeXtoml", "profiles/a.toml\n", "ed\u0261e.toml", "\ud800",
)


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_is_not_allowed_goes_neither_in_nor_out(name: str) -> None:
    assert not envelope.may_stand_in(name)
    assert refused(lambda: WORLD.envelope({"edge.toml": b"", name: b""})) is Code.UNEXPECTED_FILE
    if name.isprintable() and len(name) <= 80 and name:
        assert refused(lambda: opened(_inside([(name, b"x")]), WORLD)) is Code.UNEXPECTED_FILE


def test_every_name_of_the_table_is_allowed() -> None:
    assert all(envelope.may_stand_in(name.replace("*", "desk-1")) for name in ENVELOPE_FILES)
    assert set(envelope.FILE_LIMITS) <= set(ENVELOPE_FILES)


def _inside(files: list[tuple[str, bytes]], tail: bytes = b"", **entry: object) -> bytes:
    """An envelope with any manifest, rightly signed and sealed."""
    manifest = [{"name": n, "size": len(d), "sha256": hashlib.sha256(d).hexdigest(), **entry} for n, d in files]
    encoded = msgspec.json.encode({"files": manifest})
    plain = len(encoded).to_bytes(4, "big") + encoded + b"".join(data for _, data in files) + tail
    return envelope.seal_plain(plain, WORLD.header(), WORLD.seal.public_key(), WORLD.command)


def test_what_headquarters_may_get_wrong_inside_is_refused() -> None:
    assert opened(_inside([("edge.toml", b"x")]), WORLD) == {"edge.toml": b"x"}
    cases = {
        Code.UNEXPECTED_FILE: ([("edge.toml", b"x"), ("edge.toml", b"y")], {}),
        Code.TOO_LARGE_PAPER: ([("edge.toml", bytes((256 << 10) + 1))], {}),
    }
    for code, (files, entry) in cases.items():
        assert refused(lambda files=files, entry=entry: opened(_inside(files, **entry), WORLD)) is code
    one = [("edge.toml", b"x")]
    for entry in ({"size": 2}, {"size": 0}, {"size": -1}, {"size": 2**40}, {"sha256": "00" * 32}, {"mode": "0777"}):
        assert refused(lambda entry=entry: opened(_inside(one, **entry), WORLD)) is Code.DAMAGED_PAPER
    assert refused(lambda: opened(_inside([]), WORLD)) is Code.DAMAGED_PAPER
    assert refused(lambda: opened(_inside(one, tail=b"\x01"), WORLD)) is Code.DAMAGED_PAPER
    assert refused(lambda: opened(_inside(one, tail=bytes(1024)), WORLD)) is Code.DAMAGED_PAPER
    many = [(f"profiles/{n}.toml", b"") for n in range(65)]
    assert refused(lambda: opened(_inside(many), WORLD)) is Code.DAMAGED_PAPER
    assert refused(lambda: WORLD.envelope(dict(many))) is Code.UNEXPECTED_FILE
    assert refused(lambda: WORLD.envelope({})) is Code.UNEXPECTED_FILE
    assert opened(WORLD.envelope(dict(many[:64])), WORLD) == dict(many[:64])


@given(st.binary(max_size=64))
def test_any_plaintext_that_is_sealed_is_read_or_refused(plain: bytes) -> None:
    data = envelope.seal_plain(plain, WORLD.header(), WORLD.seal.public_key(), WORLD.command)
    assert refused(lambda: opened(data, WORLD)) is Code.DAMAGED_PAPER


def test_headquarters_cannot_make_an_envelope_that_no_box_takes() -> None:
    assert refused(lambda: WORLD.envelope({"edge.toml": bytes((256 << 10) + 1)})) is Code.TOO_LARGE_PAPER
    for changes in ({"serial": "x"}, {"sequence": 0}, {"nonce": "no"}, {"country": "utopia"}, {"device_key": ""},
                    {"not_after": NOW - timedelta(days=2)}):
        assert refused(lambda changes=changes: WORLD.envelope(**changes)) is Code.DAMAGED_PAPER
    nobody = sealing.SealPublic.from_public_bytes(bytes(32))
    bare = WORLD.header()
    assert refused(lambda: envelope.seal_plain(b"", bare, nobody, WORLD.command)) is Code.DAMAGED_PAPER


def test_no_key_and_no_file_stands_in_an_error() -> None:
    with pytest.raises(ProvisioningError) as caught:
        opened(_inside([("edge.toml", b"secret-in-file")], sha256="00" * 32), WORLD)
    told = f"{caught.value!r} {caught.value} {caught.value.__cause__}"
    assert "secret" not in told
    assert not re.search(r"[0-9a-f]{32}", told)


# -- may the box take it? ----------------------------------------------------------------------------------------


def judged(header: EnvelopeHeader, **changes: object) -> None:
    box: dict[str, object] = {
        "serial": WORLD.serial, "device_key": WORLD.device_key, "country": COUNTRY, "last_sequence": 6,
        "nonces_pending": {NONCE}, "nonces_used": set(), "now": NOW,
    }
    judge(header, **{**box, **changes})  # type: ignore[arg-type]


def test_what_is_for_this_box_and_new_may_be_taken() -> None:
    judged(WORLD.header())
    judged(WORLD.header(nonce=""), nonces_pending=())  # a box that headquarters knows already
    judged(WORLD.header(), now=WORLD.header().not_after)


@pytest.mark.parametrize(("box", "header", "code"), [
    ({"country": "XXX"}, {}, Code.OTHER_COUNTRY),
    ({"serial": OTHER.serial}, {}, Code.OTHER_BOX),
    ({"device_key": OTHER.device_key}, {}, Code.OTHER_BOX),
    ({"last_sequence": 7}, {}, Code.OLD_NUMBER),
    ({"last_sequence": 70}, {}, Code.OLD_NUMBER),
    ({"nonces_used": {nonce_mark(NONCE)}}, {}, Code.NONCE_USED),
    ({"nonces_used": {nonce_mark(NONCE)}, "nonces_pending": ()}, {}, Code.NONCE_USED),
    ({"nonces_pending": ()}, {}, Code.NONCE_UNKNOWN),
    ({}, {"nonce": "of-another-claim-1"}, Code.NONCE_UNKNOWN),
    ({"now": NOW + timedelta(days=61)}, {}, Code.EXPIRED),
    ({"now": NOW - timedelta(days=9)}, {"not_before": NOW + timedelta(days=1)}, Code.NOT_YET_VALID),
])
def test_each_refusal_has_its_code(box: dict[str, object], header: dict[str, object], code: Code) -> None:
    assert refused(lambda: judged(WORLD.header(**header), **box)) is code


@pytest.mark.parametrize("year", [1970, 2151])
def test_without_trusted_time_nothing_is_expired(year: int) -> None:
    judged(WORLD.header(), now=None)
    wrong = datetime(year, 1, 1, tzinfo=NOW.tzinfo)
    # A clock behind the envelope's own signed word is behind: the word counts. A trusted clock after its end is obeyed.
    if year == 1970:
        judged(WORLD.header(), now=wrong)
    else:
        assert refused(lambda: judged(WORLD.header(), now=wrong)) is Code.EXPIRED


def test_what_is_kept_of_a_nonce_is_not_the_nonce() -> None:
    assert NONCE not in nonce_mark(NONCE)
    assert len(nonce_mark(NONCE)) == 64
    assert nonce_mark(NONCE) != nonce_mark(NONCE + "x")
