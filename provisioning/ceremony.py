"""The key ceremony: all keys of a country, made once in one folder, with a record to be printed and signed by hand.

Laws:
1. All or nothing: the folder is built beside its place and renamed; keys that were written elsewhere are removed again
   if the ceremony does not come to its end. Nothing that is there is overwritten.
2. Root keys, the spare command key and the escrow key each have a passphrase of their own, and a place of their own;
   what the authority needs every day (certificates, claims, commands) shares one.
3. The record names keys by their public fingerprints alone.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from common.times import rfc3339
from edge.core import sealing
from provisioning import authority, files, keyfiles
from provisioning.errors import AuthorityError
from provisioning.folder import OFFICE, AuthorityFolder
from provisioning.ledger import Ledger
from provisioning.store import Store

SPARE, ESCROW = "spare", "escrow"
MAX_ROOTS: Final = 8
_ROLES: Final = {"claim": "claim", "command": "command", SPARE: "command", ESCROW: "escrow"}


@dataclass(frozen=True, slots=True)
class MadeKey:
    """One key of the ceremony: what it is for, its public line, its id, and where its private half lies."""

    name: str
    role: str
    line: str
    kid: str
    place: str


@dataclass(frozen=True, slots=True)
class Record:
    """What is written down. ``ca``: SHA-256 of the authority's certificate."""

    country: str
    name: str
    at: datetime
    threshold: int
    ca: str
    ca_until: datetime
    keys: Sequence[MadeKey]

    def text(self) -> str:
        """The page to print: fingerprints, places, and lines for those present."""
        rows = [f"  {k.name:<9}{k.role:<9}{grouped(k.kid):<21}{k.place}" for k in self.keys]
        roots = sum(k.role == "root" for k in self.keys)
        return "\n".join([
            f"KEY CEREMONY   {self.country}   {self.name}", f"Held at {rfc3339(self.at)}", "",
            f"Certificate authority, SHA-256 (until {self.ca_until:%Y-%m-%d}):", *_halves(self.ca), "",
            "  key      for      fingerprint          private half", *rows, "",
            f"{self.threshold} of the {roots} root keys sign national packages, and time that leaps or falls.", "",
            "Present (name, office, signature):", *(f"  {n}. " + "_" * 60 for n in range(1, 6)), "",
            "Sealed bags (number, key, who keeps it, where):", *(f"  {n}. " + "_" * 60 for n in range(1, 6)), "",
        ])  # fmt: skip


def offline_names(roots: int) -> list[str]:
    """The keys that are carried away."""
    return [*(f"root-{n}" for n in range(1, roots + 1)), SPARE, ESCROW]


def hold(
    root: Path, *, country: str, name: str, now: datetime, roots: int, threshold: int,
    passphrase: Callable[[str], str], places: Mapping[str, Path], done: Callable[[str], None],
) -> Record:  # fmt: skip
    """Make everything below ``root``.

    ``passphrase`` is asked once for ``authority`` and once for each offline key; ``places``: folders of offline keys
    that are not to lie in ``root/offline`` (such as sticks of their holders); ``done`` hears what was made.
    Raises AuthorityError; then nothing is left (law 1).
    """
    if not 1 <= threshold <= roots <= MAX_ROOTS:
        raise AuthorityError(f"{threshold} of {roots} root keys", advice=f"at most {MAX_ROOTS}, such as 2 of 3")
    strangers = sorted(set(places) - set(offline_names(roots)))
    if strangers:
        raise AuthorityError(f"no key is named {strangers[0]}", advice=f"these: {', '.join(offline_names(roots))}")
    if root.exists():
        raise AuthorityError(f"{root} is there already", advice="keys are never overwritten: give another folder")
    words = {n: keyfiles.check_passphrase(passphrase(n), n) for n in [OFFICE, *offline_names(roots)]}
    partial, made = root.with_name(f".{root.name}.partial"), list[Path]()
    try:
        shutil.rmtree(partial, ignore_errors=True)
        record = _build(partial, root, country, name, now, threshold, words, places, made, done)
        partial.rename(root)
        files.sync_folder(root.parent)
    except BaseException as error:
        for path in made:
            with contextlib.suppress(OSError):
                path.unlink()
        shutil.rmtree(partial, ignore_errors=True)
        if isinstance(error, OSError):
            raise AuthorityError(
                f"{error.filename or root}: {error.strerror}", advice="give folders that you may write, and begin again"
            ) from error
        raise
    return record


def grouped(kid: str) -> str:
    """A key id as it is read out: four groups of four digits."""
    return " ".join(kid[i : i + 4] for i in range(0, len(kid), 4))


def _build(
    partial: Path, root: Path, country: str, name: str, now: datetime, threshold: int, words: Mapping[str, str],
    places: Mapping[str, Path], made: list[Path], done: Callable[[str], None],
) -> Record:  # fmt: skip
    partial.mkdir(mode=0o700, parents=True)
    for inside in ("ca", "keys", "offline", "server", "issued"):
        (partial / inside).mkdir(mode=0o700)
    own = AuthorityFolder(partial)
    ca = authority.make(country, name, now)
    files.write_new(own.ca, authority.pem(ca.certificate), files.PUBLIC)
    files.write_new(own.ca_key, keyfiles.locked(ca.key, words[OFFICE]), files.PRIVATE)
    done("certificate authority")
    keys = []
    for key_name, word in [("claim", words[OFFICE]), ("command", words[OFFICE]), *list(words.items())[1:]]:
        inside = "keys" if key_name in ("claim", "command") else "offline"
        key = write_pair(key_name, word, places.get(key_name, partial / inside), made)
        keys.append(key if key_name in places else replace(key, place=str(root / inside / f"{key_name}.pem")))
        done(f"{key_name} key {grouped(keys[-1].kid)}")
    record = Record(country, name, now, threshold, authority.fingerprint(ca.certificate),
                    ca.certificate.not_valid_after_utc, keys)  # fmt: skip
    _begin_ledger(partial, record, now)
    files.write_new(partial / "ceremony.txt", record.text().encode(), files.PUBLIC)
    for path in partial.iterdir():
        if path.is_dir():
            files.sync_folder(path)
    files.sync_folder(partial)
    return record


def write_pair(name: str, word: str, folder: Path, made: list[Path]) -> MadeKey:
    """A new key in ``folder``: NAME.pem, locked, and NAME.pub; ``made`` hears what was written. Raises OSError."""
    key = sealing.generate_seal_key() if name == ESCROW else sealing.generate_sign_key()
    path = folder / f"{name}.pem"
    for file, data, mode in (
        (path, keyfiles.locked(key, word), files.PRIVATE),
        (path.with_suffix(".pub"), keyfiles.public_line(key), files.PUBLIC),
    ):
        files.write_new(file, data, mode)
        made.append(file)
    files.sync_folder(folder)
    public = key.public_key()
    return MadeKey(name, _ROLES.get(name, "root"), sealing.public_to_text(public), sealing.key_id(public), str(path))


def _begin_ledger(folder: Path, record: Record, now: datetime) -> None:
    store = Store(folder / "ledger.sqlite", new=True)
    try:
        ledger = Ledger(store, "")
        with store.writing():
            for key, value in (
                ("country", record.country), ("name", record.name), ("threshold", str(record.threshold)),
                ("made", rfc3339(now)),
            ):
                store.set_meta(key, value)
            for key_ in record.keys:
                ledger.put_key(key_.name, key_.role, key_.line, key_.kid, now, key_.place)
    finally:
        store.close()


def _halves(text: str) -> list[str]:
    return [f"  {text[:39]}", f"  {text[40:]}"]
