"""What the configuration says of screening, as the screener that follows it."""

from __future__ import annotations

from edge.config import ScreeningConfig
from edge.core.screening import Screener

DAY_S = 86400.0


def screener(rules: ScreeningConfig) -> Screener:
    """Which lists are required (none named: all there are), how old each should be at most and how old it may be."""
    return Screener(
        required=frozenset(rules.required) or None,
        max_age_seconds=rules.max_age_days * DAY_S,
        max_age_seconds_of={name: days * DAY_S for name, days in rules.max_age_days_of.items()},
        warn_age_seconds=None if rules.warn_age_days is None else rules.warn_age_days * DAY_S,
        warn_age_seconds_of={name: days * DAY_S for name, days in rules.warn_age_days_of.items()},
    )
