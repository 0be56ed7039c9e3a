"""How errors reach a person at the command line, and the exit codes.

Exit codes: 0 done; 1 the answer is no (a check failed, a passage was not found); 2 wrong usage;
70 a thread that must not die has died; 78 the configuration is wrong (sysexits EX_CONFIG: systemd is
told not to restart on it).
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import click

from edge.config import ConfigError
from edge.core.errors import BorderpostError

EXIT_NO = 1
EXIT_CREW = 70
EXIT_CONFIG = 78


def guarded(command: Callable[[], object]) -> int:
    """Run a click command; a BorderpostError becomes two lines on standard error and an exit code."""
    try:
        command()
    except ConfigError as error:
        return _say(error, EXIT_CONFIG)
    except BorderpostError as error:
        return _say(error, EXIT_NO)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        sys.stderr.write("stopped\n")
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 1
    return 0


def _say(error: BorderpostError, code: int) -> int:
    sys.stderr.write(f"error: {error.message}\nnext:  {error.advice}\n")
    return code
