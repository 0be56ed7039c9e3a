"""Names of machines to addresses, in a wait that ends.

Laws:
1. An address is taken as it is: nobody is asked, and no name server can hold its reader up.
2. The system's resolver can take half a minute and cannot be interrupted. It works in a thread of its own, and who
   asks waits for it at most ``LIMIT_S``.
3. One look-up under way for each name, ``MAX_LOOKUPS`` for all together; beyond them asking fails at once.
4. An answer that comes after its asker has given up is for the next one, if he comes within ``FRESH_S``; the last
   ``MAX_NAMES`` such are kept. No other answer is: a name is asked for afresh at each opening.
5. A name of several addresses gives all of them, each call beginning with another: one that leads nowhere does not
   stand before the others for ever. The turns of ``MAX_NAMES`` names are remembered.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
import threading
import time

LIMIT_S = 3.0
FRESH_S = 60.0
MAX_LOOKUPS = 16
MAX_ADDRESSES = 4
MAX_NAMES = 256


class NameUnknown(OSError):  # noqa: N818 - read as a sentence
    """No address for a name; ``advice`` is the technician's next step. Its errno is EHOSTUNREACH, 113."""

    advice = "write the machine's address in place of its name, or see to the name server"

    def __init__(self, host: str, why: str) -> None:
        super().__init__(errno.EHOSTUNREACH, f"no address for {host}: {why}")


class Lookup(threading.Thread):
    """One question to the system's resolver."""

    def __init__(self, host: str) -> None:
        super().__init__(name="look-up", daemon=True)
        self._host = host
        self.found: list[str] = []
        self.why = ""
        self.ended_at: float | None = None  # monotonic seconds

    def run(self) -> None:
        """Law 2."""
        try:
            rows = socket.getaddrinfo(self._host, None, type=socket.SOCK_STREAM)
            self.found = list(dict.fromkeys(str(row[4][0]) for row in rows))[:MAX_ADDRESSES]
        except (OSError, UnicodeError) as problem:  # UnicodeError: a name that cannot be one
            self.why = getattr(problem, "strerror", None) or "no such name"
        self.ended_at = time.monotonic()

    def fresh(self) -> bool:
        """Still under way, or ended with an answer a short while ago."""
        return self.ended_at is None or (bool(self.found) and time.monotonic() - self.ended_at < FRESH_S)


class Resolver:
    """The look-ups that are under way or were given up. Its only user beside the tests is ``addresses``."""

    def __init__(self) -> None:
        self._lookups: dict[str, Lookup] = {}
        self._lock = threading.Lock()
        self._turns: dict[str, int] = {}

    def addresses(self, host: str, limit_s: float = LIMIT_S) -> list[str]:
        """1-``MAX_ADDRESSES`` addresses, within ``limit_s`` seconds. Raises NameUnknown."""
        if is_address(host):
            return [host]
        lookup = self._under_way(host)
        lookup.join(limit_s)
        with self._lock:
            if lookup.is_alive():
                raise NameUnknown(host, f"the name server does not answer within {limit_s:g} s")
            if self._lookups.get(host) is lookup:
                del self._lookups[host]
        if not lookup.found:
            raise NameUnknown(host, lookup.why)
        at = self._next_turn(host) % len(lookup.found)
        return lookup.found[at:] + lookup.found[:at]

    def _next_turn(self, host: str) -> int:
        with self._lock:
            if len(self._turns) >= MAX_NAMES:
                self._turns.clear()
            turn = self._turns.get(host, 0)
            self._turns[host] = turn + 1
            return turn

    def _under_way(self, host: str) -> Lookup:
        with self._lock:
            kept = [(name, one) for name, one in self._lookups.items() if one.fresh()]
            self._lookups = dict(kept[-MAX_NAMES:])
            if host in self._lookups:
                return self._lookups[host]
            if sum(one.ended_at is None for one in self._lookups.values()) >= MAX_LOOKUPS:
                raise NameUnknown(host, "the name server answers nobody")
            lookup = Lookup(host)
            try:
                lookup.start()
            except RuntimeError:
                raise NameUnknown(host, "no thread is to be had to ask for it") from None
            self._lookups[host] = lookup
            return lookup


def is_address(host: str) -> bool:
    """An IPv4 or IPv6 address (``fe80::1%eth0`` too), not a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


addresses = Resolver().addresses
