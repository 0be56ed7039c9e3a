"""Writes docs/commands.md from the commands' own help, docs/configuration.md from the settings' own comments, and the
table of docs/readers.md from the shipped profiles.

    python docs/pages.py           write these pages, and the journal's catalogue (packaging/catalogue.py)
    python docs/pages.py --check   exit 1 if a page is not what would be written (a test runs this)
"""

from __future__ import annotations

import ast
import os
import runpy
import sys
from pathlib import Path

import click
import msgspec

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
HELP_WIDTH = 100
TIERS = {
    "certified": "The contract of `hil_tests/` has passed on the device itself.",
    "recorded": "A recording of the real device replays through the driver.",
    "virtual": "**Unproven**: only our own emulator, written from the source named below, has spoken to the driver.",
}


def commands_page() -> str:
    """Every command and verb with its help, as the terminal shows it."""
    from demo.cli import demo
    from edge.cli import borderpost
    from hq.cli import headquarters
    from provisioning.cli import provision

    parts = ["# Commands\n\nWritten from the commands' own `--help` by `python docs/pages.py`.\n"]
    for name, group in (
        ("borderpost", borderpost), ("borderpost-hq", headquarters),
        ("borderpost-provision", provision), ("borderpost-demo", demo),
    ):
        parts += _helps(name, group, 2)
    return "\n".join(parts)


def _helps(name: str, command: click.Command, level: int) -> list[str]:
    context = command.context_class(
        command, info_name=name, terminal_width=HELP_WIDTH, max_content_width=HELP_WIDTH,
        help_option_names=["-h", "--help"],  # every group hands them on to its verbs
    )
    text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    parts = [f"{'#' * level} {name}\n\n```\n{text}\n```\n"]
    if isinstance(command, click.Group):
        for verb in command.list_commands(context):
            child = command.get_command(context, verb)
            assert child is not None
            parts += _helps(f"{name} {verb}", child, min(level + 1, 4))
    return parts


def configuration_page() -> str:
    """Every setting with type, default and meaning."""
    head = (
        "# Configuration\n\nWritten from the settings' own comments by `python docs/pages.py`. Unknown keys are "
        "errors; relative paths are taken\nfrom the folder of the file.\n"
    )
    return "\n".join([head, *_file("edge.toml (the box)", "edge"), *_file("hq.toml (headquarters)", "hq")])


def _file(title: str, package: str) -> list[str]:
    import importlib

    module = importlib.import_module(f"{package}.config")
    notes = {**_notes(ROOT / "common" / "settings.py"), **_notes(ROOT / package / "config.py")}
    parts = [f"## {title}\n"]
    for field in msgspec.structs.fields(module.Config):
        section, table = _section(field.type)
        mark = f"[[{field.name}]]" if table else f"[{field.name}]"
        parts += _table(mark, section, notes)
        for inner in msgspec.structs.fields(section):
            nested, _ = _section(inner.type)
            if nested is not None:
                parts += _table(f"[{field.name}.{inner.name}]", nested, notes)
    return parts


def _section(kind: object) -> tuple[type[msgspec.Struct], bool] | tuple[None, bool]:
    info = msgspec.inspect.type_info(kind)
    table = isinstance(info, msgspec.inspect.VarTupleType)
    if table:
        info = info.item_type
    if isinstance(info, msgspec.inspect.UnionType):
        info = next((t for t in info.types if isinstance(t, msgspec.inspect.StructType)), info)
    return (info.cls, table) if isinstance(info, msgspec.inspect.StructType) else (None, table)


def _table(mark: str, section: type[msgspec.Struct], notes: dict[str, dict[str, str]]) -> list[str]:
    doc = (section.__doc__ or "").strip()
    rows = [f"### `{mark}`\n\n{doc}\n\n| key | type | default | meaning |\n|---|---|---|---|"]
    for field in msgspec.structs.fields(section):
        if _section(field.type)[0] is not None:
            continue
        required = field.default is msgspec.NODEFAULT and field.default_factory is msgspec.NODEFAULT
        default = "**required**" if required else f"`{_default(field)}`"
        note = notes[section.__name__].get(field.name, "")
        rows.append(f"| `{field.name}` | {_kind(field.type)} | {default} | {note} |")
    return ["\n".join(rows) + "\n"]


def _default(field: msgspec.structs.FieldInfo) -> str:
    value = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    return "none" if value is None else msgspec.json.encode(value).decode()


def _kind(kind: object) -> str:
    info = msgspec.inspect.type_info(kind)
    if isinstance(info, msgspec.inspect.LiteralType):
        return " or ".join(f"`{v}`" for v in info.values)
    if isinstance(info, msgspec.inspect.VarTupleType):
        return f"list of {_item(info.item_type)}"
    if isinstance(info, msgspec.inspect.UnionType):
        return " or ".join(_kind_name(t) for t in info.types if not isinstance(t, msgspec.inspect.NoneType))
    return _kind_name(info)


def _item(info: msgspec.inspect.Type) -> str:
    """Of a list; of words, those that there are."""
    if isinstance(info, msgspec.inspect.LiteralType):
        return ", ".join(f"`{v}`" for v in info.values)
    return _kind_name(info)


def _kind_name(info: msgspec.inspect.Type) -> str:
    names = {"StrType": "text", "IntType": "whole number", "FloatType": "number", "BoolType": "true or false",
             "DictType": "table"}
    text = names.get(type(info).__name__, type(info).__name__)
    low, high = getattr(info, "ge", None), getattr(info, "le", None)
    if low is not None and high is not None:
        text += f" {low:,}–{high:,}"
    elif getattr(info, "gt", None) is not None:
        text += f" above {info.gt}" + (f", at most {high:,}" if high is not None else "")
    return text


def _notes(path: Path) -> dict[str, dict[str, str]]:
    """Class name -> field name -> the comment behind or under it."""
    source = path.read_text(encoding="utf-8")
    lines = source.splitlines()
    notes: dict[str, dict[str, str]] = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef):
            for item in node.body:
                if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                    note = lines[(item.end_lineno or 1) - 1].partition("#")[2].strip()
                    following = (item.end_lineno or 1)
                    while note and following < len(lines) and lines[following].strip().startswith("#"):
                        note += " " + lines[following].strip().lstrip("# ")
                        following += 1
                    notes.setdefault(node.name, {})[item.target.id] = note
    return notes


def readers_page() -> str:
    """docs/readers.md with the shipped profiles by tier, and how to set each reader up, between its marks."""
    from drivers.api import Tier
    from drivers.profiles import load

    text = (DOCS / "readers.md").read_text(encoding="utf-8")
    head, begin, rest = text.partition("<!-- profiles: written by docs/pages.py from drivers/profiles_data -->\n")
    _, end, tail = rest.partition("<!-- profiles: end -->")
    shipped = list(load().values())
    parts = []
    for tier, said in TIERS.items():
        rows = [
            f"| `{p.name}` | {p.title} | `{p.driver}` | {', '.join(f'`{usb}`' for usb in p.usb) or 'chosen by hand'} |"
            for p in shipped if p.tier == Tier(tier)
        ]
        heads = ["| profile | reader | driver | known by |", "|---|---|---|---|"]
        table = "\n".join([*heads, *rows]) if rows else "None yet."
        parts.append(f"### Tier {tier}\n\n{said}\n\n{table}\n")
    parts.append("### Setting each up\n")
    for p in shipped:
        notes = "".join(f"- {note}\n" for note in p.notes)
        parts.append(f"**`{p.name}`**, {p.title}. Source: {p.source}.\n\n{notes}")
    return head + begin + "\n" + "\n".join(parts) + "\n" + end + tail


def main() -> int:
    """Write or check these pages."""
    os.environ["COLUMNS"] = str(HELP_WIDTH)
    stale = []
    pages = (
        ("commands.md", commands_page()), ("configuration.md", configuration_page()), ("readers.md", readers_page()),
        ("../systemd/borderpost.catalog", runpy.run_path(str(ROOT / "packaging" / "catalogue.py"))["catalogue"]()),
    )
    for name, text in pages:
        path = DOCS / name
        if "--check" in sys.argv[1:]:
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                stale.append(name)
        else:
            path.write_text(text, encoding="utf-8")
    if stale:
        sys.stderr.write(f"not current: {', '.join(stale)}; run: python docs/pages.py\n")
    return 1 if stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
