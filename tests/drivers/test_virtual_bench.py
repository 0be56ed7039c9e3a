"""The bench that plays virtual devices outlives what is done to it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys

ROWS = ["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"]


def test_pulled_in_the_moment_in_which_the_host_writes(tmp_path):
    """Both wait for the same turn: the device is held, the host writes, the cable goes, the device goes on."""
    link, control = tmp_path / "reader", tmp_path / "reader.sock"
    words = ["elyctis", "--link", str(link), "--control", str(control), "--stdin-guard"]
    with subprocess.Popen([sys.executable, "-m", "drivers.virtual", *words], stdin=subprocess.PIPE) as bench:
        try:
            with connected(control, bench) as connection, connection.makefile("rb") as answers:
                def ask(order: dict) -> dict:
                    connection.sendall(json.dumps(order).encode() + b"\n")
                    return json.loads(answers.readline())

                assert ask({"status": True})["plugged"]
                host = os.open(link, os.O_RDWR | os.O_NOCTTY)
                os.kill(bench.pid, signal.SIGSTOP)
                os.waitpid(bench.pid, os.WUNTRACED)
                os.write(host, b"\x49\x00\x00")
                connection.sendall(b'{"unplug": true}\n')
                os.kill(bench.pid, signal.SIGCONT)
                assert json.loads(answers.readline())["ok"]
                os.close(host)
                assert ask({"plug": True})["ok"]
                assert ask({"present": ROWS, "wait_s": 0.0})["ok"]
                assert bench.poll() is None
        finally:
            bench.stdin.close()
            bench.wait(10)


def connected(control, bench) -> socket.socket:
    """A connection to the control socket, as soon as there is one."""
    while bench.poll() is None:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(10)
        try:
            connection.connect(str(control))
        except OSError:
            connection.close()
        else:
            return connection
    raise AssertionError("the virtual reader ended")
