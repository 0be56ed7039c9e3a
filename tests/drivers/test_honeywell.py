"""The dialogue with an OCR imager, against its virtual device and against the table."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.api import BadSetting, Feedback, Tier
from drivers.framing import BUFFER_CAP, GAP_S, Garbled, Info, Noise, OtherBlock, RowsRead
from drivers.honeywell import (
    ENTERS_ANEW,
    MENU,
    TRANSITIONS,
    TRIGGER_OFF,
    TRIGGER_ON,
    HoneywellCodec,
    State,
    Trigger,
    build,
)
from drivers.virtual.honeywell_device import HoneywellDevice, HoneywellOptions

TD3 = ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10")
TD1 = ("I<UTOD231458907<<<<<<<<<<<<<<<", "7408122F1204159UTO<<<<<<<<<<<6", "ERIKSSON<<ANNA<MARIA<<<<<<<<<<")
PASS = "M1ERIKSSON/ANNA       EABC123 ZRHUTOXX 0834 326J001A0025 100"


class Line:
    """Codec and device joined without a port; time moves only when told."""

    def __init__(self, codec: HoneywellCodec | None = None, **device) -> None:
        self.codec, self.device, self.now = codec or HoneywellCodec(), HoneywellDevice(HoneywellOptions(**device)), 0.0
        self.events: list = []
        self.orders: list[bytes] = []

    def settle(self, from_device: bytes = b"") -> None:
        """Pass bytes to and fro until both are quiet."""
        for _ in range(50):
            self.events += self.codec.feed(from_device, self.now)
            order = self.codec.bytes_to_send()
            if not order:
                return
            self.orders.append(order)
            from_device = self.device.receive(order)
        pytest.fail("codec and device do not come to rest")

    def open(self) -> None:
        self.codec.start(self.now)
        self.settle()

    def later(self, seconds: float) -> None:
        until = self.now + seconds
        while self.codec.next_timeout is not None and self.codec.next_timeout <= until:
            self.now = max(self.now, self.codec.next_timeout)
            self.events += self.codec.tick(self.now)
            self.settle()
        self.now = until

    def rows(self) -> list:
        return [event.rows for event in self.events if isinstance(event, RowsRead)]

    def others(self) -> list[bytes]:
        return [event.raw for event in self.events if isinstance(event, OtherBlock)]


def opened(codec: HoneywellCodec | None = None, **device) -> Line:
    line = Line(codec, **device)
    line.open()
    return line


def heard(*chunks: bytes, after: float = 0.0, **settings) -> list:
    """The events of an imager that was not set up by us."""
    codec, events = HoneywellCodec(**settings), []
    for chunk in chunks:
        events += codec.feed(chunk, 1.0)
    return events + (codec.tick(1.0 + after) if after else [])


# the dialogue ------------------------------------------------------------------------------------------

def test_every_state_answers_every_trigger():
    assert set(TRANSITIONS) == set(State)
    for state, row in TRANSITIONS.items():
        assert set(row) == set(Trigger), state
        assert set(row.values()) <= set(State)
    assert all(TRANSITIONS[state][trigger] is state for state, trigger in ENTERS_ANEW)


def test_set_up_one_command_at_a_time_then_started():
    line = opened()
    assert line.orders == [
        TRIGGER_OFF + MENU + b"ocrena1!", MENU + b"ocrats2!", MENU + b"REVINF.", TRIGGER_ON,
    ]
    assert line.codec.state is State.WATCH
    assert [(event.command, event.text) for event in line.events[:2]] == [(6, "OCRENA1!"), (6, "OCRATS2!")]
    assert all(isinstance(event, Info) for event in line.events)


def test_the_imager_tells_about_itself():
    facts = opened().codec.facts
    assert facts == {"product": "Virtual Imager", "firmware": "4711", "serial": "VI00000042", "remark": ""}


@pytest.mark.parametrize(("menu", "remark"), [
    (("ocrena9!", "ocrats2!"), "refused: ocrena9! (out of range)"),
    (("ocrena1!", "xyzabc1!"), "refused: xyzabc1! (unknown)"),
    (("ocrena1;ocrats99!",), "refused: ocrena1;ocrats99! (out of range)"),
    (("ocrena1!", "ocrats2;allena0;cbrena?."), ""), (("cbrena?!", "OCRENA1."), ""), ((), ""),
])
def test_refused_commands_are_noted_and_not_fatal(menu, remark):
    line = opened(HoneywellCodec(menu=menu))
    assert line.codec.facts["remark"] == remark
    assert line.codec.state is State.WATCH
    assert line.orders[-1].endswith(TRIGGER_ON)


def test_an_imager_that_says_nothing_is_set_up_again_when_quiet():
    codec = HoneywellCodec(reply_s=1.0, rearm_s=10.0)
    codec.start(0.0)
    sent = [codec.bytes_to_send()]
    for second in (1.0, 2.0, 3.0):
        codec.tick(second)
        sent.append(codec.bytes_to_send())
    assert sent == [TRIGGER_OFF + MENU + b"ocrena1!", MENU + b"ocrats2!", MENU + b"REVINF.", TRIGGER_ON]
    assert codec.facts["remark"] == "no answer to: ocrena1!, ocrats2!, REVINF."
    codec.tick(12.9)
    assert codec.bytes_to_send() == b""
    codec.tick(13.0)
    assert codec.bytes_to_send() == sent[0]
    assert codec.state is State.SETUP


def test_an_answer_that_comes_late_is_nobodys_and_no_bar_code():
    codec = HoneywellCodec()
    codec.start(0.0)
    codec.tick(1.0)
    codec.bytes_to_send()
    assert codec.feed(b"OCRENA1\x06!", 1.1) == [Info(6, "OCRENA1!")]
    assert codec.bytes_to_send() == b""  # still waiting for OCRATS
    codec.feed(b"OCRATS2\x06!", 1.2)
    assert codec.bytes_to_send() == MENU + b"REVINF."


def test_quiet_starts_it_again():
    line = opened()
    line.orders.clear()
    line.later(25.0)
    assert line.orders == [TRIGGER_ON, TRIGGER_ON]


def test_after_a_zone_it_rests_then_is_started_again():
    line = opened(rereads=True)
    line.orders.clear()
    line.settle(line.device.present(TD3))
    assert (line.rows(), line.orders, line.codec.state) == ([TD3], [], State.PAUSE)
    line.later(1.9)
    assert line.rows() == [TD3]
    line.later(0.1)
    assert line.rows() == [TD3, TD3]  # it still lies there
    line.device.remove()
    line.later(2.0)
    assert line.orders == [TRIGGER_ON, TRIGGER_ON]
    assert line.codec.state is State.WATCH


def test_rows_that_are_read_separately_each_start_it_again():
    for rows in (TD3, TD1):
        line = opened(separate=True)
        line.settle(line.device.present(rows))
        assert line.rows() == []  # held: the others may follow
        assert line.codec.reading
        for _ in rows:
            line.later(GAP_S)
        assert line.rows() == [(row,) for row in rows]


@pytest.mark.parametrize("missing", ["0", "1", "2", "02"])
def test_missing_rows_hold_the_others_back_for_a_gap_at_most(missing):
    line = opened(missing=missing)
    line.settle(line.device.present(TD1))
    line.later(GAP_S)
    assert line.rows() == [tuple(row for at, row in enumerate(TD1) if str(at) not in missing)]
    assert line.orders[-1] == TRIGGER_ON
    assert line.codec.state is State.WATCH


def test_a_read_that_broke_off_starts_it_again():
    line = opened()
    line.orders.clear()
    line.settle(line.device.present(TD3)[:20])
    line.later(GAP_S)
    assert line.events[-1] == Garbled("silence within a frame", 20)
    assert line.orders == [TRIGGER_ON]


def test_a_bar_code_on_the_same_port():
    line = opened()
    line.settle(line.device.block(PASS))
    assert line.others() == [PASS.encode() + b"\r"]
    assert line.codec.state is State.PAUSE
    line.later(2.0)
    line.settle(line.device.present(TD3))
    assert line.rows() == [TD3]


def test_in_presentation_no_trigger_is_ever_sent():
    line = opened(HoneywellCodec(triggered=False), presentation=True)
    for rows in (TD3, TD1):
        line.settle(line.device.present(rows))
    line.later(60.0)
    assert line.rows() == [TD3, TD1]
    assert all(order.startswith(MENU) for order in line.orders)


def test_what_was_set_volatile_is_lost_with_the_power():
    line = opened()
    line.device.power_on()
    line.device.receive(TRIGGER_ON)
    assert line.device.present(TD3) == b""
    line.codec = HoneywellCodec(menu=("ocrena1.", "ocrats2."))
    line.open()
    line.device.power_on()
    line.later(30.0)
    assert line.rows()[0] == TD3


# what it sends -----------------------------------------------------------------------------------------

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


@pytest.mark.parametrize(("before", "code_id"), [("]o1", ""), ("O", "O"), ("]o1O", "O"), ("]C1", "")])
def test_identifiers_before_rows_are_cut_off(before, code_id):
    for rows in (TD3, TD1):
        line = opened(HoneywellCodec(code_id=code_id), before=before)
        line.settle(line.device.present(rows))
        assert line.rows() == [rows]


def test_rows_of_two_documents_are_not_one_zone():
    events = heard(f"{TD3[0]}\r{TD1[0]}\r{TD1[1]}\r{TD3[1]}\r".encode(), after=GAP_S)
    assert [event.rows for event in events] == [TD3[:1], TD1[:2], TD3[1:]]


def test_a_doubled_row_begins_anew():
    events = heard(f"{TD3[0]}\r{TD3[0]}\r{TD3[1]}\r".encode())
    assert [event.rows for event in events] == [TD3[:1], TD3]


def test_a_bar_code_between_the_rows_parts_them():
    events = heard(f"{TD3[0]}\r5901234123457\r{TD3[1]}\r".encode(), after=GAP_S)
    assert [type(event) for event in events] == [RowsRead, OtherBlock, RowsRead]


def test_a_row_with_a_character_lost_is_part_of_its_zone():
    rows = (TD3[0][:-1], TD3[1])
    assert [event.rows for event in heard("\r".join(rows).encode() + b"\r")] == [rows]


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


@given(
    st.lists(st.sampled_from(PIECES) | st.binary(max_size=4), max_size=14).map(b"".join),
    st.lists(st.integers(0, 700), max_size=6), st.sampled_from(["cr", "crlf", "lf", "none"]),
)
def test_how_the_line_cut_the_bytes_changes_nothing(sent, cuts, line_end):
    places = [0, *sorted(min(cut, len(sent)) for cut in cuts), len(sent)]
    pieces = [sent[a:b] for a, b in itertools.pairwise(places)]

    def merged(events):
        out: list = []
        for event in events:
            if isinstance(event, Noise) and out and isinstance(out[-1], Noise):
                out[-1] = Noise(out[-1].count + event.count)
            else:
                out.append(event)
        return out

    whole = merged(heard(sent, after=GAP_S, line_end=line_end))
    assert whole == merged(heard(*pieces, after=GAP_S, line_end=line_end))
    assert whole == merged(heard(*(sent[at : at + 1] for at in range(len(sent))), after=GAP_S, line_end=line_end))


# settings ----------------------------------------------------------------------------------------------

def test_signs():
    reader = build("north", {"port": "/nowhere"}, lambda: 0.0, Tier.VIRTUAL)
    assert reader.status().signs
    assert reader._orders.signs == {Feedback.RETRY: b"\x16\x07\r"}
    silent = build("north", {"port": "/nowhere", "signal_retry": ""}, lambda: 0.0, Tier.VIRTUAL)
    assert not silent.status().signs


@pytest.mark.parametrize(("key", "value"), [
    ("menu", ["ocrena1"]), ("menu", ["\x16M\r!"]), ("menu", "ocrena1!"), ("mode", "always"), ("line_end", "tab"),
    ("reply_s", 0), ("rearm_s", -1), ("signal_good", "1"), ("menu", ["ocrena1!"] * 17), ("init", []),
])
def test_a_wrong_setting_is_named(key, value):
    with pytest.raises(BadSetting) as caught:
        build("north", {"port": "/dev/x", key: value}, lambda: 0.0, Tier.VIRTUAL)
    assert caught.value.key == key
