"""``borderpost-provision reset``: a box forgets everything."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import click

from provisioning.verbs.options import (
    FOLDER,
    Words,
    above_option,
    authority_option,
    command_key_option,
    json_option,
    now,
    opened,
    passphrase_option,
    say_json,
)


@click.command("reset")
@click.argument("name", metavar="BOX")
@authority_option
@click.option("--stick", type=FOLDER, metavar="DIR", required=True, help="Where the stick is mounted, or any folder.")
@click.option("--lose-rows", is_flag=True, help="Also if the box holds passages that headquarters has not acked.")
@click.option("--days", type=click.IntRange(1, 365), default=30, show_default=True, help="How long it may be used.")
@above_option
@command_key_option
@passphrase_option
@json_option
def command(
    *, name: str, root: Path, stick: Path, lose_rows: bool, days: int, above: int, command_key: Path | None,
    word_files: tuple[str, ...], as_json: bool,
) -> None:  # fmt: skip
    """Sign a reset for BOX (serial or device id): it destroys its keys and everything it holds.

    Passages that nobody acked are written to the stick first, sealed; without --lose-rows the box refuses while there
    are any. Its numbers and its audit head stay, so that nothing old is ever played to it again. Afterwards it has
    new keys: revoke the old ones (`show` reminds of it), and enrol it like a new box (`replace`). A box that was
    revoked is reset as well: that is its way back.

    \b
    Try it:  borderpost-provision reset north-gate-1 --stick /media/BORDERPOST
    """
    from common.times import rfc3339
    from edge.core.provisioning.papers import Reset
    from edge.core.provisioning.signing import sign_paper
    from provisioning import keyfiles
    from provisioning.folder import OFFICE
    from provisioning.ledger import REVOKED
    from provisioning.stick_tree import RESET, StickTree

    words, at = Words(word_files), now()
    with opened(root) as (folder, ledger):
        box = ledger.known(name, revoked=True)
        key = (
            keyfiles.sign_key(command_key, words(command_key.stem)) if command_key
            else folder.sign_key("command", words(OFFICE))
        )
        with ledger.store.writing():
            sequence = ledger.next_sequence(box.serial, above=above)
            paper = Reset(
                country=ledger.country, serial=box.serial, device_key=box.device_key, sequence=sequence, created=at,
                expires=at + timedelta(days=days), lose_rows=lose_rows,
            )  # fmt: skip
            data = sign_paper(paper, key)
            ledger.note("reset", at, serial=box.serial, number=sequence, until=paper.expires, data=data,
                        detail="loses rows" if lose_rows else "")  # fmt: skip
    place = StickTree(stick).write(RESET, f"{box.serial}.reset", data)
    if as_json:
        say_json({"serial": box.serial, "device": box.device, "sequence": sequence, "expires": rfc3339(paper.expires),
                  "lose_rows": lose_rows, "file": str(place)})  # fmt: skip
        return
    click.echo(f"{box.device or box.serial}: reset {sequence}, until {paper.expires:%Y-%m-%d}, {place}")
    then = "enrol it like a new box" if box.state == REVOKED else f"borderpost-provision revoke {box.serial}"
    click.echo(f"next: the stick into that box; when its result says BP-106: {then}", err=True)
