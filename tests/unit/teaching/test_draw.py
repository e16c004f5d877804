"""Pictures against the kernel: what is drawn is what /proc says."""

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import sleep

import pytest

from container_lib.engine.doctor import Ability
from container_lib.errors import NotFound
from container_lib.kernel import procfs
from container_lib.teaching.architecture import PACKAGES, draw_architecture
from container_lib.teaching.doctor_view import doctor_view
from container_lib.teaching.draw import draw_cgroups, draw_namespaces, draw_processes, draw_steps
from container_lib.teaching.picture import Cell, table

NO_PROCESS = 2**22 + 1  # above the largest number that Linux gives


@pytest.fixture
def child() -> Iterator[int]:
    """A process that waits."""
    pid = os.posix_spawn("/bin/sleep", ["sleep", "60"], dict(os.environ))
    while procfs.command(pid)[0] != "sleep":  # for a moment after exec it has no command line yet
        sleep(0.01)
    yield pid
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def test_processes_in_the_same_namespaces_have_the_same_numbers_in_each_column(child: int) -> None:
    lines = repr(draw_namespaces({"parent": os.getpid(), "child": child})).splitlines()
    inodes = [str(inode) for inode in procfs.namespaces().values()]
    assert lines[0].split() == ["process", *procfs.namespaces()]
    assert lines[1].split()[2:] == inodes
    assert lines[2].split()[2:] == inodes


def test_the_same_namespace_has_the_same_colour(child: int) -> None:
    html = draw_namespaces([os.getpid(), child]).html
    inode = procfs.namespaces()["uts"]
    styles = {part.rpartition("<td")[2] for part in html.split(f">{inode}<")[:-1]}
    assert len(styles) == 1


def test_the_tree_holds_the_process_and_its_children(child: int) -> None:
    lines = repr(draw_processes(os.getpid())).splitlines()
    assert lines[1].startswith(f"{os.getpid()} ")
    assert any(line.split()[-3:] == [str(child), "sleep", "60"] for line in lines)


@pytest.mark.parametrize(
    "draw", [draw_processes, lambda pid: draw_namespaces([pid]), lambda pid: draw_namespaces({"x": pid})]
)
def test_a_process_that_is_not_there_is_named(draw: object) -> None:
    with pytest.raises(NotFound, match=str(NO_PROCESS)):
        draw(NO_PROCESS)  # type: ignore[operator]


def test_a_directory_that_is_no_group_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=str(tmp_path)):
        draw_cgroups(tmp_path)


@dataclass
class Step:
    """A step of a plan."""

    text: str

    def describe(self) -> str:
        return self.text


def test_a_plan_is_numbered_in_its_order() -> None:
    lines = repr(draw_steps([Step("make"), Step("mount <proc>")])).splitlines()
    assert [line.split(maxsplit=1) for line in lines[1:]] == [["1", "make"], ["2", "mount <proc>"]]
    assert "mount &lt;proc&gt;" in draw_steps([Step("mount <proc>")]).html


def test_the_architecture_names_each_package_that_exists_and_no_other() -> None:
    import container_lib

    exist = {path.parent.name for path in Path(container_lib.__file__).parent.glob("*/__init__.py")}
    drawn = {
        line.split(":")[0].removeprefix("container_lib.") for line in repr(draw_architecture()).splitlines()
    }
    assert exist & set(PACKAGES) == drawn & set(PACKAGES)
    assert exist - set(PACKAGES) == {"teaching"}


def test_the_doctors_view_shows_a_remedy_only_for_what_is_missing() -> None:
    abilities = [Ability("here", True, "detail", "unneeded"), Ability("gone", False, "detail", "install it")]
    text = repr(doctor_view(abilities))
    assert "unneeded" not in text
    assert "install it" in text
    assert text.endswith("1 of 2 abilities found")


def test_a_table_escapes_its_html_and_aligns_its_text() -> None:
    picture = table("t & t", ["a", "b"], [["<i>", Cell("1\n2", "color:red")]])
    assert "<i>" not in picture.html
    assert "t &amp; t" in picture.html
    assert repr(picture).splitlines() == ["t & t", "a    b", "<i>  1 2"]


def test_two_dollar_signs_are_not_taken_for_mathematics() -> None:
    assert 'class="mathjax_ignore"' in table("", ["a"], [["$x$"]]).html
