"""The daily page's database, as several verbs open it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from workingpapers.errors import MissingExtraError, StoreError

if TYPE_CHECKING:
    from workingpapers.daily.database import Database


@contextmanager
def web_extra(verb: str) -> Iterator[None]:
    """Inside, a missing package of the extra `web` is one line; raises `MissingExtraError`."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("workingpapers"):
            raise
        raise MissingExtraError(
            f"`{verb}` needs {error.name}, which is not installed; `pip install 'workingpapers[web]'`"
        ) from error


@contextmanager
def opened(verb: str, path: str | None, *, must_exist: bool = False) -> "Iterator[Database]":
    """The database at a path, or at the default place, closed at the end.

    Args:
        verb: Who asks, for the message.
        path: The file; None is the default place.
        must_exist: Whether it is an error that there is none; else it is made.

    Raises:
        MissingExtraError: the extra `web` is not installed.
        StoreError: it cannot be opened, or must exist and does not.
    """
    with web_extra(verb):
        from workingpapers.daily.database import Database, default_path

    place = Path(path) if path else default_path()
    if must_exist and not place.exists():
        raise StoreError(
            f"there is no database at {place}; `workingpapers serve` makes one, or name another with --database"
        )
    database = Database(place)
    try:
        yield database
    finally:
        database.close()
