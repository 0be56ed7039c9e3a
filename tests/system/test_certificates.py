"""The operator's page: its openssl commands, its broker configuration and a passage through the result."""

from __future__ import annotations

import re
import shutil
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest
from broker import Broker, Identity
from link_world import Headquarters, Post

from edge.config import TlsConfig
from hq.config import TlsConfig as HqTlsConfig

pytestmark = [pytest.mark.broker, pytest.mark.timeout(60)]

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "headquarters.md").read_text(encoding="utf-8")


def test_the_certificates_of_the_operators_page_serve_both_sides(tmp_path: Path) -> None:
    if not shutil.which("openssl"):
        pytest.skip("openssl is not on PATH (Debian: apt install openssl)")
    (commands,) = (block for block in _blocks("sh") if "openssl" in block)
    (acl,) = _blocks("acl")
    made = subprocess.run(
        ["sh", "-e", "-c", commands], cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False
    )
    assert made.returncode == 0, made.stderr
    ca = tmp_path / "ca.pem"
    with ExitStack() as stack:
        server = Identity(ca, tmp_path / "broker.pem", tmp_path / "broker.key")
        broker = stack.enter_context(Broker(tmp_path / "broker", acl=acl, tls=server))
        desk = HqTlsConfig(ca=str(ca), cert=str(tmp_path / "hq.pem"), key=str(tmp_path / "hq.key"))
        hq = Headquarters(tmp_path / "hq", broker.port, tls=desk)
        stack.callback(hq.stop)
        hq.start()
        own = TlsConfig(ca=str(ca), cert=str(tmp_path / "box-one.pem"), key=str(tmp_path / "box-one.key"))
        post = Post(tmp_path / "box", broker.port, hq, tls=own)
        stack.callback(post.stop)
        post.start()
        post.record(3)
        post.drained()
        assert hq.held() == 3
    log = (tmp_path / "broker" / "mosquitto.log").read_text(encoding="utf-8")
    assert "pattern" in log  # the warning that the page explains


def _blocks(language: str) -> list[str]:
    found: list[str] = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    return found
