"""Papers to look for, and an encoder that counts what it is asked."""

from collections.abc import Callable, Sequence

import pytest

from workingpapers.daily.database import Database
from workingpapers.daily.entries import PaperEntry
from workingpapers.daily.papers import add_papers
from workingpapers.daily.search.tfidf import TfIdfEncoder

Add = Callable[..., list[int]]


@pytest.fixture
def add(database: Database) -> Add:
    """Puts papers in: titles, or entries; gives their ids."""

    def add(*papers: str | PaperEntry) -> list[int]:
        entries = [paper if isinstance(paper, PaperEntry) else PaperEntry(paper) for paper in papers]
        with database.write() as session:
            report = add_papers(session, entries)
        return [*report.added, *report.updated]

    return add


class CountingEncoder(TfIdfEncoder):
    """TF-IDF in chunks of two, which remembers what it encoded."""

    chunk = 2

    def __init__(self) -> None:
        self.encoded: list[str] = []

    def encode(self, texts: Sequence[str]) -> list[bytes]:
        self.encoded += texts
        return super().encode(texts)


@pytest.fixture
def encoder() -> CountingEncoder:
    """An encoder that counts."""
    return CountingEncoder()
