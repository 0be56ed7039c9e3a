"""Writes manual pages from the commands' own help: ``python packaging/manpages.py FOLDER VERSION``.

One page a command, with a section for each of its verbs.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import click

WIDTH = 78
PAGES = (  # name, section, module, attribute, one line
    ("borderpost", 1, "edge.cli", "borderpost", "the software of one border post"),
    ("borderpost-hq", 1, "hq.cli", "headquarters", "headquarters of border posts"),
    ("borderpost-provision", 1, "provisioning.cli", "provision", "from a bare computer to a border post"),
    ("borderpost-update", 8, "edge.software.cli", "command", "take new versions of the software"),
)


def escaped(text: str) -> str:
    """Text as roff takes it: nothing of it is an instruction."""
    lines = [line.replace("\\", "\\e").replace("-", "\\-") for line in text.splitlines()]
    return "\n".join("\\&" + line if line.startswith((".", "'")) else line for line in lines)


def helps(name: str, command: click.Command) -> list[tuple[str, str]]:
    """(name, help) of a command and of every verb below it."""
    context = command.context_class(
        command, info_name=name, terminal_width=WIDTH, max_content_width=WIDTH, help_option_names=["-h", "--help"]
    )
    found = [(name, "\n".join(line.rstrip() for line in command.get_help(context).splitlines()))]
    if isinstance(command, click.Group):
        for verb in command.list_commands(context):
            child = command.get_command(context, verb)
            if child is not None:
                found += helps(f"{name} {verb}", child)
    return found


def page(name: str, section: int, line: str, command: click.Command, version: str) -> str:
    """One manual page."""
    parts = [f'.TH {name.upper()} {section} "" "borderpost {version}"', ".SH NAME", escaped(f"{name} - {line}")]
    for title, text in helps(name, command):
        parts += [f".SH {title.upper()}", ".nf", escaped(text), ".fi"]
    return "\n".join(parts) + "\n"


def main(folder: Path, version: str) -> int:
    """Write every page."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, section, module, attribute, line in PAGES:
        command = getattr(import_module(module), attribute)
        (folder / f"{name}.{section}").write_text(page(name, section, line, command, version), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
