"""Search among the vectors of MiniLM: exact, one product of a matrix and a vector."""

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from workingpapers.daily.search.minilm import DIM, Floats, MiniLM
from workingpapers.daily.search.threads import few_threads
from workingpapers.daily.search.word_vectors import WordVectors

if TYPE_CHECKING:
    from workingpapers.daily.search.encoders import Index

_ROOM = 64  # rows of the first matrix


class MiniLMEncoder:
    """Finds texts of like meaning.

    Args:
        model: The model; None is the installed one.
    """

    name = "MiniLM"
    model = "all-MiniLM-L6-v2"
    floor = 0.2
    chunk = 64

    def __init__(self, model: MiniLM | None = None) -> None:
        self._model = model or MiniLM()
        self._words = WordVectors(self._model)
        self.embedded = lru_cache(maxsize=256)(self._embedded)

    def encode(self, texts: Sequence[str]) -> list[bytes]:
        """What is stored for each text."""
        return [row.tobytes() for row in self._model.embed(texts).astype("<f4", copy=False)]

    def index(self, old: "Index | None", ids: Sequence[int], stored: Sequence[bytes]) -> "DenseIndex":
        """An index of the papers of an old one and further ones; what is given for a paper replaces what was there."""
        return (old if isinstance(old, DenseIndex) else DenseIndex(self)).extended(ids, stored)

    def explain(self, query: str, words: Collection[str]) -> dict[str, float]:
        """Of some folded words those near to the query in meaning, each with how near."""
        return self._words.near(query, self.embedded(query), words)

    def _embedded(self, query: str) -> Floats:
        return self._model.embed([query])[0]


class DenseIndex:
    """Cosines between papers and queries.

    An index is never changed: `extended` gives a new one, which shares the matrix of the old where there is room for
    the new rows behind the old ones.

    Args:
        encoder: Embeds queries.
    """

    def __init__(self, encoder: MiniLMEncoder) -> None:
        self._encoder = encoder
        self._matrix: Floats = np.empty((_ROOM, DIM), np.float32)
        self._position: dict[int, int] = {}
        self.ids: NDArray[np.int64] = np.empty(0, np.int64)

    def __len__(self) -> int:
        return len(self.ids)

    def extended(self, ids: Sequence[int], stored: Sequence[bytes]) -> "DenseIndex":
        """This index and further papers; a vector given for a paper that is there takes the place of the old one."""
        vectors = np.frombuffer(b"".join(stored), "<f4").reshape(-1, DIM)
        start = len(self.ids)
        new = DenseIndex(self._encoder)
        new._position = dict(self._position)
        for id_ in ids:
            new._position.setdefault(id_, len(new._position))
        places = np.array([new._position[id_] for id_ in ids], np.int64)
        end = len(new._position)
        new._matrix = self._matrix
        if end > len(self._matrix) or end - start < len(ids):  # readers of the old one see none of its rows change
            new._matrix = np.empty((max(end, 2 * len(self._matrix)), DIM), np.float32)
            new._matrix[:start] = self._matrix[:start]
        new._matrix[places] = vectors
        new.ids = np.concatenate([self.ids, np.empty(end - start, np.int64)])
        new.ids[places] = ids
        return new

    def similarities(self, query: str) -> Floats:
        """The cosine of each paper with a text."""
        return self._times(self._encoder.embedded(query))

    def similarities_of(self, paper_id: int) -> Floats | None:
        """The cosine of each paper with one of them; None where it is not there."""
        position = self._position.get(paper_id)
        return None if position is None else self._times(self._matrix[position])

    def position(self, paper_id: int) -> int | None:
        """Where a paper stands among `ids`."""
        return self._position.get(paper_id)

    def _times(self, vector: Floats) -> Floats:
        with few_threads(use_idle_cores=True):
            product: Floats = self._matrix[: len(self.ids)] @ vector
        return product
