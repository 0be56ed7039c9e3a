"""Whether the files of a generation can work, before anything of the old one is touched: pure looking.

Laws:
1. Everything that can be judged without running is judged here: what fails later costs a restart at the post.
2. The certificate is for this key and this device, and comes from the authority that stands beside it.
3. To whom passages are sealed, whose acks count and whose lists are believed says the national package, which the
   root signed: an edge.toml that says otherwise is refused, whatever command key signed it.
4. A detail names a file and what is wrong with it, never what is in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from common.settings import ConfigError
from edge import config as edge_config
from edge.config import Config
from edge.core import sealing
from edge.core.errors import BorderpostError
from edge.core.provisioning.codes import Code, ProvisioningError
from edge.core.provisioning.papers import NationalPackage
from edge.core.vault import RingError, open_ring
from edge.enrol import generations as gen
from edge.enrol.identity import Identity
from edge.enrol.places import STATE, Places

DEVICE_KEY: Final = "device.key"  # the last part of the path that stands for the box's own key
DEFAULT_PROFILES: Final = "/etc/borderpost/profiles"

Profiles = Callable[[Config], list[str]]  # what is wrong with readers and their profiles, one line each


def validate(
    files: Mapping[str, bytes], identity: Identity, places: Places, number: int, now: datetime | None,
    profiles: Profiles | None = None, *, package: NationalPackage | None = None,
) -> Config:
    """The configuration of a generation whose ``files`` are these. Raises ProvisioningError.

    ``package``: the one in force, for an edge.toml that is new here (law 3); None for one that was judged when it came:
    a renewal does not bring it, and a newer package does not end it. ``profiles`` looks at readers and profiles once
    the files lie in their folder; None skips that.
    """
    config = parsed(files, places, number)
    if package is not None:
        check_keys(config, package, gen.folder_of(places, number))
    chain = certificates(files)
    if (config.uplink and config.uplink.tls) or chain:
        check_certificate(chain, files, identity, config.box.device, now)
    if ring := files.get(gen.RING):
        try:
            open_ring(ring, identity.seal_key)
        except RingError as error:
            raise ProvisioningError(Code.BAD_CONFIGURATION, f"{gen.RING}: {error.message}") from error
    if profiles is not None and (wrong := profiles(config)):
        raise ProvisioningError(Code.BAD_CONFIGURATION, wrong[0])
    return config


def parsed(files: Mapping[str, bytes], places: Places, number: int) -> Config:
    """``edge.toml`` as this box will read it. Raises ProvisioningError."""
    text = files.get(gen.CONFIG)
    if text is None:
        raise ProvisioningError(Code.NOT_ENROLLED, "the first envelope must bring edge.toml")
    folder = gen.folder_of(places, number)
    try:
        config = edge_config.parse(text.decode("utf-8"), where=gen.CONFIG, base=folder)
        config = localized(config, places, folder)
        for name, line in (("seal_key", config.headquarters.seal_key), *(
            ("escrow_keys", key) for key in config.headquarters.escrow_keys
        )):
            _key(sealing.seal_public_from_text, name, line)
        _key(sealing.sign_public_from_text, "ack_key", config.headquarters.ack_key)
    except UnicodeDecodeError as error:
        raise ProvisioningError(Code.BAD_CONFIGURATION, "edge.toml: not UTF-8 text") from error
    except BorderpostError as error:
        raise ProvisioningError(Code.BAD_CONFIGURATION, error.message) from error
    return config


def check_keys(config: Config, package: NationalPackage, folder: Path) -> None:
    """Law 3, for a generation that will lie in ``folder``. Raises ProvisioningError."""
    said = config.headquarters
    root = str(folder / gen.ROOT) if package.tuf_root else ""
    for name, right in (
        ("headquarters.seal_key", said.seal_key == package.seal_key),
        ("headquarters.ack_key", said.ack_key == package.ack_key),
        ("headquarters.escrow_keys", sorted(said.escrow_keys) == sorted(package.escrow_keys)),
        ("updates.root", config.updates.root in ("", root)),
    ):
        if not right:
            raise ProvisioningError(Code.BAD_CONFIGURATION, f"{gen.CONFIG}: {name} is not the national package's")


def localized(config: Config, places: Places, folder: Path) -> Config:
    """A generation's configuration with what the box alone knows: where its state is, and its key in memory.

    Raises ConfigError for a state folder that is another one than the box's.
    """
    replace = msgspec.structs.replace
    box = config.box
    if box.state_dir not in (STATE, str(places.state)):
        raise ConfigError(f"{gen.CONFIG}: box.state_dir: {box.state_dir} is not this box's",
                          advice="leave box.state_dir out")
    lists = str(places.state / "lists") if box.lists_dir == f"{STATE}/lists" else box.lists_dir
    profiles = folder / gen.PROFILES
    own = box.profiles_dir == DEFAULT_PROFILES and profiles.is_dir()
    box = replace(box, state_dir=str(places.state), lists_dir=lists,
                  profiles_dir=str(profiles) if own else box.profiles_dir)
    uplink, updates = config.uplink, config.updates
    if uplink and uplink.tls and Path(uplink.tls.key).name == DEVICE_KEY:
        uplink = replace(uplink, tls=replace(uplink.tls, key=str(places.device_key)))
    if updates.key and Path(updates.key).name == DEVICE_KEY:
        updates = replace(updates, key=str(places.device_key))
    return replace(config, box=box, uplink=uplink, updates=updates)


def certificates(files: Mapping[str, bytes], name: str = gen.CERTIFICATE) -> list[x509.Certificate]:
    """The certificates of a PEM file, the box's own first; none if there is no such file. Raises ProvisioningError."""
    data = files.get(name)
    if data is None:
        return []
    try:
        return x509.load_pem_x509_certificates(data)
    except ValueError as error:
        raise ProvisioningError(Code.BAD_CERTIFICATE, f"{name}: no certificate") from error


def is_site(text: str) -> bool:
    """True if a text is a site's id, and not words for people."""
    return 2 <= len(text) <= 40 and all(c in "abcdefghijklmnopqrstuvwxyz0123456789-" for c in text)


def is_another_s(certificate: x509.Certificate | None, identity: Identity) -> bool:
    """True for a certificate that is for other keys than this box's; False for none."""
    if certificate is None:
        return False
    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return certificate.public_key().public_bytes(*form) != identity.spki


def check_certificate(
    chain: list[x509.Certificate], files: Mapping[str, bytes], identity: Identity, device: str, now: datetime | None
) -> None:
    """Law 2. ``now`` is trusted time; unknown (None), dates are not judged. Raises ProvisioningError."""
    if not chain:
        raise ProvisioningError(Code.BAD_CERTIFICATE, f"there is no {gen.CERTIFICATE}")
    own = chain[0]
    if is_another_s(own, identity):
        raise ProvisioningError(Code.BAD_CERTIFICATE, "for another key than this box's")
    if [str(n.value) for n in own.subject.get_attributes_for_oid(NameOID.COMMON_NAME)] != [device]:
        raise ProvisioningError(Code.BAD_CERTIFICATE, "its common name is not box.device")
    try:
        usages = own.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        if ExtendedKeyUsageOID.CLIENT_AUTH not in usages:
            raise ProvisioningError(Code.BAD_CERTIFICATE, "not for a client")
    except x509.ExtensionNotFound:
        pass  # then it is for every use (RFC 5280, 4.2.1.12)
    except ValueError as error:
        raise ProvisioningError(Code.BAD_CERTIFICATE, "an extension that cannot be read") from error
    if now is not None and own.not_valid_after_utc < now:
        raise ProvisioningError(Code.BAD_CERTIFICATE, "it has ended")
    authorities = certificates(files, gen.AUTHORITY)
    if not any(_issued(own, issuer) for issuer in (*chain[1:], *authorities)):
        raise ProvisioningError(Code.BAD_CERTIFICATE, "not from the authority that it brings")
    if not any(_leads(own, chain[1:], root) for root in authorities):
        raise ProvisioningError(Code.BAD_CERTIFICATE, f"its chain does not end in {gen.AUTHORITY}")


def _leads(own: x509.Certificate, between: list[x509.Certificate], root: x509.Certificate) -> bool:
    """True if ``own`` comes from ``root``, over at most all of ``between``."""
    at = own
    for _ in range(len(between) + 1):
        if _issued(at, root):
            return True
        above = next((one for one in between if one is not at and _issued(at, one)), None)
        if above is None:
            return False
        at = above
    return False


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _key(reading: Callable[[str], object], name: str, line: str) -> None:
    try:
        reading(line)
    except sealing.KeyTextError as error:
        raise ProvisioningError(Code.BAD_CONFIGURATION, f"headquarters.{name}: {error.message}") from error
