"""Fingers over a real broker: headquarters has the reasons, and nobody on the way learns of a silent one."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from box_world import Listener, until
from broker import Broker, Spy
from finger_world import CLEAR_ZONE, CROWD, DISCREET, STRANGER, WANTED, FingerWorld, Person, build_gallery
from link_world import Headquarters

from edge.core.wire import PassageEnvelope, decode
from hq.verbs import watch

pytestmark = [pytest.mark.broker, pytest.mark.timeout(180)]

OWN = ("order", "passage", "at", "elapsed_ms", "quality", "tries", "try")
ROUNDS = 4
GRID_MS = 250.0


class Post:
    """A box with fingers, a broker, a headquarters, and somebody who listens between them."""

    def __init__(self, folder: Path, gallery: Path, stack: ExitStack) -> None:
        self.broker = stack.enter_context(Broker(folder / "broker"))
        link = f'\n[uplink]\nhost = "127.0.0.1"\nport = {self.broker.port}\nbackoff_min_s = 0.2\n'
        self.box = stack.enter_context(FingerWorld(folder / "box", gallery, more=link))
        self.spy = Spy(self.broker.port, "bp/v1/+/up/passage")
        stack.callback(self.spy.close)
        self.hq = Headquarters(folder / "box", self.broker.port)  # with the keys that this box knows
        stack.callback(self.hq.stop)
        self.hq.start()
        self.box.start()

    def drained(self) -> None:
        """Wait until headquarters has acked everything."""
        until(lambda: (self.box.status() or {})["outbox"]["pending"] == 0, "headquarters acks everything")

    def told(self, passage: str) -> list[dict[str, Any]]:
        """What headquarters reads about the fingers of a passage."""
        def lines() -> list[dict[str, Any]]:
            with self.hq.view() as view:
                rows = [m for m in view.messages(0) if m.kind == "fingers" and m.passage == passage]
                return [dict(watch.record(row, self.hq.keys.seal)) for row in rows]

        until(lines, "headquarters opens the body")
        return lines()


@pytest.fixture
def post(tmp_path: Path, stack: ExitStack, gallery: Path) -> Post:
    return Post(tmp_path, gallery, stack)


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_gallery(tmp_path_factory.mktemp("gallery"), [WANTED, DISCREET, *CROWD])


def passed(post: Post, ear: Listener, who: Person, impression: int) -> list[dict[str, Any]]:
    """One traveller with a clear document: every message about the finger, until nothing more comes of it."""
    post.box.read(CLEAR_ZONE)
    heard: list[dict[str, Any]] = [ear.next("verdict")]
    post.box.lay(ear, (who.right, impression), passage=heard[0]["passage"], heard=heard)
    return heard


def test_a_silent_candidate_looks_like_none_at_the_desk_and_on_the_wire_and_is_told_to_headquarters(post: Post) -> None:
    ear, seen = post.box.hear(), {STRANGER: list[list[dict[str, Any]]](), DISCREET: list[list[dict[str, Any]]]()}
    order = [who for _ in range(ROUNDS) for who in (STRANGER, DISCREET)]
    for number, who in enumerate(order):
        seen[who].append(passed(post, ear, who, 1 + number // 2))
    post.drained()
    kinds = {json.dumps(alike(one), sort_keys=True) for found in seen.values() for one in found}
    assert len(kinds) == 1, kinds
    # Bodies of verdicts and of fingers: one size each, whatever was found.
    bodies = [len(decode(payload, PassageEnvelope).body()) for payload in post.spy.of("/up/passage")]
    assert len(bodies) == 2 * len(order)
    assert len(set(bodies[0::2])) == len(set(bodies[1::2])) == 1
    for found in seen.values():
        assert all(one[-1]["elapsed_ms"] % GRID_MS < GRID_MS / 2 for one in found)
    # Headquarters knows.
    for one in seen[DISCREET]:
        (line,) = post.told(one[0]["passage"])
        assert (line["outcome"], line["shown"]) == ("POSSIBLE", "CLEAR")
        assert [(r["record"], r["silent"]) for r in line["reasons"]] == [(DISCREET.record, True)]
    for one in seen[STRANGER]:
        (line,) = post.told(one[0]["passage"])
        assert (line["outcome"], line["shown"], line["reasons"]) == ("CLEAR", "CLEAR", [])


def alike(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the counter was told, without what differs between any two travellers: ids, times, how well they touched."""
    kept = []
    for message in messages:
        if message.get("step") in ("lift", "retry", "reading"):  # before the image's last byte: nothing is searched yet
            continue
        one = {key: value for key, value in message.items() if key not in OWN}
        if "coverage" in one:
            one["coverage"] = [{**c, "age_seconds": None} for c in one["coverage"]]
        kept.append(one)
    return kept


def test_headquarters_has_both_fingers_with_their_reasons_and_the_closing(post: Post) -> None:
    ear = post.box.hear()
    (passage, *_) = [m["passage"] for m in passed(post, ear, WANTED, 1)]
    post.box.lay(ear, (WANTED.left, 1), passage=passage)
    done = post.box.run("close", passage, "--outcome", "confirmed")
    assert done.returncode == 0, done.stderr
    post.drained()
    lines = post.told(passage)
    assert [line["purpose"] for line in lines] == ["search", "second"]
    for line in lines:
        assert (line["opened"], line["outcome"], line["shown"]) == (True, "POSSIBLE", "POSSIBLE")
        assert [(r["record"], r["silent"], r["name"]) for r in line["reasons"]] == [(WANTED.record, False, WANTED.name)]
        assert line["image_bytes"] == 0
    with post.hq.view() as view:
        kinds = [m.kind for m in view.messages(0) if m.passage == passage]
        assert kinds == ["passage", "fingers", "fingers", "closing"]
        assert all(p.gaps == () for p in view.posts())


def test_the_image_goes_along_where_the_list_wants_it_and_every_body_is_of_that_size(
    tmp_path: Path, stack: ExitStack
) -> None:
    lists = build_gallery(tmp_path / "images", [WANTED, DISCREET, *CROWD], "--image", "prints")
    post = Post(tmp_path, lists, stack)
    ear = post.box.hear()
    wanted = passed(post, ear, WANTED, 1)[0]["passage"]
    post.box.lay(ear, (WANTED.left, 1), passage=wanted)
    unknown = passed(post, ear, STRANGER, 1)[0]["passage"]
    silent = passed(post, ear, DISCREET, 1)[0]["passage"]
    post.drained()
    sizes = [len(decode(payload, PassageEnvelope).body()) for payload in post.spy.of("/up/passage")]
    assert len(sizes) == 7
    assert len({sizes[n] for n in (1, 2, 4, 6)}) == 1
    for passage, images in ((wanted, [True, True]), (unknown, [False]), (silent, [True])):
        assert [line["image_bytes"] > 0 for line in post.told(passage)] == images
