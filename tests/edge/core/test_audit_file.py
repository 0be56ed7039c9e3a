"""The exported chain: every edit, deletion, reorder and truncation shows, and the first bad row is named."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core import audit, audit_file, sealing

DEVICE = "post-7"
AT = "2026-03-01T12:00:00.000000Z"
KEY = sealing.SignPrivate.from_private_bytes(b"\x07" * 32)
ROWS = 10  # and a checkpoint after every third


def believe(point: audit.Checkpoint) -> bool:
    return sealing.verify("t", point.signed(), base64.b64decode(point.signature), KEY.public_key())


def chain(length: int, *, sign: bool = True, shown: str = "CLEAR") -> list[audit.AuditRow]:
    rows: list[audit.AuditRow] = []
    for number in itertools.count(1):
        if len(rows) >= length:
            return rows
        previous = rows[-1].hash if rows else audit.GENESIS
        if sign and number % 4 == 0:
            rows.append(audit.link(previous, number, AT, audit.CHECKPOINT, checkpoint(number - 1, previous)))
        else:
            rows.append(audit.link(previous, number, AT, "passage", {"seq": number, "shown": shown}))
    return rows


def checkpoint(number: int, head: str, key: sealing.SignPrivate = KEY) -> dict[str, object]:
    signature = sealing.sign("t", audit.checkpoint_bytes(DEVICE, number, head, AT), key)
    return {"device": DEVICE, "number": number, "head": head, "at": AT, "key": "k",
            "signature": base64.b64encode(signature).decode()}  # fmt: skip


def lines(rows: list[audit.AuditRow], after: int = 0, previous: str = audit.GENESIS) -> list[bytes]:
    return list(audit_file.written(audit_file.Opening(device=DEVICE, after=after, previous=previous, at=AT), rows))


def found(data: bytes, **more: object) -> audit.AuditCheck | None:
    """What verifying says; None for a file that is refused as a whole."""
    try:
        return audit_file.check([data], **more)[1]  # type: ignore[arg-type]
    except audit_file.AuditFileError:
        return None


WHOLE = lines(chain(ROWS))


def test_a_whole_file_is_sound_in_blocks_of_any_size() -> None:
    data = b"".join(WHOLE)
    for size in (1, 2, 7, 100, len(data)):
        blocks = [data[i : i + size] for i in range(0, len(data), size)]
        opening, check = audit_file.check(blocks, believe=believe, heads=[chain(ROWS)[4].hash])
        assert (opening.device, check.sound, check.rows, check.checkpoints) == (DEVICE, True, ROWS, 2)
        assert (check.signed_until, check.found) == (7, {chain(ROWS)[4].hash: 5})
    assert found(b"".join(lines([]))) == audit.AuditCheck(0, audit.GENESIS, None, "")


def test_every_flipped_bit_of_the_file_shows() -> None:
    data = b"".join(WHOLE)
    ends = list(itertools.accumulate(len(line) for line in WHOLE))
    for place in range(len(data)):
        line = next(n for n, end in enumerate(ends) if place < end)
        for bit in range(8):
            changed = bytearray(data)
            changed[place] ^= 1 << bit
            check = found(bytes(changed))
            assert check is None or not check.sound, (place, bit)
            if check is not None and data[place] != 0x0A and changed[place] != 0x0A and 0 < line <= ROWS:
                assert check.first_bad == line, (place, bit, check)


def test_every_cut_of_the_file_shows() -> None:
    data = b"".join(WHOLE)
    for length in range(len(data)):
        check = found(data[:length])
        assert check is None or not check.sound, length


def test_every_missing_doubled_or_moved_line_shows() -> None:
    numbers = range(len(WHOLE))
    for gone in numbers:
        check = found(b"".join(line for n, line in enumerate(WHOLE) if n != gone))
        assert check is None or check.first_bad == gone
    for twice in numbers:
        check = found(b"".join(line for n, line in enumerate(WHOLE) for _ in range(2 if n == twice else 1)))
        assert check is None or not check.sound
    for one, other in itertools.combinations(numbers, 2):
        order = list(WHOLE)
        order[one], order[other] = order[other], order[one]
        check = found(b"".join(order))
        assert check is None or check.first_bad == one


def _forged_from(number: int, *, key: sealing.SignPrivate | None) -> bytes:
    """The file as somebody writes it who rewrites row ``number`` and every row after it, last line and all."""
    rows: list[audit.AuditRow] = []
    for row in chain(ROWS):
        previous = rows[-1].hash if rows else audit.GENESIS
        body = msgspec.json.decode(row.body or "{}")
        if row.number == number:
            body = {**body, "seq": 77}
        if row.kind == audit.CHECKPOINT and row.number > number:
            if key is None:
                body["head"] = previous  # the old signature over a new head
            else:
                body = checkpoint(row.number - 1, previous, key)
        rows.append(audit.link(previous, row.number, row.at, row.kind, body))
    return b"".join(lines(rows))


@pytest.mark.parametrize("number", [1, 2, 3, 5, 6, 7])
def test_a_chain_written_anew_does_not_carry_the_boxs_signature(number: int) -> None:
    for key in (None, sealing.SignPrivate.from_private_bytes(b"\x08" * 32)):
        data = _forged_from(number, key=key)
        unaware = found(data)
        assert unaware is not None
        assert unaware.sound  # the chain itself is whole: that is why it is signed
        check = found(data, believe=believe)
        assert check is not None
        assert check.first_bad == (number // 4 + 1) * 4
        assert check.problem == "its signature is not the box's"


def test_a_chain_written_anew_does_not_hold_the_head_that_headquarters_was_told() -> None:
    true = chain(ROWS)
    for number in (9, 10):  # after the last checkpoint: only the head tells
        check = found(_forged_from(number, key=None), believe=believe, heads=[true[-1].hash])
        assert check is not None
        assert (check.sound, true[-1].hash in check.problem) == (False, True)
    cut = found(b"".join(lines(true[:9])), believe=believe, heads=[true[8].hash, true[9].hash])
    assert cut is not None
    assert (cut.first_bad, cut.found) == (10, {true[8].hash: 9})


def test_a_chain_whose_checkpoints_were_left_out_is_signed_by_nobody() -> None:
    long = audit.MAX_UNSIGNED + 1
    for sign, sound in ((True, True), (False, False)):
        check = found(b"".join(lines(chain(long, sign=sign))), believe=believe)
        assert check is not None
        assert check.sound is sound
    assert check.problem == f"the last {long} rows are signed by nobody"
    rows = chain(4)
    for number in range(5, 5 + long):
        rows.append(audit.link(rows[-1].hash, number, AT, "passage", {"seq": number}))
    assert _verdict(b"".join(lines(rows)), believe=believe) == (4, f"the last {long + 1} rows are signed by nobody")


def test_the_checkpoint_of_another_box_or_row_does_not_count() -> None:
    head = chain(3)[2].hash
    for body in (
        {**checkpoint(3, head), "device": "post-8"},
        checkpoint(2, head),
        checkpoint(3, "0" * 64),
        {"number": 3},
    ):
        rows = chain(3)
        rows.append(audit.link(head, 4, AT, audit.CHECKPOINT, body))
        check = found(b"".join(lines(rows)), believe=believe)
        assert check is not None
        assert check.first_bad == 4


def _kept(length: int, *, redacted: int = 0, removed: int = 0, at: int = 9) -> list[audit.AuditRow]:
    """A chain of which retention took what row ``at`` states: the rows that are left, a checkpoint each fourth."""
    rows: list[audit.AuditRow] = []
    for number in range(1, length + 1):
        previous = rows[-1].hash if rows else audit.GENESIS
        kind, body = "passage", {"seq": number, "shown": "CLEAR"}
        if number % 4 == 0:
            kind, body = audit.CHECKPOINT, checkpoint(number - 1, previous)
        elif number == at:
            base = rows[removed - 1].hash if removed else audit.GENESIS
            kind, body = audit.RETENTION, {"redacted": redacted, "removed": removed, "base": base}
        rows.append(audit.link(previous, number, AT, kind, body))
    return [_bare(r) if r.number <= redacted else r for r in rows][removed:]


def _bare(row: audit.AuditRow) -> audit.AuditRow:
    return row if row.kind == audit.CHECKPOINT else msgspec.structs.replace(row, body=None)


def _file(rows: list[audit.AuditRow]) -> bytes:
    return b"".join(lines(rows, after=rows[0].number - 1, previous=rows[0].previous))


def _verdict(data: bytes, **more: object) -> tuple[int | None, str]:
    check = found(data, **more)
    assert check is not None
    return check.first_bad, check.problem


@pytest.mark.parametrize(("redacted", "removed"), [(0, 0), (3, 0), (7, 0), (7, 3), (7, 7), (8, 4), (8, 8)])
def test_what_retention_took_and_said_so_is_no_damage(redacted: int, removed: int) -> None:
    for more in ({}, {"believe": believe}):
        check = found(_file(_kept(12, redacted=redacted, removed=removed)), **more)
        assert check is not None
        assert (check.sound, check.after) == (True, removed), check
        assert check.redacted == (redacted if redacted > removed and redacted != 8 else 7 if redacted > removed else 0)


def test_every_body_that_retention_did_not_take_is_missed() -> None:
    for redacted in (0, 3, 6):
        rows = _kept(12, redacted=redacted)
        for gone in (r for r in rows if r.number > redacted and r.kind == "passage"):
            bad, problem = _verdict(_file([_bare(r) if r is gone else r for r in rows]))
            assert "taken out" in problem
            next_with_body = redacted + 1 + (redacted == 3)  # row 4 is a checkpoint
            assert bad == (gone.number if gone.number > next_with_body else redacted + 1), (redacted, gone)


def test_a_statement_that_was_taken_out_or_that_no_checkpoint_vouches_for_states_nothing() -> None:
    rows = _kept(12, redacted=6)
    bare = [_bare(r) if r.kind == audit.RETENTION else r for r in rows]
    assert _verdict(_file(bare)) == (9, "its body was taken out, and not by retention")
    late = _kept(11, redacted=6, at=9)  # the checkpoint after it is cut off
    assert _verdict(_file(late))[0] is None  # without a key nothing is believed or disbelieved
    assert _verdict(_file(late), believe=believe) == (
        1, "its body was taken out, and no statement of retention that counts says so"
    )  # fmt: skip


@pytest.mark.parametrize("front", range(1, 12))
def test_a_front_that_was_cut_off_shows_with_and_without_key_and_head(front: int) -> None:
    rows = chain(12)
    for more in ({}, {"believe": believe}, {"believe": believe, "heads": [rows[-1].hash]}):
        bad, problem = _verdict(_file(rows[front:]), **more)
        assert bad == 1
        assert problem.startswith((f"the chain begins at row {front + 1}", "no row is signed"))


def test_more_cut_off_the_front_than_retention_took_shows() -> None:
    rows = _kept(12, redacted=6, removed=3)
    assert _verdict(_file(rows), believe=believe)[0] is None
    for more in range(1, 5):
        assert _verdict(_file(rows[more:]), believe=believe)[0] == 1
    moved = b"".join(lines(rows, after=3, previous="1" * 64))
    assert _verdict(moved)[0] == 4


@pytest.mark.parametrize("body", [
    {"redacted": 9, "removed": 0}, {"redacted": 0, "removed": 9}, {"redacted": -1}, {"redacted": "6"}, {"other": 1},
    {"base": "f"},
])  # fmt: skip
def test_a_statement_that_cannot_be_is_named(body: dict[str, object]) -> None:
    rows = chain(8)
    rows.append(audit.link(rows[-1].hash, 9, AT, audit.RETENTION, body))
    assert _verdict(_file(rows))[0] == 9


def test_a_chain_that_nobody_signed_is_not_believed_whatever_its_length() -> None:
    for length in (0, 1, 190):
        data = b"".join(lines(chain(length, sign=False)))
        assert _verdict(data)[0] is None
        assert _verdict(data, believe=believe) == (1, "no row is signed by anybody")


@settings(max_examples=300)
@given(st.lists(st.one_of(st.binary(max_size=60), st.sampled_from(WHOLE)), max_size=16))
def test_any_bytes_at_all_are_answered(parts: list[bytes]) -> None:
    check = found(b"".join(parts))
    if check is not None and check.sound:
        assert parts
        assert b"".join(parts) in (b"".join(WHOLE),)


def test_a_line_without_end_is_not_read_for_ever() -> None:
    def endless() -> Callable[[], bytes]:
        return lambda: b"[" * 65536

    with pytest.raises(audit_file.AuditFileError, match="a line of more than"):
        audit_file.check(itertools.chain([WHOLE[0]], iter(endless(), None)))
