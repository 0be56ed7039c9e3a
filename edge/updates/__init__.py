"""Signed lists and software from headquarters: verified, forward only, whole or not at all."""

from __future__ import annotations

from edge.updates.errors import CATALOGUE, UpdateError
from edge.updates.fetchers import DirFetcher, Fetcher
from edge.updates.marks import Mark, Marks, StateMarks
from edge.updates.reference import Reference, reference
from edge.updates.updater import ListOffer, Offered, Taken, Updates

__all__ = [
    "CATALOGUE", "DirFetcher", "Fetcher", "ListOffer", "Mark", "Marks", "Offered", "Reference", "StateMarks", "Taken",
    "UpdateError", "Updates", "reference",
]
