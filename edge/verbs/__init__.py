"""One command line verb of ``borderpost`` a file."""
