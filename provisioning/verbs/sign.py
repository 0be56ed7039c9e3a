"""``borderpost-provision sign``: the full envelope for a box."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from provisioning.verbs.options import (
    Words,
    above_option,
    authority_option,
    code_option,
    command_key_option,
    days_option,
    hand_out,
    issuer,
    json_option,
    opened,
    passphrase_option,
    ring_of,
    ring_options,
    say_json,
    stick_option,
)

if TYPE_CHECKING:
    from edge.core.provisioning.request import CheckedRequest
    from provisioning.folder import AuthorityFolder
    from provisioning.ledger import Ledger


@click.command("sign")
@click.argument("what", metavar="[REQUEST|BOX]", required=False)
@authority_option
@stick_option
@code_option
@click.option("--site", default="", metavar="SITE", help="Where the box stands [default: what its claim says].")
@click.option("--device", default="", metavar="ID", help="Its device id [default: SITE-N].")
@click.option("--hold", is_flag=True, help="Only keep its keys: sign for it later, by its serial, with --site.")
@click.option("--again", is_flag=True, help="Copy BOX's newest envelope once more; nothing is signed.")
@ring_options
@days_option
@above_option
@command_key_option
@passphrase_option
@json_option
def command(
    *, what: str | None, root: Path, stick: Path | None, code: str, site: str, device: str, hold: bool, again: bool,
    ring_path: Path | None, seal_key: Path | None, sealed_ring: Path | None, days: int, above: int,
    command_key: Path | None, word_files: tuple[str, ...], as_json: bool,
) -> None:  # fmt: skip
    """Answer a box: certificate, configuration of its site, keys of lists, all sealed to it and numbered.

    REQUEST is request.json as the box wrote it (or its folder); left out, it is the one request on the stick. A box
    whose keys headquarters does not hold is answered only with the code that somebody reads from the box itself by
    telephone. BOX is a serial or device id that is known: it gets its configuration anew, without a code.

    \b
    Try it:  borderpost-provision sign --stick /media/BORDERPOST --code ABCD-EFGH-IJKL-MNOP
             borderpost-provision sign north-gate-1 --stick /media/BORDERPOST
    """
    words = Words(word_files)
    with opened(root) as (folder, ledger):
        if again:
            _copy(folder, ledger, what or "", stick, as_json)
            return
        asked = _request(what, stick)
        if asked is None and hold:
            raise click.UsageError("--hold wants a request")
        ring = ring_of(ring_path, seal_key, sealed_ring, words)
        sign = issuer(folder, ledger, words, command_key, days, above)
        if asked is None:
            hand_out(folder, sign.full(what or "", site=site, device=device, ring=ring), stick, as_json)
        elif hold:
            box = sign.hold(asked, code)
            if as_json:
                say_json({"serial": box.serial, "state": box.state})
            else:
                click.echo(f"holding the keys of {box.serial}; next: sign {box.serial} --site SITE --stick DIR")
        else:
            hand_out(folder, sign.answer(asked, code, site=site, device=device, ring=ring), stick, as_json)


def _request(what: str | None, stick: Path | None) -> CheckedRequest | None:
    """The request that is meant; None for a box by its name."""
    from edge.core.provisioning.request import read_request
    from provisioning import stick_tree

    if what is not None:
        path = Path(what)
        if not path.exists() and "/" not in what and not what.endswith(".json"):
            return None
        return read_request(stick_tree.read_request(path))
    if stick is None:
        raise click.UsageError("name a request or a box, or give --stick with a request on it")
    return read_request(stick_tree.read_request(stick_tree.StickTree(stick).request()))


def _copy(folder: AuthorityFolder, ledger: Ledger, name: str, stick: Path | None, as_json: bool) -> None:
    from edge.core.provisioning.papers import MAX_ENVELOPE
    from provisioning import files
    from provisioning.stick_tree import PROV, StickTree

    if stick is None:
        raise click.UsageError("--again wants BOX and --stick DIR")
    box = ledger.known(name)
    data = files.read(folder.issued(box.serial, box.sequence), MAX_ENVELOPE, advice="sign a new one")
    place = StickTree(stick).write(PROV, f"{box.serial}.prov", data)
    if as_json:
        say_json({"serial": box.serial, "device": box.device, "sequence": box.sequence, "file": str(place)})
    else:
        click.echo(f"{box.device}: envelope {box.sequence} once more, {place}")
