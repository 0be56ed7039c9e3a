"""The device side of each protocol, for the demo and the tests."""
