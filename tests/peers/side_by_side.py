"""Runs one command in a container of ours and in one of crun's, and prints what each said, as JSON.

    python -m tests.peers.side_by_side ROOTFS RUN_DIR '["sh", "-c", "…"]'
    {"ours": [code, out], "crun": [code, out]}

A program of its own, because crun wants a machine with cgroup2 alone: it is given a mount namespace that shows
one, and a process with threads (the test runner) may not move into another mount namespace.
"""

import json
import sys
from pathlib import Path

from benchmarks import peers
from container_lib.cgroups import group, hierarchy
from container_lib.runtime import lifecycle, reserve
from container_lib.runtime.outcome import Places
from container_lib.runtime.spec import DEFAULT_PATH, Spec


def crun(rootfs: Path, scratch: Path, argv: list[str]) -> list[object]:
    """Run argv with crun, in a bundle that asks for what our defaults are."""
    bundle = peers.write_bundle(scratch / "bundle", rootfs)
    config = json.loads((bundle / "config.json").read_text())
    config["process"]["args"] = argv
    config["process"]["env"] = [f"PATH={DEFAULT_PATH}", "HOSTNAME=peer", "HOME=/root"]
    (bundle / "config.json").write_text(json.dumps(config))
    code, output, _ = peers.run(peers.command("crun", bundle, scratch / "state"))
    return [code, output.decode()]


def ours(rootfs: Path, scratch: Path, argv: list[str]) -> list[object]:
    """Run argv with ours."""
    parent = hierarchy.parent_group(hierarchy.require(), "byhand-beside-crun")
    try:
        spec = Spec(tuple(argv), rootfs, hostname="peer", scratch=False)
        result = lifecycle.run(spec, Places(scratch / "run", parent))
        return [result.code, result.text]
    finally:
        reserve.drop()
        group.delete(parent)


if __name__ == "__main__":
    words = Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3])
    peers.one_cgroup_tree()
    print(json.dumps({"ours": ours(*words), "crun": crun(*words)}))
