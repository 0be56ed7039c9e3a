"""A process that passes reads on, as the box does, until it is killed: one read for each line of standard input.

    python passthrough_child.py TO…      a line "TEXT" becomes the frame STX TEXT CR ETX
"""

from __future__ import annotations

import os
import sys
import threading
import time

from drivers.api import DocumentRead
from drivers.transport.serial_out import SerialOut
from edge import logs, systemd
from edge.config import LogConfig, PassThroughConfig
from edge.crew import Pulse
from edge.passthrough import PassThrough


def say(word: str) -> None:
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


def main() -> None:
    logs.set_up(LogConfig(level="error"))
    relay = PassThrough(
        [PassThroughConfig(to=to, readers=("swipe-1",)) for to in sys.argv[1:]],
        open_line=SerialOut, mono=time.monotonic, keep=systemd.from_environment(),
        inherited=systemd.inherited(os.environ),
    )
    relay.start()
    pulse = Pulse(threading.Event(), time.monotonic)
    threading.Thread(target=relay.run, args=(pulse,), daemon=True).start()
    say("ready")
    for line in sys.stdin:
        text = line.strip()
        relay.emit(DocumentRead("swipe-1", (text,), b"\x02" + text.encode() + b"\r\x03", time.monotonic()))
        say("emitted")


if __name__ == "__main__":
    main()
