"""Exit codes of the box beyond those of every command (``common.command``)."""

from __future__ import annotations

from common.command import EXIT_CONFIG, EXIT_NO, guarded

EXIT_CREW = 70  # a thread that must not die has died (sysexits EX_SOFTWARE)

__all__ = ["EXIT_CONFIG", "EXIT_CREW", "EXIT_NO", "guarded"]
