"""Plans of mounts: printed, ordered, compiled, without root and without a kernel."""

import pytest

from container_lib.errors import InvalidValue
from container_lib.isolation import mounts, namespaces, rootfs
from container_lib.isolation.mounts import Bind, Device, EnterRoot, Mount, ScratchRoot
from container_lib.kernel import flags

DEFAULT = namespaces.DEFAULT


def position(steps: list[mounts.Step], kind: type) -> int:
    return next(number for number, step in enumerate(steps) if isinstance(step, kind))


def test_the_order_of_a_plan_is_what_makes_it_safe() -> None:
    steps = rootfs.plan("/images/a", "/stage", (Bind("/data", "/data"),), True, DEFAULT)
    order = [
        position(steps, kind)
        for kind in (
            mounts.MakePrivate, ScratchRoot, EnterRoot, Mount, Bind, mounts.ReadOnly, mounts.Mask,
            mounts.ReadOnlyRoot, mounts.PivotRoot, mounts.DetachOldRoot,
        )
    ]  # fmt: skip
    assert order == sorted(order)
    assert isinstance(steps[0], mounts.MakePrivate)


def test_a_plan_reads_as_a_shell_script() -> None:
    lines = mounts.describe(rootfs.plan("/images/a", "", (), False, DEFAULT)).splitlines()
    assert lines[:3] == [
        "mount --make-rprivate /",
        "mount --rbind /images/a /images/a",
        "cd / && chroot /images/a    # while building; the working directory stays outside",
    ]
    assert "mount -t proc proc -o nosuid,nodev,noexec /proc" in lines
    assert "mknod -m 666 /dev/null c 1 3" in lines


def test_a_colon_or_comma_in_a_path_does_not_end_the_option() -> None:
    step = ScratchRoot("/a:b,c", "/stage")
    assert r"lowerdir=/a\:b\,c,upperdir=/stage/upper" in step.calls()[-1][-1]


def test_a_bind_is_reached_from_the_machines_root() -> None:
    assert Bind("/srv/x", "/x", read_only=True).calls() == [
        ("ensure_directory", "/x"),
        ("mount", "./srv/x", "/x", "", flags.MS_BIND | flags.MS_REC, ""),
        ("remount_read_only", "/x"),
    ]


def test_in_a_user_namespace_devices_are_bound_not_made() -> None:
    steps = rootfs.plan("/images/a", "", (), False, (*DEFAULT, "user"))
    assert not any(isinstance(step, Device) for step in steps)
    assert Bind("/dev/null", "/dev/null", directory=False) in steps


def test_what_a_user_namespace_does_not_own_is_shown_not_mounted() -> None:
    steps = rootfs.plan("/images/a", "", (), False, ("user", "mnt"))
    assert Bind("/sys", "/sys", read_only=True) in steps
    assert Bind("/proc", "/proc") in steps


def test_without_a_mount_namespace_there_is_no_plan() -> None:
    assert rootfs.host_plan(("uts",)) == []
    assert [type(step) for step in rootfs.host_plan(("mnt", "pid"))] == [mounts.MakePrivate, Mount]


def test_flags_of_namespaces() -> None:
    assert namespaces.flags_of(["uts", "pid"]) == flags.CLONE_NEWUTS | flags.CLONE_NEWPID
    with pytest.raises(InvalidValue, match="unknown namespace 'disk'"):
        namespaces.flags_of(["disk"])
    assert len(namespaces.ALL) == 8
