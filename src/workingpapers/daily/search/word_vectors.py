"""Which words of a paper are near to a query in meaning: what explains a hit that shares no word with it.

The table `words.safetensors` holds a vector for every word piece that the model knows: the embedding of that piece
alone, less the mean of all, in the 128 directions in which they differ most, as whole numbers from -127 to 127. Of a
word's ten nearest ones among all words, 84 of 100 are the same as by the full vectors. `build` makes it from the
weights of all-MiniLM-L6-v2 (Apache-2.0); `python -m workingpapers.daily.search.word_vectors` writes it.
"""

import threading
from collections.abc import Collection, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from workingpapers.daily.search.minilm import Floats, MiniLM
from workingpapers.daily.search.threads import few_threads
from workingpapers.daily.search.words import STOP_WORDS, fold, telling, words_of

TABLE = Path(__file__).parent / "words.safetensors"
DIM = 128
LEAST = 0.3
"""Least cosine of a word that may explain."""

_CLS, _SEP = 101, 102
_CHUNK = 512
_ROOM = 1000  # rows of the first matrix
_MOST = 50_000  # words that are kept
_TELLING = 4  # letters of the longest piece of a word below which its pieces, such as `ss` and `m`, say nothing


class WordVectors:
    """Compares words with queries.

    Args:
        model: Whose tokenizer cuts words into pieces.
    """

    def __init__(self, model: MiniLM) -> None:
        self._model = model
        self._asked = lru_cache(maxsize=64)(self._asked_of)
        self._kept: tuple[dict[str, int], Floats] = {}, np.zeros((_ROOM, DIM), np.float32)
        self._growing = threading.Lock()

    def near(self, query: str, embedded: Floats, words: Collection[str]) -> dict[str, float]:
        """Of `words` those near to a word of the query or to the whole of it, each with how near.

        Args:
            query: What was looked for.
            embedded: Its vector by the model.
            words: Words of papers, folded.
        """
        words = list(words)
        asked = self._asked(query, embedded.tobytes())
        with few_threads(use_idle_cores=True):
            closeness = (self._vectors(words) @ asked).max(axis=1, initial=0.0)
        return {words[place]: float(closeness[place]) for place in np.flatnonzero(closeness >= LEAST)}

    def _asked_of(self, query: str, embedded: bytes) -> Floats:
        """Columns: the whole query, and each word of it."""
        whole = self._directions @ (np.frombuffer(embedded, np.float32) - self._mean)
        words = self._vectors([fold(word) for word in telling(words_of(query))])
        return np.concatenate([_unit(whole)[None], words]).T

    def _vectors(self, words: Sequence[str]) -> Floats:
        """The direction of each word; 0 for one that tells nothing. Those that were asked before are kept."""
        row, _ = self._kept
        if any(word not in row for word in words):
            with self._growing:
                self._learn(words)
        row, rows = self._kept
        return rows[[row.get(word, 0) for word in words]]

    def _learn(self, words: Sequence[str]) -> None:
        """Keep further words, behind the others, where nobody reads yet."""
        row, rows = self._kept
        if len(row) > _MOST:
            row, rows = {}, np.zeros((_ROOM, DIM), np.float32)
        new = [word for word in dict.fromkeys(words) if word not in row]
        first = len(row) + 1  # row 0 stays 0
        if first + len(new) > len(rows):
            rows = np.concatenate([rows[:first], np.zeros((2 * (first + len(new)), DIM), np.float32)])
        for place, word in enumerate(new, first):
            vector = self._look_up(word)
            if vector is not None:
                rows[place] = vector
        row |= {word: place for place, word in enumerate(new, first)}
        self._kept = row, rows

    def _look_up(self, word: str) -> Floats | None:
        """The direction of a word, of several pieces that of their sum; None where the pieces tell nothing."""
        if word in STOP_WORDS or len(word) < 3 or not word.isalpha():
            return None
        encoding = self._model.tokenizer.encode(word, add_special_tokens=False)
        if max(len(piece.removeprefix("##")) for piece in encoding.tokens) < min(_TELLING, len(word)):
            return None
        vector = self._table["vectors"][encoding.ids].astype(np.float32).sum(axis=0)
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
