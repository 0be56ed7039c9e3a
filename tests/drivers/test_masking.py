"""Masking: nobody is left in the recording, and the driver sees the same recording."""

from __future__ import annotations

import datetime
import io
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from drivers.catalog import DRIVERS
from drivers.masked_rows import TD3, mask_rows, role, secrets_of
from drivers.masked_words import Invention
from drivers.masking import CannotMask, mask, see
from drivers.named import NamedDevice
from drivers.replays import device_of, play
from drivers.trace import Entry, Trace, read_trace, write_trace
from drivers.virtual.est_device import EstDevice
from drivers.virtual.est_device import frame as est_frame
from drivers.virtual.keyboard_device import KeyboardDevice, Typing
from drivers.virtual.rte_device import RteDevice, RteOptions
from drivers.virtual.text_device import TextDevice
from edge.core.mrz import compose, parse
from hil_tests.frames import whole

FOLDER = Path(__file__).resolve().parents[1] / "recordings"
RECORDINGS = sorted(FOLDER.glob("*/*.trace"))
PERSON = ("ERIKSSON", "ANNA", "MARIA", "L898902C3", "ZE184226B", "D23145890", "740812", "120415")
DIGITS = {"document_number", "birth_date", "expiry_date", "optional_data", "composite"}
TODAY = datetime.date(2026, 11, 22)
LETTERS = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=5, max_size=9)
NUMBER = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=5, max_size=9)
DATE = st.dates(datetime.date(1930, 1, 1), datetime.date(2060, 1, 1)).map(lambda day: f"{day:%y%m%d}")


def load(path: Path) -> Trace:
    with path.open(encoding="utf-8") as lines:
        return read_trace(lines)


def device(driver: str, **more) -> NamedDevice:
    return NamedDevice(driver, {"port": "/dev/recorded", **more})


def trace_of(*chunks: bytes) -> Trace:
    """One chunk every two seconds; a keyboard's reports one by one."""
    return Trace({}, tuple(Entry(2.0 * at, "<", data) for at, data in enumerate(chunks, 1)))


def sent(trace: Trace) -> bytes:
    return b"".join(entry.data for entry in trace.entries if entry.direction == "<")


def failed(rows) -> set[str]:
    """The check digits that do not agree."""
    return {finding.code for finding in parse(rows, today=TODAY).findings} & DIGITS


@st.composite
def zones(draw):
    kind = draw(st.sampled_from(("td1", "td2", "td3", "mrva", "mrvb")))
    number = st.text("ABCDEFGHJK0123456789", min_size=10, max_size=14) if kind in ("td1", "td2") else NUMBER
    facts = {
        "issuing_state": draw(st.sampled_from(("UTO", "D", "FRA"))), "surname": draw(LETTERS),
        "given_names": f"{draw(LETTERS)} {draw(LETTERS)}", "number": draw(st.one_of(NUMBER, number)),
        "nationality": "UTO", "birth_date": draw(DATE), "sex": draw(st.sampled_from("MF<")), "expiry_date": draw(DATE),
    }
    if kind in ("td1", "td2"):
        facts["weighting"] = draw(st.sampled_from(("excluded", "included")))
    return getattr(compose, kind)(**facts)


@given(zones())
def test_a_right_zone_stays_right(rows):
    (masked,) = mask_rows([rows], Invention("seed"))
    assert failed(rows) == failed(masked) == set()
    assert [len(row) for row in masked] == [len(row) for row in rows]
    assert not [text for text in secrets_of([rows]) if text in "\n".join(masked)]
    before, after = parse(rows, today=TODAY), parse(masked, today=TODAY)
    assert before.format == after.format
    assert (before.fields.issuing_state, before.fields.sex) == (after.fields.issuing_state, after.fields.sex)


@given(zones(), st.data())
def test_a_wrong_digit_stays_wrong_and_a_right_one_right(rows, data):
    at = data.draw(st.integers(0, len(rows) - 1))
    place = data.draw(st.integers(5, len(rows[at]) - 1))
    character = data.draw(st.sampled_from("0123456789"))
    assume(rows[at][place].isdigit())
    rows = (*rows[:at], rows[at][:place] + character + rows[at][place + 1 :], *rows[at + 1 :])
    (masked,) = mask_rows([rows], Invention("seed"))
    assert failed(masked) == failed(rows)


@given(zones())
def test_rows_that_come_singly_are_masked_as_the_zone_is(rows):
    assume(role(rows[0]) == 0)
    assume([role(row) for row in rows] == list(range(len(rows))))
    singly = mask_rows([(row,) for row in rows], Invention("seed"))
    assert tuple(row for read in singly for row in read) == mask_rows([rows], Invention("seed"))[0]


@given(st.text("0123456789<?O", min_size=6, max_size=6))
@example("000229")
@example("991231")
def test_dates(field):
    moved = Invention("seed").date("birth", field)
    assert len(moved) == 6
    assert is_date(moved) == is_date(field)
    assert moved != field or not any(map(str.isalnum, field))


def is_date(field: str) -> bool:
    try:
        datetime.date(2000 + int(field[:2]), int(field[2:4]), int(field[4:]))
    except ValueError:
        return False
    return True


def test_the_same_becomes_the_same_and_another_seed_gives_another():
    rows = (whole("text").decode("ascii").strip("\x02\x03\r")).split("\r")
    reads = [tuple(rows), (rows[1],), tuple(rows)]
    first, single, again = mask_rows(reads, Invention("seed"))
    assert first == again
    assert single == first[1:]
    assert mask_rows(reads, Invention("another"))[0] != first


def test_a_french_card_and_a_row_out_of_shape():
    card = ("IDFRABERTHIER<<<<<<<<<<<<<<<<<<<<<<<", "8806923102858CORINNE<<<<<<<6512068F6")
    assert failed(card) == set()
    (masked,) = mask_rows([card], Invention("seed"))
    assert failed(masked) == set()
    assert "BERTHIER" not in masked[0]
    assert "CORINNE" not in masked[1]
    (lost,) = mask_rows([("L898902C36UTO7408122F1204159ZE184226B<<<<10"[:43],)], Invention("seed"))
    assert lost[0][2:10] != "98902C36"
    assert len(lost[0]) == 43
    assert TD3.birth == (1, 13, 19)


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_nobody_is_left_in_any_recording(path):
    trace = load(path)
    masked = mask(trace, device_of(trace.provenance), "seed")
    data, said = sent(masked), "\n".join(play(masked).lines())
    assert not [text for text in PERSON if text.encode() in data or text in said]
    assert [(e.at, e.direction, len(e.data)) for e in masked.entries] == [
        (e.at, e.direction, len(e.data)) for e in trace.entries
    ]
    assert [e for e in masked.entries if e.direction == ">"] == [e for e in trace.entries if e.direction == ">"]
    before, after = play(trace).status, play(masked).status
    assert (before.reads, before.others, before.garbled, before.noise_bytes) == (
        after.reads, after.others, after.garbled, after.noise_bytes
    )
    assert (before.firmware, before.serial, before.product) == (after.firmware, after.serial, after.product)
    out = io.StringIO()
    write_trace(out, masked)
    assert read_trace(out.getvalue().splitlines()) == masked
    assert "Masked" in masked.provenance


@given(st.sampled_from(list(DRIVERS)), zones(), st.binary(max_size=60), st.data())
@settings(max_examples=120)
def test_nobody_is_left_in_any_bytes(driver, rows, noise, data):
    """A document, half of it, and noise between: no name or number of it is left, and the driver sees the same."""
    frame = whole(driver, rows)
    step = 8 if driver == "hid_keyboard" else 1
    part = frame[: data.draw(st.integers(0, len(frame) // step)) * step]
    trace = trace_of(noise[: len(noise) // step * step], part, frame)
    masked = mask(trace, device(driver), "seed")
    left = sent(masked) if driver != "hid_keyboard" else b""
    said = "\n".join(row for rows_ in seen(masked, driver).reads for row in rows_)
    hidden = secrets_of(seen(trace, driver).reads)
    assert not [text for text in hidden if len(text) >= 5 and (text in said or text.encode() in left)]
    assert seen(masked, driver).shape() == seen(trace, driver).shape()


def seen(trace: Trace, driver: str):
    return see(trace.entries, device(driver).reader("seen", lambda: 0.0).fresh_codec())


@pytest.mark.parametrize("bcc", ["xor", "sum", "wrong"])
def test_the_check_byte_of_a_frame_moves_with_it(bcc, td3):
    kind = "sum" if bcc == "sum" else "xor"
    strict = device("rte", bcc=kind, on_bad_bcc="drop" if bcc != "wrong" else "read")
    masked = mask(trace_of(RteDevice(RteOptions(bcc=bcc)).present(td3)), strict, "seed")
    assert "ERIKSSON" not in sent(masked).decode("latin-1")
    assert play(masked, strict).status.reads == 1
    assert play(masked, device("rte", bcc=kind, on_bad_bcc="drop")).status.reads == (bcc != "wrong")


@pytest.mark.parametrize("layout", ["us", "uk", "fr", "de"])
@pytest.mark.parametrize("rolling", [False, True])
def test_keys_are_typed_anew_in_every_layout(layout, rolling, td3, td1):
    typing = Typing(layout=layout, rolling=rolling, idle=2, glitch_every=7)
    trace = trace_of(KeyboardDevice(typing).present(td3), KeyboardDevice(typing).present(td1))
    keyboard = device("hid_keyboard", layout=layout)
    before, after = play(trace, keyboard), play(mask(trace, keyboard, "seed"), keyboard)
    assert [len(read.lines) for read in after.reads] == [len(read.lines) for read in before.reads]
    assert not [text for text in PERSON if any(text in row for read in after.reads for row in read.lines)]
    assert all(set("".join(read.lines)) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789<") for read in after.reads)


def test_a_boarding_pass_and_what_a_chip_says_name_nobody():
    text = TextDevice().block("M1ERIKSSON/ANNA MARIA EABC123 UTOUTPXX 0834 226F001A0025 100")
    chip = est_frame("EidlinkResult", {"name": "ERIKSSON", "address": "Å Gade", "number": "19740812", "type": "Card"})
    pass_ = sent(mask(trace_of(text), device("text"), "seed"))
    told = sent(mask(trace_of(chip), device("est"), "seed"))
    assert b"M1" in pass_
    assert not any(word in pass_ for word in (b"ERIKSSON", b"ANNA", b"MARIA", b"ABC123"))
    assert b'"type": "Card"' in told or b'"type":"Card"' in told
    assert not any(word in told for word in (b"ERIKSSON", b"Gade", b"19740812"))


def test_what_a_page_says_beside_its_rows_is_masked_too(td3):
    page = EstDevice().present(td3).replace(b'"type"', b'"name":"ERIKSSON","type"')
    masked = sent(mask(trace_of(page), device("est"), "seed"))
    assert b"ERIKSSON" not in masked
    assert b'"type":"PassPort"' in masked


def test_a_recording_without_documents_stays_as_it_is():
    trace = trace_of(b"\x00\x1b \x10")
    assert mask(trace, device("text"), "seed").entries == trace.entries


def test_what_cannot_be_masked_is_refused(monkeypatch, td3):
    monkeypatch.setattr("drivers.masking.TRIES", 0)
    with pytest.raises(CannotMask) as caught:
        mask(trace_of(TextDevice().present(td3)), device("text"), "seed")
    assert caught.value.advice
