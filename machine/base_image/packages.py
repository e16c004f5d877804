"""Debian packages into a directory, with mmdebstrap: apt works from outside of the tree, dpkg inside of it.

    install(aside, ["--variant=minbase"])                          a Debian where there was nothing
    install(aside, ["--variant=custom", "--include=…"], lowers)    more packages on top of layers: what is new

Which mirror, is this machine's affair: apt is asked for the sources of Debian that it has (their package lists
have to be there), and for its settings of the network, which the tree has only as long as it is worked on.

mmdebstrap mounts /proc, /sys and devices in the tree, and runs programs of the packages. So all of it happens in a
mount and a pid namespace of its own, which end with their first process, and that one ends with us, even after a
`kill -9`: setpriv(1) has it killed when its parent dies. No mount and no process is left, and no daemon either.

Left out: root is needed. See mmdebstrap(1), apt-get(8) indextargets, unshare(1), prctl(2) PR_SET_PDEATHSIG.
"""

import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from container_lib.errors import AbilityMissing, ContainerError, NotFound

ALONE = (
    "setpriv", "--pdeathsig=KILL",
    "unshare", "--mount", "--propagation=private", "--pid", "--fork", "--kill-child", "--mount-proc",
)  # fmt: skip
ON_OVERLAY = 'mount -t overlay overlay -o "$1" tree && shift && exec "$@"'
NETWORK = ("Acquire::http", "Acquire::https", "Acquire::Check-", "Acquire::Retries", "Acquire::Force")
"""How the names of apt's settings begin that say how a mirror is reached, and how far it is believed."""


def codename() -> str:
    """The name of this machine's Debian, such as "bookworm": what is built is the same one."""
    system = platform.freedesktop_os_release()
    if system["ID"] != "debian" or "VERSION_CODENAME" not in system:
        raise AbilityMissing(
            f"Debian's images are made on Debian, this is {system['PRETTY_NAME']}",
            "vagrant up, and make images in it",
        )
    return system["VERSION_CODENAME"]


def sources(suite: str) -> list[str]:
    """This machine's sources of Debian `suite` with its updates, as lines of a sources.list."""
    layout = "$(ORIGIN)|$(CODENAME)|deb $(REPO_URI) $(CODENAME) $(COMPONENT)"
    known = _output("apt-get", "indextargets", "Created-By: Packages", "--format", layout)
    wanted = {suite, f"{suite}-updates", f"{suite}-security"}
    lines = [line.split("|") for line in known.splitlines()]
    found = sorted({source for origin, name, source in lines if origin == "Debian" and name in wanted})
    if not any(name == suite for _, name, _ in lines):
        raise NotFound(f"apt knows no packages of Debian {suite}", "apt-get update")
    return found


def install(aside: Path, arguments: Sequence[str], lowers: Sequence[Path] = ()) -> Path:
    """Install packages in a tree of the empty directory `aside` and return the tree.

    With `lowers` (unpacked layers, topmost first) it is the upper directory of an overlay over them. `arguments`
    are mmdebstrap's; what it says goes to our stderr. Raises `AbilityMissing`, `NotFound`, `ContainerError`.
    """
    _require()
    suite = codename()
    for name in ("upper", "work", "tree"):
        (aside / name).mkdir()
    (aside / "apt.conf").write_text(_network_settings())
    command = ["mmdebstrap", "--mode=root", "--format=directory", "--aptopt=apt.conf", *arguments]
    command += [suite, "tree", *([] if lowers else sources(suite))]
    if lowers:
        options = _overlay_options(aside, lowers)
        command = ["sh", "-c", ON_OVERLAY, "sh", options, *command]
    # subtle: stdout is 2, because ours is for whoever reads our answer
    ended = subprocess.run([*ALONE, *command], cwd=aside, stdin=subprocess.DEVNULL, stdout=2)
    if ended.returncode != 0:
        said = f"mmdebstrap failed ({ended.returncode}), its words stand above"
        raise ContainerError(said, "can apt reach its mirror? apt-get update")
    return aside / ("upper" if lowers else "tree")


def _overlay_options(aside: Path, lowers: Sequence[Path]) -> str:
    """Options for mount(8), with names as seen from `aside`: none has a comma or a colon in it."""
    for number, lower in enumerate(lowers):
        (aside / str(number)).symlink_to(lower.resolve())
    names = ":".join(map(str, range(len(lowers))))
    return f"lowerdir={names},upperdir=upper,workdir=work,redirect_dir=off,metacopy=off"


def _require() -> None:
    if os.geteuid() != 0:
        raise AbilityMissing("installing packages in a tree needs root", "sudo make images")
    for program, package in (("mmdebstrap", "mmdebstrap"), ("setpriv", "util-linux")):
        if not shutil.which(program):
            raise AbilityMissing(f"{program} is not installed", f"apt-get install {package}")


def _network_settings() -> str:
    dump = _output("apt-config", "dump", "Acquire").splitlines()
    return "".join(f"{line}\n" for line in dump if line.startswith(NETWORK))


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
