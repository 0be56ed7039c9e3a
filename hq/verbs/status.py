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
    heard = datetime.fromisoformat(post.last_seen)
    return "silent" if at - heard > timedelta(seconds=SILENT_AFTER * interval_s) else "online"


def as_record(post: Post, state: str) -> dict[str, object]:
    """One post for --json. ``pending`` is what its last health message said, None if there was none."""
    return {
        "post": post.device,
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


def missing(post: Post) -> int:
    """Messages that headquarters lacks though it holds later ones."""
    return sum(g.last - g.first + 1 for g in post.gaps)


@click.command()
@config_option
@json_option
def command(config_path: Path, as_json: bool) -> None:
    """The posts: online, offline or silent, last seen, what they hold back and what is missing.

    *messages* counts passages, closings and reports; *pending* is what the post says it still has to
    send; *missing* are numbers that never came though later ones did.
    """
    from hq import config
    from hq.store import View

    settings = config.load(config_path)
    with View(Path(settings.store.path)) as view:
        posts, store, counts = view.posts(), view.store_id(), view.counts()
        open_alarms = len(view.alarms())
    states = [state_of(p, now(), settings.collector.health_interval_s) for p in posts]
    if as_json:
        say_json([as_record(post, state) for post, state in zip(posts, states, strict=True)])
        return
    rows = [
        [
            p.device,
            state,
            p.last_seen.replace("T", " ")[:19],
            str(p.held),
            str(p.health.get("outbox", "?")),
            str(missing(p)),
            str(p.alarms),
            str(p.presence.get("software", "")),
        ]
        for p, state in zip(posts, states, strict=True)
    ]
    table(["post", "state", "last seen (UTC)", "messages", "pending", "missing", "alarms", "software"], rows)
    click.echo(
        f"store {store}: {counts['messages']} messages, {counts['duplicates']} duplicates removed,"
        f" {counts['conflicts']} conflicts, {counts['quarantine']} in quarantine, {open_alarms} open alarms"
    )
