"""The command ``borderpost-hq``: one verb a file below hq/verbs, imported only when it is used."""

from __future__ import annotations

import importlib
import sys

import click

from hq.errors import guarded

VERBS = {
    "run": "collect what the posts send, and answer for it with a signature",
    "watch": "hits as they arrive, opened with the private key",
    "status": "the posts: online, offline or silent, and what is missing",
    "alarms": "what needs a person, and marking it done",
    "lists": "make watchlist generations for the posts",
    "keys": "make headquarters' key pairs",
}


class LazyVerbs(click.Group):
    """Imports a verb's module when the verb is named, so that each starts fast."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Verbs in the order of the table above."""
        return list(VERBS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb's click command, or None for an unknown word."""
        if cmd_name not in VERBS:
            return None
        command = importlib.import_module(f"hq.verbs.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs without importing any."""
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


@click.group(cls=LazyVerbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="borderpost")
def headquarters() -> None:
    """Headquarters of the border posts: collects passages, shows hits, watches over the posts.

    Start with `borderpost-hq keys create --out keys`, then `borderpost-hq run --config hq.toml`.
    """


def main() -> None:
    """Entry point of the console script."""
    sys.exit(guarded(lambda: headquarters(standalone_mode=False)))
