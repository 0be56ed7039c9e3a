"""What an OCR imager sends, cut into rows, zones, bar codes and noise; and what the counter makes of its rows."""

from __future__ import annotations

import itertools
from datetime import date

import pytest
from codec_kit import merged
from hypothesis import given
from hypothesis import strategies as st

from drivers.framing import BUFFER_CAP, GAP_S, Garbled, Info, Noise, OtherBlock, RowsRead
from drivers.honeywell import HoneywellCodec
from edge.core.assembly import Assembler
from edge.core.mrz import compose

TD3 = ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10")
TD1 = ("I<UTOD231458907<<<<<<<<<<<<<<<", "7408122F1204159UTO<<<<<<<<<<<6", "ERIKSSON<<ANNA<MARIA<<<<<<<<<<")


def heard(*chunks: bytes, after: float = 0.0, **settings) -> list:
    """The events of an imager that was not set up by us."""
    codec, events = HoneywellCodec(**settings), []
    for chunk in chunks:
        events += codec.feed(chunk, 1.0)
    return events + (codec.tick(1.0 + after) if after else [])


def test_eighty_nine_bytes_without_a_suffix():
    sent = "\r".join(TD3).encode()
    assert len(sent) == 89
    assert heard(sent) == []
    assert heard(sent, after=GAP_S) == [RowsRead(TD3, sent)]
    assert heard(sent, line_end="none") == [RowsRead(TD3, sent)]
    assert heard(*(sent[at : at + 1] for at in range(89)), line_end="none") == [RowsRead(TD3, sent)]


@pytest.mark.parametrize(("line_end", "suffix"), [("cr", b"\r"), ("crlf", b"\r\n"), ("lf", b"\n"), ("none", b"")])
@pytest.mark.parametrize("rows", [TD3, TD1], ids=["td3", "td1"])
def test_suffixes(line_end, suffix, rows):
    sent = "\r".join(rows).encode() + suffix
    assert heard(sent, line_end=line_end) == [RowsRead(rows, sent)]
    assert heard(sent + sent, line_end=line_end) == [RowsRead(rows, sent)] * 2
    assert [e.rows for e in heard(sent, after=GAP_S)] == [rows]  # also where the setting is wrong


def test_a_single_row_without_a_suffix_is_no_row_unless_it_is_set_so():
    row = TD3[1].encode()
    assert heard(row, after=GAP_S) == [Garbled("silence within a frame", 44)]
    assert heard(row, after=GAP_S, line_end="none") == [RowsRead(TD3[1:], row)]
    assert heard(row[:36], after=GAP_S) == [Garbled("silence within a frame", 36)]
    assert heard(b"5901234123457", after=GAP_S, line_end="none") == [OtherBlock(13, b"5901234123457")]


def rows_of(*rows: str, **settings) -> list[tuple[str, ...]]:
    """What comes of these rows in one burst."""
    events = heard("\r".join(rows).encode() + b"\r", after=GAP_S, **settings)
    assert all(isinstance(event, RowsRead) for event in events)
    return [event.rows for event in events]


def misread(row: str, at: int, as_: str) -> str:
    return row[:at] + as_ + row[at + 1 :]


UPPER, LOWER = TD3
OTHER = ("P<UTOBERG<<BENGT<OLOF<<<<<<<<<<<<<<<<<<<<<<<", "S7310442K9UTO8302070M3104158<<<<<<<<<<<<<<02")
BAD_UPPER, BAD_LOWER = misread(UPPER, 7, "1"), misread(LOWER, 3, "?")


def alone(*rows: str) -> list[tuple[str, ...]]:
    return [(row,) for row in rows]


def test_rows_of_two_documents_are_not_one_zone():
    assert rows_of(TD3[0], TD1[0], TD1[1], TD3[1]) == [TD3[:1], TD1[:2], TD3[1:]]


def test_a_doubled_row_begins_anew():
    assert rows_of(UPPER, UPPER, LOWER) == [(UPPER,), TD3]
    assert rows_of(*TD3, *TD3, *TD3) == [TD3] * 3


@pytest.mark.parametrize("rows", [
    (UPPER, BAD_UPPER, LOWER), (BAD_UPPER, UPPER, LOWER), (BAD_LOWER, LOWER), (LOWER, BAD_LOWER), (LOWER, UPPER),
    (UPPER, BAD_UPPER), (LOWER, UPPER, BAD_LOWER), (UPPER, OTHER[0], LOWER, OTHER[1]), (OTHER[0], UPPER, LOWER),
    (LOWER, OTHER[1]), (UPPER, UPPER), ("?" * 11 + UPPER[11:18] + "A1B2C3D4E5F6G7" + "<" * 12, UPPER, LOWER),
    (LOWER, UPPER, LOWER), TD1[1:], (TD1[2], TD1[1], TD1[0]), (misread(TD1[1], 3, "?"), TD1[1], TD1[2]),
], ids=str)
def test_which_rows_belong_together_is_not_for_the_cut_to_choose(rows):
    assert rows_of(*rows) == alone(*rows)
    parted = [heard(row.encode() + b"\r", after=GAP_S)[0].rows for row in rows]
    assert parted == alone(*rows)


def test_a_zone_behind_another_in_one_burst_is_that_zone_again_or_another_in_all_rows():
    assert rows_of(*TD3, *OTHER, *OTHER, *TD3) == [TD3, OTHER, OTHER, TD3]
    assert rows_of(*TD3, UPPER, OTHER[1]) == [TD3, *alone(UPPER, OTHER[1])]
    assert rows_of(*TD3, OTHER[0], LOWER) == [TD3, *alone(OTHER[0], LOWER)]
    assert rows_of(*TD3, BAD_UPPER, OTHER[1], *TD3) == [TD3, *alone(BAD_UPPER, OTHER[1], *TD3)]
    assert rows_of(*TD3, OTHER[0], BAD_LOWER) == [TD3, *alone(OTHER[0], BAD_LOWER)]
    assert rows_of(*TD3, BAD_LOWER) == [TD3, (BAD_LOWER,)]
    assert rows_of(*TD1[:2], misread(TD1[1], 3, "?"), TD1[2]) == [TD1[:2], *alone(misread(TD1[1], 3, "?"), TD1[2])]


def test_silence_ends_what_was_doubtful():
    codec = HoneywellCodec()
    assert [e.rows for e in codec.feed(f"{UPPER}\r{BAD_UPPER}\r{LOWER}\r".encode(), 1.0)] == alone(
        UPPER, BAD_UPPER, LOWER
    )
    assert codec.next_timeout == 1.0 + GAP_S
    codec.tick(1.0 + GAP_S)
    assert codec.next_timeout is None
    assert [e.rows for e in codec.feed("\r".join(OTHER).encode() + b"\r", 2.0)] == [OTHER]


def test_a_third_row_is_no_misreading_of_the_first():
    card = ("I<UTOABCDEFGHI4<<<<<<<<<<<<<<<", TD1[1], TD1[2])
    assert rows_of(*card) == [card]
    worse = card[0].replace("4", "A")
    assert rows_of(card[0], card[1], worse) == [card[:2], (worse,)]


@given(
    st.sampled_from(["td3", "mrva", "td2", "td1"]), st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=1, max_size=20),
    st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ ", max_size=20), st.text("ABC0123456789", min_size=5, max_size=9),
    st.dates(date(1930, 1, 1), date(2020, 12, 31)),
)
def test_a_whole_zone_in_one_burst_is_one_read_at_its_last_byte(writer, surname, given_names, number, birth):
    rows = tuple(getattr(compose, writer)(
        issuing_state="UTO", surname=surname, given_names=given_names, number=number, nationality="UTO",
        birth_date=birth.strftime("%y%m%d"), sex="F", expiry_date="310415",
    ))
    assert [event.rows for event in heard("\r".join(rows).encode() + b"\r")] == [rows]


def put_together(rows: list[str], *, alone: bool) -> tuple[set[tuple[str, ...]], set[str]]:
    """The zones, and the rows of all sheets, that come of a row every 0.15 s; ``alone``: without the codec."""
    codec, assembler, now, sheets = HoneywellCodec(menu=(), revision=False, triggered=False), Assembler(1.5), 1.0, []
    for step in range(len(rows) + 40):
        now += 0.15
        if alone:
            reads = [(row,) for row in rows[step : step + 1]]
        else:
            events = codec.feed("".join(f"{row}\r" for row in rows[step : step + 1]).encode(), now) + codec.tick(now)
            reads = [event.rows for event in events]
        for read in reads:
            sheets += assembler.take(read, now)
        sheets += assembler.tick(now)
    return {sheet.lines for sheet in sheets if sheet.complete}, {line for sheet in sheets for line in sheet.lines}


@given(st.lists(st.sampled_from([UPPER, LOWER, BAD_UPPER, BAD_LOWER, *OTHER]), max_size=6))
def test_no_pair_of_two_documents_goes_out_that_rows_one_by_one_would_not_have_made(rows):
    zones, _ = put_together(rows, alone=False)
    mixed = {zone for zone in zones if len({row in OTHER for row in zone}) == 2}
    assert mixed <= put_together(rows, alone=True)[0]


@pytest.mark.parametrize(("rows", "zones", "lost"), [
    (TD3, {TD3}, set()), (TD1, {TD1}, set()), ((UPPER, UPPER, LOWER), {TD3}, set()), ((*TD3, *TD3), {TD3}, set()),
    ((UPPER, OTHER[0], LOWER, OTHER[1]), set(), set()), ((BAD_LOWER, LOWER), set(), {BAD_LOWER}),
    ((UPPER[:-1], LOWER), set(), set()),
], ids=str)
def test_what_the_counter_makes_of_it(rows, zones, lost):
    made, told = put_together(rows, alone=False)
    assert made == zones
    assert set(rows) - lost <= told


def test_a_bar_code_between_the_rows_parts_them():
    events = heard(f"{TD3[0]}\r5901234123457\r{TD3[1]}\r".encode(), after=GAP_S)
    assert [type(event) for event in events] == [RowsRead, OtherBlock, RowsRead]


WEAK = [
    ("IDUTOD231458908ABCDEFGHIJKLMNO", *TD1[1:]),  # a wrong digit, and no filler
    (TD1[0], TD1[1], "ABCDEFGHIJKLMNOPQRSTUVWXYZABCD"), ("P" + "A" * 43, LOWER),
]


@pytest.mark.parametrize("rows", WEAK, ids=str)
def test_beside_a_row_a_line_is_a_row_that_is_none_alone(rows):
    sent = "\r".join(rows).encode() + b"\r"
    assert heard(sent) == [RowsRead(rows, sent)]
    assert heard(*(sent[at : at + 1] for at in range(len(sent)))) == [RowsRead(rows, sent)]
    assert heard(sent[:-1], after=GAP_S) == [RowsRead(rows, sent[:-1])]


def test_alone_it_is_a_bar_code_once_the_next_line_has_ended_or_none_comes():
    for line in (b"INVOICE" + b"X" * 23 + b"\r", b"IDUTOD231458908ABCDEFGHIJKLMNO\r"):
        block = OtherBlock(31, line)
        assert heard(line) == []
        assert heard(line, after=GAP_S) == [block]
        assert heard(line, line, after=GAP_S) == [block, block]
        assert heard(line + b"5901234123457\r") == [block, OtherBlock(14, b"5901234123457\r")]
        assert heard(line + "\r".join(TD3).encode() + b"\r")[0] == block
        assert heard(line + TD3[0].encode(), after=GAP_S)[0] == block


def test_short_lines_and_lines_that_are_no_text_are_noise():
    assert heard(b"ABC\r") == [Noise(4)]
    assert heard(b"AB\xffCD\xfe\r") == [Noise(6)]  # and an empty line
    assert heard(b"ABCDEFGH\x00") == [Garbled("a control character in a line", 9)]
    assert heard("Gepäckstück\r".encode()) == [OtherBlock(14, "Gepäckstück\r".encode())]


def test_noise_in_front_of_a_row_is_not_part_of_it():
    sent = "\r".join(TD3).encode() + b"\r"
    assert heard(b"\xff\xfe" + sent) == [Noise(2), RowsRead(TD3, sent)]


def test_a_code_longer_than_the_buffer_leaves_no_tail_behind():
    sent = b"A" * 3000 + b"\r" + b"5901234123457\r"
    events = heard(sent)
    assert events == [
        Garbled("longer than any bar code", BUFFER_CAP), Noise(3001 - BUFFER_CAP), OtherBlock(14, b"5901234123457\r"),
    ]
    assert heard(*(sent[at : at + 1] for at in range(len(sent))))[-1] == events[-1]


def test_lines_about_the_imager_are_bar_codes_when_nobody_asked():
    assert [type(event) for event in heard(b"Serial Number: 42\r")] == [OtherBlock]


def test_an_answer_between_reads():
    events = heard(f"{TD3[0]}\r".encode(), b"OCRENA1\x06!", f"{TD3[1]}\r".encode(), after=GAP_S)
    assert [type(event) for event in events] == [RowsRead, Info, RowsRead]


PIECES = [b"\r", b"\n", b"\r\n", b"OCRENA1\x06!", b"OCRATS2\x15", b"5901234123457\r", b"\xff", b"\x00", b"A", b"]o1"]
PIECES += [row.encode() for row in (*TD3, *TD1)] + [row.encode() + b"\r" for row in (*TD3, *TD1)]
PIECES += [b"IDUTOD231458908ABCDEFGHIJKLMNO\r", b"A" * 30 + b"\r"]


@given(
    st.lists(st.sampled_from(PIECES) | st.binary(max_size=4), max_size=14).map(b"".join),
    st.lists(st.integers(0, 700), max_size=6), st.sampled_from(["cr", "crlf", "lf", "none"]),
)
def test_how_the_line_cut_the_bytes_changes_nothing(sent, cuts, line_end):
    places = [0, *sorted(min(cut, len(sent)) for cut in cuts), len(sent)]
    pieces = [sent[a:b] for a, b in itertools.pairwise(places)]

    whole = merged(heard(sent, after=GAP_S, line_end=line_end))
    assert whole == merged(heard(*pieces, after=GAP_S, line_end=line_end))
    assert whole == merged(heard(*(sent[at : at + 1] for at in range(len(sent))), after=GAP_S, line_end=line_end))


def test_one_character_before_a_row_that_nobody_told_of():
    for row in (*TD3, *TD1[:2]):
        assert rows_of("O" + row) == [(row,)]
    assert rows_of("O" + UPPER, LOWER) == rows_of("O" + UPPER, "O" + LOWER) == [TD3]


@pytest.mark.parametrize("aim", ["]Q1", "]L2", "]C0"])
@pytest.mark.parametrize("first", [
    "", "X\r", "5901234123457\r", "5901234\x01", "A" * 1500 + "\r", "X\r]o1", "OCRENA1\x06!",
])
@pytest.mark.parametrize("rows", [TD3, TD1], ids=["td3", "td1"])
def test_a_bar_code_that_says_it_is_one_is_no_zone_to_its_end(aim, first, rows):
    """A QR code may hold line ends, and the rows of a zone behind them: only silence ends it."""
    sent = (aim + first + "\r".join(rows) + "\r").encode()
    for chunks in ([sent], [sent[at : at + 1] for at in range(len(sent))]):
        assert not [e for e in heard(*chunks, after=GAP_S) if isinstance(e, RowsRead)]
    codec = HoneywellCodec()
    codec.feed(sent, 1.0)
    codec.tick(1.0 + GAP_S)
    after = ("]o1" + "\r".join(rows) + "\r").encode()
    assert codec.feed(after, 2.0) == [RowsRead(rows, after)]


def test_what_comes_before_a_bar_code_is_read():
    sent = ("\r".join(TD3) + "\r]Q1" + "\r".join(TD1) + "\r").encode()
    assert [e.rows for e in heard(sent, after=GAP_S) if isinstance(e, RowsRead)] == [TD3]


@pytest.mark.parametrize("step", [1, 7, 4096])
@pytest.mark.parametrize(("size", "reads"), [(8000, []), (8300, [TD3])])
def test_noise_that_looks_like_an_identifier_ends_with_the_longest_bar_code(step, size, reads):
    """A line that never falls silent must not be deaf for ever."""
    sent = b"]Q1" + b"5901234123457\r" * (size // 14) + "\r".join(TD3).encode() + b"\r"
    events = heard(*(sent[at : at + step] for at in range(0, len(sent), step)))
    assert [e.rows for e in events if isinstance(e, RowsRead)] == reads
