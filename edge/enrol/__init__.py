"""How a box comes by its identity and its configuration: keys, claims, envelopes, activation, reset.

Laws:
1. Every change on the disk goes through ``disk.Disk`` and is one step that a power cut leaves done or not done; each
   process begins by finishing, or taking back, what the last one left (``activation``).
2. Private keys stand on the disk sealed alone; none is logged, shown, or in an exception.
3. The old state stays until the new one has proven itself here, without a network.
4. A nonce and a sequence number are used up by one write of ``kept.json``: they are used or they are not.
"""
