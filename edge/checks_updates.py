"""The doctor's look at updates: the root file, the sources, and what the last update refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from edge.checks import Check, Grade
from edge.config import Config
from edge.update_report import last

MAX_ROOT = 512_000  # bytes


class _Signed(msgspec.Struct):
    type: str = msgspec.field(name="_type")


class _Root(msgspec.Struct):
    signed: _Signed


def updates(config: Config) -> Iterator[Check]:
    """Whether this box can take lists from headquarters, and whether it did."""
    rules = config.updates
    if not rules.root:
        return  # lists are copied by hand
    problem = _root_problem(Path(rules.root))
    if problem:
        yield Check("updates", Grade.ERROR, f"updates.root {rules.root}: {problem}",
                    "install 1.root.json of headquarters' repository there")
    if not rules.folder and not rules.url:
        yield Check("updates", Grade.INFO, "no source is named: lists come by `borderpost lists update --from DIR`",
                    "name folder or url in [updates], and the box looks by itself")
    report = last(Path(config.box.state_dir))
    if report is None:
        named = rules.folder or rules.url
        by_hand = "" if named else " --from DIR (a stick's folder), or name folder or url in [updates]"
        yield Check("updates", Grade.WARNING, "nothing was ever taken", f"try it: borderpost lists update{by_hand}")
        return
    for list_id, refusal in report.problems:
        name = f"update of {list_id}" if list_id else "updates"
        yield Check(name, Grade.WARNING, f"{report.at:%Y-%m-%d %H:%M} from {report.source}: {refusal.message}",
                    refusal.advice)
    if not report.problems:
        yield Check("updates", Grade.OK, f"{report.at:%Y-%m-%d %H:%M} from {report.source}: {len(report.lists)} lists "
                    "are as headquarters publishes them")


def _root_problem(path: Path) -> str:
    from common.files import open_regular

    try:
        with open_regular(path) as file:
            found = msgspec.json.decode(file.read(MAX_ROOT), type=_Root)
    except OSError as error:
        return error.strerror or "cannot be read"
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return "no root file"
    return "" if found.signed.type == "root" else "no root file"
