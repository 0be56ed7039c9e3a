"""What posts are told of new lists: the repository's beacon and its urgent parcel, whenever they change.

Laws:
1. Both are sent as they stand on disk; a file that is too long, or that cannot be read, is not sent and is told once.
2. Both are retained, so that a post that was away hears the newest. A parcel that was removed is withdrawn by an empty
   message.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import structlog

from common.files import open_regular
from edge.core.distribution.beacon import MAX_BYTES, version_of
from edge.core.distribution.parcel import MAX_PACKED
from edge.core.wire import Topic
from hq.distribution import URGENT

log = structlog.get_logger("news")


class News:
    """Looks at the repository at most every ``look_s`` seconds. ``due`` gives what must be sent now."""

    def __init__(self, repo: str, look_s: float) -> None:
        self._files = {
            Topic.BEACON: (Path(repo) / "metadata" / "timestamp.json", MAX_BYTES),
            Topic.PARCEL: (Path(repo) / URGENT, MAX_PACKED),
        } if repo else {}  # fmt: skip
        self._look_s = look_s
        self._sent: dict[Topic, bytes] = {}
        self._next = 0.0
        self._told = ""

    def connected(self) -> None:
        """A new connection: everything is sent again."""
        self._sent, self._next = {}, 0.0

    def due(self, now: float) -> Iterator[tuple[Topic, bytes]]:
        """(topic, payload) of what changed; ``now`` in monotonic seconds."""
        if now < self._next:
            return
        self._next = now + self._look_s
        for topic, (path, limit) in self._files.items():
            data = self._read(path, limit)
            if data is not None and data != self._sent.get(topic, b""):
                self._sent[topic] = data
                yield topic, data

    def _read(self, path: Path, limit: int) -> bytes | None:
        """Its bytes; empty if it is not there, None if it is nothing to send."""
        try:
            with open_regular(path) as file:
                data = file.read(limit + 1)
        except FileNotFoundError:
            return b""
        except OSError as error:
            self._tell(f"{path}: {error.strerror}")
            return None
        if len(data) > limit or (limit == MAX_BYTES and version_of(data) is None):
            self._tell(f"{path}: no message for posts")
            return None
        return data

    def _tell(self, problem: str) -> None:
        if problem != self._told:
            self._told = problem
            log.warning("news_not_sent", reason=problem, advice="check updates.repo in hq.toml; publish it again")
