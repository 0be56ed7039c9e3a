"""What headquarters publishes and a box takes: names, descriptions, and the way from one generation to the next."""

from __future__ import annotations

from edge.core.distribution.offers import Offer, OfferedFile, OfferError, Part, Step, read_offer
from edge.core.distribution.plan import CARD, MAX_FILES, Plan, Way, plan
from edge.core.distribution.targets import (
    PART_BYTES,
    SOFTWARE,
    Described,
    list_of,
    role_of,
    target_path,
)

__all__ = [
    "CARD", "MAX_FILES", "PART_BYTES", "SOFTWARE", "Described", "Offer", "OfferError", "OfferedFile", "Part", "Plan",
    "Step", "Way", "list_of", "plan", "read_offer", "role_of", "target_path",
]
