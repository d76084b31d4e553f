"""TF-IDF: the cosines of the definition, computed from stored features."""

import math
from collections import Counter

import numpy as np
import pytest

from workingpapers.daily.search.tfidf import TfIdfEncoder, TfIdfIndex
from workingpapers.daily.search.words import stem, telling, words_of

TEXTS = {
    3: "Fourier mixing of tokens, and Fourier filters of pictures",
    5: "Attention mixes tokens; attention costs",
    8: "Pictures of cats",
    9: "",
}


def slow_cosine(query: str, paper: int) -> float:
    """By dictionaries, straight from the definition."""

    def weights(text: str) -> dict[str, float]:
        counts = Counter(stem(word) for word in words_of(text) if word.lower() not in ("of", "and", "the"))
        holding = {word: sum(word in map(stem, words_of(other)) for other in TEXTS.values()) for word in counts}
        return {
            word: (1 + math.log(count)) * math.log(1 + (len(TEXTS) / holding[word] if holding[word] else len(TEXTS)))
            for word, count in counts.items()
        }

    asked, held = weights(query), weights(TEXTS[paper])
    norm = math.hypot(*asked.values()) * math.hypot(*held.values())
    return sum(value * held.get(word, 0.0) for word, value in asked.items()) / norm if norm else 0.0


@pytest.fixture
def index() -> TfIdfIndex:
    encoder = TfIdfEncoder()
    return encoder.index(None, list(TEXTS), encoder.encode(list(TEXTS.values())))


@pytest.mark.parametrize("query", ["fourier", "mixing tokens", "pictures pictures of unheard things", "nothing here"])
def test_cosines_are_those_of_the_definition(index: TfIdfIndex, query: str) -> None:
    expected = [slow_cosine(query, int(id_)) for id_ in index.ids]
    assert index.similarities(query) == pytest.approx(expected, abs=1e-6)


def test_a_paper_is_most_like_itself(index: TfIdfIndex) -> None:
    similarities = index.similarities_of(3)
    assert similarities is not None
    assert similarities[index.position(3)] == pytest.approx(1.0, abs=1e-5)
    assert similarities == pytest.approx([slow_cosine(TEXTS[3], int(id_)) for id_ in index.ids], abs=1e-5)
    assert index.similarities_of(4) is None


def test_a_paper_without_words_is_like_none(index: TfIdfIndex) -> None:
    similarities = index.similarities_of(9)
    assert similarities is not None
    assert not similarities.any()


def test_further_papers_change_how_rare_words_are(index: TfIdfIndex) -> None:
    encoder = TfIdfEncoder()
    longer = encoder.index(index, [8, 12], encoder.encode(["Pictures of dogs", "Fourier cats"]))
    assert longer.ids.tolist() == [3, 5, 8, 9, 12]
    assert longer.similarities("dogs")[longer.position(8)] > 0.5
    assert longer.similarities("fourier")[0] != pytest.approx(index.similarities("fourier")[0])
    assert len(index) == 4


def test_no_papers() -> None:
    index = TfIdfEncoder().index(None, [], [])
    assert index.similarities("fourier").shape == (0,)
    assert index.similarities_of(1) is None


def test_words_of_one_family_explain() -> None:
    close = TfIdfEncoder().explain("the invariance of order", ("ordering", "invariant", "the", "other", "order"))
    assert close == {"invariant": 1.0, "order": 1.0}
    assert telling(["the", "Order", "order"]) == ["Order"]


def test_a_stored_text_says_how_often_each_word_stands_in_it() -> None:
    (stored,) = TfIdfEncoder().encode(["tokens tokens mixing"])
    weights = np.frombuffer(stored, [("feature", "<u4"), ("weight", "<f4")])["weight"]
    assert sorted(weights.tolist()) == pytest.approx([1.0, 1 + math.log(2)])
