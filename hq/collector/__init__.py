"""What headquarters does with what the posts send: hold it, then say so, signed.

``intake`` decides and stores, ``answers`` signs, ``line`` is one connection to the broker, ``loop`` the
thread that drives them. Laws:

1. Nothing is acked that is not committed; the ack names the digest of what is held.
2. A message is judged by its content and its topic together: a topic of one post with the envelope of
   another is nobody's message.
3. Data never stops the collector: what cannot be understood is counted, put aside and alarmed.
4. The same id with other bytes is never acked as a duplicate: it is kept beside, alarmed and looked into, and the ack
   names the digest of those bytes.
"""

from __future__ import annotations

from hq.collector.loop import Collector

__all__ = ["Collector"]
