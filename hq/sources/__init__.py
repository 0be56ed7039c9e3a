"""Readers of what lists come from: one file a format, each streaming rows as entries or complaints."""
