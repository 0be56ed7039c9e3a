"""hq.toml: every default is stated, every mistake is named by its path."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from common.settings import MAX_CONFIG_BYTES, ConfigError
from hq.config import load, parse


def test_an_empty_file_is_a_whole_configuration(tmp_path: Path) -> None:
    config = parse("", where="hq.toml", base=tmp_path)
    assert config.store.path == str(tmp_path / "hq.sqlite")
    assert config.keys.seal == (str(tmp_path / "keys/seal.pem"),)
    assert (config.broker.port, config.broker.tls) == (8883, None)
    assert config.collector.batch == 200


def test_relative_paths_are_taken_from_the_files_folder(tmp_path: Path) -> None:
    text = '[broker.tls]\nca = "ca.pem"\ncert = "/etc/hq.pem"\nkey = "hq.key"\n[keys]\npassphrase_file = "word"\n'
    (tmp_path / "hq.toml").write_text(text)
    config = load(tmp_path / "hq.toml")
    assert config.broker.tls
    assert (config.broker.tls.ca, config.broker.tls.cert) == (str(tmp_path / "ca.pem"), "/etc/hq.pem")
    assert config.keys.passphrase_file == str(tmp_path / "word")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[broker]\nprot = 1\n", "$.broker"),
        ('[broker]\nport = "x"\n', "$.broker.port"),
        ("[collector]\nbatch = 0\n", "$.collector.batch"),
        ('[broker]\nclient_id = "Head Quarters"\n', "client_id is not 2 to 40 of a-z, 0-9 and hyphen"),
        ("[brocker]\n", "brocker"),
        ("[broker\n", "not TOML"),
        ("[broker]\nbackoff_min_s = 9\nbackoff_max_s = 3\n", "backoff_max_s"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(ConfigError, match=r"hq\.toml") as caught:
        parse(text, where="hq.toml", base=tmp_path)
    assert named in caught.value.message
    assert caught.value.advice


@pytest.mark.parametrize(("name", "fits"), [("hq", True), ("h" * 40, True), ("h", False), ("h" * 41, False)])
def test_a_client_id_has_2_to_40_characters(tmp_path: Path, name: str, fits: bool) -> None:
    text = f'[broker]\nclient_id = "{name}"\n'
    if fits:
        assert parse(text, where="hq.toml", base=tmp_path).broker.client_id == name
        return
    with pytest.raises(ConfigError, match="2 to 40"):
        parse(text, where="hq.toml", base=tmp_path)


def test_the_configuration_on_the_operators_page_is_one(tmp_path: Path) -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "headquarters.md"
    (block,) = re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    path = tmp_path / "hq.toml"
    path.write_text(textwrap.dedent(block), encoding="utf-8")
    config = load(path)
    assert (config.broker.client_id, config.collector.batch) == ("hq", 200)


def test_absent_overlong_and_binary_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "hq.toml"
    with pytest.raises(ConfigError, match="No such file"):
        load(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="UTF-8"):
        load(path)
    path.write_bytes(b"#" * (MAX_CONFIG_BYTES + 1))
    with pytest.raises(ConfigError, match="larger"):
        load(path)
