"""Fingers in the officer's terminal view: what the person does now, and what came of it.

Laws:
1. A candidate is a lead: its line says to confirm with the NCB before anything else.
2. "No candidate" comes with how much was searched and that it is no clearance, and without the word and colour of the
   passage: a finger never looks like CLEAR.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from edge.core.fingerprints.told import sentences
from edge.core.texts import CATALOGUES, DEFAULT, text
from edge.core.verdicts import Coverage, CoverageState
from edge.verbs.counter import LOOKS, outcome_word, show_reason


def show_step(message: Mapping[str, Any], language: str = DEFAULT) -> None:
    """The ``finger`` message: what is to be done at the scanner; what failed is told by the result."""
    step = message["step"]
    values = {"finger": text(language, f"position.{message['position']}"), "n": message["try"], "of": message["of"]}
    if step == "place":
        click.secho(f"  {message['passage']}  {text(language, 'say.finger_place', **values)}", bold=True)
    elif step == "lift" and message["instruction"] == "lift":  # which finger lies there nobody knows
        click.secho(f"  {text(language, 'finger.lift')}", fg="yellow", bold=True)
    elif step in ("lift", "retry"):
        said = text(language, f"finger.{message['instruction']}") if message["instruction"] else ""
        key = "say.finger_lift" if step == "lift" else "say.finger_retry"
        click.secho(f"  {text(language, key, **values)}{f': {said}' if said else ''}", fg="yellow", bold=True)
    elif step == "reading":
        click.echo(f"  {text(language, 'say.finger_reading', **values)}")
    elif step == "working":
        click.echo(f"  {text(language, 'say.finger_working')}")


def show_fingers(message: Mapping[str, Any], language: str = DEFAULT) -> None:
    """The ``fingers`` message: candidates, or how much was searched without one, or whether it is the same finger."""
    _head(message, language)
    if not message["recorded"]:
        click.secho(f"   {text(language, 'say.not_recorded')}", fg="red", bold=True)
    if message["after"]:
        click.secho(f"   {text(language, _LATE[message['after']])}", fg="yellow", bold=True)
    if message["problem"]:
        click.secho(f"   {text(language, 'trouble.' + message['problem'])}", fg="yellow", bold=True)
        click.echo(f"   {text(language, _advice(message))}")
    if message["purpose"] == "verify":
        if not message["problem"]:
            _same(message, language)
    elif not message["problem"] or message["purpose"] == "second":
        asked = [_coverage(c) for c in message["coverage"]]
        for said in sentences(language, len(message["candidates"]), asked):
            click.secho(f"   {said}", bold=True)
    if message["candidates"]:
        click.secho(f"   {text(language, 'say.finger_ncb')}", bold=True)
    for candidate in message["candidates"]:
        show_reason(candidate, language)
    if message["uncompared"]:
        finger = text(language, f"position.{message['positions'][-1]}")
        told = text(language, "say.finger_no_second", finger=finger, records="; ".join(message["uncompared"]))
        click.secho(f"   {told}", fg="yellow", bold=True)
    if message["second"]:
        finger = text(language, f"position.{message['second']}")
        click.secho(f"   {text(language, 'say.finger_second', finger=finger)}", fg="yellow", bold=True)
    if message["candidates"]:
        click.echo(f"   {text(language, 'say.when_decided')} borderpost close {message['passage']} --outcome CODE")


TECHNICIAN = "call the technician"


def _advice(message: Mapping[str, Any]) -> str:
    """What to do about a problem, as a key; one that no catalogue has is no matter of the person's."""
    if message["purpose"] == "second":
        return "say.finger_second_failed"
    problem = message["problem"]
    hopeless = problem.endswith(TECHNICIAN) or f"trouble.{problem}" not in CATALOGUES[DEFAULT]
    return "say.finger_technician" if hopeless else "say.finger_failed"


_LATE = {"closed": "say.finger_after_closing", "kept": "say.finger_after_time"}


def _head(message: Mapping[str, Any], language: str) -> None:
    outcome = message["outcome"]
    click.echo()
    if message["candidates"] or outcome == "INCOMPLETE":
        colour, shape = LOOKS[outcome]
        front = "white" if colour != "yellow" else "black"
        click.secho(f" {shape} {outcome_word(outcome, language)} ", fg=front, bg=colour, bold=True, nl=False)
    fingers = " + ".join(text(language, f"position.{p}") for p in message["positions"])
    where = message["counter"] if message["at_counter"] == message["counter"] else (
        f"{message['counter']} < {message['at_counter']}")
    quality = text(language, "say.finger_quality", n=message["quality"]) if message["quality"] else ""
    click.echo(f"  {where} ({message['direction']})  {message['passage']}  {fingers}  {quality}".rstrip())


def _same(message: Mapping[str, Any], language: str) -> None:
    key = {True: "say.finger_same", False: "say.finger_other", None: "say.finger_undecided"}[message["same"]]
    score = "" if message["score"] is None else f"{message['score']:.1f}"
    click.secho(f"   {text(language, key, score=score)}", bold=True)


def _coverage(one: Mapping[str, Any]) -> Coverage:
    return Coverage(
        one["list"], one["generation"], one["age_seconds"], one["records"], CoverageState(one["state"]), required=False
    )
