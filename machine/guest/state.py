"""The state disk: an ext4 image, mounted in the guest at /var/lib/container_lib.

It is the one place outside the checkout where what the guest writes is kept. By default it is
`.guest/state.img` in the checkout: a sparse file, so it takes as much room on the host as was written to
it. A run of tests gets an image that is thrown away with the run. In the guest it is a block device
(/dev/ubda), which overlayfs accepts as an upper layer and io.max can limit; a folder of the host is neither.

One guest at a time may use an image: two kernels writing to one ext4 destroy it. flock(2) sees to that; the
lock belongs to the open file, which the keeper inherits, so it ends when the guest does.
See mkfs.ext4(8), flock(2).
"""

import fcntl
import os
import subprocess
from pathlib import Path

from machine.guest.requirements import GuestError, find_program

SIZE = 16 << 30
"""Bytes that the disk seems to have; the file on the host grows as they are written."""


def default_image(checkout: Path) -> Path:
    """The image that is kept."""
    return checkout / ".guest" / "state.img"


def open_image(image: Path, owner: tuple[int, int]) -> int:
    """Make the image if it is not there, lock it; give the open file that holds the lock.

    `owner` (uid, gid) is who the guest will run as.
    """
    try:
        make_dir(image.parent, owner)
        opened = os.open(image, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise GuestError(
            f"cannot open the state image {image}: {error.strerror}\nhint: --state FILE"
        ) from None
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(opened).st_size == 0:
            _format(image, owner)
    except BlockingIOError:
        os.close(opened)
        raise GuestError(
            f"the state image {image} is in use by another guest\n"
            "hint: stop that one, or give this one a disk of its own: --throw-away, or --state FILE"
        ) from None
    except BaseException:
        os.close(opened)
        raise
    return opened


def make_dir(directory: Path, owner: tuple[int, int]) -> None:
    """Make a directory that belongs to `owner`, if it is not there."""
    if not directory.is_dir():
        directory.mkdir(mode=0o700, parents=True)
        os.chown(directory, *owner)


def _format(image: Path, owner: tuple[int, int]) -> None:
    # lazy_itable_init: inode tables are written when first used, so an empty disk takes 200 kB, at once
    options = "lazy_itable_init=1,lazy_journal_init=1,root_owner=0:0"
    try:
        os.truncate(image, SIZE)
        os.chown(image, *owner)
        subprocess.run(
            [find_program("mkfs.ext4"), "-q", "-F", "-m", "0", "-J", "size=16", "-E", options, image],
            check=True,
            capture_output=True,
            text=True,
        )
    except BaseException as error:
        image.unlink()  # half a file system would be mounted next time
        if isinstance(error, subprocess.CalledProcessError):
            raise GuestError(f"mkfs.ext4 failed on {image}: {error.stderr.strip()}") from None
        raise
