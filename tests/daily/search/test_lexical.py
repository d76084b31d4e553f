"""Search by words: what a reader types is never syntax, columns weigh, and common words stay bounded."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workingpapers.daily.database import Database
from workingpapers.daily.entries import PaperEntry
from workingpapers.daily.search import lexical


def titles(database: Database, query: str) -> list[str]:
    from sqlalchemy import text

    with database.read() as session:
        names = {row.id: row.title for row in session.execute(text("SELECT id, title FROM papers"))}
        return [names[id_] for id_, _ in lexical.rank(session, query)]


@given(st.text(max_size=60) | st.text("\"*():^{}-+ANDORNEAR title:%_\\'\x00\ud800é中", max_size=40))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300, deadline=None)
def test_nothing_that_is_typed_is_syntax(database: Database, query: str) -> None:
    with database.read() as session:
        assert lexical.rank(session, query) == []


@pytest.mark.parametrize(
    "query", ["fourier", "FOURIER", '"fourier', "title:fourier", "NOT fourier", "fourier*", "(fourier", "- fourier ^"]
)
def test_operators_are_words_or_nothing(database: Database, add, query: str) -> None:
    add("Fourier mixing")
    assert titles(database, query) == ["Fourier mixing"]


@pytest.mark.parametrize("query", ["%", "_", "*", '""', "' OR 1=1 --", "", "   "])
def test_wildcards_find_nothing(database: Database, add, query: str) -> None:
    add("Fourier mixing")
    assert titles(database, query) == []


def test_a_title_counts_more_than_topics_and_those_more_than_a_summary(database: Database, add) -> None:
    add(
        PaperEntry("Summary", summary="fourier and others"),
        PaperEntry("Topics", topics=("fourier and others",)),
        PaperEntry("Fourier and others"),
        *(f"Other {number}" for number in range(9)),
    )
    assert titles(database, "fourier") == ["Fourier and others", "Topics", "Summary"]


def test_a_rare_word_counts_more_than_a_common_one(database: Database, add) -> None:
    add(*(f"Attention number {number}" for number in range(9)), "Reversed number 10")
    assert titles(database, "attention reversed")[0] == "Reversed number 10"


def test_accents_capitals_and_endings_do_not_matter(database: Database, add) -> None:
    add(PaperEntry("Losses of a network", authors=("José Núñez",)), "Another one")
    for query in ("nunez", "NÚÑEZ", "loss", "networks", "jose nunez"):
        assert titles(database, query) == ["Losses of a network"], query


def test_words_that_say_nothing_are_passed_over_unless_there_are_no_others(database: Database, add) -> None:
    add("Fourier", "How to do with this")
    assert titles(database, "how to do fourier") == ["Fourier"]
    assert titles(database, "how to") == ["How to do with this"]


def test_the_last_word_may_be_half_typed(database: Database, add) -> None:
    add("Autoregression", "Auto models", "Learning", "Sums")
    assert titles(database, "autoreg") == ["Autoregression"]
    assert titles(database, "auto") == ["Auto models"]  # there is one that has it as it stands
    assert titles(database, "auto ") == ["Auto models"]  # finished by a space
    assert titles(database, "autoreg sums") == ["Sums"]  # not the last one
    assert titles(database, "au") == []  # too short to mean a beginning
    assert titles(database, "learni") == ["Learning"]  # the index holds the stem `learn`


def test_scores_are_shares_of_the_most_possible(database: Database, add) -> None:
    add("Order of things", "Order invariance", *(f"Number {number}" for number in range(9)))
    with database.read() as session:
        both, one = (score for _, score in lexical.rank(session, "order invariance"))
        assert 0 < one < 0.6 < both <= 1
        assert lexical.rank(session, "order invariance unheard")[0][1] < both
        (alone,) = lexical.rank(session, "invarian")
        assert 0 < alone[1] <= 1


def test_equal_papers_are_newest_first(database: Database, add) -> None:
    add("Fourier one", "Fourier two", "Fourier six")
    assert titles(database, "fourier") == ["Fourier six", "Fourier two", "Fourier one"]


def test_common_words_rank_a_bounded_number(database: Database, add, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lexical, "BOUND", 20)
    add("Palimpsest", "Palimpsest model", *(PaperEntry(f"Thing {number}", summary="model") for number in range(200)))
    add("A model of models", "The deep model", PaperEntry("Old", summary="a deep model"))
    with database.read() as session:
        for query in ("model", "deep model", "palimpsest model", "palimpsest deep model thing"):
            assert 0 < len(lexical.rank(session, query)) <= 20, query
    assert titles(database, "palimpsest model")[:2] == ["Palimpsest model", "Palimpsest"]
    assert set(titles(database, "deep model")[:2]) == {"The deep model", "Old"}


def test_a_common_word_prefers_those_that_have_it_in_the_title(
    database: Database, add, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lexical, "BOUND", 60)
    add(*(f"Model {number}" for number in range(55)), *(PaperEntry(f"No {n}", summary="model") for n in range(100)))
    assert {title.split()[0] for title in titles(database, "model")} == {"Model"}


def test_a_long_query_is_looked_up_by_its_rarest_words(database: Database, add) -> None:
    words = [f"word{number}" for number in range(30)]
    add(" ".join(words), *(" ".join(words[:25]) + f" {number}" for number in range(4)), "word29")
    ranked = titles(database, " ".join(words))
    assert ranked[0] == " ".join(words)
    assert "word29" in ranked
