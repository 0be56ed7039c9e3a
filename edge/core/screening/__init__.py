"""Screening: a query and the lists on disk in, a verdict with reasons and coverage out."""

from __future__ import annotations

from edge.core.screening.by_person import ALERT, REVIEW, Thresholds
from edge.core.screening.lists import ScreenList
from edge.core.screening.query import FIELDS, Query
from edge.core.screening.screener import MAX_REASONS, Screener, prepare, screen

__all__ = [
    "ALERT", "FIELDS", "MAX_REASONS", "REVIEW", "Query", "ScreenList", "Screener", "Thresholds", "prepare", "screen",
]
