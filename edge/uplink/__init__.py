"""The way from the outbox to headquarters and back: MQTT 5 over paho, one thread, nothing lost.

``line`` is one connection, ``talk`` the conversation over it, ``sides`` whom it speaks to, ``states`` the
table of states, ``owner`` the thread. The rules that the parts keep stand at the top of each.
"""

from __future__ import annotations

from edge.uplink.owner import Box, Uplink, UplinkStatus
from edge.uplink.sides import Outbox, Tally
from edge.uplink.states import State

__all__ = ["Box", "Outbox", "State", "Tally", "Uplink", "UplinkStatus"]
