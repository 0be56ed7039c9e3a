"""``python -m drivers.virtual elyctis|text --link PATH --control SOCKET``: one virtual reader, one process.

``python -m drivers.virtual present --control SOCKET ROW ROW [ROW]`` lays a document on a running one.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from drivers.virtual.bench import Bench
from drivers.virtual.control import VirtualReaderFault, ask
from drivers.virtual.device import VirtualDevice
from drivers.virtual.elyctis_device import ElyctisDevice
from drivers.virtual.text_device import LINE_ENDS, TextDevice, TextShape


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m drivers.virtual", description="A passport reader on a pty.")
    kinds = top.add_subparsers(dest="kind", required=True)
    for kind in ("elyctis", "text"):
        one = kinds.add_parser(kind)
        one.add_argument("--link", type=Path, required=True, help="the path that becomes the serial port")
        one.add_argument("--control", type=Path, required=True, help="UNIX socket that takes orders")
        one.add_argument("--fragment", type=int, default=0, help="bytes per write (0: whole)")
        one.add_argument("--delay-ms", type=float, default=0.0, help="pause between fragments")
        one.add_argument("--stdin-guard", action="store_true", help="end when standard input ends")
        if kind == "text":
            one.add_argument("--start", type=bytes.fromhex, default=b"", help="hex bytes before STX")
            one.add_argument("--end", type=bytes.fromhex, default=b"", help="hex bytes after ETX")
            one.add_argument("--line-end", choices=sorted(LINE_ENDS), default="cr")
            one.add_argument("--pad", default="", help="character that fills rows up")
            one.add_argument("--width", type=int, default=44, help="width that rows are filled up to")
    one = kinds.add_parser("present")
    one.add_argument("--control", type=Path, required=True)
    one.add_argument("rows", nargs="+")
    return top


def main() -> int:
    """Play until told to stop; the exit code."""
    arguments = parser().parse_args()
    try:
        return play(arguments)
    except VirtualReaderFault as fault:
        return fail(str(fault), "start it anew")
    except OSError as error:
        if arguments.kind == "present":
            return fail(f"{arguments.control}: {error.strerror or error}", "give the --control of a running reader")
        return fail(f"{arguments.link}: {error.strerror or error}", "give --link and --control in an existing folder")


def fail(what: str, advice: str) -> int:
    """Two lines on standard error, as every command of the house has them."""
    sys.stderr.write(f"error: {what}\nnext:  {advice}\n")
    return 1


def play(arguments: argparse.Namespace) -> int:
    """Lay a document down, or be the device."""
    if arguments.kind == "present":
        ask(arguments.control, {"remove": True})
        sys.stdout.write(json.dumps(ask(arguments.control, {"present": arguments.rows})) + "\n")
        return 0
    device: VirtualDevice
    if arguments.kind == "elyctis":
        device = ElyctisDevice()
    else:
        shape = TextShape(arguments.start, arguments.end, arguments.line_end, arguments.pad, arguments.width)
        device = TextDevice(shape)
    Bench(
        device, arguments.link, arguments.control, fragment=arguments.fragment,
        delay_s=arguments.delay_ms / 1000, guard_stdin=arguments.stdin_guard,
    ).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
