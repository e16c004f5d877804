"""A container runtime, built by hand, one layer per module.

Import the module that defines the thing; this package exports nothing. Reading order, from the kernel up:
`errors`, `kernel`, `isolation` and `cgroups`, `runtime`, `engine`, `cli`; `teaching` is for notebooks.
"""

__version__ = "0.1.0"
