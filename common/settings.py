"""Reading a TOML file into frozen structures; the sections that box and headquarters share.

Laws:
1. Unknown keys are errors (a mistyped limit must not be a silent default); a message names the key's path.
2. A relative path in a file is taken from the folder of that file.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TypeVar

import msgspec

from common.files import open_regular
from edge.core.errors import BorderpostError

MAX_CONFIG_BYTES = 256 * 1024

S = TypeVar("S", bound=msgspec.Struct)


class ConfigError(BorderpostError):
    """A configuration file is absent, unreadable or wrong; the message names the file and the key."""


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of every section: immutable, and unknown keys are refused."""


class TlsConfig(Section, frozen=True):
    """Mutual TLS towards the broker; all three are PEM files."""

    ca: str                                           # whom this side believes
    cert: str                                         # its own certificate; a box's common name is its device id
    key: str                                          # the private key of it, readable for its user alone

    def absolute(self, base: Path) -> TlsConfig:
        """The same with paths taken from ``base``."""
        return TlsConfig(ca=str(base / self.ca), cert=str(base / self.cert), key=str(base / self.key))


def read(path: Path, *, advice: str) -> str:
    """The text of a configuration file; ConfigError with ``advice`` when it is none."""
    try:
        with open_regular(path) as file:
            data = file.read(MAX_CONFIG_BYTES + 1)
        if len(data) > MAX_CONFIG_BYTES:
            raise ConfigError(f"{path}: larger than {MAX_CONFIG_BYTES} bytes", advice="give the right file")
        return data.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigError(f"{path}: {reason}", advice=advice) from error


def convert(text: str, kind: type[S], *, where: str) -> S:
    """TOML text as ``kind``; ConfigError naming ``where`` and the key's path."""
    try:
        return msgspec.convert(tomllib.loads(text), kind)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{where}: not TOML: {error}", advice="mend that line") from error
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: {error}", advice="see docs/configuration.md for that key") from error
