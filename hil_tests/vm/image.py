"""The guest's image: kernel, initrd and disk with the product of this checkout in it, kept by the hash of what made it.

    python -m hil_tests.vm.image                 makes or finds it below build/bench, and says where it is

Laws:
1. What is packed is the last commit, as `make dist` does it; changes that are not committed are told, not tested.
2. Four parts are kept apart (parts.py): package, Debian's root, kernel, image. The first three are made beside each
   other; a change of code costs the package and the image alone.
3. Whoever has the image needs neither root nor a network.
"""

from __future__ import annotations

import inspect
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from hil_tests.vm import kernel, parts, root
from hil_tests.vm.parts import BuildError, Unavailable, Workshop, digest

__all__ = ["BuildError", "Image", "Unavailable", "image"]

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "build/bench"
RELEASE = "12"
# What goes into the package. The documents go in too, but no change of theirs is worth a new image.
PACKED = ("common", "demo", "drivers", "edge", "hq", "packaging", "provisioning", "systemd", "pyproject.toml",
          "requirements-box.lock")  # fmt: skip
RUNS = (("qemu-system-x86_64", "qemu-system-x86"), ("qemu-img", "qemu-utils"))
BUILDS = (
    ("mmdebstrap", "mmdebstrap"), ("dpkg-deb", "dpkg"), ("apt-get", "apt"), ("tar", "tar"), ("chroot", "coreutils"),
    ("unshare", "util-linux"), ("mke2fs", "e2fsprogs"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Image:
    """What a guest boots from. ``disk``: raw ext4, never written to; ``package``: what was installed in it;
    ``bundle``: the same version as a signed update carries it, where there is one."""

    folder: Path
    kernel: Path
    initrd: Path
    disk: Path
    version: str
    package: Path
    bundle: Path | None


def image(work: Path = WORK, *, say: Callable[[str], None] = print) -> Image:
    """Find the image below ``work`` or build it (minutes; ``say`` hears of progress).

    Raises Unavailable when this computer cannot have one, BuildError when the building fails.
    """
    parts.needed(RUNS)
    keys = _keys()
    _tell_changes(say)
    begun = time.monotonic()
    if (work / f"image-{keys['image'][:parts.DIGITS]}").is_dir():
        return _found(work, keys)
    if os.geteuid() != 0:
        raise Unavailable("the image is built by root (sudo make bench)")
    parts.needed(BUILDS)
    if platform.machine() != "x86_64":
        raise Unavailable("the guest is a PC: the image is built on amd64")
    with Workshop(work, say) as shop, parts.telling(shop):
        say("the guest's image: package, Debian's root and kernel, beside each other")
        _build(shop, keys)
    say(f"the image, in all: {time.monotonic() - begun:.0f} s")
    return _found(work, keys)


def _build(shop: Workshop, keys: dict[str, str]) -> None:
    def package(folder: Path) -> None:
        shop.run(sys.executable, ROOT / "packaging/dist.py", RELEASE, "--fast", "--work", shop.folder / "dist", "--out",
                 folder, cwd=ROOT)

    with ThreadPoolExecutor(3) as pool:
        made = [
            pool.submit(shop.part, "package", keys["package"], package),
            pool.submit(shop.part, "base", keys["base"], lambda folder: root.make_base(folder, shop.run)),
            pool.submit(shop.part, "kernel", keys["kernel"],
                        lambda folder: kernel.make_kernel(folder, root.SUITE, shop.run)),
        ]  # fmt: skip
        try:
            packages, base, linux = (one.result() for one in made)
        except BaseException:
            shop.stop()  # the others wait for nothing
            raise

    def whole(folder: Path) -> None:
        (package,) = packages.glob("borderpost_*.deb")
        root.make_disk(folder, base / "base.tar", linux / "lib/modules", package, shop.run)
        for name in ("vmlinuz", "initrd"):
            _same(linux / name, folder / name)
        _same(package, folder / package.name)
        facts = {"version": package.name.split("_")[1].partition("~")[0], "package": package.name, "commit": _commit()}
        (folder / "image.json").write_text(json.dumps(facts, indent=1) + "\n")

    shop.part("image", keys["image"], whole)


def _found(work: Path, keys: dict[str, str]) -> Image:
    folder = work / f"image-{keys['image'][:parts.DIGITS]}"
    facts = json.loads((folder / "image.json").read_text())
    return Image(folder, folder / "vmlinuz", folder / "initrd", folder / "root.ext4", facts["version"],
                 folder / facts["package"], None)  # fmt: skip


def _keys() -> dict[str, str]:
    """What each part is made of, as a hash."""
    here = Path(__file__).resolve().parent
    packed = _git("rev-parse", *(f"HEAD:{name}" for name in PACKED))
    files = [word for path in sorted(root.FILES.rglob("*")) if path.is_file()
             for word in (str(path.relative_to(root.FILES)).encode(), path.read_bytes())]  # fmt: skip
    keys = {
        "package": digest(packed, RELEASE),
        "base": digest(root.SUITE, *root.PACKAGES, "|", *root.LEFT_OUT, inspect.getsource(root.make_base)),
        "kernel": digest(root.SUITE, (here / "kernel.py").read_bytes()),
    }
    return {**keys, "image": digest(*keys.values(), (here / "root.py").read_bytes(), *files)}


def _tell_changes(say: Callable[[str], None]) -> None:
    """Law 1."""
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", *PACKED).splitlines()
    if changed:
        say(f"the image is of the last commit: {len(changed)} changed files are not in it, such as {changed[0][3:]}")


def _commit() -> str:
    return _git("rev-parse", "HEAD").strip()


def _git(*words: str) -> str:
    """Raises Unavailable where this is no clone."""
    if shutil.which("git") is None:
        raise Unavailable("git not on PATH (apt install git)")
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Unavailable(f"the package is built from a git clone: {done.stderr.strip()}")
    return done.stdout


def _same(path: Path, to: Path) -> None:
    """The same file under another name; a copy where the file system has no links."""
    try:
        os.link(path, to)
    except OSError:
        shutil.copyfile(path, to)


def main() -> int:
    """The image by hand."""
    begun = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - begun:6.1f} s  {line}", flush=True)  # noqa: T201 - the progress of a command

    try:
        say(f"{image(say=say).folder}")
    except Unavailable as error:
        sys.stderr.write(f"no image here: {error}\n")
        return 1
    except BuildError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
