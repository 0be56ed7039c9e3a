"""How a box is waited for: not longer than it may take, and a slow one is not kept busy with being asked."""

from __future__ import annotations

import pytest

from hil_tests.bench import target
from hil_tests.bench.target import REST, REST_MAX_S, TargetError, until


class Clock:
    """Seconds that pass by sleeping and by asking alone."""

    def __init__(self, question_s: float) -> None:
        self.now, self.slept, self._question_s, self.questions = 0.0, [], question_s, 0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def ask(self) -> bool:
        """it is asked"""
        self.questions += 1
        self.now += self._question_s
        return False


@pytest.mark.parametrize(("question_s", "rest_s"), [(0.001, 0.2), (1.0, REST), (10.0, REST_MAX_S)])
def test_the_rest_between_two_questions_follows_what_one_takes(
    monkeypatch: pytest.MonkeyPatch, question_s: float, rest_s: float
) -> None:
    clock = Clock(question_s)
    monkeypatch.setattr(target, "time", clock)
    with pytest.raises(TargetError, match="not within 30 s: it is asked"):
        until(clock.ask, 30.0, every_s=0.2, rest=REST)
    assert clock.slept == [pytest.approx(rest_s)] * len(clock.slept)
    assert clock.now <= 30.0 + 2 * question_s + rest_s


def test_what_is_true_at_once_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(0.0)
    monkeypatch.setattr(target, "time", clock)
    assert until(lambda: True, 1.0) == 0.0
    assert clock.slept == []
