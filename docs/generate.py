"""Writes docs/schemas/*.json and docs/asyncapi.json from the message types: ``python docs/generate.py``."""

from __future__ import annotations

import json
from pathlib import Path

from edge.core.wire import contract

HERE = Path(__file__).parent


def documents() -> dict[Path, str]:
    """Every generated file with its text."""
    files = {HERE / "schemas" / f"{name}.json": schema for name, schema in contract.schemas().items()}
    files[HERE / "asyncapi.json"] = contract.asyncapi()
    return {path: json.dumps(content, indent=2, sort_keys=True) + "\n" for path, content in files.items()}


if __name__ == "__main__":
    for path, text in documents().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
