"""Reading a TOML file into frozen structures; the sections that box and headquarters share.

Laws:
1. Unknown keys are errors (a mistyped limit must not be a silent default); a message names the key's path.
2. A relative path in a file is taken from the folder of that file.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from common.files import open_regular
from edge.core.errors import BorderpostError

MAX_CONFIG_BYTES = 256 * 1024
ENTRY = re.compile(r"at `\$\.(?P<table>\w+)\[(?P<number>\d+)\]")

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
    tables: dict[str, Any] = {}
    try:
        tables = tomllib.loads(text)
        return msgspec.convert(tables, kind)
    except msgspec.ValidationError as error:  # a ValueError too
        raise ConfigError(f"{where}: {_told(str(error), tables)}", advice="see docs/configuration.md for that key") \
            from error
    except ValueError as error:  # TOMLDecodeError, and what Python says of a number with thousands of digits
        raise ConfigError(f"{where}: not TOML: {error}", advice="mend that line") from error
    except RecursionError as error:
        raise ConfigError(f"{where}: not TOML: nested too deeply", advice="write plain keys and lists") from error


def _told(message: str, tables: Mapping[str, Any]) -> str:
    """With the name of the table that is meant, where it has one: ``reader[2]`` is nothing that stands in a file."""
    found = ENTRY.search(message)
    if not found:
        return message
    entry = tables[found["table"]][int(found["number"])]
    name = entry.get("name") if isinstance(entry, dict) else None
    return f'[[{found["table"]}]] name = "{name}": {message}' if isinstance(name, str) else message
