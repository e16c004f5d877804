"""An init in reserve: born before anybody asks, as web servers keep a worker and Android a zygote.

Most of a start does not depend on what will run: the clone, a network namespace, a page fault for each page that
the new process touches first, the mounts of /proc, /dev and /sys. So after each start a thread waits for a quiet
moment and asks for the next birth of the same kind:

    refill ──▶ born in its namespaces, with a cgroup and a record of its own; /proc, /dev and /sys are built on
               the stage; it waits for its order
    take   ──▶ a start that wants a birth just like it gives it limits and the order: layers, binds, the command
    sign   ──▶ its record says what it has become

Births are alike when the same would be asked of the launcher (`spec.birth_in_reserve`). There is one for each of
the last few kinds that were started. Who wants a certain id, or a trace of all calls, gets a birth of their own.
A reserve is an idle process of about 4 MiB; it ends with the launcher, and `drop` ends all at once.
"""

import atexit
import threading
from time import sleep
from typing import Any

from container_lib.errors import ContainerError
from container_lib.kernel import trace
from container_lib.kernel.interrupts import held_back
from container_lib.runtime import client, records
from container_lib.runtime.birth import Born, bear, readable
from container_lib.runtime.outcome import Places
from container_lib.runtime.spec import Spec, birth_in_reserve

QUIET = 0.005
"""How long after a start, in seconds, the next birth is asked for: a short command has ended by then."""
KINDS = 2
"""How many kinds are kept: the least recently started goes."""

Kind = tuple[dict[str, Any], Places]
"""What is asked of the launcher, and where"""

_spares: list[tuple[Kind, Born]] = []
_wanted: list[Kind] = []
_lock = threading.Lock()
_refilling = threading.Lock()
"""held by whoever makes or ends what is in reserve; longer than `_lock`, for which a start may have to wait"""
_wake = threading.Event()
_keeper: threading.Thread | None = None


def fits(spec: Spec) -> bool:
    """Return whether a start of `spec` could use a reserve."""
    return not spec.id and not trace.active()


def take(spec: Spec, places: Places) -> Born | None:
    """Return the process in reserve, which is then the caller's; None where there is none that fits."""
    if not _spares or not fits(spec):
        return None
    kind = kind_of(spec, places)
    with _lock:
        found = next((spare for spare in _spares if spare[0] == kind), None)
        if found is None or not readable(found[1].exit_socket, 0):
            return None  # one that is not born yet is left to the next start
        _spares.remove(found)
    born = found[1]
    born.hear_started()
    there = born.alive and (born.group is None or born.group.is_dir())
    if born.launcher is client.launcher() and there:
        born.from_reserve = True
        return born
    born.release()
    return None


def sign(born: Born, places: Places, argv: tuple[str, ...]) -> None:
    """Write into the record what the process has become."""
    if born.from_reserve:
        group = str(born.group or "")
        with held_back():  # an interrupt would leave half a record
            records.write(places.run_dir, records.Record(born.id, group, born.launcher.identity, argv))


def refill_soon(spec: Spec, places: Places) -> None:
    """Ask for the next birth of this kind in a quiet moment, if none is in reserve."""
    global _keeper
    kind = kind_of(spec, places)
    with _lock:
        if kind in _wanted:
            _wanted.remove(kind)
        _wanted.append(kind)
        del _wanted[:-KINDS]
        if _keeper is None or not _keeper.is_alive():  # a fork leaves threads behind
            _keeper = threading.Thread(target=_keep, name="byhand-reserve", daemon=True)
            _keeper.start()
    _wake.set()


def refill() -> None:
    """Ask for the births that are wanted. What fails here will fail, and be told, at the next start."""
    with _refilling:
        with _lock:
            there = [kind for kind, _ in _spares]
            try:
                for request, places in [kind for kind in _wanted if kind not in there]:
                    _spares.append(((request, places), bear(request, places, ())))
            except ContainerError:
                _wanted.clear()
            gone = [spare for spare in _spares if spare[0] not in _wanted]
            for spare in gone:
                _spares.remove(spare)
        for _, born in gone:
            born.release()


def drop() -> None:
    """End what is in reserve, remove cgroups and records, and ask for no other until the next start."""
    with _refilling:
        with _lock:
            spares = _spares.copy()
            _spares.clear()
            _wanted.clear()
        for _, born in spares:
            born.release()


def kind_of(spec: Spec, places: Places) -> Kind:
    """Return the kind of birth that a start of `spec` needs."""
    return birth_in_reserve(spec, str(places.stage)), places


def _keep() -> None:
    while True:
        _wake.wait()
        _wake.clear()
        sleep(QUIET)
        refill()


atexit.register(drop)
