"""What the tests of images share."""

from pathlib import Path

import pytest

from container_lib.images.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    return Store(tmp_path)
