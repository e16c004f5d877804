"""What /proc says, against other readers of it: os, psutil, findmnt(8)."""

import json
import os
import shutil
import subprocess
import sys

import psutil
import pytest

from container_lib.errors import KernelError
from container_lib.kernel import procfs


def test_mounts_are_those_that_findmnt_lists() -> None:
    if shutil.which("findmnt") is None:
        pytest.skip("needs findmnt; apt install util-linux")
    output = subprocess.run(
        ["findmnt", "--json", "--list", "--output", "TARGET,FSTYPE,SOURCE,ID"],
        capture_output=True,
        check=True,
    ).stdout
    theirs = {(m["id"], m["target"], m["fstype"]) for m in json.loads(output)["filesystems"]}
    ours = {(entry.mount_id, entry.target, entry.fstype) for entry in procfs.mountinfo()}
    assert ours == theirs


def test_a_mount_with_a_space_and_tags_is_read() -> None:
    line = r"36 35 98:0 / /mnt/a\040b rw,noatime shared:1 master:2 - ext4 /dev/root rw,errors=continue"
    entry = procfs._mount_entry(line)
    assert (entry.target, entry.propagation, entry.fstype) == ("/mnt/a b", "shared:1 master:2", "ext4")


def test_namespaces_are_the_inodes_of_the_links() -> None:
    for name, inode in procfs.namespaces().items():
        assert os.readlink(f"/proc/self/ns/{name}") == f"{name}:[{inode}]"


def test_start_time_tells_a_process_from_a_later_one() -> None:
    pid = os.getpid()
    started = procfs.start_time(pid)
    assert procfs.is_same_process(pid, started)
    assert not procfs.is_same_process(pid, started + 1)
    ticks = psutil.Process().create_time() - psutil.boot_time()
    assert abs(started / os.sysconf("SC_CLK_TCK") - ticks) < 2


def test_a_zombie_and_a_missing_process_are_not_there() -> None:
    child = subprocess.Popen(["/bin/true"])
    started = procfs.start_time(child.pid)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # ended, and not yet collected
    assert not procfs.is_same_process(child.pid, started)
    child.wait()
    assert not procfs.is_same_process(child.pid, started)


def test_children_and_command_are_those_of_psutil() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()", "a b"], stdin=subprocess.PIPE) as child:
        assert child.pid in procfs.children(os.getpid())
        assert procfs.children(os.getpid()) == sorted(p.pid for p in psutil.Process().children())
        assert procfs.command(child.pid)[-1] == "a b"
        child.communicate(b"\n")


def test_a_process_that_is_gone_is_an_error_with_its_path() -> None:
    with pytest.raises(KernelError, match="/proc/4194305/status"):
        procfs.status(4194305)
