"""A real mosquitto for a test: own folder, free loopback port, optional mutual TLS and access list.

It is a child process, started, stopped, killed and frozen by its own id. Where mosquitto is not on
PATH the test is skipped and says so. ``Authority`` makes throw-away certificates.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.subscribeoptions import SubscribeOptions

START_S = 10.0  # how long a broker may take to answer on its port


def program() -> str:
    """The path of mosquitto, or skip the test."""
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if not found:
        pytest.skip("mosquitto is not on PATH (Debian: apt install mosquitto)")
    return found


def free_port() -> int:
    """A TCP port on loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True, slots=True)
class Identity:
    """Files of one certificate holder."""

    ca: Path
    certificate: Path
    key: Path


class Authority:
    """A private CA that lives as long as the test's folder."""

    def __init__(self, folder: Path, name: str = "test CA", days: tuple[int, int] = (-1, 1)) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._cert = (
            self._builder(self._name, self._key, hours=(24 * days[0], 24 * days[1]))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.path = folder / "ca.pem"
        self.path.write_bytes(self._cert.public_bytes(serialization.Encoding.PEM))

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, hours: tuple[int, int]
    ) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + datetime.timedelta(hours=hours[0]))
            .not_valid_after(now + datetime.timedelta(hours=hours[1]))
        )

    def issue(
        self, name: str, *, server: bool = False, hours: tuple[int, int] = (-1, 24), file: str = "",
        key: Path | None = None,
    ) -> Identity:  # fmt: skip
        """A certificate for ``name`` (its CN), valid from now + hours[0] to now + hours[1].

        ``file`` names its files where ``name`` would be taken; ``key`` is one that exists, for a renewal.
        """
        stem = file or name
        return self._issue(name, _key(key), server, hours, self.folder / f"{stem}.pem", self.folder / f"{stem}.key")

    def revoke(self, *identities: Identity, hours: tuple[int, int] = (-1, 24)) -> Path:
        """A revocation list (CRL) that names these certificates, valid from now + hours[0] to now + hours[1]."""
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._name)
            .last_update(now + datetime.timedelta(hours=hours[0]))
            .next_update(now + datetime.timedelta(hours=hours[1]))
        )
        for identity in identities:
            number = x509.load_pem_x509_certificate(identity.certificate.read_bytes()).serial_number
            entry = x509.RevokedCertificateBuilder().serial_number(number).revocation_date(now).build()
            builder = builder.add_revoked_certificate(entry)
        path = self.folder / "revoked.pem"
        path.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        return path

    def _issue(
        self, name: str, key: ec.EllipticCurvePrivateKey, server: bool, hours: tuple[int, int],
        cert_path: Path, key_path: Path,
    ) -> Identity:  # fmt: skip
        usage = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
        alternative = x509.SubjectAlternativeName(
            [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        )
        certificate = (
            self._builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key, hours)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(alternative, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        cert_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        key_path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        key_path.chmod(0o600)
        return Identity(self.path, cert_path, key_path)


def _key(path: Path | None) -> ec.EllipticCurvePrivateKey:
    if path is None:
        return ec.generate_private_key(ec.SECP256R1())
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


class Broker:
    """One mosquitto. ``acl`` is the text of an access list; ``tls`` the server's identity (mutual TLS).

    ``also`` is the identity of a second listener, on ``also_port``, with the same rules. ``crl`` is a revocation list.
    ``verbose`` has every message written to its log, which ``log`` reads.
    """

    def __init__(
        self, folder: Path, *, acl: str | None = None, tls: Identity | None = None, port: int | None = None,
        also: Identity | None = None, crl: Path | None = None, verbose: bool = False,
    ) -> None:  # fmt: skip
        self._program = program()
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.port = port or free_port()
        self._acl = folder / "acl"
        self._tls = tls
        self._process: subprocess.Popen[bytes] | None = None
        self.also_port = free_port() if also else 0
        lines = ["persistence false", "set_tcp_nodelay true", *(["log_type all"] if verbose else [])]
        lines.append("allow_anonymous false" if tls else "allow_anonymous true")
        lines += [f"listener {self.port} 127.0.0.1", *(_mutual(tls, crl) if tls else ())]
        if also:
            lines += [f"listener {self.also_port} 127.0.0.1", *_mutual(also, crl)]
        if acl is not None:
            self.set_acl(acl)
            lines.append(f"acl_file {self._acl}")
        if os.geteuid() == 0:
            lines.append("user root")  # else it would drop to an account that cannot read the folder
        (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")

    def log(self) -> str:
        """What it wrote of itself."""
        return (self.folder / "mosquitto.log").read_text(encoding="utf-8")

    def set_acl(self, text: str) -> None:
        """Write a new access list; a running broker reads it at once."""
        self._acl.write_text(text)
        self._acl.chmod(0o600)
        if self._process:
            self._process.send_signal(signal.SIGHUP)

    def start(self) -> Broker:
        """Start it and wait until its port answers."""
        with (self.folder / "mosquitto.log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, "-c", str(self.folder / "mosquitto.conf")], stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return self
        raise AssertionError(f"mosquitto did not start: {(self.folder / 'mosquitto.log').read_text()[-500:]}")

    def kill(self) -> None:
        """End it as a power cut would (SIGKILL)."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it in order (SIGTERM)."""
        self._end(signal.SIGTERM)

    def freeze(self) -> None:
        """Stop it in its tracks: connections stay open, nothing answers."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen broker go on."""
        assert self._process
        self._process.send_signal(signal.SIGCONT)

    def _end(self, how: signal.Signals) -> None:
        if not self._process:
            return
        self._process.send_signal(signal.SIGCONT)
        self._process.send_signal(how)
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(5)
        self._process = None

    def __enter__(self) -> Broker:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self._end(signal.SIGTERM)


def _mutual(tls: Identity, crl: Path | None) -> list[str]:
    return [
        f"cafile {tls.ca}",
        f"certfile {tls.certificate}",
        f"keyfile {tls.key}",
        "require_certificate true",
        "use_identity_as_username true",
        "use_username_as_clientid true",
        *([f"crlfile {crl}"] if crl else []),
    ]


class Spy:
    """A client of a test: hears every topic it was told to, and may publish anything."""

    def __init__(self, port: int, *topics: str) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self._ready = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="spy", protocol=mqtt.MQTTv5)
        self._client.on_message = lambda _c, _u, m: self.heard.append((m.topic, bytes(m.payload)))
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._client.subscribe([(t, SubscribeOptions(qos=1)) for t in topics or ("none",)])
        assert self._ready.wait(5)

    def publish(self, topic: str, payload: bytes) -> None:
        """Publish with QoS 1 and wait for the broker's word."""
        self._client.publish(topic, payload, qos=1).wait_for_publish(5)

    def of(self, ending: str) -> list[bytes]:
        """Payloads heard on topics with this ending."""
        return [payload for topic, payload in list(self.heard) if topic.endswith(ending)]

    def close(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()
