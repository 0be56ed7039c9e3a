"""The dialogue with an OCR imager, against its virtual device and against the table."""

from __future__ import annotations

import codec_kit
import pytest

from drivers.api import BadSetting, Feedback, Tier
from drivers.framing import GAP_S, Garbled, Info, OtherBlock
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


class Line(codec_kit.Line):
    """With an imager; time moves from one moment that the codec waits for to the next."""

    def __init__(self, codec: HoneywellCodec | None = None, **device) -> None:
        super().__init__(
            codec or HoneywellCodec(), HoneywellDevice(HoneywellOptions(**device), clock=lambda: self.now)
        )

    def later(self, seconds: float) -> None:
        until = self.now + seconds
        while self.codec.next_timeout is not None and self.codec.next_timeout <= until:
            self.now = max(self.now, self.codec.next_timeout)
            self.events += self.codec.tick(self.now)
            self.settle()
        self.now = until

    def others(self) -> list[bytes]:
        return [event.raw for event in self.events if isinstance(event, OtherBlock)]


def opened(codec: HoneywellCodec | None = None, **device) -> Line:
    line = Line(codec, **device)
    line.open()
    return line


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
    assert not line.device.unsent
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


@pytest.mark.parametrize(("missing", "reads"), [
    ("0", [TD1[1:2], TD1[2:]]), ("1", [TD1[:1], TD1[2:]]), ("2", [TD1[:2]]), ("02", [TD1[1:2]]), ("01", [TD1[2:]]),
])
def test_missing_rows_hold_the_others_back_for_a_gap_at_most(missing, reads):
    line = opened(missing=missing)
    line.orders.clear()
    line.settle(line.device.present(TD1))
    assert line.orders == []
    line.later(GAP_S)
    assert line.rows() == reads
    assert line.orders == [TRIGGER_ON]
    assert line.codec.state is State.WATCH


def test_a_read_that_broke_off_starts_it_again():
    line = opened()
    line.orders.clear()
    line.settle(line.device.present(TD3)[:20])
    line.later(GAP_S)
    assert line.events[-1] == Garbled("silence within a frame", 20)
    assert line.orders == [TRIGGER_ON]


NOISES = [
    b"abc\r", b"abc", "M\xfcnc\r".encode("latin-1"), b"\xff" * 40 + b"\r", b"Q" * 1500 + b"\r", b"ABCDEFGH\x00",
    TD3[0].encode()[:20] + b"\x00" + b"\r",
]


@pytest.mark.parametrize("noise", NOISES, ids=repr)
@pytest.mark.parametrize("rearm_s", [10.0, 0.0])
def test_after_what_cannot_be_told_it_is_started_again(noise, rearm_s):
    line = opened(HoneywellCodec(rearm_s=rearm_s))
    line.orders.clear()
    line.device.block("abc")  # it has read, and is dark
    line.settle(noise)
    assert not line.device.present(TD3)
    line.later(2.0 + GAP_S)
    assert line.orders == [TRIGGER_ON]
    assert line.rows() == [TD3]


def test_noise_without_end_does_not_start_it_without_end():
    line = opened()
    line.orders.clear()
    for _ in range(100):
        line.settle(b"abc\r")
        line.later(0.1)
    assert 4 <= line.orders.count(TRIGGER_ON) <= 5


def test_noise_is_no_quiet_for_an_imager_that_never_answered():
    codec = HoneywellCodec(menu=("ocrena1!",), revision=False)
    codec.start(0.0)
    codec.tick(1.0)
    codec.feed(b"abc\r", 5.0)
    codec.bytes_to_send()
    codec.tick(7.0)
    assert codec.bytes_to_send() == TRIGGER_ON  # 11 seconds after the last start it is set up anew, and deaf meanwhile
    codec.tick(17.0)
    assert codec.bytes_to_send() == TRIGGER_OFF + MENU + b"ocrena1!"


def test_a_good_read_after_noise_rests_as_ever():
    line = opened(rereads=True)
    line.orders.clear()
    line.settle(b"\xff\r")
    line.later(1.0)
    line.settle(line.device.present(TD3))
    line.later(1.9)
    assert (line.rows(), line.orders) == ([TD3], [])


def test_an_imager_that_gave_up_is_started_again_before_long():
    line = opened(HoneywellCodec(rearm_s=10.0))
    line.device.receive(MENU + b"trgsto3000!")
    line.later(5.0)
    assert line.device.present(TD3) == b""
    line.later(5.0)
    assert line.rows() == [TD3]


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


@pytest.mark.parametrize(("before", "code_id"), [("]o1", ""), ("O", "O"), ("]o1O", "O"), ("]o2", "")])
def test_identifiers_before_rows_are_cut_off(before, code_id):
    for rows in (TD3, TD1):
        line = opened(HoneywellCodec(code_id=code_id), before=before)
        line.settle(line.device.present(rows))
        assert line.rows() == [rows]


@pytest.mark.parametrize(("rows", "state"), [
    (("?" * 11 + TD3[0][11:18] + "A1B2C3D4E5F6G7" + "<" * 12, TD3[1]), State.PAUSE),  # all that there is
    ((TD3[0][:-1], TD3[1]), State.PAUSE), ((TD3[0], TD3[0].replace("I", "1")), State.WATCH), (TD1[1:], State.WATCH),
])
def test_rows_that_go_on_alone_may_still_be_all_that_there_are(rows, state):
    line = opened()
    line.orders.clear()
    line.settle("\r".join(rows).encode() + b"\r")
    line.later(GAP_S)
    assert line.codec.state is state
    assert line.orders == ([TRIGGER_ON] if state is State.WATCH else [])


def test_a_code_identifier_that_nobody_told_of():
    line = opened(before="O")
    for rows in (TD3, TD1):
        line.settle(line.device.present(rows))
        line.later(3.0)
    assert line.rows() == [TD3, TD1]


def test_signs():
    reader = build("north", {"port": "/nowhere"}, lambda: 0.0, Tier.VIRTUAL)
    assert reader.status().signs
    assert reader._orders.signs == {Feedback.RETRY: b"\x16\x07\r"}
    silent = build("north", {"port": "/nowhere", "signal_retry": ""}, lambda: 0.0, Tier.VIRTUAL)
    assert not silent.status().signs


@pytest.mark.parametrize(("key", "value"), [
    ("menu", ["ocrena1"]), ("menu", ["ocrena1!\n"]), ("code_id", "O\n"),
    ("menu", ["\x16M\r!"]), ("menu", "ocrena1!"), ("mode", "always"), ("line_end", "tab"),
    ("reply_s", 0), ("rearm_s", -1), ("signal_good", "1"), ("menu", ["ocrena1!"] * 17), ("init", []),
])
def test_a_wrong_setting_is_named(key, value):
    with pytest.raises(BadSetting) as caught:
        build("north", {"port": "/dev/x", key: value}, lambda: 0.0, Tier.VIRTUAL)
    assert caught.value.key == key
