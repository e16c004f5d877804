"""A new network namespace has one interface, `lo`, and it is down. This brings it up.

Runs in the container's init. The old way of ioctl(2) rather than netlink: two calls, no library.
See netdevice(7).
"""

import fcntl
from _socket import AF_INET, SOCK_DGRAM, socket

SIOCGIFFLAGS, SIOCSIFFLAGS = 0x8913, 0x8914
IFF_UP = 0x1


def bring_up(name: bytes = b"lo") -> None:
    """Set the interface's flag IFF_UP in this process's network namespace."""
    interface = socket(AF_INET, SOCK_DGRAM)
    # struct ifreq: 16 bytes of name, then a union; its first two bytes are the flags
    request = bytearray(name.ljust(40, b"\0"))
    fcntl.ioctl(interface.fileno(), SIOCGIFFLAGS, request)
    request[16] |= IFF_UP
    fcntl.ioctl(interface.fileno(), SIOCSIFFLAGS, request)
    interface.close()
