"""A command with verbs: each verb's module imported when it is named, errors as two lines and an exit code.

Exit codes: 0 done; 1 the answer is no (a check failed, a passage was not found); 2 wrong usage; 78 the
configuration is wrong (sysexits EX_CONFIG: systemd is told not to restart on it); 130 stopped by Ctrl-C;
141 whoever read the output went away (as SIGPIPE would end a command: it is not said to have finished).
"""

from __future__ import annotations

import contextlib
import importlib
import keyword
import os
import sys
from collections.abc import Callable
from typing import Any

import click

from common.settings import ConfigError
from edge.core.errors import BorderpostError

EXIT_NO = 1
EXIT_CONFIG = 78
EXIT_STOPPED = 130
EXIT_PIPE = 141


class LazyVerbs(click.Group):
    """Imports a verb when it is named, so that each starts fast.

    ``verbs`` maps a verb to its one line of help, ``package`` holds a module of that name for each (``import_`` for
    a word of Python), and every module its click command as ``command``.
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
        module = f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name
        command = importlib.import_module(f"{self._package}.{module}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the verbs without importing any."""
        with formatter.section("Verbs"):
            formatter.write_dl(list(self._verbs.items()))


def guarded(command: Callable[[], object]) -> int:
    """Run a click command; a BorderpostError becomes two lines on standard error (what, next) and an exit code.

    Output that cannot be written, also what is still in its buffer, ends the same way.
    """
    if not _open_streams():
        return _fail(_unwritable("it is closed"))
    try:
        code = _run(command)
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_output()
        return EXIT_PIPE
    except OSError as error:
        if not _output_fails():
            raise  # another file's fault that its verb does not know of: a bug is not hidden
        _drop_output()
        return _fail(_unwritable(error.strerror or str(error)))
    return code


def _unwritable(why: str) -> BorderpostError:
    return BorderpostError(
        f"the output cannot be written: {why}", advice="send it where there is room (>/dev/null throws it away)"
    )


def _run(command: Callable[[], object]) -> int:
    streams = sys.stdout, sys.stderr
    try:
        command()
    except BorderpostError as error:
        return _fail(error)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        sys.stderr.write("stopped\n")
        return EXIT_STOPPED
    except SystemExit as stop:
        if sys.stdout is not streams[0]:  # click's answer to a broken pipe: it wraps them and exits with 1
            sys.stdout, sys.stderr = streams
            raise BrokenPipeError from None
        return stop.code if isinstance(stop.code, int) else EXIT_NO if stop.code else 0
    return 0


def _fail(error: BorderpostError) -> int:
    with contextlib.suppress(OSError):
        sys.stderr.write(f"error: {error.message}\nnext:  {error.advice}\n")
    return EXIT_CONFIG if isinstance(error, ConfigError) else EXIT_NO


def _open_streams() -> bool:
    """Python has None for a stream that was closed before it started: put an empty one; False for the output.

    In this order, because each takes the lowest descriptor that is free: no other file may come to stand there.
    """
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115, PTH123 - stays open
    closed = sys.stdout is None
    if closed:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
    return not closed


def _output_fails() -> bool:
    try:
        sys.stdout.write("\n")
        sys.stdout.flush()
    except OSError:
        return True
    return False


def _drop_output() -> None:
    """What is still in the buffer goes nowhere: else Python tries once more at its end, and complains."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
