"""A database of its own for every test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from workingpapers.daily.database import Database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty database with the local person."""
    database = Database(tmp_path / "daily.sqlite")
    yield database
    database.close()
