"""``borderpost-hq status``: the posts, and what headquarters lacks of each."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hq.verbs.options import config_option, json_option, now, say_json, table

if TYPE_CHECKING:
    from hq.store import Post

SILENT_AFTER = 3  # health intervals without a word: a broker that crashed keeps saying "online"


def state_of(post: Post, at: datetime, interval_s: float) -> str:
    """``online``, ``offline`` (said so, or its last will did) or ``silent`` (no word, no goodbye)."""
    if not post.online:
        return "offline"
    if not post.last_seen:
        return "offline"
    heard = datetime.fromisoformat(post.last_seen)
    return "silent" if at - heard > timedelta(seconds=SILENT_AFTER * interval_s) else "online"


def as_record(post: Post, state: str) -> dict[str, object]:
    """One post for --json. ``pending`` is what its last health message said, None if there was none."""
    return {
        "post": post.device,
        "site": post.sites[0] if post.sites else "",
        "sites": list(post.sites),
        "serial": post.presence.get("serial", ""),
        "sequence": post.presence.get("sequence", 0),
        "carried": post.carried,
        "carried_audit_head": post.carried_head,
        "carried_audit_rows": post.carried_rows,
        "state": state,
        "since": post.since,
        "last_seen": post.last_seen,
        "health_at": post.health_at,
        "messages": post.held,
        "pending": post.health.get("outbox"),
        "audit_head": post.health.get("audit_head"),
        "gaps": [asdict(g) for g in post.gaps],
        "missing": missing(post),
        "duplicates": post.duplicates,
        "conflicts": post.conflicts,
        "unopened": post.unopened,
        "epochs": post.epochs,
        "alarms": post.alarms,
        "software": post.presence.get("software", ""),
        "lists": post.presence.get("lists", {}),
    }


def _where(post: Post, site: str) -> str:
    """The site, and that the box stands there no longer."""
    now_at = post.sites[0] if post.sites else ""
    return f"{site} (before)" if site and now_at != site else now_at


def missing(post: Post) -> int:
    """Messages that headquarters lacks though it holds later ones."""
    return sum(g.last - g.first + 1 for g in post.gaps)


@click.command()
@config_option
@json_option
@click.option("--site", default="", help="Only boxes that stand or stood at this site: its whole history.")
def command(config_path: Path, as_json: bool, site: str) -> None:
    """The posts: online, offline or silent, last seen, what they hold back and what is missing.

    *messages* counts passages, closings and reports; *pending* is what the post says it still has to
    send; *missing* are numbers that never came though later ones did; *by stick* is when a stick of the box came last.
    A site's history is that of all boxes that stood there, a replaced one among them.
    """
    from hq import config
    from hq.store import View

    settings = config.load(config_path)
    with View(Path(settings.store.path)) as view:
        posts, store, counts = view.posts(site), view.store_id(), view.counts()
        at_site = view.held_at(site) if site else 0
        open_alarms = len(view.alarms())
    states = [state_of(p, now(), settings.collector.health_interval_s) for p in posts]
    if as_json:
        say_json([as_record(post, state) for post, state in zip(posts, states, strict=True)])
        return
    rows = [
        [
            p.device,
            _where(p, site),
            state,
            p.last_seen.replace("T", " ")[:19] or "never",
            p.carried.replace("T", " ")[:19],
            str(p.held),
            str(p.health.get("outbox", "?")),
            str(missing(p)),
            str(p.alarms),
            str(p.presence.get("software", "")),
        ]
        for p, state in zip(posts, states, strict=True)
    ]
    table(
        ["post", "site", "state", "last seen (UTC)", "by stick (UTC)", "messages", "pending", "missing", "alarms",
         "software"], rows,
    )  # fmt: skip
    if site:
        click.echo(f"site {site}: {len(posts)} boxes, {at_site} messages")
        return
    click.echo(
        f"store {store}: {counts['messages']} messages, {counts['duplicates']} duplicates removed,"
        f" {counts['conflicts']} conflicts, {counts['quarantine']} in quarantine, {open_alarms} open alarms"
    )
