from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

from edge.crew import Crew, OnDeath, Pulse


def test_the_death_of_a_thread_that_must_live_is_told() -> None:
    crew = Crew()

    def fall(_pulse: Pulse) -> None:
        raise RuntimeError("bug")

    crew.hire("journal", fall)
    assert crew.wait(5)
    assert crew.dead == ("journal",)
    crew.stop()
    assert crew.join() == ()


def test_a_thread_that_returns_too_early_has_died_as_well() -> None:
    crew = Crew()
    crew.hire("reader", lambda _pulse: None)
    assert crew.wait(5)
    assert crew.dead == ("reader",)


def test_one_slow_thread_among_many_has_the_whole_time_to_end() -> None:
    crew = Crew()
    ended = threading.Event()

    def quick(pulse: Pulse) -> None:
        pulse.wait(60)

    def slow(pulse: Pulse) -> None:
        pulse.wait(60)
        time.sleep(1.0)  # a write that its port does not take
        ended.set()

    for number in range(40):
        crew.hire(f"quick-{number}", quick)
    crew.hire("slow", slow)
    crew.stop()
    assert crew.join() == ()
    assert ended.is_set()


def test_the_uplink_is_started_again_alone() -> None:
    crew = Crew()
    started: list[int] = []
    twice = threading.Event()

    def work(_pulse: Pulse) -> None:
        started.append(1)
        if len(started) == 1:
            raise OSError("link")
        twice.set()
        crew.stopping.wait(5)

    crew.hire("uplink", work, OnDeath.RESTART)
    assert twice.wait(5)
    assert crew.dead == ()
    assert crew.restarts == {"uplink": 1}
    crew.stop()
    assert crew.join() == ()


def test_a_signal_may_come_at_any_moment_and_as_often_as_it_likes() -> None:
    crew = Crew()
    before = signal.signal(signal.SIGUSR1, lambda *_: crew.ask_to_stop())
    words = f"import os\nfor _ in range(500): os.kill({os.getpid()}, {int(signal.SIGUSR1)})"
    storm = subprocess.Popen([sys.executable, "-c", words])
    try:
        while storm.poll() is None:
            crew.wait(0.0001)
        while crew.wait(0.0001):
            pass
    finally:
        storm.wait(10)
        signal.signal(signal.SIGUSR1, before)
    assert crew.stopping.is_set()


def test_a_thread_that_shows_no_pulse_is_named_and_one_that_waits_is_not() -> None:
    now = [100.0]
    crew = Crew(mono=lambda: now[0])
    hangs, entered = threading.Event(), threading.Event()

    def hang(pulse: Pulse) -> None:
        pulse.is_set()
        entered.set()
        hangs.wait(10)

    crew.hire("counter-lane-1", hang)
    crew.hire("uplink", hang, OnDeath.RESTART)  # it may block in a connect; it is restarted alone
    assert entered.wait(5)
    assert crew.silent(15.0) == ()
    now[0] += 16
    assert crew.silent(15.0) == ("counter-lane-1",)
    hangs.set()
    crew.stop()


def test_a_long_wait_on_purpose_keeps_the_pulse() -> None:
    stopping = threading.Event()
    now = [0.0]

    def tick() -> float:
        now[0] += 0.5  # every look at the clock is half a second later
        return now[0]

    pulse = Pulse(stopping, tick)
    before = pulse.at
    stopping.wait = lambda timeout=None: False  # type: ignore[method-assign,assignment]
    assert pulse.wait(60.0) is False
    assert pulse.at > before + 55
    stopping.set()
    assert pulse.wait(60.0) is True
