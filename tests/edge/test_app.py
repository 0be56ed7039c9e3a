"""The box as a process: start, refuse, stop, die; lists while it runs; leads over a restart; systemd's socket."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from box_world import STOLEN, WAIT_S, BoxWorld, Listener, until, zone

from edge import app, config
from edge.config import ConfigError
from edge.core.watch.manifest import DOCUMENTS, folder_name
from edge.enrol.enrolment import Enrolment
from edge.enrol.identity import CREDENTIALS
from edge.enrol.places import Places
from edge.front import Front


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BoxWorld]:
    with BoxWorld(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def post(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BoxWorld]:
    """A box that runs through this module; tests only look at it and scan."""
    with BoxWorld(tmp_path_factory.mktemp("post")) as made:
        made.publish()
        yield made.start()


def state_of(world: BoxWorld, list_id: str) -> dict[str, object]:
    status = world.status()
    assert status is not None
    return next(entry for entry in status["lists"] if entry["list"] == list_id)


# -- start and stop -------------------------------------------------------------------------------


def test_a_second_box_on_the_same_state_folder_ends_and_leaves_the_socket_alone(post: BoxWorld) -> None:
    before = post.socket.stat().st_ino
    second = post.run("run")
    assert second.returncode == 1
    assert "open in another process" in second.stderr
    assert "next:" in second.stderr
    assert "Traceback" not in second.stderr
    assert post.socket.stat().st_ino == before
    assert post.scan()["recorded"] is True


def test_a_box_with_another_state_folder_does_not_take_the_socket_either(post: BoxWorld, tmp_path: Path) -> None:
    other = tmp_path / "edge.toml"
    text = post.config.read_text().replace(str(post.state), str(tmp_path / "state"))
    other.write_text(text.replace('lists_dir = "lists"', f'lists_dir = "{post.lists}"'))
    before = post.socket.stat().st_ino
    second = post.run("run", "--config", str(other))
    assert second.returncode == 1
    assert "another process serves this socket" in second.stderr
    assert post.socket.stat().st_ino == before
    assert post.status() is not None


def test_a_wrong_key_text_ends_the_command_with_78(world: BoxWorld) -> None:
    world.config.write_text(world.config.read_text().replace("seal_key = ", 'seal_key = "x25519:AAAA"  #', 1))
    done = world.run("run")
    assert done.returncode == 78, done.stderr
    assert done.stderr.startswith(f"error: {world.config}: headquarters.seal_key: ")
    assert "\nnext:  " in done.stderr
    assert "Traceback" not in done.stderr
    assert not world.socket.exists()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("ack_key = ", 'ack_key = "nonsense"  #', "headquarters"),
        ('driver = "text"', 'driver = "unheard-of"', "unheard-of"),
        ('driver = "text"', 'driver = "text"\nsettings = { baud = "fast" }', "baud"),
    ],
)
def test_what_only_the_parts_can_judge_is_refused_before_anything_is_opened(
    world: BoxWorld, old: str, new: str, said: str
) -> None:
    world.config.write_text(world.config.read_text().replace(old, new, 1))
    with pytest.raises(ConfigError, match=said):
        app.run(config.load(world.config))
    assert not world.socket.exists()
    assert not world.state.exists()


def test_sigterm_ends_it_in_order_and_systemd_hears_of_every_step(world: BoxWorld, tmp_path: Path) -> None:
    world.publish()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(tmp_path / "notify"))
        ear.settimeout(WAIT_S)
        world.start(environ={**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "30000000"})
        ready = ear.recv(4096).decode()
        assert ready.startswith("READY=1\nSTATUS=")
        assert world.scan()["outcome"] == "CLEAR"
        assert world.end() == 0
        ear.settimeout(1)
        heard = []
        while not heard or heard[-1] != "STOPPING=1":
            heard.append(ear.recv(4096).decode())
    assert re.match(r"WATCHDOG=1\nSTATUS=[01]/1 readers, ", heard[-2])
    assert not world.socket.exists()
    assert world.events()[-1]["event"] == "stopped"
    assert world.events()[-1]["reason"] == "asked to"


def test_what_the_box_makes_is_closed_to_others(post: BoxWorld) -> None:
    assert stat.S_IMODE(post.state.stat().st_mode) == 0o700
    assert stat.S_IMODE((post.state / "box.key").stat().st_mode) == 0o600


def test_a_damaged_journal_ends_the_process_with_70_and_the_next_start_sets_it_aside(world: BoxWorld) -> None:
    world.publish()
    world.start()
    for _ in range(3):
        assert world.scan()["recorded"] is True
    with (world.state / "journal.sqlite").open("r+b") as file:
        file.write(b"\xa5" * 65536)
    (world.state / "journal.sqlite-wal").write_bytes(b"")
    with (world.state / "journal.sqlite-shm").open("r+b") as file:
        file.write(b"\xa5" * 96)  # so that SQLite believes no page that it has in memory
    listener = Listener(world)
    world.reader.present(zone(STOLEN))
    assert listener.next("verdict")["outcome"] == "HIT"  # shown all the same
    assert world.wait() == 70
    assert world.events()[-1]["reason"] == "a thread died"
    world.start()
    assert "journal_notice" in [e["event"] for e in world.events()]
    assert world.scan()["recorded"] is True
    assert list(world.state.glob("journal.sqlite.corrupt-*")) or list(world.state.glob("*.corrupt-*"))


# -- lists while it runs --------------------------------------------------------------------------


def test_lists_are_taken_up_kept_and_missed_while_the_box_runs(world: BoxWorld) -> None:
    world.start()
    assert world.scan()["outcome"] == "INCOMPLETE"
    assert state_of(world, "sltd")["state"] == "missing"
    world.publish()
    until(lambda: {e["state"] for e in world.status()["lists"]} == {"asked"}, "both lists are asked")  # type: ignore[index]
    assert world.scan()["outcome"] == "CLEAR"
    assert world.scan(zone(STOLEN))["outcome"] == "HIT"

    world.publish("sltd-csv")
    until(lambda: state_of(world, "sltd")["generation"] == 2, "the second generation is taken up")


def test_a_damaged_newer_generation_is_named_once_and_the_older_serves(world: BoxWorld) -> None:
    world.publish()
    world.start()
    made = world.folder / "elsewhere"
    with BoxWorld(made) as other:
        other.publish("sltd-csv")
        other.publish("sltd-csv")
    newer = made / "lists" / "sltd" / folder_name(2)
    with (newer / DOCUMENTS).open("r+b") as file:
        file.seek(40)
        file.write(b"\xff\xff")
    newer.rename(world.lists / "sltd" / folder_name(2))
    until(lambda: state_of(world, "sltd")["problem"], "the damage is seen")
    entry = state_of(world, "sltd")
    assert (entry["generation"], entry["state"]) == (1, "asked")
    assert "2 is damaged" in str(entry["problem"])
    assert world.scan(zone(STOLEN))["outcome"] == "HIT"
    assert world.scan()["outcome"] == "CLEAR"
    until(lambda: world.status()["uptime_seconds"] >= 2, "some rounds of looking pass")  # type: ignore[index]
    told = [e for e in world.events() if e["event"] == "list_problem"]
    assert [e["list"] for e in told] == ["sltd"]


def test_a_list_that_vanished_makes_incomplete_also_after_a_restart(world: BoxWorld) -> None:
    world.publish()
    world.start()
    assert world.scan()["outcome"] == "CLEAR"
    (world.lists / "national").rename(world.folder / "gone")
    until(lambda: state_of(world, "national")["state"] != "asked", "its absence is seen")
    message = world.scan()
    assert message["outcome"] == "INCOMPLETE"
    assert world.end() == 0
    world.start()
    assert world.scan()["outcome"] == "INCOMPLETE"
    assert world.scan(zone(STOLEN))["outcome"] == "HIT"


# -- leads ----------------------------------------------------------------------------------------


def test_an_open_lead_survives_a_restart_and_is_closed_once(world: BoxWorld) -> None:
    world.publish()
    world.start()
    lead = world.scan(zone(STOLEN))["passage"]
    assert world.end() == 0
    _, stopped, _ = world.ask("passages", "--open", "--json")
    assert [row["passage"] for row in json.loads(stopped)] == [lead]
    world.start()
    listener = Listener(world)
    closed = world.ask("close", lead.lower(), "--outcome", "document-recovered")
    assert closed == (0, f"{lead} closed: document-recovered\n", "")
    assert listener.next("closed")["passage"] == lead
    code, _, said = world.ask("close", lead, "--outcome", "confirmed")
    assert code == 1
    assert lead in said
    assert "\nnext:  " in said
    assert json.loads(world.ask("passages", "--open", "--json")[1]) == []


# -- a reader in trouble --------------------------------------------------------------------------


def test_a_reader_that_sends_noise_costs_a_counter_and_passages_still_come(world: BoxWorld) -> None:
    world.publish()
    world.start()
    world.scan()
    assert world.process is not None
    process = world.process.pid
    cpu, memory = cpu_seconds(process), resident_kb(process)
    sent = world.reader.noise(3 * 11_520, seed=7, rate=11_520)  # three seconds of a line at 115,200 baud
    used = cpu_seconds(process) - cpu
    assert world.scan(zone(STOLEN))["outcome"] == "HIT"
    status = world.status()
    assert status is not None
    (reader,) = status["readers"]
    assert reader["state"] == "ready"
    assert reader["noise_bytes"] > sent // 2
    assert used < 1.5
    assert resident_kb(process) - memory < 20_000
    assert status["counters"][0]["passages"] == 2


def test_a_reader_that_was_unplugged_is_picked_up_again(world: BoxWorld) -> None:
    world.publish()
    world.start()
    listener = Listener(world)
    world.reader.unplug()
    assert listener.next("reader")["state"] == "absent"
    world.reader.plug()
    assert listener.next("reader")["state"] == "ready"
    assert world.scan()["outcome"] == "CLEAR"

    def heard(event: str) -> int:
        return [e["event"] for e in world.events()].count(event)

    until(lambda: heard("reader_ready") == 2, "it has stayed open for a while")
    assert heard("reader_lost") == 1


def test_ctrl_c_ends_it_as_sigterm_does(world: BoxWorld) -> None:
    world.publish()
    world.start()
    assert world.process is not None
    for _ in range(20):  # an impatient hand
        world.process.send_signal(signal.SIGINT)
    assert world.wait() == 0
    assert not world.socket.exists()


def cpu_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_kb(process: int) -> int:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def test_a_required_list_that_is_absent_is_logged_once(world: BoxWorld) -> None:
    world.config.write_text(world.config.read_text().replace('"sltd"]', '"sltd", "nationale"]'))
    world.publish()
    world.start()
    assert world.scan()["outcome"] == "INCOMPLETE"
    world.publish()  # looked at again
    until(lambda: [e["generation"] for e in world.events() if e["event"] == "list_in_use"].count(2) >= 1, "the new one")
    told = [(e["list"], e["problem"]) for e in world.events() if e["event"] == "list_problem"]
    assert told == [("nationale", "this required list is absent")]


def test_the_journal_of_a_moved_disk_has_its_new_epoch_before_a_counter_takes_anything(world: BoxWorld) -> None:
    world.publish()
    configured = config.load(world.config)

    def epoch_on(machine: str) -> str:
        """Of a box that was built and not started: nobody takes from its counters' inboxes yet."""
        place = world.folder / machine
        place.mkdir(exist_ok=True)
        (place / "box-secret").write_bytes(machine.encode().ljust(32, b"."))
        places = Places(state=world.state, system=world.folder / "sys", runtime=world.folder / "runtime")
        enrolment = Enrolment(places, by_hand=configured, environ={CREDENTIALS: str(place)})
        enrolment.begin()
        box = app.Box(configured, Front(configured, mono=app.mono, jitter=lambda: 0.5, environ={}), enrolment)
        box.crew.ask_to_stop()
        try:
            return box.journal.epoch
        finally:
            assert box.run() == 0
            enrolment.close()
            world.socket.unlink()  # nobody ran the desk that would have

    here = epoch_on("here")
    assert epoch_on("here") == here
    there = epoch_on("there")
    assert there != here
    assert epoch_on("there") == there
