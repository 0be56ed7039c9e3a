"""Watchlists as bytes: entries in, one immutable buffer out, questions asked of the buffer.

Pure code over buffers. ``hq.publisher`` writes the files, ``edge.watchlists`` reads them, nobody else.
"""

from __future__ import annotations

from edge.core.watch.documents import DocumentRecord, DocumentTable
from edge.core.watch.documents_build import DocumentBuilder, build_documents
from edge.core.watch.entries import DocumentEntry, EntryName, PersonEntry
from edge.core.watch.layout import LayoutError, letter_mask, normal_number, skeleton_hash
from edge.core.watch.manifest import FileDigest, Lost, Manifest, Policy, Records, Thresholds
from edge.core.watch.persons import ListedName, PersonName, PersonRecord, PersonTable
from edge.core.watch.persons_build import PersonBuilder, build_persons

__all__ = [
    "DocumentBuilder",
    "DocumentEntry",
    "DocumentRecord",
    "DocumentTable",
    "EntryName",
    "FileDigest",
    "LayoutError",
    "ListedName",
    "Lost",
    "Manifest",
    "PersonBuilder",
    "PersonEntry",
    "PersonName",
    "PersonRecord",
    "PersonTable",
    "Policy",
    "Records",
    "Thresholds",
    "build_documents",
    "build_persons",
    "letter_mask",
    "normal_number",
    "skeleton_hash",
]
