"""``borderpost audit``: is the chain of the audit log whole?"""

from __future__ import annotations

from pathlib import Path

import click

from edge.verbs.options import config_option, json_option


@click.group("audit")
def command() -> None:
    """Verify the hash chain in which every passage, closing and drop is a link."""


@command.command("verify")
@config_option
@json_option
def verify(config_path: Path, as_json: bool) -> None:
    """Walk the chain from its first row; exit code 1 and the first bad row if it is broken.

    A row that was edited, removed from the middle or put elsewhere shows. A chain cut at its end shows against
    the head that headquarters was last told (audit_head in `borderpost-hq status --json`).
    """
    from dataclasses import asdict

    import msgspec

    from edge import config
    from edge.errors import EXIT_NO
    from edge.journal import read_only

    settings = config.load(config_path)
    with read_only(Path(settings.box.state_dir) / "journal.sqlite") as journal:
        check = journal.verify_audit()
    if as_json:
        click.echo(msgspec.json.encode({"sound": check.sound, **asdict(check)}))
    elif check.sound:
        click.echo(f"the chain is whole: {check.rows} rows, head {check.head}")
    else:
        click.echo(f"the chain is broken at row {check.first_bad}: {check.problem}")
    if not check.sound:
        raise SystemExit(EXIT_NO)
