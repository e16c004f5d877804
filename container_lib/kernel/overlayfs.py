"""The words that make mount(2) lay directories over each other.

    lowerdir=top:…:bottom     read only; of two entries with one name the upper one is seen; directories are merged
    upperdir=                 where writes go: an entry of a lower layer is copied up before it is changed
    workdir=                  an empty directory on the upper's filesystem, where overlayfs makes things before it
                              moves them into the upper one

In every layer, a character device 0:0 hides the name below it (a whiteout), and a directory with the attribute
trusted.overlay.opaque=y hides all that is in its namesakes below.

What is said to the kernel beyond that, so that a machine's own settings don't matter:

    redirect_dir=nofollow     A directory of a lower layer can't be renamed: EXDEV, and mv(1) copies, as on Docker.
                              Were it renamed by a note ("the rest is in that directory below"), the upper one were
                              no layer by itself; nor are such notes in an image's layers believed. ("off" says
                              less: where the kernel is built to follow them always, it still does.)
    metacopy=off              For the same reason: chmod copies the whole file up, and not its attributes alone.
    index=off                 An upper directory may be mounted with other lowers later. The price: the names of a
                              file with hard links part when one of them is copied up.
    userxattr                 In a user namespace, where trusted.* can't be written: user.overlay.* has its part.
                              subtle: then opaque marks as trusted.overlay.opaque are not seen.

`volatile` is not used: it spares the sync at unmount, but such an upper directory can't be mounted after a crash.

Two limits: the kernel takes 500 lower layers, and mount(2) takes one page, 4095 bytes; what is beyond is cut off
without a word. `plan` answers with short names then: symbolic links in a directory where the caller stands.

Left out: the mount itself (storage.overlay, the runtime), data-only layers, and fsconfig(2), with which newer
kernels take layers one by one. See Documentation/filesystems/overlayfs.rst of the kernel.
"""

from __future__ import annotations

from container_lib.errors import InvalidValue

TYPE_CHECKING = False
if TYPE_CHECKING:  # not in the launcher: see there
    from collections.abc import Sequence

MOST_LAYERS = 500
PAGE = 4095
"""bytes of options that mount(2) reads: a page of 4096, and the zero at its end"""
OPAQUE = "trusted.overlay.opaque"
"""the attribute that makes a directory hide its namesakes below; its value is "y" """

_SETTINGS = "redirect_dir=nofollow,metacopy=off,index=off"


def options(lowers: Sequence[str], upper: str = "", work: str = "", user_namespace: bool = False) -> str:
    r"""Return the options for mount(2) with these lower layers, topmost first, and an upper one or none.

    Raises `InvalidValue` for no layers, more than 500, or a single one without an upper directory, which the
    kernel refuses. A comma, a colon or a backslash in a path would end it, and is escaped.

    >>> options(["/layers/2", "/layers/1,5"], "/upper", "/work")
    'lowerdir=/layers/2:/layers/1\\,5,upperdir=/upper,workdir=/work,redirect_dir=nofollow,metacopy=off,index=off'
    """
    if not lowers or len(lowers) > MOST_LAYERS:
        raise InvalidValue(f"{len(lowers)} lower layers: overlayfs takes 1 to {MOST_LAYERS}")
    if not upper and len(lowers) < 2:
        raise InvalidValue(
            f"one lower layer and no upper: {lowers[0]}", "add an empty directory as the lowest layer"
        )
    words = ["lowerdir=" + ":".join(_escape(lower) for lower in lowers)]
    if upper:
        words += [f"upperdir={_escape(upper)}", f"workdir={_escape(work)}"]
    words.append(_SETTINGS)
    if user_namespace:
        words.append("userxattr")
    return ",".join(words)


def plan(
    lowers: Sequence[str], upper: str = "", work: str = "", user_namespace: bool = False
) -> tuple[str, dict[str, str]]:
    """Return the options, and the links (name: path that it leads to) to make first in the working directory.

    No links where the options fit into a page. The links are looked up while mount(2) runs, and not again:
    they may go when it has returned.

    >>> plan(["/layers/1"], "/upper", "/work")[1]
    {}
    >>> plan(["/" + "x" * 4000, "/" + "y" * 4000], "/upper", "/work")[0]
    'lowerdir=0:1,upperdir=u,workdir=w,redirect_dir=nofollow,metacopy=off,index=off'
    """
    plain = options(lowers, upper, work, user_namespace)
    if len(plain.encode("utf-8", "surrogateescape")) <= PAGE:
        return plain, {}
    links = {str(number): path for number, path in enumerate(lowers)}
    short = options(list(links), "u" if upper else "", "w" if upper else "", user_namespace)
    return short, {**links, **({"u": upper, "w": work} if upper else {})}


def _escape(path: str) -> str:
    return "".join(f"\\{letter}" if letter in "\\,:" else letter for letter in path)
