"""What vendors of text readers do differently, each as a setting; and what is no document."""

from __future__ import annotations

import pytest

from drivers.api import BadSetting, Tier
from drivers.catalog import open_reader
from drivers.framing import Garbled, Noise, OtherBlock, RowsRead
from drivers.rows import is_zone
from drivers.text import Settings, Shape, TextCodec, build
from drivers.virtual.text_device import TextDevice, TextShape


def read(block: bytes, **shape) -> list:
    return TextCodec(Shape(**shape)).feed(block, 0.0)


def rows(block: bytes, **shape) -> tuple[str, ...]:
    (event,) = read(block, **shape)
    assert isinstance(event, RowsRead), event
    return event.rows


@pytest.mark.parametrize("end", ["cr", "crlf", "lf", "none"])
def test_row_ends(td3, td1, end):
    for zone in (td3, td1):
        sent = TextDevice(TextShape(line_end=end)).present(zone)
        assert rows(sent, row_end="auto") == zone
        assert rows(sent, row_end=end) == zone


def test_a_row_end_that_is_not_the_configured_one_is_no_row_end(td3):
    sent = TextDevice(TextShape(line_end="cr")).present(td3)
    assert isinstance(read(sent, row_end="lf")[0], OtherBlock)


def test_a_missing_third_row_sends_no_row_end(td1):
    assert rows(b"\x02" + "\r".join(td1[:2]).encode() + b"\r\x03") == td1[:2]
    assert rows(b"\x02" + "\r".join(td1[:2]).encode() + b"\x03") == td1[:2]


def test_an_empty_first_row_is_no_row(td3):
    assert rows(b"\x02\r" + "\r".join(td3).encode() + b"\r\x03") == td3


def test_rows_filled_up_with_a_pad_character_are_cut(td1):
    sent = TextDevice(TextShape(pad="_", width=44)).present(td1)
    assert rows(sent, pad="_") == td1


def test_a_pad_character_that_stands_for_fillers(td3):
    spaced = [row.rstrip("<").ljust(44) for row in td3]
    sent = b"\x02" + "\r".join(spaced).encode() + b"\r\x03"
    assert rows(sent, pad=" ", pad_means="filler") == td3


def test_pad_characters_are_left_alone_unless_configured(td1):
    sent = TextDevice(TextShape(pad="_", width=44)).present(td1)
    assert isinstance(read(sent)[0], OtherBlock)


def test_a_pad_character_inside_a_row_is_not_a_filler(td3):
    damaged = td3[1][:5] + "_" + td3[1][6:]
    block = f"\x02{td3[0]}\r{damaged}\r\x03".encode()
    assert rows(block, pad="_", pad_means="filler", error_characters="?_") == (
        td3[0], td3[1][:5] + "?" + td3[1][6:],
    )


@pytest.mark.parametrize("character", ["?", "*", "#", " "])
def test_a_vendors_replacement_character_becomes_the_one_the_parser_knows(td3, character):
    damaged = td3[1][:3] + character + td3[1][4:]
    block = f"\x02{td3[0]}\r{damaged}\r\x03".encode()
    assert rows(block, error_characters=character) == (td3[0], td3[1][:3] + "?" + td3[1][4:])


def test_outer_bytes_are_not_noise(td3):
    shape = {"device_start": b"\x1b\x50", "device_end": b"\x0d"}
    sent = TextDevice(TextShape(start=b"\x1b\x50", end=b"\x0d")).present(td3)
    codec = TextCodec(Shape(**shape))
    events = [event for at in range(len(sent)) for event in codec.feed(sent[at : at + 1], 0.0)]
    assert [type(event) for event in events] == [RowsRead]
    assert codec.tick(9.0) == []


def test_outer_bytes_of_a_new_block_are_not_part_of_the_broken_one(td3):
    sent = TextDevice(TextShape(start=b"\x1b\x50")).present(td3)
    broken, read_ = read(sent[:30] + sent, device_start=b"\x1b\x50")
    assert broken == Garbled("a block began within a block", 30)
    assert read_.raw == sent


@pytest.mark.parametrize(("start", "end"), [
    (b"", b"\x04"), (b"\x1b", b"\r\n"), (b"\x1b", b""), (b"", b"#!"), (b"\x1b\x50", b"\x0d\x0a\x04"),
])
def test_configured_outer_bytes_go_on_with_the_block(td3, start, end):
    """To the officer's PC, whose program may wait for the last of them; the document itself waits for none."""
    sent = TextDevice(TextShape(start=start, end=end)).present(td3)
    bar_code = start + b"\x024006381333931\x03" + end
    shape = Shape(device_start=start, device_end=end)
    whole = TextCodec(shape).feed(sent + bar_code + sent, 0.0)
    codec = TextCodec(shape)
    singly = [event for byte in sent + bar_code + sent for event in codec.feed(bytes((byte,)), 0.0)]
    assert singly == whole
    assert [event.raw for event in whole] == [sent, bar_code, sent]
    at_etx = TextCodec(shape).feed(sent[: len(sent) - len(end)], 0.0)
    assert [event.raw for event in at_etx] == [sent]


@pytest.mark.parametrize("before", [b"1AEA", b"BCRI#", b"HCTC", b"\x01", b"\x01A2B1AEA#", b"A" * 16])
def test_identifiers_before_the_frame_go_on_with_it(td3, before):
    """SITA and AEA identifiers need no setting, and the PC gets them."""
    sent = before + TextDevice().present(td3)
    codec = TextCodec()
    assert [event.raw for byte in sent + sent for event in codec.feed(bytes((byte,)), 0.0)] == [sent, sent]
    assert [event.raw for event in read(sent + sent)] == [sent, sent]
    assert [event.rows for event in read(sent)] == [td3]
    assert codec.next_timeout is None


def test_what_precedes_a_frame_is_held_for_a_gap_and_sixteen_bytes_only(td3):
    sent = TextDevice().present(td3)
    codec = TextCodec()
    assert codec.feed(b"1AEA", 0.0) == []
    assert codec.tick(0.4) == [Noise(4)]
    assert [event.raw for event in codec.feed(sent, 0.5)] == [sent]
    assert read(b"X" * 20 + sent) == [Noise(4), RowsRead(td3, b"X" * 16 + sent)]
    assert read(b"AB\xffAEA" + sent) == [Noise(3), RowsRead(td3, b"AEA" + sent)]
    assert read(b"AEA" + b"\x1b" + sent, device_start=b"\x1b") == [Noise(3), RowsRead(td3, b"\x1b" + sent)]


def test_outer_bytes_decide_nothing(td3):
    sent = TextDevice().present(td3)
    assert rows(sent, device_start=b"\x1b\x50", device_end=b"\x0d") == td3


def test_other_control_bytes_for_the_frame(td3):
    sent = TextDevice().present(td3).replace(b"\x02", b"\x01").replace(b"\x03", b"\x04")
    assert rows(sent, stx=1, etx=4) == td3


@pytest.mark.parametrize("block", [
    b"M1ERIKSSON/ANNA       EABC123 ZRHUTO\r", b"ABC1234567\r", b"%B1234^ERIKSSON/ANNA^2512?\r",
    b";1234567890=2512?\r", b"", b"\r\r\r", b"A" * 45 + b"\r" + b"A" * 45 + b"\r", "Gepäck".encode(),
    b"AAAAAAA\rBBBBBBB\rCCCCCCC\rDDDDDDD\r", b"short\rrows\r", b"0109521234543213\x1d10ABC",
])
def test_text_that_is_no_zone_is_another_block_as_it_came(block):
    sent = b"\x02" + block + b"\x03"
    assert read(sent) == [OtherBlock(len(sent), sent)]


@pytest.mark.parametrize("text", ["Müller Jürgen 12345", "Gepäck", "Ø", "Preis: 5 €", "БОЛГАРИЯ 123"])
@pytest.mark.parametrize("code", ["latin-1", "cp1252", "cp1251", "utf-8"])
def test_a_bar_code_in_any_code_goes_on(text, code):
    """Names on cards: neither a fault of the reader nor lost to the PC."""
    try:
        sent = b"\x02" + text.encode(code) + b"\r\x03"
    except UnicodeEncodeError:
        return
    assert read(sent) == [OtherBlock(len(sent), sent)]


def test_a_zone_hit_by_noise_is_still_a_broken_frame(td3):
    """The officer is told to present it again; what holds fillers is no bar code."""
    hit = bytes(b | 0x80 if at % 2 else b for at, b in enumerate("\r".join(td3).encode()))
    assert read(b"\x02" + hit + b"\x03") == [Garbled("a block that is no text", len(hit) + 2)]


@pytest.mark.parametrize("block", [b"\x80\x90\xff\r\x00\r", b"\x00", b"\xff\x01", b"ABC\x07DEF", b"M\xfcller\x7f"])
def test_what_is_no_text_is_garbled(block):
    assert read(b"\x02" + block + b"\x03") == [Garbled("a block that is no text", len(block) + 2)]


@pytest.mark.parametrize(("before", "code_id"), [("]o1", ""), ("ID=", "ID="), ("]o2ID=", "ID=")])
def test_identifiers_before_the_rows_are_cut_off(td3, td1, before, code_id):
    for zone in (td3, td1):
        first_only = f"\x02{before}" + "\r".join(zone) + "\r\x03"
        every = "\x02" + "".join(f"{before}{row}\r" for row in zone) + "\x03"
        assert rows(first_only.encode(), code_id=code_id) == rows(every.encode(), code_id=code_id) == zone


@pytest.mark.parametrize("aim", ["]Q1", "]L2", "]C0", "]d2", "]z3", "]O5"])
def test_a_bar_code_that_says_it_is_one_is_none_whatever_rows_it_holds(td3, td1, aim):
    """A sticker beside the page: the identifier stands in the frame or before it, with rows or a line before them."""
    for zone in (td3, td1):
        text = "\r".join(zone) + "\r"
        inside = (f"\x02{aim}{what}\x03" for what in (text, f"X\r{text}", zone[0]))
        for sent in (*inside, f"{aim}\x02{text}\x03"):
            assert read(sent.encode()) == [OtherBlock(len(sent), sent.encode())]


def test_a_bar_code_in_the_middle_of_a_document_breaks_it_and_is_seen(td3, td1):
    halves = [f"\x02{td3[0]}\r".encode(), b"\x02ABC1234567\r\x03", f"{td3[1]}\r\x03".encode()]
    codec = TextCodec()
    events = codec.feed(b"".join(halves), 0.0)
    assert [type(event) for event in events] == [Garbled, OtherBlock, Noise]
    after = codec.feed(TextDevice().present(td1), 0.0)
    assert [event.rows for event in after if isinstance(event, RowsRead)] == [td1]


def test_a_single_row_is_a_document_only_if_it_looks_like_one(td3):
    assert is_zone((td3[0],))
    assert not is_zone(("ABC1234567",))
    assert not is_zone(("A" * 44,))
    assert not is_zone(())


# Settings --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("key", "value", "row_end", "good"), [
    ("stx", "0D", "auto", False), ("etx", "0D", "auto", False), ("stx", "0A", "auto", False),
    ("etx", "0d", "cr", False), ("etx", "0A", "cr", True), ("etx", "0A", "lf", False), ("etx", "0D", "lf", True),
    ("etx", "0A", "crlf", False), ("etx", "0D", "crlf", False), ("etx", "0D", "none", True),
])
def test_a_byte_of_the_frame_may_not_end_rows_too(td3, key, value, row_end, good):
    settings = {"port": "/dev/null", key: value, "row_end": row_end}
    if good:
        shape = Settings(**settings).shape("north")
        end = {"cr": "\r", "lf": "\n", "none": ""}[row_end]
        sent = b"\x02" + end.join(td3).encode() + bytes((shape.etx,))
        (event,) = TextCodec(shape).feed(sent, 0.0)
        assert event == RowsRead(td3, sent)
        return
    with pytest.raises(BadSetting) as caught:
        build("north", settings, lambda: 0.0, Tier.VIRTUAL)
    assert caught.value.key == key


@pytest.mark.parametrize(("driver", "key", "value"), [
    ("text", "stx", "02\n"), ("text", "device_start", "1B\n"), ("text", "pad", "\n"),
    ("text", "error_characters", "*\n"),
    ("text", "code_id", "O\n"), ("text", "rearm", "1B41\n"), ("text", "init", ["1B41\n"]),
    ("text", "signal_good", "07\n"),
    ("rte", "pad", "\n"), ("rte", "error_characters", "*\n"), ("est", "error_characters", "*\n"),
    ("hid_keyboard", "error_characters", "*\n"),
])
def test_a_line_end_behind_a_setting_is_no_part_of_it(driver, key, value):
    port = "usb:1209:0001" if driver == "hid_keyboard" else "/dev/null"
    with pytest.raises(BadSetting) as caught:
        open_reader(driver, "north", {"port": port, key: value}, lambda: 0.0)
    assert caught.value.key == key
