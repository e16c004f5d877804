"""Headers of a tar, read back by an independent reader: tarfile."""

import io
import os
import tarfile
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from container_lib.errors import InvalidImage
from container_lib.storage.layers import writing
from container_lib.storage.layers.headers import CHARACTER, DIRECTORY, SYMLINK, Header

XATTR = "SCHILY.xattr."


def read_back(header: Header) -> tarfile.TarInfo:
    data = writing.blocks(header)
    # what stands before an entry of 9 GiB is enough for tarfile to tell what is in it
    with tarfile.open(fileobj=io.BytesIO(data + writing.END), encoding="utf-8") as archive:
        found = archive.next()
    assert found is not None
    return found


def raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


@pytest.mark.parametrize(
    "header",
    [
        Header(b"etc/passwd", mode=0o644, size=3, mtime=1_700_000_000 * 10**9),
        Header(b"n" * 100),
        Header(b"d" * 155 + b"/" + b"n" * 100),
        Header(b"d" * 50 + b"/" + b"e" * 60 + b"/", DIRECTORY, 0o1777),
        Header(b"link", SYMLINK, 0o777, link=b"t" * 100),
        Header(b"null", CHARACTER, 0o666, major=1, minor=2**20 - 1),
        Header(b"file", mode=0o7777, uid=2**21 - 1, gid=2**21 - 1, size=2**33 - 1, mtime=(2**33 - 1) * 10**9),
    ],
)
def test_what_fits_is_one_block_as_in_1988(header: Header) -> None:
    assert len(writing.blocks(header)) == 512
    found = read_back(header)
    assert (raw(found.name), found.type) == (header.name.rstrip(b"/"), header.kind)
    assert (found.mode, found.uid, found.gid) == (header.mode, header.uid, header.gid)
    assert (found.size, found.mtime * 10**9, raw(found.linkname)) == (header.size, header.mtime, header.link)
    assert (found.devmajor, found.devminor) == (header.major, header.minor)
    assert (found.uname, found.gname, found.pax_headers) == ("", "", {})


@pytest.mark.parametrize(
    ("header", "records"),
    [
        (Header(b"n" * 101), {"path": "n" * 101}),
        (Header(b"d" * 156 + b"/" + b"n" * 50), {"path": "d" * 156 + "/" + "n" * 50}),
        (Header(b"d" * 150 + b"/", DIRECTORY), {"path": "d" * 150 + "/"}),
        (Header("ü".encode()), {"path": "ü"}),
        (Header(b"\xfc"), {"hdrcharset": "BINARY", "path": "\udcfc"}),
        (Header(b"l", SYMLINK, link=b"t" * 101), {"linkpath": "t" * 101}),
        (Header(b"l", SYMLINK, link=b"\xfc"), {"hdrcharset": "BINARY", "linkpath": "\udcfc"}),
        (Header(b"f", size=2**33), {"size": "8589934592"}),
        (Header(b"f", uid=2**21, gid=2**32 - 2), {"uid": "2097152", "gid": "4294967294"}),
        (Header(b"f", mtime=1), {"mtime": "0.000000001"}),
        (Header(b"f", mtime=-1), {"mtime": "-0.000000001"}),
        (Header(b"f", mtime=-1_500_000_000), {"mtime": "-1.5"}),
        (Header(b"f", mtime=2**33 * 10**9), {"mtime": "8589934592"}),
        (Header(b"f", xattrs={"user.a": b"\0\n=\xff"}), {f"{XATTR}user.a": "\0\n=\udcff"}),
        (Header(b"f", xattrs={"user.b": b"", "user.a": b"1"}), {f"{XATTR}user.a": "1", f"{XATTR}user.b": ""}),
    ],
)
def test_what_does_not_fit_is_told_in_records_before_it(header: Header, records: dict[str, str]) -> None:
    found = read_back(header)
    assert found.pax_headers == records
    assert list(found.pax_headers) == sorted(records)


@pytest.mark.parametrize("length", [*range(80, 100), *range(980, 1000), *range(9980, 10_000)])
def test_a_record_counts_itself(length: int) -> None:
    path = b"p" * (length - len(b"99 path=\n"))
    assert read_back(Header(b"x" * 101 + path)).pax_headers["path"].endswith("p" * len(path))


def test_an_attribute_that_no_record_can_name_is_refused() -> None:
    with pytest.raises(InvalidImage, match=r"dir/file: .*'user.a=b'"):
        writing.blocks(Header(b"dir/file", xattrs={"user.a=b": b""}))


def test_the_order_in_which_attributes_are_read_makes_no_difference() -> None:
    one, other = {"user.a": b"1", "user.b": b"2"}, {"user.b": b"2", "user.a": b"1"}
    assert writing.blocks(Header(b"f", xattrs=one)) == writing.blocks(Header(b"f", xattrs=other))


PATHS = st.lists(st.binary(min_size=1, max_size=140).filter(lambda name: not set(name) & {0, 47}), min_size=1)
HEADERS = st.builds(
    Header,
    PATHS.map(b"/".join),
    st.just(SYMLINK),
    st.integers(0, 0o7777),
    st.integers(0, 2**32 - 2),
    st.integers(0, 2**32 - 2),
    st.just(0),
    st.integers(-(2**40), 2**63),
    PATHS.map(b"/".join),
)


@settings(deadline=None, max_examples=200)
@given(HEADERS)
def test_whatever_a_header_holds_is_read_back(header: Header) -> None:
    found = read_back(header)
    assert os.fsencode(found.name) == header.name
    assert os.fsencode(found.linkname) == header.link
    assert (found.mode, found.uid, found.gid) == (header.mode, header.uid, header.gid)
    time = Decimal(found.pax_headers.get("mtime", found.mtime))
    assert time * 10**9 == header.mtime
