"""What changed, without root: two plain trees; and an upper directory made by hand."""

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from container_lib.errors import NotFound
from container_lib.storage.layers.changes import changes, compare


@pytest.fixture
def before(tmp_path: Path) -> Path:
    tree = tmp_path / "before"
    (tree / "etc" / "conf.d").mkdir(parents=True)
    (tree / "etc" / "passwd").write_text("root")
    (tree / "etc" / "conf.d" / "a").touch()
    (tree / "link").symlink_to("etc")
    (tree / "one").write_text("same")
    os.link(tree / "one", tree / "two")
    return tree


@pytest.fixture
def after(before: Path, tmp_path: Path) -> Path:
    tree = tmp_path / "after"
    os.system(f"cp -a '{before}' '{tree}'")
    return tree


def told(before: Path, after: Path) -> list[str]:
    return [str(change) for change in compare(before, after)]


def rewrite(path: Path, text: str) -> None:
    """Write into a file, and give it the time back that it had."""
    status = path.stat()
    path.write_text(text)
    os.utime(path, ns=(0, status.st_mtime_ns))


def quietly(action: Callable[[Path], object]) -> Callable[[Path], object]:
    """Keep the times of the root and of "etc", which say no more than that something in them was replaced."""

    def act(tree: Path) -> None:
        kept = {path: path.stat().st_mtime_ns for path in (tree / "etc", tree)}
        action(tree)
        for path, time in kept.items():
            os.utime(path, ns=(0, time))

    return act


def test_a_copy_of_a_tree_has_no_changes(before: Path, after: Path) -> None:
    assert told(before, before) == told(before, after) == []


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (lambda tree: (tree / "new").touch(), ["A /new"]),
        (lambda tree: (tree / "etc" / "new").touch(), ["C /etc", "A /etc/new"]),
        (lambda tree: (tree / "etc" / "passwd").unlink(), ["C /etc", "D /etc/passwd"]),
        (lambda tree: shutil.rmtree(tree / "etc" / "conf.d"), ["C /etc", "D /etc/conf.d"]),
        (lambda tree: (tree / "etc" / "passwd").chmod(0o600), ["C /etc", "C /etc/passwd"]),
        (lambda tree: os.utime(tree / "etc" / "passwd", (0, 0)), ["C /etc", "C /etc/passwd"]),
        (lambda tree: os.utime(tree / "etc" / "conf.d", (0, 0)), ["C /etc", "C /etc/conf.d"]),
        (lambda tree: rewrite(tree / "etc" / "passwd", "more"), ["C /etc", "C /etc/passwd"]),
        (lambda tree: os.setxattr(tree / "etc", "user.a", b"1"), ["C /etc"]),
        (lambda tree: [(tree / "link").unlink(), (tree / "link").symlink_to("cte")], ["C /link"]),
        (lambda tree: [(tree / "link").unlink(), (tree / "link").mkdir()], ["C /link"]),
        (
            lambda tree: [(tree / "link").unlink(), (tree / "link" / "in").mkdir(parents=True)],
            ["C /link", "A /link/in"],
        ),
        (lambda tree: [shutil.rmtree(tree / "etc"), (tree / "etc").touch()], ["C /etc"]),
        (lambda tree: (tree / "etc" / "passwd").rename(tree / "p"), ["C /etc", "D /etc/passwd", "A /p"]),
        (lambda tree: (tree / os.fsdecode(b"\xff")).touch(), [f"A /{os.fsdecode(bytes([255]))}"]),
        # in byte order "etc-" stands between "etc" and "etc/": docker sorts so
        (
            lambda tree: [(tree / "etc-").touch(), (tree / "etc" / "n").touch()],
            ["C /etc", "A /etc-", "A /etc/n"],
        ),
    ],
)
def test_each_kind_of_change_is_told(
    before: Path, after: Path, action: Callable[[Path], object], expected: list[str]
) -> None:
    quietly(action)(after)
    assert told(before, after) == expected


def test_a_changed_root_is_told_for_it_belongs_into_a_layer(before: Path, after: Path) -> None:
    after.chmod(0o700)
    assert told(before, after) == ["C /"]


def copied(tree: Path, name: str) -> None:
    """Make a name a file of its own, alike in all."""
    shutil.copy2(tree / name, tree / "copy")
    (tree / "copy").rename(tree / name)


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (lambda tree: copied(tree, "one"), ["C /one", "C /two"]),
        (lambda tree: os.link(tree / "one", tree / "three"), ["C /one", "A /three", "C /two"]),
        (lambda tree: (tree / "two").unlink(), ["D /two"]),
        (lambda tree: rewrite(tree / "two", "text"), ["C /one", "C /two"]),
        (lambda tree: [copied(tree, "one"), rewrite(tree / "one", "text")], ["C /one"]),
    ],
)
def test_names_that_are_one_file_are_told_together(
    before: Path, after: Path, action: Callable[[Path], object], expected: list[str]
) -> None:
    quietly(action)(after)
    assert told(before, after) == expected


def test_two_files_that_became_one_are_told(before: Path, after: Path) -> None:
    for name in ("x", "y"):
        (before / name).write_text("alike")
        os.utime(before / name, (0, 0))
    quietly(lambda tree: os.system(f"cp -a '{before}/x' '{tree}/x' && ln '{tree}/x' '{tree}/y'"))(after)
    os.utime(before, ns=(0, after.stat().st_mtime_ns))
    assert told(before, after) == ["C /x", "C /y"]


def test_no_link_is_followed_out_of_a_tree(before: Path, after: Path, tmp_path: Path) -> None:
    """Where one tree has a link to a directory and the other the directory itself, all in it is new."""
    (before / "link").unlink()
    (before / "link").symlink_to(after / "etc")
    (after / "link").unlink()
    shutil.copytree(after / "etc", after / "link")
    quiet = [line for line in told(before, after) if line != "C /"]
    assert quiet == ["C /link", "A /link/conf.d", "A /link/conf.d/a", "A /link/passwd"]


def test_sockets_are_nowhere(before: Path, after: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(after)
    with socket.socket(socket.AF_UNIX) as listening:
        quietly(lambda _: listening.bind("socket"))(after)
        assert told(before, after) == told(after, before) == []


def test_a_tree_that_is_none_is_told(before: Path, tmp_path: Path) -> None:
    for one, other in ((before, tmp_path / "x"), (tmp_path / "x", before)):
        with pytest.raises(NotFound, match=r"no such directory: .*/x"):
            list(compare(one, other))


# ---- upper directories


def listed(upper: Path, *lowers: Path) -> list[str]:
    return [str(change) for change in changes(upper, lowers, userxattr=True)]


def whiteout(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    os.mknod(path, 0o020000, 0)


def test_an_upper_directory_is_told_against_the_layers_below(before: Path, tmp_path: Path) -> None:
    upper = tmp_path / "upper"
    (upper / "etc" / "conf.d").mkdir(parents=True)
    (upper / "etc" / "passwd").touch()
    (upper / "srv" / "www").mkdir(parents=True)
    whiteout(upper / "one")
    whiteout(upper / "nothing-there")
    assert listed(upper, before) == [
        "C /etc", "C /etc/conf.d", "C /etc/passwd", "D /one", "A /srv", "A /srv/www"
    ]  # fmt: skip


def test_an_opaque_directory_takes_away_what_it_has_not(before: Path, tmp_path: Path) -> None:
    upper = tmp_path / "upper"
    (upper / "etc" / "conf.d").mkdir(parents=True)
    (upper / "etc" / "new").touch()
    os.setxattr(upper / "etc", "user.overlay.opaque", b"y")
    # "conf.d" is a new directory too: it hides its namesake, as the one that holds it is opaque
    assert listed(upper, before) == [
        "C /etc", "C /etc/conf.d", "D /etc/conf.d/a", "A /etc/new", "D /etc/passwd"
    ]  # fmt: skip


def test_whiteouts_may_be_files_with_a_mark(before: Path, tmp_path: Path) -> None:
    upper = tmp_path / "upper"
    (upper / "etc").mkdir(parents=True)
    (upper / "etc" / "passwd").touch()
    os.setxattr(upper / "etc" / "passwd", "user.overlay.whiteout", b"y")
    assert listed(upper, before) == ["C /etc", "C /etc/passwd"]
    os.setxattr(upper / "etc", "user.overlay.opaque", b"x")
    assert listed(upper, before) == ["C /etc", "D /etc/passwd"]


def test_what_a_lower_layer_took_away_is_not_there(before: Path, tmp_path: Path) -> None:
    middle, upper = tmp_path / "middle", tmp_path / "upper"
    whiteout(middle / "etc" / "passwd")
    whiteout(middle / "one")
    (middle / "link" / "x").mkdir(parents=True)
    (upper / "etc").mkdir(parents=True)
    (upper / "etc" / "passwd").touch()
    (upper / "one" / "two").mkdir(parents=True)
    (upper / "link").mkdir()
    whiteout(upper / "two")
    assert listed(upper, middle, before) == [
        "C /etc", "A /etc/passwd", "C /link", "A /one", "A /one/two", "D /two"
    ]  # fmt: skip


def test_no_link_in_a_layer_below_is_followed(before: Path, tmp_path: Path) -> None:
    upper = tmp_path / "upper"
    (upper / "link").mkdir(parents=True)
    (upper / "link" / "passwd").touch()
    assert listed(upper, before) == ["C /link", "A /link/passwd"]
