"""One command line verb of ``borderpost-hq`` a file."""
