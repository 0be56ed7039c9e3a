"""What every start does with the secret that the box's keys are sealed with: made, opened, set aside, taken back."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import tpm_kit

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "packaging/box_secret.py"
NO_TPM = "/nowhere/tpm"
# A stand-in for systemd-creds: this computer's own must not be touched by a test. It runs on the machine $MACHINE. The
# TPM there REFUSES everything, or HANGS and never answers, or SEALS and opens nothing. It writes down what was asked.
CREDS = """#!/bin/sh
for last; do :; done
case $1 in
decrypt)
    echo "${3##*/}" >> "$ASKED"
    if grep -aq host+tpm2 "$3"; then
        case $TPM in hangs) exec sleep 60 ;; refuses | seals) exit 1 ;; esac
    fi
    [ "$(head -n 1 "$3")" = "$MACHINE" ] ;;
*)
    if [ "$2" != --with-key=host ]; then
        case $TPM in hangs) exec sleep 60 ;; refuses) exit 1 ;; esac
    fi
    { echo "$MACHINE"; echo "$@"; cat; } > "$last" ;;
esac
"""


class Machines:
    """One disk, and the machines that it stands in one after the other."""

    def __init__(self, folder: Path) -> None:
        self.store, self._programs, self._asked = folder / "store", folder / "bin", folder / "asked"
        self.store.mkdir()
        self._programs.mkdir()
        (self._programs / "systemd-creds").write_text(CREDS)
        (self._programs / "systemd-creds").chmod(0o755)
        self.said = ""

    def boot(self, machine: str, *, tpm: str = NO_TPM, does: str = "", limit: str = "20") -> bytes:
        """The secret in use afterwards. ``does``: what is wrong with the TPM."""
        self._asked.write_text("")
        self.said = subprocess.run(
            [str(SCRIPT), str(self.store), tpm, "0.01", limit], check=True, timeout=60, text=True,
            stdout=subprocess.PIPE, env={
                "PATH": f"{self._programs}:/usr/bin:/bin", "MACHINE": machine, "ASKED": str(self._asked), "TPM": does,
            },
        ).stdout  # fmt: skip
        return (self.store / "box-secret").read_bytes()

    def asked(self) -> list[str]:
        """What was tried in the last start, in order."""
        return self._asked.read_text().split()

    def kept(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.store.iterdir()}


@pytest.fixture
def machines(tmp_path: Path) -> Machines:
    return Machines(tmp_path)


@pytest.fixture(scope="module")
def box_secret() -> ModuleType:
    """The program as a module: the package does not bring it as one."""
    spec = importlib.util.spec_from_file_location("box_secret", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def well() -> Iterator[str]:
    device = tpm_kit.ByteTpm(1)
    yield device.path
    device.close()


@pytest.fixture
def locked() -> Iterator[str]:
    device = tpm_kit.ByteTpm(3, owned=True)
    yield device.path
    device.close()


def test_the_secret_of_a_box_is_made_once_and_whole(machines: Machines, well: str) -> None:
    first = machines.boot("own", tpm=well)
    _, said, secret = first.split(b"\n", 2)
    assert said.split()[:3] == [b"encrypt", b"--with-key=host+tpm2", b"--name=box-secret"]
    assert len(secret) == 32
    assert (machines.store / "box-secret").stat().st_mode & 0o777 == 0o600
    assert machines.boot("own", tpm=well) == first
    assert list(machines.kept()) == ["box-secret"]


@pytest.mark.parametrize(("tpm", "does"), [(NO_TPM, ""), ("/dev/null", "refuses"), ("/dev/null", "seals")])
def test_a_machine_without_a_tpm_that_answers_has_a_secret_all_the_same(
    machines: Machines, tpm: str, does: str
) -> None:
    secret = machines.boot("own", tpm=tpm, does=does)
    assert b"--with-key=host " in secret
    assert machines.boot("own", tpm=tpm, does=does) == secret
    assert list(machines.kept()) == ["box-secret"]


def test_a_secret_that_does_not_open_here_is_set_aside_and_taken_again_where_it_opens(
    machines: Machines, well: str
) -> None:
    own = machines.boot("own", tpm=well)
    other = machines.boot("other", tpm=well)
    assert other != own
    assert machines.kept() == {"box-secret": other, "box-secret.lost-1": own}
    assert "does not open on this machine" in machines.said
    assert machines.boot("other", tpm=well) == other
    assert machines.asked() == ["box-secret"], "what is lost is tried where no other opens"
    assert machines.boot("own", tpm=well) == own
    assert machines.boot("other", tpm=well) == other


@pytest.mark.parametrize("tpm", [NO_TPM, "/dev/null"])
def test_so_it_is_where_no_tpm_is_heard_but_the_box_s_own_is_tried_first(machines: Machines, tpm: str) -> None:
    own, other = machines.boot("own", tpm=tpm), machines.boot("other", tpm=tpm)
    assert machines.kept() == {"box-secret": other, "box-secret.locked-1": own}
    assert machines.boot("other", tpm=tpm) == other
    assert machines.asked() == ["box-secret.locked-1", "box-secret"]
    assert machines.boot("own", tpm=tpm) == own
    assert machines.boot("other", tpm=tpm) == other


def test_in_a_lockout_the_secret_is_kept_and_is_the_box_s_again_when_it_is_over(
    machines: Machines, well: str, locked: str
) -> None:
    own = machines.boot("own", tpm=well)
    meanwhile = machines.boot("own", tpm=locked, does="refuses")
    assert b"--with-key=host " in meanwhile, "the daemon starts, and the post screens"
    assert machines.kept() == {"box-secret": meanwhile, "box-secret.locked-1": own}
    assert "lockout" in machines.said
    assert machines.boot("own", tpm=locked, does="refuses") == meanwhile, "one for the whole lockout"
    assert len(machines.kept()) == 2
    assert machines.boot("own", tpm=well) == own
    assert machines.kept() == {"box-secret": own, "box-secret.lost-1": meanwhile}
    assert machines.boot("own", tpm=well) == own
    assert machines.boot("own", tpm=locked, does="refuses") == meanwhile, "the next lockout finds the one of the last"
    assert machines.boot("own", tpm=well) == own
    assert len(machines.kept()) == 2


def test_a_cut_between_two_moves_leaves_the_box_s_secret_to_be_found(machines: Machines, well: str) -> None:
    own = machines.boot("own", tpm=well)
    (machines.store / "box-secret").rename(machines.store / "box-secret.locked-1")
    assert machines.boot("own", tpm=well) == own


def test_of_two_that_were_kept_the_first_is_the_box_s_and_the_second_never_takes_its_place(
    machines: Machines, well: str
) -> None:
    own = machines.boot("own", tpm=well)
    (machines.store / "box-secret").rename(machines.store / "box-secret.locked-1")
    (machines.store / "box-secret.locked-2").write_bytes(b"own\nsecond")
    (machines.store / "box-secret").write_bytes(b"own\nthird")
    (machines.store / "box-secret.lost-1").write_bytes(b"other\n")
    assert machines.boot("own", tpm=well) == own
    assert machines.kept() == {
        "box-secret": own, "box-secret.lost-1": b"other\n", "box-secret.lost-2": b"own\nsecond",
        "box-secret.lost-3": b"own\nthird",
    }
    assert machines.boot("own", tpm=well) == own


def test_those_set_aside_are_tried_in_the_order_in_which_they_were(machines: Machines) -> None:
    for number in (10, 2, 1, 9):
        (machines.store / f"box-secret.locked-{number}").write_bytes(b"elsewhere\n")
    (machines.store / "box-secret.locked-x").write_bytes(b"own\nof nobody")
    own = machines.boot("own")
    assert machines.asked() == [f"box-secret.locked-{number}" for number in (1, 2, 9, 10)]
    machines.boot("other")
    assert machines.kept()["box-secret.locked-11"] == own


def test_what_is_said_of_a_machine_without_a_tpm_is_no_lockout(machines: Machines) -> None:
    machines.boot("own")
    machines.boot("other")
    assert "no TPM is there" in machines.said
    assert "lockout" not in machines.said


@pytest.mark.parametrize("does", ["refuses", "hangs", "seals"])
def test_a_tpm_in_trouble_takes_no_secret(machines: Machines, well: str, locked: str, does: str) -> None:
    own = machines.boot("own", tpm=well)
    meanwhile = machines.boot("own", tpm=locked, does=does, limit="0.1")
    assert b"--with-key=host " in meanwhile
    assert machines.kept() == {"box-secret": meanwhile, "box-secret.locked-1": own}
    assert machines.boot("own", tpm=well) == own


def test_the_secret_in_use_is_asked_however_many_are_tried_before_it(box_secret: ModuleType, tmp_path: Path) -> None:
    """The clock of this one goes on 20 s with each question, as for a TPM that hangs."""
    for number in range(1, 9):
        (tmp_path / f"box-secret.locked-{number}").touch()
    (tmp_path / "box-secret").touch()
    asked: list[str] = []
    now = 0.0

    class Slow(box_secret.Start):  # type: ignore[name-defined, misc]
        def _has_time(self, until: float) -> bool:
            return now < until

        def _opening(self, path: Path) -> int | None:
            nonlocal now
            now += 20
            asked.append(path.name)
            return 0 if path.name == "box-secret" else None

    assert Slow(tmp_path, Path(NO_TPM), 0, 20).run()
    assert asked == ["box-secret.locked-1", "box-secret.locked-2", "box-secret"]
    assert len(list(tmp_path.iterdir())) == 9


def test_a_program_that_does_not_end_is_left_behind(box_secret: ModuleType) -> None:
    assert box_secret.call(["sh", "-c", "trap '' TERM; sleep 60"], 0.05) is None
    assert box_secret.call(["sh", "-c", "exit 3"], 20, b"x" * 32) == 3


def test_what_a_start_may_take_is_less_than_its_unit_allows(box_secret: ModuleType) -> None:
    unit = (ROOT / "systemd/borderpost-keys.service").read_text("ascii")
    (allowed,) = re.findall(r"^TimeoutStartSec=(\d+)$", unit, re.MULTILINE)
    assert int(allowed) >= box_secret.LONGEST_S + 10, "and syncs take time"
    assert box_secret.LOCKED_S + box_secret.CREDS_S + box_secret.END_S < box_secret.ASKING_S, "law 3"
    assert box_secret.TPM_S <= box_secret.CREDS_S
    program = (ROOT / "packaging/tpm_lockout.py").read_text("utf-8")
    (own,) = re.findall(r"^TIMEOUT_S = ([\d.]+)$", program, re.MULTILINE)
    assert float(own) < box_secret.TPM_S, "it says what it found before it is ended"


def test_what_looks_at_the_tpm_lies_beside_the_script_and_both_run_by_the_system_s_python() -> None:
    packed = (ROOT / "packaging/dist.py").read_text("utf-8")
    for name in ("box-secret", "tpm_lockout.py"):
        assert f'"usr/lib/borderpost/{name}"' in packed
    assert SCRIPT.read_text("utf-8").startswith("#!/usr/bin/python3 -IS\n")
    assert "Depends: python3 " in (ROOT / "packaging/control.in").read_text("utf-8")
