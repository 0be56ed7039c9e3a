"""Headquarters' errors and how they reach a person at the command line.

Exit codes: 0 done; 1 the answer is no; 2 wrong usage; 78 the configuration is wrong (sysexits
EX_CONFIG); 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import click

from edge.core.errors import BorderpostError

EXIT_NO = 1
EXIT_CONFIG = 78
EXIT_STOPPED = 130


class ConfigError(BorderpostError):
    """hq.toml is absent, unreadable or wrong; the message names the file and the key's path."""


class KeyFileError(BorderpostError):
    """A key file is absent, unreadable, locked by a passphrase, or already there."""


class StoreError(BorderpostError):
    """Headquarters' database cannot be opened, or is not one."""


def guarded(command: Callable[[], object]) -> int:
    """Run a click command; an error becomes two lines on standard error (what, next) and an exit code."""
    try:
        command()
    except BorderpostError as error:
        sys.stderr.write(f"error: {error.message}\nnext:  {error.advice}\n")
        return EXIT_CONFIG if isinstance(error, ConfigError) else EXIT_NO
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        return EXIT_STOPPED
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else EXIT_NO
    return 0
