"""pyserial's client for RFC 2217 with a reading loop that neither dies unsaid nor grows.

Laws:
1. pyserial 3.5 lets the loop's thread die of what it meets: an answer that it cannot send because the server has hung
   up (OSError), an end of a telnet suboption that never began (TypeError), an answer in a state that it does not know
   (ValueError). Here the thread ends in order: ``fault`` says why, and the queue of bytes ends with None.
2. It collects a suboption (IAC SB … IAC SE) without a limit, and what the device sends meanwhile goes into it. Here
   one of more than ``MAX_SUBOPTION`` bytes is a fault, and the connection is shut.
3. Who waits for the server's consent to something is told at once when the thread has ended, not after pyserial's 3 s.

Sources: RFC 854 (IAC), RFC 855 (SB, SE), RFC 2217 (its suboptions have at most 6 bytes; SIGNATURE is free text).
"""

from __future__ import annotations

import contextlib
import queue
import socket

import serial
import serial.rfc2217
from serial.rfc2217 import DO, DONT, IAC, SB, SE, WILL, WONT

MAX_SUBOPTION = 256  # bytes: no more of a device's reads is swallowed before it is noticed
PIECE = 1024  # bytes
ENDLESS = f"it began a telnet suboption and did not end it within {MAX_SUBOPTION} bytes"


class Rfc2217(serial.rfc2217.Serial):  # type: ignore[misc] # pyserial carries no types
    """One connection. ``hung_up``: its thread has ended, and not by ``close``; ``fault``: why, where it is known."""

    hung_up = False
    fault = ""

    def close(self) -> None:
        """End the connection and the thread; also a connection whose other end is gone already."""
        connection: socket.socket | None = self._socket
        try:
            super().close()
        finally:
            if connection is not None:
                connection.close()

    def _telnet_read_loop(self) -> None:
        """The thread, instead of pyserial's (law 1)."""
        connection: socket.socket = self._socket
        try:
            self._listen(connection)
        except Exception as problem:
            self.fault = self.fault or f"it makes no sense as RFC 2217 ({type(problem).__name__})"
        finally:
            if self.is_open:
                self._let_nobody_wait()
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            with contextlib.suppress(queue.Full):  # when it is full, who empties it sees that the thread has ended
                self._read_buffer.put_nowait(None)

    def _listen(self, connection: socket.socket) -> None:
        """Until the connection ends or is closed. Raises ValueError over law 2, and whatever pyserial raises."""
        command: bytes | None = None  # IAC, or a verb whose option follows
        suboption: bytearray | None = None
        while self.is_open:
            try:
                data: bytes = connection.recv(PIECE)
            except TimeoutError:  # the limit of a write
                continue
            except OSError:
                return
            if not data:
                return
            for byte in (data[at : at + 1] for at in range(len(data))):
                if command is None and byte == IAC:
                    command = IAC
                elif command is None or (command == IAC and byte == IAC):  # IAC twice stands for itself
                    command = None
                    if suboption is None:
                        self._read_buffer.put(byte)
                        continue
                    suboption += byte
                    if len(suboption) > MAX_SUBOPTION:
                        self.fault = ENDLESS
                        raise ValueError(ENDLESS)
                elif command == IAC:
                    command = byte if byte in (DO, DONT, WILL, WONT) else None
                    if byte == SB:
                        suboption = bytearray()
                    elif byte == SE:
                        if suboption is None:
                            raise ValueError("an end of a suboption that never began")
                        self._telnet_process_subnegotiation(bytes(suboption))
                        suboption = None
                    elif command is None:
                        self._telnet_process_command(byte)
                else:
                    self._telnet_negotiate_option(command, byte)
                    command = None

    def _let_nobody_wait(self) -> None:
        """Law 3."""
        self.hung_up = True  # first: who asks for something after this is refused, who asked before is answered below
        for option in self._telnet_options:
            option.state, option.active = serial.rfc2217.INACTIVE, False  # none is waited for, then the next step fails
        for setting in self._rfc2217_options.values():
            setting.state = serial.rfc2217.REALLY_INACTIVE  # a ValueError where it is waited for

    def _internal_raw_write(self, data: bytes) -> None:
        if self.hung_up:
            raise serial.SerialException("the server hung up")
        super()._internal_raw_write(data)
