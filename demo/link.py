"""A TCP link that can be cut: stands between the box and the broker, as a bad line would.

``cut()`` closes every connection and refuses new ones; ``restore()`` lets them through again. Every
byte that passes can be kept, so that a test may look for what must not be there.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading

CHUNK_BYTES = 65536
STALL_S = 1.0  # an end that takes nothing for so long is hung up, so that it cannot hold the others
MAX_KEPT_BYTES = 64 * 1024 * 1024


class Link:
    """Forwards 127.0.0.1:``port`` to 127.0.0.1:``target`` from one thread until ``close()``."""

    def __init__(self, target: int, *, keep: bool = False) -> None:
        self._target = target
        self._keep = keep
        self.seen = bytearray()
        self._listener = _listener(0)
        self.port: int = self._listener.getsockname()[1]
        self._up = threading.Event()
        self._up.set()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="link", daemon=True)
        self._thread.start()

    @property
    def is_up(self) -> bool:
        """True while the link carries bytes."""
        return self._up.is_set()

    def cut(self) -> None:
        """Break the line within a tenth of a second."""
        self._up.clear()

    def restore(self) -> None:
        """Mend it."""
        self._up.set()

    def close(self) -> None:
        """End the thread and every connection."""
        self._closing.set()
        self._thread.join(5)

    def _run(self) -> None:
        pairs: dict[socket.socket, socket.socket] = {}
        selector = selectors.DefaultSelector()
        selector.register(self._listener, selectors.EVENT_READ)
        try:
            while not self._closing.is_set():
                if not self._up.is_set():
                    _close_all(selector, pairs)
                for key, _ in selector.select(0.05):
                    sock = key.fileobj
                    assert isinstance(sock, socket.socket)
                    if sock is self._listener:
                        self._accept(selector, pairs)
                    elif sock in pairs:
                        self._forward(sock, selector, pairs)
        finally:
            _close_all(selector, pairs)
            self._listener.close()

    def _accept(self, selector: selectors.BaseSelector, pairs: dict[socket.socket, socket.socket]) -> None:
        near, _ = self._listener.accept()
        if not self._up.is_set():
            near.close()
            return
        try:
            far = socket.create_connection(("127.0.0.1", self._target), timeout=5)
        except OSError:
            near.close()
            return
        for one, other in ((near, far), (far, near)):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            one.settimeout(STALL_S)
            pairs[one] = other
            selector.register(one, selectors.EVENT_READ)

    def _forward(
        self, sock: socket.socket, selector: selectors.BaseSelector, pairs: dict[socket.socket, socket.socket]
    ) -> None:
        try:
            data = sock.recv(CHUNK_BYTES)
            if data:
                if self._keep and len(self.seen) < MAX_KEPT_BYTES:
                    self.seen += data
                pairs[sock].sendall(data)
                return
        except OSError:
            pass
        for one in (sock, pairs[sock]):
            pairs.pop(one, None)
            with contextlib.suppress(KeyError, ValueError):
                selector.unregister(one)
            one.close()


def _listener(port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", port))
    sock.listen(16)
    return sock


def _close_all(selector: selectors.BaseSelector, pairs: dict[socket.socket, socket.socket]) -> None:
    for sock in list(pairs):
        with contextlib.suppress(KeyError, ValueError):
            selector.unregister(sock)
        sock.close()
    pairs.clear()
