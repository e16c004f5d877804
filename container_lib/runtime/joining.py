"""Into a container that runs already: what nsenter(1) and docker exec do.

    launcher ── clone3 ──▶ helper ── setns(pidfd) ──▶ all namespaces of the target
                              └───── clone3(CLONE_PARENT) ──▶ init    a child of the launcher, in the target's pid
                                                                      namespace: that is joined only by being born
Runs in the launcher. The target is a pidfd, so it can't be mixed up with a later process of the same number.
See setns(2).
"""

from __future__ import annotations

import marshal
import os
from _socket import socket

from container_lib.errors import ContainerError, LauncherDied
from container_lib.kernel import flags, syscalls, trace
from container_lib.runtime import init

TYPE_CHECKING = False
if TYPE_CHECKING:  # not in the launcher: see there
    from typing import Any, NoReturn


def clone_into(birth: dict[str, Any], group: int, target: int, control: socket) -> tuple[int, int]:
    """Clone init into the namespaces `birth["join"]` of the process behind the pidfd `target`."""
    reader, writer = os.pipe()
    helper, helper_pidfd = syscalls.clone3(0, cgroup=group)
    if helper == 0:
        os.close(reader)
        help_across(birth, target, control, writer)
    os.close(writer)
    with open(reader, "rb") as pipe:
        message = pipe.read()
    os.waitpid(helper, 0)
    os.close(helper_pidfd)
    if not message:
        raise LauncherDied("joining the namespaces failed before the command was started")
    pid, calls = marshal.loads(message)
    trace.extend(calls)
    return pid, os.pidfd_open(pid)


def help_across(birth: dict[str, Any], target: int, control: socket, writer: int) -> NoReturn:
    """Join, then clone once more as a sibling: the parent of the new process is the launcher."""
    try:
        if birth["trace"]:
            trace.start("helper")
        syscalls.setns(target, birth["join"])
        pid, _ = syscalls.clone3(flags.CLONE_PARENT)
        if pid == 0:
            os.close(writer)
            init.become(birth, control, -1)
        os.write(writer, marshal.dumps((pid, trace.stop())))
        os._exit(0)
    except ContainerError as error:
        init.report(error, control)
    finally:
        os._exit(125)
