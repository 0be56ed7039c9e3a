"""The page *From a bare box to a working post, by stick*: its commands, run in their order, and what they leave."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.broker, pytest.mark.timeout(240)]

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "from-stick-to-post.md").read_text(encoding="utf-8")
SCRIPT = "\n".join(re.findall(r"^```sh\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE))
PORT = "18883"  # as the page has it


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return str(server.getsockname()[1])


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """(the folder, what was printed) after the whole page was run in one shell."""
    if not shutil.which("mosquitto"):
        pytest.skip("mosquitto is not on PATH (Debian: apt install mosquitto)")
    folder = tmp_path_factory.mktemp("walk")
    words = os.environ["PATH"].split(os.pathsep)
    environ = {
        **os.environ, "PYTHONPATH": str(ROOT), "PATH": os.pathsep.join([str(Path(sys.executable).parent), *words]),
    }
    script = "set -euo pipefail\n" + SCRIPT.replace(PORT, free_port())
    process = subprocess.Popen(
        ["bash", "-c", script], cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        said, _ = process.communicate(timeout=220)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # what the script put into the background and did not end
        process.wait()
    assert process.returncode == 0, said[-4000:]
    return folder, said


def test_the_page_leads_from_a_bare_box_to_a_working_post_and_back(walked: tuple[Path, str]) -> None:
    folder, said = walked
    (out,) = {path.parent for path in folder.glob("stick/BORDERPOST/out/*/RESULT-2.txt")}

    def parts(visit: int) -> list[tuple[str, str]]:
        told = json.loads((out / f"RESULT-{visit}.json").read_text(encoding="utf-8"))
        return [(part["part"], part["code"]) for part in told["parts"]]

    assert parts(1) == [("claim", "BP-101")]
    assert ("envelope", "BP-102") in parts(2)
    assert ("lists", "BP-104") in parts(2)
    assert ("rows", "BP-105") in parts(3)
    assert ("envelope", "BP-102") in parts(4)
    assert ("rows", "BP-110") in parts(4)
    assert ("envelope", "BP-102") in parts(5)
    assert parts(6) == [("envelope", "BP-103"), ("reset", "BP-106")]
    assert re.search(r"^north-gate-1 +north-gate +online", said, re.MULTILINE)
    assert "1 new, 0 duplicate, 0 conflicting, 0 refused" in said
    assert re.search(r"^outbox +0 waiting", said, re.MULTILINE)


def test_what_is_left_on_the_stick_and_on_the_box_holds_nothing_of_the_traveller(walked: tuple[Path, str]) -> None:
    folder, _ = walked
    for place in ("stick", "box"):
        for path in (folder / place).rglob("*"):
            if path.is_file() and not path.is_symlink():
                data = path.read_bytes()
                assert b"ERIKSSON" not in data, path
                assert b"L898902C3" not in data, path
    assert not list((folder / "box" / "state" / "config").glob("[0-9]*")), "the configuration outlived the reset"
