"""The page's secret: made once, read by its owner alone, never a default."""

import multiprocessing
import os
from pathlib import Path

import pytest
from sqlalchemy import select

from workingpapers.daily.database import Database
from workingpapers.daily.secrets import check_secret, page_secret, remember_secret, secret_file, signature
from workingpapers.daily.tables import NoteRow
from workingpapers.errors import InvalidParameterError, StoreError


@pytest.fixture(autouse=True)
def _no_secret_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORKINGPAPERS_SECRET", raising=False)


def test_it_is_made_on_first_use_and_kept(tmp_path: Path) -> None:
    first = page_secret(tmp_path / "daily.sqlite")
    path = secret_file(tmp_path / "daily.sqlite")
    assert path.stat().st_mode & 0o777 == 0o600
    assert page_secret(tmp_path / "daily.sqlite") == first
    assert page_secret(tmp_path / "other.sqlite") != first
    assert sorted(each.name for each in tmp_path.iterdir()) == ["daily.sqlite.secret", "other.sqlite.secret"]


def test_the_environment_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKINGPAPERS_SECRET", "x" * 32)
    found = page_secret(tmp_path / "daily.sqlite")
    monkeypatch.setenv("WORKINGPAPERS_SECRET", "y" * 32)
    assert page_secret(tmp_path / "daily.sqlite") != found
    assert list(tmp_path.iterdir()) == []


def test_a_short_one_is_refused_without_being_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKINGPAPERS_SECRET", "hunter2")
    with pytest.raises(InvalidParameterError, match="has 7 characters; give at least 32") as caught:
        page_secret(tmp_path / "daily.sqlite")
    assert "hunter2" not in str(caught.value)


def test_one_that_others_may_read_is_refused(tmp_path: Path) -> None:
    page_secret(tmp_path / "daily.sqlite")
    secret_file(tmp_path / "daily.sqlite").chmod(0o644)
    with pytest.raises(StoreError, match=r"others may read .* run `chmod 600"):
        page_secret(tmp_path / "daily.sqlite")


@pytest.mark.parametrize("content", [b"", b"short\n", b"\xff\xfe" * 40])
def test_a_damaged_one_is_reported_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = secret_file(tmp_path / "daily.sqlite")
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(StoreError, match=r"page's secret .*daily\.sqlite\.secret"):
        page_secret(tmp_path / "daily.sqlite")
    assert path.read_bytes() == content


def test_a_folder_that_cannot_be_written_to_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"cannot make the file of the page's secret .* set WORKINGPAPERS_SECRET"):
        page_secret(tmp_path / "missing" / "daily.sqlite")


def _ask(path: str, start: "multiprocessing.synchronize.Barrier", answers: "multiprocessing.Queue[bytes]") -> None:
    start.wait()
    answers.put(page_secret(Path(path)))


def test_processes_that_make_it_at_once_agree(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork" if os.name == "posix" else "spawn")
    start, answers = context.Barrier(4), context.Queue()
    processes = [context.Process(target=_ask, args=(str(tmp_path / "daily.sqlite"), start, answers)) for _ in range(4)]
    for process in processes:
        process.start()
    found = {answers.get(timeout=30) for _ in processes}
    for process in processes:
        process.join()
    assert found == {page_secret(tmp_path / "daily.sqlite")}


def test_a_signature_depends_on_secret_purpose_and_text() -> None:
    signed = signature(b"one", "unsubscribe", "abc")
    assert signed == signature(b"one", "unsubscribe", "abc")
    others = {
        signature(b"two", "unsubscribe", "abc"),
        signature(b"one", "confirm", "abc"),
        signature(b"one", "unsubscribe", "abd"),
        signature(b"one", "unsubscribe\0a", "bc"),
    }
    assert signed not in others
    assert len(others) == 4


def test_a_process_with_another_secret_than_the_page_is_told(database: Database) -> None:
    check_secret(database, b"one")
    remember_secret(database, b"one")
    check_secret(database, b"one")
    with pytest.raises(InvalidParameterError, match="set WORKINGPAPERS_SECRET as it is set there"):
        check_secret(database, b"two")
    before = database.version()
    remember_secret(database, b"one")
    assert database.version() == before
    remember_secret(database, b"two")
    check_secret(database, b"two")
    with database.read() as session:
        assert all(b"two" not in str(row.value).encode() for row in session.scalars(select(NoteRow)))
