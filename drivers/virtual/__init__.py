"""The device side of each protocol on a pty, written from the devices' byte rules.

Law: nothing here imports a codec of ours. An emulator that shared code with the driver would share
its mistakes; a test asserts the separation.
"""
