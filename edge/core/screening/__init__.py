"""Screening: a query and the lists on disk in, a verdict with reasons and coverage out."""

from __future__ import annotations

from edge.core.screening.by_person import ALERT, REVIEW, Thresholds
from edge.core.screening.lists import Facts, ScreenList, facts_of
from edge.core.screening.query import FIELDS, Query
from edge.core.screening.screener import MAX_REASONS, Screener, prepare, screen
from edge.core.screening.things import FIREARM_FIELDS, VEHICLE_FIELDS, ThingQuery

__all__ = [
    "ALERT", "FIELDS", "FIREARM_FIELDS", "MAX_REASONS", "REVIEW", "VEHICLE_FIELDS", "Facts", "Query", "ScreenList",
    "Screener", "ThingQuery", "Thresholds", "facts_of", "prepare", "screen",
]
