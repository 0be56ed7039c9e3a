"""What goes back: one file of acks for each box, for `borderpost-provision acks` to put into its next envelope.

A file holds a JSON array of Signed AckPayloads, the newest first, at most ``MAX_ACKS``; older ones go first, and cost
nothing more than that the box brings those rows once more.

Laws:
1. A file speaks for one store. What another one said before goes, or a box would believe that rows are safe which were
   lost with it.
2. Of holdings only the newest are kept: they say all that is held, and older ones would say it wrong.
3. What is said once more of the same rows of one bundle takes the place of what was said before.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

import msgspec

from edge.core.errors import BorderpostError
from edge.core.wire import AckPayload, Signed, WireError, decode
from hq.collector.answers import Answer

MAX_ACKS: Final = 1000  # two million rows
MAX_BYTES: Final = 12 << 20  # an envelope takes 16 MiB


class AcksFileError(BorderpostError):
    """The folder for acks cannot be written."""


def add(folder: Path, device: str, answers: Sequence[Answer]) -> Path:
    """Put ``answers`` before what ``folder/DEVICE.acks.json`` holds. Raises AcksFileError."""
    target = folder / f"{device}.acks.json"
    fresh = [msgspec.json.decode(answer.payload, type=Signed) for answer in answers]
    said = [payload for one in fresh if (payload := _payload(one))]
    stores, rows = {payload.store for payload in said}, {_rows(payload) for payload in said if payload.kind == "ack"}
    older = [one for one in _held(target) if _is_ack_of(one, stores, rows)] if stores else _held(target)
    kept = list(dict.fromkeys([*fresh, *older]))[:MAX_ACKS]
    while len(data := msgspec.json.encode(kept)) > MAX_BYTES:
        kept = kept[: len(kept) * 3 // 4]
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = target.with_name(target.name + ".partial")
        with partial.open("wb") as file:
            file.write(data + b"\n")
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    except OSError as error:
        raise AcksFileError(f"{target}: {error.strerror}", advice="give a folder that you may write: --acks") from error
    return target


def _payload(one: Signed) -> AckPayload | None:
    try:
        return decode(one.parts()[0], AckPayload)
    except WireError:
        return None


def _rows(payload: AckPayload) -> tuple[object, ...]:
    """What an ack is of: the time and all else that it says is not the rows'."""
    return payload.epoch, payload.session, tuple(payload.ranges), payload.digest


def _is_ack_of(one: Signed, stores: Collection[str], said: Collection[tuple[object, ...]]) -> bool:
    """True for an ack of one of ``stores`` whose rows were not ``said`` once more."""
    payload = _payload(one)
    return payload is not None and payload.kind == "ack" and payload.store in stores and _rows(payload) not in said


def _held(target: Path) -> list[Signed]:
    try:
        return msgspec.json.decode(target.read_bytes()[: MAX_BYTES + 1], type=list[Signed])
    except FileNotFoundError:
        return []
    except (OSError, msgspec.MsgspecError, UnicodeError):
        return []  # what cannot be read is made anew: the box brings its rows again
