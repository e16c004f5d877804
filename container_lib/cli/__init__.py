"""The command line, `byhand`: docker's words, on the engine."""
