"""The keeper: a small process that starts the guest and outlives whoever asked for it, to tidy up.

User-mode Linux is one process for its kernel, one for every process in the guest, and a few for its disks.
If the kernel's process is killed, the others live on (and may spin). So they form a process group of
their own, and the keeper ends that group whatever happens:

    boot.py (may be killed at any moment)
      └─ keeper, in a session of its own: Ctrl-C does not reach it
           └─ process group: linux.uml and its processes, slirp4netns

Its standard input is a leash: the end of file there says that boot.py has stopped or died. The guest reads
the same news on its serial line and powers itself off; what is left after GRACE seconds is killed. At the
end the keeper removes the run directory, with the sockets and the console's log in it.
See setsid(2), killpg(3), select(2).
"""

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

GRACE = 8.0
"""Seconds that a guest gets to power off after its leash was let go."""


def start_network(run_dir: Path, argv: list[str]) -> subprocess.Popen[bytes]:
    """Start slirp4netns, and come back when it waits for the guest at its socket.

    It ends when the writing end of a pipe is closed, which only the keeper holds: even kill -9 of the keeper
    frees the port.
    """
    leash, _ = os.pipe()
    with open(run_dir / "network.log", "wb") as log:
        network = subprocess.Popen(
            [*argv[:1], f"--exit-fd={leash}", *argv[1:]],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[leash],
            process_group=0,
        )
    os.close(leash)
    while not (run_dir / "network").exists() and network.poll() is None:
        time.sleep(0.01)
    return network


def start_kernel(run_dir: Path, argv: list[str], line: int, group: int) -> subprocess.Popen[bytes]:
    """Start the guest's kernel; its console goes to a file of the run directory."""
    with open(run_dir / "console.log", "wb") as log:
        return subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=[line], process_group=group
        )


def wait_until_over(kernel: subprocess.Popen[bytes]) -> None:
    """Come back when the kernel has ended, or GRACE seconds after the leash was let go."""
    ended = os.pidfd_open(kernel.pid)
    select.select([ended, sys.stdin.fileno()], [], [])
    select.select([ended], [], [], GRACE)
    os.close(ended)


def end_group(group: int) -> None:
    """SIGKILL to every process of the group."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return  # all gone by themselves


def main() -> None:
    """Run the guest that RUN_DIR/launch.json describes: keeper.py RUN_DIR LINE."""
    run_dir, line = Path(sys.argv[1]), int(sys.argv[2])
    launch = json.loads((run_dir / "launch.json").read_text())
    children = []
    try:
        if launch["network"]:
            children.append(start_network(run_dir, launch["network"]))
        group = children[0].pid if children else 0
        children.append(start_kernel(run_dir, launch["kernel"], line, group))
        os.close(line)
        wait_until_over(children[-1])
    finally:
        if children:
            end_group(children[0].pid)
        for child in children:
            child.wait()
        shutil.rmtree(run_dir)


if __name__ == "__main__":
    main()
