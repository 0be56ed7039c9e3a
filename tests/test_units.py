"""The units: what systemd itself says of them (no PID 1 needed), how exposed they are, and that their parts fit."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import click
import pytest

from provisioning.verbs import stick

ROOT = Path(__file__).resolve().parents[1]
UNITS = ROOT / "systemd"
PAGE_SYSTEMD = "252"  # whose figures docs/security.md gives; others count other settings
# Highest exposure that `systemd-analyze security` may give, in tenths, by the systemd of Debian 12 (252).
THRESHOLDS = {
    "borderpost.service": 15,
    "borderpost-keys.service": 15,
    "borderpost-stick@.service": 8,
    "borderpost-selftest@.service": 8,
    "borderpost-update.service": 15,
    "borderpost-hq.service": 25,
    "borderpost-hq-timestamp.service": 25,
}
INSTANCES = {"borderpost-stick@.service": "sdb1", "borderpost-selftest@.service": "1.0"}
TARGETS = ("basic", "local-fs", "multi-user", "network-online", "shutdown", "sysinit", "timers")
EXECUTED = re.compile(r"^Exec\w+=[+\-!:]*(/\S+)", re.MULTILINE)


def units() -> list[Path]:
    return sorted([*UNITS.glob("*.service"), *UNITS.glob("*.timer")])


def settings(name: str) -> dict[str, list[str]]:
    """Every setting of a unit with its values, in order; sections do not share a name."""
    found: dict[str, list[str]] = {}
    for line in (UNITS / name).read_text("ascii").splitlines():
        if line and line[0] not in "#[":
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


@pytest.fixture
def analyze() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("systemd-analyze not on PATH")
    return found


def test_every_service_has_a_threshold() -> None:
    assert {path.name for path in units() if path.suffix == ".service"} == set(THRESHOLDS)


@pytest.mark.parametrize("name", THRESHOLDS)
def test_no_unit_is_more_exposed_than_its_threshold(analyze: str, name: str) -> None:
    done = subprocess.run(
        [analyze, "security", "--offline=true", "--no-pager", f"--threshold={THRESHOLDS[name]}", str(UNITS / name)],
        capture_output=True, text=True, timeout=60, check=False,
    )
    assert done.returncode == 0, "\n".join(line for line in done.stdout.splitlines() if line[0] in "✗→")
    assert done.stderr == ""


def test_the_page_on_security_tells_the_exposures_as_they_are(analyze: str) -> None:
    version = subprocess.run([analyze, "--version"], capture_output=True, text=True, timeout=60, check=True).stdout
    if version.split()[1] != PAGE_SYSTEMD:
        pytest.skip(f"the page gives what systemd {PAGE_SYSTEMD} counts; this is {version.split()[1]}")
    page = (ROOT / "docs" / "security.md").read_text("utf-8")
    for name, limit in THRESHOLDS.items():
        done = subprocess.run(
            [analyze, "security", "--offline=true", "--no-pager", str(UNITS / name)],
            capture_output=True, text=True, timeout=60, check=True,
        )
        (exposure,) = re.findall(r"exposure level for \S+: (\d+\.\d)", done.stdout)
        assert f"| `{name}` | {exposure} | {limit / 10} |" in page, (name, exposure)


def test_systemd_takes_every_unit_without_a_word(analyze: str, tmp_path: Path) -> None:
    # Against a root of its own: every program that a unit starts stands where the package puts it. An unknown setting
    # or a bad value is only a line on standard error, hence "without a word".
    place = tmp_path / "usr/lib/systemd/system"
    place.mkdir(parents=True)
    for target in TARGETS:
        (place / f"{target}.target").write_text(f"[Unit]\nDescription={target}\n")
    for path in units():
        shutil.copy(path, place)
        for program in EXECUTED.findall(path.read_text("ascii").replace("%i", INSTANCES.get(path.name, ""))):
            stub = tmp_path / program.lstrip("/")
            stub.parent.mkdir(parents=True, exist_ok=True)
            stub.write_text("#!/bin/sh\n")
            stub.chmod(0o755)
    names = [p.name.replace("@.", f"@{INSTANCES.get(p.name, '')}.") for p in units()]
    done = subprocess.run(
        [analyze, "verify", "--man=no", f"--root={tmp_path}", *names],
        capture_output=True, text=True, timeout=60, check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_wrong_word_in_a_unit_would_be_seen(analyze: str, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.service"
    wrong.write_text("[Service]\nExecStart=/bin/true\nProtectHomes=yes\n")
    done = subprocess.run(
        [analyze, "verify", "--man=no", str(wrong)], capture_output=True, text=True, timeout=60, check=False
    )
    assert "ProtectHomes" in done.stderr


@pytest.mark.parametrize("name", THRESHOLDS)
def test_every_unit_runs_as_the_daemon_runs(name: str) -> None:
    unit = settings(name)
    assert unit["MemoryDenyWriteExecute"] == ["yes"]
    assert unit["NoNewPrivileges"] == ["yes"]
    assert unit["ProtectSystem"] == ["strict"]
    assert unit["SystemCallErrorNumber"] == ["EPERM"]  # what is refused kills nobody
    assert unit["MemorySwapMax"] == ["0"]
    assert unit["LimitCORE"] == ["0"]
    assert all(value == "" or name == "borderpost-stick@.service" for value in unit["CapabilityBoundingSet"])


def test_only_those_that_speak_with_headquarters_have_a_network() -> None:
    online = {name for name in THRESHOLDS if settings(name).get("PrivateNetwork") != ["yes"]}
    assert online == {"borderpost.service", "borderpost-hq.service"}


def test_who_looks_into_sticks_may_mount_and_nothing_else() -> None:
    unit = settings("borderpost-stick@.service")
    assert unit["CapabilityBoundingSet"] == unit["AmbientCapabilities"] == ["CAP_SYS_ADMIN"]
    assert unit["RestrictAddressFamilies"] == ["none"]
    assert unit["BindsTo"] == ["dev-%i.device"]
    assert unit["User"] == ["borderpost-stick"]
    seen = " ".join(unit["BindPaths"] + unit["BindReadOnlyPaths"])
    assert "RootDirectory" in unit
    assert not re.search(r"/var/lib/borderpost(\s|$)|/etc/(\s|$)|credstore", seen)


def test_what_udev_gives_to_who_looks_into_sticks_reaches_the_user_that_the_unit_runs_as() -> None:
    """A process has the groups that its unit names, and the user's own is none of them when Group= is another."""
    unit = settings("borderpost-stick@.service")
    groups = {*unit["Group"], *" ".join(unit.get("SupplementaryGroups", [])).split()}
    lines = [line for line in STICKS.read_text("ascii").splitlines() if line[:1] != "#" and "borderpost-stick" in line]
    given = [line for line in lines if re.search(r"\b(GROUP|OWNER)=|ch(grp|own)", line)]
    assert len(given) == 3  # lights, speaker, stick
    for line in given:
        owner = re.search(r"OWNER=\"([\w-]+)\"|chown ([\w-]+) ", line)
        group = re.search(r"GROUP=\"([\w-]+)\"|chgrp ([\w-]+) ", line)
        assert (owner and (owner[1] or owner[2]) in unit["User"]) or (group and (group[1] or group[2]) in groups), line


def test_the_speaker_that_the_unit_may_write_to_alone_is_not_asked_to_be_readable() -> None:
    unit, (speaker,) = settings("borderpost-stick@.service"), [p for p in stick.command.params if p.name == "speaker"]
    assert "--speaker" in unit["ExecStart"][0]
    assert "char-input w" in unit["DeviceAllow"]
    assert isinstance(speaker.type, click.Path)
    assert not speaker.type.readable


def test_the_daemon_is_fed_by_its_watchdog_and_never_given_up() -> None:
    unit = settings("borderpost.service")
    assert unit["Type"] == ["notify"]
    assert unit["WatchdogSec"] == ["30"]
    assert unit["Restart"] == ["always"]
    assert unit["StartLimitIntervalSec"] == ["0"]
    assert "box-secret" in unit["LoadCredentialEncrypted"]  # by name alone: a box without it starts all the same


def test_the_updater_runs_nothing_of_a_new_version() -> None:
    assert settings("borderpost-update.service")["ExecStart"] == ["/opt/borderpost/current/bin/borderpost-update"]
    tried = settings("borderpost-selftest@.service")
    assert tried["ExecStart"] == ["/opt/borderpost/versions/%i/bin/borderpost selftest"]
    assert tried["User"] == ["borderpost"]


def test_every_user_and_folder_that_a_unit_names_is_made() -> None:
    users = set(re.findall(r"^[ug] (\S+)", (UNITS / "borderpost.sysusers").read_text(), re.MULTILINE))
    folders = set(re.findall(r"^d (\S+)", (UNITS / "borderpost.tmpfiles").read_text(), re.MULTILINE))
    for name in THRESHOLDS:
        unit = settings(name)
        for user in unit.get("User", []):
            assert user in users, name
        for path in " ".join(unit.get("ReadWritePaths", [])).split():
            if path.lstrip("-").startswith("/var/lib/borderpost"):
                assert path.lstrip("-") in folders, name


def test_a_blank_box_has_the_first_screen_to_itself_and_nothing_is_open_to_others_by_omission() -> None:
    unit = settings("borderpost.service")
    (start,) = unit["ExecStart"]
    assert start.endswith(" --console /dev/tty1")
    assert "/dev/tty1 rw" in unit["DeviceAllow"]
    assert unit["UMask"] == ["0077"]
    # The login goes away only where the daemon is there: the daemon of a box set up by hand writes to no screen.
    assert settings("borderpost-screen.conf") == {"ConditionPathExists": ["!/etc/borderpost/national.json"]}
    assert '"usr/lib/systemd/system/getty@tty1.service.d/borderpost.conf"' in (ROOT / "packaging/dist.py").read_text()


def test_the_system_s_log_lives_in_memory_and_has_a_limit() -> None:
    text = (UNITS / "journald-borderpost.conf").read_text()
    assert "Storage=volatile\n" in text
    assert "RuntimeMaxUse=64M\n" in text


def plain(name: str) -> dict[str, str]:
    """``key = value`` of a file, each key once."""
    lines = (UNITS / name).read_text("ascii").splitlines()
    pairs = [tuple(word.strip() for word in line.split("=", 1)) for line in lines if line and line[0] not in "#["]
    assert len({key for key, _ in pairs}) == len(pairs)
    return dict(pairs)  # type: ignore[arg-type]


def test_a_box_that_hangs_is_reset_by_its_board() -> None:
    told = plain("system-borderpost.conf")
    assert told == {"RuntimeWatchdogSec": "60", "RebootWatchdogSec": "2min", "CrashReboot": "yes"}
    page = (ROOT / "docs" / "technician.md").read_text("utf-8")
    for key, value in told.items():
        assert f"`{key}={value}`" in page, key


def test_a_kernel_that_is_no_longer_sound_starts_again() -> None:
    told = plain("sysctl-borderpost.conf")
    assert told["kernel.panic"] == "10"
    assert told["kernel.panic_on_oops"] == "1"
    assert told["-kernel.softlockup_panic"] == told["-kernel.hardlockup_panic"] == "1"
    assert told["-kernel.hung_task_panic"] == "0"  # a bad stick keeps a task waiting, and takes no box down
    # Twice the threshold is when a processor is held to be stuck; the kernel allows 60 at most.
    assert 20 < 2 * int(told["-kernel.watchdog_thresh"]) <= 120
    page = (ROOT / "docs" / "technician.md").read_text("utf-8")
    for key, value in told.items():
        if value != "0":
            assert f"`{key.lstrip('-')}={value}`" in page, key


def test_every_file_of_systemd_s_folder_is_packed_somewhere() -> None:
    text = (ROOT / "packaging/dist.py").read_text()
    for path in UNITS.iterdir():
        assert f'"*{path.suffix}"' in text or f'"{path.name}"' in text, path.name
    assert '"usr/lib/systemd/system.conf.d/borderpost.conf"' in text
    assert '"usr/lib/sysctl.d/60-borderpost.conf"' in text


def test_the_tpm_may_be_opened_by_who_makes_the_secret() -> None:
    """/dev/tpmrm0 is of user and group tss, mode 0660 (tpm-udev); the group is there before that package is."""
    assert settings("borderpost-keys.service")["SupplementaryGroups"] == ["tss"]
    lines = (UNITS / "borderpost.sysusers").read_text("ascii").splitlines()
    assert ["g", "tss", "-"] in [line.split() for line in lines]


def test_the_secret_is_looked_at_in_every_boot_and_a_pulled_stick_is_no_failure() -> None:
    assert "ConditionPathExists" not in settings("borderpost-keys.service")
    assert settings("borderpost-stick@.service")["SuccessExitStatus"] == ["143 SIGTERM"]


# -- what udev starts -------------------------------------------------------------------------------------------------

STICKS = UNITS / "61-borderpost-sticks.rules"
TOKEN = re.compile(r'([A-Z]+)(?:\{([^}]+)\})?(==|!=|\+=|=)"([^"]*)"')


def stick_rules() -> list[list[tuple[str, str, str, str]]]:
    found = []
    for line in STICKS.read_text("ascii").splitlines():
        if line.strip() and not line.startswith("#"):
            assert TOKEN.sub("", line).replace(", ", "") == "", line
            found.append(TOKEN.findall(line))
    return found


def fits(have: str, pattern: str) -> bool:
    from fnmatch import fnmatchcase

    return any(fnmatchcase(have, one) for one in pattern.split("|"))


def after(event: dict[str, str]) -> dict[str, str]:
    """What the rules make of an event; ``event`` holds properties, KERNEL and ACTION."""
    made, skip = dict[str, str](), ""
    for rule in stick_rules():
        if skip and ("LABEL", "", "=", skip) not in rule:
            continue
        skip = ""
        if all(fits(event.get(attr or key, ""), value) == (op == "==") for key, attr, op, value in rule
               if op in ("==", "!=")):
            for key, attr, op, value in rule:
                if op in ("=", "+="):
                    made[attr or key] = value
            skip = made.pop("GOTO", "")
    return made


PLUGGED = {
    "ACTION": "add", "SUBSYSTEM": "block", "DEVTYPE": "partition", "KERNEL": "sdb1", "ID_BUS": "usb",
    "ID_FS_LABEL": "BORDERPOST",
}


def test_a_stick_of_ours_starts_its_unit_and_belongs_to_who_looks_into_it() -> None:
    made = after(PLUGGED)
    assert made["SYSTEMD_WANTS"] == "borderpost-stick@%k.service"
    assert made["TAG"] == "systemd"
    assert made["GROUP"] == "borderpost-stick"
    assert made["UDISKS_IGNORE"] == "1"
    assert "SYSTEMD_WANTS" in after(PLUGGED | {"DEVTYPE": "disk", "KERNEL": "sdb", "ID_FS_LABEL": "BORDERPOST2"})


@pytest.mark.parametrize(
    "other",
    [{"ID_BUS": "ata"}, {"ID_FS_LABEL": "HOLIDAY"}, {"SUBSYSTEM": "usb"}, {"ACTION": "remove"}, {"KERNEL": "sr0"},
     {"ID_FS_LABEL": ""}, {"KERNEL": "nvme0n1p1"}],
    ids=["built in", "another label", "no medium", "gone", "a disc", "no label", "the box's own disk"],
)
def test_nothing_else_does(other: dict[str, str]) -> None:
    assert "SYSTEMD_WANTS" not in after(PLUGGED | other)


def test_a_change_of_a_stick_starts_nothing_again() -> None:
    made = after(PLUGGED | {"ACTION": "change"})
    assert made["GROUP"] == "borderpost-stick"  # udev sets the rights at every event
    assert "SYSTEMD_WANTS" not in made
