"""What can go wrong while publishing."""

from __future__ import annotations

from edge.core.errors import BorderpostError


class PublishError(BorderpostError):
    """Something was not published; what had been published stands as before."""
