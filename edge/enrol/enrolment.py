"""The enrolment of one box: keys, trust, the generation in use, and what it says of itself. Made before the daemon.

Laws:
1. One process a state folder: the lock is taken before anything is looked at, let alone finished or taken back.
2. What the last process left is brought to its end before anything is opened (``begin``): a reset, an activation.
3. A configuration that a person made by hand takes no envelope: it would not be the one in use.
4. A box that has a configuration screens, whatever is wrong with what is kept here: then it takes no more papers.
5. The journal takes nothing before it is known to be this machine's (``join``), whatever is wrong with what is kept.
6. A committed configuration that cannot be read any more costs the post what that one brought: the one before runs.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import structlog
from cryptography import x509

from common.settings import ConfigError
from common.times import rfc3339
from edge import config as edge_config
from edge.clock import Source
from edge.config import Config
from edge.core.provisioning.codes import ProvisioningError
from edge.core.provisioning.inbox import BoxFacts
from edge.enrol import asking, cloning, falling_back, generations, identity, kept, remembering, reset, trust, validation
from edge.enrol.activation import Activation, Pending, Phase, describe
from edge.enrol.daemon import Daemon
from edge.enrol.disk import Disk, disk_error, read
from edge.enrol.hardware import inventory
from edge.enrol.identity import Identity
from edge.enrol.places import Places
from edge.enrol.trust import Trust
from edge.journal import Journal
from edge.journal.lock import take_lock
from edge.state import State, StateError

ASK_SHARE: Final = 1 / 2   # of the certificate's life that is left, when a stick comes
LINK_SHARE: Final = 1 / 3  # the same over the link
MAX_PEM: Final = 64 << 10
SELF_TEST_S: Final = 10.0  # longest write of a journal that works

log = structlog.get_logger("enrol")


class Enrolment:
    """``begin`` before anything else. ``by_hand``: the configuration that a person made, or None."""

    def __init__(
        self, places: Places, *, disk: Disk | None = None, boot: str = "", by_hand: Config | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.places, self.disk, self.boot, self.by_hand = places, disk or Disk(), boot, by_hand
        self.environ = os.environ if environ is None else environ
        self.activation = Activation(self.disk, places, boot)
        self.trust: Trust | None = None
        self.identity: Identity
        self.config: Config | None = by_hand
        self.generation = 0  # that runs; 0 for none, or one by hand
        self.damage = ""     # why it is not the one in use
        self.fault = ""  # why no paper can be taken: what is kept cannot be read
        self.moved = ""  # why the journal got a new epoch
        self._not_followed = ""
        self._lock = -1

    # -- before the daemon ---------------------------------------------------------------------------------------

    def begin(self) -> Config | None:
        """Finish what was left, open the keys, and give the configuration to run with: None on a box without one.

        Raises BorderpostError's kin where not even the keys can be opened or made.
        """
        try:
            self.disk.folder(self.places.state)
            self._lock = take_lock(self.places.state / "enrolment")
            kept.begin(self.disk, self.places)
            self._settle()
            self.identity = identity.open_or_make(self.disk, self.places.identity, self.environ)
            cloning.tell_of(self.identity)
            if self.by_hand is None:
                self.config = self._configured()
        except OSError as error:
            raise disk_error(error) from error
        return self.config

    def _settle(self) -> None:
        """What is kept, and whom to obey. Law 4: a fault there takes the papers away, not the screening."""
        try:
            self.trust = trust.load(self.places)
            reset.finish(self.disk, self.places)
        except ProvisioningError as error:
            self._is_faulty(error)

    def _is_faulty(self, error: ProvisioningError) -> None:
        self.fault = error.message
        log.error("enrolment_fault", reason=error.message, advice="the box screens on and takes no papers: see "
                  "`borderpost doctor`; have headquarters replace the box")

    def close(self) -> None:
        """Let go of the lock: the process is over."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _configured(self) -> Config | None:
        """The configuration of the generation in use, after whatever the activation's table says."""
        phase = Phase.IDLE
        try:
            phase = self.activation.resume()
        except ProvisioningError as error:
            self._is_faulty(error)
        while phase is Phase.TRYING:
            try:
                return self._taken(generations.current(self.places))
            except ConfigError as error:
                self.refuse(error.message)
                phase = self.activation.resume()
        return self._fallen_back()

    def _fallen_back(self) -> Config | None:
        """Of the newest generation that can be read (law 6); None if there is none."""
        for number in falling_back.candidates(self.places):
            try:
                falling_back.check(self.places, self.boot, number)
                return self._taken(number)
            except ConfigError as error:
                self.damage = self.damage or error.message
                log.error("configuration_damaged", generation=number, reason=error.message,
                          advice="have headquarters send the whole configuration again; the one before runs, or none")
        return None

    def _taken(self, number: int) -> Config:
        config = self._read(number)
        self.generation = number
        self._show_key()
        return config

    def present(self) -> Config:
        """The configuration of the generation in use. Raises ConfigError."""
        return self._read(generations.current(self.places))

    def _read(self, number: int) -> Config:
        folder = generations.folder_of(self.places, number)
        with edge_config.named(folder / generations.CONFIG):
            return validation.localized(edge_config.load(folder / generations.CONFIG), self.places, folder)

    def _show_key(self) -> None:
        try:
            self.identity.show_to_tls(self.disk, self.places.device_key)
        except OSError as error:
            log.error("key_not_shown", path=str(self.places.device_key), reason=error.strerror,
                      advice="the unit needs RuntimeDirectory=borderpost; until then there is no link")

    def refuse(self, why: str) -> None:
        """What runs cannot work: the next start goes back. Raises ProvisioningError where that cannot be noted."""
        log.error("configuration_refused", reason=why, advice="the one before comes back; ask headquarters for another")
        if self.is_trying:
            self.activation.give_up(why)
        else:
            falling_back.refuse(self.disk, self.places, self.boot, self.generation, why)

    @property
    def is_trying(self) -> bool:
        """True while an activation waits for its commit."""
        with contextlib.suppress(ProvisioningError):
            return self.by_hand is None and self.activation.phase() is Phase.TRYING
        return False

    def recall(self, state: State) -> None:
        """Marks that outlived a reset or the state file itself, into a new one: before anything asks for them."""
        try:
            if not self.fault and remembering.recall(self.places, state):
                log.info("marks_recalled", path="kept.json")
        except (StateError, ProvisioningError) as error:
            log.error("marks_not_recalled", reason=error.message, advice=error.advice)

    def follow(self, state: State) -> None:
        """The same the other way: what has risen since. Asked after each visit, and now and then."""
        try:
            if not self.fault:
                remembering.follow(self.disk, self.places, state)
        except (StateError, ProvisioningError) as error:
            if error.message != self._not_followed:  # asked every few seconds: told once
                log.error("marks_not_kept", reason=error.message, advice=error.advice)
            self._not_followed = error.message

    def join(self, journal: Journal) -> None:
        """The journal is open, and nothing was written in this process (law 5). Raises JournalError's kin."""
        if not self.fault:
            reset.continue_chain(self.places, journal)  # before any other row
        self.moved = cloning.compare(self.disk, self.places, self.identity, journal, self.environ)

    # -- once the daemon runs ------------------------------------------------------------------------------------

    def up(self, daemon: Daemon) -> None:
        """The daemon runs: does what was applied work; then commit it.

        Raises BorderpostError where the self-test fails: the process is to end, the next one tries again or goes back.
        """
        if self.damage:
            daemon.alarm("configuration_damaged")
        if self.moved:
            daemon.alarm(self.moved)
        if self.fault:
            return
        if self.damage:
            daemon.note("configuration_damaged", {"generation": self.generation})
        self.follow(daemon.state)
        pending = self.activation.pending() if self.by_hand is None else None
        if pending is not None:
            self._commit(daemon, pending)
        if not self.may_ask and self.by_hand is None:
            with contextlib.suppress(OSError):  # the code is not shown in any case
                asking.forget(self.disk, self.places)

    def _commit(self, daemon: Daemon, pending: Pending) -> None:
        self._self_test(daemon)
        # Both may be said twice after a power cut; after the commit they could be lost.
        daemon.note("configuration", {"sequence": pending.sequence, "previous": pending.previous,
                                      "envelope": pending.envelope})
        daemon.hear(datetime.fromisoformat(pending.created), Source.ENVELOPE)
        self.activation.commit()
        log.info("configuration_in_use", generation=pending.sequence, before=pending.previous)

    def _self_test(self, daemon: Daemon) -> None:
        """Without a network: the journal writes, key and certificate fit, the lists' keys open."""
        try:
            files = generations.files_of(self.places, generations.current(self.places))
            now = daemon.clock.now().expiry
            validation.validate(files, self.identity, self.places, generations.current(self.places), now)
        except ProvisioningError as error:
            self.refuse(error.message)
            raise
        daemon.journal.note("self_test", {"generation": generations.current(self.places)}).result(SELF_TEST_S)
        daemon.journal.counts()

    # -- what it says of itself ----------------------------------------------------------------------------------

    @property
    def is_enrolled(self) -> bool:
        """True for a box with a configuration, made by hand or brought by an envelope."""
        return self.config is not None

    @property
    def may_ask(self) -> bool:
        """True for a box that nobody named: no configuration yet, or one for keys that it lost (``identity_lost``)."""
        lost = self.by_hand is None and validation.is_another_s(self.certificate(), self.identity)
        return lost or not self.is_enrolled

    @property
    def device(self) -> str:
        """The device id, empty while unprovisioned."""
        return self.config.box.device if self.config else ""

    @property
    def site(self) -> str:
        """The site's id, empty where the configuration has words for people there."""
        text = self.config.box.site if self.config else ""
        return text if validation.is_site(text) else ""

    @property
    def sequence(self) -> int:
        """The highest number that this box took, as far as it can be read."""
        taken = 0 if self.by_hand else generations.current(self.places)
        with contextlib.suppress(ProvisioningError):
            taken = max(taken, kept.load(self.places).sequence)
        return taken

    def code(self) -> str:
        """Of the newest request that nobody answered yet; empty for none, or where it cannot be told."""
        if self.fault or not self.may_ask:
            return ""
        waiting = asking.waiting(asking.load(self.places, self.identity), kept.load(self.places))
        return asking.code(self.identity, waiting[-1]) if waiting else ""

    def facts(self, lists: Mapping[str, int], software: str) -> BoxFacts:
        """For ``FACTS`` and the screen. Raises ProvisioningError."""
        return BoxFacts(
            serial=self.identity.serial, device=self.device, site=self.site, sequence=self.sequence,
            code=self.code(), lists=dict(lists), software=software,
            country=self.trust.package.country if self.trust else "",
        )

    def chain(self) -> str:
        """The box's certificate with its chain, PEM; empty for none."""
        if self.by_hand is not None:
            tls = self.by_hand.uplink.tls if self.by_hand.uplink else None
            place = Path(tls.cert) if tls else None
        else:
            number = self.generation or generations.current(self.places)
            place = generations.folder_of(self.places, number) / generations.CERTIFICATE
        try:
            data = read(place, MAX_PEM) if place else None
            return data.decode("ascii") if data else ""
        except (OSError, ProvisioningError, UnicodeDecodeError):
            return ""

    def certificate(self) -> x509.Certificate | None:
        """The box's own certificate."""
        try:
            return x509.load_pem_x509_certificates(self.chain().encode())[0]
        except ValueError:
            return None

    def renewal(self, now: datetime | None, wall: datetime, software: str, share: float = LINK_SHARE) -> bytes | None:
        """``request.json`` for a new certificate once at most ``share`` of the old one's life is left; else None."""
        if self.by_hand is not None or self.may_ask or not asking.is_due(self.certificate(), now, share):
            return None
        return asking.renewal(
            self.identity, device=self.device, site=self.site, kept=kept.load(self.places),
            inventory=inventory(self.places.system, self.places.state, software), wall=wall,
        )

    def status(self) -> dict[str, Any]:
        """For `borderpost status`."""
        certificate = self.certificate()
        return {
            "serial": self.identity.serial, "device": self.device, "site": self.site, "sequence": self.sequence,
            "certificate_until": rfc3339(certificate.not_valid_after_utc) if certificate else None,
            "pending": describe(self.activation.pending()) if self.by_hand is None else "",
            "code": self.code(), "by_hand": self.by_hand is not None,
        }
