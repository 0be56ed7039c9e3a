"""Updates over HTTPS.

Laws:
1. HTTPS alone, TLS 1.2 or newer; no redirect is followed, no proxy taken from the environment, nothing decompressed.
2. Every wait has a limit: ``connect_s`` for the connection, ``read_s`` between two pieces. There is no limit for a
   whole file, because a post may have 9.6 kbit/s; what came is kept, and gone on with (``Range``).
3. The server is not believed: every byte is checked against signed metadata. TLS hides which post asks for what.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import urllib3
from tuf.api.exceptions import DownloadHTTPError
from urllib3.exceptions import HTTPError, ReadTimeoutError, SSLError

from edge.updates.errors import UpdateError
from edge.updates.fetchers import Fetcher, OffsetError, checked

PIECE: Final = 16 * 1024  # bytes handed on at a time: little is lost on a slow link that breaks


@dataclass(frozen=True, slots=True)
class Tls:
    """Whom the box believes and what it shows; PEM files. None: the system's authorities, no certificate."""

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None


class HttpsFetcher(Fetcher):
    """The repository below ``base``, ``https://HOST[:PORT]/PATH``. Raises UpdateError for another kind of address."""

    def __init__(self, base: str, *, tls: Tls | None = None, connect_s: float = 30.0, read_s: float = 60.0) -> None:
        if not base.startswith("https://"):
            raise UpdateError("source_unreachable", "the address does not begin with https://")
        self._base = base.rstrip("/") + "/"
        self._pool = urllib3.PoolManager(
            ssl_context=_context(tls or Tls()), retries=False,
            timeout=urllib3.Timeout(connect=connect_s, read=read_s),
        )

    def open(self, path: str, offset: int = 0) -> Iterator[bytes]:
        """Ask for a file from ``offset`` on; a server that sends it whole makes the caller begin anew."""
        checked(path)
        headers = {"Accept-Encoding": "identity", "User-Agent": "borderpost"}
        if offset:
            headers["Range"] = f"bytes={offset}-"
        try:
            answer = self._pool.request(
                "GET", self._base + path, headers=headers, redirect=False, preload_content=False,
                decode_content=False,
            )
        except HTTPError as error:
            raise _unreachable(error) from error
        if answer.status == 416 or (offset and answer.status == 200):
            _drop(answer)
            raise OffsetError
        if answer.status != (206 if offset else 200):
            _drop(answer)
            raise DownloadHTTPError(f"HTTP status {answer.status}", answer.status)
        if offset and not answer.headers.get("Content-Range", "").startswith(f"bytes {offset}-"):
            _drop(answer)
            raise OffsetError
        return _pieces(answer)

    def close(self) -> None:
        """Let go of the connections."""
        self._pool.clear()


def _pieces(answer: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    try:
        yield from answer.stream(PIECE, decode_content=False)
    except HTTPError as error:
        raise _unreachable(error) from error
    finally:
        _drop(answer)


def _drop(answer: urllib3.BaseHTTPResponse) -> None:
    # Not given back to the pool: the rest of a body that nobody reads would come first on it.
    answer.close()


def _unreachable(error: HTTPError) -> UpdateError:
    if isinstance(error, ReadTimeoutError):
        return UpdateError("source_slow")
    if isinstance(error, SSLError):
        return UpdateError("certificate")
    return UpdateError("source_unreachable", type(error).__name__)


def _context(tls: Tls) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        if tls.ca is not None:
            context.load_verify_locations(tls.ca)
        else:
            context.load_default_certs()
        if tls.cert is not None:
            context.load_cert_chain(tls.cert, tls.key)
    except (OSError, ssl.SSLError) as error:
        raise UpdateError("certificate", "the box's own files cannot be used") from error
    return context
