"""What `borderpost doctor` says of the keys of sealed and keyed lists: where they come from, and what they do not open.

Laws:
1. A ring that cannot be used is an error; keys that lie on the disk beside what opens them are a warning: nothing can
   be found by searching that disk, but whoever has it can open the lists.
2. Texts name files, lists and names of keys, never a key.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from edge.checks import Check, Grade
from edge.list_keys import RING, SEAL_FILE, SEAL_KEY, SEALED, ListKeys

SEAL_AGAIN: Final = "have headquarters seal the ring for this box again: borderpost-hq keys seal-ring"
BIND: Final = "bind the key to this machine's TPM, or encrypt the disk: docs/technician.md, section 1"
NOT_LOOKED: Final = "it is sealed, and no key was looked for"  # of a list, where no configuration was given
NAME_CONFIG: Final = "give --config FILE, as the box's user: its keys open sealed lists"
_LACKING: Final = ("is not on this box", "holds no key")  # edge.watchlists, edge.keyed_files


def lacks_key(problem: str | None) -> bool:
    """True if a list cannot be opened for want of its key, and for nothing else."""
    return problem is not None and any(words in problem for words in _LACKING)


def ring(keys: ListKeys) -> Iterator[Check]:
    """Whether the ring opens, for which lists, and where key and ring lie; nothing where there is neither."""
    found = keys.ring()
    if keys.problem:
        yield Check("list keys", Grade.ERROR, keys.problem, SEAL_AGAIN)
    if not found.entries:
        return
    at = keys.places()
    lists = sorted({entry.list_id for entry in found.entries})
    told = f"{len(found.entries)} key(s) for {', '.join(lists)}"
    if at.ring:
        yield Check("list keys", Grade.OK, f"{told}, from the systemd credential {RING}")
    elif at.key:
        yield Check("list keys", Grade.OK, f"{told}, in {SEALED}, opened by the systemd credential {SEAL_KEY}")
    elif at.key_on_disk:
        yield Check("list keys", Grade.WARNING,
                    f"{told}, in {SEALED}, and {SEAL_FILE}, which opens it, lies on the same disk: whoever has the "
                    "disk can open the lists", BIND)
    if at.key_on_disk and at.sealed and (at.ring or at.key):
        yield Check("list keys", Grade.WARNING,
                    f"{SEAL_FILE} and {SEALED} lie on the disk although systemd gives the keys",
                    f"remove {SEAL_FILE} once `borderpost lists keys` inside the unit shows every list; if it ever "
                    "opened a ring, have the lists' keys renewed")
