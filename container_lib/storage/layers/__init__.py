"""A layer: a directory as a tar stream, and a tar stream as a directory."""
