"""What leaves a box by stick and comes back: rows that headquarters has not acked, logs, and the acks for the rows.

``bundle`` writes, ``logs`` finds what is written of the log, ``acks`` takes headquarters' word, ``rescue`` takes rows
off a dead box's disk. The format is ``edge.core.carrying``; the laws of docs/adr/0029-carrying-rows.md hold here.
"""
