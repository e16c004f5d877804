"""What this machine can do: each ability tried, not guessed, with the remedy where it is missing.

    for ability in probe(): print(ability.name, ability.found, ability.detail, ability.remedy)

A namespace is probed by starting a process in it. Nothing is changed, and nothing is left behind.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from container_lib.cgroups import hierarchy
from container_lib.engine import places
from container_lib.errors import ContainerError, InvalidImage, NotFound
from container_lib.images.store import Store
from container_lib.isolation import capabilities, namespaces
from container_lib.kernel import procfs
from container_lib.kernel.pseudofiles import read
from container_lib.kernel.syscalls import capget
from container_lib.runtime import lifecycle
from container_lib.runtime.outcome import Places
from container_lib.runtime.spec import Spec

GUEST = "use the embedded guest: make lab WHERE=guest"
ROOT = f"run as root (sudo), or {GUEST}"


@dataclass(frozen=True)
class Ability:
    """One thing that a container needs.

    `needed` tells whether none can run without it; `damaged`, whether what was there has been lost.
    """

    name: str
    found: bool
    detail: str
    remedy: str = ""
    needed: bool = False
    damaged: bool = False


def probe(root_dir: Path | None = None) -> list[Ability]:
    """Try everything that the workbook uses, and return what was found."""
    tree = hierarchy.find()
    abilities = [machine(), privilege(), *probe_namespaces(tree), overlayfs()]
    root = root_dir or places.root_dir()
    return [
        *abilities,
        *probe_cgroups(tree),
        all_capabilities(),
        base_image(root),
        image_store(root),
        guest(),
    ]


def ready(abilities: list[Ability]) -> bool:
    """Return whether containers run here, with limits or without."""
    return all(ability.found for ability in abilities if ability.needed)


def machine() -> Ability:
    """The kernel, and whether its system calls are known by number."""
    system = os.uname()
    known = system.sysname == "Linux" and system.machine in ("x86_64", "aarch64")
    detail = f"{system.sysname} {system.release} on {system.machine}"
    return Ability(
        "kernel", known, detail, "" if known else "a Linux on amd64 or arm64: vagrant up", needed=True
    )


def privilege() -> Ability:
    """Root: creating namespaces, mounting, making cgroups."""
    found = "SYS_ADMIN" in capabilities.spell(capget()[0])
    detail = f"uid {os.geteuid()}, {'with' if found else 'without'} CAP_SYS_ADMIN"
    return Ability("root", found, detail, "" if found else ROOT, needed=True)


def probe_namespaces(tree: hierarchy.Hierarchy | None) -> list[Ability]:
    """Each kind of namespace, tried by running /bin/true in one."""
    abilities = []
    for kind in namespaces.KINDS:
        needed = kind.name in namespaces.DEFAULT
        try:
            run_dir = places.run_dir()
            spec = Spec(("/bin/true",), namespaces=(kind.name,), capabilities=None)
            lifecycle.run(spec, Places(run_dir, None), 10, keep_reserve=False)
            abilities.append(Ability(f"{kind.name} namespace", True, kind.isolates, needed=needed))
        except (ContainerError, OSError, TimeoutError) as error:
            reason = str(error).splitlines()[0]
            abilities.append(
                Ability(f"{kind.name} namespace", False, reason, _namespace_remedy(kind.name), needed)
            )
    return abilities


def overlayfs() -> Ability:
    """OverlayFS: a writable layer over an image."""
    found = any(line.split()[-1] == "overlay" for line in read("/proc/filesystems").splitlines() if line)
    remedy = "" if found else "modprobe overlay"
    return Ability(
        "overlayfs", found, "in /proc/filesystems" if found else "not in /proc/filesystems", remedy, True
    )


def probe_cgroups(tree: hierarchy.Hierarchy | None) -> list[Ability]:
    """The cgroup v2 tree, and each controller that a limit needs."""
    if tree is None:
        layout = "none is mounted" + (" (v1 is)" if _has_v1() else "")
        return [Ability("cgroup v2", False, layout, hierarchy.NO_CGROUP2)]
    layout = f"{tree.root}, {'hybrid: v1 has controllers too' if _has_v1() else 'the only hierarchy'}"
    abilities = [Ability("cgroup v2", True, layout)]
    for name in hierarchy.WANTED:
        found = name in tree.controllers
        detail = "limits work" if found else f"not in {tree.root}/cgroup.controllers: limits are discarded"
        abilities.append(Ability(f"{name} controller", found, detail, "" if found else GUEST))
    return abilities


def all_capabilities() -> Ability:
    """Whether --cap-add ALL and raised ulimits can be given, or only part of them."""
    permitted = capabilities.spell(capget()[1])
    missing = [name for name in capabilities.NAMES if name not in permitted]
    detail = (
        "all"
        if not missing
        else f"{len(permitted)} of {len(capabilities.NAMES)}; not: {', '.join(missing[:6])}"
    )
    return Ability(
        "capabilities", not missing, detail, "" if not missing else "containers get what is held here"
    )


def base_image(root_dir: Path) -> Ability:
    """The offline base image."""
    remedy = "python -m machine.base_image busybox"
    try:
        image = Store(root_dir).image("busybox")
    except NotFound:
        return Ability("base image", False, f"no image busybox in {root_dir / 'images'}", remedy)
    except InvalidImage as error:
        return Ability("base image", False, str(error).splitlines()[0], remedy)
    return Ability("base image", True, f"{image} ({image.short_id})")


def image_store(root_dir: Path) -> Ability:
    """The image store: every blob hashed again, every reference followed."""
    store = Store(root_dir)
    problems = store.verify() if store.layout.directory.is_dir() else []
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        remedy = "load or build the image again, then: byhand doctor --clean"
        return Ability("image store", False, f"{problems[0]}{more}", remedy, damaged=True)
    counts = f"{len(store.images())} images, {sum(1 for _ in store.blobs.all())} blobs"
    return Ability("image store", True, f"{counts} in {store.layout.directory}, all whole")


def guest() -> Ability:
    """The embedded guest, for what this kernel cannot do."""
    if os.environ.get("CONTAINER_LIB_GUEST"):
        return Ability("embedded guest", True, "this is it")
    found = os.path.exists("/usr/bin/linux.uml")
    detail = "/usr/bin/linux.uml" if found else "User-mode Linux is not installed"
    amd64 = os.uname().machine == "x86_64"
    remedy = "apt install user-mode-linux" if amd64 else "it exists on amd64 only; use vagrant up"
    return Ability("embedded guest", found, detail, "" if found else remedy)


def _has_v1() -> bool:
    return any(entry.fstype == "cgroup" for entry in procfs.mountinfo())


def _namespace_remedy(name: str) -> str:
    limit = Path(f"/proc/sys/user/max_{name}_namespaces")
    if limit.exists() and read(limit) == "0":
        return f"{limit} is 0: sysctl -w user.max_{name}_namespaces=10000"
    if os.environ.get("CONTAINER_LIB_GUEST"):
        return "the embedded guest's kernel lacks it; it is there in the Vagrant machine: vagrant up"
    return ROOT if os.geteuid() else f"this kernel lacks it; {GUEST}"
