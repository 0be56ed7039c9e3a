"""Of which kind a list's folder at headquarters is: keyed (bases), watch (generations of documents and persons), or
gallery (generations of fingers).

Laws:
1. A list stays of one kind: what a post has of it would otherwise be replaced by something that leads on from nothing.
   A build that would make the other kind beside it is refused; which to take is a person's word.
2. A folder that holds several is of the kind that has the newest generation, as on a box.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from edge.core.watch import manifest as manifests
from hq.build_options import BuildError

Kind = Literal["keyed", "watch", "gallery"]
KEYED: Final = "keyed"
WATCH: Final = "watch"
GALLERY: Final = "gallery"
WORDS: Final[Mapping[Kind, str]] = {
    KEYED: "a keyed list", WATCH: "generations of documents and persons", GALLERY: "a gallery of fingers",
}  # fmt: skip

_BASE: Final = re.compile(r"base-([0-9]{10})\.sdl")


@dataclass(frozen=True, slots=True)
class Held:
    """What a list's folder holds: bases by generation, and the generations of the other kinds in their order."""

    bases: Mapping[int, Path]
    watch: tuple[int, ...]
    galleries: tuple[int, ...] = ()

    @property
    def newest_base(self) -> int:
        """0 for none."""
        return max(self.bases, default=0)

    @property
    def newest_watch(self) -> int:
        """0 for none."""
        return max(self.watch, default=0)

    @property
    def newest_gallery(self) -> int:
        """0 for none."""
        return max(self.galleries, default=0)

    @property
    def kind(self) -> Kind | None:
        """Of the newest generation; None for a folder that holds none."""
        newest: dict[Kind, int] = {KEYED: self.newest_base, WATCH: self.newest_watch, GALLERY: self.newest_gallery}
        kind = max(newest, key=lambda one: newest[one])  # of two the first: keyed before the others
        return kind if newest[kind] else None


def held(folder: Path) -> Held:
    """What is there. Raises ``OSError``."""
    paths = sorted(folder.iterdir())
    bases = {int(found[1]): path for path in paths if (found := _BASE.fullmatch(path.name))}
    watch: list[int] = []
    galleries: list[int] = []
    for path in paths:
        if generation := manifests.generation_of(path.name):
            (galleries if (path / manifests.GALLERY).exists() else watch).append(generation)
    return Held(bases, tuple(watch), tuple(galleries))


def check_kinds(
    out: Path, list_ids: Iterable[str], keyed: Collection[str], galleries: Collection[str] = ()
) -> None:  # fmt: skip
    """Refuse a build that would make the other kind of what stands below ``out`` (law 1). Raises ``BuildError``."""
    for list_id in list_ids:
        folder = out / list_id
        try:
            found = held(folder)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise BuildError(f"{folder} cannot be read: {error.strerror}", advice="check its rights") from error
        wanted: Kind = KEYED if list_id in keyed else GALLERY if list_id in galleries else WATCH
        if found.kind is not None and GALLERY in (wanted, found.kind) and wanted != found.kind:
            raise BuildError(
                f"{folder} holds {WORDS[found.kind]}, and this build would put {WORDS[wanted]} beside it",
                advice="give the list another id, KIND@LISTID:PATH; or give another --out",
            )
        if list_id not in keyed and found.bases:
            raise BuildError(
                f"{folder} holds {WORDS[KEYED]}, and this build would put {WORDS[WATCH]} beside it",
                advice=f"give its key, --keyed {list_id}=RING; or give another --out",
            )
        if list_id in keyed and found.kind == WATCH:
            name = manifests.folder_name(found.newest_watch)
            raise BuildError(
                f"{folder} holds {WORDS[WATCH]}, and this build would put {WORDS[KEYED]} beside it",
                advice=f"leave out --keyed {list_id}, or give another --out with --generation "
                f"{found.newest_watch + 1}; a generation made by mistake may be removed ({name})",
            )
