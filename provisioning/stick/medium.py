"""Where a visit's files come from: a block device that is checked and mounted, or a folder that is there already."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from edge.core.provisioning.codes import Code, ProvisioningError
from provisioning.stick.filesystem import answers, probe, settle
from provisioning.stick.mounting import MountCall, Mounts, first, mount_error, writable
from provisioning.stick.usb import check_stick, kernel_name


class Medium(Protocol):
    """One stick. ``stick`` and ``file_system`` are known once it is open."""

    stick: str
    file_system: str

    def open(self) -> Path:
        """The folder of its files, read-only. Raises ProvisioningError."""

    def writable(self) -> None:
        """The same folder, from now on to be written to. Raises ProvisioningError."""

    def in_order(self) -> AbstractContextManager[None]:
        """While it is writable: each change reaches it before the next is made, slowly. Raises ProvisioningError.

        STICK_READ_ONLY also where the kernel has found a damaged table on it since: it is not written on.
        """

    def settle(self) -> None:
        """Until the file system's tables are on it, as they have become; what stands on them may follow later.

        Raises ProvisioningError (READ_ERROR).
        """

    def close(self) -> None:
        """Let go of it; never raises."""

    def there(self) -> bool:
        """False once it was pulled out and the kernel has let go of it: milliseconds later. May be asked often."""

    def answers(self) -> bool:
        """False from the moment when it was pulled out; it is read for that."""


class FolderMedium:
    """A folder with a stick's files: by hand, in tests, or of a stick that somebody mounted."""

    def __init__(self, folder: Path) -> None:
        self.stick, self.file_system, self._folder = "", "folder", folder

    def open(self) -> Path:
        """See Medium."""
        return self._folder

    def writable(self) -> None:
        """See Medium: the folder is what it is."""

    def in_order(self) -> AbstractContextManager[None]:
        """See Medium: left to the file system."""
        return contextlib.nullcontext()

    def settle(self) -> None:
        """See Medium: left to the file system."""

    def close(self) -> None:
        """See Medium."""

    def there(self) -> bool:
        """See Medium."""
        return self._folder.is_dir()

    def answers(self) -> bool:
        """See Medium."""
        return self.there()


class DeviceMedium:
    """A block device: what it is, what is on it, then mounted below ``runtime``.

    ``environ`` tells whether systemd started this (then the unit has a mount namespace of its own).
    """

    def __init__(
        self, device: str, *, runtime: Path, environ: Mapping[str, str], mounts: Mounts, sys: Path = Path("/sys"),
        dev: Path = Path("/dev"), readers: Collection[str] = (),
    ) -> None:  # fmt: skip
        self.stick, self.file_system = "", ""
        self._name, self._runtime, self._environ, self._mounts = kernel_name(device), runtime, environ, mounts
        self._sys, self._dev, self._readers = sys, dev, readers
        self._mounted: MountCall | None = None

    def open(self) -> Path:
        """See Medium: USB interfaces first, then the first sector, then the mount."""
        usb = check_stick(self._name, self._sys, self._readers)
        self.stick = usb.serial or usb.ids
        device = self._dev / self._name
        self.file_system = probe(device)
        target = self._runtime / self._name
        try:
            target.mkdir(parents=True, exist_ok=True, mode=0o700)
            if "INVOCATION_ID" not in self._environ:
                self._mounts.alone()
            call = first(device, target, self.file_system)
            self._mounts.mount(call)
        except OSError as error:
            raise mount_error(error) from error
        self._mounted = call
        return target

    def writable(self) -> None:
        """See Medium."""
        self._remount(in_order=False)

    @contextlib.contextmanager
    def in_order(self) -> Iterator[None]:
        """See Medium: as the mount option ``sync``."""
        self._again(in_order=True)
        yield
        self._again(in_order=False)

    def settle(self) -> None:
        """See Medium. The device's node may outlive the stick: then it opens with ENXIO, as a pipe does."""
        try:
            settle(self._dev / self._name)
        except OSError as error:
            raise ProvisioningError(Code.READ_ERROR, error.strerror or "") from error

    def _again(self, *, in_order: bool) -> None:
        """Remounted, unless the kernel has made it read-only over a damaged table: that would be taken back."""
        if self._mounted is not None and self._mounts.read_only(Path(self._mounted.target)):
            raise ProvisioningError(Code.STICK_READ_ONLY, "the kernel has found its table damaged")
        self._remount(in_order=in_order)

    def _remount(self, *, in_order: bool) -> None:
        if self._mounted is None:
            raise ProvisioningError(Code.READ_ERROR, "it is not mounted")
        try:
            self._mounts.mount(writable(self._mounted, in_order=in_order))
        except OSError as error:
            found = mount_error(error)
            refused = found.code in (Code.STICK_READ_ONLY, Code.FAULT)
            raise ProvisioningError(Code.STICK_READ_ONLY if refused else found.code, found.detail) from error

    def close(self) -> None:
        """See Medium: everything reaches the stick before it is let go."""
        if self._mounted is not None:
            target = Path(self._mounted.target)
            with contextlib.suppress(OSError):
                self._mounts.unmount(target)
            with contextlib.suppress(OSError):
                target.rmdir()
            self._mounted = None

    def there(self) -> bool:
        """See Medium."""
        return os.path.lexists(self._sys / "class" / "block" / self._name)

    def answers(self) -> bool:
        """See Medium."""
        return self.there() and answers(self._dev / self._name)
