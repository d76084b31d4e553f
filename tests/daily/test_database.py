"""The file of the daily page: made whole, migrated forward, safe for many at once, refused where it is foreign."""

import multiprocessing
import os
import sqlite3
import threading
from datetime import date, datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, func, select, text

import workingpapers.daily
from workingpapers.daily import trending
from workingpapers.daily.database import HEAD, Database, now
from workingpapers.daily.tables import LOCAL_PERSON, Base, PaperRow, PersonRow
from workingpapers.errors import StoreError


def _config(path: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(workingpapers.daily.__file__).parent / "migrations"))
    config.attributes["engine"] = create_engine(f"sqlite:///{path}")
    return config


def _paper(title: str) -> PaperRow:
    return PaperRow(title=title, title_key=title, listed=date(2026, 1, 1), source="json", added=now(), changed=now())


def _schema(path: Path) -> set[tuple[str, ...]]:
    with sqlite3.connect(path) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            (name, *map(str, column[1:]))
            for name in names
            if not name.startswith(("sqlite_", "paper_text_"))
            for column in connection.execute(f"PRAGMA table_info({name})")
        }


def test_head_is_the_newest_revision(tmp_path: Path) -> None:
    assert ScriptDirectory.from_config(_config(tmp_path / "unused.sqlite")).get_current_head() == HEAD


def test_a_new_database_is_what_the_migrations_make(tmp_path: Path) -> None:
    Database(tmp_path / "made.sqlite").close()
    command.upgrade(_config(tmp_path / "migrated.sqlite"), "head")
    assert _schema(tmp_path / "made.sqlite") == _schema(tmp_path / "migrated.sqlite")
    migrated = create_engine(f"sqlite:///{tmp_path / 'migrated.sqlite'}")
    with migrated.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), Base.metadata)
        assert [one for one in differences if "paper_text" not in str(one)] == []
        assert connection.scalar(text("SELECT role FROM people WHERE id = 1")) == "admin"


def test_an_old_database_is_migrated_when_it_is_opened_and_keeps_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite"
    command.upgrade(_config(path), "0001")
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO remembered VALUES ('colour', 'green')")
        connection.execute(
            "INSERT INTO papers (id, title, title_key, summary, summary_kind, authors, author_count, listed, source,"
            " upvotes, built, usage, added, changed) VALUES (7, 'Old', 'old', '', 'abstract', '[]', 0, '2026-01-02',"
            " 'json', 3, 0, '', '2026-01-03T00:00:00+00:00', '2026-01-03T00:00:00+00:00')"
        )
        connection.execute("INSERT INTO votes VALUES (7, 1, '2026-02-03T00:00:00+00:00')")
    database = Database(path)
    with database.write() as session:  # the migration fills the trending order as the page would
        filled = session.scalar(text("SELECT heat FROM papers WHERE id = 7"))
        session.execute(text("UPDATE papers SET heat = 0"))
        trending.refresh(session)
        assert filled == pytest.approx(session.scalar(text("SELECT heat FROM papers WHERE id = 7")), rel=1e-12)
    with database.read() as session:
        assert session.scalar(text("SELECT value FROM remembered")) == "green"
        assert session.scalar(text("SELECT version_num FROM alembic_version")) == HEAD


def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "new.sqlite"
    Database(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match=r"revision 9999, newer than .* install the newer version"):
        Database(path)


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "letter.sqlite"
    path.write_text("Dear Sir or Madam, this is no database. " * 100)
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"cannot open the database .*letter\.sqlite: file is not a database"):
        Database(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["what?.sqlite", "50%25 of#it.sqlite", "a b&c=d.sqlite"])
def test_a_path_may_hold_any_character(tmp_path: Path, name: str) -> None:
    database = Database(tmp_path / name)
    before = database.version()
    with database.write() as session:
        session.add(_paper("a"))
    assert database.version() != before
    database.close()
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.skipif(os.name != "posix", reason="modes of files")
def test_only_the_owner_may_read_what_is_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "daily.sqlite"
    before = os.umask(0)
    try:
        database = Database(path)
        with database.write() as session:
            session.add(_paper("a"))
        modes = {each.name: each.stat().st_mode & 0o777 for each in (path.parent, *path.parent.iterdir())}
        assert modes == {"new": 0o700, **dict.fromkeys([path.name, f"{path.name}-wal", f"{path.name}-shm"], 0o600)}
        database.close()
        path.chmod(0o640)
        Database(path).close()
        assert path.stat().st_mode & 0o777 == 0o640
    finally:
        os.umask(before)


def test_a_write_that_fails_leaves_nothing(database: Database) -> None:
    with pytest.raises(RuntimeError, match="half way"), database.write() as session:
        session.add(_paper("a"))
        session.flush()
        raise RuntimeError("half way")
    with database.read() as session:
        assert session.scalar(select(func.count(PaperRow.id))) == 0


def test_a_reader_sees_one_state_throughout(database: Database) -> None:
    with database.read() as reading:
        assert reading.scalar(select(func.count(PaperRow.id))) == 0
        with database.write() as writing:
            writing.add(_paper("a"))
        assert reading.scalar(select(func.count(PaperRow.id))) == 0
    with database.read() as reading:
        assert reading.scalar(select(func.count(PaperRow.id))) == 1


def test_the_version_moves_with_every_commit_and_with_nothing_else(database: Database) -> None:
    start = database.version()
    with database.read() as session:
        session.scalar(select(func.count(PaperRow.id)))
    assert database.version() == start
    seen = {start}
    for number in range(3):
        with database.write() as session:
            session.add(_paper(str(number)))
        seen.add(database.version())
    assert len(seen) == 4


def test_threads_that_count_together_lose_no_count(database: Database) -> None:
    def count() -> None:
        for _ in range(20):
            with database.write() as session:
                person = session.get_one(PersonRow, LOCAL_PERSON)
                person.name = str(int(person.name or 0) + 1)

    threads = [threading.Thread(target=count) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as session:
        assert session.get_one(PersonRow, LOCAL_PERSON).name == "120"


def test_many_processes_may_make_the_same_database(tmp_path: Path) -> None:
    path = tmp_path / "shared.sqlite"
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=Database, args=(path,)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    database = Database(path)
    with database.read() as session:
        assert session.scalar(select(func.count(PersonRow.id))) == 1


def test_a_moment_without_time_zone_is_refused(database: Database) -> None:
    with pytest.raises(Exception, match="has no time zone"), database.write() as session:
        session.add(PersonRow(email="a@example.org", created=datetime(2026, 1, 1)))
