"""The kernel's interface: numbers (`flags`), calls (`syscalls`), files (`pseudofiles`, `procfs`)."""
