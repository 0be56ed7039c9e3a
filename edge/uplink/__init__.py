"""The way from the outbox to headquarters and back: MQTT 5 over paho, one thread, nothing lost.

``line`` is one connection, ``talk`` the conversation over it, ``sides`` whom it speaks to, ``states`` the table of
states, ``owner`` the thread; ``trust`` judges the broker's certificate, ``timing`` asks for the time where that is in
doubt, ``certificates`` chooses the box's own, ``papers`` carries requests and envelopes, ``notices`` and ``reports``
say how the box is. The rules that the parts keep stand at the top of each.
"""

from __future__ import annotations

from edge.uplink.certificates import Proof
from edge.uplink.owner import Uplink, UplinkStatus
from edge.uplink.papers import Papers
from edge.uplink.reports import Box
from edge.uplink.sides import Outbox, Tally
from edge.uplink.states import State

__all__ = ["Box", "Outbox", "Papers", "Proof", "State", "Tally", "Uplink", "UplinkStatus"]
