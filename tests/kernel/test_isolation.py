"""Namespaces, mounts and masks, one by one, as the kernel tells of them."""

import os
from pathlib import Path

import pytest

from container_lib.engine.engine import Engine
from container_lib.errors import KernelError
from container_lib.isolation import identity, namespaces, rootfs
from container_lib.kernel import procfs
from container_lib.runtime import lifecycle
from container_lib.runtime.outcome import Places
from container_lib.runtime.spec import Spec

pytestmark = pytest.mark.usefixtures("residue")


@pytest.mark.parametrize("name", namespaces.ALL)
def test_each_namespace_alone(places: Places, name: str) -> None:
    spec = Spec(("/bin/sleep", "60"), namespaces=(name,), capabilities=None)
    with lifecycle.start(spec, places) as container:
        assert namespaces.differing(container.pid) == [name]


def test_no_namespace_at_all(places: Places) -> None:
    with lifecycle.start(Spec(("/bin/sleep", "60"), namespaces=(), capabilities=None), places) as container:
        assert namespaces.differing(container.pid) == []


def test_all_eight_at_once(places: Places, busybox: Path) -> None:
    spec = Spec(("sleep", "60"), busybox, namespaces=namespaces.ALL)
    with lifecycle.start(spec, places) as container:
        assert set(namespaces.differing(container.pid)) == set(namespaces.ALL)


def test_clocks_are_shifted(places: Places, busybox: Path) -> None:
    spec = Spec(("cat", "/proc/uptime"), busybox, namespaces=namespaces.ALL, time_offsets={"boottime": 86400})
    inside = float(lifecycle.run(spec, places).text.split()[0])
    outside = float(Path("/proc/uptime").read_text().split()[0])
    assert 86390 < inside - outside < 86410


def test_root_inside_is_nobody_special_outside(engine: Engine) -> None:
    with engine.start("busybox", "sleep", "60", userns="remap") as container:
        assert procfs.status(container.pid)["Uid"].split() == ["100000"] * 4
        assert container.enter_and_capture("id", "-u").text == "0\n"
        maps = Path(f"/proc/{container.pid}/uid_map").read_text().split()
    assert [int(word) for word in maps] == [0, 100000, 65536]


def test_a_map_that_the_kernel_refuses_is_told(places: Places, busybox: Path) -> None:
    double = (identity.IdMap(0, 1000, 10), identity.IdMap(5, 2000, 10))
    spec = Spec(("true",), busybox, namespaces=(*namespaces.DEFAULT, "user"), uid_map=double)
    with pytest.raises(KernelError, match=r"uid_map.*Invalid argument"):
        lifecycle.run(spec, places)


def test_devices_are_the_few(engine: Engine) -> None:
    script = "cd /dev; for f in *; do [ -c $f ] && [ ! -L $f ] && stat -c '%n %t:%T' $f; done"
    lines = engine.run("busybox", "sh", "-c", script).text.splitlines()
    assert set(lines) == {
        "full 1:7", "null 1:3", "random 1:8", "tty 5:0", "urandom 1:9", "zero 1:5",
    }  # fmt: skip


def test_what_is_masked_is_empty_and_what_is_read_only_refuses(engine: Engine) -> None:
    present = [path for path in rootfs.MASKED if os.path.exists(path)]
    assert present
    for path in present:
        output = engine.run("busybox", "sh", "-c", f"cat {path} 2>/dev/null || ls -A {path}")
        assert output.stdout == b"", path
    with engine.start("busybox", "sleep", "60") as container:
        mounted = {entry.target: entry.options for entry in procfs.mountinfo(container.pid)}
    for path in rootfs.READ_ONLY:
        assert not os.path.exists(path) or mounted[path].startswith("ro,"), path
    written = engine.run("busybox", "sh", "-c", "echo 1 > /proc/sys/kernel/panic")
    assert b"Read-only file system" in written.stderr


def test_a_link_in_the_image_does_not_lead_out_of_it(places: Places, busybox: Path, tmp_path: Path) -> None:
    import shutil

    victim = tmp_path / "victim"
    victim.mkdir()
    evil = tmp_path / "evil"
    shutil.copytree(busybox, evil, symlinks=True)
    (evil / "proc").rmdir()
    (evil / "proc").symlink_to(f"../../../../../../..{victim}")
    (evil / f".{victim}").mkdir(parents=True)
    for scratch in (True, False):
        result = lifecycle.run(Spec(("ls", "/proc/self"), evil, scratch=scratch), places)
        assert "status" in result.text  # proc is mounted where the link leads inside
        assert list(victim.iterdir()) == []


def test_only_loopback_is_there_and_it_is_up(engine: Engine) -> None:
    output = engine.run("busybox", "ip", "-o", "link").text
    assert output.count("\n") == 1
    assert "lo: <LOOPBACK,UP,LOWER_UP>" in output


def test_the_host_network_is_the_machines(engine: Engine) -> None:
    with engine.start("busybox", "sleep", "60", network="host") as container:
        assert "net" not in namespaces.differing(container.pid)


def test_the_root_of_the_cgroup_tree_is_its_own_group(engine: Engine) -> None:
    with engine.start("busybox", "sleep", "60") as container:
        if container.group is None:
            pytest.skip("needs a cgroup v2 hierarchy; use the embedded guest")
        assert procfs.cgroup(container.pid).endswith(container.id)
        inside = container.enter_and_capture(
            "sh", "-c", "cat /proc/self/cgroup; cat /sys/fs/cgroup/cgroup.procs"
        )
        assert "0::/\n" in inside.text
        assert "1" in inside.text.splitlines()


def test_without_a_writable_layer_it_writes_into_the_rootfs(
    places: Places, busybox: Path, tmp_path: Path
) -> None:
    import shutil

    own = tmp_path / "own"
    shutil.copytree(busybox, own, symlinks=True)
    lifecycle.run(Spec(("touch", "/kept"), own, scratch=False), places)
    assert (own / "kept").exists()
