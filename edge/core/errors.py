"""The root of every error that this project raises on purpose.

Laws: data never raises (ARCHITECTURE law 4), so an error is a fault of configuration, of the
environment or of a caller; every one carries an advice line that a technician can follow (law 11);
no error text holds personal data (law 9).
"""

from __future__ import annotations


class BorderpostError(Exception):
    """Something that stops an operation.

    ``message`` says what happened and where; ``advice`` is the next step, one line, imperative.
    """

    def __init__(self, message: str, *, advice: str) -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.message} ({self.advice})"


class LayoutError(BorderpostError):
    """The bytes of a list file break the layout."""

    def __init__(self, message: str) -> None:
        super().__init__(message, advice="publish the list again, or copy it again from headquarters")
