"""Which words of a paper are near to a query in meaning: what explains a hit that shares no word with it.

The table `words.safetensors` holds a vector for every word piece that the model knows: the embedding of that piece
alone, less the mean of all, in the 128 directions in which they differ most, as whole numbers from -127 to 127. Of a
word's ten nearest ones among all words, 84 of 100 are the same as by the full vectors. `build` makes it from the
weights of all-MiniLM-L6-v2 (Apache-2.0); `python -m workingpapers.daily.search.word_vectors` writes it.
"""

from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from workingpapers.daily.search.minilm import Floats, MiniLM
from workingpapers.daily.search.words import STOP_WORDS, fold, telling, words_of

TABLE = Path(__file__).parent / "words.safetensors"
DIM = 128
NEAR = 0.45
"""Least cosine of a word that explains."""

_CLS, _SEP = 101, 102
_CHUNK = 512


class WordVectors:
    """Compares words with queries.

    Args:
        model: Whose tokenizer cuts words into pieces.
    """

    def __init__(self, model: MiniLM) -> None:
        self._model = model
        self._vector = lru_cache(maxsize=50_000)(self._look_up)

    def near(self, query: str, embedded: Floats, words: Sequence[str]) -> dict[str, float]:
        """Of `words` those near to a word of the query or to the whole of it, each with how near (at most 1).

        Args:
            query: What was looked for.
            embedded: Its vector by the model.
            words: The words of a paper.
        """
        asked = [vector for word in telling(words_of(query)) if (vector := self._vector(fold(word))) is not None]
        whole = self._directions @ (embedded - self._mean)
        asked.append(_unit(whole))
        vectors: dict[str, Floats] = {}
        for word in words:
            if fold(word) not in STOP_WORDS and (vector := self._vector(fold(word))) is not None:
                vectors[word] = vector
        if not vectors:
            return {}
        closeness = (np.stack(list(vectors.values())) @ np.stack(asked).T).max(axis=1)
        return {word: float(value) for word, value in zip(vectors, closeness, strict=True) if value >= NEAR}

    def _look_up(self, word: str) -> Floats | None:
        """The direction of a word, of several pieces that of their sum; None for what is no word."""
        if len(word) < 3 or word.isdigit():
            return None
        ids = self._model.tokenizer.encode(word, add_special_tokens=False).ids
        vector = self._table["vectors"][ids].astype(np.float32).sum(axis=0)
        return _unit(vector)

    @cached_property
    def _table(self) -> dict[str, Any]:
        from safetensors.numpy import load_file

        return load_file(TABLE)

    @cached_property
    def _directions(self) -> Floats:
        return self._table["directions"].astype(np.float32)

    @cached_property
    def _mean(self) -> Floats:
        return self._table["mean"]


def _unit(vector: Floats) -> Floats:
    return vector / np.float32(max(float(np.linalg.norm(vector)), 1e-12))


def embed_pieces(model: MiniLM, ids: Sequence[int]) -> Floats:
    """The model's vector of each word piece alone."""
    parts = [
        model.embed_tokens([[_CLS, id_, _SEP] for id_ in ids[start : start + _CHUNK]])
        for start in range(0, len(ids), _CHUNK)
    ]
    return np.concatenate(parts)


def build(model: MiniLM) -> dict[str, Any]:
    """The table, from the model's weights."""
    vectors = embed_pieces(model, range(model.tokenizer.get_vocab_size()))
    mean = vectors.mean(axis=0)
    centred = vectors - mean
    _, directions = np.linalg.eigh(centred.T @ centred)
    directions = directions[:, ::-1][:, :DIM].T.astype(np.float16)
    projected = centred @ directions.T.astype(np.float32)
    whole = np.rint(projected * (127 / np.abs(projected).max())).astype(np.int8)
    return {"vectors": whole, "directions": np.ascontiguousarray(directions), "mean": mean}


if __name__ == "__main__":
    from safetensors.numpy import save_file

    save_file(build(MiniLM()), TABLE, {"model": "sentence-transformers/all-MiniLM-L6-v2", "licence": "Apache-2.0"})
