"""What an image archive holds, taken in by one pass over it, in whatever order it comes.

    index.json, manifest.json, oci-layout      kept in memory: at most 4 MiB each
    blobs/<algorithm>/<hex>                    into a room of their own, verified against their name
    <hex>.json, <hex>.tar, <hex>/layer.tar     into the same room, named by the digest of their bytes: what these
                                               names promise is not believed; links between them are noted
    VERSION, <hex>/json, repositories          what docker wrote for versions before 1.10: passed over

The room is a `Blobs` beside the store's own, on the same filesystem: what turns out to be wrong goes with it, and
what is right moves by rename. See image-spec image-layout.md.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from container_lib.errors import InvalidImage, InvalidValue
from container_lib.images.archive_members import Member
from container_lib.storage import digest as digests
from container_lib.storage.blobs import DOCUMENT_LIMIT, Blobs

INDEX, MANIFEST, LAYOUT = "index.json", "manifest.json", "oci-layout"
_DOCUMENTS = (INDEX, MANIFEST, LAYOUT)
_BLOB = re.compile("blobs/([^/]+)/([^/]+)").fullmatch
# other tools name a file after its digest, with or without "sha256:", and compress layers
_SUFFIXES = (".json", ".tar", ".tar.gz", ".tgz", ".tar.zst")
_MOST_LINKS = 8


@dataclass
class Contents:
    """The documents of an archive, and where its files are: (digest, bytes) in `blobs`, by name."""

    blobs: Blobs
    documents: dict[str, bytes] = field(default_factory=dict)
    files: dict[str, tuple[str, int]] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)

    def find(self, name: str, where: str) -> tuple[str, int]:
        """Return digest and size of a file, through links. Raises `InvalidImage`; `where` says who names it."""
        at = name
        for _ in range(_MOST_LINKS):
            if at in self.files:
                return self.files[at]
            at = self.links.get(at, "")
        raise InvalidImage(f"{where}: {name} is not in the archive")


def take_in(members: Iterable[Member], blobs: Blobs) -> Contents:
    """Read an archive to its end and return what is in it; `blobs` takes the files.

    Raises `InvalidImage` that names the entry, `DigestMismatch` for a blob that is not what its name says.
    """
    contents = Contents(blobs)
    for member in members:
        if member.link:
            contents.links[member.name] = member.link
        elif member.name in _DOCUMENTS:
            contents.documents[member.name] = _document(member, contents)
        elif blob := _BLOB(member.name):
            contents.files[member.name] = _store(member, blobs, _named(member, *blob.groups()))
        elif member.name.endswith(_SUFFIXES) or member.name.startswith("sha256:"):
            if member.name in contents.files:
                raise InvalidImage(f"{member.name}: twice in the archive")
            contents.files[member.name] = _store(member, blobs, "")
    if not contents.documents.keys() & {INDEX, MANIFEST}:
        hint = "a root filesystem becomes an image by: byhand import"
        raise InvalidImage(f"no {INDEX} and no {MANIFEST}: this is no archive of images", hint)
    return contents


def _document(member: Member, contents: Contents) -> bytes:
    if member.name in contents.documents:
        raise InvalidImage(f"{member.name}: twice in the archive")
    if member.size > DOCUMENT_LIMIT:
        raise InvalidImage(f"{member.name}: {member.size} bytes, and {DOCUMENT_LIMIT} are the limit")
    return b"".join(member.pieces())


def _named(member: Member, algorithm: str, encoded: str) -> str:
    try:
        return digests.check(f"{algorithm}:{encoded}")
    except InvalidValue as error:
        raise InvalidImage(f"{member.name}: {error.message}") from None


def _store(member: Member, blobs: Blobs, expected: str) -> tuple[str, int]:
    with blobs.writer(expected, member.size) as writer:
        for piece in member.pieces():
            writer.write(piece)
        return writer.commit(), writer.written
