"""Trees for property-based tests: made and changed step by step at random, and described, to be compared.

    steps = draw(STEPS); carry_out(directory, steps); describe(directory) == describe(another)

A step is a verb, two paths out of few, so that they meet often, and a number to choose the details with. One that
the kernel refuses (a file where a directory should be) is left out: what a tree is like then is still its say.
"""

import os
import shutil
import stat
from collections.abc import Callable, Iterable
from errno import EEXIST, EISDIR, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR, ENOTEMPTY, EPERM, EXDEV
from pathlib import Path

from hypothesis import strategies as st

NAMES = [b"a", b"b", b"a.b", b"c-", "ü€".encode(), b"\xff\xfe", b"two\nlines", b" ", b"n" * 255, b"d" * 90]
REFUSED = {EEXIST, EISDIR, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR, ENOTEMPTY, EPERM, EXDEV}
IDS = [0, 1, 1000, 65534, 2**21, 2**32 - 2]
TIMES = [0, 1, -1_500_000_000, 10**18 + 123_456_789, 10**18, 2**33 * 10**9, 1_700_000_000_100_000_000]
MODES = [0o000, 0o644, 0o4755, 0o2711, 0o1777, 0o7777, 0o600]
CAPABILITY = bytes.fromhex("0100000200040000000000000000000000000000")  # cap_net_bind_service=ep

Step = tuple[str, bytes, bytes, int]


def put_file(path: bytes, _other: bytes, number: int) -> None:
    """Make a file in the place of whatever there is."""
    remove(path)
    with open(path, "wb") as file:
        file.write(b"%d " % number * (number * 37 % 3000))
    os.chmod(path, MODES[number % len(MODES)])


def put_sparse(path: bytes, _other: bytes, number: int) -> None:
    """Make a file that is mostly a hole."""
    remove(path)
    with open(path, "wb") as file:
        file.truncate(200_000)
        file.seek(number * 4096)
        file.write(b"island")


def rewrite(path: bytes, _other: bytes, number: int) -> None:
    """Write into a file that is there, without another size."""
    if stat.S_ISREG(os.lstat(path).st_mode):
        with open(path, "r+b") as file:
            file.write(b"%c" % number)


def put_directory(path: bytes, _other: bytes, number: int) -> None:
    """Make a directory in the place of whatever there is."""
    remove(path)
    os.mkdir(path)
    os.chmod(path, MODES[number % len(MODES)])


def put_link(path: bytes, other: bytes, number: int) -> None:
    """Make a symbolic link: to nowhere, out of the tree, to another name."""
    remove(path)
    os.symlink([b"/etc", b"../..", b"l" * 200, os.path.basename(other), b"\xfe"][number % 5], path)


def put_device(path: bytes, _other: bytes, number: int) -> None:
    """Make a device node or a fifo."""
    remove(path)
    kind = [stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO][number % 3]
    os.mknod(path, kind | 0o640, os.makedev(1 + number, number * 1000))


def put_hard_link(path: bytes, other: bytes, _number: int) -> None:
    """Give a file one more name."""
    if not stat.S_ISDIR(os.lstat(other).st_mode):
        remove(path)
        os.link(other, path, follow_symlinks=False)


def remove(path: bytes, _other: bytes = b"", _number: int = 0) -> None:
    """Remove what is there, and all that is in it."""
    if not os.path.lexists(path):
        return
    if stat.S_ISDIR(os.lstat(path).st_mode):
        shutil.rmtree(path)
    else:
        os.unlink(path)


def rename(path: bytes, other: bytes, _number: int) -> None:
    """Give a file or a directory another name, as mv(1) does: where the kernel can't, by a copy."""
    if not path.startswith(other + b"/") and not other.startswith(path + b"/") and os.path.lexists(path):
        remove(other) if path != other else None
        os.rename(path, other)


def chmod(path: bytes, _other: bytes, number: int) -> None:
    """Change the mode."""
    if not stat.S_ISLNK(os.lstat(path).st_mode):
        os.chmod(path, MODES[number % len(MODES)])


def chown(path: bytes, _other: bytes, number: int) -> None:
    """Change the owner, which takes the setuid bit away."""
    os.lchown(path, IDS[number % len(IDS)], IDS[number // 2 % len(IDS)])


def touch(path: bytes, _other: bytes, number: int) -> None:
    """Change the time, and nothing else."""
    os.utime(path, ns=(0, TIMES[number % len(TIMES)]), follow_symlinks=False)


def mark(path: bytes, _other: bytes, number: int) -> None:
    """Give it an extended attribute."""
    kind = stat.S_IFMT(os.lstat(path).st_mode)
    if kind == stat.S_IFREG and number % 3 == 0:
        os.setxattr(path, "security.capability", CAPABILITY)
    elif kind in (stat.S_IFREG, stat.S_IFDIR) and number % 3 == 1:
        os.setxattr(path, "user.colour", b"\0\xff=\n%d" % number)
    else:
        os.setxattr(path, "trusted.t", b"%d" % number, follow_symlinks=False)


VERBS: dict[str, Callable[[bytes, bytes, int], None]] = {
    verb.__name__: verb
    for verb in (
        put_file, put_sparse, rewrite, put_directory, put_link, put_device, put_hard_link, remove, rename, chmod,
        chown, touch, mark,
    )
}  # fmt: skip
PATHS = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map(b"/".join)
STEPS = st.lists(st.tuples(st.sampled_from(sorted(VERBS)), PATHS, PATHS, st.integers(0, 30)), max_size=25)


def carry_out(tree: Path, steps: Iterable[Step]) -> None:
    """Carry out the steps that can be, in the directory `tree`; the directories that a path needs are made."""
    for verb, path, other, number in steps:
        places = [os.path.join(os.fsencode(tree), relative) for relative in (path, other)]
        if not all(_is_inside(tree, place) for place in places):
            continue  # a link on the way leads out: the machine's own /etc is not for tests
        try:
            if verb.startswith("put"):
                os.makedirs(os.path.dirname(places[0]), exist_ok=True)
            VERBS[verb](places[0], places[1], number)
        except OSError as error:
            if error.errno not in REFUSED:
                raise


def _is_inside(tree: Path, place: bytes) -> bool:
    root = os.path.realpath(os.fsencode(tree))
    return os.path.realpath(os.path.dirname(place)).startswith(root)


def describe(tree: Path) -> dict[bytes, tuple[object, ...]]:
    """Return all that a layer keeps of each path; a hard link tells which name of the file is the first one."""
    found, first = {}, {}
    root = os.fsencode(tree)
    for path in sorted(_paths(root)):
        status = os.lstat(path)
        kind, name = stat.S_IFMT(status.st_mode), os.path.relpath(path, root)
        if kind == stat.S_IFSOCK:
            continue
        content: object = None
        if kind == stat.S_IFREG:
            with open(path, "rb") as file:
                content = file.read()
        elif kind == stat.S_IFLNK:
            content = os.readlink(path)
        elif kind in (stat.S_IFCHR, stat.S_IFBLK):
            content = status.st_rdev
        same_as = name if kind == stat.S_IFDIR else first.setdefault((status.st_dev, status.st_ino), name)
        attributes = {
            attribute: os.getxattr(path, attribute, follow_symlinks=False)
            for attribute in os.listxattr(path, follow_symlinks=False)
            if not attribute.startswith("trusted.overlay.")
        }
        owner = (oct(status.st_mode), status.st_uid, status.st_gid, status.st_mtime_ns)
        found[name] = (*owner, content, attributes, same_as)
    return found


def _paths(directory: bytes) -> Iterable[bytes]:
    yield directory
    for entry in os.scandir(directory):
        if entry.is_dir(follow_symlinks=False):
            yield from _paths(entry.path)
        else:
            yield entry.path
