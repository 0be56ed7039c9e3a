"""Scans a CLEAR traveller and one on a silent list in turn, and compares all that an observer can see.

    python tests/system/silence.py --pairs 1500 --records 10

Seen at the counter's socket: the whole message and the milliseconds from the last byte to its arrival. Seen on
the wire (a second client at the broker): topic, size, and the milliseconds from the last byte to its arrival.
Law under test: ARCHITECTURE law 8. The comparison of times is the two-sample Kolmogorov-Smirnov statistic
against its distribution under random relabelling, so that it needs no table and no assumption.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt

from demo.stage import DEVICE, Stage, source_of
from edge.core.mrz import compose
from edge.desk import DeskClient

RELABELLINGS = 2000
WARM_UP = 20


@dataclass(slots=True)
class Seen:
    """What was observed of one kind of traveller."""

    shown: list[dict[str, Any]] = field(default_factory=list)
    counter_ms: list[float] = field(default_factory=list)
    wire_ms: list[float] = field(default_factory=list)
    wire: list[tuple[str, int, int]] = field(default_factory=list)  # topic, bytes, digits of what counts up


def traveller(dice: random.Random, *, silent: bool) -> tuple[str, ...]:
    """Two invented travellers that differ in nothing but being listed."""
    surname, given = ("VELMIROV", "DRAGOSIN PAVEL") if silent else ("VORLIMEV", "SODRAGIN LAVEP")
    return compose.td3(
        issuing_state="UTO", surname=surname, given_names=given, number="Q" + "".join(dice.choices("0123456789", k=8)),
        nationality="UTO", birth_date="681205", sex="M", expiry_date="310101",
    )


class Observer:
    """Sits at the counter's socket and at the broker."""

    def __init__(self, stage: Stage) -> None:
        self.shown: list[tuple[float, dict[str, Any]]] = []
        self.wire: list[tuple[float, str, bytes]] = []
        self.changed = threading.Condition()
        self._desk = DeskClient(stage.socket)
        threading.Thread(target=self._listen, daemon=True).start()
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="observer", protocol=mqtt.MQTTv5)
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", stage.broker.port)
        self._client.subscribe(f"bp/v1/{DEVICE}/up/passage")
        self._client.loop_start()

    def close(self) -> None:
        self._client.loop_stop()
        self._client.disconnect()

    def pair(self, count: int) -> tuple[tuple[float, dict[str, Any]], tuple[float, str, bytes]]:
        """Wait until both saw ``count`` passages; the last of each."""
        with self.changed:
            ok = self.changed.wait_for(lambda: len(self.shown) >= count and len(self.wire) >= count, timeout=10)
            assert ok, "a passage did not arrive"
            return self.shown[count - 1], self.wire[count - 1]

    def _listen(self) -> None:
        for message in self._desk.messages():
            if message["type"] == "verdict":
                with self.changed:
                    self.shown.append((time.monotonic(), message))
                    self.changed.notify_all()

    def _on_message(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        with self.changed:
            self.wire.append((time.monotonic(), message.topic, bytes(message.payload)))
            self.changed.notify_all()


def quiet_list(folder: Path, records: int) -> str:
    """A source that lists the silent traveller so many more times: more reasons, more evidence, a larger body."""
    rows = [f"Q-{n},Velmirov,Dragosin Pavel,1968-12-05,M,yes" for n in range(records)]
    path = folder / "quiet.csv"
    path.write_text("\n".join(["reference,surname,given_names,birth_date,sex,silent", *rows]) + "\n", encoding="utf-8")
    return f"persons-csv@quiet:{path}"


def observe(pairs: int, seed: int, records: int) -> dict[bool, Seen]:
    """Scan ``pairs`` of each kind in random order; what was seen, by silent or not."""
    stage = Stage(Path(tempfile.mkdtemp(prefix="bp-silence-")), broker="mosquitto")
    dice = random.Random(seed)
    seen = {False: Seen(), True: Seen()}
    try:
        stage.set_up()
        for kind in ("sltd-csv", "persons-csv"):
            stage.publish_list(source_of(kind))
        stage.publish_list(quiet_list(stage.folder, records))
        stage.start_headquarters()
        stage.start_readers()
        stage.start_box()
        stage.wait_ready()
        observer = Observer(stage)
        order = [False, True] * pairs
        dice.shuffle(order)
        for count, silent in enumerate([True, False] * (WARM_UP // 2) + order, start=1):
            at = stage.readers["swipe-1"].present(list(traveller(dice, silent=silent)))
            assert at is not None
            (shown_at, shown), (wire_at, topic, payload) = observer.pair(count)
            if count > WARM_UP:
                take(seen[silent], at, (shown_at, shown), (wire_at, topic, payload))
        observer.close()
        return seen
    finally:
        stage.close()


def take(seen: Seen, at: float, shown: tuple[float, dict[str, Any]], wire: tuple[float, str, bytes]) -> None:
    """Note one passage."""
    envelope = json.loads(wire[2])
    counting = sum(len(str(envelope[key])) for key in ("id", "seq", "mono"))
    seen.counter_ms.append((shown[0] - at) * 1000)
    seen.wire_ms.append((wire[0] - at) * 1000)
    seen.wire.append((wire[1], len(wire[2]), counting))
    seen.shown.append(shown[1])


def distance(one: Sequence[float], other: Sequence[float]) -> float:
    """Kolmogorov-Smirnov: the largest gap between the two empirical distribution functions, 0..1."""
    marked = sorted([(x, 0) for x in one] + [(x, 1) for x in other])
    steps = (1 / len(one), -1 / len(other))
    gap = height = 0.0
    for number, (value, kind) in enumerate(marked):
        height += steps[kind]
        if number + 1 == len(marked) or marked[number + 1][0] != value:
            gap = max(gap, abs(height))
    return gap


def p_value(one: Sequence[float], other: Sequence[float], seed: int = 1) -> float:
    """How often random labels give a gap as large as the one seen: small means told apart."""
    dice = random.Random(seed)
    seen, together, beyond = distance(one, other), [*one, *other], 0
    for _ in range(RELABELLINGS):
        dice.shuffle(together)
        beyond += distance(together[: len(one)], together[len(one) :]) >= seen
    return (beyond + 1) / (RELABELLINGS + 1)


def constant_part(message: dict[str, Any]) -> dict[str, Any]:
    """A verdict message without what must differ between any two travellers."""
    own = ("passage", "at", "elapsed_ms", "document")
    kept = {key: value for key, value in message.items() if key not in own}
    kept["coverage"] = [{**c, "age_seconds": None} for c in message["coverage"]]
    return kept


def main() -> int:
    """Print what could be told apart."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--pairs", type=int, default=500)
    words.add_argument("--seed", type=int, default=3)
    words.add_argument("--records", type=int, default=10, help="how often the silent traveller is listed besides")
    asked = words.parse_args()
    seen = observe(asked.pairs, asked.seed, asked.records)
    clear, silent = seen[False], seen[True]
    for name, one, other in (
        ("counter's socket", clear.counter_ms, silent.counter_ms), ("wire", clear.wire_ms, silent.wire_ms),
    ):
        middle = [sorted(x)[len(x) // 2] for x in (one, other)]
        sys.stdout.write(
            f"{name:17} {len(one)} CLEAR, {len(other)} silent: median {middle[0]:.2f} / {middle[1]:.2f} ms, "
            f"largest gap {distance(one, other):.3f}, p = {p_value(one, other):.3f}\n"
        )
    sizes = {(t, size - digits) for t, size, digits in [*clear.wire, *silent.wire]}
    sys.stdout.write(f"topics and sizes  {sorted(sizes)}\n")
    same = {json.dumps(constant_part(m), sort_keys=True) for m in [*clear.shown, *silent.shown]}
    sys.stdout.write(f"messages at the counter, own data left out: {len(same)} kind(s)\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
