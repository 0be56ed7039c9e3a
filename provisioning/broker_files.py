"""What the broker is run with: mosquitto.conf, access list, revocation list, certificates.

Laws:
1. Who a client is says its certificate alone: the common name is the user and the client id. So a box can neither
   write nor read another's topics, nor take its place.
2. A revoked box is refused twice: by the revocation list when it connects, by the access list if it is connected.
3. The renewal door is a second broker without client certificates (docs/reliability.md): its bridge alone has one,
   in a name that no box is given, and may carry two topics.
4. Keys of servers are made once; they are made anew when their names change or ``RENEW_DAYS`` are left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from edge.core.wire import UP_TOPICS, Topic
from provisioning import authority, files, keyfiles
from provisioning.authority import HQ_NAME, Authority
from provisioning.errors import AuthorityError
from provisioning.folder import AuthorityFolder
from provisioning.ledger import RENEWAL, Ledger

RENEW_DAYS: Final = 120
MAX_PACKET: Final = 131_072  # bytes: a parcel of lists has 64,000, an envelope 48 kB
BROKER: Final = "broker"
_ADVICE: Final = "give a folder that you may write"


@dataclass(frozen=True, slots=True)
class Made:
    """What was written. ``until``: of the two certificates; ``revoked``: certificates on the revocation list."""

    files: tuple[Path, ...]
    broker_until: datetime
    hq_until: datetime
    revoked: int
    crl_until: datetime
    renewal_until: datetime | None = None


def write(
    out: Path, folder: AuthorityFolder, ledger: Ledger, word: str, names: Sequence[str], *, port: int, at: str,
    now: datetime, renewal: int = 0,
) -> Made:  # fmt: skip
    """Everything into ``out``. Raises AuthorityError.

    ``renewal``: the TCP port of the renewal door, 0 for none. ``word``: the authority's passphrase; ``at``:
    where the files will lie on the broker's machine.
    """
    ca = folder.authority(word)
    try:
        broker = _kept(folder, ledger, ca, BROKER, names, now)
        hq = _kept(folder, ledger, ca, HQ_NAME, (), now)
        bridge = _kept(folder, ledger, ca, RENEWAL, (), now) if renewal else None
        with ledger.store.writing():
            revoked = ledger.revoked_certificates(now)
            crl = folder.revocations(word, revoked, now, ledger.next_number("revoked", now))
            ledger.note("broker", now, data=crl, detail=f"{len(revoked)} revoked certificates")
        files.replace(folder.crl, crl)
        _, denied = ledger.revoked_names(now)
        out.mkdir(parents=True, exist_ok=True)
        (out / HQ_NAME).mkdir(exist_ok=True)
        made = []
        for name, data, mode in (
            ("ca.pem", folder.ca_bytes(), files.PUBLIC), ("crl.pem", crl, files.PUBLIC),
            ("broker.key", _bytes(folder.server / "broker.key"), files.PRIVATE),
            ("broker.pem", _bytes(folder.server / "broker.pem"), files.PUBLIC),
            ("acl", acl(denied, renewal=bool(renewal)).encode(), files.PRIVATE),
            ("mosquitto.conf", conf(at, port).encode(), files.PUBLIC),
            ("hq/ca.pem", folder.ca_bytes(), files.PUBLIC),
            ("hq/hq.pem", _bytes(folder.server / "hq.pem"), files.PUBLIC),
            ("hq/hq.key", _bytes(folder.server / "hq.key"), files.PRIVATE),
            *(_door(folder, at, renewal, port) if renewal else ()),
        ):
            files.replace(out / name, data, mode)
            made.append(out / name)
    except OSError as error:
        raise AuthorityError(f"{error.filename or out}: {error.strerror}", advice=_ADVICE) from error
    return Made(tuple(made), broker.not_valid_after_utc, hq.not_valid_after_utc, len(revoked),
                now + timedelta(days=authority.CRL_DAYS),
                bridge.not_valid_after_utc if bridge else None)  # fmt: skip


def conf(at: str, port: int) -> str:
    """The text of mosquitto.conf; the other files lie in the folder ``at``."""
    return f"""\
# Made by borderpost-provision; docs/headquarters.md says why each line stands here.
listener {port}
cafile {at}/ca.pem
certfile {at}/broker.pem
keyfile {at}/broker.key
crlfile {at}/crl.pem
tls_version tlsv1.2
require_certificate true
use_identity_as_username true
use_username_as_clientid true
allow_anonymous false
acl_file {at}/acl
max_packet_size {MAX_PACKET}
set_tcp_nodelay true
persistence false
"""


def _door(folder: AuthorityFolder, at: str, port: int, broker: int) -> list[tuple[str, bytes, int]]:
    return [
        ("renewal.conf", renewal_conf(at, port, broker).encode(), files.PUBLIC),
        ("renewal.acl", RENEWAL_ACL.encode(), files.PRIVATE),
        ("renewal.pem", _bytes(folder.server / "renewal.pem"), files.PUBLIC),
        ("renewal.key", _bytes(folder.server / "renewal.key"), files.PRIVATE),
    ]


def renewal_conf(at: str, port: int, broker: int) -> str:
    """The text of renewal.conf, for a broker of its own beside the one on port ``broker`` of the same machine."""
    return f"""\
# {at}/renewal.conf: mosquitto -c {at}/renewal.conf
allow_anonymous true
allow_zero_length_clientid false
acl_file {at}/renewal.acl
max_packet_size 65536
persistence false
listener {port}
cafile {at}/ca.pem
certfile {at}/broker.pem
keyfile {at}/broker.key
connection {RENEWAL}
address localhost:{broker}
bridge_cafile {at}/ca.pem
bridge_certfile {at}/renewal.pem
bridge_keyfile {at}/renewal.key
remote_clientid {RENEWAL}
notifications false
cleansession true
topic {Topic.REQUEST.replace("{d}", "+")} out 1
topic {Topic.ENVELOPE.replace("{d}", "+")} in 1
"""


RENEWAL_ACL: Final = f"""\
pattern write {Topic.REQUEST.replace("{d}", "%c")}
pattern read {Topic.ENVELOPE.replace("{d}", "%c")}
"""
BRIDGE_ACL: Final = f"""\
user {RENEWAL}
topic write {Topic.REQUEST.replace("{d}", "+")}
topic read {Topic.ENVELOPE.replace("{d}", "+")}
"""


def acl(denied: Sequence[str], *, renewal: bool = False) -> str:
    """The text of the access list; ``denied``: device ids that were revoked; ``renewal``: with the door's bridge."""
    up, down = _branch(UP_TOPICS[0]), _branch(Topic.ACK)
    shut = "".join(f"\nuser {device}\ntopic deny #\n" for device in denied)
    bridge = f"\n{BRIDGE_ACL}" if renewal else ""
    return f"""\
# Headquarters, by the common name of its certificate.
user {HQ_NAME}
topic read {up.replace("{d}", "+")}
topic write {down.replace("{d}", "+")}
topic readwrite {Topic.HQ_STATE}
topic write {Topic.BEACON}
topic write {Topic.PARCEL}
{bridge}{shut}
# Every box, by the common name of its own.
pattern write {up.replace("{d}", "%u")}
pattern read {down.replace("{d}", "%u")}
pattern read {_branch(Topic.HQ_STATE)[:-1]}+
"""


def _branch(topic: Topic) -> str:
    """``bp/v1/{d}/up/#`` of ``bp/v1/{d}/up/state``."""
    return topic.rpartition("/")[0] + "/#"


def _kept(
    folder: AuthorityFolder, ledger: Ledger, ca: Authority, name: str, names: Sequence[str], now: datetime
) -> x509.Certificate:
    """The certificate in ``server/NAME.pem``, made anew with its key where law 3 says so."""
    place = folder.server / f"{name}.pem"
    if place.exists():
        there = authority.load_certificate(_bytes(place), str(place))
        same = (not names or _names(there) == set(names)) and _signed_by(there, ca)
        names = names or (sorted(_names(there)) if name == BROKER else ())
        if same and there.not_valid_after_utc > now + timedelta(days=RENEW_DAYS) and place.with_suffix(".key").exists():
            return there
    if name == BROKER and not names:
        raise AuthorityError("the broker has no certificate yet", advice="give the names it is reached by with --name")
    made: tuple[EllipticCurvePrivateKey, x509.Certificate] = (
        ca.server(names, now) if name == BROKER else ca.client(name, now)
    )
    key, certificate = made
    with ledger.store.writing():
        ledger.put_certificate(
            authority.number_of(certificate), names[0] if names else name, "server" if names else "client", "", now,
            certificate.not_valid_after_utc, authority.pem(certificate).decode(),
        )  # fmt: skip
        files.replace(place.with_suffix(".key"), keyfiles.locked(key, None), files.PRIVATE)
        files.replace(place, authority.pem(certificate))
    return certificate


def _signed_by(certificate: x509.Certificate, ca: Authority) -> bool:
    try:
        certificate.verify_directly_issued_by(ca.certificate)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _names(certificate: x509.Certificate) -> set[str]:
    alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(general.value) for general in alternative}


def _bytes(path: Path) -> bytes:
    return files.read(path, 64 << 10, advice=_ADVICE)
