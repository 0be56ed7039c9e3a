"""Where everything of enrolment lies: one object, so that a test, a bench and a box differ in it alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge.core.provisioning.inbox import FACTS, INBOX

STATE: Final = "/var/lib/borderpost"
NATIONAL: Final = "/etc/borderpost/national.json"
RUNTIME: Final = "/run/borderpost"
SYSTEM: Final = "/sys"


@dataclass(frozen=True, slots=True)
class Places:
    """Folders and files of a box. ``console`` is a terminal or file for the code, None for none."""

    state: Path = Path(STATE)
    national: Path = Path(NATIONAL)
    inbox: Path = Path(INBOX)
    facts: Path = Path(FACTS)
    runtime: Path = Path(RUNTIME)
    console: Path | None = None
    system: Path = Path(SYSTEM)

    @property
    def identity(self) -> Path:
        """Keys, sealed, and what was asked for."""
        return self.state / "identity"

    @property
    def config(self) -> Path:
        """Generations of the configuration, ``current``, and the activation under way."""
        return self.state / "config"

    @property
    def kept(self) -> Path:
        """High-water marks: they survive a reset."""
        return self.state / "kept.json"

    @property
    def newer_national(self) -> Path:
        """A national package that an envelope brought: it survives a reset too."""
        return self.state / "national.json"

    @property
    def own_inbox(self) -> Path:
        """Envelopes that came over the link: the same path as a stick's."""
        return self.state / "inbox"

    @property
    def visits(self) -> Path:
        """How far each visit came."""
        return self.state / "visits"

    @property
    def device_key(self) -> Path:
        """The device key as OpenSSL wants it: in memory, of this boot."""
        return self.runtime / "device.key"
