"""The bench's headquarters, before a guest is put behind it: a box in folders, by stick, over mutual TLS."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.virtual.control import VirtualReader
from edge.core.mrz import compose
from edge.core.wire import PassageBody
from hil_tests.bench.country import PROVISION, ROOT, SITE, Country, Device, Site, founded
from hil_tests.bench.headquarters import Headquarters, free_port
from hil_tests.bench.target import TargetError, until
from hil_tests.vm.children import Child

pytestmark = [pytest.mark.broker, pytest.mark.timeout(240)]

ERIKSSON = ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10")
STOLEN = compose.td3(  # a number of demo/lists/sltd.csv
    issuing_state="UTO", surname="KADAVERO", given_names="ISOLDE", number="L0450817S", nationality="UTO",
    birth_date="740812", sex="F", expiry_date="310101",
)
AGAIN = """
trap 'kill $!; wait; exit' TERM
while :; do "$@" & wait $! || exit; done
"""


class Box:
    """A bare box in a folder; started anew whenever it ends, as systemd would."""

    def __init__(self, folder: Path, national: Path) -> None:
        self.folder, self.national = folder, national
        for name in ("run", "inbox"):
            (folder / name).mkdir(parents=True)
        (folder / "screen.txt").touch()
        words = [
            "run", "--config", "none.toml", "--national", str(national), "--state", "state", "--inbox", "inbox",
            "--facts", "run/box.json", "--runtime", "run", "--console", "screen.txt",
        ]  # fmt: skip
        run = [sys.executable, "-c", "import sys; from edge.cli import main; sys.exit(main())", *words]
        self._loop = Child(
            ["env", "-C", str(folder), f"PYTHONPATH={ROOT}", "bash", "-c", AGAIN, "box", *run], folder / "box.log"
        )
        until(self.facts, 60)

    def facts(self) -> dict[str, str]:
        path = self.folder / "run" / "box.json"
        found: dict[str, str] = json.loads(path.read_text()) if path.exists() and path.stat().st_size else {}
        return found

    def close(self) -> None:
        self._loop.end()


def take(country: Country, box: Box) -> dict[str, str]:
    """One visit of the stick; what each part of it came to."""
    here = ("--inbox", f"{box.folder}/inbox", "--facts", f"{box.folder}/run/box.json")
    country.run(PROVISION, "stick", "--folder", "stick", *here, "--national", str(box.national), "--wait", "60",
                "--show", "0")  # fmt: skip
    newest = max(country.stick.glob("BORDERPOST/out/*/RESULT-*.json"), key=lambda one: one.stat().st_mtime_ns)
    return {part["part"]: part["code"] for part in json.loads(newest.read_text())["parts"]}


@pytest.fixture(scope="module")
def post(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Country, Box, VirtualReader, int]]:
    """A country, a box that is its post, the reader on it, and the port at which it looks for the broker."""
    if not shutil.which("mosquitto"):
        pytest.skip("mosquitto is not on PATH (Debian: apt install mosquitto)")
    folder = tmp_path_factory.mktemp("hq")
    port = free_port()
    site = Site(
        host="localhost", port=port, readers=(Device("page-1", "text", str(folder / "page.tty")),),
        uplink="backoff_max_s = 2.0", state=folder / "box", more="[assembly]\nsame_document_s = 0",
    )
    (folder / "country").mkdir()
    country = founded(folder / "country", site)
    box = Box(folder / "box", country.national)
    try:
        country.signs("claim", SITE, "--stick", "stick")
        assert take(country, box) == {"claim": "BP-101"}
        said = country.run("edge.cli", "identity", "--state", f"{box.folder}/state", "--national", str(box.national),
                           "--json")  # fmt: skip
        country.signs("sign", "--stick", "stick", "--code", json.loads(said)["code"])
        country.publish_lists()
        assert take(country, box) == {"envelope": "BP-102", "lists": "BP-104"}
        with VirtualReader(folder / "page.tty", folder / "page.ctl", "text") as reader:
            yield country, box, reader, port
    finally:
        box.close()


def test_what_the_post_scans_is_at_headquarters_opened_and_once(
    post: tuple[Country, Box, VirtualReader, int], tmp_path: Path
) -> None:
    country, _, reader, port = post
    with Headquarters(country, port=port) as headquarters:
        assert reader.present(STOLEN) is not None
        (row,) = headquarters.wait_rows(1, 60)
        assert isinstance(row.body, PassageBody)
        assert row.body.document
        assert row.body.document.number == "L0450817S"
        assert (row.device, row.site, row.outcome) == (f"{SITE}-1", SITE, "HIT")

        headquarters.stop_broker()
        for _ in range(3):
            assert reader.present(ERIKSSON) is not None
        with pytest.raises(TargetError, match="1 of 2 rows"):
            headquarters.wait_rows(2, 1.5)
        headquarters.start_broker()
        headquarters.wait_rows(4, 60)
        assert set(headquarters.passages().values()) == {1}
    # Another desk with what headquarters had: it knows the same rows and takes none of them twice.
    with Headquarters(country.copy(tmp_path / "copy"), port=port) as other:
        before = other.passages()
        reader.present(ERIKSSON)
        other.wait_rows(5, 60)
        assert before < other.passages()
        assert set(other.passages().values()) == {1}
        assert other.counts()["conflicts"] == 0


def test_the_broker_knows_nobody_without_a_certificate(
    post: tuple[Country, Box, VirtualReader, int]
) -> None:
    country, *_ = post
    with Headquarters(country) as headquarters:
        words = ["mosquitto_pub", "-p", str(headquarters.port), "-h", "localhost", "-t", "bp/x", "-m", "x",
                 "--cafile", str(country.folder / "broker/ca.pem")]  # fmt: skip
        if not shutil.which(words[0]):
            pytest.skip("mosquitto_pub is not on PATH (Debian: apt install mosquitto-clients)")
        stranger = Child(words, headquarters.logs / "stranger.log")
        assert stranger.wait(20)
        until(lambda: "peer did not return a certificate" in (headquarters.logs / "mosquitto.log").read_text(), 20)


def test_nothing_runs_after_it(post: tuple[Country, Box, VirtualReader, int]) -> None:
    country, *_ = post
    headquarters = Headquarters(country)
    headquarters.start()
    pids = [child.pid for child in (headquarters._broker, headquarters._collector) if child]
    headquarters.stop()
    assert len(pids) == 2
    assert not [pid for pid in pids if os.path.exists(f"/proc/{pid}")]  # noqa: PTH110
