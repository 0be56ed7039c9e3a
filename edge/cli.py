"""The command ``borderpost``: one verb a file below edge/verbs, imported only when it is used."""

from __future__ import annotations

import importlib
import sys

import click

from edge.errors import guarded

VERBS = {
    "run": "run the box: readers, counters, journal, uplink",
    "counter": "the officer's view: verdicts as they come",
    "close": "end a HIT or POSSIBLE with an outcome code",
    "passages": "what passed, newest first",
    "status": "readers, lists, outbox, link, clock",
    "doctor": "check this box and say what to do",
    "screen": "screen lines or fields against lists",
    "mrz": "read a machine-readable zone and explain it",
    "lists": "look into list generations",
    "audit": "verify the chain of the audit log",
}


class LazyVerbs(click.Group):
    """Imports a verb's module when the verb is named, so that each starts fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Verbs in the order of the table above."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """The verb's click command, or None for an unknown word."""
        if cmd_name not in VERBS:
            return None
        command = importlib.import_module(f"edge.verbs.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """List the verbs without importing any."""
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


@click.group(cls=LazyVerbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="borderpost")
def borderpost() -> None:
    """The box of a border post: reads travel documents, screens them, records and reports.

    A verdict is a lead that a person confirms, never a judgement. Start with `borderpost doctor`.
    """


def main() -> None:
    """Entry point of the console script."""
    sys.exit(guarded(lambda: borderpost(standalone_mode=False)))
