"""The uplink's state machine, as a table.

Laws: every change of state stands in TRANSITIONS; a happening that a state does not know is a fault of
this program (``KeyError``), never ignored.
"""

from __future__ import annotations

import enum


class State(enum.StrEnum):
    """What the uplink is waiting for."""

    OFFLINE = "offline"  # to be started
    CONNECTING = "connecting"  # the broker's CONNACK
    SUBSCRIBING = "subscribing"  # the broker's SUBACK
    TIMING = "timing"  # headquarters' signed time, and nothing else: the broker's certificate is in doubt
    RENEWING = "renewing"  # an envelope, at the door for boxes whose certificate has ended
    SYNCING = "syncing"  # headquarters' word on what it holds
    SENDING = "sending"  # rows to send, and acks for those sent
    BACKOFF = "backoff"  # the time of the next attempt


class Happening(enum.Enum):
    """What can happen to it."""

    START = "start"  # the thread runs
    ACCEPTED = "accepted"  # CONNACK
    GRANTED = "granted"  # SUBACK for every topic
    GRANTED_TIME = "granted_time"  # SUBACK in a connection that asks for the time alone
    GRANTED_DOOR = "granted_door"  # SUBACK at the renewal door
    TIMED = "timed"  # the time was told, and the broker's certificate holds at it
    SYNCED = "synced"  # holdings cover the whole shelf
    HQ_CHANGED = "hq_changed"  # another store, or the collector connected anew
    HQ_AWAY = "hq_away"  # the collector's last will
    ACK_LATE = "ack_late"  # rows that the broker took stay unanswered
    NEW_EPOCH = "new_epoch"  # the box writes under another epoch than at the last sync
    LOST = "lost"  # no connection, no answer, or refused
    RETRY = "retry"  # the pause is over
    STOP = "stop"  # told to stop


_S, _H = State, Happening

TRANSITIONS: dict[State, dict[Happening, State]] = {
    _S.OFFLINE: {_H.START: _S.CONNECTING, _H.STOP: _S.OFFLINE, _H.LOST: _S.BACKOFF},
    _S.CONNECTING: {_H.ACCEPTED: _S.SUBSCRIBING, _H.LOST: _S.BACKOFF, _H.STOP: _S.OFFLINE},
    _S.SUBSCRIBING: {
        _H.GRANTED: _S.SYNCING,
        _H.GRANTED_TIME: _S.TIMING,
        _H.GRANTED_DOOR: _S.RENEWING,
        _H.LOST: _S.BACKOFF,
        _H.STOP: _S.OFFLINE,
    },
    _S.RENEWING: {_H.LOST: _S.BACKOFF, _H.STOP: _S.OFFLINE},
    _S.TIMING: {_H.TIMED: _S.CONNECTING, _H.LOST: _S.BACKOFF, _H.STOP: _S.OFFLINE},
    _S.SYNCING: {
        _H.SYNCED: _S.SENDING,
        _H.HQ_CHANGED: _S.SYNCING,
        _H.HQ_AWAY: _S.SYNCING,
        _H.NEW_EPOCH: _S.SYNCING,
        _H.LOST: _S.BACKOFF,
        _H.STOP: _S.OFFLINE,
    },
    _S.SENDING: {
        _H.HQ_CHANGED: _S.SYNCING,
        _H.HQ_AWAY: _S.SYNCING,
        _H.ACK_LATE: _S.SYNCING,
        _H.NEW_EPOCH: _S.SYNCING,
        _H.LOST: _S.BACKOFF,
        _H.STOP: _S.OFFLINE,
    },
    _S.BACKOFF: {_H.RETRY: _S.CONNECTING, _H.LOST: _S.BACKOFF, _H.STOP: _S.OFFLINE},
}


def after(state: State, happening: Happening) -> State:
    """The state that follows. KeyError where the table has no entry."""
    return TRANSITIONS[state][happening]
