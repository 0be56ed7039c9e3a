"""Updates that came as a message, and the beacon that says there is one.

Laws: a beacon is a hint and nothing more: it may cost a question, it cannot bring a list. A parcel is verified like a
stick, with the same marks.
"""

from __future__ import annotations

from collections.abc import Iterator

from tuf.api.exceptions import DownloadHTTPError
from tuf.api.metadata import Timestamp

from edge.core.distribution.beacon import version_of
from edge.core.distribution.parcel import ParcelError, unpack
from edge.updates.errors import UpdateError
from edge.updates.fetchers import Fetcher, checked
from edge.updates.marks import Marks


class ParcelFetcher(Fetcher):
    """The files of one parcel. Raises UpdateError ``damaged`` if it is none."""

    def __init__(self, parcel: bytes) -> None:
        try:
            self._files = unpack(parcel)
        except ParcelError as error:
            raise UpdateError("damaged", error.message) from error

    def open(self, path: str, offset: int = 0) -> Iterator[bytes]:
        """From memory."""
        checked(path)
        if path not in self._files:
            raise DownloadHTTPError(f"{path} is not there", 404)
        return iter((self._files[path][offset:],))


def is_news(beacon: bytes, marks: Marks) -> bool:
    """True if this timestamp.json names a higher version than the box has seen; not verified (it is a hint)."""
    version = version_of(beacon)
    return version is not None and version > marks.get(Timestamp.type).version
