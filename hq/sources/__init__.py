"""Readers of source list formats: rows in, records and complaints out."""
