"""Which boxes count no longer: the newest signed revocation, looked at again whenever the file changes.

Laws:
1. It counts only if a command key of the national package signed it; anything else changes nothing and is told once.
2. Numbers rise: an older revocation never takes the place of a newer one while the process runs.
3. Where one is configured and cannot be read at the start, nothing starts: nobody is let in by a typing error.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import structlog

from common.files import open_regular
from edge.core.errors import BorderpostError
from edge.core.provisioning.codes import ProvisioningError
from edge.core.provisioning.papers import MAX_PAPER, Revocation
from edge.core.provisioning.signing import Keys, keys_of, open_national, open_paper
from hq.config import ProvisioningConfig

log = structlog.get_logger("revoked")


class RevokedError(BorderpostError):
    """The revocation, or the national package that names who signs it, cannot be used."""


class Revoked:
    """``refuses`` a device; the file at ``path`` ('' for none) is looked at again every ``look_s`` seconds."""

    def __init__(self, path: str, national: str, look_s: float, mono: Callable[[], float]) -> None:
        self._path, self._national = (Path(path) if path else None), Path(national)
        self._look_s, self._mono = look_s, mono
        self._next = 0.0
        self._seen: tuple[int, int, int] | None = None  # of the file that was read: inode, size, time
        self._told = ""
        self._keys: Keys = {}
        self._paper: Revocation | None = None
        self._devices: frozenset[str] = frozenset()
        self._serials: frozenset[str] = frozenset()

    @classmethod
    def of(cls, config: ProvisioningConfig, mono: Callable[[], float]) -> Revoked:
        """As hq.toml has it."""
        return cls(config.revoked, config.national, config.look_s, mono)

    def read(self) -> None:
        """Read it now. Raises RevokedError; nothing is changed then."""
        if self._path is None:
            return
        try:
            if not self._keys:
                self._keys = keys_of(open_national(_read(self._national), None).command_keys)
            paper = open_paper(_read(self._path), Revocation, self._keys)
        except ProvisioningError as error:
            raise RevokedError(
                f"{self._path}: {error.message}",
                advice="copy the newest revocation of `borderpost-provision revoke` there, and its national.json",
            ) from error
        if self._paper is not None and paper.number < self._paper.number:
            raise RevokedError(
                f"{self._path}: revocation {paper.number} is older than {self._paper.number}, which stays",
                advice="copy the newest revocation there",
            )
        self._paper = paper
        self._devices, self._serials = frozenset(paper.devices), frozenset(paper.serials)

    def refuses(self, device: str, serial: str = "") -> bool:
        """True for a box that was revoked, by device id or by serial."""
        self._look()
        return device in self._devices or serial in self._serials

    def _look(self) -> None:
        if self._path is None or (now := self._mono()) < self._next:
            return
        self._next = now + self._look_s
        try:
            status = self._path.stat()
        except OSError as error:
            self._tell(f"{self._path}: {error.strerror}")
            return
        mark = (status.st_ino, status.st_size, status.st_mtime_ns)
        if mark == self._seen:
            return
        self._seen = mark
        try:
            self.read()
            self._told = ""
        except RevokedError as error:
            self._tell(error.message)

    def _tell(self, problem: str) -> None:
        if problem != self._told:
            self._told = problem
            log.error("revocation_not_read", reason=problem, advice="put the newest revocation there; the last counts")


def _read(path: Path) -> bytes:
    try:
        with open_regular(path) as file:
            return file.read(10 * MAX_PAPER)
    except OSError as error:
        raise RevokedError(f"{path}: {error.strerror}", advice="mend [provisioning] in hq.toml") from error
