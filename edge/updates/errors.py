"""Every reason why an update is not taken: a code, what happened, and what a technician does next.

Laws: an update that is refused changes nothing, and screening goes on with what the box has; texts name lists, roles,
versions and dates, nothing from inside a list.
"""

from __future__ import annotations

from typing import Final

from edge.core.errors import BorderpostError

CATALOGUE: Final[dict[str, tuple[str, str]]] = {
    "nothing_there": (
        "no repository of headquarters is here",
        "is the stick mounted? Give the folder in which the folders metadata and targets lie",
    ),
    "source_unreachable": (
        "headquarters' update server cannot be reached",
        "check the link, the address and the certificate; the box tries again by itself",
    ),
    "source_slow": (
        "headquarters' update server stopped sending",
        "check the link; the box goes on where it stopped",
    ),
    "certificate": (
        "the update server's certificate is not accepted, or the box's own certificate files cannot be used",
        "check the box's clock, the CA file and the certificates' dates",
    ),
    "medium_unreadable": (
        "the medium cannot be read",
        "copy the update to another stick and try again",
    ),
    "unsafe_path": (
        "something on the medium leads out of it or is no plain file",
        "do not use this stick: send it to headquarters, and take a new one",
    ),
    "incomplete": (
        "a file of the update is missing, or a list's file was cut short",
        "copy the whole update again, and wait until the copy has ended",
    ),
    "damaged": (
        "a file of the update does not agree with headquarters' signature, or signed metadata were cut short",
        "copy the whole update again, to another stick; if it happens again, tell headquarters",
    ),
    "damaged_root": (
        "this box's own root key file cannot be used",
        "install root.json of headquarters again (docs/distribution.md)",
    ),
    "foreign": (
        "the update is signed by keys that this box does not know",
        "check that it is headquarters' own; if it is, ask for a stick with all root files",
    ),
    "root_gap": (
        "a root file between the one this box knows and the newest is missing",
        "ask headquarters for a stick with every root file",
    ),
    "older": (
        "the update is older than one that this box has taken before",
        "take the newest stick; if this is the newest, tell headquarters at once",
    ),
    "expired": (
        "the update is too old: headquarters' signature has run out",
        "fetch a newer update; the box goes on screening with the lists that it has",
    ),
    "root_expired": (
        "headquarters' root file has run out",
        "ask headquarters for a stick with the new root file; the box goes on screening with the lists that it has",
    ),
    "clock_ahead": (
        "by this box's clock the update ran out long ago: the clock may be wrong",
        "set the clock, then try again; if the clock is right, fetch a newer update",
    ),
    "clock_behind": (
        "the update was signed later than this box's clock says it is",
        "set the clock, then try again",
    ),
    "foreign_path": (
        "the metadata of one list name files of another",
        "tell headquarters at once: the key of that list is used wrongly",
    ),
    "bad_offer": (
        "headquarters signed something that makes no sense",
        "tell headquarters; the box goes on with the list that it has",
    ),
    "no_way": (
        "nothing here leads from this box's generation of the list to the newest",
        "ask headquarters for a stick with the whole list",
    ),
    "no_whole": (
        "this box's copy of the list is damaged or is not headquarters', and no whole list is here to take its place",
        "have headquarters publish it whole (`borderpost-hq publish list … --whole`), and take that update",
    ),
    "mismatch": (
        "the list would not hold what headquarters says it holds",
        "tell headquarters at once; the box goes on with the list that it has",
    ),
    "not_usable": (
        "a signed file of the list cannot be used by this program",
        "tell headquarters; the box goes on with the list that it has",
    ),
    "no_key": (
        "the list is sealed by a key that is not on this box",
        "have headquarters seal the ring for this box: `borderpost-hq keys seal-ring`",
    ),
    "not_offered": (
        "headquarters publishes no list of this name",
        "correct lists below [updates] in edge.toml, or have headquarters publish it",
    ),
    "list_busy": (
        "the list is being rewritten by a compaction",
        "wait until it has ended; the box tries again by itself",
    ),
    "no_space": (
        "there is not enough room for the update",
        "make room on the disk of the state folder: old recordings and copies of lists; then try again",
    ),
    "disk": (
        "the box's disk refuses the update",
        "if the disk is read-only, `journalctl -k` says why: replace it",
    ),
    "busy": (
        "another update is running on this box",
        "wait until it has ended",
    ),
    "library": (
        "the tuf package is not the one this program was written for",
        "install the package versions of requirements-box.lock",
    ),
}


class UpdateError(BorderpostError):
    """An update, or one list of it, is not taken. ``code`` is a key of ``CATALOGUE``; ``detail`` may be empty."""

    def __init__(self, code: str, detail: str = "", *, list_id: str = "") -> None:
        cause, advice = CATALOGUE[code]
        where = f"list {list_id}: " if list_id else ""
        super().__init__(f"{where}{cause}{f' ({detail})' if detail else ''}", advice=advice)
        self.code, self.detail, self.list_id = code, detail, list_id
