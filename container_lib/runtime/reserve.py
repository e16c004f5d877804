"""One init in reserve: born before anybody asks, as web servers keep a worker and Android a zygote.

Half of a start is the birth: the clone, a network namespace, and a page fault for each page that the new
process touches first. None of that depends on what will run. So after each start a thread waits for a quiet
moment and asks for the next birth:

    refill ──▶ born in the default namespaces, with a cgroup and a record of its own ──▶ waits for its order
    take   ──▶ a start that wants just these namespaces gives it limits and the order
    sign   ──▶ its record says what it has become

Whoever wants other namespaces or capabilities, a certain id, or a trace of all calls gets a birth of their own.
The reserve is an idle process of about 4 MiB; it ends with the launcher, and `drop` ends it at once.
"""

import atexit
import threading
from time import sleep

from container_lib.errors import ContainerError
from container_lib.isolation.capabilities import DEFAULT as DEFAULT_CAPABILITIES
from container_lib.isolation.namespaces import DEFAULT
from container_lib.kernel import trace
from container_lib.runtime import client, records
from container_lib.runtime.birth import Born, bear, readable
from container_lib.runtime.outcome import Places
from container_lib.runtime.spec import Spec, birth

QUIET = 0.005
"""How long after a start, in seconds, the next birth is asked for: a short command has ended by then."""

_spare: tuple[Born, Places] | None = None
_wanted: Places | None = None
_lock = threading.Lock()
_wake = threading.Event()
_keeper: threading.Thread | None = None


def fits(spec: Spec) -> bool:
    """Return whether a start of `spec` could use the reserve."""
    usual = frozenset(spec.namespaces) == frozenset(DEFAULT)
    bounded = frozenset(spec.capabilities or ()) == frozenset(DEFAULT_CAPABILITIES)
    return usual and bounded and not spec.id and not trace.active()


def take(spec: Spec, places: Places) -> Born | None:
    """Return the process in reserve, which is then the caller's; None where there is none that fits."""
    global _spare
    with _lock:
        if _spare is None or not fits(spec) or not readable(_spare[0].exit_socket, 0):
            return None  # one that is not born yet is left to the next start
        (born, made_for), _spare = _spare, None
    born.hear_started()
    there = born.alive and (born.group is None or born.group.is_dir())
    if made_for == places and born.launcher is client.launcher() and there:
        born.from_reserve = True
        return born
    born.release()
    return None


def sign(born: Born, places: Places, argv: tuple[str, ...]) -> None:
    """Write into the record what the process has become."""
    if born.from_reserve:
        group = str(born.group or "")
        records.write(places.run_dir, records.Record(born.id, group, born.launcher.identity, argv))


def refill_soon(places: Places) -> None:
    """Ask for the next birth in a quiet moment, if none is in reserve."""
    global _wanted, _keeper
    with _lock:
        _wanted = places
        if _keeper is None or not _keeper.is_alive():  # a fork leaves threads behind
            _keeper = threading.Thread(target=_keep, name="byhand-reserve", daemon=True)
            _keeper.start()
    _wake.set()


def refill() -> None:
    """Ask for the next birth now. What fails here will fail, and be told, at the next start."""
    global _spare, _wanted
    with _lock:
        if _spare is not None or _wanted is None:
            return
        try:
            _spare = (bear({**birth(Spec(())), "reserve": True}, _wanted, ()), _wanted)
        except ContainerError:
            _wanted = None


def drop() -> None:
    """End the process in reserve, remove its cgroup and record, and ask for no other until the next start."""
    global _spare, _wanted
    with _lock:
        spare, _spare, _wanted = _spare, None, None
    if spare is not None:
        spare[0].release()


def _keep() -> None:
    while True:
        _wake.wait()
        _wake.clear()
        sleep(QUIET)
        refill()


atexit.register(drop)
