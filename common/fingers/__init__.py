"""What box and headquarters share about fingers: extractors, the child process that they run in, image files."""
