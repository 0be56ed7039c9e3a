"""Keys and folders of the box: its own key made once, headquarters' public keys from the configuration.

Laws:
1. No private key leaves the state folder, and none is made anew over an old one.
2. A folder that is named wrongly or belongs to somebody else is a wrong configuration: only a person mends it. A disk
   that is full, read-only or failing is none: it may be well in a minute, and the box must try again (exit code 78
   would keep systemd from it).
"""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from common.settings import ConfigError
from edge.config import Config
from edge.core import sealing
from edge.core.errors import BorderpostError

Public = TypeVar("Public")
NAMED_WRONGLY = frozenset({  # law 2
    errno.ENOENT, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG,
})


class StorageError(BorderpostError):
    """The disk below the state folder refuses: full, read-only, failing."""

    def __init__(self, what: str, error: OSError) -> None:
        super().__init__(
            f"{what}: {error.strerror}",
            advice="free space and inodes on that disk; if it is read-only, `journalctl -k` says why: replace it",
        )


def own_folder(path: Path) -> Path:
    """The box's folder for what it keeps, made if need be. Raises ConfigError or StorageError (law 2)."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = path / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        what = f"box.state_dir {path}"
        if error.errno not in NAMED_WRONGLY:
            raise StorageError(what, error) from error
        raise ConfigError(f"{what}: {error.strerror}", advice="give a folder that the box's user may write") from error
    return path


def box_key(path: Path) -> bytes:
    """The box's own key, made once; it never leaves the box. Raises ConfigError or StorageError (law 2)."""
    try:
        if not path.exists():
            make_file(path, sealing.generate_box_key())
        key = path.read_bytes()
    except OSError as error:
        if error.errno not in NAMED_WRONGLY:
            raise StorageError(str(path), error) from error
        raise ConfigError(f"{path}: {error.strerror}", advice="make the state folder the box user's own") from error
    if len(key) != sealing.KEY_SIZE:
        raise ConfigError(f"{path}: not a box key", advice="restore it: a new one cannot read old flags")
    return key


def make_file(path: Path, data: bytes) -> None:
    """Write a new key (mode 0600) beside ``path`` and give it that name, unless another process was faster."""
    fd, partial = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(partial, path)  # never replaces, as a rename would
    finally:
        Path(partial).unlink()
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def headquarters(config: Config) -> tuple[list[sealing.Recipient], tuple[sealing.SignPublic, ...]]:
    """Recipients of every body, and the keys whose acks are believed; ConfigError for a wrong text."""
    section = config.headquarters
    seal = [_read("seal_key", sealing.seal_public_from_text, section.seal_key)]
    for at, text in enumerate(section.escrow_keys):
        seal.append(_read(f"escrow_keys[{at}]", sealing.seal_public_from_text, text))
    ack = _read("ack_key", sealing.sign_public_from_text, section.ack_key)
    return [sealing.Recipient.of(key) for key in seal], (ack,)


def _read(key: str, reading: Callable[[str], Public], text: str) -> Public:
    try:
        return reading(text)
    except sealing.KeyTextError as error:
        raise ConfigError(f"headquarters.{key}: {error.message}", advice=error.advice) from error
