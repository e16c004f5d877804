#!/bin/sh
# The guest's first process: builds the guest's file system out of the host's, then becomes agent.py.
#
# The kernel has mounted the host's / read-only (hostfs) and runs a copy of this file, which lies in the
# run directory beside `settings`: CHECKOUT, PYTHON, BIN, SHARES and ADDRESS, quoted for sh. The module
# tree of User-mode Linux ends up at /lib/modules, so that the kernel itself can load whatever a later
# mount or nft rule needs.
# See hostfs in the kernel's Documentation/virt/uml, mount(8), pivot_root(8), cgroups(7).
set -eu
# shellcheck source=/dev/null
. "${0%/*}/settings"
PATH=/usr/sbin:/usr/bin:/sbin:/bin
trap '[ $? = 0 ] || echo "guest: init.sh gave up"' EXIT

# share PATH OPTIONS: show a directory of the host at its own path
share() {
    mkdir -p "$root$1"
    mount -t hostfs -o "$1" host "$root$1"
    [ "$2" = rw ] || mount -o remount,bind,ro "$root$1"
}

# 1. a root that can be written to, and forgets: tmpfs over the host's files
mount -t proc proc /proc
release=$(uname -r)
insmod "/usr/lib/uml/modules/$release/kernel/fs/overlayfs/overlay.ko"
mount -t tmpfs -o mode=755 tmpfs /mnt
mkdir /mnt/written /mnt/work /mnt/root
root=/mnt/root
mount -t overlay -o lowerdir=/,upperdir=/mnt/written,workdir=/mnt/work guest $root

# 2. the kernel's own file systems; empty places; the host's directories that are shared
mount -t devtmpfs -o mode=755 dev $root/dev
mkdir -p $root/dev/pts $root/dev/shm $root/dev/mqueue
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts $root/dev/pts
mount -t tmpfs -o mode=1777 tmpfs $root/dev/shm
mount -t mqueue mqueue $root/dev/mqueue || true
mount -t sysfs sysfs $root/sys
mount -t cgroup2 -o nsdelegate cgroup2 $root/sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs $root/run
mount -t tmpfs -o mode=1777 tmpfs $root/tmp
mount -t tmpfs -o mode=700 tmpfs $root/root
eval "$SHARES"
mkdir -p $root/var/lib/container_lib $root/lib/modules
mount -t ext4 /dev/ubda $root/var/lib/container_lib
mount --bind /usr/lib/uml/modules $root/lib/modules

# 3. enter it: what was / goes away, together with the tmpfs that it is made of
cd $root
mkdir -p run/old_root
pivot_root . run/old_root
mount -t proc proc /proc
umount -l /run/old_root && rmdir /run/old_root

# 4. everything that a container needs from the kernel
read -r controllers </sys/fs/cgroup/cgroup.controllers
for controller in $controllers; do
    echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control
done
modprobe -a bridge veth nf_tables iptable_nat tun loop dummy ||
    echo "guest: a kernel module is missing; what needs it will say so"
echo guest >/proc/sys/kernel/hostname
ip link set lo up
if [ -n "$ADDRESS" ]; then
    ip address add "$ADDRESS/24" dev vec0
    ip link set vec0 up
    ip route add default via 10.0.2.2
    rm -f /etc/resolv.conf && echo "nameserver 10.0.2.3" >/etc/resolv.conf
fi

# 5. an image for containers, the first time
export HOME=/root LANG=C.UTF-8 CONTAINER_LIB_GUEST=1
export PATH="$BIN:/usr/local/sbin:/usr/local/bin:$PATH"
cd "$CHECKOUT"
[ -f /var/lib/container_lib/images/index.json ] ||
    "$PYTHON" -m machine.base_image busybox ||
    echo "guest: there is no base image, containers have nothing to start from"

# 6. from here on, agent.py is process 1
trap - EXIT
exec "$PYTHON" -m machine.guest.agent </dev/null
