"""Two installations of the same packages, on two days: what `repeatable` makes of them is the same tree.

The real packages are compared in test_base_images.py, whose two builds are of one day.
"""

import hashlib
import os
import struct
from pathlib import Path

import pytest

from container_lib.errors import InvalidValue
from machine.base_image import keystore
from machine.base_image.repeatable import repeatable
from tests.setup.test_base_image import snapshot, without_inodes

RELEASED = 1_700_000_000  # s; when the newest package was made
SECOND, DAY = 10**9, 86400


def certificates(added: int) -> bytes:
    """A Java keystore of two certificates, the second one added 55 ms after the first."""
    data = keystore.MAGIC + struct.pack(">I", 2)
    for alias, date in ((b"one", added * 1000), (b"another", added * 1000 + 55)):
        data += struct.pack(">IH", 2, len(alias)) + alias + struct.pack(">QH", date, 5) + b"X.509"
        data += struct.pack(">I", 4) + b"\x30\x02\x05\x00"
    return data + hashlib.sha1(keystore.PASSWORD + b"Mighty Aphrodite" + data).digest()


def install(tree: Path, now: int) -> int:
    """Make a tree as packages would at the time `now` (s), and return when they began to (ns)."""
    texts = {
        "etc/shadow": f"root:*:{now // DAY}:0:99999:7:::\n_apt:!:{now // DAY}::::::\n",
        "etc/passwd-": "before the last package",
        "etc/resolv.conf": f"nameserver 192.0.2.{now % 200}\n",
        "usr/bin/program": "from a package\n",
        "var/lib/dpkg/status": "Package: program\nVersion: 1\n",
        "var/log/dpkg.log": f"{now} install program\n",
        "tmp/left": "",
        "run/lock/left": "",
    }
    for name, text in texts.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    (tree / "etc/ssl/certs/java").mkdir(parents=True)
    (tree / "etc/ssl/certs/java/cacerts").write_bytes(certificates(now))
    (tree / "usr/lib").symlink_to("bin")
    for path in [tree, *tree.rglob("*")]:
        os.utime(path, (now, now), follow_symlinks=False)
    os.utime(tree / "usr/bin/program", (RELEASED, RELEASED))
    return now * SECOND


def test_the_day_of_the_installation_does_not_show(tmp_path: Path) -> None:
    trees = []
    for number, now in enumerate((RELEASED + 9 * DAY, RELEASED + 77 * DAY + 5)):
        tree = tmp_path / str(number)
        assert repeatable(tree, install(tree, now)) == RELEASED
        trees.append(without_inodes(snapshot(tree)))
    assert trees[0] == trees[1]
    assert {"etc/shadow", "usr/lib", "usr/bin/program", "tmp", "run"} <= trees[0].keys()
    assert (
        not {"etc/passwd-", "etc/resolv.conf", "var/log/dpkg.log", "tmp/left", "run/lock"} & trees[0].keys()
    )
    assert {time for _, time, _ in trees[0].values()} == {RELEASED}


def test_a_keystore_in_another_format_is_refused_and_left_alone(tmp_path: Path) -> None:
    store = tmp_path / "cacerts"
    for content in (b"0\x82 PKCS #12", certificates(RELEASED)[:-1] + b"?"):
        store.write_bytes(content)
        with pytest.raises(InvalidValue, match="no Java keystore"):
            keystore.date(store, RELEASED)
        assert store.read_bytes() == content
