"""Makes the helpers in this folder importable, gives hypothesis one profile, and each test a log of its own."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import settings

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1])]
settings.register_profile("project", deadline=None, derandomize=True, max_examples=200)
settings.load_profile("project")

for _number, _usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(_number) == signal.SIG_IGN:  # begun in the background or under nohup: children would inherit it
        signal.signal(_number, _usual)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of single tests; here, because pytest looks for them at the root alone."""
    parser.addoption("--rebuild-expectations", action="store_true", help="write tests/recordings/*/*.expect anew")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run what takes whole processes last, so that a plain mistake shows first."""
    items.sort(key=lambda item: "/system/" in str(item.path))


def pytest_collection_finish() -> None:
    """Thousands of tests stay until the end: what stays need not be looked over at every full collection."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, Any, Any]:
    """What a test or one of its fixtures has the log do ends with the test: structlog has one configuration for the
    process, and what runs a verb in it sets it up. A fixture for several tests may not configure it for them.
    """
    before = structlog.get_config()
    try:
        return (yield)
    finally:
        structlog.configure(**before)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Where every program was installed on purpose (BORDERPOST_CI), a skip for want of one is a failure."""
    report = yield
    if report.skipped and os.environ.get("BORDERPOST_CI") and "not on PATH" in str(report.longrepr):
        report.outcome = "failed"
    return report
