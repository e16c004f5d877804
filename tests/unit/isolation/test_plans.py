"""Plans of mounts: printed, ordered, compiled, without root and without a kernel."""

import pytest

from container_lib.errors import InvalidValue
from container_lib.isolation import mounts, namespaces, newroot, rootfs
from container_lib.isolation.mounts import Bind, Device, Mount
from container_lib.isolation.newroot import EnterRoot, OverlayRoot
from container_lib.kernel import flags

DEFAULT = namespaces.DEFAULT


def position(steps: list[mounts.Step], kind: type) -> int:
    return next(number for number, step in enumerate(steps) if isinstance(step, kind))


def test_the_order_of_a_plan_is_what_makes_it_safe() -> None:
    steps = rootfs.plan("/images/a", "/stage", (Bind("/data", "/data"),), True, DEFAULT)
    order = [
        position(steps, kind)
        for kind in (
            mounts.MakePrivate, newroot.Stage, OverlayRoot, EnterRoot, Mount, mounts.ReadOnly, mounts.Mask, Bind,
            mounts.ReadOnlyRoot, newroot.PivotRoot, newroot.DetachOldRoot,
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
    step = OverlayRoot(("/a:b,c",), "/stage")
    assert r"lowerdir=/a\:b\,c,upperdir=/stage/upper" in step.calls()[-1][-1]


def test_more_layers_than_fit_into_a_page_go_by_short_names_from_the_stage() -> None:
    calls = OverlayRoot(tuple(f"/layers/{number:0200}" for number in range(30)), "/stage", "/kept").calls()
    assert ("symlink", f"/layers/{29:0200}", "/stage/29") in calls
    assert ("symlink", "/kept/upper", "/stage/u") in calls
    assert calls[-2] == ("chdir", "/stage")
    assert str(calls[-1][-1]).startswith("lowerdir=0:1:2:")


def test_furniture_is_the_same_whether_it_is_made_in_place_or_ahead() -> None:
    inside = rootfs.furniture(DEFAULT)
    assert rootfs.furnish("/stage", DEFAULT)[3:-1] == inside
    in_place = rootfs.plan("/images/a", "/stage", namespaces=DEFAULT)
    ahead = rootfs.plan("/images/a", "/stage", namespaces=DEFAULT, furnished_on="/stage")
    assert [step for step in in_place if step not in ahead] == [
        mounts.MakePrivate(),
        newroot.Stage("/stage"),
        *inside,
    ]
    assert [step for step in ahead if step not in in_place] == [
        newroot.MoveIn("/stage", ("proc", "dev", "sys"))
    ]


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
