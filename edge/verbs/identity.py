"""``borderpost identity``: who this box is."""

from __future__ import annotations

from pathlib import Path

import click

from edge.enrol.places import NATIONAL, STATE
from edge.verbs.options import json_option


@click.command("identity")
@click.option("--state", type=click.Path(path_type=Path), default=STATE, envvar="BORDERPOST_STATE", show_default=True,
              help="The box's state folder.")
@click.option("--national", type=click.Path(path_type=Path), default=NATIONAL, show_default=True,
              help="Whom the box obeys.")
@json_option
def command(state: Path, national: Path, as_json: bool) -> None:
    """Show serial number, device, site, the code of a pending request, and the certificate's end.

    Looks only, whether the box runs or not; as the box's user or as root. Exit code 1 if the box has no keys yet.

    \b
    Try it:  borderpost identity
    The code is what headquarters asks for over the phone.
    """
    import msgspec

    from edge.enrol.looking import look

    found = look(state.absolute(), national)
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    for line in lines(found):
        click.echo(line)


def lines(found: dict[str, object]) -> list[str]:
    """One fact a line."""
    text = [f"serial       {found['serial']}"]
    text.append(f"device       {found['device'] or 'none: not enrolled'}  {found['site']}".rstrip())
    text.append(f"number       {found['sequence']}")
    if found["certificate_until"]:
        text.append(f"certificate  until {str(found['certificate_until'])[:10]}")
    if found["pending"]:
        text.append(f"             {found['pending']}")
    if found["code"]:
        text.append(f"code         {found['code']}")
        text.append("             read it to headquarters, they sign for it")
    return text
