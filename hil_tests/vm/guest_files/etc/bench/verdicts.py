"""Copies the counter's JSON lines to a virtio port, whole lines alone, over every restart of the daemon.

    python3 -I -S verdicts.py SOCKET PORT

Runs in the guest by the system's Python and its own library. A line goes out in one piece as soon as it came in; one
that the daemon left unfinished is dropped, so that the next one begins at the start of a line.
"""

import os
import socket
import sys
import time

RETRY_S = 0.2  # between two tries to find the daemon
MAX_LINE = 4 * 1024 * 1024  # bytes; what is longer is no line of the daemon's


def copy(source: socket.socket, port: int) -> None:
    """Copy until the daemon hangs up."""
    waiting = b""
    while data := source.recv(65536):
        lines, newline, waiting = (waiting + data).rpartition(b"\n")
        if len(waiting) > MAX_LINE:
            raise SystemExit("a line without an end")
        rest = lines + newline
        while rest:
            rest = rest[os.write(port, rest):]


def main() -> None:
    """Until it is stopped."""
    path, name = sys.argv[1:]
    port = os.open(name, os.O_WRONLY)
    while True:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as source:
            try:
                source.connect(path)
                copy(source, port)
            except OSError:
                pass  # no daemon yet, or none any more
        time.sleep(RETRY_S)


if __name__ == "__main__":
    main()
