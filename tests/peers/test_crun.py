"""The same container from crun, an independent implementation, seen from inside: equal, line by line.

What differs is listed here with its reason, and nothing else may.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture
def both(root: None, busybox: Path, tmp_path: Path) -> "Both":
    if shutil.which("crun") is None:
        pytest.skip("needs crun; make test installs it")
    rootfs = tmp_path / "rootfs"
    shutil.copytree(busybox, rootfs, symlinks=True)
    return Both(rootfs, tmp_path)


class Both:
    """Runs a shell script in both containers."""

    def __init__(self, rootfs: Path, scratch: Path) -> None:
        self.words = [str(rootfs), str(scratch)]

    def __call__(self, script: str) -> tuple[str, str]:
        """Return what ours and what crun's printed."""
        command = [sys.executable, "-m", "tests.peers.side_by_side", *self.words]
        done = subprocess.run(
            [*command, json.dumps(["sh", "-c", script])], capture_output=True, text=True, cwd=CHECKOUT
        )
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout)
        assert said["ours"][0] == said["crun"][0], said
        return said["ours"][1], said["crun"][1]


def mounts(text: str) -> dict[str, tuple[str, frozenset[str]]]:
    found = {}
    for line in text.splitlines():
        _, target, fstype, options, *_ = line.split(" ")
        # which inodes and how much memory a tmpfs has is the same request, spelt by the kernel at the time
        kept = {
            word for word in options.split(",") if not word.startswith(("nr_inodes", "inode64", "relatime"))
        }
        found[target] = (fstype, frozenset(kept))
    return found


def test_the_mounts_are_the_same(both: Both) -> None:
    ours, theirs = (mounts(text) for text in both("cat /proc/mounts"))
    assert set(ours) - set(theirs) == set()
    assert set(theirs) - set(ours) == set()
    # crun hides files behind a tmpfs of its own where ours binds /dev/null, as runc and docker do
    masked = {path for path in ours if path.startswith(("/proc/", "/sys/firmware"))}
    plain = set(ours) - masked
    assert {path: ours[path] for path in plain} == {path: theirs[path] for path in plain}


def test_status_is_the_same(both: Both) -> None:
    fields = "Uid|Gid|Groups|NSpid|CapInh|CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs|Seccomp|SigIgn|SigBlk|SigCgt"
    ours, theirs = both(f"exec grep -E '^({fields}):' /proc/self/status")
    # signals that whoever starts crun ignores are ignored in its container; ours starts with none, but for the
    # C library's own two (32 and 33), which no program can set
    ignored = re.search(r"SigIgn:\t(.*)", ours)
    assert ignored is not None
    assert int(ignored[1], 16) & ~(0b11 << 31) == 0
    assert re.sub(r"SigIgn:.*", "", ours) == re.sub(r"SigIgn:.*", "", theirs)


@pytest.mark.parametrize(
    "script",
    [
        "cd /dev; for f in *; do echo $f $(stat -c '%F %a %u:%g %t:%T' $f); done",
        "ls /proc/self/fd",
        "cat /proc/self/uid_map /proc/self/gid_map",
        "cat /proc/self/limits",
        "env | sort",
        "umask; pwd; id; hostname",
        "ip -o link | cut -d' ' -f2,3",
        "for f in kcore keys timer_list acpi; do cat /proc/$f || ls /proc/$f; done 2>/dev/null; ls /sys/firmware",
        "for f in proc/sys/kernel/hostname proc/irq/x sys/x; do echo 1 > /$f || echo refused; done 2>/dev/null",
        "sed 's/^[^:]*:[^:]*:/x:/' /proc/self/cgroup | tail -1",
        "awk '{print $6}' /proc/self/stat",
        "cat /proc/sys/fs/mqueue/msg_max; readlink /proc/self/root /proc/self/cwd",
        "exit 7",
        "kill -TERM 0; sleep 1; echo alive",
    ],
)
def test_inside_it_is_the_same(both: Both, script: str) -> None:
    ours, theirs = both(script)
    # subtle: inode-like numbers of terminals and the time of day are no property of the container
    assert re.sub(r"\btty\d+", "tty", ours) == re.sub(r"\btty\d+", "tty", theirs)
