"""Passport readers and other devices; knows nothing of the rooms above."""
