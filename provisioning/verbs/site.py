"""``borderpost-provision site``: posts and their configuration."""

from __future__ import annotations

import re
from pathlib import Path

import click

from provisioning.verbs.options import FILE, authority_option, now, opened

MAX_PROFILES = 32
_site = click.argument("site", metavar="SITE")
_name = click.option("--name", metavar="TEXT", help="The post as people call it.")
_lists = click.option("--list", "lists", multiple=True, metavar="LISTID", help="A list whose key its boxes get.")
_profiles = click.option("--profile", "profiles", type=FILE, multiple=True, help="A reader's own profile, NAME.toml.")


@click.group("site")
def command() -> None:
    """Add posts and change their configuration; every box of a post is set up from its post's template."""


@command.command()
@_site
@click.option("--broker", default="broker.example", show_default=True, help="How boxes reach the broker.")
@click.option("--list", "lists", multiple=True, metavar="LISTID", help="A list without which no verdict is given.")
def template(site: str, broker: str, lists: tuple[str, ...]) -> None:
    """Print a template of edge.toml to begin with: readers and lanes are to be written into it.

    \b
    Try it:  borderpost-provision site template north-gate --broker broker.example --list un > north-gate.toml
    """
    from provisioning.templates import START

    click.echo(START.format(site=_checked(site), broker=broker, lists=", ".join(f'"{one}"' for one in lists)), nl=False)


@command.command()
@_site
@authority_option
@click.option("--config", "config_path", type=FILE, required=True, help="Template of edge.toml.")
@_name
@_lists
@_profiles
def add(
    *, site: str, root: Path, config_path: Path, name: str | None, lists: tuple[str, ...], profiles: tuple[Path, ...]
) -> None:
    """Add a post. Its template is checked as a box would check it.

    \b
    Try it:  borderpost-provision site add north-gate --config north-gate.toml --name "North Gate" --list un
    """
    _put(site, root, config_path, name or "", lists, profiles, change=False)
    click.echo(f"added {site}; next: borderpost-provision claim {site} --stick DIR")


@command.command("set")
@_site
@authority_option
@click.option("--config", "config_path", type=FILE, required=True, help="Template of edge.toml.")
@_name
@_lists
@_profiles
def change(
    *, site: str, root: Path, config_path: Path, name: str | None, lists: tuple[str, ...], profiles: tuple[Path, ...]
) -> None:
    """Replace a post's template, lists and profiles. Its boxes get it with their next `sign`."""
    _put(site, root, config_path, name or "", lists, profiles, change=True)
    click.echo(f"changed {site}; next: borderpost-provision sign DEVICE --stick DIR, for each of its boxes")


def _put(
    site: str, root: Path, config_path: Path, name: str, lists: tuple[str, ...], profiles: tuple[Path, ...], *,
    change: bool,
) -> None:  # fmt: skip
    from common import settings
    from provisioning import files, templates
    from provisioning.ledger import Site

    _checked(site)
    if len(profiles) > MAX_PROFILES:
        raise click.UsageError(f"at most {MAX_PROFILES} profiles")
    contents = {}
    for path in profiles:
        if not re.fullmatch(r"[a-z0-9-]{1,64}\.toml", path.name):
            raise click.UsageError(f"a profile's file is named with a-z, 0-9 and hyphen, NAME.toml: {path.name}")
        contents[f"profiles/{path.name}"] = files.read(path, 64 << 10, advice="give a reader's profile")
    text = settings.read(config_path, advice="give a template: borderpost-provision site template")
    with opened(root) as (folder, ledger):
        templates.check_template(text, where=str(config_path), site=site, package=folder.package())
        kept = name or (ledger.site(site).name if change else site)
        with ledger.store.writing():
            ledger.put_site(Site(site, kept, text, tuple(lists), contents), now(), change=change)


def _checked(site: str) -> str:
    if not re.fullmatch(r"[a-z0-9-]{2,40}", site):
        raise click.UsageError("a site is 2 to 40 of a-z, 0-9 and hyphen")
    return site
