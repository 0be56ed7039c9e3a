"""The verbs of ``borderpost-provision``, one a file."""
