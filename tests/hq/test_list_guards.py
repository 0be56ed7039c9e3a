"""What `borderpost-hq lists` and `keys` refuse, and the next step that each refusal names."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner

from common.command import guarded
from hq import keys
from hq.cli import headquarters

SLTD: Final = "document_number,issuing_state,fraud_category\nL898902C3,UTO,stolen\nD23145890,UTO,lost\n"
KEYED: Final = ("--keyed", "sltd=keys/list-keys.ring")


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Headquarters' folder, with its keys, a ring with a key of sltd, and a source."""
    monkeypatch.chdir(tmp_path)
    keys.create(tmp_path / "keys")
    (tmp_path / "hq.toml").write_text('[keys]\nseal = ["keys/seal.pem"]\nack = "keys/ack.pem"\n')
    (tmp_path / "sltd.csv").write_text(SLTD)
    hq("keys", "list-key", "--list", "sltd", "--generation", "1")
    return tmp_path


def hq(*words: str, code: int = 0) -> tuple[str, str]:
    """Standard output and standard error of a command that ends with ``code``."""
    with CliRunner().isolation() as (out, err, _), contextlib.suppress(SystemExit):
        ended = guarded(lambda: headquarters.main([*words], "borderpost-hq", standalone_mode=False))
        sys.stderr.flush()
    assert ended == code, err.getvalue().decode()
    return out.getvalue().decode(), err.getvalue().decode()


def build(*more: str, code: int = 0) -> tuple[str, str]:
    return hq("lists", "build", "--out", "lists", "--source", "sltd-csv:sltd.csv", *more, code=code)


def ofac(place: Path, *, main: bytes = b"\x1a", alt: bytes = b"\x1a") -> None:
    row = '7,"ERIKSSON, Anna Maria","individual","UTO",' + "-0- ," * 7 + '"DOB 12 Aug 1974"\r\n'
    (place / "sdn.csv").write_bytes(row.encode() + main)
    (place / "alt.csv").write_bytes(b'7,1,"aka","ERIKSON, Ana",-0- \r\n' + alt)


@pytest.mark.parametrize("short", ["main", "alt"])
def test_a_file_of_ofac_without_its_end_is_published_by_nobody_unsaid(house: Path, short: str) -> None:
    ofac(house, **{short: b""})
    name = {"main": "sdn.csv", "alt": "alt.csv"}[short]
    words = ("lists", "build", "--out", "lists", "--source", "ofac-csv:sdn.csv")
    out, err = hq(*words, code=1)
    assert f"warning: {name} has no end mark" in out
    assert f"{name} ends before its end" in err
    assert "--allow-short" in err
    assert not (house / "lists").exists()
    assert "ends before its end" in hq("lists", "check", "--source", "ofac-csv:sdn.csv", code=1)[1]
    assert "published ofac generation 1: 1 persons" in hq(*words, "--allow-short")[0]
    ofac(house)
    hq(*words)
    hq("lists", "check", "--source", "ofac-csv:sdn.csv")


def test_a_keyed_list_does_not_become_another_because_an_option_was_forgotten(house: Path) -> None:
    build(*KEYED)
    before = sorted(house.glob("lists/**/*"))
    _, err = build(code=1)
    assert "holds a keyed list" in err
    assert "--keyed sltd=RING" in err
    assert sorted(house.glob("lists/**/*")) == before
    build(*KEYED)
    build("--out", "elsewhere")  # the last --out is the one


def test_a_watch_list_does_not_become_a_keyed_one_because_an_option_was_given(house: Path) -> None:
    build()
    _, err = build(*KEYED, code=1)
    assert "holds generations of documents and persons" in err
    assert "leave out --keyed sltd" in err
    assert [path.name for path in (house / "lists/sltd").iterdir()] == ["0000000001"]
    build(*KEYED, "--out", "keyed", "--generation", "2")
    (house / "lists/sltd/0000000001").rename(house / "keyed/sltd/0000000001")  # of before the list became keyed
    build(*KEYED, "--out", "keyed")


def test_a_stopped_build_leaves_no_empty_folder(house: Path) -> None:
    (house / "bad.csv").write_text("document_number,issuing_state,fraud_category\nbroken\n")
    hq("lists", "build", "--out", "lists", "--source", "sltd-csv:bad.csv", *KEYED, code=1)
    assert [path.name for path in (house / "lists").iterdir()] == [".lock"]
    build(*KEYED)
    hq("lists", "build", "--out", "lists", "--source", "sltd-csv:bad.csv", *KEYED, code=1)
    assert (house / "lists/sltd/base-0000000001.sdl").exists()


def test_check_shows_what_was_read_before_the_one_that_cannot_be(house: Path) -> None:
    (house / "plain.csv").write_text("nothing\n")
    words = ("lists", "check", "--source", "sltd-csv:sltd.csv", "--source", "sltd-csv:plain.csv")
    out, err = hq(*words, code=1)
    assert "sltd.csv (sltd-csv -> sltd): 2 rows" in out
    assert "plain.csv has no column" in err
    assert [row["rows"] for row in json.loads(hq(*words, "--json", code=1)[0])["sources"]] == [2]


def test_a_source_without_rows_is_no_success(house: Path) -> None:
    (house / "empty.csv").write_text(SLTD.splitlines()[0] + "\n")
    out, err = hq("lists", "check", "--source", "sltd-csv:empty.csv", code=1)
    assert "0 rows" in out
    assert "empty.csv holds no rows" in err


@pytest.mark.parametrize("kind", ["vehicles", "firearms", "tdawn"])
def test_a_file_without_its_header_names_the_page_that_tells_the_columns(house: Path, kind: str) -> None:
    for text in ("", "B-UT 1234,D,1M8GDM9AXKP042788,stolen\n"):
        (house / "bare.csv").write_text(text)
        assert "docs/sources.md" in hq("lists", "check", "--source", f"{kind}-csv:bare.csv", code=1)[1]
    assert "docs/lists.md" in hq("lists", "check", "--source", "sltd-csv:bare.csv", code=1)[1]


def test_a_line_that_is_no_key_of_a_box_names_the_command_that_prints_it(house: Path) -> None:
    _, err = hq("keys", "seal-ring", "--box", "x25519:AAAA", "--out", "box.ring", code=1)
    assert "`borderpost lists box-key`" in err
    assert not (house / "box.ring").exists()


def test_a_ring_under_another_seal_key_is_no_other_boxs(house: Path) -> None:
    keys.create(house / "others")
    (house / "hq.toml").write_text('[keys]\nseal = ["others/seal.pem"]\nack = "others/ack.pem"\n')
    _, err = build(*KEYED, code=1)
    assert "which hq.toml does not name" in err
    assert "another box" not in err


def test_a_ring_that_is_not_there_is_named(house: Path) -> None:
    _, err = build("--keyed", "sltd=nosuch", code=2)
    assert "there is no ring nosuch" in err
    assert "--ages must rise" in build(*KEYED, "--ages", "sltd=5,3,1", code=2)[1]


RING: Final = ("--ring", "keys/list-keys.ring")


def test_headquarters_verifies_and_asks_what_it_built(house: Path) -> None:
    ofac(house)
    build(*KEYED)
    build(*KEYED, "--source", "ofac-csv:sdn.csv")
    out = hq("lists", "verify", "lists", *RING, "--document", "UTO:l898902c3")[0]
    assert "sltd: generation 2" in out
    assert "bases 1, 2), digests agree" in out
    assert "  holds it: stolen" in out
    assert "ofac: generation 1" in out
    assert "does not hold it" in hq("lists", "verify", "lists", *RING, "--document", "UTO:L898902C4")[0]
    assert json.loads(hq("lists", "verify", "lists", "--json")[0])["sound"] is True
    assert "give --ring" in hq("lists", "verify", "lists", "--document", "UTO:L898902C3", code=2)[1]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("sltd/card.json", "card"), ("sltd/plain-0000000001.sdp", "plain-0000000001.sdp is damaged"),
        ("sltd/base-0000000001.sdl", "base-0000000001.sdl: "), ("ofac/0000000001/persons.bin", "persons.bin does not"),
        ("ofac/0000000001/manifest.json", "manifest"),
    ],
)  # fmt: skip
def test_what_rotted_at_headquarters_is_named(house: Path, name: str, said: str) -> None:
    ofac(house)
    build(*KEYED, "--source", "ofac-csv:sdn.csv")
    hq("lists", "verify", "lists", *RING)
    data = bytearray((house / "lists" / name).read_bytes())
    data[len(data) // 2] ^= 1
    (house / "lists" / name).write_bytes(data)
    out, err = hq("lists", "verify", "lists", *RING, code=1)
    assert said in out
    assert "next:" in err
    assert out.count("digests agree") == 1  # the other list's
    (house / "lists" / name).unlink()
    hq("lists", "verify", "lists", code=1)


def test_a_ring_without_the_lists_key_is_named(house: Path) -> None:
    build(*KEYED)
    hq("keys", "list-key", "--list", "tdawn", "--generation", "1", "--ring", "keys/other.ring")
    assert "the ring holds no key" in hq("lists", "verify", "lists", "--ring", "keys/other.ring", code=1)[0]
    (house / "empty").mkdir()
    assert "no list is there" in hq("lists", "verify", "empty", code=1)[1]
