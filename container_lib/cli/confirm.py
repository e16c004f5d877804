"""The question before much is removed.

    WARNING! This will remove all dangling images.
    Are you sure you want to continue? [y/N]

Anything but y is a no, and so is the end of stdin; -f answers for you. As docker asks.
"""

import sys


def confirmed(warning: str, force: bool) -> bool:
    """Ask, and return whether the answer was yes; with `force` don't ask."""
    if force:
        return True
    print(f"WARNING! {warning}\nAre you sure you want to continue? [y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
