"""A base of 2 GiB and half a year of deltas, from headquarters' folder into a box: time, memory, room on the disk.

    python -m benchmarks.distribution                    2 GiB
    python -m benchmarks.distribution --mebibytes 256    a trial

Beside us: tuf's own client, which fetches the same bytes as one target through a temporary file.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import resource
import shutil
import stat
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks import machine

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)


def publish(root: Path, mebibytes: int, days: int) -> Mapping[str, Any]:
    """Make the repository; figures of publishing."""
    from distribution_kit import Headquarters, key

    from hq.distribution import history
    from hq.distribution.folder import Folder
    from hq.distribution.publishing import Edition, add, offer_of
    from hq.distribution.retention import Generation

    hq = Headquarters(root / "hq")
    (root / "root.json").write_bytes(hq.root())
    base, delta = root / "base", root / "delta"
    with base.open("wb") as file:
        for _ in range(mebibytes):
            file.write(os.urandom(1 << 20))
    began = time.perf_counter()
    hq.now = T0 + timedelta(days=100)
    with hq.open() as repository:
        add(repository, [Edition("sltd", 0, 1, hq.now, {"documents.sdl": base})], [key("sltd")])
    hq.stamp()
    took = time.perf_counter() - began
    known: list[Generation] = []
    for number in range(1, days + 1):
        hq.now = T0 + timedelta(days=number)
        known = history.joined(known, [Generation(number, hq.now)])
        metadata = Folder(hq.path).latest("list-un")
        assert metadata is not None
        editions = []
        for start, to in history.missing(offer_of("un", metadata.signed), known):
            path = delta.with_name(f"delta-{start}-{to}") if start else delta
            path.write_bytes(os.urandom(100))
            editions.append(Edition("un", start, to, hq.now, {"delta": path}, 10**6, os.urandom(32).hex()))
        with hq.open() as repository:
            add(repository, editions, [key("un")])
    hq.stamp()
    data = max((hq.path / "metadata").glob("*.list-un.json"), key=lambda p: int(p.name.split(".")[0])).read_bytes()
    return {
        "publish the base, s": round(took, 1),
        f"deltas of {days} days": data.count(b'"from":') - 1,
        "their metadata, kB": round(len(data) / 1000, 1), "zlib, kB": round(len(zlib.compress(data)) / 1000, 1),
        "now": hq.now.isoformat(),
    }


def ours(root: Path, now: str) -> Mapping[str, Any]:
    """Fetch the base; then look again."""
    from distribution_kit import MemoryMarks

    from edge.updates import DirFetcher, Reference, Updates

    marks, at = MemoryMarks(), Reference(datetime.fromisoformat(now), vouched=False)
    times = {}

    def opened() -> Updates:
        anchor = (root / "root.json").read_bytes()
        return Updates(root / "box", anchor, DirFetcher(root / "hq/repo"), marks=marks, at=at)

    began = time.perf_counter()
    with opened() as updates:
        offered = updates.check()
        times["check, first, ms"] = round((time.perf_counter() - began) * 1000)
        plan = updates.plan(offered.lists["sltd"], 0)
        began, cpu = time.perf_counter(), time.process_time()
        updates.take(plan)
        times["fetch, s"] = round(time.perf_counter() - began, 1)
        times["fetch, cpu s"] = round(time.process_time() - cpu, 1)
        began = time.perf_counter()
        updates.take(plan)
        times["verify again, s"] = round(time.perf_counter() - began, 1)
    began = time.perf_counter()
    with opened() as updates:
        updates.check()
    times["check, again, ms"] = round((time.perf_counter() - began) * 1000)
    return times


def theirs(root: Path, now: str) -> Mapping[str, Any]:  # noqa: ARG001 - one shape
    """The same bytes as one target, by tuf's client alone, from a repository of its own."""
    from securesystemslib.signer import CryptoSigner
    from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp
    from tuf.ngclient import FetcherInterface, Updater

    place, signer = root / "plain", CryptoSigner.generate_ed25519()
    (place / "cache").mkdir(parents=True)
    target = TargetFile.from_file("base", str(root / "base"))
    expires = datetime.now(UTC) + timedelta(days=1)
    signed: dict[str, Any] = {
        "1.root": Root(expires=expires, consistent_snapshot=False), "targets": Targets(expires=expires),
        "snapshot": Snapshot(expires=expires, meta={"targets.json": MetaFile(1)}),
        "timestamp": Timestamp(expires=expires),
    }
    for role in ("root", "targets", "snapshot", "timestamp"):
        signed["1.root"].add_key(signer.public_key, role)
    signed["targets"].targets["base"] = target
    for name, role in signed.items():
        metadata: Any = Metadata(role)
        metadata.sign(signer)
        (place / f"{name}.json").write_bytes(metadata.to_bytes())

    class Folder(FetcherInterface):
        def _fetch(self, url: str) -> Any:
            from tuf.api.exceptions import DownloadHTTPError

            path = root / "base" if url == "t/base" else place / url.removeprefix("m/")
            if not path.exists():
                raise DownloadHTTPError("not there", 404)
            return _blocks(path)

    began, cpu = time.perf_counter(), time.process_time()
    anchor = (place / "1.root.json").read_bytes()
    updater = Updater(str(place / "cache"), "m/", str(place), "t/", Folder(), bootstrap=anchor)
    found = updater.get_targetinfo("base")
    assert found is not None
    updater.download_target(found, str(place / "taken"))
    return {"fetch, s": round(time.perf_counter() - began, 1), "fetch, cpu s": round(time.process_time() - cpu, 1)}


def _blocks(path: Path) -> Any:
    with path.open("rb") as file:
        while block := file.read(256 * 1024):
            yield block


def measured(work: Callable[[Path, str], Mapping[str, Any]], root: Path, now: str) -> dict[str, Any]:
    """Run in a process of its own: what it says, its memory, bytes written, and room taken at the most."""
    receive, send = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    child = context.Process(target=_child, args=(work, root, now, send))
    before = _room(root, None)
    most, done = [before], threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            most[0] = max(most[0], _room(root, child.pid))

    watcher = threading.Thread(target=watch)
    child.start()
    watcher.start()
    send.close()  # a child that dies then ends the wait below
    try:
        found: dict[str, Any] = receive.recv()
    finally:
        child.join()
        done.set()
        watcher.join()
    return {**found, "room at the most, MB": round((most[0] - before) / 1e6)}


def _room(root: Path, process: int | None) -> int:
    """Bytes of all files below ``root``, and of those that the process holds open without a name."""
    room = 0
    with contextlib.suppress(OSError):
        room = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
    with contextlib.suppress(OSError):
        for held in Path(f"/proc/{process}/fd").iterdir() if process else ():
            with contextlib.suppress(OSError):
                state = held.stat()
                room += state.st_size if not state.st_nlink and stat.S_ISREG(state.st_mode) else 0
    return room


def _child(work: Callable[[Path, str], Mapping[str, Any]], root: Path, now: str, send: Any) -> None:
    tempfile.tempdir = str(root)
    found = dict(work(root, now))
    written = int(dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())["wchar"])
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    send.send({**found, "memory, MB": round(memory), "written, MB": round(written / 1e6)})


def main() -> int:
    """Print the figures of each."""
    words = machine.parser(__doc__)
    words.add_argument("--mebibytes", type=int, default=2048, help="size of the base")
    words.add_argument("--days", type=int, default=183, help="of daily deltas")
    words.add_argument("--folder", type=Path, help="where there is room for five times the base (a temporary folder)")
    given = words.parse_args()
    report = machine.Report("distribution", given)
    with tempfile.TemporaryDirectory(prefix="distribution-", dir=given.folder) as place:
        root = Path(place)
        made = dict(publish(root, given.mebibytes, given.days))
        now = made.pop("now")
        report.figures["headquarters"] = made
        report.say(f"headquarters      {json.dumps(made)}")
        report.figures["borderpost"] = measured(ours, root, now)
        report.say(f"borderpost        {json.dumps(report.figures['borderpost'])}")
        shutil.rmtree(root / "box")
        report.figures["tuf_client"] = measured(theirs, root, now)
        report.say(f"tuf's own client  {json.dumps(report.figures['tuf_client'])}")
    report.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
