"""The demo's broker: mosquitto where it is installed, else the one in the ``iotcore`` wheel.

Both speak MQTT 5 on loopback and authorise nobody: a demo broker, said on screen. No loss depends on
the choice, because a row counts as delivered only on headquarters' own signed word.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

from edge.core.errors import BorderpostError

START_TIMEOUT_S = 10.0
MAX_PAYLOAD_BYTES = 65536

MOSQUITTO_CONF = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence false
set_tcp_nodelay true
max_packet_size {size}
log_type none
"""

IOTCORE_CONF = """\
id = 0
[router]
id = 0
max_connections = 100
max_outgoing_packet_count = 200
max_segment_size = 10485760
max_segment_count = 10
[v5.1]
name = "v5-1"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1
[v5.1.connections]
connection_timeout_ms = 5000
max_payload_size = {size}
max_inflight_count = 200
dynamic_filters = true
"""


class BrokerError(BorderpostError):
    """No broker could be started."""


def find_mosquitto() -> str | None:
    """The mosquitto program, also where Debian puts it for root only."""
    return shutil.which("mosquitto", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))


def free_port() -> int:
    """A loopback port that nobody listened on a moment ago."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class Broker:
    """A broker as a child process; ``kind`` is ``mosquitto`` or ``iotcore``."""

    def __init__(self, folder: Path, *, prefer: str = "auto") -> None:
        self.port = free_port()
        self._folder = folder
        program = find_mosquitto() if prefer in ("auto", "mosquitto") else None
        if program:
            self.kind = "mosquitto"
            config = folder / "mosquitto.conf"
            config.write_text(MOSQUITTO_CONF.format(port=self.port, size=MAX_PAYLOAD_BYTES), encoding="utf-8")
            self._command = [program, "-c", str(config)]
        elif importlib.util.find_spec("iotcore") is not None and prefer != "mosquitto":
            self.kind = "iotcore"
            config = folder / "iotcore.toml"
            config.write_text(IOTCORE_CONF.format(port=self.port, size=MAX_PAYLOAD_BYTES), encoding="utf-8")
            self._command = [sys.executable, "-m", "iotcore", "--config", str(config), "--log-level", "error"]
        else:
            raise BrokerError("no MQTT broker was found", advice="sudo apt install mosquitto, then try again")
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def describe(self) -> str:
        """One line for the screen."""
        return f"{self.kind} on 127.0.0.1:{self.port} (demo broker: loopback only, authorises nobody)"

    def start(self) -> None:
        """Start the process and wait until it listens."""
        with (self._folder / "broker.log").open("ab") as out:
            self.process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.02)
        self.stop()
        raise BrokerError(
            f"{self.kind} did not start", advice=f"read {self._folder / 'broker.log'}, or run the demo again"
        )

    @property
    def running(self) -> bool:
        """True while the process lives."""
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """End the process as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(5)
            self.process = None

    def stop(self) -> None:
        """End the process by its own id."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)
        self.process = None
