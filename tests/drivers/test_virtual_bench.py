"""The bench that plays virtual devices outlives what is done to it."""

from __future__ import annotations

import contextlib
import os

from drivers.virtual.control import VirtualReader, ask

TURNS = 150


def test_pulled_in_the_moment_in_which_the_host_writes(tmp_path):
    with VirtualReader(tmp_path / "reader", tmp_path / "reader.sock", "elyctis") as reader:
        for turn in range(TURNS):
            host = os.open(reader.link, os.O_RDWR | os.O_NOCTTY)
            with contextlib.suppress(OSError):
                os.write(host, b"\x49\x00\x00" * 20)
            reader.unplug()
            os.close(host)
            reader.plug()
            assert ask(reader.control, {"status": True})["plugged"], f"turn {turn}"
