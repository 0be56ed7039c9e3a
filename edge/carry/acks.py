"""Acks and holdings that came by stick: headquarters' signed word for rows that a bundle carried.

Laws:
1. A word counts only if its signature, device, epoch, digest and carry session are right (``edge.core.acks``); what
   does not count changes nothing, and the rest is applied all the same. Applying the same words twice changes nothing.
2. They are applied in the order in which they were said, whatever their order in the file, and only those of one
   store: of the one that spoke last. What an older store held may be lost with it.
3. Holdings are how a headquarters that was put back from a backup asks for rows again, where no link does.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Protocol

import msgspec

from edge.core.acks import AckOutcome, judge
from edge.core.provisioning.codes import Code, ProvisioningError
from edge.core.sealing import SignPublic
from edge.core.wire import AckPayload, Signed
from edge.journal.model import Counts, Shelf

MAX_ACKS = 4096  # in one file: eight million rows
MAX_BYTES = 16 << 20


class Rows(Protocol):
    """What is needed of the journal."""

    @property
    def device(self) -> str:
        """The device id in every message id."""

    def shelves(self) -> Sequence[Shelf]:
        """What there is of each epoch, earliest first; the present one is always there, and last."""

    def counts(self) -> Counts:
        """The journal in figures."""

    def apply_ack(self, payload: AckPayload, *, carried: bool) -> AckOutcome:
        """Mark rows as delivered if the digest fits."""

    def apply_holdings(self, payload: AckPayload, *, carried: bool) -> AckOutcome:
        """Make the span's rows agree with headquarters."""


@dataclass(frozen=True, slots=True)
class AcksApplied:
    """``applied`` words counted; by acks among them ``rows`` rows came to be acked that were not before. ``refused`` by
    reason. ``time``: the newest word of time in those that counted. ``newest_held``: the highest seq of the present
    epoch that headquarters says it holds, 0 if it did not say."""

    applied: int
    rows: int
    refused: Mapping[AckOutcome, int] = field(default_factory=dict)
    time: datetime | None = None
    newest_held: int = 0


def apply_acks(
    data: bytes, journal: Rows, ack_keys: Mapping[str, SignPublic], session: str | Collection[str]
) -> AcksApplied:
    """Apply the JSON array of Signed AckPayloads in ``data``. Raises ProvisioningError(DAMAGED_PAPER, TOO_LARGE_PAPER)
    for what is no such array, JournalError's kin for the journal.

    ``session``: the carry session(s) that the box's bundles named.
    """
    sessions = (session,) if isinstance(session, str) else tuple(session)
    shelves = journal.shelves()
    epochs = frozenset(shelf.epoch for shelf in shelves)
    applied = rows = held = 0
    refused: dict[AckOutcome, int] = {}
    time: datetime | None = None
    words: list[AckPayload] = []
    for signed in read_acks(data):
        payload = _believed(signed, ack_keys, journal.device, epochs, sessions)
        if isinstance(payload, AckPayload):
            words.append(payload)
        else:
            refused[payload] = refused.get(payload, 0) + 1
    words.sort(key=lambda word: (word.server_time, word.kind))  # at one moment acks before holdings
    for kind, alike in groupby(words, key=lambda word: word.kind):
        before = journal.counts().acked
        for payload in alike:
            outcome = _apply(journal, payload, words[-1].store)
            if outcome is not AckOutcome.OVERTAKEN and payload.epoch == shelves[-1].epoch:
                held = max(held, payload.newest_held or 0)
            if outcome is not AckOutcome.APPLIED:
                refused[outcome] = refused.get(outcome, 0) + 1
                continue
            applied += 1
            time = max(time, payload.server_time) if time else payload.server_time
        if kind == "ack":
            rows += max(0, journal.counts().acked - before)
    return AcksApplied(applied, rows, refused, time, held)


def _apply(journal: Rows, payload: AckPayload, store: str) -> AckOutcome:
    if payload.store != store:
        return AckOutcome.OVERTAKEN
    apply = journal.apply_ack if payload.kind == "ack" else journal.apply_holdings
    return apply(payload, carried=True)


def read_acks(data: bytes) -> list[Signed]:
    """The array, nothing verified yet."""
    if len(data) > MAX_BYTES:
        raise ProvisioningError(Code.TOO_LARGE_PAPER, f"acks of {len(data)} bytes")
    try:
        found = msgspec.json.decode(data, type=list[Signed])
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError, OverflowError):
        raise ProvisioningError(Code.DAMAGED_PAPER, "acks.json is no array of acks") from None
    if len(found) > MAX_ACKS:
        raise ProvisioningError(Code.TOO_LARGE_PAPER, f"{len(found)} acks in one file")
    return found


def _believed(
    signed: Signed, keys: Mapping[str, SignPublic], device: str, epochs: frozenset[str],
    sessions: Sequence[str],
) -> AckPayload | AckOutcome:  # fmt: skip
    """The payload under whichever session it names, or why it is not believed."""
    for session in sessions:
        found = judge(signed, keys=keys, device=device, epochs=epochs, session=session)
        if found is not AckOutcome.REPLAYED:
            return found
    return AckOutcome.REPLAYED
