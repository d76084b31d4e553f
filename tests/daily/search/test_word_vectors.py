"""The table of word vectors is what the model's weights give, and tells which words are near."""

import numpy as np
import pytest
from safetensors.numpy import load_file

from workingpapers.daily.search import word_vectors
from workingpapers.daily.search.minilm import MiniLM
from workingpapers.daily.search.word_vectors import DIM, TABLE, WordVectors, embed_pieces


@pytest.fixture(scope="module")
def model() -> MiniLM:
    return MiniLM()


def test_the_table_is_that_of_the_model(model: MiniLM) -> None:
    table = load_file(TABLE)
    assert table["vectors"].shape == (model.tokenizer.get_vocab_size(), DIM)
    sample = np.random.default_rng(0).choice(len(table["vectors"]), 40, replace=False)
    vectors = embed_pieces(model, sample.tolist()) - table["mean"]
    projected = vectors @ table["directions"].astype(np.float32).T
    kept = table["vectors"][sample].astype(np.float32)
    cosines = (projected * kept).sum(1) / np.linalg.norm(projected, axis=1) / np.linalg.norm(kept, axis=1)
    assert cosines.min() > 0.999


def near(model: MiniLM, query: str, *words: str) -> list[str]:
    close = WordVectors(model).near(query, model.embed([query])[0], words)
    return sorted(close, key=lambda word: -close[word])


def test_near_words_come_first_and_far_ones_not_at_all(model: MiniLM) -> None:
    assert near(model, "forecast", "cat", "prediction", "future", "forecast") == ["forecast", "prediction", "future"]
    assert near(model, "brain", "neurons", "parliament") == ["neurons"]


def test_what_tells_nothing_is_near_to_nothing(model: MiniLM) -> None:
    assert near(model, "ssm", "the", "snnk", "2024", "mdk2", "a", "") == []
    assert near(model, "") == []


def test_what_is_kept_is_what_was_looked_up(model: MiniLM, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_vectors, "_ROOM", 2)
    monkeypatch.setattr(word_vectors, "_MOST", 4)
    vectors, query = WordVectors(model), model.embed(["forecast"])[0]
    words = ["prediction", "future", "cat", "the", "dog", "prophecy", "table"]
    first = vectors.near("forecast", query, words)
    assert set(first) >= {"prediction", "future"}
    for start in range(len(words)):  # grows, and forgets
        part = words[start:] + words[:start][:2]
        assert vectors.near("forecast", query, part) == pytest.approx(
            {word: value for word, value in first.items() if word in part}
        )
