"""What a real overlay leaves in its upper directory, as a layer and as changes: whiteouts, marks, half files."""

import io
import os
import shutil
import stat
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from container_lib.errors import InvalidImage
from container_lib.kernel import syscalls
from container_lib.storage import overlay
from container_lib.storage.layers.changes import changes, compare
from container_lib.storage.layers.packing import pack, pack_changes
from container_lib.storage.overlay import Overlay
from tests.kernel.storage.random_trees import CAPABILITY, STEPS, Step, carry_out
from tests.kernel.storage.test_round_trip import copied, made, workbench

pytestmark = pytest.mark.usefixtures("root")


@pytest.fixture
def bench() -> Iterator[Path]:
    with workbench() as place:
        yield place


@pytest.fixture
def lower(bench: Path) -> Path:
    tree = bench / "lower"
    (tree / "etc" / "conf.d").mkdir(parents=True)
    (tree / "etc" / "conf.d" / "a").touch()
    (tree / "etc" / "passwd").write_text("root")
    (tree / "sbin").mkdir()
    (tree / "sbin" / "init").write_text("init")
    return tree


@pytest.fixture
def upper(bench: Path, lower: Path) -> Callable[[Callable[[Path], object]], Path]:
    """Gives the upper directory after something was done in the merged tree."""

    def after(action: Callable[[Path], object]) -> Path:
        whole = overlay.create(bench / "rw", [lower])
        (bench / "merged").mkdir()
        with whole.mounted(bench / "merged") as merged:
            action(merged)
        assert whole.upper is not None
        return whole.upper

    return after


def members(tree: Path, **options: bool) -> dict[str, tarfile.TarInfo]:
    """The entries of the layer, in their order."""
    sink = io.BytesIO()
    pack(tree, sink, compression="none", **options)
    sink.seek(0)
    with tarfile.open(fileobj=sink) as archive:
        return {member.name: member for member in archive}


Upper = Callable[[Callable[[Path], object]], Path]


def test_what_is_gone_is_an_empty_file_before_its_siblings(upper: Upper, lower: Path) -> None:
    tree = upper(lambda merged: [(merged / "etc" / "passwd").unlink(), (merged / "etc" / "+").touch()])
    assert stat.S_ISCHR((tree / "etc" / "passwd").lstat().st_mode), "what an overlay makes of it"
    found = members(tree, overlay=True)
    assert list(found) == [".", "etc", "etc/.wh.passwd", "etc/+"]
    assert (found["etc/.wh.passwd"].type, found["etc/.wh.passwd"].size) == (tarfile.REGTYPE, 0)
    assert [str(change) for change in changes(tree, [lower])] == ["C /etc", "A /etc/+", "D /etc/passwd"]


def test_a_directory_made_anew_hides_what_was_in_it(upper: Upper, lower: Path) -> None:
    def again(merged: Path) -> None:
        shutil.rmtree(merged / "etc")
        (merged / "etc").mkdir()
        (merged / "etc" / "new").touch()

    tree = upper(again)
    assert list(members(tree, overlay=True)) == [".", "etc", "etc/.wh..wh..opq", "etc/new"]
    assert [str(change) for change in changes(tree, [lower])] == [
        "C /etc", "D /etc/conf.d", "A /etc/new", "D /etc/passwd"
    ]  # fmt: skip


def test_many_whiteouts_are_one_file_to_the_kernel_and_many_entries_here(upper: Upper) -> None:
    tree = upper(lambda merged: [shutil.rmtree(merged / "etc"), (merged / "sbin" / "init").unlink()])
    assert list(members(tree, overlay=True)) == [".", ".wh.etc", "sbin", "sbin/.wh.init"]


def test_a_file_that_was_only_opened_to_be_written_counts_as_changed(upper: Upper, lower: Path) -> None:
    tree = upper(lambda merged: (merged / "sbin" / "init").open("ab").close())
    assert [str(change) for change in changes(tree, [lower])] == ["C /sbin", "C /sbin/init"]


def test_the_overlays_own_attributes_stay_and_all_others_go_along(upper: Upper) -> None:
    def mark(merged: Path) -> None:
        os.setxattr(merged / "sbin" / "init", "security.capability", CAPABILITY)
        os.setxattr(merged / "sbin", "user.colour", b"blue")

    tree = upper(mark)
    assert "trusted.overlay.origin" in os.listxattr(tree / "sbin" / "init")
    told = {name: set(member.pax_headers) - {"mtime"} for name, member in members(tree, overlay=True).items()}
    assert told["sbin/init"] == {"SCHILY.xattr.security.capability"}
    assert told["sbin"] == {"SCHILY.xattr.user.colour"}


def test_device_nodes_and_fifos_keep_their_numbers(bench: Path) -> None:
    os.mknod(bench / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.mknod(bench / "disk", stat.S_IFBLK | 0o660, os.makedev(259, 70_000))
    os.mkfifo(bench / "pipe")
    found = members(bench)
    assert (found["null"].type, found["null"].devmajor, found["null"].devminor) == (tarfile.CHRTYPE, 1, 3)
    assert (found["disk"].devmajor, found["disk"].devminor) == (259, 70_000)
    assert found["pipe"].isfifo()


def test_a_device_that_is_a_whiteout_is_no_part_of_a_plain_tree(bench: Path, lower: Path) -> None:
    after = copied(lower, bench / "after")
    os.mknod(after / "etc" / "gone", stat.S_IFCHR, 0)
    with pytest.raises(InvalidImage, match=r"etc/gone: in a layer the device 0:0 says"):
        pack(after, io.BytesIO())
    with pytest.raises(InvalidImage, match=r"etc/gone: in a layer the device 0:0 says"):
        pack_changes(lower, after, io.BytesIO())


@pytest.mark.parametrize(
    ("option", "action", "named"),
    [
        (
            "redirect_dir=on",
            lambda merged: (merged / "etc").rename(merged / "moved"),
            "moved: .*overlay.redirect",
        ),
        (
            "metacopy=on",
            lambda merged: (merged / "etc" / "passwd").chmod(0o600),
            "etc/passwd: .*overlay.metacopy",
        ),
    ],
)
def test_half_a_file_is_refused(
    bench: Path, lower: Path, option: str, action: Callable[[Path], object], named: str
) -> None:
    whole = overlay.create(bench / "rw", [lower])
    (bench / "merged").mkdir()
    words = f"lowerdir={lower},upperdir={whole.upper},workdir={whole.work},{option}"
    syscalls.mount("overlay", str(bench / "merged"), "overlay", 0, words)
    try:
        action(bench / "merged")
    finally:
        syscalls.umount2(str(bench / "merged"))
    assert whole.upper is not None
    with pytest.raises(InvalidImage, match=named):
        pack(whole.upper, io.BytesIO(), overlay=True)


def test_marks_are_believed_only_where_an_overlay_set_them(bench: Path) -> None:
    (bench / "etc").mkdir()
    os.setxattr(bench / "etc", "user.overlay.opaque", b"y")
    assert list(members(bench, overlay=True)) == [".", "etc"]
    assert list(members(bench, overlay=True, userxattr=True)) == [".", "etc", "etc/.wh..wh..opq"]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS, STEPS)
def test_the_upper_directory_tells_what_comparing_all_of_both_trees_does(
    first: list[Step], then: list[Step]
) -> None:
    """But for what was copied up and is the same, which is C here; and names linked below (index=off)."""
    with workbench() as place:
        lower = made(place / "lower", first)
        whole = overlay.create(place / "rw", [lower])
        (place / "merged").mkdir()
        with whole.mounted(place / "merged") as merged:
            carry_out(merged, then)
            wanted = {change.path: change.kind for change in compare(lower, merged) if change.path != "/"}
            linked = {f"/{path.relative_to(lower)}" for path in lower.rglob("*") if path.lstat().st_nlink > 1}
        assert whole.upper is not None
        told = [(change.path, change.kind) for change in changes(whole.upper, [lower])]
        assert told == sorted(told, key=lambda change: os.fsencode(change[0]))
        found = dict(told)
        assert {path for path in found if path not in wanted and found[path] != "C"} == set()
        lacking = {path: kind for path, kind in wanted.items() if found.get(path) != kind}
        assert {path: kind for path, kind in lacking.items() if path not in linked} == {}


def test_an_overlay_of_layers_is_packed_as_it_is_seen(bench: Path, lower: Path, upper: Upper) -> None:
    """A merged tree is a plain tree: its whiteouts can't be seen in it."""
    tree = upper(lambda merged: (merged / "etc" / "passwd").unlink())
    with Overlay((tree, lower)).mounted(bench / "merged") as merged:
        assert "etc/passwd" not in members(merged)
