"""Papers: who signed them, as what, and how many."""

from __future__ import annotations

import base64

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.envelope_cases import COUNTRY, NOW, World, line, signed
from edge.core import sealing
from edge.core.provisioning import papers, signing
from edge.core.provisioning.codes import Code, ProvisioningError
from edge.core.provisioning.papers import Claim, NationalPackage, Reset, Revocation, TimeWord
from edge.core.provisioning.signing import open_national, open_paper, sign_paper

WORLD, OTHER = World(), World(2)
CLAIM, KEY = WORLD.claim(), WORLD.signer(2)
KEYS = signing.keys_of([line(KEY)])
ROOTS = [WORLD.signer(role) for role in (4, 5, 6)]
ROOT_KEYS = signing.keys_of([line(key) for key in ROOTS])
WORD = TimeWord(country=COUNTRY, time=NOW, lower=True, number=3)


def refused(run: object) -> Code:
    with pytest.raises(ProvisioningError) as caught:
        run()  # type: ignore[operator]
    return caught.value.code


def test_a_paper_that_breaks_its_own_limits_is_not_signed() -> None:
    assert refused(lambda: sign_paper(msgspec.structs.replace(WORD, number=2**53), KEY)) is Code.DAMAGED_PAPER


def test_every_kind_comes_back_as_it_was() -> None:
    box = {"serial": WORLD.serial, "device_key": WORLD.device_key}
    reset = Reset(country=COUNTRY, sequence=9, created=NOW, expires=NOW, **box)
    gone = Revocation(country=COUNTRY, number=2, created=NOW, serials=(WORLD.serial,), devices=("box-1",))
    for paper in (CLAIM, reset, WORD, gone, WORLD.header(), WORLD.national()):
        assert open_paper(sign_paper(paper, KEY), type(paper), KEYS) == paper


def test_a_paper_is_worth_nothing_as_another_kind() -> None:
    kinds = (Claim, Reset, TimeWord, Revocation, NationalPackage, papers.EnvelopeHeader)
    data = sign_paper(CLAIM, KEY)
    assert {refused(lambda kind=kind: open_paper(data, kind, KEYS)) for kind in kinds[1:]} == {Code.BAD_SIGNATURE}
    assert len({signing.kind_of(kind) for kind in kinds}) == len(kinds)
    # not even where the same fields would fit
    moved = signed(msgspec.json.encode(CLAIM), TimeWord, KEY)
    assert refused(lambda: open_paper(moved, Claim, KEYS)) is Code.BAD_SIGNATURE


def test_a_key_of_another_role_or_country_is_unknown() -> None:
    assert refused(lambda: open_paper(sign_paper(CLAIM, WORLD.command), Claim, KEYS)) is Code.UNKNOWN_KEY
    assert refused(lambda: open_paper(sign_paper(CLAIM, OTHER.signer(2)), Claim, KEYS)) is Code.UNKNOWN_KEY
    assert refused(lambda: open_paper(sign_paper(CLAIM, KEY), Claim, {})) is Code.UNKNOWN_KEY


def test_a_name_of_a_key_proves_nothing() -> None:
    forged = msgspec.json.decode(sign_paper(CLAIM, OTHER.signer(2)))
    forged["kid"] = sealing.key_id(KEY.public_key())
    assert refused(lambda: open_paper(msgspec.json.encode(forged), Claim, KEYS)) is Code.BAD_SIGNATURE


def test_a_threshold_counts_keys_and_not_signatures() -> None:
    two = sign_paper(WORD, *ROOTS[:2])
    assert open_paper(two, TimeWord, ROOT_KEYS, 2) == WORD
    assert open_paper(sign_paper(WORD, *ROOTS), TimeWord, ROOT_KEYS, 3) == WORD
    assert refused(lambda: open_paper(two, TimeWord, ROOT_KEYS, 3)) is Code.BAD_SIGNATURE
    one = msgspec.json.decode(sign_paper(WORD, ROOTS[0]))
    twice = msgspec.json.encode([one, one])
    assert refused(lambda: open_paper(twice, TimeWord, ROOT_KEYS, 2)) is Code.BAD_SIGNATURE
    # one key under two names is one key
    aliased = {**ROOT_KEYS, "0" * 16: ROOTS[0].public_key()}
    renamed = msgspec.json.encode([one, {**one, "kid": "0" * 16}])
    assert refused(lambda: open_paper(renamed, TimeWord, aliased, 2)) is Code.BAD_SIGNATURE


def test_a_signature_that_does_not_fit_spoils_those_that_do() -> None:
    three = msgspec.json.decode(sign_paper(WORD, *ROOTS))
    three[2]["signature"] = three[1]["signature"]
    assert refused(lambda: open_paper(msgspec.json.encode(three), TimeWord, ROOT_KEYS, 2)) is Code.BAD_SIGNATURE


def test_signatures_are_over_one_paper_and_not_too_many() -> None:
    one, other = sign_paper(WORD, ROOTS[0]), sign_paper(msgspec.structs.replace(WORD, number=4), ROOTS[1])
    mixed = b"[" + one + b"," + other + b"]"
    assert refused(lambda: open_paper(mixed, TimeWord, ROOT_KEYS, 2)) is Code.DAMAGED_PAPER
    many = b"[" + b",".join([one] * (signing.MAX_SIGNATURES + 1)) + b"]"
    assert refused(lambda: open_paper(many, TimeWord, ROOT_KEYS)) is Code.DAMAGED_PAPER
    assert refused(lambda: open_paper(b"[]", TimeWord, ROOT_KEYS)) is Code.DAMAGED_PAPER
    assert refused(lambda: sign_paper(WORD)) is Code.DAMAGED_PAPER


def test_roots_sign_one_after_the_other() -> None:
    payload = msgspec.json.encode(WORD)
    data = signing.attach(payload, TimeWord, ROOTS[0])
    assert refused(lambda: open_paper(data, TimeWord, ROOT_KEYS, 2)) is Code.BAD_SIGNATURE
    data = signing.attach(payload, TimeWord, ROOTS[1], before=data)
    assert open_paper(data, TimeWord, ROOT_KEYS, 2) == WORD
    assert signing.attach(payload, TimeWord, ROOTS[1], before=data) == data  # a second time adds nothing
    another = msgspec.json.encode(msgspec.structs.replace(WORD, number=5))
    assert refused(lambda: signing.attach(another, TimeWord, ROOTS[1], before=data)) is Code.DAMAGED_PAPER


def test_every_flipped_bit_is_refused() -> None:
    data = sign_paper(CLAIM, KEY)
    for place in range(len(data)):
        for bit in range(8):
            spoilt = bytearray(data)
            spoilt[place] ^= 1 << bit
            code = refused(lambda spoilt=spoilt: open_paper(bytes(spoilt), Claim, KEYS))
            assert code in {Code.DAMAGED_PAPER, Code.BAD_SIGNATURE, Code.UNKNOWN_KEY}


def test_every_cut_is_refused() -> None:
    data = sign_paper(CLAIM, KEY)
    assert {refused(lambda n=n: open_paper(data[:n], Claim, KEYS)) for n in range(len(data))} == {Code.DAMAGED_PAPER}


def test_base64_has_one_form() -> None:
    fields = msgspec.json.decode(sign_paper(CLAIM, KEY))
    signature = fields["signature"]
    # the last letter before the padding has four bits that say nothing
    for letter in "ABCDEFGHIJKLMNOP":
        odd = signature[:-3] + letter + "=="
        same = base64.b64decode(odd) == base64.b64decode(signature)
        if odd != signature and same:
            spoilt = msgspec.json.encode({**fields, "signature": odd})
            assert refused(lambda spoilt=spoilt: open_paper(spoilt, Claim, KEYS)) is Code.DAMAGED_PAPER


@given(st.binary(max_size=400) | st.text(max_size=200).map(lambda t: t.encode("utf-8", "surrogatepass")))
def test_other_bytes_are_damaged(data: bytes) -> None:
    assert refused(lambda: open_paper(data, Claim, KEYS)) is Code.DAMAGED_PAPER


@pytest.mark.parametrize("data", [b"[" * 50_000, b'{"payload":' * 5000, b"[" + b"{}," * 9000 + b"{}]", b"\xff\xfe"])
def test_deep_and_wide_json_is_damaged(data: bytes) -> None:
    assert refused(lambda: open_paper(data, Claim, KEYS)) is Code.DAMAGED_PAPER


def test_signed_nonsense_is_damaged() -> None:
    for payload in (b"", b"{}", b"[]", b'{"paper":"claim"}', msgspec.json.encode(WORD)):
        assert refused(lambda p=payload: open_paper(signed(p, Claim, KEY), Claim, KEYS)) is Code.DAMAGED_PAPER
    extra = msgspec.json.encode(CLAIM)[:-1] + b',"more":1}'
    assert refused(lambda: open_paper(signed(extra, Claim, KEY), Claim, KEYS)) is Code.DAMAGED_PAPER


def test_sizes_have_limits_both_ways() -> None:
    big = Revocation(country=COUNTRY, number=1, created=NOW, serials=(WORLD.serial,) * 2000,
                     devices=("a-device-with-a-long-name-000000000001",) * 2000)
    assert refused(lambda: sign_paper(big, KEY)) is Code.TOO_LARGE_PAPER
    long = b" " * (papers.MAX_PAPER + 1)
    assert refused(lambda: open_paper(long, Claim, KEYS)) is Code.TOO_LARGE_PAPER
    some = msgspec.structs.replace(big, serials=(WORLD.serial,) * 700, devices=("box-0001",) * 700)
    assert open_paper(sign_paper(some, KEY), Revocation, KEYS) == some


def test_no_key_stands_in_an_error() -> None:
    with pytest.raises(ProvisioningError) as caught:
        open_paper(sign_paper(CLAIM, OTHER.signer(2)), Claim, KEYS)
    assert "explain BP-302" in str(caught.value)
    assert KEY.private_bytes_raw().hex() not in str(caught.value)


# -- the national package ----------------------------------------------------------------------------------------


def test_a_package_is_signed_by_the_roots_that_it_names() -> None:
    package = WORLD.national()
    assert open_national(sign_paper(package, *ROOTS[:2]), None) == package
    assert refused(lambda: open_national(sign_paper(package, ROOTS[0]), None)) is Code.BAD_SIGNATURE
    assert refused(lambda: open_national(sign_paper(package, WORLD.command), None)) is Code.UNKNOWN_KEY


def test_a_newer_package_needs_the_old_roots_and_its_own() -> None:
    old = WORLD.national()
    new_roots = [OTHER.signer(role) for role in (4, 5, 6)]
    new = msgspec.structs.replace(old, number=2, root_keys=tuple(line(key) for key in new_roots))
    assert open_national(sign_paper(new, *ROOTS[:2], *new_roots[1:]), old) == new
    assert refused(lambda: open_national(sign_paper(new, *new_roots), old)) is Code.UNKNOWN_KEY
    assert refused(lambda: open_national(sign_paper(new, *ROOTS), old)) is Code.UNKNOWN_KEY
    assert refused(lambda: open_national(sign_paper(new, ROOTS[0], *new_roots), old)) is Code.BAD_SIGNATURE


def test_a_package_never_goes_back_nor_abroad() -> None:
    def judged(package: NationalPackage) -> NationalPackage:
        return open_national(sign_paper(package, *ROOTS), WORLD.national(number=5))

    assert judged(WORLD.national(number=6)).number == 6
    assert judged(WORLD.national(number=5)).number == 5  # the very same
    assert refused(lambda: judged(WORLD.national(number=5, name="other"))) is Code.OLD_NUMBER
    assert refused(lambda: judged(WORLD.national(number=4))) is Code.OLD_NUMBER
    assert refused(lambda: judged(WORLD.national(number=6, country="XXX"))) is Code.OTHER_COUNTRY


@pytest.mark.parametrize("changes", [
    {"root_threshold": 4}, {"root_keys": (line(ROOTS[0]), line(ROOTS[0]))}, {"seal_key": line(KEY)},
    {"ack_key": sealing.public_to_text(WORLD.seal.public_key())}, {"claim_keys": ("ed25519:" + "=" * 44,)},
    {"escrow_keys": ("x25519:" + "A" * 44,)},
])
def test_a_package_whose_keys_are_none_is_damaged(changes: dict[str, object]) -> None:
    data = sign_paper(WORLD.national(**changes), *ROOTS)
    assert refused(lambda: open_national(data, None)) is Code.DAMAGED_PAPER
