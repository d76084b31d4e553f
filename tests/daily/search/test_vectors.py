"""Stored embeddings: made once for each text, kept through interruptions, read by whoever asks."""

import threading

import pytest
from sqlalchemy import select, text

from workingpapers.daily.database import Database
from workingpapers.daily.entries import PaperEntry
from workingpapers.daily.search.engine import SearchEngine
from workingpapers.daily.search.tfidf import TfIdfEncoder
from workingpapers.daily.search.vectors import Vectors
from workingpapers.daily.tables import EmbeddingRow


def stored(database: Database) -> dict[int, str]:
    with database.read() as session:
        return {row.paper_id: row.text_hash for row in session.scalars(select(EmbeddingRow))}


def ids(vectors: Vectors, database: Database) -> list[int]:
    with database.read() as session:
        return sorted(vectors.index(session).ids.tolist())


def test_each_text_is_embedded_once(database: Database, add, encoder) -> None:
    papers = add("One", "Two", PaperEntry("Three", summary="A summary.", topics=("a topic",)))
    told: list[tuple[int, int]] = []
    vectors = Vectors(database, encoder)
    assert vectors.ensure(lambda done, of: told.append((done, of))) == 3
    assert told == [(2, 3), (3, 3)]
    assert sorted(encoder.encoded) == ["One", "Three\nA summary.\na topic", "Two"]
    assert set(stored(database)) == set(papers)
    assert vectors.ensure() == 0
    assert Vectors(database, encoder).ensure() == 0  # another start of the page
    assert len(encoder.encoded) == 3


def test_a_changed_text_is_embedded_again_and_replaces_the_old(database: Database, add, encoder) -> None:
    first, second = add("Fourier", "Attention")
    vectors = Vectors(database, encoder)
    vectors.ensure()
    before = stored(database)
    with database.read() as session:
        assert vectors.index(session).similarities("spectral")[vectors.index(session).position(first)] == 0
    add(PaperEntry("Fourier", summary="Spectral mixing."))
    assert vectors.ensure() == 1
    after = stored(database)
    assert after[first] != before[first]
    assert after[second] == before[second]
    with database.read() as session:
        index = vectors.index(session)
        assert len(index) == 2
        assert index.similarities("spectral")[index.position(first)] > 0


def test_what_was_done_before_an_interruption_stays(database: Database, add, encoder) -> None:
    add("One", "Two", "Three", "Four", "Five")

    def stop(done: int, of: int) -> None:
        if done >= 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Vectors(database, encoder).ensure(stop)
    assert len(stored(database)) == 4
    assert Vectors(database, encoder).ensure() == 1
    assert sorted(encoder.encoded) == ["Five", "Four", "One", "Three", "Two"]


def test_another_process_reads_what_was_written(database: Database, add, encoder) -> None:
    here, there = Vectors(database, encoder), Vectors(database, TfIdfEncoder())
    first = add("One", "Two")
    here.ensure()
    assert ids(there, database) == sorted(first)
    second = add("Three")
    here.ensure()
    assert ids(there, database) == sorted(first + second)


def test_a_paper_that_takes_the_row_of_a_deleted_one_is_read(database: Database, add, encoder) -> None:
    vectors = Vectors(database, encoder)
    add("One", "Two")
    vectors.ensure()
    assert len(ids(vectors, database)) == 2
    with database.write() as session:
        session.execute(text("DELETE FROM papers"))
    assert stored(database) == {}
    add("Three", "Four")
    vectors.ensure()
    with database.read() as session:
        index = vectors.index(session)
        assert index.similarities("four").max() > 0.9


def test_a_deleted_paper_is_no_hit(database: Database, add, encoder) -> None:
    engine = SearchEngine(database, encoder)
    first, second = add("Fourier mixing", "Fourier filters")
    engine.ensure()
    with database.write() as session:
        session.execute(text("DELETE FROM papers WHERE id = :id"), {"id": first})
    assert [hit.card.id for hit in engine.search("fourier", person_id=1, mode="meaning").hits] == [second]
    assert [card.id for card, _ in engine.similar(second, person_id=1)] == []


def test_many_threads_embed_each_text_once(database: Database, add, encoder) -> None:
    add(*(f"Number {number}" for number in range(21)))
    vectors = Vectors(database, encoder)
    made: list[int] = []
    threads = [threading.Thread(target=lambda: made.append(vectors.ensure())) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [0, 0, 0, 0, 21]
    assert len(encoder.encoded) == 21
    assert len(stored(database)) == 21


def test_two_models_stand_side_by_side(database: Database, add, encoder) -> None:
    class Other(TfIdfEncoder):
        model = "other"

    add("One", "Two")
    one, other = Vectors(database, encoder), Vectors(database, Other())
    assert (one.ensure(), other.ensure()) == (2, 2)
    assert len(ids(one, database)) == len(ids(other, database)) == 2
    add("Three")
    assert (other.ensure(), one.ensure()) == (1, 1)
    assert len(ids(one, database)) == len(ids(other, database)) == 3
