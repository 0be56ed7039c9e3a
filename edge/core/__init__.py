"""Pure cores: no I/O, no clock, no randomness, no threads, no logging."""
