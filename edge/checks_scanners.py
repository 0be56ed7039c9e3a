"""What `borderpost doctor` says of fingerprint scanners, and of the child process that extracts.

Law: while the box runs, its own word on its scanners is the only one (``edge.checks``, law 3).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from drivers.api import Tier
from edge.checks import Check, Grade, port_check
from edge.config import Config, named
from edge.core.errors import BorderpostError
from edge.fingers.hands import extracting_child
from edge.lifecycle import OPEN

UNPROVEN = "unproven: only our own emulator has spoken to this driver"


def scanners(config: Config, said: Mapping[str, Any] | Check, where: str) -> Iterator[Check]:
    """A line for each scanner; ``where``: the file that ``config`` stands in."""
    from edge.scanners import make_scanner

    running = None if isinstance(said, Check) else {one["name"]: one for one in said.get("scanners", ())}
    for scanner in config.scanner:
        name = f"scanner {scanner.name}"
        try:
            with named(where):
                made = make_scanner(scanner, time.monotonic)
        except BorderpostError as error:  # the box would not start
            yield Check(name, Grade.ERROR, error.message, error.advice)
            continue
        unproven = made.status().tier == Tier.VIRTUAL
        if running is None:
            yield from port_check(name, scanner.port, made.present(), unproven)
        elif scanner.name in running:
            yield from _running(running[scanner.name], unproven)
        else:
            yield Check(name, Grade.WARNING, "the running box does not know it", "restart the box: it read an older "
                        "edge.toml")
    if not isinstance(said, Check) and (fingers := said.get("fingers")) and fingers["extract"]["problem"]:
        yield Check("extractor", Grade.ERROR, fingers["extract"]["problem"],
                    "install the packages for fingers (requirements-box.lock), or look at fingers.extract_mb")


def extractor(config: Config, said: Mapping[str, Any] | Check) -> Iterator[Check]:
    """While the box does not run: whether the process that extracts starts with what this box gives it (2 to 4 s)."""
    if not config.scanner or not isinstance(said, Check):
        return
    fingers = config.fingers
    child = extracting_child(fingers.extractor, fingers.extract_mb)
    try:
        child.ready()
    except BorderpostError as error:
        yield Check("extractor", Grade.ERROR, error.message,
                    f"{error.advice}; of {fingers.extract_mb} MiB it may have too few: raise fingers.extract_mb")
    else:
        yield Check("extractor", Grade.OK, f"{fingers.extractor} starts within {fingers.extract_mb} MiB")
    finally:
        child.close()


def _running(scanner: Mapping[str, Any], unproven: bool) -> Iterator[Check]:
    name = f"scanner {scanner['name']}"
    if scanner["state"] in OPEN:
        if scanner["problem"]:  # the last it did, and no image since
            yield Check(name, Grade.WARNING, f"the last finger failed: {scanner['problem']}", scanner["advice"])
        yield Check(name, Grade.OK, f"{scanner['port']} is {scanner['state']}" + (f"; {UNPROVEN}" if unproven else ""))
    else:
        problem = f": {scanner['problem']}" if scanner["problem"] else ""
        yield Check(name, Grade.ERROR, f"is {scanner['state']}{problem}",
                    scanner["advice"] or "wait a moment and look again; then look at its cable and port")
    if scanner["swapped"]:
        yield Check(name, Grade.ERROR, scanner["swapped"],
                    "plug each scanner where it was set up, or take the lines of `borderpost devices`")
    if scanner["remark"]:
        yield Check(name, Grade.WARNING, f"the device: {scanner['remark']}", "see docs/fingerprint-scanners.md")
    if scanner["failed"] > max(20, scanner["taken"]):
        yield Check(name, Grade.WARNING, f"{scanner['failed']} fingers failed against {scanner['taken']} taken",
                    "clean its glass, look at its cable; the log says why")
