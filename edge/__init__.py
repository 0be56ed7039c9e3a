"""The daemon of one border post (command: borderpost)."""
