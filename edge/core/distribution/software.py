"""What a version of the software says of itself (``version.json`` in its folder), and the name of its file.

A version is published as a base of the role ``software``: one file for each platform, a rising generation, no deltas.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

MANIFEST: Final = "version.json"
MAX_MANIFEST: Final = 10_000  # bytes


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """``version.json``. ``needs_base``: the lowest number of the package (units, users, rules) that it runs with."""

    version: Annotated[str, msgspec.Meta(pattern=r"^[0-9][0-9a-z._]{0,39}$(?!\n)")]
    release: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]{1,20}$(?!\n)")]  # debian12
    arch: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]{1,20}$(?!\n)")]  # amd64
    python: str = ""
    needs_base: Annotated[int, msgspec.Meta(ge=0)] = 0

    @property
    def platform(self) -> str:
        """What it runs on: ``debian12-amd64``."""
        return f"{self.release}-{self.arch}"


def read_manifest(data: bytes) -> Manifest | None:
    """The manifest; None for what is none."""
    if len(data) > MAX_MANIFEST:
        return None
    try:
        return msgspec.json.decode(data, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def file_name(platform: str) -> str:
    """The file of a platform in the repository."""
    return f"{platform}.tar.xz"
