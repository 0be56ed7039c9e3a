"""The dial: one deadline for TCP and TLS, an end that is seen at once, and dates that the caller judges."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from broker import Authority, Identity
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from common.dial import Deadline, dial, without_dates
from common.line import LineError, tls_context
from common.settings import TlsConfig

pytestmark = pytest.mark.timeout(30)
NEVER = 3600.0


def context(own: Identity) -> ssl.SSLContext:
    return tls_context(TlsConfig(ca=str(own.ca), cert=str(own.certificate), key=str(own.key)))


class Server:
    """Takes one connection and does ``work`` with it in a thread."""

    def __init__(self, work: Callable[[socket.socket], None], host: str = "127.0.0.1") -> None:
        self._socket = socket.create_server((host, 0))
        self.port = self._socket.getsockname()[1]
        self.over = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self._thread.start()

    def _run(self, work: Callable[[socket.socket], None]) -> None:
        try:
            sock, _ = self._socket.accept()
            with sock:
                work(sock)
        except OSError:
            return
        finally:
            self.over.set()

    def close(self) -> None:
        self._socket.close()
        self._thread.join(5)


def tls_server(own: Identity, host: str = "127.0.0.1") -> Server:
    accepting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    accepting.load_cert_chain(own.certificate, own.key)

    def shake(sock: socket.socket) -> None:
        with accepting.wrap_socket(sock, server_side=True) as line:
            line.recv(1)

    return Server(shake, host)


def drip(sock: socket.socket) -> None:
    """A handshake record that grows by a byte every tenth of a second, and never ends."""
    sock.sendall(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc")  # handshake, 16 kB to come: ServerHello
    while True:
        sock.sendall(b"\x00")
        time.sleep(0.1)


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[Authority]:
    return Authority(tmp_path, days=(-400, 400))


@pytest.mark.parametrize("work", [drip, lambda sock: sock.recv(1 << 20) and time.sleep(5)], ids=["drips", "silent"])
def test_a_handshake_that_never_ends_has_the_one_deadline(
    authority: Authority, work: Callable[[socket.socket], None]
) -> None:
    with closing(Server(work)) as server:
        began, cpu = time.monotonic(), time.thread_time()
        with pytest.raises(TimeoutError):
            dial("127.0.0.1", server.port, context=context(authority.issue("box-one")), check=None,
                 deadline=Deadline(1.0, lambda: False))
        assert 0.9 < time.monotonic() - began < 3
        assert time.thread_time() - cpu < 0.5  # it waits, it does not spin


def test_a_stop_ends_a_handshake_at_once(authority: Authority) -> None:
    stop = threading.Event()
    with closing(Server(drip)) as server:
        threading.Timer(0.3, stop.set).start()
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            dial("127.0.0.1", server.port, context=context(authority.issue("box-one")), check=None,
                 deadline=Deadline(NEVER, stop.is_set))
        assert time.monotonic() - began < 2


def test_a_link_that_answers_nothing_has_the_deadline_too(authority: Authority) -> None:
    with socket.socket() as full:  # a backlog that is full drops every further SYN
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        where = full.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        try:
            for one in waiting:
                one.setblocking(False)
                one.connect_ex(where)
            began = time.monotonic()
            with pytest.raises(TimeoutError):
                dial(*where, context=None, check=None, deadline=Deadline(0.7, lambda: False))
            assert 0.6 < time.monotonic() - began < 2.5
        finally:
            for one in waiting:
                one.close()


def test_a_port_without_a_server_is_told_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        dial("127.0.0.1", port, context=None, check=None, deadline=Deadline(NEVER, lambda: False))


@pytest.mark.parametrize("hours", [(-48, -24), (24, 48)], ids=["ended", "not yet"])
def test_dates_are_the_callers_to_judge_and_only_with_a_check(authority: Authority, hours: tuple[int, int]) -> None:
    odd = authority.issue("localhost", server=True, hours=hours)
    with closing(tls_server(odd)) as server, pytest.raises(ssl.SSLCertVerificationError):
        dial("127.0.0.1", server.port, context=context(authority.issue("box-one")), check=None,
             deadline=Deadline(5, lambda: False))
    chains: list[list[bytes]] = []
    with closing(tls_server(odd)) as server:
        line = dial("127.0.0.1", server.port, context=without_dates(context(authority.issue("box-two"))),
                    check=lambda chain: chains.append(list(chain)), deadline=Deadline(5, lambda: False))
        line.close()
    leaf, root = (x509.load_pem_x509_certificate(p.read_bytes()) for p in (odd.certificate, odd.ca))
    assert chains == [[leaf.public_bytes(Encoding.DER), root.public_bytes(Encoding.DER)]]


def test_without_dates_a_strangers_certificate_and_another_name_are_refused_all_the_same(
    authority: Authority, tmp_path: Path
) -> None:
    asked: list[object] = []
    box = without_dates(context(authority.issue("box-one")))
    stranger = Authority(tmp_path / "other").issue("localhost", server=True)
    client = authority.issue("box-two")  # of the right authority, but made for clients
    for own, host in ((stranger, "127.0.0.1"), (authority.issue("localhost", server=True), "127.0.0.2"),
                      (client, "127.0.0.1")):
        with closing(tls_server(own, host)) as server, pytest.raises(ssl.SSLCertVerificationError):
            dial(host, server.port, context=box, check=asked.append, deadline=Deadline(5, lambda: False))
    assert asked == []


def test_what_the_check_raises_closes_the_socket(authority: Authority) -> None:
    def refuse(_chain: object) -> None:
        raise LineError("no", advice="no")

    with closing(tls_server(authority.issue("localhost", server=True))) as server:
        with pytest.raises(LineError):
            dial("127.0.0.1", server.port, context=without_dates(context(authority.issue("box-one"))),
                 check=refuse, deadline=Deadline(5, lambda: False))
        assert server.over.wait(5)  # the other side sees the end
