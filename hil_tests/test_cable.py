"""The cable: pulled at any byte, plugged in elsewhere, a port that lacks lines, power through the port."""

from __future__ import annotations

import errno

import pytest
import serial

from drivers.api import DeviceGone
from hil_tests.capabilities import Can, needs
from hil_tests.frames import cuts
from hil_tests.rigs import rows_of


@pytest.fixture
def reader(rig):
    made = rig.reader()
    rig.open_again(made)
    yield made
    made.close()


@needs(Can.PULL)
def test_an_absent_device_is_told_with_advice(rig, reader):
    reader.close()
    rig.pull()
    with pytest.raises(DeviceGone) as caught:
        reader.open()
    rig.plug()
    assert caught.value.advice


@needs(Can.PRESENT, Can.PULL)
def test_pulled_out_and_plugged_in_it_reads_on(rig, reader):
    rig.lay(reader)
    rig.pull()
    assert rig.gone(reader).advice
    reader.close()
    rig.plug()
    rig.open_again(reader)
    assert rig.lay(reader)


@needs(Can.SEND, Can.PULL, Can.PULL_AT_BYTE)
@pytest.mark.timeout(600)
def test_pulled_out_at_every_byte_of_a_document(rig, reader, request):
    data = rig.frame()
    for at in cuts(data, rig.grain, request.config.getoption("--every")):
        rig.send(data[:at])
        rig.pull()
        rig.gone(reader)
        reader.close()
        rig.plug()
        rig.open_again(reader)
        assert not reader.reading, at
        assert rows_of(rig.lay(reader)) == rig.rows, at


@needs(Can.PRESENT, Can.PULL, Can.ELSEWHERE)
def test_plugged_in_under_another_name_it_reads_on(rig, reader):
    before = rig.where()
    rig.pull()
    rig.gone(reader)
    reader.close()
    rig.plug(elsewhere=True)
    assert rig.where() != before
    rig.open_again(reader)
    assert rows_of(rig.lay(reader)) == rig.rows


@needs(Can.SEND, Can.PULL, Can.IN_WAITING)
def test_a_port_whose_in_waiting_raises_a_plain_oserror(rig, reader):
    """pyserial tells of a vanished device so; the reader says DeviceGone all the same."""
    reader.close()
    bare = serial.Serial(rig.device.port)
    rig.pull()
    with pytest.raises(OSError, match=r"Errno 5") as raised:
        bare.in_waiting  # noqa: B018 - it is the getter that raises
    bare.close()
    assert type(raised.value) is OSError
    rig.plug()
    rig.open_again(reader)
    rig.send(rig.frame()[:20])
    rig.pull()
    assert isinstance(rig.gone(reader), DeviceGone)
    rig.plug()


@needs(Can.PRESENT, Can.MODEM_LINES)
def test_a_port_whose_modem_lines_raise_enotty(rig, reader):
    """Such a port is a port: the reader opens, reads and is switched off on it."""
    reader.close()
    with serial.Serial(rig.device.port) as bare:
        for line in ("cts", "dsr", "cd", "ri"):
            with pytest.raises(OSError, match="ioctl") as raised:
                getattr(bare, line)
            assert raised.value.errno == errno.ENOTTY
    reader.open()
    reader.power_cycle()
    reader.open()
    assert rig.lay(reader)


@needs(Can.PRESENT, Can.POWER)
def test_switched_off_and_on_through_the_port_it_reads_on(rig, reader):
    rig.lay(reader)
    reader.power_cycle()
    assert not reader.status().open
    rig.open_again(reader)
    assert rig.lay(reader)
