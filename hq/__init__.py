"""Headquarters: sources, publisher, collector, store (command: borderpost-hq)."""
