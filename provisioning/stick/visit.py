"""One visit of a stick, from the plug to the light: a table of steps, and where each goes when it is refused.

Laws:
1. Every refusal becomes a part of the outcome; none ends the visit without a light, nor without a text if the stick
   can be written to.
2. What was refused of the stick itself (interfaces, file system, odd files, too much of it) leaves nothing of it
   staged; the daemon hears of it by an offer without papers, for its audit log.
3. An answer leaves the inbox when its text is on a stick, and not before. Of an answer that came too late for its own
   stick the next one carries the text, with the same number. The rows of a box that was reset leave it likewise.
4. What the daemon wrote for the stick counts as done when it is on the stick.
"""

from __future__ import annotations

import contextlib
import enum
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from edge.core.provisioning import inbox
from edge.core.provisioning.codes import Code, Grade, ProvisioningError
from edge.core.provisioning.inbox import BoxFacts, Offer, StickOutcome
from edge.core.provisioning.result_text import grade, part
from provisioning.stick import lists
from provisioning.stick.back import BY_STICK, really_done, write_back
from provisioning.stick.choosing import Problem, Trust, choose, envelope_blocks, load_trust
from provisioning.stick.layer import Layer
from provisioning.stick.light import Light
from provisioning.stick.limits import Deadline, Limits
from provisioning.stick.medium import Medium
from provisioning.stick.staging import Inbox, Nap, Staged, await_facts, read_facts
from provisioning.stick.tree import Entry, Tree

AT_BOOT_S: Final = 240.0  # seconds since power-on within which a stick counts as having been there before


class Step(enum.StrEnum):
    """What is done, in this order unless something is refused."""

    FACTS = "facts"    # who is the box
    OPEN = "open"      # check and mount the stick
    TRUST = "trust"    # whom does the box obey
    SURVEY = "survey"  # every name on the stick
    STAGE = "stage"    # verify and copy what is for this box
    OFFER = "offer"    # let the daemon see it
    WAIT = "wait"      # for its answer
    WRITE = "write"    # the answer to the stick
    END = "end"


# step -> (what comes next, what comes next when it is refused)
STEPS: Final[Mapping[Step, tuple[Step, Step]]] = {
    Step.OPEN: (Step.FACTS, Step.FACTS),
    Step.FACTS: (Step.TRUST, Step.WRITE),
    Step.TRUST: (Step.SURVEY, Step.OFFER),
    Step.SURVEY: (Step.STAGE, Step.OFFER),
    Step.STAGE: (Step.OFFER, Step.OFFER),
    Step.OFFER: (Step.WAIT, Step.WRITE),
    Step.WAIT: (Step.WRITE, Step.WRITE),
    Step.WRITE: (Step.END, Step.END),
}


@dataclass(frozen=True, slots=True)
class Box:
    """The box's side, and everything that a test replaces: layers, clock, waiting, what is told to the journal."""

    inbox: Path
    facts: Path
    national: Path
    newer_national: Path
    now: Callable[[], float]
    nap: Nap
    tell: Callable[[str], object]
    up_s: float = 3600.0  # seconds since power-on
    version: Path = Path(sys.prefix)  # where this program is installed: what software fits this box
    limits: Limits = field(default_factory=Limits)
    stick_layer: Layer = field(default_factory=Layer)
    box_layer: Layer = field(default_factory=Layer)


def visit(medium: Medium, box: Box, light: Light) -> StickOutcome:
    """The whole visit; gives the outcome as far as it is known. Raises nothing but faults of this program."""
    light.busy()
    try:
        outcome = _Visit(medium, box).run()
    except BaseException:
        light.end(Grade.FAULT)
        raise
    light.end(grade(outcome.parts))
    return outcome


class _Visit:
    def __init__(self, medium: Medium, box: Box) -> None:
        self._medium, self._box, self._limits = medium, box, box.limits
        self._inbox = Inbox(box.inbox, box.box_layer, box.limits, box.now, box.nap)
        self._problems: list[Problem] = []
        self._tree: Tree | None = None
        self._facts: BoxFacts | None = None
        self._trust: Trust | None = None
        self._survey: Entry | None = None
        self._staged: Staged | None = None
        self._number = 0  # of the offer, once it is made
        self._answer: StickOutcome | None = None
        self._undelivered: set[str] = set()  # files of the answer that did not reach the stick

    def run(self) -> StickOutcome:
        try:
            with self._inbox.locked(lambda: None):
                self._inbox.tidy()
                self._steps(Step.OPEN)
        except ProvisioningError as error:  # no lock, or an inbox that cannot be used
            self._refuse("stick", error)
            with contextlib.suppress(ProvisioningError):
                self._open()
            self._facts = read_facts(self._box.facts)
            self._steps(Step.WRITE)
        finally:
            if self._tree is not None:
                self._tree.close()
            self._medium.close()
        return self._outcome()

    def _steps(self, step: Step) -> None:
        does = {
            Step.OPEN: self._open, Step.FACTS: self._who, Step.TRUST: self._whom, Step.SURVEY: self._look,
            Step.STAGE: self._stage, Step.OFFER: self._offer, Step.WAIT: self._wait, Step.WRITE: self._write,
        }
        while step is not Step.END:
            on, refused = STEPS[step]
            try:
                does[step]()
                step = on
            except ProvisioningError as error:
                self._refuse("stick", error)
                step = refused

    # -- the steps ---------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        root = self._medium.open()
        deadline = Deadline(self._box.now, self._limits.read_s, "reading the stick")
        self._tree = Tree(root, self._box.stick_layer, self._limits, deadline, self._medium)

    def _who(self) -> None:
        box = self._box
        self._facts = await_facts(box.facts, self._limits, box.now, box.nap)

    def _whom(self) -> None:
        self._trust = load_trust(self._box.national, self._box.newer_national)

    def _look(self) -> None:
        if self._tree is not None:  # else it was refused when it was opened
            self._survey = self._tree.survey()

    def _stage(self) -> None:
        if self._tree is None or self._survey is None or self._facts is None or self._trust is None:
            return
        found = choose(self._tree, self._survey, self._trust, self._facts, self._limits)
        self._problems += found.problems
        self._trust = found.trust or self._trust
        self._staged = self._inbox.begin()
        for name, data in found.papers.items():
            self._staged.put(name, iter((data,)))
        if found.envelope is not None:
            self._stage_envelope(self._tree, found.envelope, self._trust, self._facts)
        try:
            self._stage_lists(self._tree, self._survey, self._trust, self._facts)
        finally:
            self._inbox.drop_scratch()

    def _stage_envelope(self, tree: Tree, path: tuple[str, ...], trust: Trust, facts: BoxFacts) -> None:
        assert self._staged is not None, "staging has begun"
        try:
            self._staged.put(inbox.ENVELOPE, envelope_blocks(tree, path, trust, facts))
        except ProvisioningError as error:
            if _ends_it(error) or not tree.alive():
                raise
            self._refuse("envelope", error)

    def _stage_lists(self, tree: Tree, survey: Entry, trust: Trust, facts: BoxFacts) -> None:
        assert self._staged is not None, "staging has begun"
        staged = self._staged
        try:
            found = lists.look(
                tree, survey, trust.package.tuf_root, facts, self._limits, self._inbox.scratch(),
                self._box.version,
            )
            if found is None:
                return
            self._problems += found.problems
            if found.bytes > self._inbox.room():
                raise ProvisioningError(Code.DISK_FULL, f"{found.bytes} bytes of lists do not fit")
            if found.plans:
                self._box.tell(f"copying {found.bytes / 1e6:.1f} MB of lists")
            for problem in lists.stage_all(
                tree, survey, found, lambda name, blocks: staged.put(f"{inbox.TUF}/{name}", blocks)
            ):
                self._problems.append(problem)
        except ProvisioningError as error:
            if not tree.alive() or error.code is Code.DISK_ERROR:
                raise
            self._refuse("lists", error)

    def _offer(self) -> None:
        if self._tree is not None and not self._tree.alive():  # pulled out: nothing of it is taken (law 2)
            self._refuse("stick", ProvisioningError(Code.READ_ERROR, "it was pulled out"))
        staged = self._staged or self._inbox.begin()
        if self._is_refused() and self._staged is not None:
            staged = self._inbox.emptied(staged)
        restaged = any((before := self._inbox.offered(number)) is not None and before.stick == self._medium.stick != ""
                       for number in self._inbox.numbers())
        staged.offer(Offer(
            number=staged.number, at_boot=self._box.up_s < AT_BOOT_S, stick=self._medium.stick,
            file_system=self._medium.file_system, restaged=restaged,
            problems=tuple((one.code, one.detail[:200]) for one in self._told()),
        ))
        self._number = staged.number
        self._box.tell(f"visit {self._number}: {staged.names - 1} files offered, {len(self._problems)} refused")

    def _wait(self) -> None:
        told = [30.0]

        def waiting(passed: float) -> None:
            if passed >= told[0]:
                self._box.tell(f"visit {self._number}: waiting for the box, {passed:.0f} s")
                told[0] *= 2

        self._answer = self._inbox.await_outcome(self._number, waiting)

    def _write(self) -> None:
        if self._tree is None:
            self._keep_answer()  # nothing can be written to what was refused unopened
            return
        try:
            self._medium.writable()
            deadline = Deadline(self._box.now, self._limits.write_s, "writing to the stick")
            for number in self._inbox.numbers() if self._number else ():
                if number < self._number:
                    self._deliver_earlier(number, deadline)
            self._deliver(deadline)
        except ProvisioningError:
            self._keep_answer()
            raise

    def _keep_answer(self) -> None:
        self._undelivered.update(BY_STICK.values())
        if self._answer is not None:
            self._inbox.shrink(self._number)

    def _deliver_earlier(self, number: int, deadline: Deadline) -> None:
        assert self._tree is not None, "the stick is open"
        try:
            outcome = self._inbox.outcome(number)
        except ProvisioningError:
            self._inbox.remove(number)  # it was told when it came, and says nothing
            return
        if outcome is not None:
            self._give(number, outcome, self._inbox.outgoing(number), deadline)

    def _deliver(self, deadline: Deadline) -> None:
        assert self._tree is not None, "the stick is open"

        if self._answer is None:
            write_back(self._tree, self._outcome(), (), lambda _: self._outcome(), deadline, self._limits.result_room)
        else:
            self._give(self._number, self._outcome(), self._inbox.outgoing(self._number), deadline)

    def _give(self, number: int, outcome: StickOutcome, files: list[Path], deadline: Deadline) -> None:
        """An answer with its files; it stays while the stick has no room for rows that are nowhere else (law 3)."""
        assert self._tree is not None, "the stick is open"
        left_out: list[Problem] = []

        def told(problem: Problem) -> StickOutcome:
            left_out.append(problem)
            if number == self._number:
                self._problems.append(problem)
                self._undelivered.add(problem.detail)
            said = tuple(part(one.part, one.code, one.detail) for one in left_out)
            done = really_done(outcome.parts, {one.detail for one in left_out})
            return msgspec.structs.replace(outcome, parts=done + said)

        write_back(self._tree, outcome, files, told, deadline, self._limits.result_room)
        if any(one.detail == inbox.ROWS for one in left_out) and self._inbox.holds_only_copy(number):
            self._inbox.shrink(number)
        else:
            self._inbox.remove(number)

    # -- what came of it ---------------------------------------------------------------------------------------------

    def _refuse(self, what: str, error: ProvisioningError) -> None:
        if all((one.part, one.code) != (what, error.code) for one in self._problems):
            self._problems.append(Problem(what, error.code, error.detail))

    def _is_refused(self) -> bool:
        """True if the stick as a whole is not to be believed, or gone (law 2)."""
        return any(one.part == "stick" for one in self._problems)

    def _told(self) -> list[Problem]:
        return self._problems[: self._limits.problems]

    def _outcome(self) -> StickOutcome:
        """The daemon's answer with what was refused here; without an answer what is known without it."""
        facts = self._facts
        answer = self._answer or StickOutcome(
            number=self._number, serial=facts.serial if facts else "", device=facts.device if facts else "",
            site=facts.site if facts else "", sequence=facts.sequence if facts else 0,
            software=facts.software if facts else "",
        )
        known = {(one.code, one.detail) for one in answer.parts}
        more = tuple(
            part(one.part, one.code, one.detail) for one in self._told() if (one.code, one.detail[:200]) not in known
        )
        parts = really_done(answer.parts, self._undelivered) + more or (part("stick", Code.NO_PAPERS),)
        return msgspec.structs.replace(answer, parts=parts)


def _ends_it(error: ProvisioningError) -> bool:
    return error.code in (Code.TOOK_TOO_LONG, Code.DISK_FULL, Code.DISK_ERROR)
