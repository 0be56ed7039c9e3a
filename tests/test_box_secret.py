"""What every start does with the secret that the box's keys are sealed with: made, opened, set aside, taken back."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import tpm_kit

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "packaging/box-secret"
NO_TPM = "/nowhere/tpm"
# A stand-in for systemd-creds: this computer's own must not be touched by a test. It runs on the machine $MACHINE. With
# TPM_REFUSES the TPM there opens and seals nothing, with HANGS it never answers. It writes down what it opened.
CREDS = """#!/bin/sh
for last; do :; done
if [ -n "$HANGS" ] && [ "$2" != --with-key=auto ]; then exec sleep 60; fi
case $1 in
decrypt)
    echo "${3##*/}" >> "$OPENED"
    [ -z "$TPM_REFUSES" ] || ! grep -aq host+tpm2 "$3" || exit 1
    [ "$(head -n 1 "$3")" = "$MACHINE" ] ;;
*)
    [ -z "$TPM_REFUSES" ] || [ "$2" != --with-key=host+tpm2 ] || exit 1
    { echo "$MACHINE"; echo "$@"; cat; } > "$last" ;;
esac
"""


class Machines:
    """One disk, and the machines that it stands in one after the other."""

    def __init__(self, folder: Path) -> None:
        self.store, self._programs, self._opened = folder / "store", folder / "bin", folder / "opened"
        self.store.mkdir()
        self._programs.mkdir()
        (self._programs / "systemd-creds").write_text(CREDS)
        (self._programs / "systemd-creds").chmod(0o755)
        self.said = ""

    def boot(
        self, machine: str, *, tpm: str = NO_TPM, refuses: bool = False, hangs: bool = False, limit: str = "20"
    ) -> bytes:
        self._opened.write_text("")
        self.said = subprocess.run(
            [str(SCRIPT), str(self.store), tpm, "0.01", limit], check=True, timeout=60, text=True,
            stdout=subprocess.PIPE, env={
                "PATH": f"{self._programs}:/usr/bin:/bin", "MACHINE": machine, "OPENED": str(self._opened),
                "TPM_REFUSES": "yes" * refuses, "HANGS": "yes" * hangs,
            },
        ).stdout  # fmt: skip
        return (self.store / "box-secret").read_bytes()

    def opened(self) -> list[str]:
        """What was tried in the last start, in order."""
        return self._opened.read_text().split()

    def kept(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.store.iterdir()}


@pytest.fixture
def machines(tmp_path: Path) -> Machines:
    return Machines(tmp_path)


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


@pytest.mark.parametrize(("tpm", "refuses"), [(NO_TPM, False), ("/dev/null", True)])
def test_a_machine_without_a_tpm_that_answers_has_a_secret_all_the_same(
    machines: Machines, tpm: str, refuses: bool
) -> None:
    assert b"--with-key=auto" in machines.boot("own", tpm=tpm, refuses=refuses)


def test_a_secret_that_does_not_open_here_is_set_aside_and_taken_again_where_it_opens(
    machines: Machines, well: str
) -> None:
    own = machines.boot("own", tpm=well)
    other = machines.boot("other", tpm=well)
    assert other != own
    assert machines.kept() == {"box-secret": other, "box-secret.lost-1": own}
    assert machines.boot("other", tpm=well) == other
    assert machines.opened() == ["box-secret"], "what is lost is tried where no other opens"
    assert machines.boot("own", tpm=well) == own
    assert machines.boot("other", tpm=well) == other


@pytest.mark.parametrize("tpm", [NO_TPM, "/dev/null"])
def test_so_it_is_where_no_tpm_is_heard_but_the_box_s_own_is_tried_first(machines: Machines, tpm: str) -> None:
    own, other = machines.boot("own", tpm=tpm), machines.boot("other", tpm=tpm)
    assert machines.kept() == {"box-secret": other, "box-secret.locked-1": own}
    assert machines.boot("other", tpm=tpm) == other
    assert machines.opened() == ["box-secret.locked-1", "box-secret"]
    assert machines.boot("own", tpm=tpm) == own
    assert machines.boot("other", tpm=tpm) == other


def test_in_a_lockout_the_secret_is_kept_and_is_the_box_s_again_when_it_is_over(
    machines: Machines, well: str, locked: str
) -> None:
    own = machines.boot("own", tpm=well)
    meanwhile = machines.boot("own", tpm=locked, refuses=True)
    assert b"--with-key=auto" in meanwhile, "the daemon starts, and the post screens"
    assert machines.kept() == {"box-secret": meanwhile, "box-secret.locked-1": own}
    assert "lockout" in machines.said
    assert machines.boot("own", tpm=locked, refuses=True) == meanwhile, "one for the whole lockout"
    assert len(machines.kept()) == 2
    assert machines.boot("own", tpm=well) == own
    assert machines.kept() == {"box-secret": own, "box-secret.lost-1": meanwhile}
    assert machines.boot("own", tpm=well) == own
    assert machines.boot("own", tpm=locked, refuses=True) == meanwhile, "the next lockout finds the one of the last"
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


def test_a_tpm_that_hangs_ends_in_time_and_takes_no_secret(machines: Machines, well: str) -> None:
    own = machines.boot("own", tpm=well)
    meanwhile = machines.boot("own", tpm=well, hangs=True, limit="0.1")
    assert machines.kept() == {"box-secret": meanwhile, "box-secret.locked-1": own}
    assert machines.boot("own", tpm=well) == own


def test_what_a_start_may_take_is_less_than_its_unit_allows() -> None:
    text = SCRIPT.read_text("ascii")
    (creds, tpm, end, asking) = (
        int(found) for name in (r"creds_s=\$\{4:-", "tpm_s=", "end_s=", "asking_s=")
        for found in re.findall(rf"^{name}(\d+)", text, re.MULTILINE)
    )
    assert "systemd-creds" not in re.sub(r"#.*|creds\(\) .*", "", text), "every call has its limit"
    longest = asking + 1 + max(creds, tpm) + end + 5 + 2 * (creds + end)
    assert f"within {longest} s" in text
    unit = (ROOT / "systemd/borderpost-keys.service").read_text("ascii")
    (allowed,) = re.findall(r"^TimeoutStartSec=(\d+)$", unit, re.MULTILINE)
    assert longest + 10 <= int(allowed), "and syncs take time"
    program = (ROOT / "packaging/tpm_lockout.py").read_text("utf-8")
    (own,) = re.findall(r"^TIMEOUT_S = ([\d.]+)$", program, re.MULTILINE)
    assert float(own) < tpm, "it says what it found before it is ended"


def test_what_looks_at_the_tpm_lies_beside_the_script_and_runs_by_the_system_s_python() -> None:
    packed = (ROOT / "packaging/dist.py").read_text("utf-8")
    for name in ("box-secret", "tpm_lockout.py"):
        assert f'"usr/lib/borderpost/{name}"' in packed
    assert '/usr/bin/python3 -I -S "${0%/*}/tpm_lockout.py"' in SCRIPT.read_text("ascii")
    assert "Depends: python3 " in (ROOT / "packaging/control.in").read_text("utf-8")
