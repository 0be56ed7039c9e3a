"""A socket to the broker: TCP, then TLS, under one deadline.

Laws:
1. One deadline holds for everything after the name was found: a server that sends one byte a second does not
   make it longer. Only the resolver's own limits hold for the name.
2. ``ended`` is looked at every ``STEP_S``: a stop does not wait for a dead link.
3. With ``check`` the certificates' dates are the caller's to judge, not the system clock's; all else (signatures,
   authority, purpose, the server's name) is OpenSSL's as ever. He is asked before a byte of MQTT is sent.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

STEP_S: Final = 0.25  # between two looks at ``ended``
NO_CHECK_TIME: Final = 0x200000  # X509_V_FLAG_NO_CHECK_TIME (OpenSSL, X509_VERIFY_PARAM_set_flags); ssl has no name
MAX_CHAIN: Final = 16  # certificates

Check = Callable[[Sequence[bytes]], None]  # the verified chain, leaf first, DER; raises what it finds wrong


class Deadline:
    """Waits for one socket until the time is over or the caller has ended. ``mono``: monotonic seconds."""

    def __init__(self, seconds: float, ended: Callable[[], bool], mono: Callable[[], float] = time.monotonic) -> None:
        self._until, self._ended, self._mono = mono() + seconds, ended, mono

    def wait(self, sock: socket.socket, events: int) -> None:
        """Return when the socket is ready. Raises TimeoutError when the time is over or the caller has ended."""
        poll = select.poll()
        poll.register(sock.fileno(), events)
        while (left := self._until - self._mono()) > 0 and not self._ended():
            if poll.poll(min(left, STEP_S) * 1000):
                return
        raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))


def dial(
    host: str, port: int, *, context: ssl.SSLContext | None, check: Check | None, deadline: Deadline
) -> socket.socket:
    """A connected socket that does not block. Raises OSError (ssl.SSLError among them) and what ``check`` raises."""
    sock = _connected(host, port, deadline)
    if context is None:
        return sock
    try:
        line = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
    except BaseException:
        sock.close()
        raise
    try:
        _shake(line, deadline)
        if check:
            check(verified_chain(line))
    except BaseException:
        line.close()
        raise
    return line


def without_dates(context: ssl.SSLContext) -> ssl.SSLContext:
    """The same context, which leaves the certificates' dates to ``check`` (law 3)."""
    context.verify_flags |= NO_CHECK_TIME
    return context


def verified_chain(line: ssl.SSLSocket) -> list[bytes]:
    """The certificates that OpenSSL built the trust on, leaf first, up to the authority in our own file, as DER.

    ``SSLSocket.get_verified_chain`` is public from Python 3.13 on; before, the same stands under it (3.10 to 3.12).
    """
    inner: Any = getattr(line, "get_verified_chain", None) or line._sslobj.get_verified_chain  # type: ignore[attr-defined]
    chain = [c if isinstance(c, bytes) else _der(c) for c in inner()]
    if not 1 <= len(chain) <= MAX_CHAIN:
        raise ssl.SSLCertVerificationError("no certificates to judge")
    return chain


def _der(certificate: Any) -> bytes:
    import _ssl

    return bytes(certificate.public_bytes(_ssl.ENCODING_DER))


def _connected(host: str, port: int, deadline: Deadline) -> socket.socket:
    problem: OSError = OSError(errno.EHOSTUNREACH, os.strerror(errno.EHOSTUNREACH))
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setblocking(False)
            failed = sock.connect_ex(address)
            if failed in (errno.EINPROGRESS, errno.EWOULDBLOCK):
                deadline.wait(sock, select.POLLOUT)
                failed = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if not failed:
                return sock
            problem = OSError(failed, os.strerror(failed))
        except TimeoutError:
            sock.close()
            raise
        except OSError as error:
            problem = error
        sock.close()
    raise problem


def _shake(line: ssl.SSLSocket, deadline: Deadline) -> None:
    while True:
        try:
            return line.do_handshake()
        except ssl.SSLWantReadError:
            deadline.wait(line, select.POLLIN)
        except ssl.SSLWantWriteError:
            deadline.wait(line, select.POLLOUT)
