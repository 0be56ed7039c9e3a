"""Fingers without I/O: images, templates, their formats, cylinder descriptors, comparison and search."""
