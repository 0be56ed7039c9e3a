"""``python -m drivers.virtual KIND --link PATH --control SOCKET``: one virtual reader, one process.

KIND is ``elyctis``, ``text``, ``honeywell``, ``rte`` or ``est``, or the fingerprint module ``zfm``: the link becomes
the serial port. Or it is ``hid_keyboard`` or the fingerprint scanner ``uru4000``: the device is shared over USB/IP
(``--usbip-port``, 0: any free one), and the link becomes a file with one line, the port to configure
(``usbip://127.0.0.1:PORT/1-1``). ``KIND --help`` lists what can be varied.

``python -m drivers.virtual present --control SOCKET ROW ROW [ROW]`` lays a document on a running one; ``lift``,
``block``, ``send``, ``noise``, ``unplug`` and ``plug`` are the other hands in front of it. ``finger --control SOCKET
SEED [IMPRESSION]`` lays a finger of drivers.virtual.prints on a scanner (``lift`` lifts it), ``fault NAME VALUE``
breaks it. Each prints the bench's answer.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

from drivers.virtual.bench import Bench
from drivers.virtual.control import USB_KIND, USB_SCANNER, VirtualReaderFault, ask
from drivers.virtual.device import VirtualDevice


@dataclasses.dataclass(frozen=True, slots=True)
class Kind:
    """Where a device is: its module, its class, the dataclass of its options ("" if it has none).

    Each field of the options becomes a word of the command; ``tables`` names, for a field that knows only some values,
    the thing in the module that lists them.
    """

    module: str
    device: str
    options: str = ""
    tables: tuple[tuple[str, str], ...] = ()


KINDS = {
    "elyctis": Kind("elyctis_device", "ElyctisDevice"),
    "text": Kind("text_device", "TextDevice", "TextShape", (("line_end", "LINE_ENDS"),)),
    "honeywell": Kind("honeywell_device", "HoneywellDevice", "HoneywellOptions"),
    "rte": Kind("rte_device", "RteDevice", "RteOptions", (("bcc", "BCC_KINDS"),)),
    "est": Kind("est_device", "EstDevice", "EstOptions"),
    "hid_keyboard": Kind(
        "keyboard_device", "KeyboardDevice", "Typing", (("layout", "LAYOUTS"), ("row_end", "ROW_END_KEYS"))
    ),
    "uru4000": Kind(
        "uru4000_device", "Uru4000Device", "Uru4000Options", (("model", "MODELS"), ("layout", "LAYOUTS"))
    ),
    "zfm": Kind("zfm_device", "ZfmDevice", "ZfmOptions", (("packet", "SIZES"),)),
}
ON_USB = frozenset({USB_KIND, USB_SCANNER})
SERIAL_SCANNERS = frozenset({"zfm"})


@dataclasses.dataclass(frozen=True, slots=True)
class Hand:
    """One order to a running device: what it does, its arguments (name, type, how many), and what is sent for them."""

    does: str
    arguments: tuple[tuple[str, Any, str | None], ...]
    orders: Callable[[argparse.Namespace], list[dict[str, Any]]]


def laid_down(given: argparse.Namespace) -> list[dict[str, Any]]:
    """Lift, then lay down; with ``--cut`` the cable is bad after so many bytes."""
    order = {"present": given.rows}
    return [{"remove": True}, order | ({} if given.cut is None else {"cut": given.cut})]


def finger_down(given: argparse.Namespace) -> list[dict[str, Any]]:
    """One finger, as its first impression if none is named."""
    return [{"finger": given.seed, "impression": given.impression or 0}]


def faults_of() -> dict[str, dict[str, Any]]:
    """Of each kind of scanner: what can be wrong with it, and as which value it is said: a whole number, a list…"""
    more = {"uru4000": {"blink": 0}, "zfm": {"baud": 0}}
    found = {}
    for name in sorted(more):
        made = part(KINDS[name], "Faults")()
        found[name] = {field.name: getattr(made, field.name) for field in dataclasses.fields(made)} | more[name]
    return found


def add_faults(one: argparse.ArgumentParser) -> None:
    """Have the help name every fault, and what is none be refused here."""
    lines = []
    for kind, known in faults_of().items():
        words = (f"{name} {json.dumps(value)}" for name, value in known.items())
        lines.append(textwrap.fill(f"{kind}: {', '.join(words)}", 100, subsequent_indent="  "))
    one.formatter_class = argparse.RawDescriptionHelpFormatter
    one.epilog = "Faults, with the value of a sound device:\n" + "\n".join(lines) + (
        "\nA count of -1 means none or all, as drivers/virtual/KIND_device.py says of each.")


def fault_problem(name: str, value: object) -> str:
    """Why no scanner can have this fault; empty if one can."""
    fitting = [known[name] for known in faults_of().values() if name in known]
    if not fitting:
        return f"no scanner has a fault {name!r}"
    if not any(type(value) in (type(sound), *((bool,) if isinstance(sound, int) else ())) for sound in fitting):
        return f"the value of {name} is no {json.dumps(value)}: a sound device has {json.dumps(fitting[0])}"
    return ""


HANDS = {
    "present": Hand("lift what lies there and lay a document down", (("rows", str, "+"),), laid_down),
    "lift": Hand("lift it", (), lambda _given: [{"remove": True}]),
    "block": Hand("show a bar code or stripe", (("text", str, None),), lambda given: [{"block": given.text}]),
    "send": Hand("raw bytes, in hexadecimal", (("data", bytes.fromhex, None),),
                 lambda given: [{"bytes": given.data.hex()}]),
    "noise": Hand("so many random bytes", (("count", int, None),), lambda given: [{"noise": given.count}]),
    "finger": Hand("lay a finger on a scanner", (("seed", int, None), ("impression", int, "?")), finger_down),
    "fault": Hand("break a scanner, or mend it; the value is JSON", (("name", str, None), ("value", json.loads, None)),
                  lambda given: [{"fault": {given.name: given.value}}]),
    "unplug": Hand("pull the cable", (), lambda _given: [{"unplug": True}]),
    "plug": Hand("plug it in again", (), lambda _given: [{"plug": True}]),
}  # fmt: skip


def parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """The command line; a kind's own options are there if it is among the words."""
    top = argparse.ArgumentParser(prog="python -m drivers.virtual", description="A reader or scanner without one.")
    kinds = top.add_subparsers(dest="kind", required=True)
    for name, kind in KINDS.items():
        one = kinds.add_parser(name)
        port = "a file for the port's name" if name in ON_USB else "the path that becomes the serial port"
        one.add_argument("--link", type=Path, required=True, help=port)
        one.add_argument("--control", type=Path, required=True, help="UNIX socket that takes orders")
        one.add_argument("--delay-ms", type=float, default=0.0, help="pause between fragments or reports")
        one.add_argument("--stdin-guard", action="store_true", help="end when standard input ends")
        if name in ON_USB:
            one.add_argument("--usbip-port", type=int, default=0, help="TCP port of 127.0.0.1 (0: any free one)")
        if name == USB_KIND:
            one.add_argument("--vendor", type=hexadecimal, help="USB vendor id, four hex digits")
            one.add_argument("--product", type=hexadecimal, help="USB product id, four hex digits")
            one.add_argument("--serial", help="USB serial number (empty: none)")
        elif name not in ON_USB:
            one.add_argument("--fragment", type=int, default=0, help="bytes per write (0: whole)")
        if name in SERIAL_SCANNERS:
            one.add_argument("--paced", action="store_true", help="bytes take the time that the line needs")
        if name in words[:1]:
            add_options(one, kind)
    for name, hand in HANDS.items():
        one = kinds.add_parser(name, help=hand.does, description=hand.does)
        one.add_argument("--control", type=Path, required=True, help="the socket of a running device")
        for argument, kind_of, count in hand.arguments:
            one.add_argument(argument, type=kind_of, nargs=count)
        if name == "fault" and name in words[:1]:
            add_faults(one)
        if name == "present":
            one.add_argument("--cut", type=int, help="send only so many bytes of it")
    return top


def hexadecimal(text: str) -> int:
    """A 16-bit id. Raises ValueError, which argparse reports."""
    return int.from_bytes(bytes.fromhex(text.rjust(4, "0")), "big") & 0xFFFF


def part(kind: Kind, name: str) -> Any:
    """A class or table of the device's module."""
    return getattr(importlib.import_module(f"drivers.virtual.{kind.module}"), name)


def add_options(one: argparse.ArgumentParser, kind: Kind) -> None:
    """One word per field of the device's options; bytes are given in hexadecimal."""
    known = {field: sorted(part(kind, table)) for field, table in kind.tables}
    for field in dataclasses.fields(part(kind, kind.options)) if kind.options else ():
        word, default = "--" + field.name.replace("_", "-"), field.default
        if isinstance(default, bool):
            one.add_argument(word, action=argparse.BooleanOptionalAction, default=default)
        elif isinstance(default, bytes):
            one.add_argument(word, type=bytes.fromhex, default=default, help="bytes in hexadecimal")
        elif isinstance(default, int | float | str):
            one.add_argument(word, type=type(default), default=default, choices=known.get(field.name))


def device_of(arguments: argparse.Namespace) -> VirtualDevice:
    """The device as the words describe it."""
    kind = KINDS[arguments.kind]
    device = part(kind, kind.device)
    if not kind.options:
        return cast(VirtualDevice, device())
    options = part(kind, kind.options)
    given = vars(arguments)
    chosen = {field.name: given[field.name] for field in dataclasses.fields(options) if field.name in given}
    return cast(VirtualDevice, device(options(**chosen)))


def main() -> int:
    """Play until told to stop; the exit code."""
    words = sys.argv[1:]
    arguments = parser(words).parse_args(words)
    try:
        return play(arguments)
    except VirtualReaderFault as fault:
        return fail(str(fault), "start it anew")
    except OSError as error:
        if arguments.kind in HANDS:
            return fail(f"{arguments.control}: {error.strerror or error}", "give the --control of a running reader")
        return fail(f"{arguments.link}: {error.strerror or error}", "give --link and --control in an existing folder")


def fail(what: str, advice: str) -> int:
    """Two lines on standard error, as every command of the house has them."""
    sys.stderr.write(f"error: {what}\nnext:  {advice}\n")
    return 1


def play(arguments: argparse.Namespace) -> int:
    """Move a hand, or be the device."""
    if arguments.kind == "fault" and (problem := fault_problem(arguments.name, arguments.value)):
        return fail(problem, "python -m drivers.virtual fault --help names them")
    if arguments.kind in HANDS:
        answers = [ask(arguments.control, order) for order in HANDS[arguments.kind].orders(arguments)]
        sys.stdout.write(json.dumps(answers[-1]) + "\n")
        return 0
    device, delay_s = device_of(arguments), arguments.delay_ms / 1000
    if arguments.kind == USB_KIND:
        from drivers.virtual.usb_bench import UsbBench
        from drivers.virtual.usb_keyboard import UsbIdentity

        chosen = {key: getattr(arguments, key) for key in ("vendor", "product", "serial")}
        identity = UsbIdentity(**{key: value for key, value in chosen.items() if value is not None})
        UsbBench(
            device, arguments.control, arguments.link, port=arguments.usbip_port, identity=identity, delay_s=delay_s,
            guard_stdin=arguments.stdin_guard,
        ).run()
    elif arguments.kind == USB_SCANNER:
        from drivers.virtual.uru4000_device import Uru4000Device
        from drivers.virtual.usb_bench import UsbScannerBench

        UsbScannerBench(
            cast(Uru4000Device, device), arguments.control, arguments.link, port=arguments.usbip_port,
            guard_stdin=arguments.stdin_guard,
        ).run()
    elif arguments.kind in SERIAL_SCANNERS:
        from drivers.virtual.scanner_bench import ScannerBench, SerialScanner

        ScannerBench(
            cast(SerialScanner, device), arguments.link, arguments.control, fragment=arguments.fragment,
            delay_s=delay_s, guard_stdin=arguments.stdin_guard, paced=arguments.paced,
        ).run()
    else:
        Bench(
            device, arguments.link, arguments.control, fragment=arguments.fragment, delay_s=delay_s,
            guard_stdin=arguments.stdin_guard,
        ).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
