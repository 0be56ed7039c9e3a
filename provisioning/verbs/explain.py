"""``borderpost-provision explain``: what a code of a RESULT file means."""

from __future__ import annotations

import click

from provisioning.verbs.options import say_json


@click.command("explain")
@click.argument("code", metavar="[CODE]", required=False)
@click.option("--lang", type=click.Choice(["en", "fr", "ar", "all"]), default="en", show_default=True, help="Language.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array.")
def command(*, code: str | None, lang: str, as_json: bool) -> None:
    """Say what happened and what to do next; without CODE, one line for every code.

    \b
    Try it:  borderpost-provision explain BP-306 --lang fr
    """
    from edge.core.provisioning import result_text
    from edge.core.provisioning.codes import Code
    from provisioning.errors import AuthorityError

    wanted = list(Code)
    if code is not None:
        text = code.strip().upper()
        text = text if text.startswith("BP-") else f"BP-{text.removeprefix('BP')}"
        try:
            wanted = [Code(text)]
        except ValueError as error:
            raise AuthorityError(
                f"there is no code {text[:20]}", advice="`borderpost-provision explain` lists them all"
            ) from error
    langs = ["en", "fr", "ar"] if lang == "all" else [lang]
    if as_json:
        say_json([
            {"code": str(one), "name": one.name.lower(), "lang": each,
             "cause": result_text.explain(one, each).cause, "next": result_text.explain(one, each).step}
            for one in wanted for each in langs
        ])  # fmt: skip
        return
    for one in wanted:
        for each in langs:
            said = result_text.explain(one, each)
            click.echo(f"{one}  {said.cause}" + (f"\n        {said.step}" if code else ""))
