"""What the guest is from the inside: its cgroups, its files, and what of them reaches the host."""

import os
import time
from pathlib import Path

import pytest

from machine.guest.boot import PROJECT
from tests.machine.conftest import Shell, Starter


def test_cgroup2_hands_every_controller_down(shell: Shell) -> None:
    result = shell("cd /sys/fs/cgroup && cat cgroup.subtree_control && stat -fc %T .")
    assert set(result.stdout.split()) >= {"cpu", "io", "memory", "pids", "cgroup2fs"}


def test_the_kernel_kills_what_exceeds_memory_max(shell: Shell) -> None:
    result = shell(
        "mkdir /sys/fs/cgroup/t; echo 20M >/sys/fs/cgroup/t/memory.max;"
        "sh -c 'echo $$ >/sys/fs/cgroup/t/cgroup.procs; head -c 60M /dev/zero | tail -c 60M >/dev/null';"
        "grep oom_kill\\  /sys/fs/cgroup/t/memory.events; rmdir /sys/fs/cgroup/t"
    )
    assert result.stdout == "oom_kill 1\n"


def test_io_max_limits_the_state_disk(shell: Shell) -> None:
    result = shell(
        "mkdir /sys/fs/cgroup/t; echo $(cat /sys/block/ubda/dev) wbps=1000000 >/sys/fs/cgroup/t/io.max;"
        "echo $$ >/sys/fs/cgroup/t/cgroup.procs;"
        "dd if=/dev/zero of=/var/lib/container_lib/t bs=100k count=15 oflag=direct;"
        "echo $$ >/sys/fs/cgroup/cgroup.procs; rmdir /sys/fs/cgroup/t; rm /var/lib/container_lib/t"
    )
    seconds = float(result.stderr.split(" s, ")[0].split()[-1])
    assert seconds >= 1, "the kernel let 1.5 MB through in less time than 1 MB/s takes"


def test_the_command_s_exit_code_comes_back(shell: Shell) -> None:
    assert [shell(f"exit {code}").code for code in (0, 1, 77, 255)] == [0, 1, 77, 255]
    assert shell("kill -9 $$").code == 128 + 9


def test_outputs_are_separate_whole_and_binary(shell: Shell) -> None:
    result = shell("head -c 300000 /dev/zero; printf 'a\\r\\nb\\004' >&2; exec >/dev/null")
    assert result.stdout == "\0" * 300000
    assert result.stderr == "a\r\nb\x04"


def test_a_command_that_is_not_there_is_127(shell: Shell) -> None:
    codes = []
    codes.append(shell.guest.run(["/nonexistent"], lambda kind, data: None))
    codes.append(shell.guest.run(["/etc"], lambda kind, data: None))
    assert codes == [127, 126]


def test_writes_outside_the_checkout_stay_in_the_guest(shell: Shell) -> None:
    name = f"/etc/byhand-{os.getpid()}"
    assert shell(f"echo written >{name} && cat {name}; rm /etc/os-release").stdout == "written\n"
    assert not Path(name).exists()
    assert Path("/etc/os-release").exists()


def test_the_environment_is_read_only(shell: Shell) -> None:
    result = shell('touch "$(dirname "$(command -v python)")/new"')
    assert result.code != 0
    assert "Read-only file system" in result.stderr


def test_the_checkout_is_one_in_both_directions(shell: Shell) -> None:
    folder = PROJECT / "artefacts" / f"guest-{os.getpid()}"
    folder.mkdir(parents=True)
    try:
        shell(f"cd {folder} && echo by guest >new && mv new renamed")
        assert (folder / "renamed").read_text() == "by guest\n"
        assert (folder / "renamed").stat().st_uid == PROJECT.stat().st_uid
        (folder / "renamed").write_text("by host, and longer\n")
        assert shell(f"cat {folder}/renamed; rm -r {folder}").stdout == "by host, and longer\n"
        assert not folder.exists()
    finally:
        if folder.exists():
            for left in folder.iterdir():
                left.unlink()
            folder.rmdir()


def test_overlayfs_takes_the_state_disk_and_tmp_as_upper_layer(shell: Shell) -> None:
    for place in ("/var/lib/container_lib/t", "/tmp/t"):
        result = shell(
            f"mkdir -p {place}/l {place}/u {place}/w {place}/m && cd {place} &&"
            "mount -t overlay overlay -o lowerdir=l,upperdir=u,workdir=w m && echo hi >m/x && cat u/x;"
            f"umount m; cd /; rm -r {place}"
        )
        assert result.stdout == "hi\n", result.stderr


def test_the_base_image_is_there(shell: Shell) -> None:
    result = shell("chroot /var/lib/container_lib/rootfs/busybox /bin/sh -c 'busybox | head -1'")
    assert result.stdout.startswith("BusyBox v")
    result = shell("byhand run --rm busybox echo from the image")
    assert result.stdout == "from the image\n", result.stderr


def test_user_namespaces_and_a_bridge_work(shell: Shell) -> None:
    links = "ip link add br7 type bridge && ip link add v1 type veth peer v2 && ip link del br7"
    result = shell(f"unshare -Ur id -u && {links}")
    assert (result.code, result.stdout) == (0, "0\n"), result.stderr


def test_the_clock_is_the_host_s(shell: Shell) -> None:
    assert abs(int(shell("date +%s").stdout) - time.time()) < 5


def test_what_outlives_a_command_does_not_hold_it_up(shell: Shell) -> None:
    began = time.monotonic()
    assert shell("sleep 30 & echo started").stdout == "started\n"
    assert time.monotonic() - began < 20, "waited for the background process that has the pipe"
    assert shell("pkill sleep").code == 0


def test_the_state_disk_outlives_a_boot_and_serves_one_guest_at_a_time(
    start: Starter, tmp_path: Path
) -> None:
    image = tmp_path / "a disk, with: odd name.img"
    first = start("run", "--state", str(image), "--", "sh", "-c", "echo kept >/var/lib/container_lib/x")
    assert first.process.wait(30) == 0
    holder = start("run", "--state", str(image), "--", "sh", "-c", "cat /var/lib/container_lib/x; sleep 60")
    holder.wait_for("kept")
    refused = start("run", "--state", str(image), "--", "true")
    assert refused.process.wait(30) == 125
    assert str(image) in (refused.process.stdout or pytest.fail("no output")).read()
    assert not refused.run_dirs()


def test_a_command_inherits_three_open_files(shell: Shell) -> None:
    assert shell("ls /proc/self/fd").stdout.split() == ["0", "1", "2", "3"]  # 3 is ls's own
