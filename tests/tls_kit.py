"""A certificate authority, a certificate for loopback, and a small HTTPS server that can be told to misbehave."""

from __future__ import annotations

import contextlib
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def certificates(folder: Path) -> tuple[Path, Path]:
    """(CA file, file with certificate and key) for 127.0.0.1."""
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    def builder(text: str, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder().subject_name(name(text)).issuer_name(name("test CA")).public_key(public)
            .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
        )

    ca_id = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())
    ca = (
        builder("test CA", ca_key.public_key()).add_extension(x509.BasicConstraints(True, 0), critical=True)
        .add_extension(ca_id, critical=False).sign(ca_key, hashes.SHA256())
    )
    own = (
        builder("127.0.0.1", key.public_key())
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ca_id), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(ca.public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "own.pem").write_bytes(private + own.public_bytes(pem))
    return folder / "ca.pem", folder / "own.pem"


class Server(ThreadingHTTPServer):
    """Serves ``root``; ``cut_after`` bytes of a body end every connection, ``ranges`` False ignores Range."""

    daemon_threads = True
    root: Path
    cut_after: int | None = None
    ranges = True
    status: int | None = None
    stall = False
    asked: list[tuple[str, str]]
    released: threading.Event


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range", "")
        self.server.asked.append((self.path, wanted))
        path = self.server.root / self.path.lstrip("/")
        if self.server.status or not path.is_file():
            self.send_error(self.server.status or 404)
            return
        data, status = path.read_bytes(), 200
        if wanted and self.server.ranges:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            data = data[start:]
        else:
            self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        limit = self.server.cut_after if "/targets/" in self.path else None
        self.wfile.write(data if limit is None else data[:limit])
        if self.server.stall and "/targets/" in self.path:
            self.wfile.flush()
            self.server.released.wait(30)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        pass


@contextlib.contextmanager
def serving(root: Path, certificate: Path) -> Iterator[tuple[Server, str]]:
    """(server, address) until the block ends."""
    server = Server(("127.0.0.1", 0), _Handler)
    server.root, server.asked, server.released = root, [], threading.Event()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server, f"https://127.0.0.1:{server.server_port}"
    finally:
        server.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
