"""``borderpost-provision acks``: headquarters' word on rows that came by stick, on its way back."""

from __future__ import annotations

from pathlib import Path

import click

from provisioning.verbs.options import (
    FILE,
    Words,
    above_option,
    authority_option,
    command_key_option,
    days_option,
    hand_out,
    issuer,
    opened,
    passphrase_option,
    stick_option,
    stream_option,
)

MAX_ACKS = 16 << 20  # bytes


@click.command("acks")
@click.argument("paths", type=FILE, metavar="FILE...", nargs=-1, required=True)
@authority_option
@stick_option
@days_option
@above_option
@command_key_option
@passphrase_option
@stream_option
def command(
    *, paths: tuple[Path, ...], root: Path, stick: Path | None, days: int, above: int, command_key: Path | None,
    word_files: tuple[str, ...], as_json: bool,
) -> None:  # fmt: skip
    """Seal acks into an envelope for each box that they are for.

    FILE is what `borderpost-hq import` wrote when it took rows.sealed. A box that was revoked gets none.

    \b
    Try it:  borderpost-provision acks acks.json --stick /media/BORDERPOST
    """
    import msgspec

    from edge.core import sealing
    from edge.core.acks import ACK_DOMAIN
    from edge.core.wire import AckPayload, Signed, WireError, decode
    from provisioning import files
    from provisioning.errors import AuthorityError
    from provisioning.ledger import REVOKED

    with opened(root) as (folder, ledger):
        key = sealing.sign_public_from_text(folder.package().ack_key)
        by_device: dict[str, list[Signed]] = {}
        for path in paths:
            advice = "give what `borderpost-hq import` wrote"
            try:
                for ack in msgspec.json.decode(files.read(path, MAX_ACKS, advice=advice), type=list[Signed]):
                    payload, signature = ack.parts()
                    if not sealing.verify(ACK_DOMAIN, payload, signature, key):
                        raise AuthorityError(f"{path}: not signed by headquarters' ack key", advice=advice)
                    by_device.setdefault(decode(payload, AckPayload).device, []).append(ack)
            except (msgspec.DecodeError, WireError) as error:
                raise AuthorityError(f"{path}: no acks", advice=advice) from error
        sign = issuer(folder, ledger, Words(word_files), command_key, days, above)
        for device, acks in sorted(by_device.items()):
            box = ledger.box(device)
            if box is None or box.state == REVOKED:
                click.echo(f"left out: {device} is {'revoked' if box else 'not known'}", err=True)
                continue
            hand_out(folder, sign.loose(device, {"acks.json": msgspec.json.encode(acks)}), stick, as_json)
