"""``borderpost lists``: look into the list generations on disk."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge.verbs.lists_update import update
from edge.verbs.options import config_option

if TYPE_CHECKING:
    from edge.core.vault import KeyRing
    from edge.core.watch import Manifest
    from edge.fingers.galleries import OpenGallery
    from edge.watchlists import OpenList

_MIB = 256  # of a keyed list that are verified at a time
_POSITIONS = (
    "unknown", "right-thumb", "right-index", "right-middle", "right-ring", "right-little",
    "left-thumb", "left-index", "left-middle", "left-ring", "left-little",
)  # fmt: skip


@click.group("lists")
def command() -> None:
    """Look into the watchlists that this box screens by, and take newer ones."""


command.add_command(update)


@command.command("inspect")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True), metavar="DIR")
@click.option("--config", "config_path", type=click.Path(path_type=Path), default=None,
              envvar="BORDERPOST_CONFIG", show_envvar=True, help="The box's edge.toml: its keys open sealed lists.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def inspect(folder: Path, config_path: Path | None, as_json: bool) -> None:
    """Verify every list below DIR: generation, age, records, digests. Prints no record.

    A sealed list is opened only with --config, as the user of the box.

    Exit code 1 if a list is damaged or missing, or if there is none; the next step is on standard error.

    \b
    Try it:  borderpost lists inspect /var/lib/borderpost/lists
    """
    import msgspec

    from edge.checks_keys import NAME_CONFIG, SEAL_AGAIN, lacks_key
    from edge.errors import EXIT_NO
    from edge.verbs.asking import told_problem
    from edge.watchlists import Watchlists

    now = datetime.now(UTC)
    opened = Watchlists.open(folder, keys=_keys(config_path))
    while any(entry.keyed.look_over(_MIB) for entry in opened.lists if entry.keyed is not None):
        pass  # every byte, as of the other lists
    lists = opened.refresh().lists
    looked = config_path is not None
    rows = [_described(entry, now, told_problem(entry, looked=looked)) for entry in lists]
    sound = bool(rows) and all(row["sound"] for row in rows)
    if as_json:
        click.echo(msgspec.json.encode({"sound": sound, "lists": rows}))
    else:
        for entry, row in zip(lists, rows, strict=True):
            click.echo(_line(entry, row))
        if not rows:
            click.echo("no list is there; headquarters makes one with: borderpost-hq lists build")
    if not sound:
        lacking = [entry for entry in lists if lacks_key(entry.problem)]
        if lacking:
            click.echo(f"next:  {SEAL_AGAIN if looked else NAME_CONFIG}", err=True)
        if len(lacking) < sum(not row["sound"] for row in rows):
            click.echo("next:  copy the lists that have another problem from headquarters again" if lacking else
                       "next:  copy the lists that have a problem from headquarters again", err=True)
        raise SystemExit(EXIT_NO)


def _keys(config_path: Path | None) -> Callable[[], KeyRing]:
    from edge import config
    from edge.core.vault import KeyRing
    from edge.list_keys import ListKeys, beside_the_unit

    if config_path is None:
        return KeyRing
    return ListKeys(Path(config.load(config_path).box.state_dir), beside_the_unit()).ring


@command.command("box-key")
@config_option
def box_key(config_path: Path) -> None:
    """Print the line that headquarters seals this box's list keys to (made once).

    Headquarters answers with a file: put it into the state folder as list-keys.sealed.
    """
    from edge import config
    from edge.keys import own_folder
    from edge.list_keys import ListKeys

    click.echo(ListKeys(own_folder(Path(config.load(config_path).box.state_dir))).public_line())


@command.command("keys")
@config_option
@click.option("--plain", is_flag=True, help="The ring in clear, into a pipe: for systemd-creds encrypt.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object; never the keys themselves.")
def keys(config_path: Path, plain: bool, as_json: bool) -> None:
    """Show which lists this box has keys for; never the keys themselves.

    \b
    Bind the ring to this machine's TPM, then remove list-keys.sealed:
      borderpost lists keys --plain |
        systemd-creds encrypt --name=list-keys - /etc/credstore.encrypted/list-keys
    """
    import sys

    import msgspec

    from edge import config
    from edge.errors import EXIT_NO
    from edge.list_keys import ListKeys, beside_the_unit

    if plain and as_json:
        raise click.UsageError("--plain writes the ring, --json what is in it: give one of them.")

    found = ListKeys(Path(config.load(config_path).box.state_dir), beside_the_unit())
    ring = found.ring()
    if plain:
        if sys.stdout.isatty():
            raise click.UsageError("--plain writes keys: give it a pipe to systemd-creds, not a terminal.")
        click.echo(ring.encode().decode())
        return
    rows = [{"list": e.list_id, "from_generation": e.generation, "key": e.key_id.hex()} for e in ring.entries]
    if as_json:
        click.echo(msgspec.json.encode({"keys": rows, "problem": found.problem}))
    for entry in () if as_json else ring.entries:
        click.echo(f"{entry.list_id}  from generation {entry.generation} on  key {entry.key_id.hex()}")
    if found.problem or not ring.entries:
        click.echo(found.problem or "no list keys are on this box", err=True)
        click.echo("next:  have headquarters seal the ring for this box: borderpost-hq keys seal-ring", err=True)
        raise SystemExit(EXIT_NO)


def _described(entry: OpenList, now: datetime, problem: str | None) -> dict[str, Any]:
    row: dict[str, Any] = {
        "list": entry.list_id,
        "sound": entry.generation is not None and entry.problem is None,
        "problem": problem,
    }
    if entry.gallery is not None and entry.manifest:
        row |= _gallery(entry.manifest, entry.gallery, now)
    if entry.manifest and entry.persons is not None:
        m = entry.manifest
        row |= {
            "generation": m.generation,
            "title": m.title,
            "source_date": m.source_date,
            "built_at": m.built_at,
            "age_seconds": int((now - m.source_date).total_seconds()),
            "records": m.records,
            "tokens": entry.persons.n_tokens,
            "lost": m.lost,
            "files": m.files,
            "silent": m.silent,
            "action": m.action,
            "thresholds": m.thresholds,
            "format": m.format,
        }
    if entry.keyed and entry.card:
        head, card = entry.keyed.header, entry.card
        as_of = datetime.fromtimestamp(head.as_of, UTC)
        row |= {
            "generation": head.generation,
            "title": card.title,
            "thing": card.thing,
            "source_date": as_of,
            "built_at": datetime.fromtimestamp(head.created, UTC),
            "age_seconds": int((now - as_of).total_seconds()),
            "records": head.count,
            "base_generation": head.base_generation,
            "digest": head.digest.hex(),
            "key": head.key_id.hex(),
            "silent": card.silent,
            "action": card.action,
        }
    return row


def _gallery(m: Manifest, gallery: OpenGallery, now: datetime) -> dict[str, Any]:
    info = gallery.info
    return {
        "generation": m.generation,
        "title": m.title,
        "source_date": m.source_date,
        "built_at": m.built_at,
        "age_seconds": int((now - m.source_date).total_seconds()),
        "templates": info.templates,
        "persons": info.persons,
        "positions": {word: n for word, n in zip(_POSITIONS, info.positions, strict=True) if n},
        "extractor": info.extractor_id,
        "image": info.image,
        "tail": info.tail,
        "lost": m.lost,
        "files": m.files,
        "sealed": gallery.key is not None,
        "silent": m.silent,
        "action": m.action,
        "format": m.format,
    }


def _gallery_line(entry: OpenList, row: dict[str, Any]) -> str:
    hours, problem = row["age_seconds"] // 3600, f"\n  problem: {entry.problem}" if entry.problem else ""
    silent = ", silent" if row["silent"] else ""
    tail = row["tail"]
    told = f"impostor tail of {tail.pairs:,} pairs" if tail else "no impostor tail of its own"
    fingers = ", ".join(f"{word} {n:,}" for word, n in row["positions"].items())
    image = ", reports carry the image" if row["image"] else ""
    return (
        f"{entry.list_id}: generation {row['generation']}, {hours // 24} d {hours % 24} h old, "
        f"{row['templates']:,} templates of {row['persons']:,} persons (gallery), digests agree{silent}\n"
        f"  {row['extractor']}; {fingers or 'empty'}; {told}{image}\n"
        f"  {row['title']}, dated {row['source_date']:%Y-%m-%d %H:%M} UTC; {row['action']}{problem}"
    )


def _keyed_line(entry: OpenList, row: dict[str, Any]) -> str:
    hours, problem = row["age_seconds"] // 3600, f"\n  problem: {entry.problem}" if entry.problem else ""
    silent = ", silent" if row["silent"] else ""
    return (
        f"{entry.list_id}: generation {row['generation']}, {hours // 24} d {hours % 24} h old, {row['records']:,} "
        f"records of {row['thing']} (keyed, base {row['base_generation']}), digests agree{silent}\n"
        f"  {row['title']}, dated {row['source_date']:%Y-%m-%d %H:%M} UTC; {row['action']}{problem}"
    )


def _line(entry: OpenList, row: dict[str, Any]) -> str:
    if entry.keyed is not None:
        return _keyed_line(entry, row)
    if entry.gallery is not None:
        return _gallery_line(entry, row)
    if entry.manifest is None:
        return f"{entry.list_id}: cannot be used: {row['problem']}"
    m = entry.manifest
    hours = row["age_seconds"] // 3600
    age = f"{hours // 24} d {hours % 24} h" if hours >= 24 else f"{hours} h"
    silent = ", silent" if m.silent else ""
    problem = f"\n  problem: {entry.problem}" if entry.problem else ""
    return (
        f"{entry.list_id}: generation {m.generation}, {age} old, {m.records.documents:,} documents, "
        f"{m.records.persons:,} persons ({m.records.names:,} names), digests agree{silent}\n"
        f"  {m.title}, dated {m.source_date:%Y-%m-%d %H:%M} UTC; {m.action}{problem}"
    )
