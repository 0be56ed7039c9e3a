"""Fingers at the box: galleries, the search over them, capture at a counter, and what they hand each other."""
