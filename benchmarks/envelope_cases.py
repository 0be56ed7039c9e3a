"""Keys, papers and damage for the trial of envelopes: the same for the same seed.

A ``World`` is one headquarters and one box of it. ``CASES`` are the ways in which bytes are spoilt, each a function
of (random, world) that gives an attempt: what is tried, and the results that are right.
"""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from edge.core import sealing
from edge.core.provisioning import csr, envelope, request, signing, stream
from edge.core.provisioning.papers import Claim, EnvelopeHeader, NationalPackage, Paper, Request
from edge.core.wire import Signed

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
COUNTRY = "UTO"
NONCE = "claim-nonce-0001"
FILES = {
    "edge.toml": b'[post]\nname = "north"\n' * 20,
    "device.pem": b"-----BEGIN CERTIFICATE-----\n" + b"QUJD" * 100,
    "ca.pem": b"",
    "list-keys.sealed": bytes(range(256)),
    "profiles/desk-1.toml": b"line = 1\n",
}
CURVE = ec.SECP256R1()


@dataclass(frozen=True)
class World:
    """Fixed keys: what is signed and sealed differs by the library's randomness alone."""

    number: int = 1

    @cached_property
    def device(self) -> ec.EllipticCurvePrivateKey:
        return ec.derive_private_key(1000 + self.number, CURVE)

    @cached_property
    def seal(self) -> sealing.SealPrivate:
        return sealing.SealPrivate.from_private_bytes(bytes([self.number]) * 32)

    def signer(self, role: int) -> sealing.SignPrivate:
        """A signing key: 1 command, 2 claim, 3 ack, 4 to 6 roots."""
        return sealing.SignPrivate.from_private_bytes(bytes([self.number, role]) * 16)

    @cached_property
    def command(self) -> sealing.SignPrivate:
        return self.signer(1)

    @cached_property
    def keys(self) -> dict[str, sealing.SignPublic]:
        """Command keys, as a box holds them."""
        return signing.keys_of([line(self.command)])

    @cached_property
    def csr(self) -> csr.CheckedCsr:
        return csr.read_csr(self.pem)

    @cached_property
    def pem(self) -> str:
        return csr.make_csr(self.device, "")

    @property
    def serial(self) -> str:
        return request.serial_of(self.csr.spki)

    @property
    def device_key(self) -> str:
        return request.device_key_digest(self.csr.spki)

    def request(self, **changes: object) -> Request:
        """What the box asks for."""
        asked = Request(
            serial=self.serial, site="north-1", nonce=NONCE, csr=self.pem,
            seal_key=sealing.public_to_text(self.seal.public_key()), created=NOW,
        )
        return msgspec.structs.replace(asked, **changes)

    def sign(self, data: bytes) -> bytes:
        """By the device key."""
        return self.device.sign(data, ec.ECDSA(hashes.SHA256()))

    def header(self, **changes: object) -> EnvelopeHeader:
        """A header with no content yet."""
        bare = EnvelopeHeader(
            country=COUNTRY, serial=self.serial, device_key=self.device_key, sequence=7, nonce=NONCE, created=NOW,
            not_before=NOW - timedelta(days=1), not_after=NOW + timedelta(days=60), size=0, sha256="0" * 64,
        )
        return msgspec.structs.replace(bare, **changes)

    def envelope(self, files: dict[str, bytes] | None = None, **changes: object) -> bytes:
        """An envelope for the box; ``changes`` of its header."""
        bare = self.header(**changes)
        return envelope.seal_envelope(
            FILES if files is None else files, country=bare.country, serial=bare.serial, device_key=bare.device_key,
            sequence=bare.sequence, nonce=bare.nonce, created=bare.created, not_before=bare.not_before,
            not_after=bare.not_after, to=self.seal.public_key(), key=self.command,
        )

    @cached_property
    def sent(self) -> bytes:
        """One envelope, sealed once."""
        return self.envelope()

    def national(self, **changes: object) -> NationalPackage:
        """The national package, two of three roots."""
        package = NationalPackage(
            country=COUNTRY, name="Utopia", claim_keys=(line(self.signer(2)),), command_keys=(line(self.command),),
            root_keys=tuple(line(self.signer(role)) for role in (4, 5, 6)), root_threshold=2,
            seal_key=sealing.public_to_text(self.seal.public_key()), ack_key=line(self.signer(3)), created=NOW,
        )
        return msgspec.structs.replace(package, **changes)

    def claim(self) -> Claim:
        """Permission to ask, for this site."""
        return Claim(country=COUNTRY, site="north-1", nonce=NONCE, created=NOW, expires=NOW + timedelta(days=30))

    @cached_property
    def recipient(self) -> sealing.Recipient:
        return sealing.Recipient.of(self.seal.public_key())

    @cached_property
    def streamed(self) -> bytes:
        return b"".join(stream.seal_stream([self.recipient], [b"row " * 100], stream.ROWS))


def line(key: sealing.SignPrivate) -> str:
    """The public half as a key line."""
    return sealing.public_to_text(key.public_key())


Run = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Attempt:
    """``run`` either raises ProvisioningError or gives something that ``right`` accepts; anything else is a fault."""

    run: Run
    right: Callable[[object], bool]
    data: bytes


def nothing(_: object) -> bool:
    """No result is right: it has to be refused."""
    return False


def opened(data: bytes, world: World) -> dict[str, bytes]:
    """What a box does with a file, but for ``judge``."""
    header = envelope.read_header(data, world.keys)
    return envelope.open_envelope(data, header, world.seal)


# -- damage to bytes ---------------------------------------------------------------------------------------------


def damaged(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """``data`` spoilt in one of many ways; never itself."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        at = rng.randrange(len(out)) if out else 0
        match rng.randrange(9):
            case 0 | 1 | 2 if out:
                out[at] ^= 1 << rng.randrange(8)
            case 3 if out:
                out[at] = rng.randrange(256)
            case 4:
                del out[at:]
            case 5:
                out[at:at] = rng.randbytes(rng.randrange(1, 40))
            case 6:
                del out[at : at + rng.randrange(1, 64)]
            case 7:
                out[at:] = other[rng.randrange(len(other) + 1) :]
            case _:
                out[at : at + 4] = rng.choice((b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff", b"\x00\x00\x10\x01"))
    return bytes(out) if bytes(out) != data else data + b"\x00"


def value(rng: random.Random, old: object) -> object:
    """Another JSON value in place of ``old``: near it, or of another kind."""
    near: list[object] = [None, True, -1, 0, 2**53, 2**64, 1.5, "", "x" * 70, "\ud800\n", [], {}, [old], {"": old}]
    if isinstance(old, str) and old:
        at = rng.randrange(len(old))
        near += [old[:at], old + "\n", old[:at] + rng.choice("0aZ-=\u0660\x00") + old[at + 1 :], old.upper(), old * 2]
    if isinstance(old, int):
        near += [old + 1, old - 1, str(old), 2 * old]
    return rng.choice(near)


def altered(rng: random.Random, fields: dict[str, object]) -> dict[str, object]:
    """A JSON object with one or two of its fields changed, lost, or added."""
    out = dict(fields)
    for _ in range(rng.choice((1, 1, 2))):
        name = rng.choice(list(fields))
        match rng.randrange(6):
            case 0:
                out.pop(name, None)
            case 1:
                out[rng.choice(("more", "paper", name + "s"))] = value(rng, out.get(name))
            case _:
                out[name] = value(rng, out.get(name))
    return out


def text(fields: object) -> bytes:
    """JSON, also of what no encoder of ours would write."""
    return json.dumps(fields).encode("utf-8", "surrogatepass")


def signed(payload: bytes, kind: type[Paper], key: sealing.SignPrivate) -> bytes:
    """Any payload, rightly signed: headquarters itself makes a mistake."""
    domain = f"paper:{signing.kind_of(kind)}"
    message = Signed.of(payload, sealing.key_id(key.public_key()), sealing.sign(domain, payload, key))
    return msgspec.json.encode(message)


# -- cases -------------------------------------------------------------------------------------------------------


def spoilt_on_the_way(rng: random.Random, world: World) -> Attempt:
    """Somebody without keys, or a bad stick, changes the file: never a file comes out."""
    data = damaged(rng, world.sent, World(world.number + 1).sent)
    return Attempt(lambda: opened(data, world), nothing, data)


def header_spoilt(rng: random.Random, world: World) -> Attempt:
    """The header's signed JSON is changed and put back with its length."""
    length = int.from_bytes(world.sent[4:8], "big")
    fields = json.loads(world.sent[8 : 8 + length])
    head = text(altered(rng, fields)) if rng.random() < 0.5 else _payload_changed(rng, fields)
    data = envelope.MAGIC + len(head).to_bytes(4, "big") + head + world.sent[8 + length :]
    # A name that nobody knows may be added beside the signature: nothing that is signed changed.
    return Attempt(lambda: opened(data, world), lambda files: files == FILES and b'"' in head, data)


def _payload_changed(rng: random.Random, fields: dict[str, str]) -> bytes:
    payload = altered(rng, json.loads(base64.b64decode(fields["payload"])))
    return text({**fields, "payload": base64.b64encode(text(payload)).decode()})


def header_signed_anew(rng: random.Random, world: World) -> Attempt:
    """Headquarters' key signs another header over this content: it opens only if nothing that is bound changed."""
    length = int.from_bytes(world.sent[4:8], "big")
    payload = json.loads(base64.b64decode(json.loads(world.sent[8 : 8 + length])["payload"]))
    head = signed(text(altered(rng, payload)), EnvelopeHeader, world.command)
    data = envelope.MAGIC + len(head).to_bytes(4, "big") + head + world.sent[8 + length :]
    return Attempt(lambda: opened(data, world), lambda files: files == FILES, data)


def inside_spoilt(rng: random.Random, world: World) -> Attempt:
    """Signed, sealed to this box, and wrong inside: only allowed names within their limits come out."""
    manifest = {"files": [{"name": n, "size": len(d), "sha256": _sha256(d)} for n, d in FILES.items()]}
    match rng.randrange(3):
        case 0:
            plain = damaged(rng, _plain(manifest), b"\x00" * 2000)
        case 1:
            one = rng.randrange(len(FILES))
            manifest["files"][one] = altered(rng, manifest["files"][one])
            plain = _plain(manifest)
        case _:
            plain = _plain(altered(rng, dict(manifest)))
    data = envelope.seal_plain(plain, world.header(), world.seal.public_key(), world.command)
    return Attempt(lambda: opened(data, world), allowed, data)


def allowed(files: object) -> bool:
    """What may ever come out of an envelope."""
    return isinstance(files, dict) and 0 < len(files) <= 64 and all(
        envelope.may_stand_in(name) and len(data) <= envelope.limit_of(name) for name, data in files.items()
    )


def _plain(manifest: object) -> bytes:
    encoded = text(manifest)
    plain = len(encoded).to_bytes(4, "big") + encoded + b"".join(FILES.values())
    return plain + bytes(-len(plain) % envelope.PAD)


def _sha256(data: bytes) -> str:
    return request.device_key_digest(data)


def request_spoilt(rng: random.Random, world: World) -> Attempt:
    """A request changed in JSON, in PEM or in DER: what is read has its own key's serial, and another code."""
    fields = json.loads(request.write_request(world.request(), world.sign))
    match rng.randrange(4):
        case 0:
            data = damaged(rng, text(fields), text(fields)[::-1])
        case 1:
            data = text(altered(rng, fields))
        case 2:
            data = text({**fields, "csr": damaged(rng, world.pem.encode(), b"-----BEGIN").decode("latin-1")})
        case _:
            der = base64.b64encode(damaged(rng, world.csr.der, world.csr.spki)).decode()
            pem = f"-----BEGIN CERTIFICATE REQUEST-----\n{der}\n-----END CERTIFICATE REQUEST-----\n"
            data = text({**fields, "csr": pem})
    return Attempt(lambda: request.read_request(data), lambda got: _bound(got, world), data)


def _bound(got: object, world: World) -> bool:
    """A request that is taken is the box's own, in every field."""
    if not isinstance(got, request.CheckedRequest):
        return False
    true = request.code_of(world.csr.der, world.seal.public_key().public_bytes_raw(), NONCE, world.request().site)
    unsigned = msgspec.structs.replace(got.request, signature="")
    return got.public_key == world.csr.spki and got.code == true and unsigned == world.request()


def paper_spoilt(rng: random.Random, world: World) -> Attempt:
    """A claim or a national package, changed, or signed although it is wrong."""
    if rng.random() < 0.5:
        good = signing.sign_paper(world.claim(), world.signer(2))
        keys = signing.keys_of([line(world.signer(2))])
        data = damaged(rng, good, world.sent)
        if rng.random() < 0.5:
            payload = altered(rng, json.loads(msgspec.json.encode(world.claim())))
            data = signed(text(payload), Claim, world.signer(2))
        return Attempt(lambda: signing.open_paper(data, Claim, keys), lambda got: isinstance(got, Claim), data)
    payload = altered(rng, json.loads(msgspec.json.encode(world.national(root_threshold=1))))
    data = signed(text(payload), NationalPackage, world.signer(4))
    return Attempt(lambda: signing.open_national(data, None), lambda got: isinstance(got, NationalPackage), data)


def stream_spoilt(rng: random.Random, world: World) -> Attempt:
    """A sealed stream, changed: it never ends well."""
    data = damaged(rng, world.streamed, World(world.number + 1).streamed)
    keys = {world.recipient.key_id: world.seal}
    return Attempt(lambda: b"".join(stream.open_stream([data], keys, stream.ROWS)), nothing, data)


# Six of ten attempts are envelopes from outside; what headquarters' own keys made wrong takes the rest.
CASES: tuple[Callable[[random.Random, World], Attempt], ...] = (
    spoilt_on_the_way, spoilt_on_the_way, spoilt_on_the_way, header_spoilt, header_signed_anew, inside_spoilt,
)
OTHERS: tuple[Callable[[random.Random, World], Attempt], ...] = (request_spoilt, paper_spoilt, stream_spoilt)
