"""Which papers of a stick are for this box, and whether headquarters signed them. Nothing is judged by time here.

Laws:
1. A paper is read whole (at most 60,000 bytes), its signature verified over those bytes, and those bytes are staged.
2. Of an envelope the signed header is read first; what follows is copied while it is hashed, and is staged only if it
   is what the header says. Nobody here can open it.
3. A newer national package is signed by the root of the one that is in force; what lies beside it is judged by it, as
   the daemon will, which takes it first.
4. A paper that is refused stops no other. Numbers, nonces and dates are the daemon's to judge.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from common.files import open_regular
from edge.core.provisioning import inbox
from edge.core.provisioning.codes import Code, ProvisioningError
from edge.core.provisioning.envelope import PREFIX, read_header
from edge.core.provisioning.inbox import BoxFacts
from edge.core.provisioning.papers import (
    MAX_ENVELOPE,
    MAX_PAPER,
    Claim,
    EnvelopeHeader,
    NationalPackage,
    Paper,
    Reset,
    TimeWord,
)
from edge.core.provisioning.signing import Keys, keys_of, open_national, open_paper, signatures
from provisioning.stick.limits import Limits
from provisioning.stick.tree import Entry, Tree

MAX_PACKAGE: Final = 1 << 20  # bytes of a national package's file
P = TypeVar("P", bound=Paper)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that was refused here: of which part of the stick, why, and where."""

    part: str
    code: Code
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom this box obeys: the keys of the national package, by role."""

    package: NationalPackage
    claim: Keys
    command: Keys
    root: Keys


@dataclass(slots=True)
class Found:
    """What is to be staged: small papers as their bytes, and the envelope's path on the stick, if there is one."""

    papers: dict[str, bytes] = field(default_factory=dict)
    envelope: tuple[str, ...] | None = None
    problems: list[Problem] = field(default_factory=list)
    trust: Trust | None = None  # whom the box will obey once it has taken what is staged here


def load_trust(installed: Path, newer: Path) -> Trust:
    """The national package that was installed, or the newer one that an envelope brought.

    The daemon verified the newer one by the roots of the one before it when it took it, and keeps the copy that is read
    here; one that is damaged, older or of another country is as if it were not there. Raises NO_NATIONAL_PACKAGE.
    """
    try:
        package = open_national(_read(installed), None)
    except OSError as error:
        raise ProvisioningError(Code.NO_NATIONAL_PACKAGE, error.strerror or "") from error
    except ProvisioningError as error:
        raise ProvisioningError(Code.NO_NATIONAL_PACKAGE, f"{error.code}: {error.detail}") from error
    with contextlib.suppress(OSError, ProvisioningError):  # else the one that was installed still holds
        found = open_national(_read(newer), None)
        package = found if found.number > package.number and found.country == package.country else package
    return _trust(package)


def _trust(package: NationalPackage) -> Trust:
    return Trust(package, *(keys_of(k) for k in (package.claim_keys, package.command_keys, package.root_keys)))


def _newer(tree: Tree, survey: Entry, trust: Trust, limits: Limits, found: Found) -> Trust:
    """Whom to obey with what the stick brings; one that is in force already is left where it is."""
    for data, package in _opened(tree, survey, "", inbox.PACKAGE, limits, found,
                                 lambda data: open_national(data, trust.package)):
        if package.number > trust.package.number:
            found.papers[inbox.PACKAGE] = data
            return _trust(package)
    return trust


def choose(tree: Tree, survey: Entry, trust: Trust, facts: BoxFacts, limits: Limits) -> Found:
    """Every paper of the stick that is for this box. Raises ProvisioningError only where the whole stick fails."""
    found = Found()
    trust = found.trust = _newer(tree, survey, trust, limits, found)
    claims = _opened(tree, survey, "claim", ".claim", limits, found, lambda data: open_paper(data, Claim, trust.claim))
    _choose_claim(claims, trust, facts, found)
    own = f"{facts.serial}.reset"
    resets = _opened(tree, survey, "reset", own, limits, found, lambda data: open_paper(data, Reset, trust.command))
    for data, reset in resets:
        if _is_ours(reset, trust, facts, "reset", found):
            found.papers[inbox.RESET] = data
    words = _opened(tree, survey, "time", ".time", limits, found, lambda data: _time_word(data, trust))
    words = [pair for pair in words if _same_country(pair[1].country, trust, "time", found)]
    if words:
        found.papers[inbox.TIME] = max(words, key=lambda pair: (_is_roots(pair[0], trust), pair[1].number))[0]
    envelope = survey.find("prov", f"{facts.serial}.prov")
    if envelope is not None and envelope.inside is None:
        found.envelope = path_of(survey, "prov", f"{facts.serial}.prov")
    return found


def envelope_blocks(tree: Tree, path: tuple[str, ...], trust: Trust, facts: BoxFacts) -> Iterator[bytes]:
    """The envelope's bytes, block by block; whoever stages them throws them away unless this ends without raising.

    Raises ProvisioningError: as ``read_header``, OTHER_BOX, OTHER_COUNTRY, DAMAGED_PAPER, READ_ERROR.
    """
    head, header, digest, taken = b"", None, hashlib.sha256(), 0
    for block in tree.blocks(path, MAX_ENVELOPE):
        if header is None:
            head += block
            if len(head) < PREFIX:
                continue
            header, content = _header(head, trust, facts)
        else:
            head, content = block, block
        taken += len(content)
        if taken > header.size:
            raise ProvisioningError(Code.DAMAGED_PAPER, f"more than the {header.size} bytes that were signed")
        digest.update(content)
        yield head
    if header is None:  # the whole of it is shorter than the longest header
        header, content = _header(head, trust, facts)
        taken = len(content)
        digest.update(content)
        yield head
    if taken != header.size or digest.hexdigest() != header.sha256:
        raise ProvisioningError(Code.DAMAGED_PAPER, f"{taken} bytes of content that are not the ones signed")


def _header(head: bytes, trust: Trust, facts: BoxFacts) -> tuple[EnvelopeHeader, bytes]:
    """The header, if it is for this box, and what of the sealed content stands behind it already."""
    header = read_header(head[:PREFIX], trust.command)
    if header.country != trust.package.country:
        raise ProvisioningError(Code.OTHER_COUNTRY, f"for {header.country}")
    if header.serial != facts.serial:
        raise ProvisioningError(Code.OTHER_BOX, f"for {header.serial}")
    return header, head[8 + int.from_bytes(head[4:8], "big"):]


def _opened(
    tree: Tree, survey: Entry, kind: str, ending: str, limits: Limits, found: Found, read: Callable[[bytes], P]
) -> list[tuple[bytes, P]]:  # fmt: skip
    """(file, paper) of every file below ``kind`` ('' for the top folder) whose name ends so; what is refused becomes a
    problem."""
    folder = survey.find(kind) if kind else survey
    files = [entry for entry in folder.files() if entry.name.casefold().endswith(ending)] if folder else []
    if len(files) > limits.papers:
        found.problems.append(Problem(kind, Code.TOO_MANY_FILES, f"more than {limits.papers} in {kind}"))
        return []
    papers = []
    for entry in files:
        try:
            if entry.size > MAX_PAPER:
                raise ProvisioningError(Code.TOO_LARGE_PAPER, f"{entry.size} bytes, at most {MAX_PAPER}")
            data = tree.read(path_of(survey, *([kind] if kind else []), entry.name), MAX_PAPER)
            papers.append((data, read(data)))
        except ProvisioningError as error:
            if error.code is Code.TOOK_TOO_LONG or not tree.alive():
                raise
            found.problems.append(Problem(kind or "national", error.code, error.detail))
    return papers


def _choose_claim(claims: list[tuple[bytes, Claim]], trust: Trust, facts: BoxFacts, found: Found) -> None:
    """The newest claim of this box's site, or of the only site that is there: a box cannot know where it stands."""
    fit = [pair for pair in claims if _same_country(pair[1].country, trust, "claim", found)]
    if facts.site:
        fit = [pair for pair in fit if pair[1].site == facts.site]
    sites = {claim.site for _, claim in fit}
    if len(sites) > 1 and not facts.code:
        found.problems.append(Problem("claim", Code.NO_PAPERS, f"claims of {len(sites)} sites: leave the right one"))
    elif len(sites) == 1:
        found.papers[inbox.CLAIM] = max(fit, key=lambda pair: pair[1].created)[0]


def _is_roots(data: bytes, trust: Trust) -> bool:
    """True for a word of time that names a root key: roots have numbers of their own, and go first."""
    return any(message.kid in trust.root for message in signatures(data))


def _time_word(data: bytes, trust: Trust) -> TimeWord:
    """Signed by the roots' threshold or by a command key; the daemon looks which, and how far each may leap."""
    if _is_roots(data, trust):
        return open_paper(data, TimeWord, trust.root, trust.package.root_threshold)
    return open_paper(data, TimeWord, trust.command)


def _is_ours(paper: Reset, trust: Trust, facts: BoxFacts, part: str, found: Found) -> bool:
    if not _same_country(paper.country, trust, part, found):
        return False
    if paper.serial != facts.serial:
        found.problems.append(Problem(part, Code.OTHER_BOX, f"for {paper.serial}"))
    return paper.serial == facts.serial


def _same_country(country: str, trust: Trust, part: str, found: Found) -> bool:
    if country != trust.package.country:
        found.problems.append(Problem(part, Code.OTHER_COUNTRY, f"for {country}"))
    return country == trust.package.country


def path_of(survey: Entry, *names: str) -> tuple[str, ...]:
    """The names as they stand on the stick."""
    path, at = [survey.name], survey
    for name in names:
        entry = at.find(name)
        assert entry is not None, "asked for what the survey saw"
        path.append(entry.name)
        at = entry
    return tuple(path)



def _read(path: Path) -> bytes:
    with open_regular(path) as file:
        data = file.read(MAX_PACKAGE + 1)
    if len(data) > MAX_PACKAGE:
        raise ProvisioningError(Code.TOO_LARGE_PAPER, f"more than {MAX_PACKAGE} bytes")
    return data
