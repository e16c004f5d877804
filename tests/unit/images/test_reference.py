"""References: the grammar of docker, what it adds, and what it refuses in which words."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from container_lib.errors import InvalidValue
from container_lib.images.reference import Reference, parse

HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "full", "familiar"),
    [
        ("alpine", "docker.io/library/alpine:latest", "alpine:latest"),
        ("alpine:3.20", "docker.io/library/alpine:3.20", "alpine:3.20"),
        ("me/app", "docker.io/me/app:latest", "me/app:latest"),
        ("library/alpine", "docker.io/library/alpine:latest", "alpine:latest"),
        ("docker.io/alpine", "docker.io/library/alpine:latest", "alpine:latest"),
        ("index.docker.io/alpine", "docker.io/library/alpine:latest", "alpine:latest"),
        ("localhost/app", "localhost/app:latest", "localhost/app:latest"),
        ("localhost:5000/app:1", "localhost:5000/app:1", "localhost:5000/app:1"),
        ("app:5000", "docker.io/library/app:5000", "app:5000"),
        ("host:5000/a/b:c_D.e-f", "host:5000/a/b:c_D.e-f", "host:5000/a/b:c_D.e-f"),
        ("Host/app", "Host/app:latest", "Host/app:latest"),
        ("[::1]:5000/app", "[::1]:5000/app:latest", "[::1]:5000/app:latest"),
        ("127.0.0.1:5000/app", "127.0.0.1:5000/app:latest", "127.0.0.1:5000/app:latest"),
        ("a__b--c/e_f.g", "docker.io/a__b--c/e_f.g:latest", "a__b--c/e_f.g:latest"),
        (f"alpine@sha256:{HEX}", f"docker.io/library/alpine@sha256:{HEX}", f"alpine@sha256:{HEX}"),
        (f"alpine:1@sha256:{HEX}", f"docker.io/library/alpine:1@sha256:{HEX}", f"alpine:1@sha256:{HEX}"),
        (HEX[:63], f"docker.io/library/{HEX[:63]}:latest", f"{HEX[:63]}:latest"),
        ("docker.io/library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest"),
    ],
)
def test_every_way_to_write_a_name(text: str, full: str, familiar: str) -> None:
    assert parse(text).full == full
    assert parse(text).familiar == familiar


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Alpine", "invalid reference format: repository name (library/Alpine) must be lowercase"),
        ("me/App:1", "invalid reference format: repository name (me/App) must be lowercase"),
        (HEX, f"invalid repository name ({HEX}), cannot specify 64-byte hexadecimal strings"),
        ("a" * 249, "repository name must not be more than 255 characters"),
        ("", "invalid reference format: ''"),
        ("alpine:", "invalid reference format"),
        ("alpine:-x", "invalid reference format"),
        ("alpine:" + "x" * 129, "invalid reference format"),
        ("-alpine", "invalid reference format"),
        ("a___b", "invalid reference format"),
        ("a..b", "invalid reference format"),
        ("a//b", "invalid reference format"),
        ("a/", "invalid reference format"),
        ("/a", "invalid reference format"),
        ("a b", "invalid reference format"),
        ("alpine\n", "invalid reference format"),
        ("älpine", "invalid reference format"),
        ("alpine@sha256:abc", "invalid reference format"),
        ("alpine@md5:" + "0" * 32, "algorithm 'md5' is not known"),
        ("alpine@sha256:" + "0" * 63, "takes 64"),
        ("https://host/app", "invalid reference format"),
        ("-host.example/app", "invalid reference format"),
        ("host:port/app", "invalid reference format"),
    ],
)
def test_what_is_no_name_is_refused(text: str, said: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        parse(text)
    assert said in str(refused.value)


def test_the_longest_path() -> None:
    assert parse("a" * 247).path == "library/" + "a" * 247


def test_parts() -> None:
    assert parse("host:5000/a/b:c") == Reference("host:5000", "a/b", "c", "")
    assert parse(f"a@sha256:{HEX}") == Reference("docker.io", "library/a", "", f"sha256:{HEX}")
    assert parse("host/a").repository == "docker.io/host/a"
    assert parse("host/a").familiar_repository == "host/a"


component = st.from_regex(r"[a-z0-9]{1,8}((\.|_|__|-{1,3})[a-z0-9]{1,8}){0,2}", fullmatch=True)
domain = st.from_regex(r"[A-Za-z0-9]{1,8}(\.[a-zA-Z0-9]{1,8}){1,3}(:[0-9]{1,5})?", fullmatch=True)
tag = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(domain, st.sampled_from(["docker.io", "localhost"])),
    st.lists(component, min_size=1, max_size=4),
    tag,
)
def test_a_name_that_was_written_is_the_name_that_is_read(where: str, path: list[str], tag: str) -> None:
    if where == "docker.io" and len(path) == 1:
        path = ["library", *path]
    written = Reference(where, "/".join(path), tag)
    assert parse(written.full) == written
    if where == "docker.io" and len(path) > 1 and ("." in path[0] or path[0] == "localhost"):
        return  # docker's short names are ambiguous there: the namespace would be read as a domain
    assert parse(written.familiar) == written


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40))
def test_whatever_is_typed_is_a_name_or_refused(text: str) -> None:
    try:
        found = parse(text)
    except InvalidValue:
        return
    assert parse(found.full) == found
