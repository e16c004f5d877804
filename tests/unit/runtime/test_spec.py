"""Specs: what is refused before anything is made, and the order that the launcher gets."""

import marshal
import os
from dataclasses import replace
from pathlib import Path

import pytest

from container_lib.errors import InvalidValue, NotFound
from container_lib.isolation.mounts import Bind
from container_lib.kernel import flags
from container_lib.runtime import outcome, records, spec
from container_lib.runtime.spec import Spec


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"argv": ()}, "no command"),
        ({"argv": ("a\0b",)}, "NUL"),
        ({"hostname": "x" * 65}, "longer than 64"),
        ({"hostname": "x", "namespaces": ("mnt",)}, "rename the machine"),
        ({"cwd": "relative"}, "absolute path"),
        ({"namespaces": ("disk",)}, "'disk'"),
        ({"time_offsets": {"boottime": 5}}, "needs the time namespace"),
        ({"rootfs": Path(__file__)}, "not a directory"),
        ({"rootfs": Path("/"), "namespaces": ("uts",)}, "mount namespace"),
    ],
)
def test_what_cannot_be_meant_is_refused(changes: dict[str, object], word: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        spec.check(replace(Spec(("true",)), **changes))
    assert word in str(caught.value)


def test_what_does_not_exist_is_named() -> None:
    with pytest.raises(NotFound, match="/no/such does not exist"):
        spec.check(Spec(("true",), Path("/no/such")))
    with pytest.raises(NotFound, match="source path does not exist: /no/such"):
        spec.check(Spec(("true",), Path("/"), binds=(Bind("/no/such", "/x"),)))


def test_an_order_is_plain_values() -> None:
    order = spec.order(Spec(("sh",), Path("/"), env={"A": "1"}), "/stage")
    assert marshal.loads(marshal.dumps(order)) == order


def test_a_birth_is_plain_values_too() -> None:
    birth = spec.birth(Spec(("sh",), Path("/")))
    assert marshal.loads(marshal.dumps(birth)) == birth
    assert birth["namespaces"] & flags.CLONE_NEWPID
    # these two are entered by init itself: at birth would be too early
    assert not birth["namespaces"] & (flags.CLONE_NEWCGROUP | flags.CLONE_NEWTIME)
    assert birth["cgroup_namespace"]


def test_the_environment_is_the_containers_own() -> None:
    made = Spec(("sh",), Path("/"), env={"A": "1", "PATH": "/x"}).named("0123456789abcdef")
    assert spec.environment(made) == {"A": "1", "PATH": "/x", "HOSTNAME": "0123456789ab", "HOME": "/root"}


def test_a_copy_has_an_id_of_its_own() -> None:
    one = Spec(("sh",), id="a" * 64)
    assert one.changed(cwd="/x").id == ""
    assert one.changed(cwd="/x").named("b" * 64).id == "b" * 64
    assert one.named("b" * 64).id == one.id


def test_a_record_is_whole_or_absent(tmp_path: Path) -> None:
    (tmp_path / "containers").mkdir()
    record = records.Record("abc", "/group", (os.getpid(), 1), ("sh", "\udcff"))
    path = records.write(tmp_path, record)
    assert [entry.name for entry in path.parent.iterdir()] == ["abc.json"]
    assert list(records.read_all(tmp_path)) == [record]
    assert record.stale  # the start time is another process's


def test_an_exit_is_dockers(tmp_path: Path) -> None:
    assert outcome.exit_of(3 << 8, (1, 2, 3), None) == outcome.Exit(3, 0, False, 1, 2, 3)
    assert outcome.exit_of(9, (0, 0, 0), None).code == 137
    (tmp_path / "memory.events").write_text("low 0\noom 1\noom_kill 1\n")
    assert outcome.exit_of(9, (0, 0, 0), tmp_path).oom_killed
