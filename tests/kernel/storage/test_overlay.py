"""Layers over each other: what the mount shows is what was computed from the directories; any number of layers."""

import os
import stat
from collections.abc import Callable, Iterator
from errno import EXDEV
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from container_lib.errors import InvalidValue, KernelError, NotFound
from container_lib.kernel import flags, overlayfs, procfs, syscalls
from container_lib.storage import overlay
from container_lib.storage.overlay import Overlay


@pytest.fixture
def fresh(root: None, tmp_path: Path) -> Iterator[Callable[[], Path]]:
    """Gives a new path at each call, in memory, and sees that a test leaves no mount."""
    numbers, memory = count(), tmp_path / "memory"
    memory.mkdir()
    syscalls.mount("tmpfs", str(memory), "tmpfs")
    before = [entry.target for entry in procfs.mountinfo()]
    yield lambda: memory / str(next(numbers))
    after = [entry.target for entry in procfs.mountinfo()]
    syscalls.umount2(str(memory), flags.MNT_DETACH)
    assert after == before


# ---- what the merged tree holds

# A layer as data: a name is a file, a link, a whiteout, or a directory (opaque or not) with names of its own.
NAMES = st.sampled_from(["a", "b", "c", "ü, :\\", os.fsdecode(b"\xff")])
TREES = st.recursive(
    st.sampled_from(["file", "link", "whiteout"]),
    lambda inside: st.tuples(st.booleans(), st.dictionaries(NAMES, inside, max_size=4)),
    max_leaves=12,
)
LAYERS = st.lists(st.dictionaries(NAMES, TREES, max_size=4), min_size=2, max_size=4)


def build(directory: Path, tree: dict[str, object], mark: int) -> None:
    """Make the layer; a file's content, a link's target and a directory's mode tell the layer's number."""
    directory.mkdir()
    directory.chmod(0o700 + mark)
    for name, what in tree.items():
        path = directory / name
        if what == "file":
            path.write_text(str(mark))
        elif what == "link":
            path.symlink_to(str(mark))
        elif what == "whiteout":
            os.mknod(path, stat.S_IFCHR, 0)
        elif isinstance(what, tuple):
            build(path, what[1], mark)
            if what[0]:
                os.setxattr(path, overlayfs.OPAQUE, b"y")


def marks(merged: Path, prefix: str = "") -> dict[str, int]:
    """Return for each path of a mount what its content, target or mode tells."""
    found: dict[str, int] = {}
    for name in os.listdir(merged):
        path = merged / name
        if not os.path.lexists(path):
            continue  # subtle: where nothing is merged, the kernel lists whiteouts, and finds none
        if path.is_symlink():
            found[prefix + name] = int(os.readlink(path))
        elif path.is_dir():
            found[prefix + name] = path.stat().st_mode & 0o77
            found |= marks(path, f"{prefix}{name}/")
        else:
            found[prefix + name] = int(path.read_text())
    return found


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)  # each example makes directories of its own
@given(layers=LAYERS, written=st.booleans())
def test_what_is_computed_is_what_the_mount_shows(
    fresh: Callable[[], Path], layers: list[dict[str, object]], written: bool
) -> None:
    base = fresh()
    (base / "merged").mkdir(parents=True)
    (base / "work").mkdir()
    for mark, tree in enumerate(layers):
        build(base / str(mark), tree, mark)
    paths = tuple(base / str(mark) for mark in range(len(layers)))
    subject = Overlay(paths[1:], paths[0], base / "work") if written else Overlay(paths)
    with subject.mounted(base / "merged") as merged:
        shown = marks(merged)
    origins = subject.origins()
    assert origins == shown
    assert {path: subject.layer_of(path) for path in origins} == origins
    hidden = {"a", "b", "c", "a/a", "a/b/c"} - set(origins)
    for path in hidden:
        with pytest.raises(NotFound):
            subject.layer_of(path)


def test_a_path_does_not_leave_the_layers(fresh: Callable[[], Path]) -> None:
    base = fresh()
    (base / "layer" / "etc").mkdir(parents=True)
    (base / "layer" / "outside").symlink_to("/")
    (base / "secret").touch()
    subject = Overlay((base / "layer",))
    assert subject.layer_of("/etc/../etc/.") == 0
    for path in ("../secret", "/etc/../../secret", "outside/etc", "outside/"):
        if path != "outside/":
            with pytest.raises(NotFound, match="no such path"):
                subject.layer_of(path)
    assert subject.origins() == {"etc": 0, "outside": 0}


# ---- mounting


def test_a_container_writes_above_and_changes_no_layer(fresh: Callable[[], Path]) -> None:
    base = fresh()
    below = fresh()
    build(below, {"kept": "file", "gone": "file", "d": (False, {"changed": "file"})}, 7)
    below.chmod(0o1751)
    made = overlay.create(base, [below])
    (base / "merged").mkdir()
    with made.mounted(base / "merged") as merged:
        assert stat.S_IMODE(merged.stat().st_mode) == 0o1751
        (merged / "gone").unlink()
        (merged / "d" / "changed").write_text("new")
        with pytest.raises(OSError, match="cross-device") as caught:
            (merged / "d").rename(merged / "e")
        assert caught.value.errno == EXDEV
    assert (below / "d" / "changed").read_text() == "7"
    assert made.origins() == {"kept": 1, "d": 0, "d/changed": 0}
    assert made.upper is not None
    assert (made.upper / "gone").stat().st_rdev == 0
    with made.mounted(base / "merged") as merged:  # and once more, with what was written
        assert (merged / "d" / "changed").read_text() == "new"


@pytest.mark.parametrize("number", [1, 2, 127, 128, 129, 300, 500])
def test_any_number_of_layers_with_long_names_is_mounted(fresh: Callable[[], Path], number: int) -> None:
    base = fresh() / ("long, : and\nodd \\" * 12)
    lowers = tuple(base / f"{layer}" for layer in range(number))
    for layer, directory in enumerate(lowers):
        directory.mkdir(parents=True)
        (directory / f"only-{layer}").touch()
        (directory / "same").write_text(str(layer))
    (base / "merged").mkdir()
    before = os.getcwd()
    for subject in (overlay.create(base / "container", lowers), Overlay(lowers)):
        with subject.mounted(base / "merged") as merged:
            assert len(os.listdir(merged)) == number + 1
            assert (merged / "same").read_text() == "0"
            if subject.upper:
                (merged / "new").touch()
    assert os.listdir(base / "container" / "upper") == ["new"]
    assert os.getcwd() == before


def test_one_more_than_the_kernel_takes_is_refused_with_the_number(fresh: Callable[[], Path]) -> None:
    with pytest.raises(InvalidValue, match="501 lower layers"), Overlay((fresh(),) * 501).mounted(fresh()):
        pass


def test_an_error_in_the_block_and_one_of_the_kernel_leave_no_mount(fresh: Callable[[], Path]) -> None:
    base = fresh()
    (base / "layer").mkdir(parents=True)
    (base / "merged").mkdir()
    with pytest.raises(ZeroDivisionError), Overlay((base / "layer",)).mounted(base / "merged"):
        raise ZeroDivisionError
    lacking = tuple(base / f"{'x' * 100}{number}" for number in range(60))
    for lowers in ((base / "layer", base / "lacks"), lacking):
        with pytest.raises(KernelError, match="mount"), Overlay(lowers).mounted(base / "merged"):
            pass
    assert os.listdir(base / "merged") == []


def test_a_mount_in_use_is_detached_and_that_is_said(fresh: Callable[[], Path]) -> None:
    base = fresh()
    (base / "layer").mkdir(parents=True)
    (base / "layer" / "file").write_text("still here")
    (base / "merged").mkdir()
    with (
        pytest.warns(RuntimeWarning, match="merged was busy"),
        Overlay((base / "layer",)).mounted(base / "merged"),
    ):
        held = open(base / "merged" / "file")  # noqa: SIM115  (held on purpose)
    assert held.read() == "still here"
    held.close()


def test_a_mount_for_a_user_namespace_does_not_see_opaque_marks_that_only_root_can_make(
    fresh: Callable[[], Path],
) -> None:
    base = fresh()
    base.mkdir()
    build(base / "0", {"d": (True, {"new": "file"})}, 0)
    build(base / "1", {"d": (False, {"old": "file"})}, 1)
    (base / "merged").mkdir()
    names = {}
    for mode in (False, True):
        options = overlayfs.options([str(base / "0"), str(base / "1")], user_namespace=mode)
        syscalls.mount("overlay", str(base / "merged"), "overlay", 0, options)
        names[mode] = sorted(os.listdir(base / "merged" / "d"))
        syscalls.umount2(str(base / "merged"))
    assert names == {False: ["new"], True: ["new", "old"]}
