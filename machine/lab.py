"""`make lab`: JupyterLab where the workbook can run.

    python -m machine.lab [--where guest|here|auto] [--port N]

`auto` stays here where this machine can do what is needed (machine/abilities.py), and boots the embedded guest
where not; it says which, and why. Either way JupyterLab listens on 127.0.0.1 alone, with a random token.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from types import FrameType

from machine import abilities, jupyter
from machine.guest import lab, state
from machine.guest.boot import PROJECT, GuestPlan
from machine.guest.requirements import GuestError

STOP_GRACE = 10.0


def main(arguments: list[str] | None = None) -> int:
    """Choose, say so, serve until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m machine.lab", description="JupyterLab on the workbook")
    parser.add_argument("--where", choices=["guest", "here", "auto"], default="auto")
    parser.add_argument("--port", type=int, help=f"the port on 127.0.0.1 ({lab.PORT}, or a free one)")
    options = parser.parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGINT):  # a shell's background job ignores the latter
        signal.signal(number, interrupt)
    where, why = choose(options.where)
    print(f"lab: {where}, {why}", flush=True)
    try:
        if where == "here":
            return serve_here(options.port)
        return lab.run_lab(GuestPlan(image=state.default_image(PROJECT), network=True), options.port)
    except GuestError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


def choose(asked: str) -> tuple[str, str]:
    """Where to run, and why."""
    lacks = abilities.what_lacks()
    if asked != "auto":
        return asked, f"as asked; {lacks}" if asked == "here" and lacks else "as asked"
    if lacks:
        return "guest", f"because {lacks}"
    return "here", "because this machine has root and cgroup v2 with its controllers"


def serve_here(port: int | None) -> int:
    """JupyterLab on this machine, until Ctrl-C; give its exit code if it ends by itself."""
    began = time.monotonic()
    token = jupyter.new_token()
    port = port or jupyter.choose_port(lab.PORT)
    # A session of its own: Ctrl-C comes here alone, and JupyterLab doesn't ask the terminal whether it was meant.
    server = subprocess.Popen(
        ["setpriv", "--pdeathsig", "TERM", *jupyter.argv(PROJECT, "127.0.0.1", port)],
        env={**os.environ, **jupyter.environment(token)},
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    jupyter.announce(port, token, began)
    try:
        return server.wait()
    finally:
        server.terminate()
        try:
            server.wait(STOP_GRACE)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def interrupt(number: int, frame: FrameType | None) -> None:
    """End the program as Ctrl-C does."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
