"""What goes back on the stick: rows, the log, and which carry sessions headquarters may still ack."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from edge.carry.acks import AcksApplied, apply_acks
from edge.carry.bundle import RowsWritten, Sender, write_logs, write_rows
from edge.carry.sink import Target
from edge.core import sealing
from edge.core.provisioning.inbox import LOGS, ROWS
from edge.core.trusted import ClockState
from edge.enrol.disk import Disk, disk_error, read
from edge.enrol.places import Places
from edge.journal import Journal

FILE: Final = "carried.json"
MAX_SESSIONS: Final = 16  # bundles whose acks are still awaited; an older one's rows are carried again
MAX_BYTES: Final = 16_384


class _Carried(msgspec.Struct, frozen=True):
    sessions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Carrier:
    """``token`` gives a fresh session; ``recipients`` are headquarters' seal key and the escrow keys."""

    disk: Disk
    places: Places
    journal: Journal
    recipients: list[sealing.Recipient]
    token: Callable[[], str]

    def write(
        self, slot: Callable[[str], Target], sender: Sender, wall: datetime, clock: ClockState, *, rows: bool
    ) -> RowsWritten | None:
        """Write the log, and with ``rows`` what headquarters has not acked; ``slot(name)`` says where each goes.

        Raises ProvisioningError.
        """
        session = self.token()
        written = None
        if rows:
            self._remember(session)  # before it can be named by an ack
            written = write_rows(
                slot(ROWS), self.journal, sender=sender, recipients=self.recipients, session=session, created=wall,
                clock=clock,
            )
        write_logs(
            slot(LOGS), sender=sender, recipients=self.recipients, session=session, created=wall, clock=clock
        )
        return written

    def take_acks(self, data: bytes, keys: Mapping[str, sealing.SignPublic]) -> AcksApplied:
        """Apply the acks of an envelope. Raises ProvisioningError, JournalError's kin."""
        return apply_acks(data, self.journal, keys, self._sessions())

    def _sessions(self) -> tuple[str, ...]:
        try:
            data = read(self.places.state / FILE, MAX_BYTES)
            return msgspec.json.decode(data, type=_Carried).sessions if data else ()
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return ()
        except OSError as error:
            raise disk_error(error) from error

    def _remember(self, session: str) -> None:
        kept = _Carried((*self._sessions(), session)[-MAX_SESSIONS:])
        try:
            self.disk.write(self.places.state / FILE, msgspec.json.encode(kept))
        except OSError as error:
            raise disk_error(error) from error
