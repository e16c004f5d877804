"""From a root filesystem and an argv to a running container: spec, handshake, launcher, init, lifecycle."""
