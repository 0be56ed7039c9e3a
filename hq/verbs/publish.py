"""``borderpost-hq publish``: sign lists and software for the posts."""

from __future__ import annotations

from pathlib import Path

import click

from hq.verbs import options, publish_list, publish_roles, publish_software
from hq.verbs.list_texts import share
from hq.verbs.publish_common import (
    FILE,
    date_of,
    json_option,
    key_option,
    lines_of,
    list_option,
    pair,
    passphrase_options,
    read_passphrase,
    removed_options,
    repo_argument,
    say,
    signed_rows,
    signers_of,
    wanted_rows,
)


@click.group("publish")
def command() -> None:
    """Sign lists and software for the posts, as a TUF repository in a folder.

    REPO/metadata and REPO/targets are what a post reads: copy both to a stick, or let a web server give them out.
    docs/distribution.md explains who holds which key.
    """


@command.command("key")
@click.argument("path", type=FILE, metavar="NAME.pem")
@passphrase_options
@json_option
def key(path: Path, ask: bool, passphrase_file: Path | None, as_json: bool) -> None:
    """Make one signing key: NAME.pem stays with its holder, NAME.pub goes to whoever keeps REPO.

    \b
    Try it:  borderpost-hq publish key keys/root-1.pem --passphrase
    """
    from hq.distribution import keys

    made = keys.create(path, passphrase=read_passphrase(ask, passphrase_file, confirm=True))
    say(as_json, {"private": str(path), "public": str(path.with_suffix(".pub")), "key_id": made.keyid},
         f"made {path} and {path.with_suffix('.pub')}, key id {made.keyid[:16]}")  # fmt: skip


@command.command("init")
@repo_argument
@click.option("--keys", "place", required=True, type=click.Path(path_type=Path, file_okay=False), help="Key folder.")
@click.option("--list", "lists", multiple=True, required=True, metavar="LISTID", help="A list; may be repeated.")
@passphrase_options
@json_option
def init(
    repo: Path, place: Path, lists: tuple[str, ...], ask: bool, passphrase_file: Path | None, as_json: bool
) -> None:  # fmt: skip
    """Begin a repository with a role and key for each list.

    Uses root-1..3, software-1..2, snapshot, timestamp and list-LISTID (.pub) from the key folder; what is not there is
    made. In earnest the holders of root, of software and of each list make their keys at home with `publish key` and
    send the .pub; what they must sign then waits for `publish sign`.

    \b
    Try it:  borderpost-hq publish init repo --keys keys --list un --list sltd
    """
    from hq.distribution import service
    from hq.distribution.folder import Folder

    word = read_passphrase(ask, passphrase_file, confirm=True)
    with Folder(repo, begins=True) as folder:
        begun = service.begin(folder, place, lists, now=options.now(), passphrase=word)
    lines = [f"made the key {name}" for name in begun.made]
    lines += [f"install {repo / 'metadata' / '1.root.json'} in every box" if begun.until else
              "next: the holders sign with `borderpost-hq publish sign`, then `publish timestamp`"]  # fmt: skip
    extra = {"made": list(begun.made), "until": begun.until}
    say(as_json, {**extra, "signed": signed_rows(begun.signed)}, *lines_of(begun.signed), *lines)


@command.command("add")
@repo_argument
@list_option
@click.option("--generation", required=True, type=click.IntRange(1), help="The generation that the files give.")
@click.option("--from", "start", default=0, type=click.IntRange(0), help="The one they start from; 0: a base.")
@click.option("--file", "files", multiple=True, required=True, metavar="NAME=PATH", help="May be repeated.")
@click.option("--as-of", required=True, metavar="DATE", help="How old the data are: YYYY-MM-DD or RFC 3339.")
@click.option("--records", type=click.IntRange(0), help="Records of the whole set afterwards.")
@click.option("--digest", default="", metavar="HEX", help="Digest of the whole set afterwards, 64 hex digits.")
@removed_options
@key_option
@passphrase_options
@json_option
def add(
    *, repo: Path, list_id: str, generation: int, start: int, files: tuple[str, ...], as_of: str,
    records: int | None, digest: str, max_removed: str, force: bool, key_files: tuple[Path, ...],
    ask: bool, passphrase_file: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Add a generation of a list: a base, or with --from a delta. Posts take it after `publish timestamp`.

    Deltas that no post of the last six months needs are dropped, once all that are needed are there
    (`publish wanted`).

    Exit code 1 if --records says that more than --max-removed of what was published last is left out, unless --force
    is given.

    \b
    Try it:  borderpost-hq publish add repo --list un --generation 1 --file documents.bin=un.bin
                 --as-of 2026-03-01 --key keys/list-un.pem
    """
    from edge.core.distribution import role_of
    from hq.distribution import history, publishing, shrinking
    from hq.distribution.folder import Folder
    from hq.distribution.repository import Repository

    edition = publishing.Edition(
        list_id, start, generation, date_of(as_of), dict(pair(f) for f in files), records or 0, digest
    )
    allowed = share(max_removed, "--max-removed")
    signers = signers_of(key_files, ask, passphrase_file)
    with Folder(repo) as folder:
        repository = Repository(folder, options.now())
        if records is not None:
            before = publishing.offer_of(list_id, repository.draft(role_of(list_id)))
            shrunk = shrinking.by_counts(before, generation, {shrinking.RECORDS: records})
            shrinking.check(shrunk, allowed, force=force)
        done = publishing.add(repository, [edition], signers)
        metadata = folder.latest(role_of(list_id)) if done.published else folder.waiting(role_of(list_id))
        assert metadata is not None
        lacking = history.missing(publishing.offer_of(list_id, metadata.signed), history.read(folder, list_id))
    after = [f"{len(lacking)} more to publish: see `borderpost-hq publish wanted`"] if lacking else []
    say(as_json, {"signed": signed_rows([done]), "wanted": wanted_rows(lacking)}, *lines_of([done]), *after)


@command.command("sign")
@repo_argument
@click.argument("role")
@key_option
@passphrase_options
@json_option
def sign(
    repo: Path, role: str, key_files: tuple[Path, ...], ask: bool, passphrase_file: Path | None, as_json: bool
) -> None:  # fmt: skip
    """Add signatures to a role that waits (root, targets, software, list-LISTID); it is published once it has enough.

    \b
    Try it:  borderpost-hq publish sign repo root --key /media/holder2/root-2.pem --passphrase
    """
    from hq.distribution.folder import Folder
    from hq.distribution.repository import Repository

    signers = signers_of(key_files, ask, passphrase_file)
    with Folder(repo) as folder:
        done = Repository(folder, options.now()).sign(role, signers)
    say(as_json, {"signed": signed_rows([done])}, *lines_of([done]))


@command.command("timestamp")
@repo_argument
@key_option
@passphrase_options
@json_option
def timestamp(
    repo: Path, key_files: tuple[Path, ...], ask: bool, passphrase_file: Path | None, as_json: bool
) -> None:  # fmt: skip
    """Sign what is published now, with the keys snapshot and timestamp: from now on posts take it, for 90 days.

    \b
    Try it:  borderpost-hq publish timestamp repo --key keys/snapshot.pem --key keys/timestamp.pem
    """
    from hq.distribution.folder import Folder
    from hq.distribution.repository import Repository

    signers = signers_of(key_files, ask, passphrase_file)
    with Folder(repo) as folder:
        until = Repository(folder, options.now()).stamp(signers)
        waiting = folder.all_waiting()
    notes = [f"still waiting for signatures: {', '.join(waiting)}"] if waiting else []
    say(as_json, {"until": until, "waiting": waiting}, f"posts take this until {until:%Y-%m-%d %H:%M} UTC", *notes)


for _verb in (publish_list.publish_list, publish_roles.wanted, publish_roles.rotate, publish_roles.delegate,
              publish_roles.status, publish_roles.sweep, publish_roles.parcel,
              publish_software.publish_software):  # fmt: skip
    command.add_command(_verb)
