"""Another version of the software, made of the package that is in the box: sound, or with a mistake in its daemon.

It travels as every version does (`make dist`, docs/distribution.md): an archive with one folder, signed by both keys of
the role ``software``. It is the package's own program under another number. The libraries, nine tenths of a version,
stay where the version before has them, by a path file: what unpacks, verifies and tries them is what is under test, and
an emulator would take minutes over bytes that are the same in every version.

Law: nothing of the program is changed but its number and the one line of the mistake.
"""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from hil_tests.bench.country import HEADQUARTERS, Country

PLACE = "opt/borderpost/versions"
OWN = ("edge", "common", "drivers", "provisioning", "hq")
MANIFEST = "version.json"
# The daemon of a version with a mistake ends before it is ready. Its self-test, which starts no daemon, finds nothing.
FILE, CACHED = "edge/verbs/run.py", "edge/verbs/__pycache__/run."
SOUND = "    guard_process()  # lists and keys will be in this memory\n"
MISTAKE = SOUND + '    raise RuntimeError("a mistake of this version")\n'
EXTRACT_S = 300.0


@dataclass(frozen=True, slots=True)
class _Member:
    """``path`` is below the version's folder."""

    path: PurePosixPath
    info: tarfile.TarInfo
    data: bytes


def packed(package: Path, folder: Path, version: str, *, mistake: bool = False) -> Path:
    """An archive in ``folder`` with the program of ``package`` (a .deb) as ``version``. Raises ValueError."""
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        members = list(_members(child.stdout))
        if child.wait(EXTRACT_S) != 0:
            raise ValueError(f"{package.name} is no package")
    (manifest,) = (json.loads(one.data) for one in members if one.path == PurePosixPath(MANIFEST))
    before = manifest["version"]
    to = folder / f"{manifest['release']}-{manifest['arch']}.tar.xz"
    site = next(one.path.parent for one in members if one.path.name == "edge")
    pointed = tarfile.TarInfo()
    pointed.mode = 0o644
    members.append(_Member(site / "before.pth", pointed, f"/{PLACE}/{before}/{site}\n".encode()))
    wrong = 0
    with tarfile.open(to, "w:xz", format=tarfile.PAX_FORMAT, preset=0) as archive:
        _folder(archive, version)
        for one in sorted(members, key=lambda one: one.path):
            data = one.data
            if mistake and str(one.path).endswith("/" + FILE):
                wrong += data.count(SOUND.encode())
                data = data.replace(SOUND.encode(), MISTAKE.encode())
            elif mistake and CACHED in str(one.path):
                continue  # else Python would take the sound one: bytecode is not checked against its source
            _put(archive, one, data, before, version)
    if mistake and wrong != 1:
        raise ValueError(f"{FILE} has no place, or several, for a mistake")
    return to


def publish(country: Country, archive: Path, to: Path) -> Path:
    """Signed by both keys, with a new generation of the list, on a stick in the folder ``to``: what came of it."""
    country.fresh_stick()
    keys = [word for number in (1, 2) for word in ("--key", f"rolekeys/software-{number}.pem")]
    country.run(HEADQUARTERS, "publish", "software", "repo", str(archive), *keys)
    country.publish_lists()
    return country.stick.rename(to)


def _members(stream: IO[bytes]) -> Iterator[_Member]:
    """The program itself, its interpreter's link, and what it says of itself."""
    with tarfile.open(fileobj=stream, mode="r|") as tar:
        for info in tar:
            parts = PurePosixPath(info.name).parts
            if "/".join(parts[:3]) != PLACE or len(parts) < 5:
                continue
            path = PurePosixPath(*parts[4:])
            if _ours(path, info):
                file = tar.extractfile(info) if info.isreg() else None
                yield _Member(path, info, file.read() if file else b"")


def _ours(path: PurePosixPath, info: tarfile.TarInfo) -> bool:
    if path.parts[0] != "lib":
        return path.parts[0] != "bin" or path.name.startswith(("python", "borderpost")) or info.isdir()
    if len(path.parts) <= 3:
        return info.isdir()
    return path.parts[3] in OWN or path.parts[3].startswith("borderpost-")


def _folder(archive: tarfile.TarFile, name: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = tarfile.DIRTYPE, 0o755
    archive.addfile(entry)


def _put(archive: tarfile.TarFile, one: _Member, data: bytes, before: str, version: str) -> None:
    """The member under the new number: its name, the paths of its commands, its manifest and metadata."""
    name = str(one.path).replace(f"borderpost-{before}.dist-info", f"borderpost-{version}.dist-info")
    if one.path.name == MANIFEST:
        data = json.dumps({**json.loads(data), "version": version}).encode()
    elif one.path.parts[0] in ("bin", "pyvenv.cfg"):
        data = data.replace(f"/{PLACE}/{before}/".encode(), f"/{PLACE}/{version}/".encode())
    elif one.path.name == "METADATA":
        data = data.replace(f"\nVersion: {before}\n".encode(), f"\nVersion: {version}\n".encode(), 1)
    entry = tarfile.TarInfo(f"{version}/{name}")
    entry.type, entry.linkname, entry.mode = one.info.type, one.info.linkname, one.info.mode & 0o755
    entry.size = len(data) if one.info.isreg() else 0
    archive.addfile(entry, io.BytesIO(data) if one.info.isreg() else None)
