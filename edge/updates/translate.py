"""What tuf raises, as one of our codes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime

from tuf.api.exceptions import (
    BadVersionNumberError,
    DownloadError,
    DownloadHTTPError,
    DownloadLengthMismatchError,
    ExpiredMetadataError,
    LengthOrHashMismatchError,
    RepositoryError,
    SlowRetrievalError,
    UnsignedMetadataError,
)
from tuf.api.metadata import Root, Timestamp

from edge.updates.client import Client
from edge.updates.errors import UpdateError
from edge.updates.reference import FAR, Reference


@contextlib.contextmanager
def translated(client: Client, at: Reference, list_id: str = "") -> Iterator[None]:
    """Whatever tuf or the disk raises inside becomes an UpdateError."""
    try:
        yield
    except UpdateError:
        raise
    except ExpiredMetadataError as error:
        code, detail = _expired(client.expiries(), at)
        raise UpdateError(code, detail, list_id=list_id) from error
    except BadVersionNumberError as error:
        raise UpdateError("older", list_id=list_id) from error
    except UnsignedMetadataError as error:
        raise UpdateError("damaged" if client.garbled() else "foreign", list_id=list_id) from error
    except (RepositoryError, DownloadError, ValueError) as error:
        raise UpdateError(_code(error), list_id=list_id) from error
    except OSError as error:
        raise UpdateError("disk", error.strerror or "", list_id=list_id) from error


def _code(error: Exception) -> str:
    if isinstance(error, LengthOrHashMismatchError | DownloadLengthMismatchError):
        return "damaged"
    if isinstance(error, SlowRetrievalError):
        return "source_slow"
    if isinstance(error, DownloadHTTPError):
        return "incomplete" if error.status_code in (403, 404) else "source_unreachable"
    return "source_unreachable" if isinstance(error, DownloadError) else "damaged"


def _expired(expiries: dict[str, datetime], at: Reference) -> tuple[str, str]:
    """Which code, and the date: the clock is suspect where it is vouched for and far beyond every signature."""
    ends = [expiries[name] for name in (Root.type, Timestamp.type) if name in expiries]
    if not ends:
        return "expired", ""
    if at.vouched and all(at.at - end > FAR for end in ends):
        return "clock_ahead", f"clock {at.at:%Y-%m-%d}, the update until {max(ends):%Y-%m-%d}"
    root_over = Root.type in expiries and expiries[Root.type] <= at.at
    return ("root_expired" if root_over else "expired"), f"until {min(ends):%Y-%m-%d}"
