"""The renewal door: where a box whose certificate has ended asks for a new one, and does nothing else.

A broker takes no certificate that has ended (mosquitto 2 has no setting for it). Headquarters may run a second, small
broker that asks for none (docs/reliability.md); what a box may do there is said by its access list.

Laws (ADR 0027):
1. Out goes the box's request, which the device key has signed; in come envelopes, which are sealed to this box and
   judged like a stick's. Nothing here is worth more than that: nobody there knows who anybody is.
2. It lasts ``STAY_S`` at most, and ends with the first envelope.
3. A server whose certificate is bad at trusted time is left here too; one of which time alone decides is taken, for
   what travels is public or sealed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from common.line import Closed, Granted, Line, LineError, Message, Opened, Taken, lost
from edge.uplink.papers import Courier
from edge.uplink.states import Happening, State
from edge.uplink.timing import REFUSED, entered

STAY_S: Final = 300.0  # waiting for the envelope
TURN_S: Final = 1.0


def at_the_door(
    line: Line,
    courier: Courier,
    *,
    wake: int,
    mono: Callable[[], float],
    ended: Callable[[], bool],
    move: Callable[[Happening], State],
) -> bool:
    """True if an envelope came. ``line`` is open. Raises LineError when the door is shut."""
    until, inside, sent = mono() + STAY_S, False, 0
    courier.begin()
    while not ended() and (now := mono()) < until:
        line.turn(min(TURN_S, until - now), wake)
        while line.events:
            match line.events.popleft():
                case Opened(code, reason):
                    entered(code, reason)
                    move(Happening.ACCEPTED)
                    line.subscribe(*courier.topics)
                case Granted(codes):
                    if any(code >= REFUSED for code in codes):
                        raise LineError("the renewal door refused a subscription", advice="see docs/reliability.md")
                    move(Happening.GRANTED_DOOR)
                    inside = True
                case Taken(mid, code, _):
                    courier.on_taken(mid, code, mono())
                case Message(where, payload):
                    if courier.on_message(where, payload) and payload:
                        line.close(sent)
                        return True
                case Closed() as closed:
                    why = lost(closed)
                    raise LineError(f"the renewal door closed: {why.message}", advice=why.advice)
        if inside:
            sent = courier.tick(line.publish, mono()) or sent
    return False
