"""A recording played through the real daemon: its own process, a port of its own (a pty; USB/IP for a keyboard).

Laws:
1. The box is `borderpost run` itself with a configuration of its own: keys made on the spot, no uplink, its state
   in a folder that is gone afterwards.
2. What is started here is ended here, by its id, also on Ctrl-C, and the folder with it. Where this process is killed
   outright the children see their standard input end: the player ends, and the box ends and removes the folder.
3. Every wait has a limit, the whole too: the recording's length at its speed (in full where that is over 1, because
   the box's own clock runs as ever) and ``SPARE_S``. What takes longer than a second is told.
4. The replay ends when the recording has been played and the box has been quiet for ``QUIET_S``.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drivers.named import NamedDevice
from edge.core import sealing
from edge.core.errors import BorderpostError
from edge.desk import DeskClient, DeskError

START_S = 30.0   # for the box to open its reader, for the player to make its port
STOP_S = 10.0
QUIET_S = 2.0    # after the last byte or verdict: silence within a frame, rows still to come
STALE_S = 1.2    # the box's status may be a second old
SPARE_S = 60.0   # beyond the recording's own length
READER = "replayed"
SOCKET_NAME = "counter.sock"
SOCKET_PATH = 100  # bytes; a UNIX socket address holds 107, and the desk makes a neighbour first
KEYBOARD = "hid_keyboard"  # played over USB/IP, not on a pty
RUN = "from edge.replayed import box; box()"  # the command borderpost, wherever it is installed
AGAIN = "look at the lines above; `borderpost doctor` says more about this machine"

Told = tuple[str, Any]  # ("player" | "desk" | "ended", message)


class ReplayError(BorderpostError):
    """The recording cannot be played through a box."""


@dataclass(slots=True)
class Outcome:
    """What the box made of a recording."""

    verdicts: list[dict[str, Any]] = field(default_factory=list)  # as the counter was told
    reader: Mapping[str, Any] = field(default_factory=dict)       # its line in the box's status
    played: Mapping[str, Any] = field(default_factory=dict)       # what the player sent


@dataclass(frozen=True, slots=True)
class Wanted:
    """One replay: which recording, read by which driver, against which lists (None: none), how fast."""

    recording: Path
    device: NamedDevice
    lists: Path | None = None
    speed: str = "1"
    silence_s: float = 0.25  # at speed max: shorter pauses are left out
    seconds: float = 0.0     # how long the recording is

    @property
    def limit_s(self) -> float:
        """Law 3."""
        slower = 1.0 if self.speed == "max" else min(1.0, float(self.speed))
        return self.seconds / slower + SPARE_S


def replay(wanted: Wanted, tell: Callable[[str, Mapping[str, Any]], None]) -> Outcome:
    """Play it to its end. ``tell`` hears ("starting" | "verdict" | "playing" | "played", message).

    Raises ReplayError when the player or the box does not come up, or ends by itself.
    """
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="borderpost-replay-"))  # mode 0700
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        news: queue.Queue[Told] = queue.Queue(maxsize=100_000)
        player = _start(stack, _player_words(wanted, folder), news, "player")
        port = _next(news, "player", "ready", "the player did not make its port", START_S)
        sock = _socket(stack, folder)
        _write_config(wanted, folder, port, sock)
        tell("starting", {})
        desks = stack.enter_context(ExitStack())  # closed after the box has ended: until then a thread reads there
        words = [sys.executable, "-c", RUN, "run", "--config", str(folder / "edge.toml")]
        words += [str(folder), str(sock.parent)]  # for box() alone
        box = _start(stack, words, news, "box", errors=folder / "box.log")
        desk = _connect(desks, folder, sock, box)
        threading.Thread(target=_listen, args=(desk, news), daemon=True).start()
        _until_open(folder, box)
        assert player.stdin is not None
        player.stdin.write(b'{"play": true}\n')
        player.stdin.flush()
        return _follow(news, folder, sock, tell, wanted.limit_s)


def _follow(
    news: queue.Queue[Told], folder: Path, sock: Path, tell: Callable[[str, Mapping[str, Any]], None], limit_s: float
) -> Outcome:
    until = time.monotonic() + limit_s
    outcome = Outcome()
    quiet_since: float | None = None
    while quiet_since is None or time.monotonic() < quiet_since + QUIET_S:
        if time.monotonic() > until:
            raise ReplayError(
                f"the replay did not come to its end within {limit_s:.0f} s",
                advice="does the driver fit the recording? --reader takes another from edge.toml",
            )
        try:
            who, message = news.get(timeout=0.25)
        except queue.Empty:
            tell("playing", {"verdicts": len(outcome.verdicts)})
            continue
        if who == "ended":
            raise ReplayError(f"the {message} ended by itself{_last_words(folder)}", advice=AGAIN)
        if who == "player" and "played" in message:
            outcome.played, quiet_since = message["played"], time.monotonic()
            tell("played", outcome.played)
        elif who == "desk" and message.get("type") == "verdict":
            outcome.verdicts.append(message)
            quiet_since = time.monotonic() if quiet_since is not None else None
            tell("verdict", message)
    time.sleep(max(0.0, STALE_S))
    outcome.reader = _status(sock)
    return outcome


# -- processes ---------------------------------------------------------------------------------------

def _player_words(wanted: Wanted, folder: Path) -> list[str]:
    return [
        sys.executable, "-m", "drivers.virtual.player", str(wanted.recording),
        "--link", str(folder / "reader"), "--speed", wanted.speed, "--silence", str(wanted.silence_s),
        *(["--usb"] if wanted.device.driver == KEYBOARD else []),
    ]


def _start(
    stack: ExitStack, words: Sequence[str], news: queue.Queue[Told], name: str, errors: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start a process that ends with this one; its JSON lines become news."""
    err = stack.enter_context(errors.open("wb")) if errors else None
    # A session of its own: Ctrl-C reaches this process alone, which then ends them in order.
    process = subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=err, start_new_session=True
    )
    stack.callback(_end, process)

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(b"{"):
                news.put((name, json.loads(line)))
        news.put(("ended", name))

    threading.Thread(target=read, daemon=True).start()
    return process


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _next(news: queue.Queue[Told], who: str, key: str, complaint: str, limit_s: float) -> Any:
    until = time.monotonic() + limit_s
    while time.monotonic() < until:
        try:
            sender, message = news.get(timeout=max(0.01, until - time.monotonic()))
        except queue.Empty:
            break
        if sender == "ended":
            break
        if sender == who and key in message:
            return message[key]
    raise ReplayError(complaint, advice=AGAIN)


def _socket(stack: ExitStack, folder: Path) -> Path:
    """Where the box's socket is to be: in ``folder``, or in a short one where that path would be too long."""
    if len(os.fsencode(folder / SOCKET_NAME)) <= SOCKET_PATH:
        return folder / SOCKET_NAME
    short = Path(tempfile.mkdtemp(prefix="bp-", dir="/tmp"))  # mode 0700
    stack.callback(shutil.rmtree, short, ignore_errors=True)
    return short / SOCKET_NAME


def _connect(stack: ExitStack, folder: Path, sock: Path, box: subprocess.Popen[bytes]) -> DeskClient:
    until = time.monotonic() + START_S
    while True:
        try:
            return stack.enter_context(DeskClient(sock))
        except DeskError:
            if box.poll() is not None or time.monotonic() > until:
                raise ReplayError(f"the box did not come up{_last_words(folder)}", advice=AGAIN) from None
        time.sleep(0.05)


def _listen(desk: DeskClient, news: queue.Queue[Told]) -> None:
    for message in _quietly(desk):
        news.put(("desk", message))


def _quietly(desk: DeskClient) -> Iterator[dict[str, Any]]:
    try:
        yield from desk.messages()
    except (OSError, ValueError):  # closed under us: the replay has ended
        return


def _until_open(folder: Path, box: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until and box.poll() is None:
        if b'"reader_ready"' in (folder / "box.log").read_bytes():
            return
        time.sleep(0.02)
    raise ReplayError(f"the box did not open its reader{_last_words(folder)}", advice=AGAIN)


def _status(sock: Path) -> dict[str, Any]:
    with DeskClient(sock, STOP_S) as desk:
        answer = desk.ask({"do": "status"})
    return next(dict(one) for one in answer["status"]["readers"] if one["name"] == READER)


def _last_words(folder: Path) -> str:
    try:
        lines = (folder / "box.log").read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return "".join(f"\n  {line[:400]}" for line in lines[-5:])


# -- the box -----------------------------------------------------------------------------------------

def _write_config(wanted: Wanted, folder: Path, port: str, sock: Path) -> None:
    """Law 1. JSON texts are TOML texts too."""
    device = wanted.device
    settings = {key: value for key, value in device.settings.items() if key != "port"}
    lists = wanted.lists.resolve() if wanted.lists else folder / "lists"
    (folder / "lists").mkdir()
    quoted = json.dumps
    lines = [
        "[box]", 'device = "replay-box"', 'site = "Replay"', f"state_dir = {quoted(str(folder / 'state'))}",
        f"lists_dir = {quoted(str(lists))}", f"socket = {quoted(str(sock))}",
        "[[counter]]", 'name = "replay"', 'direction = "entry"', f'readers = ["{READER}"]',
        "[[reader]]", f'name = "{READER}"', f"port = {quoted(port)}",
        f"driver = {quoted(device.driver)}", "[reader.settings]",
        *(f"{key} = {quoted(value)}" for key, value in settings.items()),
        "[screening]", "required = []", "max_age_days = 3650", "pace_ms = 0",
        "[headquarters]",
        f"seal_key = {quoted(sealing.public_to_text(sealing.generate_seal_key().public_key()))}",
        f"ack_key = {quoted(sealing.public_to_text(sealing.generate_sign_key().public_key()))}",
        "[clock]", 'source = "system"', "[log]", 'format = "json"',
    ]
    (folder / "edge.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


# -- what came out -----------------------------------------------------------------------------------

COUNTED = ("reads", "others", "garbled", "noise_bytes")
ALONE = ("unanswered", "lost")  # chunks sent without the box's word before them; bytes that nobody took
FACTS = ("firmware", "serial", "product")


def counts(outcome: Outcome) -> dict[str, Any]:
    """Numbers only: nothing that was read."""
    shown: dict[str, int] = {}
    for verdict in outcome.verdicts:
        shown[verdict["outcome"]] = shown.get(verdict["outcome"], 0) + 1
    told = {key: outcome.reader.get(key, 0) for key in COUNTED} | {key: outcome.reader.get(key, "") for key in FACTS}
    alone = {key: outcome.played.get(key, 0) for key in ALONE}
    return {"type": "counts", "verdicts": len(outcome.verdicts), "shown": shown, **told, **alone, "expected": False}


def differences(found: dict[str, Any], expect: Path) -> list[str]:
    """Where the counts differ from the ``.expect`` file; [] also where there is none. Raises ReplayError."""
    if not expect.exists():
        return []
    try:
        lines = [json.loads(line) for line in expect.read_text("utf-8").splitlines() if line.strip()]
        wanted = {key: value for line in lines if line["event"] in ("counts", "facts") for key, value in line.items()}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ReplayError(
            f"{expect}: cannot be read: {type(error).__name__}", advice="restore it, or rebuild the expectations"
        ) from error
    found["expected"] = True
    return [
        f"{key}: {found[key]!r} instead of {wanted[key]!r}"
        for key in (*COUNTED, *FACTS) if key in wanted and found[key] != wanted[key]
    ]
