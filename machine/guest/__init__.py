"""The embedded guest: a Linux kernel of one's own, as an ordinary process (User-mode Linux).

It serves where the kernel at hand cannot: no root, no cgroup v2 controllers, or a machine that nobody
wants to be root on. No hypervisor, no /dev/kvm. Read the files in this order:

    host                                             guest
    ────                                             ─────
    requirements  what the host must have
    state         the disk that outlives a boot
    boot          starts it, talks to it             init.sh   mounts, modules; then becomes
    keeper        lets nothing of it survive         agent.py  process 1: runs what it is asked to
    channel       ◄──── frames over one serial line ────►
    network       one port, on 127.0.0.1 only

What the guest sees and what is kept:

    /                        the host's own /, read-only, under a tmpfs: writes are thrown away
    the checkout             the host's, read-write, at the same path: writes are kept
    the Python environment   the host's, read-only, at the same path
    /tmp /run /root          empty, in memory
    /var/lib/container_lib   ext4 on a block device: `.guest/state.img` in the checkout, kept

Limits: x86-64 only, one CPU, no cpuset controller, no PSI; a system call takes about 50 µs.

    python -m machine.guest run -- ARGV…      run a command in a fresh guest, give its exit code
    python -m machine.guest lab               JupyterLab in the guest, for the browser of the host
"""
