"""``borderpost fingers take`` and ``verify`` over a real desk, counter and journal; the station alone is ours."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import memory_lists
import pytest
from box_world import CONFIG
from click.testing import CliRunner, Result
from counter_finger_kit import LEAD, WANTED, answer, taken
from counter_kit import LANE, WALL, standard

from drivers.api import DocumentRead
from edge.answers import Answers
from edge.cli import borderpost
from edge.core.errors import BorderpostError
from edge.core.fingerprints.answers import FingerCandidate
from edge.core.screening import Screener
from edge.counter import Counter, Surroundings
from edge.desk import Desk, DeskClient
from edge.fingers.orders import FingerOrder, FingerResult
from edge.fingers.policy import FingerPolicy
from edge.fingers.station import FAILED, NO_FINGER, WITHDRAWN
from edge.journal import Journal
from edge.verbs import fingers_follow
from hq import keys


class World:
    """A counter and a desk, each on its thread; ``candidates`` is what the next search finds."""

    def __init__(self, folder: Path, journal: Journal) -> None:
        self.stopping = threading.Event()
        self.candidates: tuple[FingerCandidate, ...] = ()
        self.same = True
        self.problem = ""
        self.slow = False  # the person does not come
        self.orders: list[FingerOrder] = []
        self.withdrawn: list[FingerOrder] = []
        self.journal = journal
        self.config = folder / "edge.toml"
        self.socket = socket = folder / "desk.sock"
        head = keys.create(folder / "keys").toml()
        self.config.write_text(CONFIG.format(state=folder / "state", socket=socket, headquarters=head), "utf-8")
        self.desk = Desk(socket, lambda: {"device": "b", "counters": ["lane-1"], "open": []}, self._handle)
        self.counter = Counter(LANE, Surroundings(
            lists=standard, screener=Screener(required=frozenset({"sltd", "national"})), journal=journal,
            now=lambda: memory_lists.TRUSTED, wall=lambda: WALL, mono=time.monotonic, wait=lambda _s: None,
            passage_id=lambda: "P1", number_hash=lambda _state, _number: "", publish=self.desk.publish,
            alarm=lambda _code: None, pace_s=0.0, commit_timeout_s=5.0, fingers=self._offer,
            withdraw=self._withdraw,
            finger_policy=FingerPolicy(ask="never"),
        ))  # fmt: skip
        self._answers = Answers("b", journal, {"lane-1": self.counter}, dict, readers=list)
        self.threads = [
            threading.Thread(target=run, args=(self.stopping,)) for run in (self.desk.run, self.counter.run)
        ]
        for thread in self.threads:
            thread.start()

    def _handle(self, request: Mapping[str, Any], uid: int, reply: Callable[[Mapping[str, Any]], None]) -> None:
        self._answers.handle(request, uid, reply)

    def _offer(self, order: FingerOrder) -> bool:
        """A station whose finger is there at once; it answers through the inbox, as a station does."""
        self.orders.append(order)
        step = {
            "type": "finger", "passage": order.passage, "counter": order.home, "scanner": "s", "step": "working",
            "position": "right-index", "purpose": order.purpose, "instruction": "", "try": 1, "of": 3,
        }  # fmt: skip
        self.desk.publish(json.dumps(step, separators=(",", ":")).encode())
        if self.slow:
            return True
        if self.problem:
            result = FingerResult(order, None, None, None, None, self.problem, time.monotonic())
        elif order.purpose == "verify":
            result = FingerResult(order, taken(order.position), None, 40.0, self.same, at=time.monotonic())
        else:
            said = answer(*self.candidates)
            result = FingerResult(order, taken(order.position), said, None, None, at=time.monotonic())
        timer = threading.Timer(0.2, self.counter.inbox.put_nowait, [result])  # the capture takes a moment
        timer.start()
        self.threads.append(timer)
        return True

    def _withdraw(self, order: FingerOrder) -> None:
        self.withdrawn.append(order)
        self.counter.inbox.put_nowait(FingerResult(order, None, None, None, None, WITHDRAWN, time.monotonic()))

    def lead(self) -> None:
        self.counter.inbox.put_nowait(DocumentRead("swipe-1", LEAD, b"", time.monotonic()))
        until = time.monotonic() + 10
        while not self.journal.passages() and time.monotonic() < until:
            time.sleep(0.005)

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(borderpost, ["fingers", *words, "--config", str(self.config)])

    def end(self) -> None:
        self.stopping.set()
        for thread in self.threads:
            thread.join(10)


@pytest.fixture
def world(tmp_path: Path, journal: Journal) -> Iterator[World]:
    made = World(tmp_path, journal)
    made.lead()
    yield made
    made.end()


def test_a_finger_is_taken_and_the_answer_shown(world: World) -> None:
    done = world.run("take", "p1", "--finger", "left-thumb")
    assert done.exit_code == 0, done.output
    assert "no candidate in 20000 templates of prints, generation 4: this is no clearance" in done.output
    assert world.orders[0].position.name == "LEFT_THUMB"
    assert "CLEAR" not in done.output


def test_a_second_finger_is_followed_to_its_end(world: World) -> None:
    world.candidates = (WANTED,)
    done = world.run("take", "P1", "--json")
    told = [json.loads(line) for line in done.output.splitlines() if line.startswith("{")]
    ended = [m for m in told if m["type"] == "fingers"]
    assert [(m["purpose"], m["second"]) for m in ended] == [("search", "left-index"), ("second", "")]
    assert [order.purpose for order in world.orders] == ["search", "second"]


@pytest.mark.parametrize(("same", "words"), [(True, "the same finger as before"), (False, "not the same finger")])
def test_the_same_finger_is_compared(world: World, same: bool, words: str) -> None:
    assert world.run("take", "P1").exit_code == 0
    world.same = same
    done = world.run("verify", "P1", "--lang", "en")
    assert done.exit_code == (0 if same else 1), done.output
    assert words in done.output


def test_every_step_is_shown_also_one_that_comes_before_the_reply(world: World) -> None:
    """The station tells its first step while the box still writes its reply."""
    for _ in range(5):
        done = world.run("take", "P1", "--json")
        assert [json.loads(line)["type"] for line in done.output.splitlines() if line.startswith("{")] == [
            "finger", "fingers"
        ]


@pytest.mark.parametrize("verb", ["take", "verify"])
@pytest.mark.parametrize("problem", [NO_FINGER, FAILED])
def test_a_finger_that_came_to_nothing_is_exit_code_1(world: World, verb: str, problem: str) -> None:
    assert world.run("take", "P1").exit_code == 0
    world.problem = problem
    done = world.run(verb, "P1")
    assert done.exit_code == 1
    assert problem in done.output


def test_ctrl_c_takes_the_finger_back_and_the_next_is_taken(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.slow = True
    real, stops = fingers_follow._show, [KeyboardInterrupt()]

    def show(message: Mapping[str, Any], language: str, *, as_json: bool) -> None:
        real(message, language, as_json=as_json)
        if stops:
            raise stops.pop()

    monkeypatch.setattr(fingers_follow, "_show", show)
    done = world.run("take", "P1")
    assert done.exit_code == 1  # click's own; `borderpost` makes it 130
    assert "it was no longer wanted" in done.output
    assert world.withdrawn == world.orders
    world.slow = False
    assert world.run("take", "P1").exit_code == 0


def test_what_nobody_heard_of_an_earlier_finger_does_not_end_the_next(world: World) -> None:
    """The desk tells it to whoever connects within half a minute."""
    world.problem = FAILED
    with DeskClient(world.socket, 5) as officer:
        assert officer.ask({"do": "finger", "passage": "P1"})["ok"]
    until = time.monotonic() + 10
    while not any(b'"fingers"' in said for _, said in world.desk._missed) and time.monotonic() < until:
        time.sleep(0.005)
    world.problem = ""
    done = world.run("take", "P1")
    assert done.exit_code == 0, done.output
    assert FAILED not in done.output
    assert "no candidate in 20000 templates" in done.output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["take", "P9"], "there is no such passage"),
        (["take", "nonsense"], "there is no such passage"),
        (["verify", "P1"], "no finger of it is kept"),
        (["take", "P1", "--counter", "nowhere"], "no counter 'nowhere'"),
    ],
)
def test_what_the_box_refuses_is_told_with_advice(world: World, words: list[str], told: str) -> None:
    done = world.run(*words)
    assert isinstance(done.exception, BorderpostError)
    assert told in done.exception.message
    assert done.exception.advice


def test_the_desk_knows_fingers_by_their_names_alone(world: World) -> None:
    said: queue.Queue[Mapping[str, Any]] = queue.Queue()
    world._answers.handle({"do": "finger", "passage": "P1", "position": "nose"}, 0, said.put)
    answer_ = said.get(timeout=5)
    assert answer_["ok"] is False
    assert "right-index" in answer_["advice"]
    for request in ({"do": "finger"}, {"do": "verify", "passage": None, "position": 7, "counter": ["x"]}):
        world._answers.handle(request, 0, said.put)
        assert said.get(timeout=5)["ok"] is False
    with suppress(queue.Empty):
        raise AssertionError(said.get_nowait())


def test_without_the_box_the_verb_says_what_to_do(tmp_path: Path) -> None:
    head = keys.create(tmp_path / "keys").toml()
    path = tmp_path / "edge.toml"
    path.write_text(CONFIG.format(state=tmp_path / "s", socket=tmp_path / "none.sock", headquarters=head), "utf-8")
    done = CliRunner().invoke(borderpost, ["fingers", "take", "P1", "--config", str(path)])
    assert isinstance(done.exception, BorderpostError)
    assert "the box does not answer" in done.exception.message
