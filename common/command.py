"""A command with verbs: each verb's module imported when it is named, errors as two lines and an exit code.

Exit codes: 0 done; 1 the answer is no (a check failed, a passage was not found); 2 wrong usage; 78 the
configuration is wrong (sysexits EX_CONFIG: systemd is told not to restart on it); 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any

import click

from common.settings import ConfigError
from edge.core.errors import BorderpostError

EXIT_NO = 1
EXIT_CONFIG = 78
EXIT_STOPPED = 130


class LazyVerbs(click.Group):
    """Imports a verb when it is named, so that each starts fast.

    ``verbs`` maps a verb to its one line of help, ``package`` holds a module of that name for each, and every
    module its click command as ``command``.
    """

    def __init__(self, *args: Any, verbs: dict[str, str], package: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._verbs, self._package = verbs, package

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The verbs in their own order."""
        return list(self._verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The verb's click command, or None for an unknown word."""
        if cmd_name not in self._verbs:
            return None
        command = importlib.import_module(f"{self._package}.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the verbs without importing any."""
        with formatter.section("Verbs"):
            formatter.write_dl(list(self._verbs.items()))


def guarded(command: Callable[[], object]) -> int:
    """Run a click command; a BorderpostError becomes two lines on standard error (what, next) and an exit code."""
    try:
        command()
    except BorderpostError as error:
        sys.stderr.write(f"error: {error.message}\nnext:  {error.advice}\n")
        return EXIT_CONFIG if isinstance(error, ConfigError) else EXIT_NO
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        sys.stderr.write("stopped\n")
        return EXIT_STOPPED
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else EXIT_NO if stop.code else 0
    return 0
