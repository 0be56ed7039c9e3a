"""``borderpost-hq publish software``: a version for every platform that posts run on."""

from __future__ import annotations

import lzma
import tarfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import click

from hq.verbs import options
from hq.verbs.publish_common import (
    FILE,
    json_option,
    key_option,
    lines_of,
    passphrase_options,
    repo_argument,
    say,
    signed_rows,
    signers_of,
)

if TYPE_CHECKING:
    from edge.core.distribution.software import Manifest


@click.command("software")
@repo_argument
@click.argument("archives", nargs=-1, required=True, type=FILE, metavar="ARCHIVE...")
@key_option
@passphrase_options
@json_option
def publish_software(
    repo: Path, archives: tuple[Path, ...], key_files: tuple[Path, ...], ask: bool, passphrase_file: Path | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Publish a version of the software: the archives that `make dist` built, one for each release of Debian.

    It needs both software keys: give them here, or let the second holder sign with `publish sign REPO software`. Posts
    take it after `publish timestamp`, by link or by stick, try it, and go back by themselves if it does not run.

    \b
    Try it:  borderpost-hq publish software repo dist/debian12-amd64.tar.xz --key software-1.pem --key software-2.pem
    """
    from edge.core.distribution import SOFTWARE
    from edge.core.distribution.software import file_name
    from hq.distribution import publishing
    from hq.distribution.errors import PublishError
    from hq.distribution.folder import Folder
    from hq.distribution.repository import Repository

    manifests = {path: _manifest(path) for path in archives}
    versions = {manifest.version for manifest in manifests.values()}
    files = {file_name(manifest.platform): path for path, manifest in manifests.items()}
    if len(versions) != 1 or len(files) != len(archives):
        raise PublishError("the archives are of several versions, or two are for one platform",
                           advice="give one archive of one version for each platform")  # fmt: skip
    signers = signers_of(key_files, ask, passphrase_file)
    with Folder(repo) as folder:
        repository = Repository(folder, options.now())
        generation = publishing.offer_of(SOFTWARE, repository.draft(SOFTWARE)).newest + 1
        edition = publishing.Edition(SOFTWARE, 0, generation, options.now(), files)
        done = publishing.add(repository, [edition], signers)
    (version,) = versions
    platforms = sorted(manifest.platform for manifest in manifests.values())
    after = f"publish timestamp {repo} --key snapshot.pem --key timestamp.pem" if done.published else \
        f"publish sign {repo} {SOFTWARE} --key FILE"
    value = {"version": version, "generation": generation, "platforms": platforms, "signed": signed_rows([done])}
    say(as_json, value, f"software {version} for {', '.join(platforms)}: generation {generation}", *lines_of([done]),
        f"next: borderpost-hq {after}")


def _manifest(path: Path) -> Manifest:
    from edge.core.distribution.software import MANIFEST, MAX_MANIFEST, read_manifest
    from hq.distribution.errors import PublishError

    try:
        with tarfile.open(path, "r|xz") as tar:
            for member in tar:
                if member.isreg() and PurePosixPath(member.name).parts[1:] == (MANIFEST,):
                    file = tar.extractfile(member)
                    assert file is not None
                    found = read_manifest(file.read(MAX_MANIFEST + 1))
                    if found is not None:
                        return found
                    break
    except (tarfile.TarError, lzma.LZMAError, EOFError, OSError, ValueError) as error:
        raise PublishError(f"{path} is no version of the software", advice="give what `make dist` built") from error
    raise PublishError(f"{path} has no sound {MANIFEST}", advice="give what `make dist` built")
