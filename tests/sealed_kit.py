"""What the posts get of lists, for tests: sealed generations and keyed lists, made from sources."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path

from edge.core.keyed import card
from edge.core.vault import KeyRing
from edge.keyed_install import install_base
from hq import list_keys
from hq.build_options import BuildOptions, SourceSpec
from hq.publisher import build


def publish(out: Path, sources: Sequence[str], ring: KeyRing, keyed: Collection[str] = (), **more: object) -> None:
    """Have one generation of every list built at headquarters' ``out``; those of ``keyed`` become keyed lists."""
    options = BuildOptions(keyed=dict.fromkeys(keyed, ring), **more)  # type: ignore[arg-type]
    build(out, [SourceSpec.parse(s) for s in sources], now=datetime.now(UTC), options=options)


def bring(out: Path, lists: Path, ring: KeyRing) -> None:
    """Put what is newest below ``out`` into a box's lists folder: sealed copies, and bases with their cards."""
    list_keys.seal_newest(out, lists, ring)  # passes over keyed lists
    for told in sorted(out.glob(f"*/{card.FILE_NAME}")):
        folder = lists / told.parent.name
        folder.mkdir(parents=True, exist_ok=True)
        install_base(folder, folder.name, [max(told.parent.glob("base-*.sdl")).read_bytes()])
        shutil.copy(told, folder / card.FILE_NAME)
