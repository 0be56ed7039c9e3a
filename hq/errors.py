"""Headquarters' own errors."""

from __future__ import annotations

from edge.core.errors import BorderpostError


class KeyFileError(BorderpostError):
    """A key file is absent, unreadable, locked by a passphrase, or already there."""


class StoreError(BorderpostError):
    """Headquarters' database cannot be opened, or is not one."""
