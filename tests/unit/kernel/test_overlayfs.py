"""The options for overlayfs: escaped, within a page, or short names and the links behind them."""

import doctest

import pytest

from container_lib.errors import InvalidValue
from container_lib.kernel import overlayfs


def test_the_examples_are_true() -> None:
    assert doctest.testmod(overlayfs).failed == 0


def test_what_would_end_a_path_is_escaped() -> None:
    assert overlayfs.options(["/a:b", "/c,d", "/e\\f"]).startswith(r"lowerdir=/a\:b:/c\,d:/e\\f,redirect_dir")
    assert r",upperdir=/u\:,workdir=/w\,," in overlayfs.options(["/a"], "/u:", "/w,")


def test_whoever_mounts_in_a_user_namespace_says_so() -> None:
    assert overlayfs.options(["/a"], "/u", "/w", user_namespace=True).endswith(",userxattr")
    assert "userxattr" not in overlayfs.options(["/a"], "/u", "/w")


@pytest.mark.parametrize(
    ("lowers", "words"),
    [([], "0 lower layers"), (["/a"] * 501, "501 lower layers"), (["/a"], "one lower layer")],
)
def test_what_the_kernel_would_refuse_is_refused_with_its_reason(lowers: list[str], words: str) -> None:
    with pytest.raises(InvalidValue, match=words):
        overlayfs.plan(lowers)


def test_the_last_byte_that_fits_and_the_first_that_does_not() -> None:
    room = overlayfs.PAGE - len(overlayfs.options(["/"], "/u", "/w"))
    assert overlayfs.plan(["/" + "x" * room], "/u", "/w")[1] == {}
    options, links = overlayfs.plan(["/" + "x" * (room + 1)], "/u", "/w")
    assert links == {"0": "/" + "x" * (room + 1), "u": "/u", "w": "/w"}
    assert options.startswith("lowerdir=0,upperdir=u,workdir=w,")


def test_bytes_count_and_not_characters() -> None:
    room = overlayfs.PAGE - len(overlayfs.options(["/"], "/u", "/w"))
    assert overlayfs.plan(["/" + "ü" * (room - 1)], "/u", "/w")[1] != {}


def test_as_many_layers_as_the_kernel_takes_fit_into_a_page() -> None:
    options, links = overlayfs.plan([f"/layers/{'x' * 64}/{number}" for number in range(500)], "/u", "/w")
    assert len(options) <= overlayfs.PAGE
    assert len(links) == 502
