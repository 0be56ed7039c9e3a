"""``borderpost-hq publish``: keys that change, what is missing, what stands there."""

from __future__ import annotations

from pathlib import Path

import click

from common.times import rfc3339
from hq.verbs import options
from hq.verbs.publish_common import (
    FILE,
    date_of,
    json_option,
    lines_of,
    list_option,
    passphrase_options,
    repo_argument,
    say,
    signed_rows,
    signers_of,
    wanted_rows,
)


@click.command("wanted")
@repo_argument
@list_option
@click.option("--generation", type=click.IntRange(1), help="As if this one were the newest: what to make with it.")
@click.option("--as-of", metavar="DATE", help="How old its data are: YYYY-MM-DD or RFC 3339.")
@json_option
def wanted(repo: Path, list_id: str, generation: int | None, as_of: str | None, as_json: bool) -> None:
    """Say which deltas are missing, so that every post of the last six months needs at most 15 files.

    Exit code 1 if any is missing.

    \b
    Try it:  borderpost-hq publish wanted repo --list un --generation 8 --as-of 2026-03-08
    """
    from edge.core.distribution import role_of
    from hq.distribution import history, publishing
    from hq.distribution.errors import PublishError
    from hq.distribution.folder import Folder
    from hq.distribution.retention import Generation

    if (generation is None) != (as_of is None):
        raise click.UsageError("--generation and --as-of go together")
    folder = Folder(repo)
    metadata = folder.waiting(role_of(list_id)) or folder.latest(role_of(list_id))
    if metadata is None:
        raise PublishError(f"{list_id} is no list of this repository", advice="see `borderpost-hq publish status`")
    known = history.read(folder, list_id)
    if generation is not None and as_of is not None:
        known = history.joined(known, [Generation(generation, date_of(as_of))])
    lacking = history.missing(publishing.offer_of(list_id, metadata.signed), known)
    lines = [f"delta from {start} to {to}" if start else f"base of {to}" for start, to in lacking]
    say(as_json, {"wanted": wanted_rows(lacking)}, *(lines or ["nothing is missing"]))
    raise SystemExit(bool(lacking))


@click.command("rotate")
@repo_argument
@click.argument("role")
@click.option("--new", "new", type=FILE, required=True, help="Public key (NAME.pub) that comes.")
@click.option("--old", "old", type=FILE, help="Public key that goes [default: all of the role's].")
@json_option
def rotate(repo: Path, role: str, new: Path, old: Path | None, as_json: bool) -> None:
    """Replace a key of root, snapshot or timestamp. Root then waits for two old and two new holders.

    Afterwards the role itself must be signed with the new key: `publish timestamp`, or `publish sign` for targets.
    """
    from hq.distribution import keys, service
    from hq.distribution.folder import Folder
    from hq.distribution.repository import Repository

    with Folder(repo) as folder:
        gone = keys.public_key(old) if old else None
        done = service.replace_key(Repository(folder, options.now()), role, keys.public_key(new), gone)
    say(as_json, {"signed": signed_rows(done)}, *lines_of(done))


@click.command("delegate")
@repo_argument
@list_option
@click.option("--key", "key_files", type=FILE, multiple=True, required=True, help="Public key (NAME.pub).")
@click.option("--sign", "sign_files", type=FILE, multiple=True, help="Private keys of root holders, if at hand.")
@passphrase_options
@json_option
def delegate(
    *, repo: Path, list_id: str, key_files: tuple[Path, ...], sign_files: tuple[Path, ...], ask: bool,
    passphrase_file: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Begin a new list, or replace its key. The role targets then waits for two root holders.

    After that the list itself must be signed with the new key: `publish sign REPO list-LISTID`. Boxes forget the marks
    of a list whose key was replaced, and of no other.
    """
    from hq.distribution import keys, service
    from hq.distribution.folder import Folder
    from hq.distribution.repository import Repository

    signers = signers_of(sign_files, ask, passphrase_file)
    with Folder(repo) as folder:
        holders = [keys.public_key(path) for path in key_files]
        done = service.delegate_list(Repository(folder, options.now()), list_id, holders, signers)
    say(as_json, {"signed": signed_rows(done)}, *lines_of(done))


@click.command("status")
@repo_argument
@json_option
def status(repo: Path, as_json: bool) -> None:
    """Say what is published, until when posts take it, what waits for signatures, and what each list offers."""
    from hq.distribution import service
    from hq.distribution.errors import PublishError
    from hq.distribution.folder import Folder

    state = service.described(Folder(repo))
    if not state["roles"] and not state["waiting"]:
        raise PublishError("this is no repository", advice="begin with `borderpost-hq publish init`")
    if as_json:
        roles = [{**role, "expires": rfc3339(role["expires"])} for role in state["roles"]]
        lists = [{**row, "as_of": rfc3339(row["as_of"]) if row["as_of"] else None} for row in state["lists"]]
        options.say_json({**state, "roles": roles, "lists": lists})
        return
    options.table(["role", "version", "expires"],
                  [[r["role"], str(r["version"]), f"{r['expires']:%Y-%m-%d}"] for r in state["roles"]])  # fmt: skip
    rows = [[row["list"], str(row["newest"]), f"{row['as_of']:%Y-%m-%d}" if row["as_of"] else "-",
             str(row["steps"]), f"{row['bytes']:,}", str(row["missing"])] for row in state["lists"]]  # fmt: skip
    options.table(["list", "newest", "as of", "steps", "bytes", "missing"], rows)
    click.echo(f"waiting for signatures: {', '.join(state['waiting']) or 'nothing'}")


@click.command("sweep")
@repo_argument
@json_option
def sweep(repo: Path, as_json: bool) -> None:
    """Remove files that nothing published names any more. Run it when no post is fetching."""
    from hq.distribution import publishing
    from hq.distribution.folder import Folder
    from hq.distribution.repository import Repository

    with Folder(repo) as folder:
        freed = publishing.sweep(Repository(folder, options.now()))
    say(as_json, {"freed": freed}, f"{freed:,} bytes are free again")


@click.command("parcel")
@repo_argument
@list_option
@click.option("--from", "start", required=True, type=click.IntRange(1), help="The generation that posts have.")
@click.option("--generation", required=True, type=click.IntRange(1), help="The one that they get.")
@click.option("--out", type=FILE, help="Where to write it.")
@click.option("--send", is_flag=True, help="Have the collector send it to every post (updates.repo in hq.toml).")
@json_option
def parcel(
    *, repo: Path, list_id: str, start: int, generation: int, out: Path | None, send: bool, as_json: bool
) -> None:  # fmt: skip
    """Write one published delta with its metadata as one message of at most 64,000 bytes (an urgent withdrawal).

    It stays with the broker until the next one is sent: posts that are away get it when they are back.

    \b
    Try it:  borderpost-hq publish parcel repo --list sltd --from 7 --generation 8 --send
    """
    from hq.distribution import URGENT, parcels
    from hq.distribution.folder import Folder, write

    if (out is None) == (not send):
        raise click.UsageError("give --out FILE or --send, one of them")
    data = parcels.make(Folder(repo), list_id, start, generation)
    place = repo / URGENT if out is None else out
    write(place, data)
    say(as_json, {"file": str(place), "bytes": len(data)}, f"{place}: {len(data):,} bytes")
