"""Whether the machine at hand can do what the workbook needs, or whether that takes the embedded guest.

Needed: root (to make namespaces, mounts and groups) and a writable cgroup v2 tree with the controllers cpu,
memory and pids. CONTAINER_LIB_WHERE=guest or =here decides without looking; inside the guest it is "here".
See cgroups(7).
"""

import os

from container_lib.cgroups import hierarchy

NEEDED = ("cpu", "memory", "pids")


def what_lacks() -> str:
    """What this machine lacks, in words; empty if nothing."""
    if os.geteuid() != 0:
        return "this process is not root"
    tree = hierarchy.find()
    if tree is None:
        return "no cgroup v2 hierarchy is mounted"
    missing = [controller for controller in NEEDED if controller not in tree.controllers]
    if missing:
        return f"{tree.root} has no controller {', '.join(missing)}"
    return "" if os.access(tree.root, os.W_OK) else f"{tree.root} is read-only"


def where_to_run() -> str:
    """Give "here" or "guest"."""
    asked = os.environ.get("CONTAINER_LIB_WHERE", "auto")
    if os.environ.get("CONTAINER_LIB_GUEST") == "1":
        return "here"
    if asked in ("here", "guest"):
        return asked
    return "guest" if what_lacks() else "here"
