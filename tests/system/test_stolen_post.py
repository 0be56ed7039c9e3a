"""The operator's page, *A stolen post*: with its lines in the access list a stolen box neither writes nor hears."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from broker import Authority, Broker, Identity

pytestmark = [pytest.mark.broker, pytest.mark.timeout(60)]

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "headquarters.md").read_text(encoding="utf-8")


def said(program: str, broker: Broker, ca: Path, own: Identity, *words: str) -> tuple[int, str]:
    command = [program, "-h", "localhost", "-p", str(broker.port), "-V", "5", "-q", "1", "--cafile", str(ca),
               "--cert", str(own.certificate), "--key", str(own.key), *words]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    return done.returncode, done.stdout + done.stderr


def test_the_lines_for_a_stolen_post_shut_it_out_and_no_other(tmp_path: Path) -> None:
    if not shutil.which("mosquitto_pub"):
        pytest.skip("mosquitto_pub is not on PATH (Debian: apt install mosquitto-clients)")
    (acl,) = re.findall(r"^```acl\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert "add `user DEVICE` with `topic deny #` to the access list" in PAGE
    authority = Authority(tmp_path / "ca")
    holders = {name: authority.issue(name) for name in ("hq", "box-one", "box-two")}
    ca = authority.path

    def heard(broker: Broker, name: str) -> set[str]:
        """What comes to a box of what headquarters keeps for it: a last word for all, and one for this box."""
        for topic in ("bp/v1/hq/state", f"bp/v1/{name}/down/command"):
            said("mosquitto_pub", broker, ca, holders["hq"], "-t", topic, "-m", "word", "-r")
        _, told = said("mosquitto_sub", broker, ca, holders[name], "-t", "bp/v1/hq/state",
                       "-t", f"bp/v1/{name}/down/#", "-C", "2", "-W", "1", "-F", "topic %t")  # fmt: skip
        return set(re.findall(r"^topic (\S+)$", told, re.MULTILINE))

    def written(broker: Broker, name: str) -> bool:
        _, told = said("mosquitto_pub", broker, ca, holders[name], "-t", f"bp/v1/{name}/up/passage", "-m", "x")
        return "uthorized" not in told

    boxes = ("box-one", "box-two")
    everything = {name: {"bp/v1/hq/state", f"bp/v1/{name}/down/command"} for name in boxes}
    with Broker(tmp_path / "broker", acl=acl, tls=authority.issue("localhost", server=True)) as broker:
        assert {name: (written(broker, name), heard(broker, name)) for name in boxes} == {
            name: (True, everything[name]) for name in boxes
        }
        broker.set_acl(acl + "\nuser box-one\ntopic deny #\n")
        broker.stop()
        broker.start()
        assert (written(broker, "box-one"), heard(broker, "box-one")) == (False, set())
        assert (written(broker, "box-two"), heard(broker, "box-two")) == (True, everything["box-two"])
