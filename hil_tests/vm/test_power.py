"""The power is cut at random moments of a post at work: five rounds in `make bench`, a hundred in `make bench-long`.

    make bench ARGS="-k power --seed 7 --rounds 20"        the rounds of a seed; what an earlier run has of it counts
    make bench ARGS="-k power --sabotage synchronous"      a box whose journal does not wait for its disk: must fail

Rounds lie in build/bench/power-SEED-*.jsonl, one a line, as soon as they are over.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from hil_tests.bench.report import ROOT
from hil_tests.bench.run import commit
from hil_tests.vm.cuts import KINDS, Chain, kept_in, planned
from hil_tests.vm.stages import Bench

pytestmark = [pytest.mark.needs("rounds"), pytest.mark.timeout(8 * 3600)]  # each wait of a round has a limit of its own
SHORT, LONG = 5, 100
WORK = ROOT / "build" / "bench"
ON_DISK = frozenset(
    ("state", "keys", "identity", "list", "gallery", "journal", "audit", "software", "tls.ca", "tls.cert", "tls.key")
)


def test_nothing_acknowledged_is_lost_when_the_power_is_cut_at_random_moments(
    post: Bench, request: pytest.FixtureRequest, say: Callable[[str], None], figure: Callable[[str, object], None],
    is_long: bool,
) -> None:
    option = request.config.getoption
    given, sabotage = option("--seed"), option("--sabotage")
    seed = secrets.randbelow(1_000_000) if given is None else int(given)
    wanted = option("--rounds") or (LONG if is_long else SHORT)
    file = kept_in(WORK, seed, "-".join(filter(None, (commit(), sabotage))))
    rounds = _kept(file) if given is not None else []
    say(f"power cuts: seed {seed}, {wanted} rounds, {len(rounds)} of them in {file.name}")
    if len(rounds) < wanted:
        chain = Chain(post, sabotage=sabotage, begin=1_000 * len(rounds))
        for number in range(len(rounds) + 1, wanted + 1):
            one = asdict(chain.round(planned(seed, number)))
            if number == wanted:  # before the round is kept: what it finds counts for whoever goes on with the seed
                say("borderpost doctor, after the last round")
                one["faults"] = [*one["faults"], *_doctor(post)]
            rounds.append(one)
            with file.open("a") as kept:
                kept.write(json.dumps(one) + "\n")
            say(_line(one, rounds, wanted))
    told = _figures(seed, rounds)
    for name, value in told.items():
        figure(name, value)
    wrong = [f"round {one['number']} ({one['kind']}): {what}" for one in rounds for what in one["faults"]]
    lost = sum(one["lost"] for one in rounds)
    bad = [one["number"] for one in rounds if one["lost"]]
    assert (lost, bad) == (0, []), f"acknowledged passages lost in rounds {bad} of {len(rounds)}; {told}; {wrong}"
    assert sum(one["twice"] for one in rounds) == 0, told
    assert not wrong, "\n".join(wrong)


def _kept(file: Path) -> list[dict[str, Any]]:
    """The rounds that are whole in the file; what an interrupt tore is cut off it."""
    if not file.exists():
        return []
    whole = [line for line in file.read_text().split("\n")[:-1] if line]
    file.write_text("".join(f"{line}\n" for line in whole))
    return [json.loads(line) for line in whole]


def _line(one: dict[str, Any], rounds: list[dict[str, Any]], wanted: int) -> str:
    total = {name: sum(each[name] for each in rounds) for name in ("acknowledged", "lost", "twice")}
    return (
        f"round {one['number']} of {wanted}: {one['kind']}, cut {one['moment_s']:.1f} s after {one['begin']}, "
        f"{one['under_way'] or 'no stick under way'}, {one['acknowledged']} acknowledged, "
        f"lists {one['lists'][0]} -> {one['lists'][1]}, "
        f"envelope {one['sequence'][0]} -> {one['sequence'][1]}, reads again after {one['ready_s']:.0f} s"
        f"{''.join(f'; FAULT: {what}' for what in one['faults'])}; in all {total['acknowledged']} acknowledged, "
        f"{total['lost']} lost, {total['twice']} twice"
    )


def _figures(seed: int, rounds: list[dict[str, Any]]) -> dict[str, str]:
    """What a reader of docs/reliability.md wants of them."""
    swapped = {kind: [one for one in rounds if one["kind"] == kind] for kind in KINDS}
    new = sum(one["lists"][1] > one["lists"][0] for one in swapped["lists"])
    taken = sum(one["sequence"][1] > one["sequence"][0] for one in swapped["stick"])
    ready = sorted(one["ready_s"] for one in rounds)
    sums = {name: sum(one[name] for one in rounds) for name in ("acknowledged", "lost", "twice")}
    return {
        f"{len(rounds)} power cuts (seed {seed})":
            f"{sums['acknowledged']} passages acknowledged, {sums['lost']} lost, {sums['twice']} twice",
        "of these while lists, a stick, hits": f"{len(swapped['lists'])} ({new} new afterwards), "
        f"{len(swapped['stick'])} ({taken} taken afterwards), {len(swapped['hits'])}",
        "of these in the midst of a stick": str(sum(bool(one["under_way"]) for one in rounds)),
        "mains to a post that reads": f"median {ready[len(ready) // 2]:.0f} s, longest {ready[-1]:.0f} s",
    }


def _doctor(post: Bench) -> list[str]:
    """What the box's own doctor calls an error among what lies on its disk. An emulated daemon may answer it late."""
    said = json.loads(post.target.run("borderpost", "doctor", "--json", check=False, limit_s=600.0))
    assert {"journal", "audit", "identity"} <= {one["name"] for one in said}
    return [f"{one['name']}: {one['found']}" for one in said
            if one["grade"] == "error" and one["name"].partition(" ")[0] in ON_DISK]  # fmt: skip
