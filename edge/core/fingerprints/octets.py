"""A buffer that nobody vouches for, read front to back; every fault names the byte and the field.

Laws:
1. No read goes past the end of what was given; what is refused is a ``FingerError``, never another exception.
2. Numbers are big-endian and unsigned (ISO/IEC 19794-1:2011, 6.1).
3. A fault tells the field, the byte and the rule; never the content of a minutia or a pixel.
"""

from __future__ import annotations

from collections.abc import Container

from edge.core.fingerprints.model import FingerError

ADVICE = "ask the source for the file again, or extract the template from the image"


class Octets:
    """``data`` from byte ``at`` up to byte ``end``; ``what`` names the format in faults."""

    __slots__ = ("at", "data", "end", "what")

    def __init__(self, data: bytes, what: str, at: int = 0, end: int | None = None) -> None:
        self.data, self.what, self.at = data, what, at
        self.end = len(data) if end is None else end

    def fault(self, field: str, rule: str, at: int | None = None) -> FingerError:
        """The error for a field at byte ``at`` (or where reading stands)."""
        return FingerError(f"{self.what}, byte {self.at if at is None else at}, {field}: {rule}", advice=ADVICE)

    @property
    def left(self) -> int:
        """Bytes not read yet."""
        return self.end - self.at

    def take(self, count: int, field: str) -> bytes:
        """The next ``count`` bytes. Raises FingerError where fewer are left."""
        if count > self.end - self.at:
            raise self.fault(field, f"needs {count} bytes, {self.left} are left")
        begin = self.at
        self.at += count
        return self.data[begin : self.at]

    def number(self, size: int, field: str, low: int = 0, high: int | None = None) -> int:
        """An unsigned number of ``size`` bytes from ``low`` to ``high``. Raises FingerError."""
        begin = self.at
        value = int.from_bytes(self.take(size, field), "big")
        if value < low or (high is not None and value > high):
            rule = f"at least {low}" if high is None else f"{low} to {high}"
            raise self.fault(field, f"is {value}, may be {rule}", begin)
        return value

    def one_of(self, size: int, field: str, allowed: Container[int]) -> int:
        """An unsigned number of ``size`` bytes out of ``allowed``. Raises FingerError."""
        begin = self.at
        value = int.from_bytes(self.take(size, field), "big")
        if value not in allowed:
            raise self.fault(field, f"{value} is not a value of the standard", begin)
        return value

    def part(self, count: int, field: str) -> Octets:
        """The next ``count`` bytes as a reader of their own, which counts bytes of the whole file."""
        begin = self.at
        self.take(count, field)
        return Octets(self.data, self.what, begin, self.at)

    def done(self, field: str) -> None:
        """Nothing may be left. Raises FingerError."""
        if self.left:
            raise self.fault(field, f"{self.left} bytes too many")
