"""Headquarters' own errors in provisioning."""

from __future__ import annotations

from edge.core.errors import BorderpostError


class AuthorityError(BorderpostError):
    """The authority's folder, a key file or its passphrase does not serve; the message names the file."""


class LedgerError(BorderpostError):
    """The ledger says no: an unknown box, a number that was used, a claim that is used up; or it cannot be opened."""


class StickError(BorderpostError):
    """A stick's folder cannot be read or written."""
