"""``borderpost-provision show``: what the ledger holds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provisioning.verbs.options import array_option, authority_option, now, opened, say_json, stick_option, table

if TYPE_CHECKING:
    from provisioning.folder import AuthorityFolder
    from provisioning.ledger import Ledger

SOON = ((0, "ran out"), (7, "7 days"), (30, "30 days"), (90, "90 days"))  # alarms of a certificate's end
MAX_PAPERS = 1000
WHAT = ("boxes", "sites", "claims", "certificates", "papers", "keys", "requests")


@click.command("show")
@click.argument("what", type=click.Choice(WHAT), default="boxes")
@click.option("--box", metavar="BOX", help="Of this box alone (serial or device id).")
@authority_option
@stick_option
@array_option
def command(*, what: str, box: str | None, root: Path, stick: Path | None, as_json: bool) -> None:
    """List boxes, sites, claims, certificates, what was signed (the newest 1000), public keys, or a stick's requests.

    A box's number is that of its last paper; `ends` warns from 90 days before its certificate runs out; `to_do` names
    boxes whose reset was signed and whose old keys still count.

    \b
    Try it:  borderpost-provision show
             borderpost-provision show requests --stick /media/BORDERPOST
    """
    from provisioning.errors import LedgerError

    with opened(root) as (folder, ledger):
        found = ledger.box(box) if box else None
        if box and found is None and what != "requests":  # a stick may hold one of a box that nobody knows yet
            ledger.known(box)  # there is none: says so
        serial = found.serial if found else box
        if what == "requests":
            if stick is None:
                raise click.UsageError("show requests wants --stick DIR")
            rows = _requests(ledger, stick)
        else:
            rows = _LISTS[what](folder, ledger)
    if serial:
        rows = [row for row in rows if row.get("serial") == serial]
        if not rows and found is None:
            raise LedgerError(f"{stick}: no request of {serial[:60]}", advice="leave --box out to see what is there")
    if as_json:
        say_json(rows)
        return
    columns = _COLUMNS[what]
    table(list(columns), [[_cell(row[name], whole=name == "at") for name in columns] for row in rows])


def _boxes(_: AuthorityFolder, ledger: Ledger) -> list[dict[str, object]]:
    at, found, resets = now(), list[dict[str, object]](), ledger.resets()
    for box in ledger.boxes():
        until = ledger.certificate_until(box.serial)
        reset = resets.get(box.serial, "") if box.state != "revoked" else ""
        found.append({
            "device": box.device, "site": box.site, "serial": box.serial, "state": box.state, "number": box.sequence,
            "until": until.isoformat() if until else None, "ends": _ends(until, at) if box.state == "enrolled" else "",
            "replaces": box.replaces, "ended": box.ended or None, "reason": box.reason, "seal_key": box.seal_key,
            "device_key": box.device_key, "to_do": f"reset signed on {reset[:10]}: revoke it" if reset else "",
        })  # fmt: skip
    return found


def _sites(_: AuthorityFolder, ledger: Ledger) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    boxes = ledger.boxes()
    for row in ledger.store.rows("SELECT site FROM sites ORDER BY site"):
        site = ledger.site(row["site"])
        here = [box.device for box in boxes if box.site == site.site and box.state == "enrolled"]
        found.append({"site": site.site, "name": site.name, "lists": list(site.lists), "files": list(site.files),
                      "boxes": here})  # fmt: skip
    return found


def _claims(_: AuthorityFolder, ledger: Ledger) -> list[dict[str, object]]:
    query = """SELECT c.*, (SELECT count(*) FROM claim_uses AS u WHERE u.nonce = c.nonce) AS used FROM claims AS c
               ORDER BY created DESC"""
    return [dict(row) for row in ledger.store.rows(query)]


def _certificates(_: AuthorityFolder, ledger: Ledger) -> list[dict[str, object]]:
    return [dict(row) for row in ledger.store.rows("SELECT * FROM certificates ORDER BY until")]


def _papers(_: AuthorityFolder, ledger: Ledger) -> list[dict[str, object]]:
    return [dict(row) for row in ledger.papers(MAX_PAPERS)]


def _keys(folder: AuthorityFolder, ledger: Ledger) -> list[dict[str, object]]:
    from provisioning import authority

    ca = folder.certificate()
    own: dict[str, object] = {
        "name": "ca", "role": "certificates", "kid": authority.fingerprint(ca).replace(" ", "")[:16],
        "line": "", "made": ca.not_valid_before_utc.isoformat(), "place": str(folder.ca), "ended": "",
    }  # fmt: skip
    return [own, *(dict(row) for row in ledger.store.rows("SELECT * FROM keys ORDER BY ended, role, name"))]


def _requests(ledger: Ledger, stick: Path) -> list[dict[str, object]]:
    """What boxes ask for. Their codes are not shown: they are to be heard from the box."""
    from edge.core.provisioning.codes import ProvisioningError
    from edge.core.provisioning.request import read_request
    from provisioning import stick_tree

    found: list[dict[str, object]] = []
    for path in stick_tree.StickTree(stick).requests():
        row: dict[str, object] = {"serial": path.parent.name, "file": str(path), "kind": "", "known": "", "site": "",
                                  "model": "", "problem": ""}  # fmt: skip
        try:
            asked = read_request(stick_tree.read_request(path))
        except ProvisioningError as error:
            row["problem"] = error.message
        else:
            box = ledger.box(asked.request.serial)
            same = box is not None and box.has_keys(asked.public_key, asked.request.seal_key)
            row |= {
                "serial": asked.request.serial, "kind": asked.request.kind, "site": asked.request.site,
                "known": box.state if box and same else "other keys" if box else "no",
                "model": f"{asked.request.inventory.vendor} {asked.request.inventory.model}".strip(),
            }  # fmt: skip
        found.append(row)
    return found


def _ends(until: datetime | None, at: datetime) -> str:
    left = (until - at).days if until and until > at else -1
    return next((f"within {text}" if days else text for days, text in SOON if left < days or left < 0), "")


def _cell(value: object, *, whole: bool = False) -> str:
    """As a table shows it: of times the day alone, unless they are ``whole``."""
    if isinstance(value, list):
        return ", ".join(map(str, value))
    text = "" if value is None else str(value)
    return text[:10] if not whole and len(text) in (20, 25) and text[4:5] == "-" and "T" in text else text


_LISTS: dict[str, Callable[[AuthorityFolder, Ledger], list[dict[str, object]]]] = {
    "boxes": _boxes, "sites": _sites, "claims": _claims, "certificates": _certificates, "papers": _papers,
    "keys": _keys,
}
_COLUMNS = {
    "boxes": ("device", "site", "serial", "state", "number", "until", "ends", "to_do"),
    "sites": ("site", "name", "boxes", "lists", "files"),
    "claims": ("site", "uses", "used", "created", "expires", "withdrawn"),
    "certificates": ("subject", "kind", "number", "made", "until", "revoked"),
    "papers": ("at", "kind", "serial", "number", "until", "who", "detail"),
    "keys": ("name", "role", "kid", "made", "place", "ended"),
    "requests": ("serial", "kind", "known", "site", "model", "problem"),
}
