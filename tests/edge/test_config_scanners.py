"""Scanners in edge.toml: what is accepted, what is refused and how it is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from common import settings
from edge import config
from edge.config import Config

HEAD = """
[box]
device = "post-1"
[headquarters]
seal_key = "x"
ack_key = "x"
[[reader]]
name = "swipe-1"
driver = "text"
port = "/dev/swipe"
"""
COUNTER = '[[counter]]\nname = "lane-1"\ndirection = "entry"\nreaders = ["swipe-1"]\n'
WITH = COUNTER + 'scanner = "finger-1"\n'
SCANNER = '[[scanner]]\nname = "finger-1"\nport = "usb:05ba:000a"\ndriver = "uru4000"\n'
SERIAL = SCANNER.replace("uru4000", "zfm")
SWIPE_2 = '[[reader]]\nname = "swipe-2"\ndriver = "text"\nport = "/dev/swipe2"\n'


def parse(text: str) -> Config:
    return config.parse(HEAD + text, where="edge.toml", base=Path("/base"))


def test_a_counter_may_have_a_scanner_and_needs_none() -> None:
    found = parse(WITH + SCANNER)
    assert (found.counter[0].scanner, found.scanner[0].driver) == ("finger-1", "uru4000")
    assert found.fingers.positions == ("right-index", "left-index")
    assert parse(COUNTER).scanner == ()


def test_a_path_is_made_absolute_and_a_usb_name_is_not() -> None:
    assert parse(WITH + SCANNER).scanner[0].port == "usb:05ba:000a"
    assert parse(WITH + SERIAL.replace("usb:05ba:000a", "finger.tty")).scanner[0].port == "/base/finger.tty"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (WITH, "no [[scanner]] is named 'finger-1'"),
        (COUNTER + SCANNER, "'finger-1' belongs to no counter"),
        (WITH + SCANNER + SCANNER, "scanner: 'finger-1' stands there twice"),
        (WITH.replace("finger-1", "swipe-1") + SCANNER.replace("finger-1", "swipe-1"), "'swipe-1' stands there twice"),
        (WITH + WITH.replace("lane-1", "lane-2") + SCANNER, "stands there twice"),  # one reader for two counters
        (WITH + WITH.replace("lane-1", "lane-2").replace("swipe-1", "swipe-2") + SWIPE_2 + SCANNER,
         "'finger-1' is the scanner of two counters, and a scanner serves one"),
        (WITH + SERIAL.replace("usb:05ba:000a", "/dev/swipe"), "have the same port"),
        (WITH + SCANNER + 'settings = { port = "x" }\n', "settings.port"),
        (WITH + SCANNER + '[fingers]\npositions = ["right-index", "right-index"]\n', "fingers.positions"),
        (WITH + SCANNER + '[fingers]\npositions = ["right-toe"]\n', "fingers.positions"),
        (WITH + SCANNER + "[fingers]\nfalse_candidates = 2\n", "fingers.false_candidates"),
        (WITH + SCANNER + '[fingers]\nrequired = ["Wanted"]\n', "fingers.required"),
        (WITH + SCANNER + '[fingers]\nrequired = ["wanted"]\n[screening]\nrequired = ["wanted"]\n',
         "'wanted' stands in screening.required too"),
        (WITH + SCANNER + "[fingers]\nkeep_s = 60\n[assembly]\nsame_document_s = 61\n",
         "assembly.same_document_s is above fingers.keep_s"),
    ],
)
def test_what_cannot_be_is_named(text: str, complaint: str) -> None:
    with pytest.raises(settings.ConfigError) as caught:
        parse(text)
    assert complaint in caught.value.message
    assert caught.value.advice


def test_a_document_may_be_the_same_as_long_as_a_finger_is_taken() -> None:
    times = "[fingers]\nkeep_s = 60\n[assembly]\nsame_document_s = {}\n"
    assert parse(WITH + SCANNER + times.format(60)).fingers.keep_s == 60
    assert parse(COUNTER + times.format(61)).assembly.same_document_s == 61  # no scanner: nobody takes a finger


def test_the_port_of_a_scanner_is_no_way_to_a_pc() -> None:
    text = WITH + SERIAL.replace("usb:05ba:000a", "/dev/finger")
    with pytest.raises(settings.ConfigError, match="is the port of reader 'finger-1'"):
        parse(text + '[[passthrough]]\nto = "/dev/finger"\nreaders = ["swipe-1"]\n')
