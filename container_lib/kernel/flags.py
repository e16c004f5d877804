"""The kernel's numbers, by the kernel's names.

Plain integers, no `enum`: the launcher imports this file, and every import there is paid for by each fork.
Sources: <linux/sched.h>, <linux/mount.h>, <linux/prctl.h>, <linux/close_range.h>. The values are the same on
amd64 and arm64. `spell` turns a value back into names, for people.
"""

# clone3(2), unshare(2), setns(2): one flag per namespace
CLONE_NEWTIME = 0x00000080
CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

# clone3(2), unshare(2): the rest of what is used here
CLONE_FS = 0x00000200
CLONE_PIDFD = 0x00001000
CLONE_PARENT = 0x00008000
CLONE_INTO_CGROUP = 0x200000000

# for mount(2)
MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_REMOUNT = 0x20
MS_BIND = 0x1000
MS_MOVE = 0x2000
MS_REC = 0x4000
MS_PRIVATE = 0x40000
MS_SLAVE = 0x80000
MS_SHARED = 0x100000
MS_RELATIME = 0x200000
MS_STRICTATIME = 0x1000000

# for umount2(2)
MNT_DETACH = 0x2

# for prctl(2)
PR_SET_PDEATHSIG = 1
PR_CAPBSET_READ = 23
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4

# for close_range(2)
CLOSE_RANGE_CLOEXEC = 0x4

# for madvise(2)
MADV_POPULATE_READ = 22
MADV_POPULATE_WRITE = 23


def spell(value: int, prefix: str) -> str:
    """Return the names in `value` that start with `prefix`, as C writes them.

    >>> spell(MS_BIND | MS_REC, "MS_")
    'MS_BIND|MS_REC'
    """
    names = {name: number for name, number in globals().items() if name.startswith(prefix)}
    found = [name for name, number in names.items() if value & number == number]
    rest = value & ~sum(names[name] for name in found)
    return "|".join(found + ([hex(rest)] if rest else [])) or "0"
