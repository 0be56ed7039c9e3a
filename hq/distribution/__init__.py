"""Signed distribution: headquarters' repository of lists and software, after The Update Framework (TUF)."""

from __future__ import annotations

from typing import Final

URGENT: Final = "urgent.parcel"  # below the repository: what `publish parcel --send` writes, and the collector sends
