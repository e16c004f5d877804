"""Process 1 of the guest: runs what the host asks for, one command at a time, and reaps everybody.

init.sh becomes this program when the machine is ready. It speaks over /dev/ttyS0 (channel.py draws the
conversation). The command's outputs are pipes, not the serial line: no terminal, two separate streams.
What outlives the command (a container's monitor, say) goes on until the guest stops.

When the host says STOP, or goes away, every process is ended, the state disk unmounted and the power cut.
See tty(4), wait(2), random(4), proc(5) on sysrq-trigger.
"""

import fcntl
import json
import os
import select
import signal
import struct
import subprocess
import sys
import time
import traceback
import tty
from typing import Any

from machine.guest import channel

STATE = "/var/lib/container_lib"
RNDADDENTROPY = 0x40085203  # ioctl of random(4): mix bytes in and count them as entropy


class Agent:
    """The loop of process 1: the serial line, the outputs of the command, the children that ended."""

    def __init__(self, line: int) -> None:
        self._line = line
        self._frames = channel.Unpacker()
        self._command: subprocess.Popen[bytes] | None = None
        self._outputs: dict[int, int] = {}
        self._wake, wake = os.pipe()
        for end in (self._wake, wake):
            os.set_blocking(end, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake)

    def serve(self) -> None:
        """Answer the host until it says STOP or is gone."""
        self._send(channel.READY)
        while True:
            ready, _, _ = select.select([self._line, self._wake, *self._outputs], [], [])
            for output in self._outputs.keys() & set(ready):
                self._forward(output)
            if self._wake in ready:
                os.read(self._wake, 512)
                self._reap()
            if self._line in ready and not self._listen():
                return

    def end_everybody(self, grace: float = 3.0) -> None:
        """SIGTERM, then SIGKILL, to every process but this one (kill(2): pid -1)."""
        for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, 1.0)):
            try:
                os.kill(-1, number)
            except ProcessLookupError:
                return
            deadline = time.monotonic() + patience
            while self._reap() and time.monotonic() < deadline:
                time.sleep(0.02)

    def _listen(self) -> bool:
        try:
            arrived = os.read(self._line, channel.CHUNK)
        except OSError:  # EIO: the host has hung up
            return False
        for kind, payload in self._frames.feed(arrived):
            if kind == channel.STOP:
                return False
            if kind == channel.RUN:
                self._start(json.loads(payload))
            elif kind == channel.SIGNAL and self._command:
                os.killpg(self._command.pid, int(payload))
        return bool(arrived)

    def _start(self, request: dict[str, Any]) -> None:
        reports, write_reports = os.pipe()
        variables = {**os.environ, **request["env"]}
        if request["reports"]:
            variables["CONTAINER_LIB_GUEST_REPORTS"] = str(write_reports)
        try:
            command = subprocess.Popen(
                request["argv"],
                cwd=request["cwd"],
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=[write_reports] if request["reports"] else [],
                start_new_session=True,
            )
        except OSError as error:
            os.close(reports)
            self._send(channel.STDERR, f"guest: cannot run {request['argv'][0]}: {error}\n".encode())
            self._send(channel.EXIT, b"126" if isinstance(error, PermissionError) else b"127")
            return
        finally:
            os.close(write_reports)
        assert command.stdout
        assert command.stderr
        out, err = os.dup(command.stdout.fileno()), os.dup(command.stderr.fileno())
        self._outputs = {out: channel.STDOUT, err: channel.STDERR, reports: channel.REPORT}
        for output in self._outputs:
            os.set_blocking(output, False)
        self._command = command

    def _forward(self, output: int) -> bool:
        """Pass on what can be read now; say whether there may be more."""
        try:
            data = os.read(output, channel.CHUNK)
        except BlockingIOError:
            return False
        if data:
            self._send(self._outputs[output], data)
            return True
        os.close(output)
        del self._outputs[output]
        return False

    def _reap(self) -> bool:
        """Collect every child that has ended; say whether some are left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if self._command and pid == self._command.pid:
                self._finish(os.waitstatus_to_exitcode(status))

    def _finish(self, code: int) -> None:
        """The command is over; `code` is -n after signal n.

        Its descendants may keep its pipes open: don't wait for the end of those.
        """
        for output in list(self._outputs):
            while self._forward(output):
                pass
        for output in self._outputs:
            os.close(output)
        # subtle: a Popen freed without a return code waits for its process itself, stealing it from _reap
        assert self._command
        self._command.returncode = code
        self._outputs, self._command = {}, None
        self._send(channel.EXIT, str(code if code >= 0 else 128 - code).encode())

    def _send(self, kind: int, payload: bytes = b"") -> None:
        frame = memoryview(channel.pack(kind, payload))
        try:
            while frame:
                frame = frame[os.write(self._line, frame) :]
        except OSError:  # EIO: the host has hung up, which _listen is about to read too
            return


def seed_random() -> None:
    """Credit the kernel's random pool with 64 bytes that the host gave through /dev/hwrng."""
    with open("/dev/hwrng", "rb", buffering=0) as host, open("/dev/random", "wb") as pool:
        seed = host.read(64)
        fcntl.ioctl(pool, RNDADDENTROPY, struct.pack("ii", len(seed) * 8, len(seed)) + seed)


def power_off() -> None:
    """Leave the state disk clean, then ask the kernel to end (proc(5), sysrq-trigger: u, o)."""
    os.sync()
    subprocess.run(["umount", "--recursive", STATE], stderr=subprocess.DEVNULL, check=False)
    with open("/proc/sysrq-trigger", "w") as trigger:
        trigger.write("u")  # remounts read-only what could not be unmounted
    with open("/proc/sysrq-trigger", "w") as trigger:
        trigger.write("o")
    while True:
        signal.pause()


def main() -> None:
    """Run as process 1."""
    seed_random()
    line = os.open("/dev/ttyS0", os.O_RDWR | os.O_NOCTTY)
    tty.setraw(line)
    agent = Agent(line)
    try:
        agent.serve()
    finally:
        if sys.exc_info()[0]:
            traceback.print_exc()  # on the console, now: power_off does not come back
        signal.set_wakeup_fd(-1)
        agent.end_everybody()
        power_off()


if __name__ == "__main__":
    main()
