"""Builds the Debian package, and the same version as a signed update carries it, inside a root of that release.

    python packaging/dist.py 12                  dist/borderpost_VERSION~deb12_amd64.deb and dist/debian12-amd64.tar.xz
    python packaging/dist.py 13 --wheels DIR     with wheels that were brought along
    python packaging/dist.py 12 --fast           the package alone and uncompressed, in half the time: for a bench

Needs root, mmdebstrap and dpkg-deb; a network for Debian's packages and the wheels of requirements-box.lock, each of
which is held to its hash there. What is packed is the last commit. The Debian root is kept below build/.

Laws:
1. The interpreter is the release's own, so the wheels fit: pip runs in that root.
2. The same commit gives the same bytes, as long as the lock and Debian's Python are the same: names are sorted, times
   are the commit's, bytecode carries the hash of its source.
3. Nothing of the host's /dev, /proc or /sys is bound into the root.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CODENAMES = {"12": ("bookworm", "3.11"), "13": ("trixie", "3.13")}
BUILD_PACKAGES = "python3,python3-venv,libusb-1.0-0,ca-certificates"
BASE = 1  # number of what only the package brings (units, users, rules): an update may ask for at least so much
BUNDLE_OLDEST = 1
COMMANDS = ("borderpost", "borderpost-hq", "borderpost-provision", "borderpost-update")
PLACES = {  # where each file of systemd/ goes
    "*.service": "usr/lib/systemd/system", "*.timer": "usr/lib/systemd/system",
    "*.rules": "usr/lib/udev/rules.d", "*.catalog": "usr/lib/systemd/catalog",
}
RENAMED = {
    "borderpost.sysusers": "usr/lib/sysusers.d/borderpost.conf",
    "borderpost.tmpfiles": "usr/lib/tmpfiles.d/borderpost.conf",
    "journald-borderpost.conf": "usr/lib/systemd/journald.conf.d/borderpost.conf",
    "system-borderpost.conf": "usr/lib/systemd/system.conf.d/borderpost.conf",
    "sysctl-borderpost.conf": "usr/lib/sysctl.d/60-borderpost.conf",
    "borderpost-screen.conf": "usr/lib/systemd/system/getty@tty1.service.d/borderpost.conf",
    "borderpost-pty.conf": "usr/share/borderpost/borderpost-pty.conf",
}
SKELETON = ("usr", "opt/borderpost", "etc/borderpost", "dev", "proc", "sys", "run/borderpost", "tmp", "var/tmp", "root",
            "home", "var/lib/borderpost-inbox", "lib64")


def run(words: Sequence[str | Path], **options: object) -> None:
    subprocess.run([str(word) for word in words], check=True, **options)  # type: ignore[call-overload]


def output(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True, cwd=ROOT).stdout.strip()


def debian_root(release: str, work: Path) -> Path:
    """A fresh Debian root to build in; its archive is made once."""
    archive = work / f"root-{release}.tar"
    codename, _ = CODENAMES[release]
    if not archive.exists():
        fresh = archive.with_suffix(".new")
        run(["mmdebstrap", "--mode=root", "--variant=minbase", "--quiet", f"--include={BUILD_PACKAGES}", "--format=tar",
             codename, fresh])
        fresh.rename(archive)
    root = work / f"root-{release}"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    run(["tar", "-xf", archive, "-C", root, "--numeric-owner"])
    return root


def in_root(root: Path, *words: str) -> None:
    """Run a command in the root, with what pip is told from outside and nothing else."""
    told = {key: value for key, value in os.environ.items() if key.startswith("PIP_") or key.endswith("_proxy")}
    bundle = os.environ.get("PIP_CERT") or "/etc/ssl/certs/ca-certificates.crt"
    if Path(bundle).exists():
        shutil.copy(bundle, root / "authorities.pem")
        told["PIP_CERT"] = "/authorities.pem"
    told.pop("PIP_FIND_LINKS", None)
    run(["chroot", root, *words], env={
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0",
        "SOURCE_DATE_EPOCH": os.environ["SOURCE_DATE_EPOCH"], "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_ROOT_USER_ACTION": "ignore", **told,
    })


def wheels_into(root: Path, brought: Path | None) -> None:
    """The wheels of the lock, each held to its hash."""
    if brought is not None:
        shutil.copytree(brought, root / "wheels")
        return
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    in_root(root, "/tool/bin/pip", "download", "--quiet", "--require-hashes", "--only-binary=:all:", "--no-deps",
            "-r", "/source/requirements-box.lock", "-d", "/wheels")


def version_tree(root: Path, version: str, release: str, brought: Path | None) -> Path:
    """The version's folder as it will stand on a box: interpreter link, libraries, program, bytecode."""
    source = root / "source"
    source.mkdir()
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    run(["tar", "-x", "-C", source], input=archive)
    in_root(root, "python3", "-m", "venv", "/tool")
    wheels_into(root, brought)
    place = f"/opt/borderpost/versions/{version}"
    offline = ("--no-index", "--find-links", "/wheels")
    in_root(root, "/tool/bin/pip", "install", "--quiet", "--upgrade", *offline, "setuptools")
    in_root(root, "python3", "-m", "venv", "--without-pip", place)
    into = ("/tool/bin/pip", "--python", f"{place}/bin/python", "install", "--quiet", "--no-compile", *offline)
    in_root(root, *into, "--require-hashes", "--no-deps", "-r", "/source/requirements-box.lock")
    in_root(root, "/tool/bin/pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", "/built", "/source")
    (built,) = (root / "built").iterdir()
    in_root(root, *into, "--no-deps", f"/built/{built.name}")
    tree = root / place.lstrip("/")
    shutil.rmtree(tree / "bin/__pycache__", ignore_errors=True)
    for left in [*(tree / "bin").glob("activate*"), *(tree / "bin").glob("Activate*"), tree / "bin/borderpost-demo",
                 *tree.rglob("direct_url.json"), *(tree / "bin").glob("pip*")]:
        left.unlink(missing_ok=True)
    in_root(root, f"{place}/bin/python", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash",
            f"{place}/lib")
    (tree / "version.json").write_text(json.dumps({
        "version": version, "release": f"debian{release}", "arch": output("dpkg", "--print-architecture"),
        "python": CODENAMES[release][1], "needs_base": BUNDLE_OLDEST,
    }, indent=1) + "\n")
    return tree


def package_tree(root: Path, tree: Path, version: str, release: str) -> Path:
    """Everything that the package brings, as it lies on a box."""
    stage = root.parent / f"stage-{release}"
    shutil.rmtree(stage, ignore_errors=True)
    target = stage / "opt/borderpost/versions" / version
    target.parent.mkdir(parents=True)
    shutil.copytree(tree, target, symlinks=True)
    for pattern, place in PLACES.items():
        for path in (root / "source/systemd").glob(pattern):
            put(path, stage / place / path.name)
    for name, place in RENAMED.items():
        put(root / "source/systemd" / name, stage / place)
    put(root / "source/edge/software/trial.py", stage / "usr/lib/borderpost/trial.py")
    put(root / "source/packaging/box_secret.py", stage / "usr/lib/borderpost/box-secret", 0o755)
    put(root / "source/packaging/tpm_lockout.py", stage / "usr/lib/borderpost/tpm_lockout.py")
    (stage / "usr/lib/borderpost/base").write_text(f"{BASE}\n")
    (stage / "usr/lib/borderpost/version").write_text(f"{version}\n")
    skeleton = stage / "usr/lib/borderpost/stick-root"
    for folder in SKELETON:
        (skeleton / folder).mkdir(parents=True)
    (skeleton / "etc/borderpost/national.json").touch()
    for name in ("etc/ld.so.cache", "etc/localtime"):
        (skeleton / name).touch()
    for name in ("bin", "sbin", "lib"):
        (skeleton / name).symlink_to(f"usr/{name}")
    (stage / "usr/bin").mkdir(parents=True)
    for command in COMMANDS:
        (stage / "usr/bin" / command).symlink_to(f"/opt/borderpost/current/bin/{command}")
    pages(root, stage, version)
    return stage


def pages(root: Path, stage: Path, version: str) -> None:
    """Manual pages from the commands' own help, and the documents."""
    in_root(root, f"/opt/borderpost/versions/{version}/bin/python", "/source/packaging/manpages.py", "/man", version)
    for page in sorted((root / "man").iterdir()):
        place = stage / "usr/share/man" / f"man{page.suffix[1:]}" / f"{page.name}.gz"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(gzip.compress(page.read_bytes(), 9, mtime=0))
    documents = stage / "usr/share/doc/borderpost"
    for path in [*(root / "source/docs").glob("*.md"), root / "source/SECURITY.md"]:
        put(path, documents / path.name)
    put(root / "source/packaging/copyright", documents / "copyright")
    changes = (root / "source/CHANGELOG.md").read_bytes()
    (documents / "changelog.gz").write_bytes(gzip.compress(changes, 9, mtime=0))


def control(stage: Path, version: str, release: str) -> None:
    """The package's own papers."""
    _, python = CODENAMES[release]
    major, minor = (int(part) for part in python.split("."))
    size = sum(p.lstat().st_size for p in stage.rglob("*") if p.is_file() and not p.is_symlink()) // 1024
    folder = stage / "DEBIAN"
    folder.mkdir()
    here = ROOT / "packaging"
    fields = (here / "control.in").read_text().format(
        version=f"{version}~deb{release}", arch=output("dpkg", "--print-architecture"), size=size, python=python,
        next_python=f"{major}.{minor + 1}",
    )
    (folder / "control").write_text(fields)
    for name in ("postinst", "prerm", "postrm"):
        (folder / name).write_text((here / name).read_text().replace("@VERSION@", version))
        (folder / name).chmod(0o755)
    sums = [f"{hashlib.md5(p.read_bytes(), usedforsecurity=False).hexdigest()}  {p.relative_to(stage)}\n"
            for p in sorted(stage.rglob("*")) if p.is_file() and not p.is_symlink() and folder not in p.parents]
    (folder / "md5sums").write_text("".join(sums))


def bundle(tree: Path, version: str, to: Path, when: int) -> None:
    """The version alone, as `borderpost-hq publish software` takes it."""
    fresh = to.with_suffix(".new")
    with tarfile.open(fresh, "w:xz", format=tarfile.PAX_FORMAT, preset=3) as archive:
        for path in [tree, *sorted(tree.rglob("*"))]:
            entry = archive.gettarinfo(path, arcname=str(Path(version) / path.relative_to(tree)))
            entry.uid = entry.gid = 0
            entry.uname = entry.gname = ""
            entry.mtime = when
            entry.mode = stat.S_IMODE(entry.mode) & 0o755
            if entry.isreg():
                with path.open("rb") as file:
                    archive.addfile(entry, file)
            else:
                archive.addfile(entry)
    fresh.rename(to)


def put(path: Path, to: Path, mode: int = 0o644) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, to)
    to.chmod(mode)


def aged(stage: Path, when: int) -> None:
    for path in [stage, *stage.rglob("*")]:
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
        os.utime(path, (when, when), follow_symlinks=False)


def main() -> int:
    parser = argparse.ArgumentParser(description="Build the Debian package of one release.")
    parser.add_argument("release", choices=CODENAMES)
    parser.add_argument("--wheels", type=Path, help="a folder of wheels that were brought along")
    parser.add_argument("--fast", action="store_true", help="the package alone, not compressed: to try, not to publish")
    parser.add_argument("--work", type=Path, default=ROOT / "build", help="where roots and trees are made")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="where the results go")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.stderr.write("a Debian root is made by root: run it with sudo\n")
        return 1
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    when = int(output("git", "log", "-1", "--format=%ct"))
    os.environ["SOURCE_DATE_EPOCH"] = str(when)
    os.umask(0o022)
    for folder in (options.work, options.out):
        folder.mkdir(parents=True, exist_ok=True)
    root = debian_root(options.release, options.work)
    tree = version_tree(root, version, options.release, options.wheels)
    stage = package_tree(root, tree, version, options.release)
    control(stage, version, options.release)
    aged(stage, when)
    arch = output("dpkg", "--print-architecture")
    package = options.out / f"borderpost_{version}~deb{options.release}_{arch}.deb"
    pressed = ("-Znone",) if options.fast else ("-Zxz", "-z3")
    run(["dpkg-deb", "--root-owner-group", *pressed, "--build", stage, package])
    if not options.fast:
        bundle(tree, version, options.out / f"debian{options.release}-{arch}.tar.xz", when)
    for path in (root, stage):
        shutil.rmtree(path)
    print(package)  # noqa: T201 - the answer
    return 0


if __name__ == "__main__":
    sys.exit(main())
