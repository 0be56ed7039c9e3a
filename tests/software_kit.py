"""Versions of the software as archives, and a base folder with one in use."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable
from pathlib import Path

from edge.software import trial

PLATFORM = "debian12-amd64"
Entry = tuple[str, bytes | str | None]  # name, content; text is where a link leads; None is a folder


def manifest(version: str, **other: object) -> bytes:
    return json.dumps({"version": version, "release": "debian12", "arch": "amd64", **other}).encode()


def entries(version: str, *more: Entry, **told: object) -> list[Entry]:
    return [
        (version, None), (f"{version}/bin", None),
        (f"{version}/bin/borderpost", f"#!/bin/sh\necho {version}\n".encode()),
        (f"{version}/bin/python3", "/usr/bin/python3"), (f"{version}/bin/python", "python3"),
        (f"{version}/version.json", manifest(version, **told)), *more,
    ]


def archive(path: Path, content: Iterable[Entry]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:xz", preset=0) as tar:
        for name, data in content:
            info = tarfile.TarInfo(name)
            if data is None:
                info.type, info.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(info)
            elif isinstance(data, str):
                info.type, info.linkname = tarfile.SYMTYPE, data
                tar.addfile(info)
            else:
                info.size, info.mode = len(data), 0o755 if "/bin/" in name else 0o644
                tar.addfile(info, io.BytesIO(data))
    return path


def installed(base: Path, version: str = "1.0") -> Path:
    """A base folder with that version in use."""
    place = base / "versions" / version
    (place / "bin").mkdir(parents=True)
    (place / "bin" / "borderpost").write_text(f"#!/bin/sh\necho {version}\n")
    (place / "bin" / "borderpost").chmod(0o755)
    (place / "version.json").write_bytes(manifest(version))
    trial.point(base, version)
    return base
