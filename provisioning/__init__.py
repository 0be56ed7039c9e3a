"""A USB stick brings a bare box to life (command: borderpost-provision)."""
