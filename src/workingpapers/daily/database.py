"""Opening the daily page's SQLite database: its file, its transactions, its version.

Reads run beside one writer (write-ahead log). A write transaction takes the writer's lock at its start, so what it
read cannot have changed when it writes; it is on disk when the `with` block ends.
"""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, create_engine, event, insert, text
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.orm import Session

from workingpapers.daily.tables import LOCAL_PERSON, Base, PersonRow
from workingpapers.errors import StoreError

HEAD = "0002"
"""Newest revision in `migrations/versions`."""

_BUSY_S = 30


def default_path() -> Path:
    """`daily.sqlite` in $WORKINGPAPERS_HOME, else in the user's data folder."""
    if home := os.environ.get("WORKINGPAPERS_HOME"):
        return Path(home) / "daily.sqlite"
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "workingpapers" / "daily.sqlite"


def now() -> datetime:
    """This moment in UTC, to the second."""
    return datetime.now(UTC).replace(microsecond=0)


class Database:
    """One SQLite file, made or migrated forward when it is opened.

    It holds private notes and addresses: where the file or its folder is made, only its owner may read it.

    Args:
        path: The file; its folder is made where it is missing. None is `default_path()`.

    Raises:
        StoreError: it cannot be opened, is no database, or was written by a newer version of this package.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        self.path = Path(path) if path is not None else default_path()
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"cannot make the folder {self.path.parent}: {error.strerror}; give another") from error
        _make_private(self.path)
        self.engine = create_engine(
            URL.create("sqlite+pysqlite", database=str(self.path)),
            connect_args={"timeout": _BUSY_S, "check_same_thread": False},
            pool_size=32,
            max_overflow=32,
        )
        event.listen(self.engine, "connect", _prepare)
        event.listen(self.engine, "begin", _begin)
        try:
            self._bring_up_to_date()
        except (DatabaseError, sqlite3.DatabaseError) as error:
            reason = getattr(error, "orig", error)
            raise StoreError(f"cannot open the database {self.path}: {reason}; name another with --database") from error
        self._watch = sqlite3.connect(self.path, check_same_thread=False, isolation_level=None)
        self._watching = threading.Lock()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one state of the database throughout."""
        with Session(self.engine, autoflush=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session that is the only writer; committed at the end of the block, rolled back on an error.

        Raises:
            StoreError: the file cannot be written, or another process held it too long.
        """
        try:
            with (
                self.engine.connect().execution_options(writer=True) as connection,
                Session(connection, expire_on_commit=False) as session,
                session.begin(),
            ):
                session.connection()  # takes the lock now: the first statement may come later
                yield session
        except OperationalError as error:
            raise StoreError(f"cannot write to the database {self.path}: {error.orig}") from error

    def version(self) -> int:
        """A number that changes with every commit of any thread or process."""
        with self._watching:
            return int(self._watch.execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()
        with self._watching, suppress(sqlite3.Error):
            self._watch.close()

    def _bring_up_to_date(self) -> None:
        with self.engine.connect() as connection:
            tables = set(connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'table'")))
            found = connection.scalar(text("SELECT version_num FROM alembic_version")) if tables else None
        if found == HEAD:
            return
        if found is not None and found > HEAD:
            raise StoreError(
                f"the database {self.path} is of revision {found}, newer than {HEAD} of this version of workingpapers; "
                "install the newer version, or name another database with --database"
            )
        if tables:
            self._migrate()
            return
        with self.engine.connect().execution_options(writer=True) as connection, connection.begin():
            if not connection.scalar(text("SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'")):
                Base.metadata.create_all(connection)
                connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
                connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": HEAD})
                connection.execute(insert(PersonRow).values(id=LOCAL_PERSON, email=None, role="admin", created=now()))

    def _migrate(self) -> None:
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        config.attributes["engine"] = self.engine
        command.upgrade(config, "head")


def _make_private(path: Path) -> None:
    """Make the file where it is missing, for its owner only; SQLite gives the files beside it the same mode.

    Where it cannot be made, opening it says why.
    """
    with suppress(OSError):
        os.close(os.open(os.path.realpath(path), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _prepare(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # SQLAlchemy's events say when a transaction begins
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "mmap_size = 1073741824"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writer") else "BEGIN")
