"""What power cuts do to a TPM, and that the failed tries it counts are taken back: bytes, and a real one (swtpm)."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import tpm_kit

ROOT = Path(__file__).resolve().parents[1]
tpm = tpm_kit.program()
TPM_RC_LOCKOUT = 0x921
# What swtpm 0.7 answers to GetCapability(TPM_PT_LOCKOUT_COUNTER, 4) after two cuts.
COUNTERS = bytes.fromhex(
    "80010000003300000000" "0100000006" "00000004" "0000020e00000002" "0000020f00000003" "00000210000003e8"
    "00000211000003e8"
)  # fmt: skip


@pytest.fixture
def bytes_tpm() -> Iterator[Callable[..., tpm_kit.ByteTpm]]:
    made: list[tpm_kit.ByteTpm] = []

    def make(tries: int = 0, **how: bool) -> tpm_kit.ByteTpm:
        made.append(tpm_kit.ByteTpm(tries, **how))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def real(tmp_path: Path) -> Iterator[tpm_kit.SwTpm]:
    if shutil.which("swtpm") is None:
        pytest.skip("swtpm is not installed")
    one = tpm_kit.SwTpm(tmp_path / "state")
    yield one
    one.close()


def run(path: str, seconds: str = "8") -> tuple[int, str]:
    """As box-secret runs it."""
    done = subprocess.run(
        ["/usr/bin/python3", "-I", "-S", str(ROOT / "packaging/tpm_lockout.py"), path, seconds],
        capture_output=True, text=True, timeout=30, check=False,
    )
    assert done.stderr == ""
    assert done.stdout.count("\n") == 1
    return done.returncode, done.stdout


# -- bytes ------------------------------------------------------------------------------------------------------------

def test_the_commands_are_those_of_the_library() -> None:
    assert tpm.ask_properties(0x200, 1).hex() == "8001" "00000016" "0000017a" "00000006" "00000200" "00000001"
    assert tpm.lock_reset().hex() == "8002" "0000001b" "00000139" "4000000a" "00000009" "40000009" "0000" "00" "0000"


def test_a_response_is_read_in_whatever_parts_it_comes() -> None:
    assert tpm.expected(b"") == tpm.expected(COUNTERS[:9]) == 10
    assert tpm.expected(COUNTERS[:10]) == len(COUNTERS)
    code, body = tpm.read_response(COUNTERS)
    found = tpm.read_properties(body)
    assert (code, found) == (0, {0x20E: 2, 0x20F: 3, 0x210: 1000, 0x211: 1000})
    assert tpm.lockout_of({**found, 0x200: 0x604}) == tpm.Lockout(True, True, 2, 3, 1000, 1000)


@pytest.mark.parametrize("cut", range(len(COUNTERS)))
def test_half_a_response_is_none(cut: int) -> None:
    with pytest.raises(tpm.TpmError):
        tpm.read_response(COUNTERS[:cut])
    with pytest.raises(tpm.TpmError):
        tpm.lockout_of(tpm.read_properties(COUNTERS[10:cut]))


@pytest.mark.parametrize("head", ["80010000000900000000", "80010000100100000000", "00c40000000a00000000", "ff" * 10])
def test_a_response_of_another_length_or_kind_is_refused(head: str) -> None:
    with pytest.raises(tpm.TpmError, match="no response of a TPM"):
        tpm.expected(bytes.fromhex(head))


@pytest.mark.parametrize("body", ["0000000005000000010000020e00000000", "000000000600000041" + "00" * 520, "00"])
def test_what_is_no_list_of_properties_is_refused(body: str) -> None:
    with pytest.raises(tpm.TpmError, match="no list of properties"):
        tpm.read_properties(bytes.fromhex(body))


# -- a device ---------------------------------------------------------------------------------------------------------

Make = Callable[..., tpm_kit.ByteTpm]


def test_tries_below_the_limit_are_cleared_too_and_none_is_left_alone(bytes_tpm: Make) -> None:
    one, none = bytes_tpm(1), bytes_tpm(0)
    assert run(one.path)[0] == run(none.path)[0] == tpm.FREE
    assert (one.tries, one.resets, none.resets) == (0, 1, 0)


@pytest.mark.parametrize(("tries", "code"), [(2, 0), (3, 3)])
def test_a_password_that_an_owner_set_is_never_tried(bytes_tpm: Make, tries: int, code: int) -> None:
    device = bytes_tpm(tries, owned=True)
    found, said = run(device.path)
    assert (found, device.resets) == (code, 0)
    assert "left alone" in said


def test_who_does_not_answer_is_waited_for_until_the_deadline_alone(bytes_tpm: Make) -> None:
    code, said = run(bytes_tpm(mute=True).path, "0.2")
    assert (code, "no answer in time" in said) == (tpm.DEAF, True)


@pytest.mark.parametrize("path", ["/nowhere/tpm", "/dev/null", "/dev/zero", "/"])
def test_what_is_no_tpm_is_said_to_be_none(path: str) -> None:
    assert run(path)[0] == tpm.DEAF


# -- a real one -------------------------------------------------------------------------------------------------------

def cut(real: tpm_kit.SwTpm, times: int) -> None:
    """The box opens its secret, and the power fails, so often."""
    for _ in range(times):
        real.unseal()
        real.cut()


def test_three_power_cuts_lock_a_tpm_and_the_program_opens_it_again(real: tpm_kit.SwTpm) -> None:
    real.seal()
    cut(real, 3)
    assert real.unseal() == TPM_RC_LOCKOUT
    code, said = run(real.path)
    assert (code, "in lockout, 3 of 3 failed tries" in said, "cleared" in said) == (tpm.FREE, True, True), said
    assert real.unseal() == 0


def test_cuts_never_add_up_where_it_runs_in_every_start(real: tpm_kit.SwTpm) -> None:
    real.seal()
    for _ in range(5):
        cut(real, 1)
        code, said = run(real.path)
        assert (code, "1 of 3 failed tries" in said) == (tpm.FREE, True), said
        assert real.unseal() == 0


def test_in_a_lockout_that_an_owner_guards_his_password_goes_on_working(real: tpm_kit.SwTpm) -> None:
    real.seal()
    real.owned(tpm.TPM_RH_LOCKOUT)
    cut(real, 3)
    code, said = run(real.path)
    assert (code, "left alone" in said) == (tpm.LOCKED, True), said
    assert real.unseal() == TPM_RC_LOCKOUT
    assert real.send(tpm_kit.command(tpm.TPM_CC_LOCK_RESET, (tpm.TPM_RH_LOCKOUT,), tpm_kit.OWNERS, b"")) == 0
    assert real.unseal() == 0
