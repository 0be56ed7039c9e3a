"""Whatever is wrong in edge.toml, each verb names the file, the place in it and the next step."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from box_world import BoxWorld

from drivers import profiles
from drivers.catalog import DRIVERS
from edge.errors import EXIT_CONFIG, EXIT_NO

READER = 'driver = "text"\nport = "page-1.tty"\n'
PLACE = '[[reader]] name = "page-1": '
BAD_PROFILE = '[profile]\nname = "bad"\ntitle = "x"\ndriver = "text"\nsource = "x"\n[settings]\nbaud = "fast"\n'
WRONG_READERS = [
    (READER + 'settings = { baud = "fast" }\n', PLACE + "settings.baud: Expected `int`, got `str`", "correct baud"),
    (READER + "settings = { baud = 1 }\n", PLACE + "settings.baud: Expected `int` >= 300", "correct baud"),
    (READER + "settings = { bauds = 1 }\n", PLACE + "settings.bauds: ", "correct bauds"),
    (READER + 'settings = { init = ["zz"] }\n', PLACE + "settings.init: ", "correct init"),
    ('driver = "texxt"\nport = "x"\n', PLACE + "driver: no driver is called 'texxt'", "choose one of: elyctis"),
    ('profile = "none"\nport = "x"\n', PLACE + "profile: no profile is called 'none'", "choose one of: access-is"),
    ('profile = "bad"\nport = "x"\n', "profiles/bad.toml: settings.baud: ", "correct baud"),
    ('profile = "keyboard-us"\nport = "usb:1a2b:0001"\nsettings = { layouts = "us" }\n', PLACE + "settings.layouts: ",
     "correct layouts"),
    ('driver = "text"\nport = "tcp://host:1"\n', PLACE + "port 'tcp://host:1'", "write it like this"),
    ('driver = "hid_keyboard"\nport = "usb:zzzz"\n', PLACE + "port 'usb:zzzz'", "write it like this"),
]
WRONG_FILES = [
    (READER + 'settings = { port = "y" }\n', "reader 'page-1': settings.port: ", "beside name"),
    ('driver = "text"\nport = ""\n', PLACE + "Expected `str` of length >= 1", "docs/configuration.md"),
    ('driver = "text"\n', PLACE + "Object missing required field `port`", "docs/configuration.md"),
    (READER + "baud = 9600\n", PLACE + "Object contains unknown field `baud`", "docs/configuration.md"),
    (READER + f"settings = {{ baud = {'9' * 5000} }}\n", "not TOML: ", "mend that line"),
    (READER + f"settings = {'[' * 3000}\n", "not TOML: nested too deeply", "plain keys"),
    (READER + 'profile = "keyboard-us"\n', "reader 'page-1': give a driver or a profile", "borderpost devices"),
]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BoxWorld]:
    one = BoxWorld(tmp_path)
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "bad.toml").write_text(BAD_PROFILE)
    yield one
    one.close()


def write(world: BoxWorld, old: str, new: str) -> None:
    text = world.config.read_text()
    assert old in text
    text = text.replace(old, new).replace("[box]\n", '[box]\nprofiles_dir = "profiles"\n')
    world.config.write_text(text)


@pytest.mark.parametrize(("reader", "said", "advice"), WRONG_READERS + WRONG_FILES)
def test_run_names_the_file_the_place_and_the_next_step(world: BoxWorld, reader: str, said: str, advice: str) -> None:
    write(world, READER, reader)
    ended = world.run("run")
    assert ended.returncode == EXIT_CONFIG
    error, following = ended.stderr.splitlines()[-2:]
    assert error.startswith(f"error: {world.config}: ")
    assert said in error
    assert following.startswith("next:")
    assert advice in following
    assert not world.state.exists()


@pytest.mark.parametrize(("reader", "said", "advice"), WRONG_READERS)
def test_so_do_the_other_verbs_that_make_a_reader(world: BoxWorld, reader: str, said: str, advice: str) -> None:
    write(world, READER, reader)
    told = ("--model", "a", "--submitter", "b", "--documents", "c")
    trace = Path(__file__).parents[1] / "recordings" / "text" / "td3.trace"
    for words in (("record", "page-1", str(world.folder / "new.trace"), *told), ("replay", str(trace), "--reader",
                                                                                  "page-1")):
        code, _, err = world.ask(*words)
        assert code == EXIT_CONFIG, words
        assert err.startswith(f"error: {world.config}: ")
        assert said in err
        assert advice in err
    assert not list(world.folder.glob("new.trace*"))
    code, out, _ = world.ask("doctor")
    assert code == EXIT_NO
    line, following = re.search(r"error +reader page-1 +(.*)\n +next: (.*)\n", out).groups()  # type: ignore[union-attr]
    assert line.startswith(f"{world.config}: ")
    assert said in line
    assert advice in following


@pytest.mark.parametrize("verb", ["run", "doctor"])
@pytest.mark.parametrize("key", ["seal_key", "ack_key", "escrow_keys[1]"])
def test_of_headquarters_keys_the_one_is_named(world: BoxWorld, verb: str, key: str) -> None:
    good = re.search('seal_key = "(.*)"', world.config.read_text())
    assert good
    old = re.search(f'{key} = ".*"', world.config.read_text())
    if old:
        write(world, old[0], f'{key} = "x"')
    else:
        write(world, "[headquarters]\n", f'[headquarters]\nescrow_keys = ["{good[1]}", "x"]\n')
    ended = world.run(verb)
    assert ended.returncode == (EXIT_CONFIG if verb == "run" else EXIT_NO)
    assert f"{world.config}: headquarters.{key}: " in ended.stdout + ended.stderr


def test_what_is_wrong_with_another_file_is_not_said_of_edge_toml(world: BoxWorld) -> None:
    world.state.mkdir()
    (world.state / "box.key").write_bytes(b"short")
    ended = world.run("run")
    assert ended.returncode == EXIT_CONFIG
    assert f"error: {world.state / 'box.key'}: not a box key" in ended.stderr


def test_the_folder_of_lists_is_named(world: BoxWorld) -> None:
    write(world, 'lists_dir = "lists"', 'lists_dir = "edge.toml"')
    ended = world.run("run")
    assert f"error: box.lists_dir {world.config} cannot be read" in ended.stderr
    assert "edge.toml" in ended.stderr.splitlines()[-1]


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_profile_is_told_only_keys_that_it_may_hold(driver: str, tmp_path: Path) -> None:
    """And each of them is one: with a value that fits nothing, the driver does not call it unknown."""
    def advice(key: str) -> tuple[str, str]:
        (tmp_path / "one.toml").write_text(
            f'[profile]\nname = "one"\ntitle = "x"\ndriver = "{driver}"\nsource = "x"\n[settings]\n{key} = {{}}\n'
        )
        (problem,) = profiles.load([tmp_path]).problems
        return problem.message, problem.advice

    message, told = advice("no_such_key")
    assert message == "is no key that is known here"
    keys = told.rpartition(": ")[2].split(", ")
    assert "gap_s" in keys
    assert "port" not in keys
    for key in keys:
        assert "is no key" not in advice(key)[0]
        assert "is for every port" not in advice(key)[0]
