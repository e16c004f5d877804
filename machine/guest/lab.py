"""JupyterLab in the guest, for the browser of the host.

The notebooks are the checkout's, read and saved through hostfs; JupyterLab's own settings and run-time files
are in the guest's memory, gone afterwards. Its log is jupyter.log in the run directory.

    browser ─► 127.0.0.1:PORT of the host ─► slirp4netns ─► 10.0.2.100:8888 ─► JupyterLab ─► kernels, root there
"""

import time
from collections.abc import Sequence

from machine import jupyter
from machine.guest import network
from machine.guest.boot import Guest, GuestPlan
from machine.guest.requirements import GuestError

PORT = 8888


def run_lab(plan: GuestPlan, port: int | None = None, extra: Sequence[str] = ()) -> int:
    """Serve until Ctrl-C, or until JupyterLab ends by itself: GuestError with the end of its log."""
    began = time.monotonic()
    token = jupyter.new_token()
    port = port or jupyter.choose_port(PORT)
    print("lab: booting the embedded guest, then JupyterLab in it: 10 to 60 s", flush=True)
    with Guest.boot(plan) as guest, open(guest.run_dir / "jupyter.log", "wb", buffering=0) as log:
        network.forward(guest.run_dir, port, PORT)
        jupyter.announce(port, token, began)
        argv = jupyter.argv(plan.checkout, network.GUEST_ADDRESS, PORT, extra)

        def keep(kind: int, data: bytes) -> None:
            log.write(data)

        try:
            code = guest.run(argv, keep, env=jupyter.environment(token))
        except KeyboardInterrupt:
            print("\nlab: stopping the guest", flush=True)
            return 0
        raise GuestError(f"JupyterLab ended by itself with {code}{guest.last_words()}")
