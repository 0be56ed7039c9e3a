"""The doctor's checks on a box that does not run: each looks, says what it found, and what to do."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import journal_kit
import msgspec
import pytest
from box_world import BoxWorld

from edge import checks, config
from edge.checks import Check, Grade, examine
from edge.config import Config, TlsConfig, UplinkConfig
from edge.core.verdicts import Outcome
from edge.state import State


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BoxWorld]:
    with BoxWorld(tmp_path) as made:
        yield made


def found(settings: Config) -> dict[str, list[Check]]:
    by_name: dict[str, list[Check]] = {}
    for check in examine(settings):
        by_name.setdefault(check.name, []).append(check)
        assert (check.grade is Grade.OK) or check.advice, f"{check}: no next step"
    return by_name


def load(world: BoxWorld, change: Callable[[str], str] = str) -> Config:
    return config.parse(change(world.config.read_text()), where="edge.toml", base=world.folder)


def test_a_box_that_never_ran_says_what_is_missing_and_changes_nothing(world: BoxWorld) -> None:
    before = sorted(world.folder.rglob("*"))
    checked = found(load(world))
    assert sorted(world.folder.rglob("*")) == before
    grades = {name: max((c.grade for c in cs), key=list(Grade).index) for name, cs in checked.items()}
    assert grades == {
        "state": Grade.WARNING, "keys": Grade.OK, "reader page-1": Grade.ERROR, "list national": Grade.ERROR,
        "list sltd": Grade.ERROR, "journal": Grade.OK, "disk": grades["disk"], "box": Grade.ERROR,
        "link": Grade.WARNING,
    }


def test_lists_are_named_with_generation_and_records_and_damage(world: BoxWorld) -> None:
    world.publish()
    checked = found(load(world))
    (national,) = checked["list national"]
    assert national.grade is Grade.OK
    assert "generation 1, 1 documents, 4 persons" in national.found
    next(world.lists.glob("sltd/*/documents.bin")).write_bytes(b"damaged")
    (sltd,) = found(load(world))["list sltd"]
    assert (sltd.grade, "damaged" in sltd.found) == (Grade.ERROR, True)
    (other,) = found(load(world, lambda t: t.replace('required = ["national", "sltd"]', "")))["list sltd"]
    assert other.grade is Grade.WARNING


def test_no_required_list_is_a_warning(world: BoxWorld) -> None:
    checked = found(load(world, lambda t: t.replace('required = ["national", "sltd"]', "")))
    assert checked["lists"][0].grade is Grade.WARNING


@pytest.mark.parametrize(
    ("port", "said"),
    [
        ("/dev/null", [(Grade.OK, "is present")]),
        ("/dev/serial/by-path/none", [(Grade.ERROR, "is absent")]),
        ("edge.toml", [(Grade.ERROR, "is no serial port")]),
        ("/dev/ttyUSB999", [(Grade.ERROR, "is absent"), (Grade.WARNING, "after the next boot")]),
        ("socket://10.0.0.1:4001", [(Grade.INFO, "not tried")]),  # only opening tells: that is for the running box
        ("rfc2217://10.0.0.1:4001", [(Grade.INFO, "not tried")]),
        ("usbip://10.0.0.1:3240/1-1", [(Grade.INFO, "not tried")]),
    ],
)
def test_a_readers_port_is_looked_at(world: BoxWorld, port: str, said: list[tuple[Grade, str]]) -> None:
    checked = found(load(world, lambda t: t.replace("page-1.tty", port)))["reader page-1"]
    assert [(c.grade, word in c.found) for c, (_, word) in zip(checked, said, strict=True)] == [
        (grade, True) for grade, _ in said
    ]


def test_a_port_that_is_there_and_changes_its_name_is_present_and_a_warning(world: BoxWorld) -> None:
    (world.folder / "ttyUSB0").symlink_to("/dev/null")
    checked = found(load(world, lambda t: t.replace("page-1.tty", "ttyUSB0")))["reader page-1"]
    assert [c.grade for c in checked] == [Grade.OK, Grade.WARNING]


@pytest.mark.parametrize(
    ("change", "word"),
    [(('driver = "text"', 'driver = "telepathy"'), "telepathy"),
     (('port = "page-1.tty"', 'port = "page-1.tty"\nsettings = { bawd = 1 }'), "bawd")],
)  # fmt: skip
def test_what_run_would_not_start_with_is_said_of_the_reader(
    world: BoxWorld, change: tuple[str, str], word: str
) -> None:
    (check,) = found(load(world, lambda t: t.replace(*change)))["reader page-1"]
    assert (check.grade, word in check.found) == (Grade.ERROR, True)


@pytest.mark.parametrize("port", ["socket://127.0.0.1:99999", "usb:1a2b", "foo://x"])
def test_a_mistyped_port_ends_run_with_78_before_anything_is_opened(world: BoxWorld, port: str) -> None:
    world.config.write_text(world.config.read_text().replace("page-1.tty", port))
    code, _, said = world.ask("run")
    assert code == 78
    assert f"{world.config}: [[reader]] name = \"page-1\": port '{port}'" in said
    told = {c["name"]: c for c in json.loads(world.ask("doctor", "--json")[1])}
    assert told["reader page-1"]["grade"] == "error"
    assert port in told["reader page-1"]["found"]


def test_an_unproven_driver_is_no_fault_and_said(world: BoxWorld) -> None:
    (check,) = found(load(world, lambda t: t.replace("page-1.tty", "/dev/null")))["reader page-1"]
    assert check.grade is Grade.OK
    assert "unproven" in check.found
    assert "borderpost record" in check.advice


def test_a_broken_profile_of_the_technicians_is_named_with_its_key(world: BoxWorld) -> None:
    (world.folder / "own").mkdir()
    (world.folder / "own" / "kiosk.toml").write_text(
        '[profile]\nname = "kiosk"\ntitle = "K"\ndriver = "text"\nsource = "s"\n[settings]\nbaud = "fast"\n'
    )
    checked = found(load(world, lambda t: t.replace("[box]", '[box]\nprofiles_dir = "own"')))
    (check,) = checked["profile kiosk.toml"]
    assert (check.grade, "settings.baud" in check.found) == (Grade.WARNING, True)
    own = ("[box]", '[box]\nprofiles_dir = "own"')
    named = found(load(world, lambda t: t.replace('driver = "text"', 'profile = "kiosk-x"').replace(*own)))
    (reader,) = named["reader page-1"]
    assert "settings.baud" in reader.found  # the only bad file there is, whatever it is called


WELL = {
    "name": "page-1", "state": "ready", "problem": "", "advice": "", "swapped": "", "overflow": 0, "power_cycles": 0,
    "garbled": 3, "reads": 200, "port": "/dev/null", "remark": "",
}


@pytest.mark.parametrize(
    ("change", "grade", "word"),
    [
        ({}, None, "is ready"),
        ({"state": "reading"}, None, "is reading"),
        ({"state": "backoff", "problem": "another program holds it", "advice": "stop it"}, Grade.ERROR, "holds it"),
        ({"state": "absent"}, Grade.ERROR, "absent"),
        ({"swapped": "serial number 2 is plugged in where 1 was set up"}, Grade.ERROR, "set up"),
        ({"remark": "refused: OCRENA1"}, Grade.WARNING, "the device: refused: OCRENA1"),
        ({"overflow": 1}, Grade.WARNING, "no room"),
        ({"power_cycles": 2}, Grade.WARNING, "switched off"),
        ({"garbled": 300}, Grade.WARNING, "garbled"),
    ],
)
def test_what_the_running_box_says_of_a_reader_is_judged(
    change: dict[str, object], grade: Grade | None, word: str
) -> None:
    state = {**WELL, **change}
    judged = list(checks._reader(state, unproven=False))
    opened = [Grade.OK] if state["state"] in ("ready", "reading") else []
    assert [c.grade for c in judged] == opened + ([grade] if grade else [])
    assert word in judged[-1].found
    assert judged[-1].advice or grade is None


@pytest.mark.parametrize(
    ("port", "change", "said"),
    [
        ("/dev/null", {"state": "backoff", "problem": "another program holds it"}, [(Grade.ERROR, "is backoff")]),
        ("socket://10.0.0.1:4001", {"state": "backoff", "problem": "refused"}, [(Grade.ERROR, "is backoff: refused")]),
        ("/dev/serial/by-path/none", {"port": "/dev/serial/by-path/none"}, [(Grade.OK, "is ready")]),
        ("/dev/null", {"name": "another"}, [(Grade.WARNING, "does not know it")]),
    ],
)
def test_while_the_box_runs_its_word_on_a_reader_is_the_only_one(
    world: BoxWorld, monkeypatch: pytest.MonkeyPatch, port: str, change: dict[str, str],
    said: list[tuple[Grade, str]],
) -> None:
    status = {
        "uptime_seconds": 1, "clock": {"state": "system"}, "uplink": {"state": "none"}, "passthrough": [],
        "readers": [{**WELL, **change}],
    }
    monkeypatch.setattr(checks, "_ask", lambda _config: status)
    checked = found(load(world, lambda t: t.replace("page-1.tty", port)))
    assert [(c.grade, word in c.found) for c, (_, word) in zip(checked["reader page-1"], said, strict=True)] == [
        (grade, True) for grade, _ in said
    ]
    assert checked["box"][0].grade is Grade.OK


@pytest.mark.parametrize(
    ("clock", "entry", "said"),
    [
        ("signed", {"state": "asked", "freshness": "fresh"}, {"clock": (Grade.OK, "time is signed")}),
        ("signed", {"state": "asked", "freshness": "old"},
         {"age of list national": (Grade.WARNING, "3.0 days, more than it should be: officers are told")}),
        ("signed", {"state": "stale", "freshness": "too_old"},
         {"age of list national": (Grade.ERROR, "3.0 days, more than it may be: no verdict is CLEAR by it")}),
        ("untrusted", {"state": "time_untrusted", "freshness": "unknown", "age_seconds": None},
         {"clock": (Grade.ERROR, "time is untrusted: the age of lists cannot be judged, records do not expire, "
                                 "no list is erased")}),
    ],
)
def test_the_age_of_lists_is_the_running_boxs_word(
    world: BoxWorld, monkeypatch: pytest.MonkeyPatch, clock: str, entry: dict[str, object],
    said: dict[str, tuple[Grade, str]],
) -> None:
    status = {
        "uptime_seconds": 1, "clock": {"state": clock}, "uplink": {"state": "none"}, "passthrough": [],
        "readers": [WELL], "lists": [{"list": "national", "age_seconds": 3 * 86_400, **entry}],
    }
    monkeypatch.setattr(checks, "_ask", lambda _config: status)
    checked = found(load(world))
    assert {name: (c.grade, c.found) for name in said for c in checked[name]} == said
    assert ("age of list national" in checked) is ("age of list national" in said)


def test_a_list_that_is_not_required_takes_no_clear_away(world: BoxWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    status = {
        "uptime_seconds": 1, "clock": {"state": "signed"}, "uplink": {"state": "none"}, "passthrough": [],
        "readers": [WELL],
        "lists": [{"list": "ftm", "age_seconds": 904 * 86_400, "state": "stale", "freshness": "too_old"}],
    }
    monkeypatch.setattr(checks, "_ask", lambda _config: status)
    (check,) = found(load(world))["age of list ftm"]
    assert (check.grade, "a verdict may be CLEAR" in check.found) == (Grade.WARNING, True)
    assert check.found.startswith("904.0 days")


def test_the_ages_of_a_box_that_does_not_run_are_judged_by_its_last_signed_time(world: BoxWorld) -> None:
    world.publish()
    world.state.mkdir(mode=0o700)
    unsure = found(load(world, lambda t: t.replace('source = "system"', 'source = "signed"')))
    assert "its age is not judged" in unsure["list sltd"][0].found  # no time was ever signed
    now = datetime.now(UTC)
    folder = next(path for path in world.lists.glob("sltd/*") if path.is_dir())
    manifest = json.loads((folder / "manifest.json").read_bytes())
    assert isinstance(manifest["source_date"], str)
    dated = datetime.fromisoformat(manifest["source_date"])
    with contextlib.closing(State(world.state / "state.sqlite")) as state:
        state.raise_floor(now)
    checked = found(load(world))
    days = (now - dated).total_seconds() / 86_400
    said = f"{days:.1f} days old" if days >= 2 else f"{days * 24:.1f} h old"
    assert checked["list sltd"][0].found.endswith(said)
    assert f"source of {dated.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}, " in checked["list sltd"][0].found
    strict = found(load(world, lambda t: t.replace("max_age_days = 3650", "max_age_days = 0.00001")))
    (check,) = strict["age of list sltd"]
    assert (check.grade, "no verdict is CLEAR by it" in check.found) == (Grade.ERROR, True)


def test_what_a_new_box_is_told_to_try_can_be_done(world: BoxWorld) -> None:
    root = world.folder / "root.json"
    root.write_text('{"signed": {"_type": "root"}}')
    alone = found(load(world, lambda t: f'{t}\n[updates]\nroot = "{root}"\n'))["updates"][-1]
    assert "lists update --from DIR" in alone.advice
    named = found(load(world, lambda t: f'{t}\n[updates]\nroot = "{root}"\nfolder = "/media/stick"\n'))["updates"][-1]
    assert named.advice == "try it: borderpost lists update"


def test_a_state_folder_that_is_a_file_is_an_error(world: BoxWorld) -> None:
    world.state.write_text("")
    (check,) = found(load(world))["state"]
    assert (check.grade, "no folder" in check.found) == (Grade.ERROR, True)


def test_a_state_folder_open_to_others_is_a_warning(world: BoxWorld) -> None:
    world.state.mkdir(mode=0o755)
    assert found(load(world))["state"][0].grade is Grade.WARNING
    world.state.chmod(0o700)
    assert found(load(world))["state"][0].grade is Grade.OK


def test_the_journal_is_counted_and_its_chain_walked(world: BoxWorld) -> None:
    world.state.mkdir(mode=0o700)
    journal = journal_kit.journal(world.state / "journal.sqlite")
    journal.start()
    journal_kit.record(journal, [1, 2], Outcome.HIT)
    journal.close()
    checked = found(load(world))
    assert checked["journal"][0].found.startswith("2 passages, 2 waiting")
    assert checked["audit"] == [Check("audit", Grade.OK, "2 rows, the chain is whole")]
    assert "set aside" not in checked
    for name in ("journal.corrupt-1", "journal.corrupt-1-wal", "state.corrupt-1"):
        (world.state / name).write_bytes(b"")
    (aside,) = found(load(world))["set aside"]
    assert (aside.grade, aside.found) == (Grade.WARNING, "damaged and begun anew: journal.corrupt-1, state.corrupt-1")


def test_a_file_that_is_no_journal_is_an_error_with_advice(world: BoxWorld) -> None:
    world.state.mkdir(mode=0o700)
    (world.state / "journal.sqlite").write_bytes(b"no database" * 100)
    assert found(load(world))["journal"][0].grade is Grade.ERROR


def test_another_user_is_told_to_be_the_boxs_user(world: BoxWorld) -> None:
    world.state.mkdir(mode=0o700)
    (world.state / "journal.sqlite").write_bytes(b"")
    settings = load(world)
    if os.geteuid() == 0:
        os.seteuid(65534)
    else:
        world.state.chmod(0)
    try:
        checked = found(settings)
    finally:
        if os.getuid() == 0:
            os.seteuid(0)
        world.state.chmod(0o700)
    (journal,) = checked["journal"]
    assert journal.grade is Grade.ERROR
    assert "as root" in journal.advice


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b", "x" * 70, "127.0.0.1"])
def test_a_link_that_does_not_answer_is_a_warning(world: BoxWorld, host: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        uplink = UplinkConfig(host=host, port=closed.getsockname()[1])
        checked = found(msgspec.structs.replace(load(world), uplink=uplink))
    assert [c.grade for c in checked["link"]] == [Grade.WARNING]


def test_a_link_without_tls_and_one_whose_files_are_missing(world: BoxWorld) -> None:
    with socket.socket() as broker:
        broker.bind(("127.0.0.1", 0))
        broker.listen()
        plain = UplinkConfig(host="127.0.0.1", port=broker.getsockname()[1])
        checked = found(msgspec.structs.replace(load(world), uplink=plain))
        assert [c.grade for c in checked["link"]] == [Grade.OK, Grade.WARNING]
        (world.folder / "ca.pem").write_text("")
        tls = TlsConfig(ca=str(world.folder / "ca.pem"), cert="/no/cert", key="/no/key")
        checked = found(msgspec.structs.replace(load(world), uplink=msgspec.structs.replace(plain, tls=tls)))
    assert [checked[f"tls.{part}"][0].grade for part in ("ca", "cert", "key")] == [Grade.ERROR] * 3
    assert [c.grade for c in checked["link"]] == [Grade.OK]


def test_a_disk_that_is_nearly_full_is_said(world: BoxWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    free = checks.shutil.disk_usage(world.folder).free / 1e6
    for least, grade in ((free / 2, Grade.OK), (free * 2, Grade.WARNING), (free * 10, Grade.ERROR)):
        monkeypatch.setattr(checks, "MIN_FREE_MB", least)
        assert found(load(world))["disk"][0].grade is grade


@pytest.mark.parametrize(("hours", "said"), [(26.4, "26.4 h old"), (47.9, "47.9 h old"), (21698.8, "904.1 days old")])
def test_an_age_is_the_same_words_in_status_and_doctor(hours: float, said: str) -> None:
    from edge.checks_lists import dated
    from edge.verbs.status import lines

    entry = {"list": "ftm", "generation": 1, "records": 5, "age_seconds": hours * 3600, "problem": None,
             "state": "asked", "freshness": "fresh"}  # fmt: skip
    status = {
        "device": "b", "site": "s", "uptime_seconds": 1,
        "clock": {"state": "signed", "time": "", "records_expire": True},
        "readers": [], "passthrough": [], "counters": [], "lists": [entry], "uplink": {"state": "none"},
        "outbox": {"oldest_seconds": None, "pending": 0, "acked": 0, "dropped": 0, "awaiting": 0}, "disk_free_mb": 1,
    }
    assert any(line.endswith(said) for line in lines(status))
    told = dated(datetime(2024, 6, 1, 0, 0, 9, 554_000, tzinfo=UTC), hours * 3600, stopped=False)
    assert told == f"source of 2024-06-01T00:00:09Z, {said}"
