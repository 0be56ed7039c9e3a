"""Signed distribution: headquarters' repository of lists and software, after The Update Framework (TUF)."""
