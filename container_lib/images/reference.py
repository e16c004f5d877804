"""A reference: what people call an image. `parse` turns each way to write one into the same full name.

    alpine                               docker.io/library/alpine:latest
    alpine@sha256:4bc4…                  docker.io/library/alpine@sha256:4bc4…
    me/app:1.2                           docker.io/me/app:1.2
    localhost/app                        localhost/app:latest
    registry.example:5000/team/app:1     registry.example:5000/team/app:1
    domain                 path     tag

The first part is a domain if it looks like one: a dot, a colon or a capital letter in it, or "localhost".
A tag can move to another image; a digest cannot. Left out: names of the content trust and of plugins.
See https://github.com/distribution/reference, and docker tag's reference documentation.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from container_lib.errors import InvalidValue
from container_lib.storage import digest as digests

DEFAULT_DOMAIN = "docker.io"
DEFAULT_NAMESPACE = "library"
DEFAULT_TAG = "latest"
LONGEST_PATH = 255  # characters

_LABEL = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_COMPONENT = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_TAG = "[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_DIGEST = "[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}"
_REFERENCE = re.compile(
    f"({_DOMAIN})/({_COMPONENT}(?:/{_COMPONENT})*)(?::({_TAG}))?(?:@({_DIGEST}))?"
).fullmatch
_IMAGE_ID = re.compile("[0-9a-f]{64}").fullmatch


@dataclass(frozen=True)
class Reference:
    """A name in its parts. `tag` is "" where there is a digest and no tag; `digest` is "" where there is none."""

    domain: str
    path: str
    tag: str = DEFAULT_TAG
    digest: str = ""

    @property
    def repository(self) -> str:
        """The name without tag and digest: docker.io/library/alpine."""
        return f"{self.domain}/{self.path}"

    @property
    def familiar_repository(self) -> str:
        """The repository as people write it: alpine."""
        if self.domain != DEFAULT_DOMAIN:
            return self.repository
        namespace, _, name = self.path.rpartition("/")
        return name if namespace == DEFAULT_NAMESPACE else self.path

    @property
    def full(self) -> str:
        """The whole name: docker.io/library/alpine:latest."""
        return self.repository + self._suffix()

    @property
    def familiar(self) -> str:
        """The name as people write it: alpine:latest."""
        return self.familiar_repository + self._suffix()

    def _suffix(self) -> str:
        return (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")


@lru_cache(maxsize=1024)
def parse(text: str) -> Reference:
    """Return the reference that a text stands for. Raises `InvalidValue` in docker's words.

    >>> parse("alpine").full
    'docker.io/library/alpine:latest'
    >>> parse("docker.io/library/alpine:3.20").familiar
    'alpine:3.20'
    """
    if _IMAGE_ID(text):
        raise InvalidValue(f"invalid repository name ({text}), cannot specify 64-byte hexadecimal strings")
    domain, remainder = _split(text)
    name = remainder.partition(":")[0]
    if name != name.lower():
        raise InvalidValue(f"invalid reference format: repository name ({name}) must be lowercase")
    found = _REFERENCE(f"{domain}/{remainder}")
    if not found:
        raise InvalidValue(
            f"invalid reference format: {text!r}", "a name is written [domain/]path[:tag][@digest]"
        )
    domain, path, tag, digest = found.groups(default="")
    if len(path) > LONGEST_PATH:
        raise InvalidValue(f"repository name must not be more than {LONGEST_PATH} characters: {path}")
    if digest:
        digests.check(digest)
    return Reference(domain, path, tag or ("" if digest else DEFAULT_TAG), digest)


def _split(text: str) -> tuple[str, str]:
    """Tell the domain from the rest, and add what is left out."""
    first, slash, rest = text.partition("/")
    looks_like_a_domain = "." in first or ":" in first or first == "localhost" or first != first.lower()
    if not slash or not looks_like_a_domain:
        first, rest = DEFAULT_DOMAIN, text
    if first == "index.docker.io":  # what it was called once
        first = DEFAULT_DOMAIN
    if first == DEFAULT_DOMAIN and "/" not in rest:
        rest = f"{DEFAULT_NAMESPACE}/{rest}"
    return first, rest
