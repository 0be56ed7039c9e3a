"""One step of a list as a single message, for posts that a stick or HTTPS does not reach in time."""

from __future__ import annotations

from edge.core.distribution import parcel, role_of
from hq.distribution.errors import PublishError
from hq.distribution.folder import Folder, cannot
from hq.distribution.publishing import offer_of


def make(folder: Folder, list_id: str, start: int, to: int) -> bytes:
    """The published step from ``start`` to ``to`` with all metadata that prove it, at most 64,000 bytes.

    Raises PublishError: no such step, not stamped yet, or too large.
    """
    role = role_of(list_id)
    timestamp, snapshot, latest = folder.timestamp(), folder.latest("snapshot"), folder.latest(role)
    if timestamp is None or snapshot is None or latest is None:
        raise PublishError(f"{list_id} is not published yet", advice="sign it, then `borderpost-hq publish timestamp`")
    if snapshot.signed.meta[f"{role}.json"].version != latest.signed.version:
        raise PublishError(f"the newest {role} is not stamped yet", advice="run `borderpost-hq publish timestamp`")
    steps = [step for step in offer_of(list_id, latest.signed).steps if (step.start, step.to) == (start, to)]
    if not steps:
        raise PublishError(f"list {list_id}: no step from {start} to {to} is published", advice="name one that is")
    names = [f"{number}.root.json" for number in range(2, folder.version("root") + 1)]
    names += [f"{folder.version(name)}.{name}.json" for name in ("snapshot", "targets", role)]
    try:
        files = {f"metadata/{name}": (folder.metadata / name).read_bytes() for name in (*names, "timestamp.json")}
        for part in (part for file in steps[0].files for part in file.parts):
            above, _, name = part.path.rpartition("/")
            path = f"targets/{above}/{part.sha256}.{name}"
            if part.length > parcel.MAX_UNPACKED:
                raise PublishError("the step is too large for one message", advice="send it by stick or HTTPS")
            files[path] = (folder.root / path).read_bytes()
    except OSError as error:
        raise cannot(error) from error
    return parcel.pack(files)
