"""A USB scanner as a port: vendor control transfers, interrupts in a queue, images from a bulk endpoint.

Laws:
1. Interrupts are read from the moment of opening, in a thread of their own (usb_pump): what the device says first is
   not missed.
2. An image is asked for before it is ordered: ``begin_image`` starts the transfer and returns, and what has come by
   then was not ordered (``ImageRead.done``). A transfer that nobody waits for any more takes what still comes.
3. No transfer is without a limit, and one is disposed of only when nobody is in it: where libusb gives a transfer not
   back, the device stays open rather than being freed under it.
4. The device's kernel drivers, its configuration and other interfaces of it (the keys of a keyboard) are left alone.
"""

from __future__ import annotations

import contextlib
import errno
import threading
import time
from collections.abc import Callable
from typing import Any, TypeAlias

import usb.core
import usb.util

from drivers.api import BadSetting, DeviceError, DeviceStuck
from drivers.transport.names import UsbIpName, UsbName, parse
from drivers.transport.usb_find import find, on_usb, serial_number
from drivers.transport.usb_port import FAULTS
from drivers.transport.usb_pump import Packet, Pump
from drivers.transport.usbip import UsbIpBackend

SLICE_S, CONTROL_S, IMAGE_S = 0.1, 1.0, 2.0
JOIN_S = 2.0
VENDOR_OUT, VENDOR_IN = 0x40, 0xC0
BULK, INTERRUPT, KIND = 2, 3, 3
REPLUG = "unplug the scanner and plug it in again"
UsbDevice: TypeAlias = Any  # pyusb carries no types
UsbBackend: TypeAlias = Any


class ImageRead:
    """One bulk transfer under way, in a thread of its own: ends by itself within its time limit."""

    def __init__(self, endpoint: UsbDevice, length: int, limit_s: float, clock: Callable[[], float]) -> None:
        self._endpoint, self._length, self._limit_s, self._clock = endpoint, length, limit_s, clock
        self._data = b""
        self._late = False
        self._problem: Exception | None = None
        self.at = 0.0  # when it ended, by the clock
        self._thread = threading.Thread(target=self._run, name="usb image", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        began = self._clock()
        try:
            self._data = bytes(self._endpoint.read(self._length, int(self._limit_s * 1000)))
        except Exception as problem:  # told to the owner by ``result``
            self._problem = problem
        self.at = self._clock()
        self._late = self.at - began >= self._limit_s  # then libusb gives what came by then, and the rest is to come

    def done(self, wait_s: float) -> bool:
        """Has it ended within so many seconds?"""
        self._thread.join(max(0.0, wait_s))
        return not self._thread.is_alive()

    def result(self) -> bytes | None:
        """What came: b"" where the endpoint stalled, None when it did not come whole in time.

        It is given once, and not kept here. Raises USBError and its like.
        """
        if not self.done(self._limit_s + JOIN_S):
            raise usb.core.USBError("the transfer does not end", None, errno.ETIMEDOUT)
        problem = self._problem
        if isinstance(problem, usb.core.USBTimeoutError) or (problem is None and self._late):
            self._data = b""
            return None
        if isinstance(problem, usb.core.USBError) and problem.errno in (errno.EPIPE, errno.EOVERFLOW):
            self._endpoint.clear_halt()
            return b""
        if problem is not None:
            raise problem
        data, self._data = self._data, b""
        return data


class UsbScannerPort:
    """A scanner with one vendor interface of an interrupt and a bulk endpoint, claimed for us alone."""

    def __init__(
        self, port: str, *, interface: tuple[int, int, int], request: int, packet: int, slice_s: float = SLICE_S,
        control_s: float = CONTROL_S, image_s: float = IMAGE_S, clock: Callable[[], float] = time.monotonic,
        backend: UsbBackend = None,
    ) -> None:
        """Open ``usb:VVVV:PPPP[:SERIAL][@BUS-PORT]`` or ``usbip://HOST:PORT/BUSID``.

        ``interface`` is the class, subclass and protocol of its interface, ``request`` the number of the vendor's
        control requests, ``packet`` the bytes of an interrupt; ``slice_s`` (replays want a long one), ``control_s``
        and ``image_s`` limit one transfer each; ``backend`` replaces libusb. Raises DeviceError, BadSetting.
        """
        name = parse(port)
        if not isinstance(name, UsbName | UsbIpName):
            raise BadSetting(
                f"port {port!r}: this scanner is a USB device", key="port",
                advice="write it like this: usb:05ba:000a, or usbip://192.0.2.7:3240/1-1",
            )
        self._port, self._request = port, request
        self._control_s, self._image_s, self._clock = control_s, image_s, clock
        self._remote: UsbIpBackend | None = UsbIpBackend(name) if isinstance(name, UsbIpName) else None
        self._device: UsbDevice = None
        self._image: ImageRead | None = None
        self._round_trip_s = 0.0
        try:
            self._device = find(port, name, self._remote or backend)
            irq, self._bulk = self._claim(interface)
            self._pump = Pump(irq, packet, slice_s, clock=clock)
        except BaseException as problem:
            self._let_go()
            if isinstance(problem, FAULTS):
                raise on_usb(port, problem) from None
            raise

    @property
    def ids(self) -> tuple[int, int]:
        """Vendor and product."""
        return self._device.idVendor, self._device.idProduct

    @property
    def round_trip_s(self) -> float:
        """Seconds that the last control transfer took: the way there and back, through a network too."""
        return self._round_trip_s

    def serial(self) -> str:
        """The device's serial number; "" if it has none or does not give it."""
        return serial_number(self._device) or ""

    def _claim(self, wanted: tuple[int, int, int]) -> tuple[UsbDevice, UsbDevice]:
        try:
            active = self._device.get_active_configuration()
        except usb.core.USBError as problem:
            if problem.errno is not None:  # without one it says: no configuration is set
                raise
            self._device.set_configuration()
            active = self._device.get_active_configuration()
        for one in active:
            if (one.bInterfaceClass, one.bInterfaceSubClass, one.bInterfaceProtocol) == wanted:
                ends = {end.bmAttributes & KIND: end for end in one if end.bEndpointAddress & 0x80}
                if INTERRUPT in ends and BULK in ends:
                    usb.util.claim_interface(self._device, one.bInterfaceNumber)
                    return ends[INTERRUPT], ends[BULK]
        raise DeviceError(
            f"{self._port}: this device is no scanner of this kind",
            advice="choose another driver for it; see what is there with: borderpost devices",
        )

    def read_register(self, register: int, length: int) -> bytes:
        """Vendor control transfer in: up to ``length`` bytes. Raises DeviceError."""
        try:
            return bytes(self._control(VENDOR_IN, register, length))
        except FAULTS as problem:
            raise self._told(problem) from None

    def write_register(self, register: int, data: bytes) -> None:
        """Vendor control transfer out. Raises DeviceError."""
        try:
            self._control(VENDOR_OUT, register, data)
        except FAULTS as problem:
            raise self._told(problem) from None

    def _control(self, kind: int, register: int, data: int | bytes) -> Any:
        began = self._clock()
        answer = self._device.ctrl_transfer(kind, self._request, register, 0, data, int(self._control_s * 1000))
        self._round_trip_s = self._clock() - began
        return answer

    def _told(self, problem: Exception) -> DeviceError:
        if isinstance(problem, usb.core.USBTimeoutError) or getattr(problem, "errno", None) == errno.ETIMEDOUT:
            return DeviceStuck(f"{self._port}: it does not answer", advice=REPLUG)
        return on_usb(self._port, problem)

    def interrupt(self, wait_s: float) -> Packet | None:
        """The next interrupt; None when none came in ``wait_s`` seconds or ``wake`` was called. Raises DeviceError."""
        packets = self._pump.take(1, wait_s)
        problem = self._pump.problem
        if not packets and problem is not None:
            raise self._told(problem)
        return packets[0] if packets else None

    def begin_image(self, length: int) -> ImageRead:
        """Law 2. Waits until the one before has ended, and throws away what it brought. Raises DeviceError."""
        if self._image is not None and not self._image.done(self._image_s + JOIN_S):
            raise DeviceStuck(f"{self._port}: a transfer does not end", advice=REPLUG)
        try:
            self._image = ImageRead(self._bulk, length, self._image_s, self._clock)
        except RuntimeError as problem:  # no thread is to be had
            raise on_usb(self._port, problem) from None
        return self._image

    def image(self, read: ImageRead) -> bytes | None:
        """What a transfer brought, see ImageRead.result. Raises DeviceError."""
        try:
            return read.result()
        except FAULTS as problem:
            raise self._told(problem) from None

    def rest(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def wake(self) -> None:
        """End a waiting ``interrupt`` now; from any thread, never raises."""
        self._pump.wake()

    def reset(self) -> None:
        """A USB port reset; nothing is read afterwards. Never raises."""
        if self._idle():
            with contextlib.suppress(OSError, NotImplementedError):
                self._device.reset()

    def close(self) -> None:
        """Never raises."""
        if self._remote is not None:
            self._remote.close()  # ends the transfers at once
        if self._idle():
            self._let_go()

    def _idle(self) -> bool:
        """Law 3: is nobody in a transfer, now that the pump was stopped?"""
        stopped = self._pump.stop()
        return stopped and (self._image is None or self._image.done(self._image_s + JOIN_S))

    def _let_go(self) -> None:
        device, self._device = self._device, None
        if device is not None:
            with contextlib.suppress(OSError, NotImplementedError, ValueError):
                usb.util.dispose_resources(device)
        if self._remote is not None:
            self._remote.close()
