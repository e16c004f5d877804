"""Archives that mean harm, or were cut, changed, blown up: nothing outside is touched, and the entry is named."""

import gzip
import hashlib
import io
import os
import tarfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from container_lib.errors import ContainerError, DigestMismatch, InvalidImage
from container_lib.storage.layers.reading import Bounds
from container_lib.storage.layers.unpacking import unpack

DIRECTORY, FILE, SYMLINK, LINK, CHARACTER = (
    tarfile.DIRTYPE, tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE,
)  # fmt: skip
Entry = tuple[str, bytes, str | bytes]
"""name, type, and the content of a file or the target of a link"""


def archive(*entries: Entry, pax: dict[str, str] | None = None) -> bytes:
    """Write a tar with just these entries, whatever they are."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as made:
        for name, kind, what in entries:
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = kind, 0o755
            entry.pax_headers = dict(pax or {})
            if isinstance(what, bytes):
                entry.size = len(what)
                made.addfile(entry, io.BytesIO(what))
            else:
                entry.linkname = what
                made.addfile(entry)
    return raw.getvalue()


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A directory beside the one that is unpacked into, with something worth having."""
    place = tmp_path / "outside"
    place.mkdir()
    (place / "secret").write_text("secret")
    (place / "secret").chmod(0o600)
    return place


def look(place: Path) -> dict[str, tuple[int, int, bytes]]:
    """Return mode, number of names and content of all that is outside."""
    return {
        path.name: (path.lstat().st_mode, path.lstat().st_nlink, path.read_bytes())
        for path in place.iterdir()
    }


def hostile(outside: Path) -> dict[str, bytes]:
    """Archives that try to get out, each in its own way."""
    up, far = "../outside", str(outside)
    return {
        "dots": archive((f"{up}/new", FILE, b"x")),
        "dots in the middle": archive(("a/", DIRECTORY, b""), (f"a/../{up}/new", FILE, b"x")),
        "write through a link": archive(("a", SYMLINK, far), ("a/new", FILE, b"x")),
        "write through a relative link": archive(("a", SYMLINK, up), ("a/new", FILE, b"x")),
        "write through two links": archive(
            ("b/", DIRECTORY, b""),
            ("b/up", SYMLINK, ".."),
            ("c", SYMLINK, f"b/up/{up}"),
            ("c/new", FILE, b"x"),
        ),
        "overwrite through a link": archive(("secret", SYMLINK, f"{far}/secret"), ("secret", FILE, b"x")),
        "hard link to the outside": archive(("a", LINK, f"{far}/secret")),
        "hard link with dots": archive(("a", LINK, f"{up}/secret")),
        "hard link through a link": archive(("l", SYMLINK, far), ("a", LINK, "l/secret"), ("a", FILE, b"x")),
        "hard link, then write": archive(("a", LINK, f"{up}/secret"), ("a", FILE, b"changed")),
        "a directory's mode through a link": archive(("a", SYMLINK, far), ("a", DIRECTORY, b"")),
        "whiteout through a link": archive(("a", SYMLINK, far), ("a/.wh.secret", FILE, b"")),
        "whiteout with dots": archive((f"{up}/.wh.secret", FILE, b"")),
        "whiteout of dots": archive((".wh...", FILE, b"")),
        "opaque through a link": archive(("a", SYMLINK, far), ("a/.wh..wh..opq", FILE, b"")),
        "path in pax": archive(("a", FILE, b"x"), pax={"path": f"{up}/new"}),
        "linkpath in pax": archive(("a", LINK, "x"), pax={"linkpath": f"{far}/secret"}),
        "a device in the way": archive(("secret", LINK, f"../../{far}/secret")),
    }


@pytest.mark.parametrize("whiteouts", ["apply", "overlay"])
@pytest.mark.parametrize("attack", list(hostile(Path("/x"))))
def test_nothing_outside_is_touched(outside: Path, tmp_path: Path, attack: str, whiteouts: str) -> None:
    if whiteouts == "overlay" and os.geteuid() != 0:
        pytest.skip("needs root: whiteouts of an overlay are device nodes")
    before, place = look(outside), tmp_path / "out"
    place.mkdir()
    with suppress(InvalidImage):
        unpack(io.BytesIO(hostile(outside)[attack]), place, whiteouts=whiteouts)  # type: ignore[arg-type]
    assert look(outside) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "outside"]
    for path in place.rglob("*"):
        assert (
            path.is_symlink()
            or not path.is_file()
            or path.stat().st_ino != (outside / "secret").stat().st_ino
        )


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (archive(("../evil", FILE, b"x")), ["../evil", ".."]),
        (archive(("a", LINK, "nowhere")), ["a", "nowhere"]),
        (archive(("a", LINK, "a")), ["a"]),
        (archive(("a", SYMLINK, "")), ["a"]),
        (archive(("d/", DIRECTORY, b""), ("b", LINK, "d")), ["b", "directory"]),
        (archive(("n" * 300, FILE, b"")), ["nnn", "File name too long"]),
        (archive(("loop", SYMLINK, "loop"), ("loop/x", FILE, b"")), ["loop", "links"]),
    ],
)
def test_the_entry_is_named(tmp_path: Path, data: bytes, words: list[str]) -> None:
    with pytest.raises(InvalidImage) as caught:
        unpack(io.BytesIO(data), tmp_path, whiteouts="apply")
    for word in words:
        assert word in str(caught.value)


def test_a_device_where_none_is_allowed(tmp_path: Path) -> None:
    data = archive(("dev/kmem", CHARACTER, ""))
    with pytest.raises(InvalidImage, match="dev/kmem: a device node"):
        unpack(io.BytesIO(data), tmp_path, whiteouts="apply", devices=False)


def test_marks_of_overlayfs_are_not_an_archives_to_set(tmp_path: Path) -> None:
    marks = {"SCHILY.xattr.trusted.overlay.redirect": "/etc", "SCHILY.xattr.user.x": "y"}
    data = archive(("d/", DIRECTORY, b""), pax=marks)
    unpack(io.BytesIO(data), tmp_path, whiteouts="apply")
    assert [name for name in os.listxattr(tmp_path / "d") if "overlay" in name] == []


def test_names_that_are_not_utf8_and_names_that_differ_in_case(tmp_path: Path) -> None:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.GNU_FORMAT, errors="surrogateescape") as made:
        for name in ("caf\udce9", "Readme", "README", "two\nlines", "tab\t", "\x1b[31m"):
            made.addfile(tarfile.TarInfo(name))
    unpack(io.BytesIO(raw.getvalue()), tmp_path, whiteouts="apply")
    assert set(os.listdir(os.fsencode(tmp_path))) == {
        b"caf\xe9", b"Readme", b"README", b"two\nlines", b"tab\t", b"\x1b[31m",
    }  # fmt: skip


def test_an_error_shows_no_control_characters(tmp_path: Path) -> None:
    with pytest.raises(InvalidImage) as caught:
        unpack(io.BytesIO(archive(("\x1b[2J\n", LINK, "nowhere"))), tmp_path, whiteouts="apply")
    assert str(caught.value).isprintable()


PLAIN = archive(("a/", DIRECTORY, b""), ("a/file", FILE, os.urandom(3000)), ("b", FILE, b"b" * 700))


@pytest.mark.parametrize("compress", [bytes, lambda data: gzip.compress(data, mtime=0)], ids=["tar", "gzip"])
def test_cut_anywhere_it_is_never_taken_for_whole(tmp_path: Path, compress: Callable[[bytes], bytes]) -> None:
    """A tar may end between two entries, as far as tar is concerned: then it is the digest that tells."""
    whole = compress(PLAIN)
    digest = f"sha256:{hashlib.sha256(whole).hexdigest()}"
    for number, cut in enumerate([*range(1, 700, 61), *range(700, len(whole), 397), len(whole) - 1]):
        place = tmp_path / str(number)
        place.mkdir()
        with pytest.raises(InvalidImage):
            unpack(io.BytesIO(whole[:cut]), place, whiteouts="apply", digest=digest)


def test_changed_anywhere_it_is_never_taken_for_what_it_was(tmp_path: Path) -> None:
    blob = gzip.compress(PLAIN, mtime=0)
    digest, diff_id = (f"sha256:{hashlib.sha256(data).hexdigest()}" for data in (blob, PLAIN))
    for number in range(0, len(blob), 97):
        changed = bytearray(blob)
        changed[number] ^= 0x10
        place = tmp_path / str(number)
        place.mkdir()
        with pytest.raises(InvalidImage):
            unpack(io.BytesIO(bytes(changed)), place, whiteouts="apply", digest=digest, diff_id=diff_id)


def test_the_digest_of_the_blob_and_that_of_the_tar_are_both_looked_at(tmp_path: Path) -> None:
    for number, wrong in enumerate(("digest", "diff_id")):
        (tmp_path / str(number)).mkdir()
        claimed = {wrong: "sha256:" + "0" * 64}
        with pytest.raises(DigestMismatch):
            unpack(io.BytesIO(PLAIN), tmp_path / str(number), whiteouts="apply", **claimed)  # type: ignore[arg-type]


def test_bombs(tmp_path: Path) -> None:
    many = archive(*((f"f{number}", FILE, b"") for number in range(50)))
    zeros = gzip.compress(archive(("zeros", FILE, bytes(110 << 20))), mtime=0)
    said = {"major": "1", "minor": "0", "realsize": str(1 << 60), "name": "s"}
    sparse = archive(("s", FILE, b""), pax={f"GNU.sparse.{key}": value for key, value in said.items()})
    bombs = [
        (many, Bounds(entries=49)), (zeros, Bounds(ratio=100)), (zeros, Bounds(bytes=1 << 20)), (sparse, Bounds()),
    ]  # fmt: skip
    for number, (data, bounds) in enumerate(bombs):
        place = tmp_path / str(number)
        place.mkdir()
        with pytest.raises(InvalidImage):
            unpack(io.BytesIO(data), place, whiteouts="apply", bounds=bounds)


GARBAGE = (b"\xff" * 8, b"99999999", b"-1      ", b"\x80" + b"\xff" * 7, b"zzzzzzzz", b"\0" * 8)


@pytest.mark.parametrize("at", [0, 100, 124, 136, 148, 156, 257, 329])
def test_garbage_in_any_field_of_a_header_is_told_or_harmless(tmp_path: Path, at: int) -> None:
    for number, garbage in enumerate(GARBAGE):
        header = bytearray(archive(("name", FILE, b"content")))
        header[at : at + 8] = garbage
        header[148:156] = b" " * 8
        if at != 148:
            header[148:156] = b"%06o\0 " % sum(header[:512])
        place = tmp_path / str(number)
        place.mkdir()
        with suppress(ContainerError):
            unpack(io.BytesIO(bytes(header)), place, whiteouts="apply")
        assert [path.name for path in tmp_path.parent.iterdir() if path.name.startswith("name")] == []
