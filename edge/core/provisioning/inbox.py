"""The folder between the stick's process and the daemon: names and structures of both sides.

The stick's process stages into ``INBOX/.staging-N`` and renames it to ``INBOX/N`` (N counts up from 1, decimal); the
daemon looks at ``INBOX/N/offer.json`` and the files beside it, does what it does, puts what goes back into
``INBOX/N/out/`` and, last and by rename, writes ``INBOX/N/outcome.json``. Then the stick's process copies ``out/`` to
``BORDERPOST/out/<serial>/`` of the stick, writes RESULT-N.txt there, and removes ``INBOX/N``.
What the daemon says of itself to the stick's process stands in ``FACTS`` (written by rename).
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from edge.core.provisioning.codes import Code, Grade
from edge.core.provisioning.papers import Serial, Text
from edge.core.wire.fields import Timestamp

INBOX: Final = "/var/lib/borderpost-inbox"   # setgid, group borderpost; made by tmpfiles
FACTS: Final = "/run/borderpost/box.json"    # BoxFacts, public, of this boot
NATIONAL: Final = "national.json"            # beside FACTS: the national package that an envelope brought, if any
OFFER, OUTCOME, OUT = "offer.json", "outcome.json", "out"
# names of staged files, each there only if the stick has it
CLAIM, ENVELOPE, RESET, TIME, TUF = "claim.json", "envelope.prov", "reset.json", "time.json", "tuf"
PACKAGE = "national.json"  # a newer national package: on the stick ``BORDERPOST/national.json``
# names of what goes out
REQUEST, CSR, ROWS, LOGS = "request.json", "request.csr", "rows.sealed", "logs.sealed"


class BoxFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What anybody on the box may know of it. ``lists``: list id -> generation: no more is copied than needed."""

    serial: Serial
    device: str = ""  # empty while unprovisioned
    site: str = ""
    sequence: int = 0
    code: str = ""  # of a pending request; for the screen, never for the stick
    lists: dict[str, int] = {}
    software: str = ""
    country: str = ""


class Offer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the stick's process found. ``problems``: (code, detail) of what it refused itself."""

    number: Annotated[int, Meta(ge=1)]
    at_boot: bool = False
    stick: Text = ""  # its USB serial number, for the audit log
    file_system: Text = ""
    problems: tuple[tuple[Code, Text], ...] = ()
    restaged: bool = False  # begun before a restart of the box


class Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one part of the stick."""

    part: str  # claim, envelope, reset, time, lists, software, rows, stick
    code: Code
    grade: Grade
    detail: Text = ""


class ListLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One list as it stands after the visit."""

    list: str
    generation: int
    age_seconds: int | None = None
    state: str = ""


class StickOutcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The daemon's answer. ``parts`` in the order of what was done; the RESULT file is made of this alone."""

    number: int
    serial: str
    device: str = ""
    site: str = ""
    at: Timestamp | None = None  # trusted time, None if unknown
    clock: str = "untrusted"
    parts: tuple[Part, ...] = ()
    lists: tuple[ListLine, ...] = ()
    certificate_until: Timestamp | None = None
    sequence: int = 0
    audit_head: str = ""
    audit_rows: int = 0
    unsent: int = 0
    software: str = ""


def has_reset(outcome: StickOutcome) -> bool:
    """True if the box forgot everything in that visit: what goes out with it is the only copy of its rows."""
    return any(part.code is Code.RESET_DONE for part in outcome.parts)
