"""Digests: their syntax is checked before one is used as a file's name."""

import hashlib

import pytest

from container_lib.errors import InvalidValue
from container_lib.storage import digest


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_the_digest_of_bytes(algorithm: str) -> None:
    name = digest.of(b"hello", algorithm)
    assert digest.algorithm(name) == algorithm
    assert digest.encoded(name) == hashlib.new(algorithm, b"hello").hexdigest()
    feeding = digest.hasher(name)
    feeding.update(b"hello")
    assert feeding.hexdigest() == digest.encoded(name)
    assert digest.hasher(algorithm).name == algorithm


@pytest.mark.parametrize(
    "text",
    [
        "", "sha256", "sha256:", ":00", "md5:d41d8cd98f00b204e9800998ecf8427e", "sha256:" + "0" * 63,
        "sha256:" + "0" * 65, "sha256:" + "A" * 64, "sha256:" + "../" * 21 + "a", "SHA256:" + "0" * 64,
        "sha256:" + "0" * 63 + "\n", "sha512:" + "0" * 64, "sha256:" + "٠" * 64,
    ],
)  # fmt: skip
def test_what_is_no_digest_is_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        digest.check(text)
    assert repr(text) in str(refused.value)
