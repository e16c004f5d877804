"""Java's store of trusted certificates (JKS): the times in it, which are those of the installation.

    date(Path("etc/ssl/certs/java/cacerts"), 1700000000)

    feedfeed, version 2, count                     all numbers big endian, 4 bytes where nothing else is said
    count × 2 (a trusted certificate), alias, date (8 bytes, ms), type, certificate
    SHA-1 of the password, of "Mighty Aphrodite", and of all that is above

An alias and a type have a length of 2 bytes, a certificate one of 4. The password is known to everyone: it
guards nothing here, the certificates are public. Left out: private keys, of which a store of trusted ones has
none; PKCS #12. See java.security.KeyStore, and keytool(1).
"""

import hashlib
import struct
from pathlib import Path

from container_lib.errors import InvalidValue

MAGIC = bytes.fromhex("feedfeed00000002")
PASSWORD = "changeit".encode("utf-16-be")  # Java's default, which Debian leaves as it is
DIGEST_SIZE = 20


def date(store: Path, seconds: int) -> None:
    """Let every certificate in the file be added at the same time. Raises `InvalidValue` for another format."""
    data = bytearray(store.read_bytes())
    if data[:8] != MAGIC or _digest(data[:-DIGEST_SIZE]) != data[-DIGEST_SIZE:]:
        raise InvalidValue(f"{store} is no Java keystore (JKS) with the usual password")
    for place in _dates(data):
        struct.pack_into(">Q", data, place, seconds * 1000)
    data[-DIGEST_SIZE:] = _digest(data[:-DIGEST_SIZE])
    store.write_bytes(data)


def _dates(data: bytearray) -> list[int]:
    """Where the dates stand."""
    (count,) = struct.unpack_from(">I", data, 8)
    places, at = [], 12
    for _ in range(count):
        tag, alias = struct.unpack_from(">IH", data, at)
        if tag != 2:
            raise InvalidValue(
                f"a keystore with an entry of kind {tag}: only trusted certificates are known here"
            )
        places.append(at + 6 + alias)
        at = places[-1] + 8
        (kind,) = struct.unpack_from(">H", data, at)
        (certificate,) = struct.unpack_from(">I", data, at + 2 + kind)
        at += 6 + kind + certificate
    return places


def _digest(data: bytearray) -> bytes:
    return hashlib.sha1(PASSWORD + b"Mighty Aphrodite" + data).digest()
