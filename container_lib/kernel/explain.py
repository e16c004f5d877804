"""What an errno means where the kernel's words mislead.

"No space left on device" from unshare(2) is about a counter, not a disk; "Invalid argument" from
pivot_root(2) is about a mount point. `explain` returns the remedy for such a pair, or "".
See errors(7) and the ERRORS section of each call's man page.
"""

from errno import EACCES, EBUSY, EINVAL, ELOOP, ENODEV, ENOENT, ENOSPC, ENOSYS, EPERM, EROFS, EUSERS

_NAMESPACE_EPERM = (
    "creating namespaces needs root, or a user namespace around them; try: make lab WHERE=guest"
)
_NAMESPACE_ENOSPC = "a limit in /proc/sys/user/max_*_namespaces is reached; this is not about disk space"
_MOUNT_EPERM = "mounting needs CAP_SYS_ADMIN in the user namespace that owns the mount namespace"

_HINTS = {
    ("clone3", EPERM): _NAMESPACE_EPERM,
    ("unshare", EPERM): _NAMESPACE_EPERM,
    ("clone3", ENOSPC): _NAMESPACE_ENOSPC,
    ("unshare", ENOSPC): _NAMESPACE_ENOSPC,
    ("unshare", EUSERS): _NAMESPACE_ENOSPC,
    ("clone3", ENOSYS): "a seccomp filter hides clone3 (an old Docker around us?); run on the machine itself",
    ("clone3", EINVAL): "this kernel lacks one of the namespaces asked for; see byhand doctor",
    (
        "clone3",
        EBUSY,
    ): "the cgroup has controllers for its children (cgroup.subtree_control): only leaves hold processes",
    ("mount", EPERM): _MOUNT_EPERM,
    ("mount", EACCES): "each directory above must be searchable (chmod o+x) for the root of a user namespace",
    ("mount", EINVAL): "a bad option, or the mount point is locked by a more privileged user namespace",
    ("mount", ENODEV): "this kernel does not know the filesystem type; is its module loaded?",
    ("mount", ENOENT): "the mount point or a directory named in the options does not exist",
    ("mount", ELOOP): "a symbolic link stands where the mount point should be",
    ("mount", ENOSPC): "the limit /proc/sys/fs/mount-max is reached; this is not about disk space",
    ("pivot_root", EINVAL): "the new root must be a mount point, and no mount in the path may be shared",
    ("pivot_root", EBUSY): "the new root must be another mount than the current root",
    (
        "setns",
        EINVAL,
    ): "a multi-threaded process cannot join that namespace, or it is the one it is in already",
    ("setns", EPERM): "joining needs CAP_SYS_ADMIN in the user namespace that owns the target",
    ("mknod", EPERM): "device nodes cannot be made in a user namespace: bind-mount the machine's instead",
    ("sethostname", EPERM): "needs CAP_SYS_ADMIN over the uts namespace; unshare it first",
    ("write", EROFS): "the file is on a read-only mount, as /sys and /sys/fs/cgroup are inside a container",
}


def explain(call: str, errno: int) -> str:
    """Return the remedy for `errno` from `call` (a man page's name), or "" where errors(7) says it all."""
    return _HINTS.get((call, errno), "")
