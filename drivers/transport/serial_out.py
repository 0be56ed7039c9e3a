"""A serial port towards a PC: opened and set up as a device's port is, then written through its descriptor.

Who writes must never wait here, so it writes without waiting itself and keeps what the port did not take.
"""

from __future__ import annotations

import contextlib

import serial

from drivers.transport.serial_port import FAULTS, on_open


class SerialOut:
    """An open port, held exclusively, 8 data bits and 1 stop bit. Raises DeviceError when it cannot be opened."""

    def __init__(self, port: str, baud: int = 9600, parity: str = "N") -> None:
        try:
            self._serial = serial.Serial(port, baud, parity=parity, timeout=0, write_timeout=0, exclusive=True)
        except (*FAULTS, ValueError) as problem:
            raise on_open(port, problem) from None

    def fileno(self) -> int:
        """The descriptor, non-blocking."""
        return int(self._serial.fileno())

    def close(self) -> None:
        """Let the port go, dropping what it has not sent. Never raises."""
        with contextlib.suppress(*FAULTS):
            self._serial.reset_output_buffer()
        with contextlib.suppress(*FAULTS):
            self._serial.close()
