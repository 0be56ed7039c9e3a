"""What headquarters says back: signed acks for what came, signed holdings for a sync. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from edge.core.acks import sign_ack
from edge.core.sealing import SignPrivate
from edge.core.wire import MAX_SPAN, AckPayload, Topic, digest_of, encode, ranges_of, topic

MAX_SYNC_SPANS = 5000  # answers to one sync: 10 million seqs; a box that claims more gets the newest

Rows = list[tuple[int, bytes]]  # (seq, SHA-256 of the sealed body), ascending by seq


@dataclass(frozen=True, slots=True)
class Answer:
    """One message to publish with QoS 1."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Talk:
    """One connection of one box: the epoch it writes under and the token its answers must repeat."""

    device: str
    epoch: str
    session: str


class Speaker:
    """Signs in the name of one store. ``clock`` gives headquarters' time, aware of its zone; ``newest`` the highest
    seq that is held of (device, epoch), so that a box whose disk was put back learns that it wrote more once.
    """

    def __init__(
        self, store_id: str, key: SignPrivate, clock: Callable[[], datetime],
        newest: Callable[[str, str], int] | None = None,
    ) -> None:  # fmt: skip
        self._store, self._key, self._clock, self._newest = store_id, key, clock, newest

    def acks(self, talk: Talk, rows: Iterable[tuple[int, bytes]]) -> Iterator[Answer]:
        """Acks for committed rows, in spans that are never wider than MAX_SPAN seqs."""
        chunk: Rows = []
        for row in sorted(set(rows)):
            if chunk and row[0] - chunk[0][0] >= MAX_SPAN:
                yield self._sign("ack", talk, (chunk[0][0], chunk[-1][0]), chunk)
                chunk = []
            chunk.append(row)
        if chunk:
            yield self._sign("ack", talk, (chunk[0][0], chunk[-1][0]), chunk)

    def holdings(
        self, talk: Talk, oldest: int, newest: int, held: Callable[[int, int], Rows],
        silent: Callable[[int, int], Iterable[int]] = lambda _first, _last: (),
    ) -> Iterator[Answer]:  # fmt: skip
        """What ``held(first, last)`` gives for oldest..newest, span by span; for an empty shelf span 1..1.

        ``silent(first, last)``: seqs of which nothing is said, ascending.
        """
        newest = max(newest, 1)
        first = max(oldest, 1, newest - MAX_SYNC_SPANS * MAX_SPAN + 1)
        first = min(first, newest)
        while first <= newest:
            last = min(first + MAX_SPAN - 1, newest)
            yield self._sign("holdings", talk, (first, last), held(first, last), silent(first, last))
            first = last + 1

    def _sign(
        self, kind: str, talk: Talk, span: tuple[int, int], rows: Rows, silent: Iterable[int] = ()
    ) -> Answer:
        payload = AckPayload(
            kind="ack" if kind == "ack" else "holdings",
            device=talk.device,
            epoch=talk.epoch,
            store=self._store,
            session=talk.session,
            server_time=self._clock(),
            span=span,
            ranges=ranges_of(seq for seq, _ in rows),
            digest=digest_of(rows),
            newest_held=self._newest(talk.device, talk.epoch) if self._newest else None,
            silent=ranges_of(silent),
        )
        return Answer(topic(Topic.ACK, talk.device), encode(sign_ack(payload, self._key)))
