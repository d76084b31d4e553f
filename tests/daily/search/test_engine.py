"""The engine as routes use it: hits, modes, pages, similar papers, errors, many threads."""

import threading
from datetime import date

import pytest

from workingpapers.daily.database import Database
from workingpapers.daily.entries import ClaimEntry, PaperEntry
from workingpapers.daily.search import engine as engine_module
from workingpapers.daily.search.dense import MiniLMEncoder
from workingpapers.daily.search.engine import SearchEngine
from workingpapers.daily.search.results import SearchPage
from workingpapers.daily.search.tfidf import TfIdfEncoder
from workingpapers.errors import InvalidParameterError

PAPERS = (
    PaperEntry(
        "Catastrophic interference in continual learning",
        summary="Networks forget old tasks while they learn new ones; rehearsal of old examples helps.",
        slug="rehearsal",
        arxiv="2401.10393",
        source="catalogue",
        published=date(2024, 1, 18),
    ),
    PaperEntry("Fourier mixing of tokens", summary="An FFT takes the place of attention.", arxiv="2111.13587"),
    PaperEntry("A landmark of speech", summary="Depression is told from the voice of patients.", arxiv="cs/0112017"),
    PaperEntry("Autoregression of a time series", summary="Least squares of past values forecast the next."),
    PaperEntry(
        "Rooms",
        slug="rooms",
        source="room",
        built=True,
        claims=(ClaimEntry("c", "Cross validation picks the zebra pattern of stripes."),),
    ),
)


@pytest.fixture(scope="module")
def minilm() -> MiniLMEncoder:
    """Its weights are read once."""
    return MiniLMEncoder()


@pytest.fixture
def engine(database: Database, add, minilm: MiniLMEncoder) -> SearchEngine:
    add(*PAPERS)
    engine = SearchEngine(database, minilm)
    engine.ensure()
    return engine


def titles(page: SearchPage) -> list[str]:
    return [hit.card.title.split()[0] for hit in page.hits]


def test_minilm_is_taken_where_it_is_installed_and_tf_idf_where_not(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workingpapers.daily.search import encoders

    assert SearchEngine(database).engine == "MiniLM"
    monkeypatch.setattr(encoders, "find_spec", lambda name: None)
    without = SearchEngine(database)
    assert without.engine == "TF-IDF"
    assert "`search` is not installed" in without.description


def test_meaning_finds_what_shares_no_word(engine: SearchEngine) -> None:
    query = "telling mental illness by how people talk"
    assert titles(engine.search(query, person_id=1, mode="words")) == []
    hit = engine.search(query, person_id=1).hits[0]
    assert hit.card.arxiv == "cs/0112017"
    assert {"depression", "voice", "speech"} & set(hit.why)
    assert hit.similarity is not None
    assert hit.similarity > 0.3
    marked = {text.lower() for text, is_marked in hit.snippet if is_marked}
    assert marked
    assert marked <= set(hit.why)


def test_both_lists_are_joined(engine: SearchEngine) -> None:
    page = engine.search("networks that forget", person_id=1)
    assert titles(page)[0] == "Catastrophic"
    assert page.hits[0].why[:2] == ("networks", "forget")
    assert 0 < page.hits[0].score <= 1
    assert [hit.score for hit in page.hits] == sorted((hit.score for hit in page.hits), reverse=True)


def test_the_whole_snippet_is_the_text(engine: SearchEngine) -> None:
    (hit,) = engine.search("rehearsal", person_id=1, mode="words").hits
    assert "".join(text for text, _ in hit.snippet) == PAPERS[0].summary
    assert ("rehearsal", True) in hit.snippet


def test_a_hit_in_a_claim_shows_the_claim(engine: SearchEngine) -> None:
    (hit,) = engine.search("zebra", person_id=1, mode="words").hits
    assert hit.card.title == "Rooms"
    assert hit.snippet == (("Cross validation picks the ", False), ("zebra", True), (" pattern of stripes.", False))
    assert hit.similarity is None  # nothing was compared by meaning


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("rehearsal", "Catastrophic"),
        ("2111.13587", "Fourier"),
        ("https://arxiv.org/abs/2111.13587v2", "Fourier"),
        (" cs/0112017 ", "A"),
        ("rooms", "Rooms"),
    ],
)
def test_a_paper_that_is_named_comes_first(engine: SearchEngine, query: str, title: str) -> None:
    for mode in ("hybrid", "words", "meaning"):
        assert titles(engine.search(query, person_id=1, mode=mode))[0] == title  # type: ignore[arg-type]


@pytest.mark.parametrize("query", ["", "   ", "?!", "%", "\ud800", "\x00"])
def test_a_query_without_a_word_finds_nothing(engine: SearchEngine, query: str) -> None:
    page = engine.search(query, person_id=1)
    assert (page.hits, page.total, page.pages, page.previous, page.next) == ((), 0, 1, None, None)


def test_papers_that_are_not_ready_are_found_by_words(database: Database, add, minilm: MiniLMEncoder) -> None:
    engine = SearchEngine(database, minilm)
    add(*PAPERS)
    page = engine.search("fourier", person_id=1)
    assert titles(page) == ["Fourier"]
    assert not page.complete
    engine.ensure()
    assert engine.search("fourier", person_id=1).complete


def test_pages(database: Database, add) -> None:
    add(*(f"Fourier {number}" for number in range(7)))
    engine = SearchEngine(database, TfIdfEncoder())
    engine.ensure()
    pages = [engine.search("fourier", person_id=1, page=number, per_page=3) for number in (1, 2, 3, 4)]
    assert [len(page.hits) for page in pages] == [3, 3, 1, 0]
    assert [(page.previous, page.next) for page in pages] == [(None, 2), (1, 3), (2, None), (3, None)]
    assert {(page.total, page.pages) for page in pages} == {(7, 3)}
    assert len({hit.card.id for page in pages for hit in page.hits}) == 7
    assert pages[0].engine == "TF-IDF"


def test_what_is_little_alike_is_no_hit(engine: SearchEngine) -> None:
    assert engine.search("recipes for vegetable soup", person_id=1).hits == ()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"query": "a" * 10_001}, "has 10,001 characters; at most 10,000 are allowed"),
        ({"query": "a", "mode": "magic"}, "mode 'magic' is unknown; allowed are hybrid, words, meaning"),
        ({"query": "a", "page": 0}, "page 0 is not allowed"),
        ({"query": "a", "page": 10**30}, "is not allowed; give 1 to 1000000"),
        ({"query": "a", "per_page": 101}, "per_page 101 is not allowed; give 1 to 100"),
    ],
)
def test_what_is_not_allowed_is_refused(engine: SearchEngine, arguments: dict, message: str) -> None:
    with pytest.raises(InvalidParameterError, match=message):
        engine.search(person_id=1, **arguments)


def test_similar_papers(engine: SearchEngine, add) -> None:
    (other,) = add(PaperEntry("Rehearsal against forgetting", summary="Old tasks are forgotten by a network."))
    assert engine.similar(other, person_id=1) == []  # not ready
    engine.ensure()
    near = engine.similar(other, person_id=1, count=2)
    assert near[0][0].slug == "rehearsal"
    assert 0.3 < near[0][1] < 1
    assert other not in [card.id for card, _ in near]
    assert len(engine.similar(other, person_id=1, count=1)) == 1
    assert engine.similar(10**9, person_id=1) == []


def test_the_ranking_without_cards_is_that_of_the_pages(engine: SearchEngine) -> None:
    for mode in ("hybrid", "words", "meaning"):
        page = engine.search("networks forget voices", person_id=1, mode=mode)  # type: ignore[arg-type]
        ranked = engine.rank("networks forget voices", mode=mode)  # type: ignore[arg-type]
        assert [(hit.card.id, hit.score) for hit in page.hits] == ranked


def test_threads_search_while_papers_come_in(database: Database, add) -> None:
    add("Fourier first")
    engine = SearchEngine(database, TfIdfEncoder())
    engine.ensure()
    over = threading.Event()
    problems: list[BaseException] = []

    def look() -> None:
        try:
            while not over.is_set():
                assert "Fourier" in titles(engine.search("fourier", person_id=1))
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(10):
        add(*(f"Fourier {number} {other}" for other in range(10)))
        engine.ensure()
    over.set()
    for thread in threads:
        thread.join()
    assert problems == []
    assert engine.search("fourier", person_id=1).total == 101
    assert len(engine.rank("fourier", mode="meaning")) == 101


def test_only_the_best_of_many_are_ranked_by_meaning(database: Database, add, monkeypatch: pytest.MonkeyPatch) -> None:
    add(*(" ".join(["fourier", *["other"] * number, f"word{number}"]) for number in range(30)))
    engine = SearchEngine(database, TfIdfEncoder())
    engine.ensure()
    everything = engine.rank("fourier", mode="meaning")
    monkeypatch.setattr(engine_module, "DEPTH", 7)
    assert engine.rank("fourier", mode="meaning") == everything[:7]
