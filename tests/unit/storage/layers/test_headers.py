"""Headers of tar: numbers in both spellings, checksums, pax records; and everything that isn't one."""

import io
import tarfile

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from container_lib.errors import InvalidImage
from container_lib.storage.layers import headers
from tests.unit.storage.layers.archives import block, record, sealed

NAMES = st.text("abcé /.", min_size=1, max_size=90).filter(lambda name: name.strip("/ ") == name)


@settings(max_examples=100, deadline=None)
@given(
    NAMES, st.integers(0, 0o7777), st.integers(0, 2**31), st.integers(0, 2**34), st.integers(-(2**40), 2**40)
)
def test_reads_what_tarfile_writes(name: str, mode: int, uid: int, size: int, mtime: int) -> None:
    member = tarfile.TarInfo(name)
    member.mode, member.uid, member.gid, member.size, member.mtime = mode, uid, uid // 2, size, mtime
    found = headers.parse(member.tobuf(tarfile.GNU_FORMAT)[-512:])
    assert (found.name, found.mode, found.uid, found.gid) == (name.encode(), mode, uid, uid // 2)
    assert (found.size, found.mtime) == (size, mtime * 10**9)


def test_the_prefix_of_ustar() -> None:
    name = "d" * 90 + "/" + "e" * 60 + "/" + "f" * 90
    member = tarfile.TarInfo(name)
    assert headers.parse(member.tobuf(tarfile.USTAR_FORMAT)).name == name.encode()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (b"0000644\0", 420), (b" 644 \0\0\0", 420), (b"\0" * 8, 0), (b" " * 8, 0), (b"7777777 ", 0o7777777),
        (b"\x80" + bytes(6) + b"\x05", 5), (b"\xff" * 8, -1), (b"\xff" * 7 + b"\xfe", -2),
        (b"\x80" + bytes(10) + b"\x09", 9), (b"644\0junk", 420),
    ],
)  # fmt: skip
def test_numbers(field: bytes, value: int) -> None:
    assert headers.number(field) == value


@pytest.mark.parametrize("field", [b"0000009\0", b"-000001\0", b"0x00010\0", b"12 34  \0"])
def test_what_is_no_number(field: bytes) -> None:
    with pytest.raises(InvalidImage):
        headers.number(field)


def test_every_bit_of_a_header_counts() -> None:
    """One changed bit is always seen: a sum can't miss it."""
    whole = block(b"etc/passwd", size=123)
    for at in range(512):
        broken = bytearray(whole)
        broken[at] ^= 1
        if not 148 <= at < 156:
            with pytest.raises(InvalidImage, match="checksum"):
                headers.parse(bytes(broken))


def test_a_signed_checksum_as_old_tars_had_it() -> None:
    whole = block("ü€".encode())
    blank = whole[:148] + b" " * 8 + whole[156:]
    signed = sum(byte - 256 if byte > 127 else byte for byte in blank)
    assert headers.parse(blank[:148] + b"%06o\0 " % signed + blank[156:]).name == "ü€".encode()


def test_a_negative_size_is_refused() -> None:
    whole = block(b"x")
    with pytest.raises(InvalidImage, match="size"):
        headers.parse(sealed(whole[:124] + b"\xff" * 12 + whole[136:]))


def test_a_name_that_is_no_utf8_stays_as_it_is() -> None:
    assert headers.parse(block(b"\xff\xfe\x80")).name == b"\xff\xfe\x80"


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(
        st.binary(min_size=1, max_size=20).filter(lambda k: b"=" not in k), st.binary(max_size=300)
    )
)
@example({b"k": b"v" * 94})
@example({b"k": b"a\nb=c\n"})
def test_pax_records_there_and_back(known: dict[bytes, bytes]) -> None:
    data = b"".join(record(key, value) for key, value in known.items())
    assert dict(headers.records(data)) == known


@pytest.mark.parametrize(
    "data",
    [
        b"x", b"0 a=b\n", b"6 a=b", b"5 a=b\n", b"7 a=b\n", b"99 a=b\n", b"-6 a=b\n", b"5 =b\n",
        b"7 abcd\n", b"6 a=b\nrest", b"6=a b\n", b"\xb2 a=b\n", b"9" * 30 + b" a=b\n",
    ],
)  # fmt: skip
def test_broken_pax_records(data: bytes) -> None:
    with pytest.raises(InvalidImage):
        list(headers.records(data))


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        (b"1", 10**9), (b"1700000000.123456789", 1700000000123456789), (b"-1.5", -1500000000), (b"0.1", 10**8),
        (b"1.0000000019", 1000000001), (b"9007199254740993.000000001", 9007199254740993000000001),
    ],
)  # fmt: skip
def test_times_without_loss(text: bytes, ns: int) -> None:
    assert headers.nanoseconds(text) == ns


@pytest.mark.parametrize("text", [b"", b".", b"1e9", b"nan", b"inf", b"1.x", b"--1", b"1" * 30])
def test_what_is_no_time(text: bytes) -> None:
    with pytest.raises(InvalidImage):
        headers.nanoseconds(text)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"path", b"a\0b"), (b"linkpath", b"\0"), (b"size", b"-1"), (b"size", b"1.0"), (b"uid", b"x"),
        (b"size", b"1" * 21), (b"mtime", b"soon"), (b"SCHILY.xattr.", b"v"), (b"SCHILY.xattr.a\0b", b"v"),
    ],
)  # fmt: skip
def test_pax_values_that_cannot_be(key: bytes, value: bytes) -> None:
    with pytest.raises(InvalidImage):
        headers.override(headers.Header(b"x"), [(key, value)])


def test_names_in_messages_are_printable() -> None:
    shown = headers.show(b"a\x1b[31m\n\xff" + b"x" * 5000)
    assert shown.isprintable()
    assert len(shown) < 1000


def test_a_header_of_tarfile_is_a_header_of_ours() -> None:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("plain"))
    assert headers.parse(raw.getvalue()[:512]).shown == "plain"
