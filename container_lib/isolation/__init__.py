"""What a process is made to see: namespaces, identity, mounts, the root filesystem, capabilities."""
