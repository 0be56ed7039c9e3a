"""What a box writes to a stick, and what acks do to it when they come back."""

from __future__ import annotations

import hashlib
import io
import stat
from collections.abc import Iterator
from pathlib import Path

import carry_kit as kit
import journal_kit
import msgspec
import pytest

from edge.carry.acks import MAX_ACKS, apply_acks
from edge.carry.bundle import write_logs
from edge.carry.logs import log_tail
from edge.carry.sink import write_out
from edge.core.acks import AckOutcome, sign_ack
from edge.core.carrying import CarryHeader, Verify, unpack
from edge.core.provisioning.codes import Code, ProvisioningError
from edge.core.provisioning.stream import LOGS, ROWS, open_stream
from edge.core.sealing import generate_sign_key
from edge.core.wire import AckPayload, PassageEnvelope, Signed, decode, digest_of
from edge.journal import Journal


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    made = kit.filled(tmp_path, 12)
    yield made
    made.close()


def rows_of(data: bytes, headers: list[CarryHeader] | None = None, purpose: str = ROWS) -> list[bytes]:
    def sender(header: CarryHeader) -> Verify | None:
        if headers is not None:
            headers.append(header)
        return None

    return [row for group in unpack(open_stream([data], kit.SEAL_KEYS, purpose), sender) for row in group]


def seqs(data: bytes) -> list[int]:
    return [decode(row, PassageEnvelope).seq for row in rows_of(data)]


def acked(journal: Journal, session: str = kit.SESSION, **other: object) -> Signed:
    shelf = journal.pending(0, 100)
    fields: dict[str, object] = {
        "kind": "ack", "device": journal.device, "epoch": journal.epoch, "store": journal_kit.STORE,
        "session": session, "server_time": kit.NOW, "span": (1, 12), "ranges": [(1, 12)],
        "digest": digest_of((i.seq, hashlib.sha256(i.body).digest()) for i in shelf),
    }  # fmt: skip
    return sign_ack(AckPayload(**(fields | other)), kit.ACK)  # type: ignore[arg-type]


def test_a_bundle_holds_what_mqtt_would_have_carried(journal: Journal, tmp_path: Path) -> None:
    headers: list[CarryHeader] = []
    box = kit.sender()
    rows = [decode(row, PassageEnvelope) for row in rows_of(kit.in_memory(journal, box), headers)]
    items = journal.pending(0, 100)
    assert [(r.seq, r.epoch, r.body(), r.session) for r in rows] == [
        (i.seq, i.epoch, i.body, kit.SESSION) for i in items
    ]
    (header,) = headers
    counts = journal.counts()
    assert (header.device, header.serial, header.site) == (journal.device, box.serial, kit.SITE)
    assert (header.pending, header.audit_head, header.audit_rows) == (12, counts.audit_head, counts.audit_rows)
    assert header.epochs == (journal.epoch,)


def test_limits_take_the_oldest_and_leave_the_rest(journal: Journal, tmp_path: Path) -> None:
    target = tmp_path / "rows.sealed"
    written = kit.bundle(journal, target, max_rows=5)
    assert (written.count, written.left) == (5, 7)
    assert seqs(target.read_bytes()) == [1, 2, 3, 4, 5]
    by_bytes = kit.bundle(journal, target, max_bytes=300_000)
    assert 0 < by_bytes.count < 12
    assert target.stat().st_size < 300_000
    assert seqs(target.read_bytes()) == list(range(1, by_bytes.count + 1))
    nothing = kit.bundle(journal, target, max_bytes=10)
    assert (nothing.count, nothing.left) == (0, 12)  # the audit head goes all the same


def test_rows_of_an_earlier_epoch_go_under_their_old_ids(journal: Journal, tmp_path: Path) -> None:
    before = journal.epoch
    after = journal.renew_epoch("disk_restored")
    journal.record(journal_kit.new_passage(99)).result(10)
    headers: list[CarryHeader] = []
    data = kit.in_memory(journal, kit.sender())
    epochs = [decode(row, PassageEnvelope).epoch for row in rows_of(data, headers)]
    assert epochs[:12] == [before] * 12
    assert set(epochs[12:]) == {after}
    assert headers[0].epochs == (before, after)


def test_a_file_is_private_and_whole_or_not_there(journal: Journal, tmp_path: Path) -> None:
    target = tmp_path / "rows.sealed"
    kit.bundle(journal, target)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    good = target.read_bytes()

    def fails() -> Iterator[bytes]:
        yield b"some"
        raise OSError(28, "No space left on device")

    with pytest.raises(ProvisioningError) as full:
        write_out(target, fails())
    assert full.value.code is Code.DISK_FULL
    assert target.read_bytes() == good
    assert [p.name for p in tmp_path.glob("*.partial")] == []
    with pytest.raises(ProvisioningError) as absent:
        write_out(tmp_path / "no" / "rows.sealed", [b""])
    assert absent.value.code is Code.DISK_ERROR


def test_acks_count_once_for_their_own_session_device_and_epoch_only(journal: Journal) -> None:
    def outcome(signed: Signed, session: str = kit.SESSION) -> dict[AckOutcome, int]:
        return dict(apply_acks(msgspec.json.encode([signed]), journal, kit.ACK_KEYS, session).refused)

    good = acked(journal)
    thief = generate_sign_key()
    assert outcome(acked(journal, session="another-session")) == {AckOutcome.REPLAYED: 1}
    assert outcome(good, session="another-session") == {AckOutcome.REPLAYED: 1}
    assert outcome(acked(journal, device="post-8")) == {AckOutcome.FOREIGN: 1}
    assert outcome(acked(journal, epoch="epoch-of-another")) == {AckOutcome.FOREIGN: 1}
    assert outcome(acked(journal, digest="0" * 64)) == {AckOutcome.DIGEST_MISMATCH: 1}
    assert outcome(acked(journal, kind="holdings", digest="0" * 64)) == {AckOutcome.DIGEST_MISMATCH: 1}
    forged = sign_ack(decode(good.parts()[0], AckPayload), thief)
    assert outcome(forged) == {AckOutcome.BAD_SIGNATURE: 1}
    assert journal.counts().pending == 12
    both = apply_acks(msgspec.json.encode([forged, good]), journal, kit.ACK_KEYS, kit.SESSION)
    assert (both.applied, both.rows, both.refused) == (1, 12, {AckOutcome.BAD_SIGNATURE: 1})
    assert journal.counts().pending == 0


def test_acks_say_what_headquarters_holds_of_this_epoch(journal: Journal) -> None:
    old, new = acked(journal), acked(journal, newest_held=400)
    for signed, held in ((old, 0), (new, 400)):
        assert apply_acks(msgspec.json.encode([signed]), journal, kit.ACK_KEYS, kit.SESSION).newest_held == held


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b"[{}]", b"\xff", b"[" * 5000])
def test_what_is_no_array_of_acks_is_damaged(journal: Journal, data: bytes) -> None:
    with pytest.raises(ProvisioningError) as refused:
        apply_acks(data, journal, kit.ACK_KEYS, kit.SESSION)
    assert refused.value.code is Code.DAMAGED_PAPER


def test_too_many_acks_are_refused(journal: Journal) -> None:
    many = msgspec.json.encode([acked(journal)] * (MAX_ACKS + 1))
    with pytest.raises(ProvisioningError) as refused:
        apply_acks(many, journal, kit.ACK_KEYS, kit.SESSION)
    assert refused.value.code is Code.TOO_LARGE_PAPER


def test_a_log_goes_sealed_and_its_end_is_what_goes() -> None:
    out = io.BytesIO()
    text = b"".join(b"line %06d\n" % n for n in range(20_000))
    size = write_logs(
        out, sender=kit.sender(), recipients=[journal_kit.HQ], session=kit.SESSION, created=kit.NOW,
        tail=lambda limit: text[-limit:],
    )  # fmt: skip
    assert size == len(out.getvalue())
    assert b"line" not in out.getvalue()
    assert b"".join(rows_of(out.getvalue(), purpose=LOGS)) == text


def test_the_log_comes_from_the_systemd_journal_else_from_files(tmp_path: Path) -> None:
    program = tmp_path / "journalctl"
    program.write_text('#!/bin/sh\necho "$@"\nseq 1 100\n')
    program.chmod(0o755)
    said = log_tail(1 << 20, journalctl=str(program)).decode()
    assert "--unit=borderpost*" in said.splitlines()[0]
    assert said.splitlines()[-1] == "100"
    assert log_tail(20, journalctl=str(program)) == b"95\n96\n97\n98\n99\n100\n"
    program.write_text("#!/bin/sh\nexit 3\n")
    (tmp_path / "a.log").write_text("first\nlast\n")
    assert b"last\n" in log_tail(1000, [tmp_path / "a.log"], str(program))
    assert b"cannot be read" in log_tail(1000, [tmp_path / "none.log"], str(program))
    assert log_tail(1000, (), str(program)) == b"no log could be read: journalctl ended with 3\n"
    assert log_tail(1000, (), "/nowhere/journalctl").startswith(b"no log could be read")
