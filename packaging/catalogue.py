"""Writes systemd/borderpost.catalog, the journal's explanations, from the tables of log events in docs.

    python packaging/catalogue.py           write it
    python packaging/catalogue.py --check   exit 1 if it is not what would be written (a test runs this)

``journalctl -x`` shows them below each line: what happened, what to do.
"""

from __future__ import annotations

import re
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from common.journald import message_id  # noqa: E402

CATALOGUE = ROOT / "systemd" / "borderpost.catalog"
TABLES = (("docs/technician.md", "## 3. Log events"), ("docs/headquarters.md", "### What the log says"))
WIDTH = 100
HEAD = "# Written from docs/technician.md and docs/headquarters.md by packaging/catalogue.py.\n"


def rows() -> dict[str, list[tuple[str, str, str]]]:
    """Event -> (page, what happened, what to do), one for each page that explains it."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    for page, begin in TABLES:
        section = (ROOT / page).read_text("utf-8").partition(begin)[2].partition("\n## ")[0]
        for line in section.splitlines():
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
            if len(cells) == 3 and cells[0].startswith("`"):
                for event in re.findall(r"`([a-z_]+)`", cells[0]):
                    found.setdefault(event, []).append((page, plain(cells[1]), plain(cells[2])))
    return found


def plain(cell: str) -> str:
    """Text without Markdown's marks."""
    text = re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", cell)
    return text.replace("**", "").replace("`", "").replace("\\|", "|").replace("*", "")


def entry(event: str, told: list[tuple[str, str, str]]) -> str:
    """One entry; a line that is empty ends nothing, a line that begins with -- would."""
    parts = [f"-- {message_id(event)}", f"Subject: {event}", "Defined-By: borderpost", ""]
    for page, happened, todo in told:
        if len(told) > 1:
            parts.append("At headquarters:" if "headquarters" in page else "At a post:")
        parts += textwrap.wrap(f"What happened: {happened}", WIDTH) + textwrap.wrap(f"What to do: {todo}", WIDTH)
        parts.append(f"More: {page}")
    return "\n".join(parts) + "\n"


def catalogue() -> str:
    """The whole file."""
    return HEAD + "".join("\n" + entry(event, told) for event, told in sorted(rows().items()))


def main(words: list[str]) -> int:
    """Write it, or look whether it is current."""
    text = catalogue()
    if words == ["--check"]:
        return 0 if CATALOGUE.exists() and CATALOGUE.read_text("utf-8") == text else 1
    CATALOGUE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
