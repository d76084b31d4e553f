"""Search by weighted words, for an installation without the extra `search`: TF-IDF with cosine, in NumPy.

A word counts by its first letters, so that `invariance` and `invariant` are one; it counts more the rarer it is among
the papers (IDF), and a repetition adds less than the first occurrence. A text is kept as its few features and their
weights; IDF is taken from the papers that are there, when they are read.
"""

import zlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from workingpapers.daily.search.words import STOP_WORDS, fold, stem, telling, words_of

if TYPE_CHECKING:
    from workingpapers.daily.search.encoders import Index

_BUCKETS = 1 << 22  # features are numbered by a hash; two of 50 000 share a number in one case of a hundred
_RECORD = np.dtype([("feature", "<u4"), ("weight", "<f4")])


def encode(text: str) -> bytes:
    """The features of a text and their weights 1 + log(count), as they are stored."""
    counts = Counter(
        zlib.crc32(stem(word).encode()) % _BUCKETS for word in words_of(text) if fold(word) not in STOP_WORDS
    )
    record = np.empty(len(counts), _RECORD)
    record["feature"] = list(counts)
    record["weight"] = 1 + np.log(list(counts.values()))
    return record.tobytes()


class TfIdfEncoder:
    """Finds texts that share words."""

    name = "TF-IDF"
    model = "tf-idf-1"
    floor = 0.05
    chunk = 2000

    def encode(self, texts: Sequence[str]) -> list[bytes]:
        """What is stored for each text."""
        return [encode(text) for text in texts]

    def index(self, old: "Index | None", ids: Sequence[int], stored: Sequence[bytes]) -> "TfIdfIndex":
        """An index of the papers of an old one and further ones; it is built anew, because IDF changes."""
        everything: dict[int, bytes] = {}
        if isinstance(old, TfIdfIndex):
            everything.update(old.encoded)
        everything.update(zip(ids, stored, strict=True))
        return TfIdfIndex(everything)

    def explain(self, query: str, words: Collection[str]) -> dict[str, float]:
        """Of some folded words those that count as one of the query's."""
        asked = {stem(word) for word in telling(words_of(query))}
        return {word: 1.0 for word in words if stem(word) in asked}


class TfIdfIndex:
    """Cosines between texts and queries.

    Args:
        encoded: What `encode` made of each paper.
    """

    def __init__(self, encoded: Mapping[int, bytes]) -> None:
        self.encoded = encoded
        ids = list(encoded)
        self.ids = np.asarray(ids, np.int64)
        self._position = {id_: position for position, id_ in enumerate(ids)}
        lengths = np.array([len(one) // _RECORD.itemsize for one in encoded.values()], np.int64)
        records = np.frombuffer(b"".join(encoded.values()), _RECORD)
        self._features, columns, papers_with = np.unique(records["feature"], return_inverse=True, return_counts=True)
        self._idf = np.log1p(len(ids) / np.maximum(papers_with, 1)).astype(np.float32)
        self._ends = np.cumsum(lengths)
        rows = np.repeat(np.arange(len(ids)), lengths)
        weights = records["weight"] * self._idf[columns]
        norms = np.sqrt(np.bincount(rows, weights * weights, len(ids)))
        weights /= np.maximum(norms, 1e-12)[rows]
        self._by_paper = columns.astype(np.int32), weights
        order = np.argsort(columns, kind="stable")
        self._postings = rows[order].astype(np.int32), weights[order]
        self._starts = np.concatenate([[0], np.cumsum(papers_with)])

    def __len__(self) -> int:
        return len(self.ids)

    def similarities(self, query: str) -> NDArray[np.float32]:
        """The cosine of each paper with a text."""
        record = np.frombuffer(encode(query), _RECORD)
        columns = np.searchsorted(self._features, record["feature"])
        known = columns < len(self._features)
        known[known] = self._features[columns[known]] == record["feature"][known]
        weights = record["weight"][known] * self._idf[columns[known]]
        length = np.sqrt(weights @ weights + self._unknown(record["weight"][~known]))
        return self._sum(columns[known], weights / max(length, 1e-12))

    def similarities_of(self, paper_id: int) -> NDArray[np.float32] | None:
        """The cosine of each paper with one of them; None where it is not there."""
        position = self._position.get(paper_id)
        if position is None:
            return None
        end = int(self._ends[position])
        start = int(self._ends[position - 1]) if position else 0
        columns, weights = self._by_paper
        return self._sum(columns[start:end], weights[start:end])

    def position(self, paper_id: int) -> int | None:
        """Where a paper stands among `ids`."""
        return self._position.get(paper_id)

    def _unknown(self, weights: NDArray[np.float32]) -> float:
        """What words that no paper holds add to the length of a query: they are rarer than all others."""
        return float(weights @ weights) * float(np.log1p(len(self.ids))) ** 2

    def _sum(self, columns: NDArray[np.integer], weights: NDArray[np.float32]) -> NDArray[np.float32]:
        total = np.zeros(len(self.ids), np.float32)
        rows, values = self._postings
        for column, weight in zip(columns, weights, strict=True):
            span = slice(self._starts[column], self._starts[column + 1])
            total[rows[span]] += weight * values[span]  # a paper stands once among the postings of a feature
        return total
