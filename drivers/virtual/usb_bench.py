"""Plays one virtual USB device over USB/IP; the same control socket as ``drivers.virtual.bench``.

``link`` is a file with one line, the port's name (``usbip://127.0.0.1:PORT/1-1``), there while it is plugged in.
Further orders: ``{"late": seconds}`` (everything is said so much later, until ``{"late": 0}``); of a keyboard reader
``{"stall": true}`` (the endpoint halts until the host clears it) and ``{"short": n}`` (the next report has only n of
its 8 bytes); of a fingerprint scanner ``{"finger": SEED, "impression": n?}`` (lay it down; ``remove`` lifts it) and
``{"fault": {name: value}}`` (break it, as its module describes).
``bytes`` and ``noise`` are raw reports, 8 bytes each. ``at`` is the monotonic second at which the last report was
handed to the host, or put by to be said late. A report that the host does not ask for within a second is lost,
and with it the rest of its document.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from drivers.virtual.bench import Answer, Bench
from drivers.virtual.device import VirtualDevice
from drivers.virtual.outlet import STALL_S
from drivers.virtual.uru4000_device import Uru4000Device
from drivers.virtual.usb_keyboard import UsbIdentity, UsbKeyboard
from drivers.virtual.usb_share import UsbShare
from drivers.virtual.usb_side import UsbSide


class UsbBench(Bench):
    """One keyboard on one TCP port of 127.0.0.1 until told to stop.

    ``device`` types; ``port`` 0 takes any free one; ``identity`` is how it shows itself; ``delay_s`` is the pause
    between reports (10 ms with many real ones).
    """

    def __init__(
        self, device: VirtualDevice, control: Path, link: Path, *, port: int = 0, identity: UsbIdentity | None = None,
        delay_s: float = 0.0, guard_stdin: bool = False, side: UsbSide | None = None, stall_s: float = STALL_S,
    ) -> None:
        self.share = UsbShare(side or UsbKeyboard(identity), link, port=port)
        super().__init__(
            device, link, control, fragment=8, delay_s=delay_s, guard_stdin=guard_stdin, port=self.share,
            stall_s=stall_s,
        )

    def _obey(self, order: dict[str, Any], answer: Answer) -> None:
        if "stall" in order:
            self.share.halt()
        elif "short" in order:
            self.share.short = max(0, min(8, int(order["short"])))
        elif "late" in order:
            self.share.late_s = max(0.0, min(60.0, float(order["late"])))
        else:
            super()._obey(order, answer)
            return
        answer({"ok": True})

    def _turn(self, wake: int) -> None:
        super()._turn(wake)
        self.share.pump(time.monotonic())

    def _patience(self) -> float:
        due = self.share.due
        patience = super()._patience()
        return patience if due is None else max(0.0, min(patience, due - time.monotonic()))

    def _clean(self) -> None:
        super()._clean()
        self.share.close()


class UsbScannerBench(UsbBench):
    """One fingerprint scanner, likewise."""

    def __init__(
        self, device: Uru4000Device, control: Path, link: Path, *, port: int = 0, guard_stdin: bool = False
    ) -> None:
        self.scanner = device
        super().__init__(device, control, link, port=port, guard_stdin=guard_stdin, side=device)

    def _obey(self, order: dict[str, Any], answer: Answer) -> None:
        if "finger" in order:
            self.scanner.finger(int(order["finger"]), int(order.get("impression", 0)))
        elif "fault" in order:
            self.scanner.fault(dict(order["fault"]))
        else:
            super()._obey(order, answer)
            return
        answer({"ok": True})

    def _turn(self, wake: int) -> None:
        super()._turn(wake)
        for endpoint in self.scanner.endpoints:
            while self.share.asked(endpoint):
                if endpoint != 0x81 and self.scanner.stalls():
                    self.share.halt(endpoint)
                    break
                said = self.scanner.next(endpoint)
                if said is None:
                    break
                if endpoint != 0x81 and self.scanner.tears:
                    self.share.tear(endpoint, said)
                    self._unplug()
                    return
                self.share.give(endpoint, said)
            if not self.share.asked(endpoint):
                self.scanner.unasked(endpoint)

    def _patience(self) -> float:
        patience, now = super()._patience(), time.monotonic()
        dues = [due for end in self.scanner.endpoints if self.share.asked(end) and (due := self.scanner.due(end))]
        return max(0.0, min([patience, *(due - now for due in dues)]))
