"""doctor and status on fingerprint scanners: told while the box runs, while it does not, and when it is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge import config
from edge.checks import Check, Grade
from edge.checks_scanners import extractor, scanners
from edge.config import Config
from edge.verbs.status import _scanner

TOML = """
[box]
device = "post-1"
[headquarters]
seal_key = "x"
ack_key = "x"
[[reader]]
name = "swipe-1"
driver = "text"
port = "/dev/swipe"
[[counter]]
name = "lane-1"
direction = "entry"
readers = ["swipe-1"]
scanner = "finger-1"
[[scanner]]
name = "finger-1"
port = "{port}"
driver = "{driver}"
"""
DOWN = Check("box", Grade.ERROR, "does not answer")


def parse(port: str = "usb:05ba:000a", driver: str = "uru4000") -> Config:
    return config.parse(TOML.format(port=port, driver=driver), where="edge.toml", base=Path("/base"))


def said(**more: Any) -> dict[str, Any]:
    scanner = {
        "name": "finger-1", "state": "ready", "port": "usb:05ba:000a", "driver": "uru4000", "tier": "recorded",
        "proven": True, "counter": "lane-1", "taken": 3, "failed": 0, "captures": 4, "retries": 1, "faults": 0,
        "losses": 0, "opens": 1, "problem": "", "advice": "", "swapped": "", "remark": "", "firmware": "",
        "serial": "SN1", "product": "",
    } | more
    return {"scanners": [scanner], "fingers": {"extract": {"problem": "", "starts": 1}, "search": {}}}


def found(config_: Config, word: dict[str, Any] | Check) -> list[tuple[str, Grade, str]]:
    return [(one.name, one.grade, one.found) for one in scanners(config_, word, "edge.toml")]


def test_the_word_of_the_running_box_is_the_only_one() -> None:
    assert found(parse(), said()) == [("scanner finger-1", Grade.OK, "usb:05ba:000a is ready")]


@pytest.mark.parametrize(
    ("more", "grade", "text"),
    [
        ({"state": "absent", "problem": "nothing is plugged in", "advice": "plug it in"}, Grade.ERROR, "is absent"),
        ({"problem": "no image came", "advice": "look at its cable"}, Grade.WARNING, "the last finger failed"),
        ({"swapped": "it says serial number X"}, Grade.ERROR, "serial number X"),
        ({"remark": "half speed"}, Grade.WARNING, "half speed"),
        ({"failed": 40}, Grade.WARNING, "40 fingers failed"),
    ],
)
def test_what_is_not_well_is_said_with_the_next_step(more: dict[str, Any], grade: Grade, text: str) -> None:
    checks = list(scanners(parse(), said(**more), "edge.toml"))
    bad = [one for one in checks if one.grade is grade and text in one.found]
    assert bad
    assert all(one.advice for one in bad)


def test_a_scanner_that_the_running_box_does_not_know() -> None:
    (check,) = scanners(parse(), {**said(), "scanners": []}, "edge.toml")
    assert (check.grade, check.advice) == (Grade.WARNING, "restart the box: it read an older edge.toml")


def test_an_extractor_that_is_away_is_an_error() -> None:
    word = said()
    word["fingers"]["extract"]["problem"] = "nbis-py is missing"
    assert ("extractor", Grade.ERROR, "nbis-py is missing") in found(parse(), word)


def test_while_the_box_does_not_run_the_port_is_looked_at(tmp_path: Path) -> None:
    absent = found(parse(str(tmp_path / "tty"), "zfm"), DOWN)
    assert absent == [("scanner finger-1", Grade.ERROR, f"{tmp_path / 'tty'} is absent")]
    (tmp_path / "tty").write_text("")
    assert found(parse(str(tmp_path / "tty"), "zfm"), DOWN)[0][2].endswith("is no serial port")


def test_a_driver_that_is_none_is_named_with_its_place() -> None:
    ((name, grade, text),) = found(parse(driver="sonar"), DOWN)
    assert (name, grade) == ("scanner finger-1", Grade.ERROR)
    assert text == 'edge.toml: [[scanner]] name = "finger-1": driver: no driver is called \'sonar\''


def test_status_has_a_line_for_a_scanner_and_one_for_each_trouble() -> None:
    (line,) = _scanner(said()["scanners"][0])
    assert line.startswith("scanner  finger-1     ready    uru4000 (recorded)  counter lane-1  fingers 3  failed 0")
    bad = _scanner(said(problem="its port is gone", advice="check its cable", losses=2, remark="x", swapped="y",
                        proven=False, tier="virtual")["scanners"][0])
    assert len(bad) == 5
    assert "virtual: unproven" in bad[0]
    assert "its port is gone; next: check its cable" in bad[2]


def test_while_the_box_does_not_run_the_extractor_is_tried_with_the_memory_it_would_have() -> None:
    def tried(megabytes: int) -> Check:
        more = f'[fingers]\nextractor = "mindtct"\nextract_mb = {megabytes}\n'
        text = TOML.format(port="usb:05ba:000a", driver="uru4000") + more
        (check,) = extractor(config.parse(text, where="edge.toml", base=Path("/base")), DOWN)
        return check

    assert tried(1536).grade is Grade.OK
    little = tried(256)
    assert (little.name, little.grade) == ("extractor", Grade.ERROR)
    assert "raise fingers.extract_mb" in (little.advice or "")
    assert list(extractor(parse(), said())) == []
