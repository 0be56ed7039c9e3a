"""What headquarters knows of its boxes, and what it may still sign: numbers, nonces, device ids, sites.

Laws:
1. A number (of an envelope, a reset, a word of time) is taken in the same transaction in which its paper is recorded,
   and before the paper leaves the house: a power cut can waste a number, never give one out twice.
2. A device id is given once. A box that was revoked never comes back under its keys.
3. A claim serves as many different boxes as it says; the same box may ask again under it.
4. A box is known by both its keys. One that asks with another seal key is a stranger, and its code must be read again.
5. A box's number rises in small steps (``MAX_STEP``), as the box itself wants it: what a request says beyond that is
   believed only when a person says so too (``above``).
6. Numbers that no box can repair (time, revocations) never fall below the clock's seconds: a ledger that was put back
   from a copy goes on above what it gave out before.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from common.times import rfc3339
from edge.core.provisioning.papers import MAX_STEP
from edge.core.wire import valid_device
from provisioning.authority import Revoked
from provisioning.errors import LedgerError
from provisioning.store import Row, Store

HELD, ENROLLED, REVOKED = "held", "enrolled", "revoked"
MAX_DEVICE: Final = 40  # characters
RENEWAL: Final = "renewal"  # the common name of the bridge of the renewal door (docs/reliability.md): no box has it
MAX_NUMBER: Final = 2**53 - 1  # ``papers.Number``
KEPT_DAYS: Final = 800  # longer than any certificate of a box lives
_UNKNOWN: Final = "`borderpost-provision show` lists what there is"


@dataclass(frozen=True, slots=True)
class Box:
    """One box. ``device`` and ``site`` are empty while only its keys are held."""

    serial: str
    device: str
    site: str
    public_key: bytes
    seal_key: str
    state: str
    sequence: int
    enrolled: datetime
    replaces: str = ""
    inventory: str = "{}"
    ended: str = ""
    reason: str = ""

    @property
    def device_key(self) -> str:
        """SHA-256 of the device key's SubjectPublicKeyInfo, hexadecimal: as envelopes name it."""
        return hashlib.sha256(self.public_key).hexdigest()

    def has_keys(self, public_key: bytes, seal_key: str) -> bool:
        """Law 4."""
        return hmac.compare_digest(self.public_key, public_key) and hmac.compare_digest(self.seal_key, seal_key)


@dataclass(frozen=True, slots=True)
class Site:
    """One post: its configuration as a template, further files for its boxes, and the lists whose keys they get."""

    site: str
    name: str
    config: str
    lists: tuple[str, ...]
    files: Mapping[str, bytes]


class Ledger:
    """The rules over a ``Store``. ``who`` is written beside everything that is signed."""

    def __init__(self, store: Store, who: str) -> None:
        self.store, self._who = store, who

    @property
    def country(self) -> str:
        """ICAO code of the country."""
        return self.store.meta("country")

    def boxes(self) -> list[Box]:
        """All, by site and device."""
        return [_box(row) for row in self.store.rows("SELECT * FROM boxes ORDER BY site, device, enrolled")]

    def box(self, name: str) -> Box | None:
        """By serial or by device id."""
        row = self.store.row("SELECT * FROM boxes WHERE serial = ? OR device = ? AND device <> ''", name, name)
        return _box(row) if row else None

    def known(self, name: str, *, revoked: bool = False) -> Box:
        """The same; LedgerError for one that headquarters does not know, or that was revoked (unless ``revoked``)."""
        box = self.box(name)
        if box is None:
            raise LedgerError(f"no box has the serial or device id {name[:60]}", advice=_UNKNOWN)
        if box.state == REVOKED and not revoked:
            raise LedgerError(
                f"{box.device or box.serial} was revoked on {box.ended[:10]}: {box.reason}",
                advice=f"borderpost-provision reset {box.device or box.serial}; then it asks under a new claim, as new",
            )
        return box

    def site(self, site: str) -> Site:
        """One post. Raises LedgerError."""
        row = self.store.row("SELECT * FROM sites WHERE site = ?", site)
        if row is None:
            raise LedgerError(f"there is no site {site[:60]!r}", advice="add it: borderpost-provision site add")
        files = self.store.rows("SELECT name, content FROM site_files WHERE site = ? ORDER BY name", site)
        return Site(site, row["name"], row["config"], tuple(json.loads(row["lists"])),
                    {file["name"]: bytes(file["content"]) for file in files})  # fmt: skip

    def put_site(self, site: Site, now: datetime, *, change: bool) -> None:
        """Add or change a site; inside ``writing``. Raises LedgerError."""
        there = self.store.row("SELECT 1 FROM sites WHERE site = ?", site.site) is not None
        if there != change:
            raise LedgerError(
                f"there is no site {site.site}" if change else f"the site {site.site} is there already",
                advice=f"borderpost-provision site {'add' if change else 'set'} {site.site} …",
            )
        lists = json.dumps(list(site.lists))
        if change:
            self.store.change("UPDATE sites SET name = ?, config = ?, lists = ? WHERE site = ?",
                              site.name, site.config, lists, site.site)  # fmt: skip
            self.store.change("DELETE FROM site_files WHERE site = ?", site.site)
        else:
            self.store.put("sites", site=site.site, name=site.name, added=rfc3339(now), config=site.config, lists=lists)
        for name, content in site.files.items():
            self.store.put("site_files", site=site.site, name=name, content=content)
        self.note("site", now, detail=f"{site.site} {'changed' if change else 'added'}", data=site.config.encode())

    def put_claim(self, nonce: str, site: str, uses: int, now: datetime, expires: datetime, data: bytes) -> None:
        """Record a claim that was signed; inside ``writing``."""
        self.store.put("claims", nonce=nonce, site=site, uses=uses, created=rfc3339(now), expires=rfc3339(expires))
        self.note("claim", now, until=expires, data=data, detail=f"{site} for {uses}")

    def withdraw_claims(self, site: str, now: datetime) -> int:
        """No further box is answered under a site's claims; inside ``writing``. How many that were."""
        self.note("claim", now, detail=f"{site} withdrawn")
        statement = "UPDATE claims SET withdrawn = ? WHERE site = ? AND withdrawn = ''"
        return self.store.change(statement, rfc3339(now), site)

    def site_of_claim(self, nonce: str, serial: str, now: datetime) -> str:
        """The site that a box may ask for under this claim. Raises LedgerError when it may not (law 3)."""
        row = self.store.row("SELECT * FROM claims WHERE nonce = ?", nonce)
        if row is None:
            raise LedgerError("headquarters made no such claim", advice="make one: borderpost-provision claim")
        if row["withdrawn"]:
            raise LedgerError("the claim was withdrawn", advice="make a new one: borderpost-provision claim")
        used = {use["serial"] for use in self.store.rows("SELECT serial FROM claim_uses WHERE nonce = ?", nonce)}
        if serial in used:
            return str(row["site"])
        if len(used) >= row["uses"]:
            raise LedgerError(
                f"the claim for {row['site']} was used by {len(used)} box(es), as many as it allows",
                advice="if this box is meant, make a new claim stick; else ask who copied the old one",
            )
        if datetime.fromisoformat(row["expires"]) <= now:
            raise LedgerError(f"the claim ran out on {row['expires'][:10]}", advice="make a new one")
        return str(row["site"])

    def use_claim(self, nonce: str, serial: str, sequence: int, now: datetime) -> None:
        """Record that a box was answered under a claim; inside ``writing``."""
        self.store.change("INSERT OR REPLACE INTO claim_uses (nonce, serial, at, sequence) VALUES (?, ?, ?, ?)",
                          nonce, serial, rfc3339(now), sequence)  # fmt: skip

    def answered(self, nonce: str, serial: str) -> int:
        """The sequence of the envelope that last answered this box under this claim, 0 for none."""
        row = self.store.row("SELECT sequence FROM claim_uses WHERE nonce = ? AND serial = ?", nonce, serial)
        return int(row["sequence"]) if row else 0

    def new_device(self, site: str) -> str:
        """The next device id of a site, ``SITE-N``; inside ``writing``. Raises LedgerError."""
        self.store.change("UPDATE sites SET boxes = boxes + 1 WHERE site = ?", site)
        row = self.store.row("SELECT boxes FROM sites WHERE site = ?", site)
        assert row is not None
        device = f"{site}-{row['boxes']}"
        if len(device) > MAX_DEVICE:
            raise LedgerError(f"{device} is longer than {MAX_DEVICE} characters", advice="give --device")
        return device if self.box(device) is None else self.new_device(site)

    def check_device(self, device: str) -> None:
        """Raises LedgerError for an id that is not allowed, or that was given before (law 2)."""
        if not valid_device(device):
            raise LedgerError(f"{device[:60]!r} is no device id", advice="3 to 40 of a-z, 0-9 and hyphen, not `all`")
        if device == RENEWAL:
            raise LedgerError(f"{RENEWAL} is the name of the renewal door's bridge", advice="give another --device")
        if self.box(device) is not None:
            raise LedgerError(f"the device id {device} was given before", advice="leave --device out, or give another")

    def put_box(self, box: Box) -> None:
        """A box that headquarters did not know; inside ``writing``."""
        self.store.put(
            "boxes", serial=box.serial, device=box.device, site=box.site, public_key=box.public_key,
            seal_key=box.seal_key, state=box.state, sequence=box.sequence,
            enrolled=rfc3339(box.enrolled), replaces=box.replaces, inventory=box.inventory,
        )  # fmt: skip
        self.note("box", box.enrolled, serial=box.serial, detail=f"{box.state} {box.device} {box.site}".strip())

    def place(self, serial: str, device: str, site: str, seal_key: str) -> None:
        """Say where a box stands now; inside ``writing``."""
        self.store.change("UPDATE boxes SET device = ?, site = ?, seal_key = ?, state = ? WHERE serial = ?",
                          device, site, seal_key, ENROLLED, serial)  # fmt: skip

    def next_sequence(self, serial: str, said: int = 0, above: int = 0) -> int:
        """Take the next number of a box (law 1); inside ``writing``.

        It is above ``said`` (what the box itself says) and ``above`` (what a person says). Raises LedgerError (law 5).
        """
        row = self.store.row("SELECT sequence FROM boxes WHERE serial = ?", serial)
        assert row is not None
        given = int(row["sequence"])
        if said > max(given + MAX_STEP, above):
            raise LedgerError(
                f"{serial} says it took number {said}; headquarters gave out {given}",
                advice="find out who else signs for it (a stolen command key?); if the box itself shows that number "
                "(`borderpost identity`), give --above with it",
            )
        number = max(given, said, above) + 1
        if number > MAX_NUMBER:
            raise LedgerError(f"number {number} is above what a paper holds", advice="give a smaller --above")
        self.store.change("UPDATE boxes SET sequence = ? WHERE serial = ?", number, serial)
        return number

    def next_number(self, what: str, now: datetime) -> int:
        """Take the next number of ``time``, ``time_root`` or ``revoked`` (law 6); inside ``writing``."""
        number = max(int(self.store.meta(f"number:{what}") or 0) + 1, int(now.timestamp()))
        self.store.set_meta(f"number:{what}", str(number))
        return number

    def begin_anew(self, what: str, at: datetime) -> None:
        """The roots let numbers that ran ahead fall to that time's seconds; inside ``writing``."""
        number = min(int(self.store.meta(f"number:{what}") or 0), int(at.timestamp()))
        self.store.set_meta(f"number:{what}", str(number))

    def revoke(self, box: Box, reason: str, now: datetime) -> int:
        """A box and all its certificates count no longer; inside ``writing``. How many certificates that were."""
        at = rfc3339(now)
        self.store.change("UPDATE boxes SET state = ?, ended = ?, reason = ? WHERE serial = ?",
                          REVOKED, at, reason, box.serial)  # fmt: skip
        self.note("box", now, serial=box.serial, detail=f"revoked {box.device}: {reason}")
        statement = "UPDATE certificates SET revoked = ? WHERE serial = ? AND revoked = ''"
        return self.store.change(statement, at, box.serial)

    def revoked_certificates(self, now: datetime) -> list[Revoked]:
        """What the revocation list holds: revoked, and not run out by itself."""
        query = "SELECT number, revoked FROM certificates WHERE revoked <> '' AND until > ? ORDER BY number"
        rows = self.store.rows(query, rfc3339(now))
        return [Revoked(row["number"], datetime.fromisoformat(row["revoked"])) for row in rows]

    def revoked_names(self, now: datetime) -> tuple[list[str], list[str]]:
        """(serials, device ids) of boxes that were revoked in the last ``KEPT_DAYS``: no older certificate lives."""
        since = rfc3339(now - timedelta(days=KEPT_DAYS))
        rows = self.store.rows("SELECT serial, device FROM boxes WHERE state = ? AND ended > ? ORDER BY serial",
                               REVOKED, since)  # fmt: skip
        return [row["serial"] for row in rows], sorted(row["device"] for row in rows if row["device"])

    def put_certificate(self, number: str, subject: str, kind: str, serial: str, now: datetime, until: datetime,
                        pem: str) -> None:  # fmt: skip
        """Record a certificate; inside ``writing``."""
        self.store.put("certificates", number=number, subject=subject, kind=kind, serial=serial, made=rfc3339(now),
                       until=rfc3339(until), pem=pem)  # fmt: skip

    def certificate_until(self, serial: str) -> datetime | None:
        """When the newest certificate of a box that counts runs out."""
        row = self.store.row("SELECT max(until) AS until FROM certificates WHERE serial = ? AND revoked = ''", serial)
        return datetime.fromisoformat(row["until"]) if row and row["until"] else None

    def ending(self, before: datetime) -> list[str]:
        """Serials of boxes at work whose newest certificate ends by that time, the soonest first."""
        query = """SELECT serial, max(c.until) AS until FROM boxes JOIN certificates AS c USING (serial)
                   WHERE state = ? AND c.revoked = '' GROUP BY serial HAVING max(c.until) <= ? ORDER BY 2"""
        return [row["serial"] for row in self.store.rows(query, ENROLLED, rfc3339(before))]

    def resets(self) -> dict[str, str]:
        """When the newest reset of each box was signed, by serial; not where a whole envelope was signed after it."""
        query = """SELECT serial, max(at) AS at FROM papers AS r WHERE kind = 'reset' AND n > coalesce((
                   SELECT max(n) FROM papers WHERE serial = r.serial AND kind = 'envelope' AND detail LIKE '%edge.toml%'
                   ), 0) GROUP BY serial"""
        return {row["serial"]: row["at"] for row in self.store.rows(query)}

    def put_key(self, name: str, role: str, line: str, kid: str, now: datetime, place: str) -> None:
        """Record a public key (its private half is a file elsewhere); inside ``writing``."""
        self.store.change("INSERT OR REPLACE INTO keys (name, role, line, kid, made, place) VALUES (?, ?, ?, ?, ?, ?)",
                          name, role, line, kid, rfc3339(now), place)  # fmt: skip
        self.note("key", now, detail=f"{name} {kid}", data=line.encode())

    def lines(self, *roles: str) -> list[str]:
        """The public lines of keys that count, by name."""
        rows = self.store.rows("SELECT role, line FROM keys WHERE ended = '' ORDER BY name")
        return [row["line"] for row in rows if row["role"] in roles]

    def note(
        self, kind: str, now: datetime, *, serial: str = "", number: int = 0, until: datetime | None = None,
        data: bytes = b"", detail: str = "",
    ) -> None:  # fmt: skip
        """One row of what was done; inside ``writing``."""
        self.store.put(
            "papers", at=rfc3339(now), kind=kind, serial=serial, number=number, until=rfc3339(until) if until else "",
            digest=hashlib.sha256(data).hexdigest() if data else "", who=self._who, detail=detail[:200],
        )

    def papers(self, limit: int) -> Sequence[Row]:
        """The newest rows of what was done, newest first."""
        return self.store.rows("SELECT * FROM papers ORDER BY n DESC LIMIT ?", limit)


def _box(row: Row) -> Box:
    values = dict(row)
    at = datetime.fromisoformat(values.pop("enrolled")).astimezone(UTC)
    return Box(**values, enrolled=at)
