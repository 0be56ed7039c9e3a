"""``borderpost replay``: a recording through the real daemon."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge.verbs.options import config_option

if TYPE_CHECKING:
    from drivers.named import NamedDevice
    from drivers.trace import Trace
    from edge.replaying import Outcome

MAX_SPEED = 1000.0
SHOWN = ("outcome", "counter", "elapsed_ms", "recorded")  # of a verdict, what no person can be known by


@click.command("replay")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--lists", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Screen against these generations."
)
@click.option("--reader", "name", default="", help="Read it as this reader of --config does, not as its header says.")
@config_option
@click.option("--speed", default="1", metavar="N|max", help="Times as fast; max leaves out what can be.")
@click.option("--json", "as_json", is_flag=True, help="One JSON line for each verdict, then one with the counts.")
def command(file: Path, lists: Path | None, name: str, config_path: Path, speed: str, as_json: bool) -> None:
    """Play the recording FILE through a box that is made for it and gone afterwards.

    The box is the real daemon, the device a process that plays the recording on a pty (a keyboard over
    USB/IP). Verdicts come as a counter would see them, without what was read; at the end stand the counts.
    If FILE's .expect lies beside it, the counts are compared: exit code 1 when they differ. Without one it is
    1 when the driver made nothing of what the device sent. At a speed over 1 pauses are shorter than they were;
    max keeps the first two seconds of those that end a frame or document. Where the box does not write what
    was recorded, the device goes on alone after five seconds more, and it is said.

    \b
    borderpost replay tests/recordings/elyctis/td3.trace --speed max
    """
    import msgspec

    from edge import replaying
    from edge.errors import EXIT_NO

    trace = _trace(file)
    device = _device(trace, name, config_path)
    _check_speed(speed)
    gap = device.settings.get("gap_s", 0.3)
    wanted = replaying.Wanted(
        file, device, lists, speed, silence_s=min(0.25, 0.8 * gap) if isinstance(gap, int | float) else 0.25,
        seconds=_seconds(trace),
    )
    with _ended_by_signals():
        outcome = replaying.replay(wanted, _Teller(trace, as_json))
    counts = replaying.counts(outcome)
    differing = replaying.differences(counts, file.with_suffix(".expect"))
    if as_json:
        counts["differs"] = differing
        click.echo(msgspec.json.encode(counts).decode())
    else:
        _summary(counts, differing, outcome)
    if differing:
        raise SystemExit(EXIT_NO)
    _something(counts, trace, device)


def _trace(file: Path) -> Trace:
    from drivers.trace import BadTrace, read_trace
    from edge.replaying import ReplayError

    try:
        with file.open(encoding="utf-8", errors="replace") as lines:
            trace = read_trace(lines)
    except OSError as error:
        raise ReplayError(f"{file}: {error.strerror}", advice="give a recording of `borderpost record`") from error
    except BadTrace as error:
        raise ReplayError(f"{file}: {error.message}", advice=error.advice) from error
    if not trace.entries:
        raise ReplayError(f"{file}: holds no bytes", advice="give a recording of `borderpost record`")
    return trace


def _device(trace: Trace, name: str, config_path: Path) -> NamedDevice:
    from drivers.api import DriverMisuse
    from drivers.replays import device_of
    from edge.replaying import ReplayError

    if name:
        from edge.configured import configured_device

        return configured_device(config_path, name)
    try:
        device = device_of(trace.provenance)
        device.reader("replayed", time.monotonic)  # a wrong setting ends here, before a box is started for it
        return device
    except DriverMisuse as error:
        raise ReplayError(error.message, advice=error.advice) from error


def _something(counts: Mapping[str, Any], trace: Trace, device: NamedDevice) -> None:
    """Did the driver make anything of it, or was nothing expected? Raises ReplayError."""
    from drivers.trace import FROM_DEVICE
    from edge import replaying

    sent = sum(len(entry.data) for entry in trace.entries if entry.direction == FROM_DEVICE)
    if sent and not any(counts[key] for key in ("expected", "reads", "others", *replaying.FACTS)):
        raise replaying.ReplayError(
            f"nothing was read, though the device sent {sent} bytes: driver {device.driver!r} does not fit",
            advice="play it as the right reader with --config and --reader, or mend the recording's lines "
            "'# Driver: …' and '# Settings: …'",
        )


def _seconds(trace: Trace) -> float:
    return trace.entries[-1].at - trace.entries[0].at


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP end it as Ctrl-C does; a second signal does not disturb the clearing up, which has limits."""
    numbers = [n for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) != signal.SIG_IGN]

    def stop(*_: object) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _check_speed(speed: str) -> None:
    try:
        good = speed == "max" or 0 < float(speed) <= MAX_SPEED
    except ValueError:
        good = False
    if not good:
        raise click.BadParameter(f"give a number above 0 and up to {MAX_SPEED:g}, or max", param_hint="--speed")


class _Teller:
    """Shows what happens as it happens; on a terminal also that something does."""

    def __init__(self, trace: Trace, as_json: bool) -> None:
        self._seconds = _seconds(trace)
        self._as_json = as_json
        self._began = time.monotonic()

    def __call__(self, what: str, message: Mapping[str, Any]) -> None:
        live = sys.stderr.isatty() and not self._as_json
        if what == "starting" and live:
            click.echo("starting a box for this recording", err=True)
        elif what == "playing" and live:
            seconds = time.monotonic() - self._began
            click.echo(f"\r{seconds:4.0f} s of a recording of {self._seconds:.0f} s ", nl=False, err=True)
        elif what == "verdict":
            if live:
                click.echo("\r", nl=False, err=True)
            self._verdict(message)

    def _verdict(self, message: Mapping[str, Any]) -> None:
        import msgspec

        shown = {key: message[key] for key in SHOWN} | {"format": message["document"]["format"]}
        if self._as_json:
            click.echo(msgspec.json.encode({"type": "verdict", **shown}).decode())
        else:
            click.echo(f"{shown['outcome']:11} {shown['format'] or '?':6} {shown['elapsed_ms']:6.0f} ms")


def _summary(counts: Mapping[str, Any], differing: list[str], outcome: Outcome) -> None:
    click.echo(
        f"{counts['reads']} reads, {counts['verdicts']} verdicts, {counts['others']} other blocks, "
        f"{counts['garbled']} garbled, {counts['noise_bytes']} bytes of noise"
    )
    if outcome.played.get("unanswered") or outcome.played.get("lost"):
        click.echo("the box wrote less to the device than was recorded, or did not take all: the driver differs")
    if counts["expected"]:
        click.echo("as expected" if not differing else f"NOT as expected: {'; '.join(differing)}")
