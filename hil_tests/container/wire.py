"""The cable between a machine and headquarters: two network namespaces and nothing of this computer's own network.

Laws:
1. The cable is made in headquarters' namespace and put into the machine's; this computer's own namespace never has an
   end of it, nor a rule. One namespace a machine; it ends with the process that holds it, and so with the bench.
2. What is lost is counted by the kernel: a test asserts that something was.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from hil_tests.bench.target import TargetError, until
from hil_tests.container.machine import ENVIRON, Machine
from hil_tests.vm.children import Child

HEADQUARTERS, BOX = "10.0.2.100", "10.0.2.15"
PROGRAMS = ("ip", "iptables", "unshare", "nsenter")  # of this computer
COMMAND_S = 20
HOLD_S = "7200"


class Wire:
    """A cable from ``eth0`` of the machine to HEADQUARTERS. Use with ``with``; ``log`` takes the holder's words."""

    def __init__(self, machine: Machine, log: Path) -> None:
        self._box = ("nsenter", f"--net=/proc/{machine.leader}/ns/net")
        self._leader, self._log = machine.leader, log
        self._holder: Child | None = None

    @property
    def inside(self) -> tuple[str, ...]:
        """The words that put a command beside headquarters' end."""
        assert self._holder
        return ("nsenter", f"--net=/proc/{self._holder.pid}/ns/net")

    def __enter__(self) -> Wire:
        holder = self._holder = Child(["unshare", "-n", "--", "sleep", HOLD_S], self._log)
        try:
            until(lambda: Path(f"/proc/{holder.pid}/comm").read_text() == "sleep\n", COMMAND_S)
            self._there("ip", "link", "set", "lo", "up")
            self._there("ip", "link", "add", "post", "type", "veth", "peer", "name", "eth0", "netns", str(self._leader))
            self._there("ip", "address", "add", f"{HEADQUARTERS}/24", "dev", "post")
            self._there("ip", "link", "set", "post", "up")
            _run(*self._box, "ip", "address", "add", f"{BOX}/24", "dev", "eth0")
            _run(*self._box, "ip", "link", "set", "eth0", "up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """The namespace ends with its last process, and takes the cable along."""
        holder, self._holder = self._holder, None
        if holder is not None:
            holder.end()

    def link(self, *, up: bool) -> None:
        """Pull the cable at headquarters' end, or put it back; the box's end has no carrier meanwhile."""
        self._there("ip", "link", "set", "post", "up" if up else "down")

    def lose(self, percent: int) -> None:
        """From now on so many of 100 packets are lost in each direction, at random; 0: none."""
        for where, port in ((self.inside, "post"), (self._box, "eth0")):
            _run(*where, "iptables", "-F", "INPUT")
            if percent:
                _run(*where, "iptables", "-A", "INPUT", "-i", port, "-m", "statistic", "--mode", "random",
                     "--probability", f"{percent / 100:.2f}", "-j", "DROP")  # fmt: skip

    def lost(self) -> tuple[int, int]:
        """Packets lost since the last ``lose``: (towards headquarters, towards the box)."""
        there, here = (_run(*where, "iptables", "-nvxL", "INPUT") for where in (self.inside, self._box))
        return _dropped(there), _dropped(here)

    def _there(self, *words: str) -> None:
        _run(*self.inside, *words)


def _dropped(table: str) -> int:
    return sum(int(found[1]) for found in re.finditer(r"^\s*(\d+)\s+\d+\s+DROP\b", table, re.MULTILINE))


def _run(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, timeout=COMMAND_S, check=False, env=ENVIRON)
    if done.returncode:
        raise TargetError(f"{words}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout
