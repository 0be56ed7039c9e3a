"""The process of a replay's box: `borderpost` as it is, which does not outlive the replay.

Law: whoever started it holds its standard input; where that ends (also by SIGKILL, after which nobody clears up), the
box ends and removes the replay's folders.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
import time

STOP_S = 10.0  # for the box to end in order


def box() -> None:
    """Run the command line; its last two words are the folders, which `borderpost` does not see."""
    from edge.cli import main

    *sys.argv, folder, sockets = sys.argv
    orphaned = threading.Event()

    def remove() -> None:
        for path in {folder, sockets}:
            shutil.rmtree(path, ignore_errors=True)

    def guard() -> None:
        while os.read(0, 4096):
            pass
        orphaned.set()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(STOP_S)
        remove()
        os._exit(1)  # it did not end in time

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # until the box has a handler of its own
    threading.Thread(target=guard, daemon=True).start()
    try:
        main()
    finally:
        if orphaned.is_set():
            remove()
