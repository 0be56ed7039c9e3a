"""``borderpost-hq publish list``: the newest generation of a list, with every delta that posts need."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import click

from hq.verbs import options
from hq.verbs.list_texts import share
from hq.verbs.publish_common import (
    json_option,
    key_option,
    lines_of,
    passphrase_options,
    removed_options,
    repo_argument,
    say,
    signed_rows,
    signers_of,
)


@click.command("list")
@repo_argument
@click.argument("list_id", metavar="LISTID")
@click.option("--from", "source", required=True, type=click.Path(path_type=Path, file_okay=False),
              help="The folder that `lists build` wrote (or `keys seal-lists`, for persons).")
@key_option
@click.option("--in-clear", is_flag=True, help="Publish persons or fingers that are not sealed.")
@options.ring_option
@options.config_option
@click.option("--whole", is_flag=True, help="Add the whole list too, for posts whose copy is damaged or another.")
@removed_options
@click.option("--change-kind", is_flag=True, help="Let a list become one of another kind.")
@passphrase_options
@json_option
def publish_list(
    *, repo: Path, list_id: str, source: Path, key_files: tuple[Path, ...], in_clear: bool, whole: bool,
    ring_path: Path | None, config_path: Path, max_removed: str, force: bool, change_kind: bool, ask: bool,
    passphrase_file: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Add the newest generation of LISTID below the folder, with every delta that a post of the last six months needs.

    All is added with one signature; posts take it after `publish timestamp`. Of a keyed list (documents, vehicles,
    firearms) keep the bases that are named as kept, of a gallery of fingers its older generations: later deltas are
    made from them. Of a sealed gallery deltas are made with --ring alone; without it the whole list is added.

    Exit code 1 if the generation leaves out more than --max-removed of what was published last, unless --force is
    given: of a keyed list records that are gone, of another as many as its counts fell.

    \b
    Try it:  borderpost-hq publish list repo sltd --from lists --key keys/list-sltd.pem
    """
    from edge.core.distribution import role_of
    from hq.distribution import editions, history, publishing, shrinking
    from hq.distribution.errors import PublishError
    from hq.distribution.folder import Folder
    from hq.distribution.repository import Repository

    allowed = share(max_removed, "--max-removed")
    ring = options.ring_of(config_path, ring_path)
    signers = signers_of(key_files, ask, passphrase_file)
    with Folder(repo) as folder:
        repository = Repository(folder, options.now())
        role = role_of(list_id)
        offer = publishing.offer_of(list_id, repository.draft(role))
        known = history.read(folder, list_id)
        work = Path(tempfile.mkdtemp(prefix=".deltas-", dir=repo))
        try:
            made = editions.prepare(
                source, list_id, offer, known, work, in_clear=in_clear, whole=whole, change_kind=change_kind,
                targets=folder.targets, ring=ring,
                judge=lambda found: shrinking.check(found, allowed, force=force),
                progress=lambda text: click.echo(text, err=True),
            )
            done = publishing.add(repository, made.editions, signers, begins=made.begins) if made.editions else None
        except OSError as error:
            raise PublishError(f"{repo}: {error.strerror}", advice="check its rights and free space") from error
        finally:
            shutil.rmtree(work, ignore_errors=True)
    steps = [{"from": e.start, "to": e.to} for e in made.editions]
    unmade = [{"from": start, "to": to, "why": why} for start, to, why in made.unmade]
    value = {
        "list": list_id, "kind": made.kind, "generation": made.generation, "as_of": made.as_of,
        "records": made.records, "steps": steps,
        "unmade": unmade, "kept_bases": list(made.kept), "signed": signed_rows([done] if done else []),
    }
    if done is None:
        say(as_json, value, f"{list_id}: generation {made.generation} is published already")
        return
    deltas = sum(bool(e.start) for e in made.editions)
    base = ", the whole list" if any(not e.start for e in made.editions) else ""
    lines = [f"{list_id} ({made.kind}): generation {made.generation} of {made.as_of:%Y-%m-%d}, {made.records:,} "
             f"records: {deltas} delta(s){base}"]  # fmt: skip
    lines += [f"no delta from {start} to {to}: {why}" for start, to, why in made.unmade]
    if made.kept:
        what = "generations" if made.kind == "gallery" else "bases"
        lines.append(f"keep the {what} {', '.join(map(str, made.kept))}: later deltas are made from them")
    after = f"publish timestamp {repo} --key snapshot.pem --key timestamp.pem" if done.published else \
        f"publish sign {repo} {role} --key FILE"
    say(as_json, value, *lines, *lines_of([done]), f"next: borderpost-hq {after}")
