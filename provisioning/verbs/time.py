"""``borderpost-provision time``: what time it is, for boxes that do not know."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provisioning.verbs.options import (
    FILE,
    FOLDER,
    Words,
    authority_option,
    command_key_option,
    json_option,
    now,
    opened,
    passphrase_option,
    say_json,
)

if TYPE_CHECKING:
    from edge.core.sealing import SignPrivate
    from provisioning.folder import AuthorityFolder


@click.command("time")
@authority_option
@click.option("--stick", type=FOLDER, metavar="DIR", required=True, help="Where the stick is mounted, or any folder.")
@click.option("--root", "roots", type=FILE, multiple=True, metavar="ROOT.pem", help="Sign with root keys: it may leap.")
@click.option("--lower", is_flag=True, help="The time of boxes may go back too; wants root keys.")
@click.option("--at", metavar="DATE", help="Another time than this machine's (RFC 3339); wants root keys.")
@command_key_option
@passphrase_option
@json_option
def command(
    *, root: Path, stick: Path, roots: tuple[Path, ...], lower: bool, at: str | None, command_key: Path | None,
    word_files: tuple[str, ...], as_json: bool,
) -> None:  # fmt: skip
    """Sign a word of time and put it on a stick.

    Signed with the command key it moves a box's time forward by at most 30 days a step. A box whose time stands
    years ahead, or must leap, needs the root holders: as many --root keys as the national package says.
    Look at this machine's clock first: boxes will believe it.

    \b
    Try it:  borderpost-provision time --stick /media/BORDERPOST
    """
    from common.times import rfc3339
    from edge.core.provisioning.papers import MAX_STEP, TimeWord
    from edge.core.provisioning.signing import sign_paper
    from provisioning import keyfiles
    from provisioning.errors import LedgerError
    from provisioning.folder import OFFICE
    from provisioning.stick_tree import TIME, StickTree

    if not roots and (lower or at):
        raise click.UsageError("--lower and --at want root keys: --root ROOT.pem")
    words, present = Words(word_files), now()
    said = _time(at) if at else present
    with opened(root) as (folder, ledger):
        if roots:
            keys = _roots(folder, roots, words)
        elif command_key:
            keys = [keyfiles.sign_key(command_key, words(command_key.stem))]
        else:
            keys = [folder.sign_key("command", words(OFFICE))]
        with ledger.store.writing():
            if roots and lower:
                ledger.begin_anew("time", said)  # boxes do the same when they take it
            number = ledger.next_number("time_root" if roots else "time", present)
            if not roots and number > int(said.timestamp()) + MAX_STEP:
                raise LedgerError(
                    f"word {number} is numbered too far ahead of the clock: no box takes it",
                    advice="this clock, or the one before it, was wrong; two root holders: --root twice and --lower",
                )
            data = sign_paper(TimeWord(country=ledger.country, time=said, lower=lower, number=number), *keys)
            detail = f"{rfc3339(said)} by {'root' if roots else 'command'}{', lower' if lower else ''}"
            ledger.note("time", present, number=number, data=data, detail=detail)
    place = StickTree(stick).write(TIME, f"{number}.time", data)
    if as_json:
        say_json({"time": rfc3339(said), "number": number, "lower": lower, "root": bool(roots), "file": str(place)})
    else:
        click.echo(f"{place}: it is {rfc3339(said)}, signed by {'the roots' if roots else 'the command key'}")


def _roots(folder: AuthorityFolder, paths: tuple[Path, ...], words: Words) -> list[SignPrivate]:
    from edge.core import sealing
    from provisioning import keyfiles
    from provisioning.errors import AuthorityError

    package = folder.package()
    loaded = [keyfiles.sign_key(path, words(path.stem)) for path in paths]
    keys = {sealing.public_to_text(key.public_key()): key for key in loaded}
    if set(keys) - set(package.root_keys):
        raise AuthorityError("one of the keys is no root key of the national package", advice="see `show keys`")
    if len(keys) < package.root_threshold:
        raise AuthorityError(
            f"{len(keys)} root keys sign, {package.root_threshold} must", advice="bring another holder"
        )
    return list(keys.values())


def _time(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.UsageError("--at is not YYYY-MM-DD or RFC 3339") from error
    return (found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)).replace(microsecond=0)
