"""The machine-readable zone of travel documents (ICAO Doc 9303 parts 3 to 7, and the French card of 1988).

``parse(lines, today=…)`` gives a ``TravelDocument``: fields as printed, dates as intervals, findings
with line and column, corrections that the check digits bear out. It never raises on data.

    >>> from datetime import date
    >>> document = parse(
    ...     ["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
    ...      "L898902C36UTO7408122F1204159ZE184226B<<<<<10"], today=date(2012, 1, 1))
    >>> document.format, document.valid, document.fields.surname, str(document.birth_date)
    ('TD3', True, 'ERIKSSON', '1974-08-12')

This package contains no I/O, no clock and no randomness. Where to look: ``layouts`` (where fields
stand), ``verify`` (check digits), ``findings`` (every doubt and its weight), ``dates``,
``name_field``, ``corrections``, ``number_readings``; ``compose`` writes zones.
"""

from __future__ import annotations

from edge.core.mrz.digits import check_digit
from edge.core.mrz.number_readings import look_alikes, readings
from edge.core.mrz.parser import parse

__all__ = ["check_digit", "look_alikes", "parse", "readings"]
